"""Lane: how many jobs run at once at one provider, which waiting one is next, and why none may start.

Plain state without tasks or clocks of its own; all lanes together are ``lanes.py``, running a job is ``runner.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import heapify, heappop, heappush
from typing import TypeAlias

from silverprint.core.job import Job

PAUSE_FIRST_S = 2.0
PAUSE_MOST_S = 300.0

_Place: TypeAlias = tuple[float, datetime, str]


class HoldKind(StrEnum):
    """Who or what keeps a lane from starting jobs."""

    PERSON = "person"  # until they say so
    ACCOUNT = "account"  # its key or its credit; until a person has seen to it
    BUDGET = "budget"  # only what costs; until there is room again


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a lane starts nothing, in words."""

    kind: HoldKind
    reason: str = ""


def growing_pause(failures: int, *, asked_s: float | None = None, own_most_s: float = PAUSE_MOST_S) -> float:
    """Seconds to wait after ``failures`` in a row (from 1): 2, 4, 8 ..., at most ``own_most_s``.

    ``asked_s`` is the service's own pause; it wins when it is longer, and is capped at 300 seconds.
    """
    own = min(PAUSE_FIRST_S * 2.0 ** min(max(failures, 1) - 1, 16), own_most_s)
    return min(max(own, asked_s or 0.0), PAUSE_MOST_S)


class Lane:
    """The jobs of one provider: those that wait, in order of rank then age, and how many run.

    ``limit`` is 1 until the provider has said what it can do. ``resting_until`` holds back the start of
    further jobs after the provider asked for a pause; ``hold`` until somebody or something lifts it.
    """

    def __init__(self, name: str, limit: int | None = None) -> None:
        self.name = name
        self.fixed_limit = limit
        self.limit = max(limit or 1, 1)
        self.running = 0
        self.setbacks = 0
        self.hold: Hold | None = None
        self.resting_until: datetime | None = None
        self._heap: list[_Place] = []
        self._waiting: dict[str, _Place] = {}
        self._free: set[str] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._waiting

    def learn(self, parallel: int) -> None:
        """Take the provider's own limit, unless the settings gave one."""
        if self.fixed_limit is None:
            self.limit = max(parallel, 1)

    def push(self, job: Job, *, free: bool = False) -> None:
        """Let a job wait here. Pushing it again moves it to the place of its rank. ``free``: it costs nothing more."""
        place = (job.rank, job.created, job.id)
        self._waiting[job.id] = place
        (self._free.add if free else self._free.discard)(job.id)
        heappush(self._heap, place)

    def discard(self, job_id: str) -> bool:
        """Take a waiting job out; whether it was there."""
        self._free.discard(job_id)
        found = self._waiting.pop(job_id, None) is not None
        # Places of removed jobs stay in the heap until they surface; a mass cancel must not leave them for ever.
        if len(self._heap) > 64 and len(self._heap) > 2 * len(self._waiting):
            self._heap = list(self._waiting.values())
            heapify(self._heap)
        return found

    def rest(self, now: datetime, pause_s: float) -> None:
        """Start nothing for ``pause_s`` seconds from ``now``; a longer rest that was set before stays."""
        until = now + timedelta(seconds=pause_s)
        if self.resting_until is None or until > self.resting_until:
            self.resting_until = until

    def rest_left_s(self, now: datetime) -> float:
        """Seconds of the rest that remain, never more than the longest pause, whatever the clock did."""
        if self.resting_until is None:
            return 0.0
        left = (self.resting_until - now).total_seconds()
        return min(max(left, 0.0), PAUSE_MOST_S)

    def take(self, now: datetime) -> str | None:
        """The id of the next job that may start now, counted as running; None when none may."""
        if self.running >= self.limit or not self._waiting or self.rest_left_s(now) > 0:
            return None
        if self.hold is not None:
            if self.hold.kind is not HoldKind.BUDGET or not self._free:
                return None
            job_id = min(self._free, key=self._waiting.__getitem__)
            self.discard(job_id)
            self.running += 1
            return job_id
        while self._heap:
            place = heappop(self._heap)
            job_id = place[2]
            if self._waiting.get(job_id) == place:
                self.discard(job_id)
                self.running += 1
                return job_id
        return None

    def first_paying(self) -> str | None:
        """The id of the next waiting job that costs something."""
        return min(self._waiting.keys() - self._free, key=self._waiting.__getitem__, default=None)
