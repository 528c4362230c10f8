"""Neighbours: what other processes on the same database do to jobs, seen within a second.

Owns looking, and taking over from the dead. Running the jobs is left to ``runner.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from silverprint.core.job import Job, JobState
from silverprint.queue.outcome import Failure, outcome
from silverprint.queue.runner import Runner
from silverprint.queue.saved import SavedJob, SavedJobs
from silverprint.queue.view import View

LOOK_S = 0.5

_log = logging.getLogger(__name__)


class Neighbours:
    """Keeps the view of other processes' jobs, heeds their wishes to cancel, and takes over when they die."""

    def __init__(
        self, saved: SavedJobs, runner: Runner, view: View, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._saved = saved
        self._runner = runner
        self._view = view
        self._sleep = sleep
        self._owners: dict[str, str] = {}
        self._version = -1
        self.adopts = False

    async def keep_looking(self) -> None:
        """Look again and again, until cancelled. A look that fails is not the last."""
        while True:
            await self._sleep(LOOK_S)
            failure = await outcome(self.look(), "The queue")
            if isinstance(failure, Failure):
                _log.warning("could not see what other processes did: %s", failure.error)

    async def look(self) -> None:
        """What did others write since the last look, and is one of them gone?"""
        version = await self._saved.version()
        if version != self._version:
            known = {job.id: job for job in self._view.jobs()}
            await self._see(await self._saved.open_jobs(), known)
            self._version = version
        if self.adopts and self._runner.is_open:
            dead = {owner for owner in set(self._owners.values()) if not self._saved.owners.alive(owner)}
            gone = [job_id for job_id, owner in self._owners.items() if owner in dead]
            if gone:
                await self.adopt(gone)
        await self._runner.lanes.look_for_room()

    async def adopt(self, ids: Iterable[str] | None = None) -> None:
        """Take over the jobs (all, or those of ``ids``) whose process has ended."""
        adopted = await self._saved.adopt(None if ids is None else set(ids))
        for saved in adopted:
            self._owners.pop(saved.job.id, None)
            self._view.changed(saved.job)
        self._runner.take_up(adopted)

    async def _see(self, open_jobs: Sequence[SavedJob], known: Mapping[str, Job]) -> None:
        """Take over what was read. ``known`` is the view before the reading: what changed here since is newer."""
        me = self._saved.owners.me
        asked: list[str] = []
        before, self._owners = self._owners, {}
        for saved in open_jobs:
            job = saved.job
            if self._runner.holds(job.id):
                if saved.cancel and not self._runner.is_stopping(job.id):
                    asked.append(job.id)
                continue
            seen = self._view.get(job.id)
            if seen is not known.get(job.id) or (saved.owner == me and seen is not None):
                continue
            if not job.state.is_final:
                self._owners[job.id] = saved.owner
            if seen != job:
                self._view.changed(job)
        still_open = {saved.job.id for saved in open_jobs}
        unsure = {job.id for job in self._view.jobs() if job.state is JobState.UNSURE}
        for job_id in (before.keys() | unsure) - still_open:
            ended = await self._saved.find(job_id)
            if ended is not None and not self._runner.holds(job_id) and ended.job != self._view.get(job_id):
                self._view.changed(ended.job)
        await self._runner.cancel(asked)
