"""Setbacks: what an error in a job's life means for the job. Pure; the moves are made in ``develop.py``.

The rule behind the tables: what may have been taken is never sent again without a person's word, unless the
provider says that the same id costs nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from silverprint.core.errors import (
    AnswerLost,
    BadAnswer,
    KeyMissing,
    KeyRefused,
    OutOfCredit,
    RateLimited,
    TicketLost,
    Unreachable,
)
from silverprint.queue.limits import growing_pause
from silverprint.queue.outcome import Failure

RATE_LIMITS_MOST = 10
RESENDS_MOST = 3
REFETCHES_MOST = 5
FETCH_PAUSE_MOST_S = 20.0
WATCH_PAUSE_MOST_S = 60.0


class Turn(StrEnum):
    """Where an error sends a job."""

    WAIT = "wait"  # back among the waiting, to be sent again after a pause
    REPEAT = "repeat"  # the same step again after a pause
    REWATCH = "rewatch"  # back to watching, for fresh links
    PAUSE = (
        "pause"  # back among the waiting, and nothing more is sent to that provider until a person has acted
    )
    FAIL = "fail"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows, and after how many seconds."""

    turn: Turn
    pause_s: float = 0.0


_FAIL = Verdict(Turn.FAIL)
_ASK = Verdict(Turn.ASK)
_PAUSE = Verdict(Turn.PAUSE)
_REWATCH = Verdict(Turn.REWATCH)

_ACCOUNT = (KeyMissing, KeyRefused, OutOfCredit)
"""Each further job would meet the same."""


def after_submit(failure: Failure, *, idempotent: bool, setbacks: int) -> Verdict:
    """``submit`` ended in an error; ``setbacks`` counts the ones before it in a row."""
    if failure.is_a(*_ACCOUNT):
        return _PAUSE
    if failure.is_a(RateLimited):
        return _again(Turn.WAIT, failure, setbacks, RATE_LIMITS_MOST)
    if failure.is_a(AnswerLost) and idempotent:
        return _again(Turn.WAIT, failure, setbacks, RESENDS_MOST)
    in_doubt = not failure.expected or failure.is_a(AnswerLost, BadAnswer, TicketLost)
    return _ASK if in_doubt and not idempotent else _FAIL


def after_watch(failure: Failure, *, resumable: bool, idempotent: bool, setbacks: int) -> Verdict:
    """``watch`` ended in an error; ``setbacks`` counts the ones since the last news.

    The watch of a resumable ticket is repeated without a count: what is paid for is not given up for a network that is
    away. When to end it all the same is left to ``watching.py``.
    """
    if failure.is_a(*_ACCOUNT):
        return _PAUSE
    if resumable:
        if failure.is_a(Unreachable, AnswerLost, RateLimited):
            pause_s = growing_pause(setbacks + 1, asked_s=_asked_s(failure), own_most_s=WATCH_PAUSE_MOST_S)
            return Verdict(Turn.REPEAT, pause_s)
        if failure.is_a(TicketLost) and idempotent:
            return _again(Turn.WAIT, failure, setbacks, RESENDS_MOST)
        return _FAIL
    # The call itself was made inside watch, so an error here is an error of sending.
    if failure.is_a(RateLimited):
        return _again(Turn.WAIT, failure, setbacks, RATE_LIMITS_MOST)
    if idempotent and failure.is_a(AnswerLost, TicketLost, Unreachable):
        return _again(Turn.WAIT, failure, setbacks, RESENDS_MOST)
    in_doubt = not failure.expected or failure.is_a(AnswerLost, BadAnswer, TicketLost)
    return _ASK if in_doubt and not idempotent else _FAIL


def after_receive(failure: Failure, *, setbacks: int, can_rewatch: bool) -> Verdict:
    """Fetching or writing down the outputs ended in an error. ``can_rewatch``: a watch may give fresh links."""
    if failure.is_a(TicketLost) and can_rewatch:
        return _REWATCH
    if failure.is_a(Unreachable, AnswerLost, RateLimited):
        verdict = _again(Turn.REPEAT, failure, setbacks, REFETCHES_MOST)
        return Verdict(verdict.turn, min(verdict.pause_s, FETCH_PAUSE_MOST_S))
    return _FAIL


def pause_words(failure: Failure, pause_s: float) -> str:
    """The error with the pause that follows, for a person: ``fal: too many requests (asks to wait 30 s)``."""
    asked = _asked_s(failure)
    words = f"asks to wait {asked:.0f} s" if asked and asked <= pause_s else f"next try in {pause_s:.0f} s"
    return f"{failure.error} ({words})"


def _asked_s(failure: Failure) -> float | None:
    """The service's own pause."""
    asked = getattr(failure.error, "retry_after_s", None)
    return float(asked) if isinstance(asked, int | float) else None


def _again(turn: Turn, failure: Failure, setbacks: int, most: int) -> Verdict:
    if setbacks >= most:
        return _FAIL
    return Verdict(turn, growing_pause(setbacks + 1, asked_s=_asked_s(failure)))
