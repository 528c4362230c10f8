"""A recipe as a request to an images endpoint, and what comes back read as outputs or as the right error.

The shapes are OpenAI's, read with the tolerance that other people's servers need: pictures as base64, links or data
URIs, missing counts, errors as plain text or ``{"detail": ...}``. Sending is left to the adapter.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from silverprint.core.errors import (
    BadAnswer,
    BadRecipe,
    ContentRefused,
    KeyRefused,
    ModelGone,
    OutOfCredit,
    ProviderError,
)
from silverprint.core.names import our_name
from silverprint.core.recipe import Recipe
from silverprint.core.text import one_line
from silverprint.core.update import Output
from silverprint.providers.address import resolved
from silverprint.providers.answers import MOST_WORDS, Answer, Explain, fields_of, read_json, words_of

# What the service takes for granted, so that it need not be sent.
_USUAL = {
    "size": "auto",
    "quality": "auto",
    "background": "auto",
    "moderation": "auto",
    "output_format": "png",
}
_PARAMS = ("size", "quality", "background", "output_format", "output_compression", "complexity")
_REFUSED = ("moderation_blocked", "content_policy_violation", "content_filter")
_NO_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
_OUR_NAMES = {"n": "outputs", "image": "image", "images": "reference", "mask": "mask"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a server is spoken to. ``is_own``: it is OpenAI's, or answers exactly so; else only what was set is sent.

    ``response_format`` is asked for where it is not empty, which OpenAI's own models would answer with an error.
    """

    title: str
    is_own: bool
    response_format: str = ""
    takes_seed: bool = False
    takes_negative: bool = False
    partials: int = 0


def fields_for(recipe: Recipe, dialect: Dialect, *, is_edit: bool) -> dict[str, Any]:
    """The request without its pictures. ``model`` is always named: the service's own default is long retired."""
    params = recipe.params
    fields: dict[str, Any] = {"model": recipe.ref.model, "prompt": recipe.prompt}
    names: tuple[str, ...] = _PARAMS
    if dialect.is_own:
        # Edits are documented without ``moderation``, and only they know how closely to keep the input.
        names += ("input_fidelity",) if is_edit else ("moderation",)
    for name in names:
        value = params.get(name)
        if value not in (None, "") and not (dialect.is_own and value == _USUAL.get(name)):
            fields[name] = value
    if (number := _number(recipe)) != 1:
        fields["n"] = number
    if dialect.response_format:
        fields["response_format"] = dialect.response_format
    if dialect.takes_seed and recipe.seed is not None:
        fields["seed"] = recipe.seed
    if dialect.takes_negative and recipe.negative_prompt:
        fields["negative_prompt"] = recipe.negative_prompt
    if dialect.partials:
        fields |= {"stream": True, "partial_images": dialect.partials}
    extra = params.get("extra_body")
    if extra is not None:
        if not isinstance(extra, Mapping):
            reason = 'a JSON object, such as {"steps": 20}'
            raise BadRecipe(f"extra body: {reason}", fields={"extra_body": reason})
        fields |= {str(name): value for name, value in extra.items()}
    return fields


def as_form(fields: Mapping[str, Any]) -> dict[str, str]:
    """The same as the text parts of a multipart form."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in fields.items()
        if value is not None
    }


def _number(recipe: Recipe) -> int:
    number = recipe.params.get("outputs")
    return number if isinstance(number, int) and number > 0 else 1


# answers


def outputs_of(body: Mapping[str, Any], dialect: Dialect, *, base: str) -> tuple[Output, ...]:
    """The pictures of an answer, in their order; one that can't be read does not cost the others. Raises BadAnswer, and what an error inside a 200 stands for."""
    rows = body.get("data")
    rows = rows if isinstance(rows, list) else [rows] if isinstance(rows, Mapping) else []
    outputs: list[Output] = []
    trouble = BadAnswer(f"{dialect.title} answered without a picture.")
    for row in rows:
        try:
            if row:
                outputs.append(output_of(row, dialect, base=base, kept_as=body.get("output_format")))
        except BadAnswer as error:
            trouble = error
    if not outputs:
        if body.get("error"):
            raise _told(body, dialect)
        raise trouble
    return tuple(outputs)


def output_of(row: Any, dialect: Dialect, *, base: str, kept_as: Any = None) -> Output:
    """One picture: ``{"b64_json"}``, ``{"url"}`` or the bare text of either. Raises BadAnswer."""
    if isinstance(row, Mapping):
        row = row.get("b64_json") or row.get("url") or ""
    if not isinstance(row, str) or not row:
        raise BadAnswer(f"{dialect.title} answered with something that is no picture.")
    if row[:5].lower() == "data:":
        head, _, data = row.partition(",")
        return Output(data=_bytes(data, dialect), media_type=head[5:].partition(";")[0])
    if row.startswith(("http://", "https://", "/")) and not row.startswith(
        "/9j/"
    ):  # a JPEG in base64 begins so
        return Output(url=resolved(base, row))
    media_type = f"image/{kept_as}" if kept_as in ("png", "jpeg", "webp") else ""
    return Output(data=_bytes(row, dialect), media_type=media_type)


def revised_prompt(body: Mapping[str, Any]) -> str:
    """The prompt as the service rewrote it, in one line; empty where it did not."""
    rows = body.get("data")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and isinstance(row.get("revised_prompt"), str):
            return one_line(row["revised_prompt"], most=MOST_WORDS)
    return ""


def partial_of(event: Mapping[str, Any], dialect: Dialect) -> bytes | None:
    """The bytes of an event's partial picture; None when they can't be read: a preview is never worth an error."""
    data = event.get("b64_json")
    try:
        return _bytes(data, dialect) if isinstance(data, str) else None
    except BadAnswer:
        return None


def event_of(name: str, data: str) -> tuple[str, Mapping[str, Any]]:
    """An event of a stream as (kind, its object); ("", {}) for what is none, such as ``[DONE]``.

    ``kind`` is ``partial``, ``completed``, ``error`` or ``answer``: the last is a whole answer, from a server
    that does not stream.
    """
    try:
        event = read_json(data)
    except (ValueError, RecursionError):
        return "", {}
    if not isinstance(event, Mapping):
        return "", {}
    kind = str(event.get("type") or name)
    if kind.endswith(".partial_image"):
        return "partial", event
    if kind.endswith(".completed"):
        return "completed", event
    if kind == "error" or kind.endswith(".failed") or event.get("error"):
        return "error", event
    return ("answer", event) if isinstance(event.get("data"), list) else ("", event)


def error_in(event: Mapping[str, Any], dialect: Dialect, explain: Explain) -> ProviderError:
    """The error that an event of a stream tells."""
    body = event if isinstance(event.get("error"), Mapping) else {"error": event}
    answer = Answer(status=200, content=json.dumps(body).encode(), title=dialect.title)
    return explain(answer) or _told(body, dialect)


def explainer(dialect: Dialect) -> Callable[[Answer], ProviderError | None]:
    """The reading of an error answer: what its ``code`` says comes before its status."""

    def explain(answer: Answer) -> ProviderError | None:
        body = answer.body()
        error = body.get("error") if isinstance(body, Mapping) else None
        error = error if isinstance(error, Mapping) else {}
        codes = {str(error.get("code") or ""), str(error.get("type") or "")}
        said = words_of(answer)
        title, tail = dialect.title, f": {said}" if said else "."
        if codes & set(_REFUSED):
            return ContentRefused(f"{title} refused this content{tail}")
        if codes & set(_NO_MONEY):
            return OutOfCredit(f"{title} says that the account has no credit left{tail}")
        if "invalid_api_key" in codes:
            return KeyRefused(f"{title} does not accept the key{tail}")
        if "model_not_found" in codes:
            return ModelGone(f"{title} does not have this model{tail}")
        if answer.status in (400, 422):
            return BadRecipe(
                f"{title} can't take this{tail}", fields=_fields(answer, error, said), fix=_fix(dialect, said)
            )
        return None

    return explain


def _fields(answer: Answer, error: Mapping[str, Any], said: str) -> dict[str, str]:
    param = error.get("param")
    named = {param: said or "not accepted"} if isinstance(param, str) and param else fields_of(answer)
    return {_ours(name): reason for name, reason in named.items()}


def _ours(wire: str) -> str:
    bare = wire.partition("[")[0]
    return _OUR_NAMES.get(bare) or our_name(bare) or bare


def _fix(dialect: Dialect, said: str) -> str | None:
    if dialect.is_own:
        return None
    for field, setting in (
        ("response_format", 'response_format = ""'),
        ("negative_prompt", "negative_prompt = false"),
        ("seed", "seed = false"),
    ):
        if field in said.lower():
            return f"If the server does not take it at all, set {setting} for it in the settings."
    return None


def _told(body: Mapping[str, Any], dialect: Dialect) -> ProviderError:
    said = words_of(Answer(status=200, content=json.dumps(body).encode(), title=dialect.title))
    error = ProviderError(
        f"{dialect.title} could not make the picture{f': {said}' if said else '.'}",
        fix="Retry later, or change the recipe.",
    )
    error.can_retry = True
    return error


def _bytes(data: str, dialect: Dialect) -> bytes:
    lean = "".join(data.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        made = base64.b64decode(lean + "=" * (-len(lean) % 4), validate=True)
    except (binascii.Error, ValueError):
        made = b""
    if not made:
        raise BadAnswer(f"{dialect.title} sent a picture that can't be decoded.")
    return made
