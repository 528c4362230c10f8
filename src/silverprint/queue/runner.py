"""Runner: the task group in which jobs live, each under its provider's limit.

Owns the lives and their tasks. Whose turn it is is left to ``lanes.py``; what a person asks for comes through
``queue.py``, what other processes did through ``neighbours.py``.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from silverprint.core.errors import SilverprintError
from silverprint.core.events import Event
from silverprint.core.job import ErrorNote, Job, JobState, move
from silverprint.core.provider import Provider
from silverprint.core.update import Finished
from silverprint.queue.desk import Desk
from silverprint.queue.develop import Development
from silverprint.queue.lanes import Lanes
from silverprint.queue.limits import Lane
from silverprint.queue.outcome import Failure, outcome
from silverprint.queue.resume import Step, decide, waits_at_service
from silverprint.queue.saved import SavedJob, SavedJobs
from silverprint.queue.view import View


class Runner:
    """Runs jobs while it is open. All its methods belong to the event loop's thread."""

    def __init__(
        self,
        *,
        provider_of: Callable[[str], Awaitable[Provider]],
        saved: SavedJobs,
        desk: Desk,
        view: View,
        publish: Callable[[Event], None],
        parallel: Mapping[str, int],
    ) -> None:
        self._provider_of = provider_of
        self._saved = saved
        self.lanes = Lanes(
            desk=desk,
            view=view,
            parallel=parallel,
            publish=publish,
            start=self._start,
            spawn=self.spawn,
            is_open=lambda: self.is_open,
            standing=lambda: saved.standing(desk.clock()),
        )
        self._desk = replace(
            desk, trouble=self.lanes.trouble, hold=self.lanes.hold, is_barred=self.lanes.is_barred
        )
        self._view = view
        self._lives: dict[str, Development] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._others: set[asyncio.Task[None]] = set()
        self._setbacks: dict[str, int] = {}
        self._in_hand: dict[str, Finished | None] = {}
        self._deciding: dict[str, SavedJob] = {}
        self._left: dict[str, SavedJob] = {}
        self._tidied: set[str] = set()
        self._is_closing = False
        self._end = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._server: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether jobs run here."""
        return self._group is not None and not self._is_closing

    async def open(self) -> None:
        """Begin."""
        ready = asyncio.Event()
        self._server = asyncio.create_task(self._serve(ready))
        await ready.wait()

    async def close(self, patience_s: float) -> None:
        """Break off what can be gone on with; give what can't ``patience_s`` seconds; then end.

        What hangs in the middle of sending or saving gets as long once more.
        """
        if self._server is None or self._is_closing:
            return
        self._is_closing = True
        for task in self._others:
            task.cancel()
        await self._break_off(patience_s)
        await self._note_tidied()
        self._end.set()
        try:
            await self._server
        finally:
            self._group = None

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the jobs; it is cancelled when the runner closes."""
        assert self._group is not None
        task = self._group.create_task(work)
        self._others.add(task)
        task.add_done_callback(self._others.discard)

    # what it holds

    def holds(self, job_id: str) -> bool:
        """Whether the job waits or lives here."""
        life = self._lives.get(job_id)
        return (
            (life is not None and not life.job.state.is_final)
            or job_id in self._deciding
            or job_id in self._left
            or job_id in self.lanes
        )

    def is_stopping(self, job_id: str) -> bool:
        """Whether the job lives here and is being cancelled."""
        life = self._lives.get(job_id)
        return life is not None and life.cancel_wanted

    def knows_more(self, job_id: str) -> bool:
        """Whether the disk refused the job's last state or its answer, so that memory is ahead of the record."""
        return job_id in self._in_hand

    def has_answer(self, job_id: str) -> bool:
        """Whether the job's answer is in memory and could not be written."""
        return self._in_hand.get(job_id) is not None

    async def let_go(self, job_id: str) -> None:
        """Wait until an ended job has tidied up after itself."""
        life = self._lives.get(job_id)
        if life is not None and life.job.state.is_final:
            await asyncio.wait({self._tasks[job_id]})

    def forget(self, job_id: str) -> None:
        """Let go of what memory holds of an ended job."""
        self._in_hand.pop(job_id, None)

    # whose turn it is

    def enqueue(self, jobs: Iterable[Job]) -> None:
        """Tell of waiting jobs that are on disk, and let them wait their turn."""
        lanes = {}
        for job in jobs:
            self._view.changed(job)
            if self.is_open:
                lane = self.lanes.push(job, free=self.has_answer(job.id))
                lanes[lane.name] = lane
        for lane in lanes.values():
            self.lanes.pump(lane)

    def resume(self, provider: str | None) -> None:
        """Go on, at one provider or everywhere; what was left for want of its provider is looked at again."""
        self.lanes.resume(provider)
        if self.is_open and self._left:
            left, self._left = self._left, {}
            self.take_up(left.values())

    def _start(self, lane: Lane, job: Job) -> None:
        life = Development(
            job,
            self._desk,
            setbacks=self._setbacks.get(job.id, 0),
            finished=self._in_hand.pop(job.id, None),
        )
        self._begin(life, lane, lambda: self._turn(life, lane))

    # the lives

    def _begin(self, life: Development, lane: Lane, work: Callable[[], Awaitable[None]]) -> None:
        assert self._group is not None
        self._lives[life.job.id] = life
        self._tasks[life.job.id] = self._group.create_task(self._live(life, lane, work))

    async def _live(self, life: Development, lane: Lane, work: Callable[[], Awaitable[None]]) -> None:
        failed = await outcome(work(), "The queue")
        if isinstance(failed, Failure):
            await life.refuse(failed)
        job = life.job
        self._lives.pop(job.id, None)
        self._tasks.pop(job.id, None)
        lane.running -= 1
        if job.state is JobState.WAITING and not life.is_lost:
            self._setbacks[job.id] = life.setbacks
            lane.rest(self._desk.clock(), life.pause_s)
            self.lanes.push(job)
            if life.cancel_wanted:
                await outcome(self.cancel([job.id]), "The queue")
        else:
            self._setbacks.pop(job.id, None)
            if (life.unsaved or life.finished is not None) and not life.is_lost:
                self._in_hand[job.id] = life.finished
        if life.is_tidy:
            self._tidied.add(job.id)
        self.lanes.pump(lane)
        if self.is_open and not self._lives and self._tidied:
            self.spawn(self._note_tidied())
        if self.is_open and self.lanes.wait_for_room:
            self.spawn(self.lanes.look_for_room())

    async def _turn(self, life: Development, lane: Lane) -> None:
        """A waiting job's turn has come."""
        provider = await outcome(self._provider_of(lane.name), f"The provider {lane.name}")
        if isinstance(provider, Failure):
            await life.refuse(provider)
            return
        life.attach(provider)
        lane.learn(provider.info.parallel)
        self.lanes.pump(lane)
        manifest = await self.received(life.job) if life.job.incoming is not None else None
        step = decide(
            life.job,
            provider.info,
            received=manifest is not None,
            cancel=life.cancel_wanted,
            in_hand=life.finished is not None,
        )
        await life.run(step, manifest)

    async def received(self, job: Job) -> Mapping[str, Any] | None:
        """The manifest of the job's outputs, when all of them lie whole on disk."""
        manifest = await outcome(self._desk.intake.pending(job.id), "The intake")
        return None if isinstance(manifest, Failure) else manifest

    # going on where a process stopped

    def take_up(self, jobs: Iterable[SavedJob]) -> None:
        """Go on with jobs that are this process's own by their records, in whatever state they are."""
        by_provider = defaultdict(list)
        for saved in jobs:
            by_provider[saved.job.recipe.ref.provider].append(saved)
            self._deciding[saved.job.id] = saved
        for name, group in by_provider.items():
            self.spawn(self._take_up(name, group))

    def take_up_left(self, job_id: str) -> Job | None:
        """Try a job again that was left for want of its provider; None when it was not."""
        left = self._left.pop(job_id, None) if self.is_open else None
        if left is None:
            return None
        self.take_up([left])
        return left.job

    async def _take_up(self, name: str, group: Sequence[SavedJob]) -> None:
        provider = await outcome(self._provider_of(name), f"The provider {name}")
        lane = self.lanes.of(name)
        if not isinstance(provider, Failure):
            lane.learn(provider.info.parallel)
        again: list[SavedJob] = []
        for asked in group:
            manifest = await self.received(asked.job)
            saved = self._deciding.pop(asked.job.id, None)
            if saved is None:
                continue  # it was cancelled meanwhile
            job = saved.job
            info = None if isinstance(provider, Failure) else provider.info
            step = decide(job, info, received=manifest is not None, cancel=saved.cancel)
            if step is Step.SEND:
                self.lanes.push(job)
            elif step is Step.AGAIN:
                again.append(saved)
                self._deciding[job.id] = saved
            elif isinstance(provider, Failure) and step is Step.LEAVE:
                self._leave(saved, provider)
            else:
                # It is at the service already, so it counts against the limit but does not wait for it.
                known = None if isinstance(provider, Failure) else provider
                self._go_on(saved, lane, known, step, manifest)
        await self._send_again(again)
        self.lanes.pump(lane)

    def _go_on(
        self,
        saved: SavedJob,
        lane: Lane,
        provider: Provider | None,
        step: Step,
        manifest: Mapping[str, Any] | None = None,
    ) -> None:
        lane.running += 1
        life = Development(saved.job, self._desk, provider=provider, cancel=saved.cancel)
        self._begin(life, lane, lambda: life.run(step, manifest))

    def _leave(self, saved: SavedJob, failure: Failure) -> None:
        """Its provider is not there. The job stays as it is, with the reason on view."""
        self._left[saved.job.id] = saved
        self._view.changed(replace(saved.job, error=ErrorNote.of(failure.error)))

    async def _send_again(self, again: Sequence[SavedJob]) -> None:
        if not again:
            return
        now = self._desk.clock()
        waiting = [
            move(saved.job, JobState.WAITING, now=now, ticket=None, incoming=None)
            for saved in again
            if saved.job.id in self._deciding
        ]
        failure = await outcome(self._saved.save_all(waiting), "The database")
        asked = [job.id for job in waiting if self._deciding[job.id].cancel]
        for job in waiting:
            saved = self._deciding.pop(job.id)
            if isinstance(failure, Failure):
                self._leave(saved, failure)
        if isinstance(failure, Failure):
            self.lanes.trouble(failure.error)
            return
        self.enqueue(waiting)
        await outcome(self.cancel(asked), "The queue")

    async def tidy(self) -> None:
        """Clear away what was received for jobs that were DONE when their process ended."""
        for job_id in await self._saved.untidy():
            cleared = await outcome(self._desk.intake.clear(job_id), "The intake")
            if not isinstance(cleared, Failure):
                self._tidied.add(job_id)
        await self._note_tidied()

    async def _note_tidied(self) -> None:
        """One write for many, when nothing else is to do: forgetting it costs one look at an empty folder."""
        tidied, self._tidied = self._tidied, set()
        if tidied:
            await outcome(self._saved.tidied(tidied), "The database")

    # cancelling

    async def cancel(self, ids: Sequence[str]) -> None:
        """Cancel jobs that it holds: waiting ones in one transaction, living ones once the wish is on disk.

        Raises LibraryError, DiskFull; then what waited still waits.
        """
        waiting: list[Job] = []
        running: list[str] = []
        for job_id in ids:
            job = self._view.get(job_id)
            if job is None:
                continue
            if not waits_at_service(job) and self.lanes.discard(job):
                waiting.append(job)
            elif self.holds(job_id):
                running.append(job_id)
        if waiting:
            gone = [move(job, JobState.CANCELLED, now=self._desk.clock()) for job in waiting]
            try:
                await self._saved.save_all(gone)
            except SilverprintError:
                for job in waiting:
                    self.lanes.push(job)
                raise
            for job in gone:
                self._setbacks.pop(job.id, None)
                self._view.changed(job)
        if running:
            await self._saved.ask_cancel(running)
            for job_id in running:
                self._tell_to_stop(job_id)

    def _tell_to_stop(self, job_id: str) -> None:
        if (life := self._lives.get(job_id)) is not None:
            life.cancel()
        elif (saved := self._deciding.get(job_id)) is not None:
            self._deciding[job_id] = replace(saved, cancel=True)
        elif (left := self._left.pop(job_id, None)) is not None and self.is_open:
            lane = self.lanes.of(left.job.recipe.ref.provider)
            self._go_on(replace(left, cancel=True), lane, None, Step.STOP)
        elif (job := self._view.get(job_id)) is not None and self.is_open and self.lanes.discard(job):
            # It waits with a ticket, so its service may be at work on it and has to be told.
            self.take_up([SavedJob(job=job, owner=self._saved.owners.me, cancel=True)])

    # the group

    async def _break_off(self, patience_s: float) -> None:
        loop = asyncio.get_running_loop()
        begun, patience_s = loop.time(), max(patience_s, 0.01)
        while True:
            self._view.stirred.clear()
            rounds = int((loop.time() - begun) / patience_s)
            tasks = []
            for job_id, life in self._lives.items():
                task = self._tasks[job_id]
                life.prepare_to_close()
                while task.cancelling() < max(rounds, 0 if life.must_end else 1) and not task.done():
                    task.cancel()
                if not task.done():
                    tasks.append(task)
            if not tasks:
                return
            stirred = asyncio.ensure_future(self._view.stirred.wait())
            left_s = max(begun + (rounds + 1) * patience_s - loop.time(), 0.01)
            await asyncio.wait([*tasks, stirred], timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            stirred.cancel()

    async def _serve(self, ready: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            self._group = group
            ready.set()
            await self._end.wait()
