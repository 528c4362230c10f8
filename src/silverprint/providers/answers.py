"""Answers: what a service said, read safely, and the one table from HTTP status to our errors.

Adapters add only what is special, with an ``Explain``. Sending is left to ``http.py``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from silverprint.core.errors import (
    AnswerLost,
    BadAnswer,
    BadRecipe,
    ContentRefused,
    KeyRefused,
    ModelGone,
    OutOfCredit,
    ProviderError,
    RateLimited,
    TicketLost,
    Unreachable,
)
from silverprint.core.text import one_line

MOST_WORDS = 300

_MOST_DIGITS = 300
_RESETS_IN = re.compile(r"resets in ~?(\d+(?:\.\d+)?) ?s", re.IGNORECASE)


def read_json(text: str | bytes) -> Any:
    """JSON from outside. Numbers that a float can't hold, and those that JSON does not know, become null: none of ours
    is so large, and each sum with one would fail. Raises ValueError, RecursionError.
    """
    return json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=lambda _name: None)


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MOST_DIGITS else None


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer, read whole. Header names are in small letters. ``title`` is the service's, for errors."""

    status: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    title: str = "The service"

    def json(self) -> Any:
        """The body as JSON. Raises BadAnswer for anything else, such as a page of a proxy."""
        try:
            return read_json(self.content)
        except (ValueError, RecursionError):
            what = "a web page" if looks_like_page(self.content) else "something that is not JSON"
            raise BadAnswer(f"{self.title} answered with {what}.") from None

    def object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises BadAnswer."""
        value = self.json()
        if not isinstance(value, dict):
            raise BadAnswer(f"{self.title} answered in a shape that was not agreed.")
        return value

    def body(self) -> Any:
        """The body as JSON, or None when it is none; for reading errors."""
        try:
            return read_json(self.content)
        except (ValueError, RecursionError):
            return None


Explain = Callable[[Answer], ProviderError | None]
"""An adapter's own reading of an error answer; None leaves it to the common table."""


def looks_like_page(content: bytes) -> bool:
    """Whether bytes begin like HTML."""
    head = content[:512].lstrip().lower()
    return head.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<body"))


def words_of(answer: Answer) -> str:
    """What the service said about an error, in one line; empty when it said nothing legible.

    Knows the usual shapes: ``{"detail": text | [{"loc", "msg"}]}``, ``{"error": {"message"} | text}``,
    ``{"error": code, "message"}``, ``{"title", "detail"}``, ``{"message"}``.
    """
    body = answer.body()
    if body is None and answer.content.strip() != b"null":
        if not answer.content or looks_like_page(answer.content):
            return ""
        return one_line(answer.content[:2000].decode("utf-8", "replace"), most=MOST_WORDS)
    return one_line(_said(body), most=MOST_WORDS)


def _said(body: Any, depth: int = 0) -> str:
    if isinstance(body, str):
        return body
    if depth > 4:
        return ""
    if isinstance(body, list):
        return "; ".join(filter(None, (_said(item, depth + 1) for item in body[:5])))
    if isinstance(body, Mapping):
        if isinstance(body.get("msg"), str):
            loc = body.get("loc")
            where = str(loc[-1]) if isinstance(loc, list) and loc else ""
            return f"{where}: {body['msg']}" if where else body["msg"]
        names = ("detail", "error", "message", "title", "errors")
        if isinstance(body.get("error"), str) and isinstance(body.get("message"), str):
            names = ("detail", "message", "error", "title", "errors")  # then "error" is a code
        for name in names:
            if body.get(name):
                said = _said(body[name], depth + 1)
                if said:
                    return said
    return ""


def fields_of(answer: Answer, *, skip: tuple[str, ...] = ("body", "input")) -> dict[str, str]:
    """The fields that a 422 of FastAPI's shape names (``{"detail": [{"loc": [...], "msg": ...}]}``), by wire name."""
    body = answer.body()
    detail = body.get("detail") if isinstance(body, Mapping) else None
    fields: dict[str, str] = {}
    for item in detail if isinstance(detail, list) else ():
        if isinstance(item, Mapping) and isinstance(item.get("loc"), list):
            loc = [str(part) for part in item["loc"] if part not in skip]
            if loc:
                fields[loc[0]] = one_line(str(item.get("msg", "not accepted")), most=MOST_WORDS)
    return fields


def retry_after_s(answer: Answer, *, now: datetime | None = None) -> float | None:
    """The pause the service asks for, in seconds: ``Retry-After`` as seconds or a date (RFC 9110, 10.2.3),
    ``retry-after-ms``, or a body that says when the limit resets. None when it asks for none.
    """
    try:
        if millis := answer.headers.get("retry-after-ms"):
            return _sane(float(millis) / 1000)
        if header := answer.headers.get("retry-after", "").strip():
            try:
                return _sane(float(header))
            except ValueError:
                moment = parsedate_to_datetime(header)
                aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                return _sane((aware - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, TypeError, OverflowError):
        pass
    body = answer.body()
    if isinstance(body, Mapping):
        asked = body.get("retry_after")
        if isinstance(asked, int | float) and not isinstance(asked, bool):
            return _sane(float(asked))
        found = _RESETS_IN.search(str(body.get("detail", "")))
        if found:
            return _sane(float(found[1]))
    return None


def _sane(seconds: float) -> float | None:
    return max(seconds, 0.0) if seconds == seconds and abs(seconds) != float("inf") else None


def error_of(
    answer: Answer, *, creates: bool, explain: Explain | None = None, now: datetime | None = None
) -> ProviderError:
    """The error an answer of status 300 or more stands for.

    ``creates``: the request would have made a paid job. Then an answer that leaves open whether the job was taken
    is AnswerLost; else the same answer is Unreachable, and may be asked for again.
    """
    if explain is not None and (special := explain(answer)) is not None:
        return special
    title, status, said = answer.title, answer.status, words_of(answer)
    tail = f": {said}" if said else "."
    match status:
        case 300 | 301 | 302 | 303 | 307 | 308:
            # No service answers a job so; a wrong address does, and a network that asks for a login first.
            return Unreachable(
                f"{title} was not reached: the answer leads to another address, and the key is not sent there.",
                fix="Check the address in Settings (5), and whether this network asks for a login.",
            )
        case 400 | 422:
            return BadRecipe(f"{title} can't take this{tail}", fields=fields_of(answer))
        case 401:
            return KeyRefused(f"{title} does not accept the key{tail}")
        case 402:
            return OutOfCredit(f"{title} says that the account has no credit left{tail}")
        case 403:
            return KeyRefused(
                f"{title} refuses this key here{tail}",
                fix="Check in Settings (5) that the key is right and may use this model.",
            )
        case 404 | 410:
            if creates:
                return ModelGone(f"{title} does not have this model{tail}")
            return TicketLost(f"{title} does not know this any more{tail}")
        case 408:
            lost = f"{title} gave up waiting for the request{tail}"
            return AnswerLost(lost) if creates else Unreachable(lost)
        case 413:
            return BadRecipe(f"{title} says that the request is too large{tail}", fix="Use smaller inputs.")
        case 429 | 503 | 529:
            busy = "asks to wait" if status == 429 else "is busy"
            return RateLimited(f"{title} {busy}{tail}", retry_after_s=retry_after_s(answer, now=now))
        case 451:
            return ContentRefused(f"{title} refuses this content{tail}")
    if status >= 500:
        if creates:
            return AnswerLost(f"{title} failed ({status}) and did not say whether it took the job{tail}")
        return Unreachable(f"{title} is in trouble ({status}){tail}", fix="Wait a little, then retry.")
    error = ProviderError(f"{title} refuses this ({status}){tail}", fix="Retry later, or change the recipe.")
    error.can_retry = True
    return error
