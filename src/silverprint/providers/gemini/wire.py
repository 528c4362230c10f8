"""A recipe as the body of generateContent, and what comes back read as pictures or as the right error.

Shapes are those of the Gemini API (``v1beta``); fields that only Vertex AI takes are never sent, for the Gemini API
answers them with an error. Sending is left to the adapter.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
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
    RateLimited,
)
from silverprint.core.recipe import Recipe
from silverprint.core.text import one_line
from silverprint.core.update import Output
from silverprint.providers.answers import MOST_WORDS, Answer, words_of
from silverprint.providers.gemini.models import KNOWN

_REFUSALS = {
    "SAFETY": "safety",
    "IMAGE_SAFETY": "the picture's safety",
    "PROHIBITED_CONTENT": "prohibited content",
    "IMAGE_PROHIBITED_CONTENT": "prohibited content in the picture",
    "RECITATION": "too close to a known work",
    "IMAGE_RECITATION": "too close to a known picture",
    "BLOCKLIST": "a word on its list",
    "SPII": "personal data",
    "JAILBREAK": "a way around its rules",
    "MODEL_ARMOR": "a rule of the project",
}
_DELAY = re.compile(r"(\d+(?:\.\d+)?)s")


@dataclass(frozen=True, slots=True)
class Inline:
    """A picture that goes along in the request: its bytes and media type."""

    media_type: str
    data: bytes


def body_of(recipe: Recipe, pictures: Sequence[Inline]) -> dict[str, Any]:
    """The request. Pictures keep their order, after the prompt. Only what was set is sent."""
    params = recipe.params
    parts: list[dict[str, Any]] = [{"text": recipe.prompt}]
    parts += [
        {"inlineData": {"mimeType": picture.media_type, "data": base64.b64encode(picture.data).decode()}}
        for picture in pictures
    ]
    searches = params.get("web_search") is True
    # With a search the service has words to tell, and may give no picture when it must not.
    config: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"] if searches else ["IMAGE"]}
    image: dict[str, Any] = {}
    if ratio := params.get("aspect_ratio"):
        image["aspectRatio"] = ratio
    if size := params.get("resolution"):
        image["imageSize"] = str(size).upper()
    if image:
        config["imageConfig"] = image
    if level := params.get("thinking"):
        config["thinkingConfig"] = {"thinkingLevel": str(level).upper()}
    if recipe.seed is not None:
        config["seed"] = recipe.seed
    body: dict[str, Any] = {"contents": [{"role": "user", "parts": parts}], "generationConfig": config}
    if searches:
        body["tools"] = [{"googleSearch": {}}]
    if params.get("safety_settings"):
        body["safetySettings"] = params["safety_settings"]
    return body


def check_weight(recipe: Recipe, pictures: Sequence[Inline], *, most_bytes: int) -> None:
    """Refuse what is larger than a request may be. Raises BadRecipe."""
    weight = sum((len(picture.data) + 2) // 3 * 4 for picture in pictures) + len(recipe.prompt.encode())
    if weight <= most_bytes:
        return
    roles: dict[str, str] = {source.role: "too large together" for source in recipe.sources}
    raise BadRecipe(
        f"The input pictures make a request of {weight / 1_000_000:.1f} MB, and Gemini takes {most_bytes / 1_000_000:g} MB.",
        fields=roles,
        fix="Use smaller or fewer pictures; where your account takes more, set most_inline_mb under providers.gemini.",
    )


# answers


def outputs_of(answer: Mapping[str, Any]) -> tuple[Output, ...]:
    """The finished pictures of an answer with status 200; drafts, which are marked as thoughts, are left out.

    Raises ContentRefused, ProviderError or BadAnswer when there is none, with the service's own words.
    """
    found: list[Output] = []
    trouble: BadAnswer | None = None
    for part in _parts(answer):
        blob = part.get("inlineData") or part.get("inline_data")
        if part.get("thought") is True or not isinstance(blob, Mapping):
            continue
        media_type = str(blob.get("mimeType") or blob.get("mime_type") or "")
        if media_type and not media_type.startswith("image/"):
            continue
        try:
            found.append(Output(data=_bytes(blob.get("data")), media_type=media_type))
        except BadAnswer as error:
            trouble = error  # it does not cost the others
    if not found:
        raise trouble or refusal_of(answer)
    return tuple(found)


def words_in(answer: Mapping[str, Any]) -> str:
    """What the model said beside its pictures, in one line."""
    said = [part["text"] for part in _parts(answer) if _speaks(part)]
    return one_line(" ".join(said), most=MOST_WORDS)


def refusal_of(answer: Mapping[str, Any]) -> ProviderError:
    """Why an answer has no picture."""
    feedback = answer.get("promptFeedback")
    if isinstance(feedback, Mapping) and feedback.get("blockReason"):
        reason = str(feedback["blockReason"])
        said = _tail(feedback.get("blockReasonMessage"))
        return ContentRefused(f"Gemini refused the prompt ({_reason_words(reason)}){said}")
    candidates = _candidates(answer)
    if not candidates:
        return BadAnswer("Gemini answered without a picture and without a reason.")
    reason = str(candidates[0].get("finishReason") or "")
    said = _tail(words_in(answer) or candidates[0].get("finishMessage"))
    if reason in _REFUSALS:
        return ContentRefused(f"Gemini refused to make the picture ({_reason_words(reason)}){said}")
    if reason == "MAX_TOKENS":
        return ProviderError(
            f"Gemini ran out of room before the picture was done{said}",
            fix="Use a shorter prompt, fewer pictures or less thinking.",
        )
    if reason == "LANGUAGE":
        return BadRecipe(f"Gemini can't take this language{said}", fields={"prompt": "another language"})
    how = "" if reason in ("", "STOP", "NO_IMAGE") else f" ({one_line(reason, most=40)})"
    error = ProviderError(
        f"Gemini answered without a picture{how}{said}",
        fix="Say in the prompt that it should draw a picture, or choose another model; then retry.",
    )
    error.can_retry = True
    return error


def cost_of(answer: Mapping[str, Any], model: str, *, size: str, pictures: int) -> float | None:
    """Dollars: the image tokens that the answer counts at the table's rate, else the table's price by size.

    The tokens of the input and of thinking are not in it: their rates are not documented here.
    """
    known = KNOWN.get(model)
    if known is None:
        return None
    tokens = _image_tokens(answer.get("usageMetadata"))
    if tokens is not None and known.usd_per_million is not None:
        return tokens * known.usd_per_million / 1_000_000
    usd = known.usd.get(size)
    return None if usd is None else usd * pictures


def explain(answer: Answer) -> ProviderError | None:
    """What is special in the errors of Google's APIs: reasons in ``error.details``, and 400 for a bad key."""
    body = answer.body()
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return None
    status, said = str(error.get("status") or ""), words_of(answer)
    details = [item for item in _list(error.get("details")) if isinstance(item, Mapping)]
    reasons = {str(item.get("reason")) for item in details}
    lower = said.lower()
    if "API_KEY_INVALID" in reasons or "api key not valid" in lower or "api key expired" in lower:
        return KeyRefused(f"Gemini does not accept the key: {said}")
    if answer.status == 400 and status == "FAILED_PRECONDITION":
        if "billing" in lower:
            return OutOfCredit(f"Gemini wants billing to be set up: {said}")
        return ProviderError(f"Gemini refuses this account or place: {said}", fix="Read what it says.")
    if answer.status == 404 and "model" in lower:
        return ModelGone(f"Gemini does not have this model, or not any more: {said}")
    if answer.status in (429, 503):
        if _is_free_tier(details):
            return OutOfCredit(
                f"This key has no billing, and Gemini makes no pictures without: {said}",
                fix="Set up billing for the key's project, then retry.",
            )
        delay = _retry_delay_s(details)
        if delay is not None:
            busy = "asks to wait" if answer.status == 429 else "is busy"
            return RateLimited(f"Gemini {busy}: {said}", retry_after_s=delay)
    return None


def _retry_delay_s(details: Sequence[Mapping[str, Any]]) -> float | None:
    for item in details:
        found = _DELAY.fullmatch(str(item.get("retryDelay", "")))
        if found and str(item.get("@type", "")).endswith("RetryInfo"):
            return float(found[1])
    return None


def _is_free_tier(details: Sequence[Mapping[str, Any]]) -> bool:
    violations = [
        one for item in details for one in _list(item.get("violations")) if isinstance(one, Mapping)
    ]
    return bool(violations) and all("freetier" in str(one.get("quotaId", "")).lower() for one in violations)


def _image_tokens(usage: Any) -> int | None:
    if not isinstance(usage, Mapping):
        return None
    details = [item for item in _list(usage.get("candidatesTokensDetails")) if isinstance(item, Mapping)]
    counted = [item.get("tokenCount") for item in details if item.get("modality") == "IMAGE"]
    total = sum(count for count in counted if isinstance(count, int))
    if not total and not details and isinstance(usage.get("candidatesTokenCount"), int):
        total = usage["candidatesTokenCount"]
    return total or None


def _candidates(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [item for item in _list(answer.get("candidates")) if isinstance(item, Mapping)]


def _parts(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for candidate in _candidates(answer):
        content = candidate.get("content")
        if isinstance(content, Mapping):
            yield from (part for part in _list(content.get("parts")) if isinstance(part, Mapping))


def _speaks(part: Mapping[str, Any]) -> bool:
    return isinstance(part.get("text"), str) and part.get("thought") is not True


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _bytes(data: Any) -> bytes:
    try:
        if isinstance(data, str) and data:
            # Both alphabets are taken: Google's own libraries write either.
            return base64.b64decode(
                data.replace("-", "+").replace("_", "/") + "=" * (-len(data) % 4), validate=True
            )
    except (binascii.Error, ValueError):
        pass
    raise BadAnswer("Gemini sent a picture that can't be decoded.")


def _reason_words(reason: str) -> str:
    return _REFUSALS.get(reason, one_line(reason.lower().replace("_", " "), most=40))


def _tail(said: Any) -> str:
    text = one_line(said, most=MOST_WORDS) if isinstance(said, str) else ""
    return f": {text}" if text else "."
