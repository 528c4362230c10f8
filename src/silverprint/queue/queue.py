"""JobQueue: what a person may ask of the queue, and what it shows. Both front ends use this very object.

Owns adding, cancelling, retrying, pausing and waiting. Running the jobs is left to ``runner.py``, whose turn it is to
``lanes.py``, other processes to ``neighbours.py``, the records to ``saved.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from silverprint.core.errors import LibraryError, NotFound, UsageError
from silverprint.core.events import Event
from silverprint.core.ids import new_id
from silverprint.core.job import Job, JobState, move
from silverprint.core.picture import Picture
from silverprint.core.provider import Found, Price, Provider
from silverprint.core.recipe import Recipe
from silverprint.core.ticket import Ticket
from silverprint.core.update import Preview, Waiting, Working
from silverprint.queue.again import Again
from silverprint.queue.desk import Desk, IntakeLike
from silverprint.queue.limits import HoldKind
from silverprint.queue.lookup import Lookup
from silverprint.queue.neighbours import LOOK_S, Neighbours
from silverprint.queue.resume import waits_at_service
from silverprint.queue.runner import Runner
from silverprint.queue.saved import SavedJob, SavedJobs
from silverprint.queue.view import View

PATIENCE_S = 30.0
"""How long closing waits for an answer that is given only once."""

_ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class JobQueue:
    """All jobs of this process. Built at no cost; ``start`` opens it, ``close`` ends it and loses nothing.

    Without ``start``, jobs can be added, looked up, retried and cancelled on disk; a process that runs its
    queue takes them up. ``parallel`` overrides how many jobs run at once, by provider.
    """

    def __init__(
        self,
        *,
        provider_of: Callable[[str], Awaitable[Provider]],
        saved: SavedJobs,
        intake: IntakeLike,
        finish: Callable[[Job, Sequence[Picture]], Awaitable[None]],
        clock: Callable[[], datetime],
        random: Random,
        publish: Callable[[Event], None],
        parallel: Mapping[str, int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``finish`` writes a DONE job and its pictures in one transaction (``SavedJobs.put`` writes the job)."""
        self._saved = saved
        self._intake = intake
        self._clock = clock
        self._random = random
        self._sleep = sleep
        self._view = View(publish)
        self._provider_of = provider_of
        self._lookup = Lookup(saved, sleep)
        desk = Desk(
            save=saved.save,
            intake=intake,
            finish=finish,
            clock=clock,
            sleep=sleep,
            changed=self._view.changed,
            progress=self._view.progress,
            find_again=self._lookup.certain,
        )
        self._runner = Runner(
            provider_of=provider_of,
            saved=saved,
            desk=desk,
            view=self._view,
            publish=publish,
            parallel=parallel,
        )
        self._neighbours = Neighbours(saved, self._runner, self._view, sleep)
        self._again = Again(self._runner, intake, clock)
        self._is_closed = False

    # the queue as a whole

    async def start(self, *, adopt: bool = True) -> None:
        """Begin to run jobs. With ``adopt``, also those that a process left behind when it ended, now or later.

        Raises StorageError, DiskFull or LibraryError; then it is not started.
        """
        if self._runner.is_open:
            return
        await asyncio.to_thread(self._saved.owners.enter)
        await self._runner.open()
        self._neighbours.adopts = adopt
        try:
            if adopt:
                await self._neighbours.adopt()
                await self._runner.tidy()
            await self._neighbours.look()
        except BaseException:
            await self.close()
            raise
        self._runner.spawn(self._neighbours.keep_looking())

    async def close(self, *, patience_s: float = PATIENCE_S) -> None:
        """Stop, so that the next start goes on from here. Safe to call twice.

        Jobs that can be repeated or watched again are broken off at once. One whose answer is given only
        once gets ``patience_s`` seconds to end; what is being sent or saved is always brought to its end.
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await self._runner.close(patience_s)
        finally:
            self._saved.owners.leave()
            self._view.close()

    @property
    def paused(self) -> bool:
        """Whether no further job is started, at any provider."""
        return self._runner.lanes.paused

    @property
    def paused_providers(self) -> Mapping[str, str]:
        """The providers at which no further job is started, each with the reason."""
        return self._runner.lanes.reasons()

    async def pause(self, provider: str | None = None, reason: str = "") -> None:
        """Start no further job, at ``provider`` or at all; those that run go on."""
        self._runner.lanes.pause(provider, reason)

    async def resume(self, provider: str | None = None) -> None:
        """Go on, at ``provider`` or everywhere. Jobs whose provider was missing are tried again.

        What the budget held back is held back again as long as there is no room for it.
        """
        self._runner.resume(provider)

    async def key_changed(self, provider: str) -> None:
        """The provider's key or credit may be good now: go on, if that was what held it."""
        self._runner.lanes.release(provider, (HoldKind.ACCOUNT,))

    async def budget_changed(self) -> None:
        """The budget was lifted or raised: go on where there is room now."""
        await self._runner.lanes.look_for_room()

    # jobs

    async def add(
        self,
        recipes: Iterable[Recipe],
        *,
        parent: str | None = None,
        batch: str | None = None,
        prices: Sequence[Price | None] = (),
    ) -> list[Job]:
        """Queue one job for each recipe, in their order. They are on disk, in one transaction, when this returns.

        ``prices`` says what each costs, in the same order; without it nobody knows. Raises LibraryError, DiskFull;
        then none is queued.
        """
        wanted = list(recipes)
        known = list(prices) or [None] * len(wanted)
        if self._is_closed:
            raise LibraryError("The queue is closed.", fix="Start silverprint again.")
        now = self._clock()
        ids: set[str] = set()
        while len(ids) < len(wanted):
            ids.add(new_id(now, self._random))
        in_order = sorted(ids)
        jobs = []
        for number, (job_id, recipe, price) in enumerate(zip(in_order, wanted, known, strict=True)):
            created = now + timedelta(microseconds=number)  # so that whatever sorts by time keeps the order
            jobs.append(
                Job(
                    id=job_id,
                    batch=batch or in_order[0],
                    recipe=recipe,
                    state=JobState.WAITING,
                    created=created,
                    changed=created,
                    parent=parent,
                    price_usd=price.usd if price is not None else None,
                    price_about=price is not None and price.about,
                )
            )
        if jobs:
            await self._saved.add(jobs)
            self._runner.enqueue(jobs)
        return jobs

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job; for one that is UNSURE: let it be, without sending it again. Gives the job as it is then.

        What waits to be sent is cancelled at once. What runs, or waits to be watched again, is asked to stop, here or
        in the process that runs it, and ends as CANCELLED soon (see ``wait``); a result that is being saved already is
        kept. Raises NotFound.
        """
        if self._runner.holds(job_id):
            await self._runner.cancel([job_id])
            return await self.find(job_id)
        saved = await self._find(job_id)
        waits = saved.job.state is JobState.WAITING and not waits_at_service(saved.job)
        if waits or saved.job.state is JobState.UNSURE:
            after = move(saved.job, JobState.CANCELLED, now=self._clock())
            if await self._saved.swap(saved.job, after):
                # Half of an answer may lie there; nobody will ask for it any more.
                await self._intake.clear(job_id)
                self._view.changed(after)
                return after
        if not saved.job.state.is_final:
            await self._saved.ask_cancel([job_id])
            if self._runner.is_open and not self._saved.owners.alive(saved.owner):
                await self._neighbours.adopt([job_id])
        return await self.find(job_id)

    async def is_run(self, job_id: str) -> bool:
        """Whether a process that lives holds the job: this one or another. Raises NotFound."""
        return self._runner.holds(job_id) or self._saved.owners.alive((await self._find(job_id)).owner)

    async def cancel_all(self) -> int:
        """Cancel all that waits or runs, in every process; how many that were."""
        mine = [job.id for job in self._view.jobs() if self._runner.holds(job.id)]
        await self._runner.cancel(mine)
        others = [
            saved.job.id
            for saved in await self._saved.open_jobs()
            if not saved.job.state.is_final and saved.job.id not in set(mine)
        ]
        for job_id in others:
            await self.cancel(job_id)
        return len(mine) + len(others)

    async def retry(self, job_id: str, *, fresh: bool = False) -> Job:
        """On a person's word: let a FAILED, CANCELLED or UNSURE job wait again. Gives the job as it is then.

        Where its result was received already, or its ticket still stands, the result is taken from there and
        nothing is sent; ``fresh`` sends it again all the same. A job that runs or waits is left as it is. Raises NotFound,
        and UsageError for a job that is DONE.
        """
        left = self._runner.take_up_left(job_id)
        if left is not None:
            return left
        if self._runner.holds(job_id):
            return await self.find(job_id)
        await self._runner.let_go(job_id)
        saved = await self._find(job_id)
        job = saved.job
        if self._runner.knows_more(job_id):
            job = self._view.get(job_id) or job
        if job.state is JobState.DONE:
            raise UsageError("This job is done.", fix="Use redo to make its picture again.")
        if not job.state.is_final:
            return job
        waiting = await self._again.retried(job, fresh=fresh)
        if not await self._saved.swap(saved.job, waiting):
            return await self.find(job_id)
        self._runner.enqueue([waiting])
        return waiting

    async def look_up(self, job_id: str) -> list[Found]:
        """The requests at the service that may be this job, the likeliest first; those of other jobs are left out.

        Raises NotFound, UsageError where the service can't be looked into, and ProviderError.
        """
        job = (await self._find(job_id)).job
        return await self._lookup.found(job, await self._provider_of(job.recipe.ref.provider))

    async def claim(self, job_id: str, ticket: Ticket) -> Job:
        """On a person's word: watch with ``ticket``, which ``look_up`` gave; nothing is sent. Gives the job as it is then.

        For a job that is UNSURE, FAILED or CANCELLED. Raises NotFound, and UsageError when the ticket can't be watched
        with or is another job's.
        """
        await self._runner.let_go(job_id)
        saved = await self._find(job_id)
        waiting = await self._again.claimed(saved.job, ticket)
        if not await self._saved.swap(saved.job, waiting, claim=ticket):
            return await self.find(job_id)
        self._runner.enqueue([waiting])
        return waiting

    async def wait(self, ids: Iterable[str]) -> list[Job]:
        """The jobs of ``ids``, in their order, when all have ended (UNSURE counts), or the queue is closed.

        While the queue is paused, what waits does not end. Raises NotFound.
        """
        wanted = list(ids)
        for job_id in wanted:
            if self._view.get(job_id) is None:
                self._view.changed(await self.find(job_id))
        while not self._runner.is_open and not self._is_closed:
            jobs = [await self.find(job_id) for job_id in wanted]
            if all(job.state.is_final for job in jobs):
                return jobs
            await self._sleep(LOOK_S)
        return [await self._view.until_final(job_id) for job_id in wanted]

    def jobs(self) -> list[Job]:
        """All that have not ended, of every process, those that are UNSURE, and all of this session; oldest first."""
        return self._view.jobs()

    async def find(self, job_id: str) -> Job:
        """The job of this id, of any process and time. Raises NotFound."""
        job = self._view.get(job_id)
        if job is not None and (self._runner.holds(job_id) or self._runner.knows_more(job_id)):
            return job
        return (await self._find(job_id)).job

    async def recent(self, limit: int = 50) -> list[Job]:
        """The newest jobs, of any process and state, newest first."""
        return await self._saved.recent(limit)

    async def clear_finished(self) -> int:
        """Take all that ended off the lists (UNSURE stays, it waits for a word); how many. Pictures stay."""
        cleared = await self._saved.clear(_ENDED)
        ended = [job.id for job in self._view.jobs() if job.state in _ENDED]
        self._view.drop(ended)
        for job_id in ended:
            self._runner.forget(job_id)
        return cleared

    def progress(self, job_id: str) -> Working | Waiting | None:
        """How far a job of this process is."""
        return self._view.newest(job_id)

    def preview(self, job_id: str) -> Preview | None:
        """How its picture looks by now."""
        return self._view.preview(job_id)

    # parts

    async def _find(self, job_id: str) -> SavedJob:
        saved = await self._saved.find(job_id)
        if saved is None:
            raise NotFound(f"There is no job {job_id}.")
        return saved
