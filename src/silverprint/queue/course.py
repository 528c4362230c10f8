"""Course: the states that one job goes through, each on disk before it is told.

Owns the moves and what is done when the disk refuses one. When to make them is left to ``develop.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from silverprint.core.budget import sane_usd
from silverprint.core.errors import StorageError
from silverprint.core.job import ErrorNote, Job, JobState, move
from silverprint.queue.desk import Desk
from silverprint.queue.outcome import Failure, outcome
from silverprint.queue.saved import TakenOver

_PATH = (JobState.WAITING, JobState.SENDING, JobState.RUNNING, JobState.SAVING)


class Course:
    """``job`` is its newest state; ``unsaved`` says that the disk refused it, so that the record is behind.

    What writes raises TakenOver when another process has the job.
    """

    def __init__(self, job: Job, desk: Desk) -> None:
        self.job = job
        self.unsaved = False
        self._desk = desk

    def moved(self, state: JobState, **changes: Any) -> Job:
        """The job in its next state, which nobody knows of yet."""
        return move(self.job, state, now=self._desk.clock(), **changes)

    async def to(self, state: JobState, **changes: Any) -> None:
        """The next state: on disk, then told. When the disk refuses it the work goes on in memory: it can't be
        undone, the record is merely behind, and a final state is still told, with its reason.
        """
        job = self.moved(state, **changes)
        failure = await outcome(self._desk.save(job), "The database")
        if isinstance(failure, Failure):
            if failure.is_a(TakenOver):
                raise failure.error
            self.unsaved = True
            self.job = job
            self._desk.trouble(failure.error)
            if state.is_final:
                self._tell(replace(job, error=job.error or ErrorNote.of(failure.error)))
            return
        self.is_at(job)

    async def pass_to(self, state: JobState, **changes: Any) -> None:
        """Through the states in between, which need no write of their own, for nothing is sent in them."""
        if self.job.state is state:
            return
        if self.job.state is JobState.SAVING:  # back to watching
            await self.to(state, incoming=None, **changes)
            return
        for passed in _PATH[_PATH.index(self.job.state) + 1 : _PATH.index(state)]:
            self.job = self.moved(passed)
        await self.to(state, error=None, **changes)

    async def fail(self, failure: Failure) -> None:
        """FAILED, with the reason."""
        if isinstance(failure.error, StorageError):
            self._desk.trouble(failure.error)
        await self.to(JobState.FAILED, error=ErrorNote.of(failure.error))

    def is_at(self, job: Job) -> None:
        """The job's state that somebody has just written."""
        self.unsaved = False
        self._tell(job)

    def _tell(self, job: Job) -> None:
        self.job = job
        self._desk.changed(job)


def price_told(price: object) -> Mapping[str, Any]:
    """What changes in a job when its price was told by the service; nothing when it was not."""
    usd = sane_usd(price)
    return {} if usd is None else {"price_usd": usd, "price_about": False}
