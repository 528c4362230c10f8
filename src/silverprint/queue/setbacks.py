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
    RateLimited,
    SilverprintError,
    TicketLost,
    Unreachable,
)
from silverprint.queue.limits import growing_pause

RATE_LIMITS_MOST = 10
RESENDS_MOST = 3
REWATCHES_MOST = 8
REFETCHES_MOST = 5
FETCH_PAUSE_MOST_S = 20.0


class Turn(StrEnum):
    """Where an error sends a job."""

    WAIT = "wait"  # back among the waiting, to be sent again after a pause
    REPEAT = "repeat"  # the same step again after a pause
    FAIL = "fail"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that ended a step. ``expected``: raised on purpose, so its kind can be believed."""

    error: SilverprintError
    expected: bool = True

    def is_a(self, *kinds: type[SilverprintError]) -> bool:
        """Whether it was raised on purpose as one of ``kinds``."""
        return self.expected and isinstance(self.error, kinds)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows, and after how many seconds."""

    turn: Turn
    pause_s: float = 0.0


_FAIL = Verdict(Turn.FAIL)
_ASK = Verdict(Turn.ASK)


def after_submit(failure: Failure, *, idempotent: bool, setbacks: int) -> Verdict:
    """``submit`` ended in an error; ``setbacks`` counts the ones before it in a row."""
    if failure.is_a(RateLimited):
        return _again(Turn.WAIT, failure, setbacks, RATE_LIMITS_MOST)
    if failure.is_a(AnswerLost) and idempotent:
        return _again(Turn.WAIT, failure, setbacks, RESENDS_MOST)
    in_doubt = not failure.expected or failure.is_a(AnswerLost, BadAnswer, TicketLost)
    return _ASK if in_doubt and not idempotent else _FAIL


def after_watch(failure: Failure, *, resumable: bool, idempotent: bool, setbacks: int) -> Verdict:
    """``watch`` ended in an error; ``setbacks`` counts the ones since the last news."""
    if resumable:
        if failure.is_a(Unreachable, AnswerLost, RateLimited):
            return _again(Turn.REPEAT, failure, setbacks, REWATCHES_MOST)
        if failure.is_a(TicketLost) and idempotent:
            return _again(Turn.WAIT, failure, setbacks, RESENDS_MOST)
        return _FAIL
    # The call itself was made inside watch, so an error here is an error of sending.
    if failure.is_a(RateLimited):
        return _again(Turn.WAIT, failure, setbacks, RATE_LIMITS_MOST)
    if idempotent and failure.is_a(AnswerLost, TicketLost, Unreachable):
        return _again(Turn.WAIT, failure, setbacks, RESENDS_MOST)
    in_doubt = not failure.expected or failure.is_a(AnswerLost, TicketLost)
    return _ASK if in_doubt and not idempotent else _FAIL


def after_receive(failure: Failure, *, setbacks: int) -> Verdict:
    """Fetching or writing down the outputs ended in an error."""
    if failure.is_a(Unreachable, AnswerLost, RateLimited):
        verdict = _again(Turn.REPEAT, failure, setbacks, REFETCHES_MOST)
        return Verdict(verdict.turn, min(verdict.pause_s, FETCH_PAUSE_MOST_S))
    return _FAIL


def _again(turn: Turn, failure: Failure, setbacks: int, most: int) -> Verdict:
    if setbacks >= most:
        return _FAIL
    asked = getattr(failure.error, "retry_after_s", None)
    return Verdict(turn, growing_pause(setbacks + 1, asked_s=asked))
