"""Trouble: what fal's error answers mean, in its three shapes, and how a job fails that is called COMPLETED.

A model's own error is ``{"detail": [{"loc", "msg", "type"}]}``, the platform's ``{"detail": text, "error_type": word}``
with the header ``X-Fal-Error-Type``, all others ``{"detail": text}`` (fal.ai/docs, errors and request-errors).
The common table from status to error is in ``providers/answers.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from silverprint.core.errors import (
    BadRecipe,
    ContentRefused,
    ModelGone,
    OutOfCredit,
    ProviderError,
)
from silverprint.core.text import one_line
from silverprint.providers.answers import MOST_WORDS, Answer, fields_of, words_of

TITLE = "fal"

_NO_CREDIT = re.compile(
    r"exhausted balance|user is locked|top up|insufficient (?:credit|balance|funds)", re.I
)
_NO_PATH = re.compile(r"(?:path|application|app|endpoint) .{1,200} not found", re.I)
_REFUSED = frozenset({"content_policy_violation"})
_CANCELLED = frozenset({"client_cancelled", "client_disconnected"})
_BAD = frozenset({"bad_request"})
_AGAIN = frozenset(
    {
        "generation_timeout",
        "internal_server_error",
        "internal_error",
        "downstream_service_error",
        "downstream_service_unavailable",
        "request_timeout",
        "startup_timeout",
    }
)


class NotYet(ProviderError):
    """The result was asked for while the job is still being made. Never leaves this adapter."""


class Ended(ProviderError):
    """A cancel came after the end. Never leaves this adapter."""


def kind_of(answer: Answer) -> str:
    """fal's word for an error: of a model's list, else of the body or the header; "" where there is none."""
    body = answer.body()
    if isinstance(body, Mapping):
        detail = body.get("detail")
        for item in detail if isinstance(detail, list) else ():
            if isinstance(item, Mapping) and isinstance(item.get("type"), str):
                return str(item["type"])
        if isinstance(body.get("error_type"), str):
            return str(body["error_type"])
    return answer.headers.get("x-fal-error-type", "").strip()


def explain(answer: Answer) -> ProviderError | None:
    """What is special in any answer of fal's: no credit is 403, a cancel after the end is 400."""
    said = words_of(answer)
    if answer.status == 403 and _NO_CREDIT.search(said):
        return OutOfCredit(
            f"{TITLE} says that the account has no credit left: {said}",
            fix="Top up at fal.ai/dashboard/billing, then resume the queue.",
        )
    if answer.status == 400:
        body = answer.body()
        if isinstance(body, Mapping) and body.get("status") == "ALREADY_COMPLETED":
            return Ended("The job had ended.")
    if answer.status == 404 and _NO_PATH.search(said):
        return ModelGone(f"{TITLE} does not have this model: {said}")
    if answer.status in (400, 422) and kind_of(answer) in _REFUSED:
        return _job_error(kind_of(answer), said, answer)
    return None


def explain_result(answer: Answer) -> ProviderError | None:
    """The same for a result: an error that carries fal's word for it is the job's own, and final.

    One without is trouble on the way, which the common table tells apart; asking again costs nothing.
    """
    said = words_of(answer)
    if answer.status == 400 and "in progress" in said.lower():
        return NotYet("The job is still being made.")
    kind = kind_of(answer)
    if answer.status == 499:
        return _job_error("client_cancelled", said, answer)
    if _is_models_own(answer) or (kind and answer.status not in (401, 403, 429)):
        return _job_error(kind, said, answer)
    return explain(answer)


def _is_models_own(answer: Answer) -> bool:
    """Whether the model itself says it: its errors are lists, and a 403 in one is about a file it could not load."""
    body = answer.body()
    return isinstance(body, Mapping) and isinstance(body.get("detail"), list)


def failed(error: Any, error_type: str) -> ProviderError:
    """The error of a job whose status says that it failed, where the result does not tell more."""
    return _job_error(error_type, one_line(_words(error), most=MOST_WORDS), None)


def _words(error: Any) -> str:
    if isinstance(error, str):
        return error
    if isinstance(error, Mapping):
        return next((str(error[key]) for key in ("message", "msg", "detail", "error") if error.get(key)), "")
    if isinstance(error, list):
        return "; ".join(filter(None, (_words(item) for item in error[:5])))
    return ""


def _job_error(kind: str, said: str, answer: Answer | None) -> ProviderError:
    tail = f": {said}" if said else "."
    if kind in _REFUSED:
        return ContentRefused(f"{TITLE} refuses this content{tail}")
    if kind in _CANCELLED:
        return _may_retry(
            ProviderError(f"The job was cancelled at {TITLE}.", fix="Retry it to have it made.")
        )
    if kind == "no_media_generated":
        return _may_retry(
            ProviderError(
                f"The model made no picture{tail}", fix="Change the prompt or the seed, then retry."
            )
        )
    status = answer.status if answer is not None else 500
    if kind in _AGAIN or kind.startswith("runner_") or (status >= 500 and kind not in _BAD):
        return _may_retry(
            ProviderError(
                f"{TITLE} could not make it ({kind or 'no reason given'}){tail}",
                fix="Retry; fal does not charge for errors of its own.",
            )
        )
    return BadRecipe(
        f"The model can't take this{tail}", fields=fields_of(answer) if answer is not None else None
    )


def _may_retry(error: ProviderError) -> ProviderError:
    error.can_retry = True
    return error
