"""View: the jobs as this process sees them, their newest progress, and who waits for them.

In memory only; what it is told is on disk already. It publishes every change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from silverprint.core.events import Event, JobChanged, JobProgress, SpendChanged
from silverprint.core.job import Job, JobState
from silverprint.core.update import Preview, Waiting, Working


class View:
    """Jobs by id, in the order in which they came."""

    def __init__(self, publish: Callable[[Event], None]) -> None:
        self._publish = publish
        self._jobs: dict[str, Job] = {}
        self._news: dict[str, Waiting | Working] = {}
        self._previews: dict[str, Preview] = {}
        self._waiters: dict[str, list[asyncio.Future[Job]]] = {}
        self.stirred = asyncio.Event()

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._jobs

    def get(self, job_id: str) -> Job | None:
        """The job of this id, if it is on view."""
        return self._jobs.get(job_id)

    def jobs(self) -> list[Job]:
        """All on view, oldest first."""
        return sorted(self._jobs.values(), key=lambda job: (job.created, job.id))

    def changed(self, job: Job) -> None:
        """A job's new state."""
        self._jobs[job.id] = job
        if job.state.is_final or job.state is JobState.WAITING:
            self._news.pop(job.id, None)
            self._previews.pop(job.id, None)
        if job.state.is_final:
            self._release(job)
        self.stirred.set()
        self._publish(JobChanged(job))
        if job.tries and job.price_usd != 0:
            self._publish(SpendChanged())

    def progress(self, job_id: str, update: Waiting | Working | Preview) -> None:
        """News of a running job."""
        if isinstance(update, Preview):
            self._previews[job_id] = update
        else:
            self._news[job_id] = update
        self._publish(JobProgress(job_id, update))

    def newest(self, job_id: str) -> Waiting | Working | None:
        """How far the job is."""
        return self._news.get(job_id)

    def preview(self, job_id: str) -> Preview | None:
        """How its picture looks by now."""
        return self._previews.get(job_id)

    def drop(self, ids: Iterable[str]) -> None:
        """Take jobs off the view."""
        for job_id in ids:
            self._jobs.pop(job_id, None)

    async def until_final(self, job_id: str) -> Job:
        """The job when it has ended, or as it is when the queue closes."""
        job = self._jobs[job_id]
        if job.state.is_final:
            return job
        waiter: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(job_id, [])
        waiters.append(waiter)
        try:
            return await waiter
        finally:
            if waiter in waiters:
                waiters.remove(waiter)

    def close(self) -> None:
        """Let all who wait go, with the jobs as they are."""
        for job_id in list(self._waiters):
            self._release(self._jobs[job_id])

    def _release(self, job: Job) -> None:
        for waiter in self._waiters.pop(job.id, ()):
            if not waiter.done():
                waiter.set_result(job)
