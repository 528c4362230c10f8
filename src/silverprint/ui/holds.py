"""Holds: which providers start no further job, why, and what a person can do about it. Pure values for the screens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from silverprint.core.job import Job, JobState
from silverprint.core.text import one_line


class Way(Enum):
    """The way on: a key to add, a key to correct, the budget to lift, or a word that it may go on."""

    ADD_KEY = "KeyMissing"
    MEND_KEY = "KeyRefused"
    LIFT = "BudgetReached"
    GO_ON = ""


_WAYS = {way.value: way for way in Way}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A provider that is paused. ``jobs`` are the ones that wait there."""

    provider: str
    reason: str
    way: Way
    jobs: int

    def words(self, *, settings: str = "5", go_on: str = "o goes on", lift: str = "b lifts it") -> str:
        """One line: who, why, and the key that helps, as the screen's own keys are."""
        waiting = f" · {self.jobs} waiting" if self.jobs else ""
        match self.way:
            case Way.ADD_KEY:
                return f"{self.name}: no key · {settings} to add one{waiting}"
            case Way.MEND_KEY:
                return f"{self.name}: {self.why} · {settings} to correct the key{waiting}"
            case Way.LIFT:
                return f"{self.name}: {self.why} · {lift}{waiting}"
            case Way.GO_ON:
                return f"{self.name}: {self.why}{f' · {go_on}' if go_on else ''}{waiting}"

    @property
    def name(self) -> str:
        """The provider, safe to show."""
        return one_line(self.provider, most=30)

    @property
    def why(self) -> str:
        """The reason, safe to show and without its full stop: a key follows it."""
        return one_line(self.reason, most=160).rstrip(".") or "paused"


def holds(paused: Mapping[str, str], jobs: Iterable[Job]) -> tuple[Hold, ...]:
    """The paused providers with their reasons, by what the errors of the jobs that wait there are."""
    waiting: dict[str, list[Job]] = {name: [] for name in paused}
    for job in jobs:
        name = job.recipe.ref.provider
        if job.state is JobState.WAITING and name in waiting:
            waiting[name].append(job)
    return tuple(_hold(name, reason, waiting[name]) for name, reason in sorted(paused.items()))


def is_short(job: Job) -> bool:
    """Whether the job waits because the budget has no room for it."""
    return job.state is JobState.WAITING and job.error is not None and job.error.kind == Way.LIFT.value


def _hold(name: str, reason: str, jobs: list[Job]) -> Hold:
    """The reason is the error of the job that met it, which says more than the words of the pause."""
    notes = [job.error for job in jobs if job.error is not None]
    notes.sort(key=lambda note: not (note.message and note.message in reason))
    if not notes:
        return Hold(provider=name, reason=reason, way=Way.GO_ON, jobs=len(jobs))
    way = _WAYS.get(notes[0].kind, Way.GO_ON)
    words = notes[0].message if way is not Way.GO_ON or notes[0].message in reason else reason
    return Hold(provider=name, reason=words or reason, way=way, jobs=len(jobs))
