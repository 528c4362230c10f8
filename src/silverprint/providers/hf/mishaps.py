"""Mishaps: what goes wrong in gradio_client or in a Space, as our errors.

The package raises plain exceptions of many kinds; which of them leave open whether the Space worked decides what the
queue may do, so it is told here and nowhere else.
"""

from __future__ import annotations

import concurrent.futures
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from silverprint.core.errors import (
    AnswerLost,
    BadAnswer,
    BadRecipe,
    KeyRefused,
    ModelGone,
    OutOfCredit,
    ProviderError,
    RateLimited,
    SilverprintError,
    Unreachable,
)
from silverprint.core.text import one_line
from silverprint.providers.answers import Answer, error_of
from silverprint.providers.http import reason_of

FAILURES = (ValueError, LookupError, TypeError, AttributeError, RuntimeError, OSError, httpx.HTTPError,
             httpx.InvalidURL, concurrent.futures.CancelledError, SilverprintError)  # fmt: skip
"""What the package is known to raise, beside programming errors."""

_QUOTA = re.compile(r"quota", re.IGNORECASE)
_AGAIN = re.compile(r"(?:try|retry) again in (?:(\d+) days?, )?(\d{1,3}):(\d{2}):(\d{2})", re.IGNORECASE)


def error_from(
    error: BaseException,
    space: str,
    *,
    now: datetime,
    redact: Callable[[str], str],
    taken: bool = False,
    job: Any = None,
) -> ProviderError:
    """What an exception of gradio_client means. ``taken``: the Space had accepted the call."""
    if isinstance(error, ProviderError):
        return error
    whom, kind = f"the Space {space}", type(error).__name__
    title = f"The Space {space}"
    said = one_line(redact(str(error)), most=300)
    if isinstance(error, httpx.HTTPStatusError):
        response = error.response
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(status=response.status_code, content=response.content, headers=headers, title=title)
        if job is None and response.status_code == 404:
            return ModelGone(f"{title} is not there.")
        return error_of(answer, creates=job is not None, now=now)
    if isinstance(error, concurrent.futures.CancelledError):
        if job is not None and job.communicator.should_cancel:
            return ProviderError(f"{title} was asked to stop.", fix="Send the job again if you want it.")
        return AnswerLost(f"The line to {whom} broke while it worked.")
    if isinstance(error, httpx.HTTPError | httpx.InvalidURL):
        if taken or isinstance(error, httpx.ReadError | httpx.ReadTimeout | httpx.RemoteProtocolError):
            lost = f"The answer of {whom} did not arrive: {reason_of(error)}."
            return AnswerLost(lost) if job is not None else Unreachable(lost)
        return Unreachable(f"{title} can't be reached: {reason_of(error)}.")
    if kind in ("QueueError", "TooManyRequestsError"):
        return RateLimited(f"{title} takes no more calls now: {said}")
    if kind == "AuthenticationError":
        return KeyRefused(f"{title} asks for a login, which can't be given here.")
    if kind == "ValidationError":
        return BadRecipe(f"{title} can't take this: {said}")
    if kind == "AppError":
        return _app_error(title, said)
    if not taken and job is None and isinstance(error, ValueError):
        return BadAnswer(f"{title} can't be used: {said or kind}")
    if "Server stopped" in said:
        return AnswerLost(f"{title} stopped while it worked.")
    return BadAnswer(f"{title} answered in a shape that was not agreed: {said or kind}")


def _app_error(title: str, said: str) -> ProviderError:
    """A Space's own words; of the quota of its GPU, they say when it opens again."""
    if _QUOTA.search(said):
        found = _AGAIN.search(said)
        if found is None:
            return OutOfCredit(
                f"{title} says: {said}", fix="Wait until tomorrow, or use a token with more quota."
            )
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        wait = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        return RateLimited(f"{title} says: {said}", retry_after_s=float(wait))
    error = ProviderError(
        f"{title} could not do it: {said}" if said else f"{title} failed and does not say why."
    )
    error.can_retry, error.fix = True, "Retry, or change the recipe."
    return error
