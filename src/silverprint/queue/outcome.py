"""Outcome: what became of a call into other people's code. The one place of the program that catches everything."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from silverprint.core.discretion import hidden
from silverprint.core.errors import BadAnswer, BadRecipe, SilverprintError
from silverprint.core.text import one_line

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that ended a step. ``expected``: raised on purpose, so its kind can be believed."""

    error: SilverprintError
    expected: bool = True

    def is_a(self, *kinds: type[SilverprintError]) -> bool:
        """Whether it was raised on purpose as one of ``kinds``."""
        return self.expected and isinstance(self.error, kinds)


async def outcome(call: Awaitable[_T], what: str = "The adapter") -> _T | Failure:
    """The result of ``call``, or the error it ended in. ``what`` names the culprit of an unforeseen one.

    Adapters and plugins are other people's code, and one bad one must not end the others. Cancellation of
    the task passes through.
    """
    try:
        return await call
    except SilverprintError as error:
        return Failure(_discreet(error))
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return Failure(BadAnswer(f"{what} broke off its own work."), expected=False)
    except Exception as error:  # noqa: BLE001 - the one broad except: see above
        # Only where it happened: the words, and the values that a traceback may show, can be a key's.
        places = "; ".join(
            f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)
        )
        _log.error("%s failed in a way that was not foreseen: %s at %s", what, type(error).__name__, places)
        words = one_line(hidden(f"{type(error).__name__}: {error}".rstrip(": ")))
        return Failure(BadAnswer(f"{what} failed in a way that was not foreseen: {words}"), expected=False)


async def outcome_within(
    seconds: float, call: Awaitable[_T], what: str, late: SilverprintError
) -> _T | Failure:
    """``outcome``, or ``late`` when the call has not ended after ``seconds``."""
    try:
        async with asyncio.timeout(seconds):
            return await outcome(call, what)
    except TimeoutError:
        return Failure(late)


def _discreet(error: SilverprintError) -> SilverprintError:
    """The same error without a key in its words."""
    if (said := hidden(str(error))) != str(error):
        error.args = (said, *error.args[1:])
    if (fix := hidden(error.fix)) != error.fix:
        error.fix = fix
    if isinstance(error, BadRecipe):
        error.fields = {name: hidden(reason) for name, reason in error.fields.items()}
    return error
