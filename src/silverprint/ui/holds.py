"""Holds: which providers start no further job, why, and what a person can do about it. Pure values for the screens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from rich.cells import cell_len

from silverprint.core.budget import LIFT_WAYS
from silverprint.core.job import Job, JobState
from silverprint.core.text import one_line
from silverprint.ui.widgets.cells import fit

_LEAST_WHY = 12


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

    def words(
        self,
        *,
        settings: str = "5",
        go_on: str = "o goes on",
        lift: str = "b lifts it for today",
        room: int = 200,
    ) -> str:
        """One line of at most ``room`` cells: who, why, and the key that helps, as the screen's own keys are."""
        match self.way:
            case Way.ADD_KEY:
                why, key = "no key", f"{settings} to add one"
            case Way.MEND_KEY:
                why, key = self.why, f"{settings} to correct the key"
            case Way.LIFT:
                why, key = self.why, lift
            case Way.GO_ON:
                why, key = self.why, go_on
        tail = f" · {key}" + (f" · {self.jobs} waiting" if self.jobs else "")
        left = room - cell_len(self.name) - 2 - cell_len(tail)
        if self.way is Way.LIFT and cell_len(why) > left:
            why = "the budget is reached"
        return f"{self.name}: {fit(why, max(min(left, cell_len(why)), _LEAST_WHY)).rstrip()}{tail}"

    @property
    def name(self) -> str:
        """The provider, safe to show."""
        return one_line(self.provider, most=30)

    @property
    def why(self) -> str:
        """The reason, safe to show and without its full stop: a key follows it."""
        return one_line(self.reason, most=300).rstrip(".") or "paused"


def holds(paused: Mapping[str, str], jobs: Iterable[Job]) -> tuple[Hold, ...]:
    """The paused providers with their reasons, by what the errors of the jobs that wait there are."""
    waiting: dict[str, list[Job]] = {name: [] for name in paused}
    for job in jobs:
        name = job.recipe.ref.provider
        if job.state is JobState.WAITING and name in waiting:
            waiting[name].append(job)
    return tuple(_hold(name, reason, waiting[name]) for name, reason in sorted(paused.items()))


def _hold(name: str, reason: str, jobs: list[Job]) -> Hold:
    """The reason is the error of the job that met it; the budget's stands with the pause alone, with its way out."""
    if LIFT_WAYS in reason:
        words = reason.replace(LIFT_WAYS, "").strip()
        return Hold(provider=name, reason=words, way=Way.LIFT, jobs=len(jobs))
    notes = [job.error for job in jobs if job.error is not None]
    notes.sort(key=lambda note: not (note.message and note.message in reason))
    if not notes:
        return Hold(provider=name, reason=reason, way=Way.GO_ON, jobs=len(jobs))
    way = _WAYS.get(notes[0].kind, Way.GO_ON)
    words = notes[0].message if way is not Way.GO_ON or notes[0].message in reason else reason
    return Hold(provider=name, reason=words or reason, way=way, jobs=len(jobs))
