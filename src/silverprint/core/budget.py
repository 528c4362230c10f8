"""Budget: what jobs cost, what may be spent, and what one job's line in the book of spending says. Pure.

Keeping the book on disk, and holding jobs back by it, is left to ``queue/ledger.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TypeAlias

from silverprint.core.errors import SilverprintError
from silverprint.core.job import Job, JobState

DayOf: TypeAlias = Callable[[datetime], date]

LIFT_WAYS = "Press b to lift it for today, or raise it in Settings (5)."

_IN_DOUBT = frozenset({"AnswerLost", "BadAnswer", "TicketLost"})
"""Kinds of error of a sending of which nobody knows whether it was taken."""

_NOT_TAKEN = frozenset(
    {"Unreachable", "RateLimited", "KeyMissing", "KeyRefused", "OutOfCredit", "BadRecipe", "ModelGone"}
)
"""Kinds after which a service that answers in one call has made nothing, and charged nothing."""


class SpendState(StrEnum):
    """What is known of a job's price: on its way, perhaps charged (nobody knows, or it was stopped), or spent."""

    PENDING = "pending"
    UNSURE = "unsure"
    MAYBE = "maybe"
    SPENT = "spent"


class BudgetReached(SilverprintError):
    """Sending the job would go beyond what a person allowed for the day or the month. Nothing was sent."""

    fix = LIFT_WAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that may be spent in US dollars, in a local day and a local month; None is no limit.

    ``assume_usd`` is what a job of unknown price counts against the limits.
    """

    day_usd: float | None = None
    month_usd: float | None = None
    assume_usd: float = 0.10

    @property
    def is_set(self) -> bool:
        """Whether there is any limit."""
        return self.day_usd is not None or self.month_usd is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One sending of a job in the book. ``key`` names job and try; ``usd`` is None when nobody knows the price."""

    key: str
    day: date
    provider: str
    model: str
    state: SpendState
    usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendRow:
    """What one model cost in one local day.

    ``usd``: spent for certain. ``pending_usd``: on its way, or perhaps charged. ``jobs``: how many were sent, and
    ``unknown`` how many of them have no known price.
    """

    day: date
    provider: str
    model: str
    usd: float
    jobs: int
    unknown: int
    pending_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the day and the month stand, in local time.

    ``day_usd`` and ``month_usd`` count all known prices: spent, on their way, and perhaps charged; ``day_unknown``
    and ``month_unknown`` are the jobs of unknown price. ``lifted``: the limits don't hold today.
    """

    day_usd: float = 0.0
    month_usd: float = 0.0
    day_unknown: int = 0
    month_unknown: int = 0
    day_limit_usd: float | None = None
    month_limit_usd: float | None = None
    assume_usd: float = 0.10
    lifted: bool = False

    @property
    def is_reached(self) -> bool:
        """Whether nothing more that costs may be sent."""
        return not self.lifted and any(
            limit is not None and counted >= limit - _GRAIN for limit, counted in self._limits()
        )

    def sentence(self) -> str:
        """The standing in one line: ``Today $0.45 of $5.00, this month $3.10 (2 jobs of unknown price).``"""
        day = _of_limit("Today", self.day_usd, self.day_limit_usd)
        month = _of_limit("this month", self.month_usd, self.month_limit_usd)
        words = f"{day}, {month}"
        if self.month_unknown:
            words += f" ({jobs_words(self.month_unknown)} of unknown price)"
        return f"{words}; the limit is lifted for today." if self.lifted else f"{words}."

    def refusal(self, price_usd: float | None) -> BudgetReached | None:
        """Why a job of this price may not be sent now; None when it may. Free jobs always may."""
        if price_usd == 0 or self.lifted:
            return None
        cost = self.assume_usd if price_usd is None else price_usd
        spans = (
            ("Today's", self.day_usd, self.day_unknown),
            ("This month's", self.month_usd, self.month_unknown),
        )
        for (name, usd, unknown), (limit, counted) in zip(spans, self._limits(), strict=True):
            if limit is not None and counted + cost > limit + _GRAIN:
                return BudgetReached(self._reached(name, limit, usd, unknown, price_usd))
        return None

    def _limits(self) -> tuple[tuple[float | None, float], tuple[float | None, float]]:
        return (
            (self.day_limit_usd, self.day_usd + self.day_unknown * self.assume_usd),
            (self.month_limit_usd, self.month_usd + self.month_unknown * self.assume_usd),
        )

    def _reached(self, name: str, limit: float, usd: float, unknown: int, price_usd: float | None) -> str:
        spent = f"{money(usd)} spent"
        if unknown:
            spent += f" and {jobs_words(unknown)} of unknown price at {money(self.assume_usd)} each"
        cost = (
            f"this picture costs {money(price_usd)}"
            if price_usd is not None
            else f"this picture's price is not known and counts as {money(self.assume_usd)}"
        )
        return f"{name} budget of {money(limit)} is reached: {spent}, {cost}."


_MOST_USD = 1_000_000.0
_GRAIN = 1e-9
"""Sums of prices are floats; a billionth of a dollar is no difference."""


def local_day(moment: datetime) -> date:
    """The day of ``moment`` where this computer is."""
    return moment.astimezone().date()


def month_text(day: date) -> str:
    """``2026-11``."""
    return f"{day:%Y-%m}"


def money(usd: float) -> str:
    """Dollars for a person: two digits after the point, more where a price is smaller than a cent needs them."""
    if usd and abs(usd) < 0.10 and abs(usd * 100 - round(usd * 100)) > 1e-6:
        return f"${usd:.4f}".rstrip("0")
    return f"${usd:,.2f}"


def sane_usd(value: object) -> float | None:
    """A price as somebody else's program told it; None for what is no amount of money."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MOST_USD:
        return None
    return float(value)


def jobs_words(count: int) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{count:,} job" + ("" if count == 1 else "s")


def risk_words(job: Job) -> str:
    """What a job that may have been sent may have cost, as a sentence; empty for one that is free."""
    if job.price_usd == 0:
        return ""
    if job.price_usd is None:
        return "It may have been charged; its price is not known."
    return f"It may have cost {'about ' if job.price_about else ''}{money(job.price_usd)}."


def entry_key(job_id: str, tries: int) -> str:
    """The key of a try's line."""
    return f"{job_id}:{tries}"


def entry_of(job: Job, *, day_of: DayOf = local_day) -> Entry | None:
    """The line of the job's newest sending; None where it costs nothing, was not sent, or was refused unpaid."""
    if not job.tries or job.price_usd == 0:
        return None
    state = _spend_state(job)
    if state is None:
        return None
    return Entry(
        key=entry_key(job.id, job.tries),
        day=day_of(job.sent or job.changed),
        provider=job.recipe.ref.provider,
        model=job.recipe.ref.model,
        state=state,
        usd=job.price_usd,
    )


def _spend_state(job: Job) -> SpendState | None:
    kind = job.error.kind if job.error is not None else ""
    match job.state:
        case JobState.WAITING:
            return SpendState.PENDING if job.ticket is not None else None
        case JobState.SENDING | JobState.RUNNING | JobState.SAVING:
            return SpendState.PENDING
        case JobState.UNSURE:
            return SpendState.UNSURE
        case JobState.DONE:
            return SpendState.SPENT
        case JobState.FAILED | JobState.CANCELLED:
            if job.ticket is None:
                return SpendState.MAYBE if kind in _IN_DOUBT else None
            return None if not job.ticket.resumable and kind in _NOT_TAKEN else SpendState.MAYBE


def _of_limit(name: str, usd: float, limit: float | None) -> str:
    return f"{name} {money(usd)}" + ("" if limit is None else f" of {money(limit)}")
