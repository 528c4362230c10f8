"""Following jobs from the command line: their news as JSON lines or as a board, their end, and the stop by ctrl+c."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from silverprint.cli.board import Board
from silverprint.cli.halfblocks import colours_of
from silverprint.cli.narration import REFUSED, code_of_jobs, pause_fix, say
from silverprint.cli.output import Output, is_terminal, path_text
from silverprint.cli.records import failed_record, job_record, made_record, progress_record
from silverprint.core.errors import SilverprintError
from silverprint.core.events import JobChanged, JobProgress, QueuePaused
from silverprint.core.job import ErrorNote, Job, JobState
from silverprint.core.picture import Picture
from silverprint.core.text import one_line
from silverprint.core.update import Preview

if TYPE_CHECKING:
    from silverprint.core.feed import Subscription
    from silverprint.core.image import RawImage
    from silverprint.studio import Studio

STOP_S = 10.0

Keep = Callable[[Picture], Awaitable["str | None"]]
"""What to do with each new picture before it is told; gives where a copy went, if one was made."""


def wants_previews(asked: bool | None, *, as_json: bool) -> bool:
    """Whether pictures are shown: on a terminal, if asked for, or by themselves when nothing speaks against it."""
    if not is_terminal(sys.stderr):
        return False
    return asked if asked is not None else not as_json and colours_of(os.environ) != "none"


class Follower:
    """Follows jobs that this process runs, until all have ended."""

    def __init__(self, studio: Studio, output: Output, *, previews: bool, keep: Keep | None = None) -> None:
        self._studio = studio
        self._output = output
        self._keep = keep
        self._board = (
            Board(previews=previews, colours=colours_of(os.environ)) if is_terminal(sys.stderr) else None
        )
        self._previews = previews
        self._ids: set[str] = set()
        self._told: dict[str, JobState] = {}
        self._jobs: dict[str, Job] = {}
        self._trouble: str | None = None
        self._rests: set[str] = set()
        self._held: dict[str, str] = {}
        """Provider -> why its queue is paused."""

    async def follow(self, begin: Callable[[], Awaitable[list[Job]]]) -> list[Job]:
        """Begin jobs and follow them to their end; gives them as they ended.

        When the task is cancelled, the jobs that run are cancelled too, those that wait are left to the next start, and
        both are said. When a provider's queue is paused (no credit, no good key, the budget), the jobs that were not
        sent are cancelled, and said with the reason.
        """
        async with self._studio.feed.subscribe() as news:
            jobs = await begin()
            self._ids = {job.id for job in jobs}
            for job in jobs:
                await self._changed(job)
            try:
                # It may have been paused before we listened: by a job of an earlier start.
                self._held |= self._mine(self._studio.queue.paused_providers)
                await self._listen(news)
            except asyncio.CancelledError:
                await self._stop()
                raise
            finally:
                if self._board is not None:
                    self._board.clear()
        return [await self._studio.queue.find(job.id) for job in jobs]

    def code(self, jobs: Iterable[Job]) -> int:
        """The exit code for jobs that were followed to their end."""
        return REFUSED if self._held else code_of_jobs(jobs)

    async def _listen(self, news: Subscription) -> None:
        await self._hear(news, lambda: self._trouble is not None or self._all(self._is_settled))
        if self._trouble is None:
            # Only what stopped one of ours is worth a word.
            waits = {job.recipe.ref.provider for job in self._jobs.values() if not job.state.is_final}
            self._held = {name: reason for name, reason in self._held.items() if name in waits}
            await self._drop_held()
            return
        if self._all(_has_ended):
            return
        # Nobody here paused the queue: the disk fails, and what waits would wait for ever. What runs is settled first,
        # so that what is said of each job is what became of it.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._hear(news, lambda: self._all(_is_at_rest))
        left = sum(not job.state.is_final for job in self._jobs.values())
        if self._board is not None:
            self._board.clear()
        say(f"The queue stopped: {self._trouble}")
        if left:
            say(f"Left {_jobs(left)} to the next start.")

    async def _hear(self, news: Subscription, enough: Callable[[], bool]) -> None:
        if enough():
            return
        async for event in news:
            if isinstance(event, JobChanged) and event.job.id in self._ids:
                await self._changed(event.job)
            elif isinstance(event, JobProgress) and event.job_id in self._ids:
                if self._output.as_json and not isinstance(event.update, Preview):
                    self._print(progress_record(event.job_id, event.update))
                if self._board is not None:
                    self._board.progress(event.job_id, event.update)
            elif isinstance(event, QueuePaused):
                self._paused(event)
            if enough():
                return

    def _paused(self, event: QueuePaused) -> None:
        if event.provider is None:
            if event.paused:
                self._trouble = event.reason or "it was paused"
        elif event.paused:
            self._held |= self._mine({event.provider: event.reason})
        else:
            self._held.pop(event.provider, None)

    def _mine(self, paused: Mapping[str, str]) -> dict[str, str]:
        """Of the paused providers those of the jobs that are followed."""
        wanted = {job.recipe.ref.provider for job in self._jobs.values()}
        return {name: reason for name, reason in paused.items() if name in wanted}

    def _all(self, test: Callable[[Job], bool]) -> bool:
        return all(test(job) for job in self._jobs.values())

    def _is_settled(self, job: Job) -> bool:
        """Whether nothing more happens to the job: it has ended, or waits where nothing is sent."""
        return _has_ended(job) or (_is_at_rest(job) and job.recipe.ref.provider in self._held)

    async def _drop_held(self) -> None:
        """Say why a provider's queue is paused, and cancel what was not sent there; what was sent is left as it is."""
        if self._held and self._board is not None:
            self._board.clear()
        for provider, reason in self._held.items():
            now = await self._now()
            waiting = [job for job in now if job.recipe.ref.provider == provider and not job.state.is_final]
            note = await self._why(provider, reason, waiting)
            if self._output.as_json:
                said = {"provider": provider, "kind": note.kind, "reason": note.message, "fix": note.fix}
                self._print({"event": "paused", **said})
            say(f"{provider} takes no more jobs now: {note.message}")
            if note.fix:
                say(f"  {note.fix}")
            unsent = [job.id for job in waiting if job.ticket is None and job.incoming is None]
            if unsent:
                say(f"Cancelled {_jobs(len(unsent))} that had not been sent:")
            for job_id in unsent:
                await self._studio.queue.cancel(job_id)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._studio.queue.wait(unsent), STOP_S)
            for job in await self._now():
                if job.id in unsent:
                    await self._changed(replace(job, error=note) if job.error is None else job)
                elif job in waiting:
                    say(f"{job.id}: sent already; the next start asks for its result.")

    async def _why(self, provider: str, reason: str, waiting: Sequence[Job]) -> ErrorNote:
        """Why the provider's queue is paused, and what a person can do about it on the command line."""
        note = next((job.error for job in waiting if job.error is not None), None)
        if note is None:
            standing = await self._studio.standing()
            refusals = [standing.refusal(job.price_usd) for job in waiting]
            note = next((ErrorNote.of(refusal) for refusal in refusals if refusal is not None), None)
        if note is None:
            note = ErrorNote(kind="QueuePaused", message=one_line(reason, most=1_000) or "it was paused")
        message = one_line(note.message, most=1_000)
        return replace(note, message=message, fix=one_line(pause_fix(provider, note), most=1_000))

    async def _changed(self, job: Job) -> None:
        self._jobs[job.id] = job
        if self._told.get(job.id) is job.state:
            return
        self._told[job.id] = job.state
        if self._board is not None:
            self._board.job(job)
        if self._output.as_json:
            self._print({"event": "job", **job_record(job)})
        if job.state is JobState.DONE:
            for picture_id in job.pictures:
                await self._made(await self._studio.library.get(picture_id))
        elif job.state is JobState.WAITING and job.error is not None and job.error.kind == "RateLimited":
            self._tell_rest(job.recipe.ref.provider, job.error.message)
        elif job.state.is_final:
            if self._output.as_json:
                self._print(failed_record(job))
            self._tell_failure(job)

    async def _made(self, picture: Picture) -> None:
        if self._board is not None:
            self._board.clear()
        copy = await self._keep(picture) if self._keep is not None else None
        if self._board is not None and self._previews:
            image = await asyncio.to_thread(_pixels, self._studio, picture)
            if image is not None:
                self._board.picture(image)
        if self._output.as_json:
            record = made_record(self._studio, picture)
            self._print(record if copy is None else record | {"copy": copy})
            return
        if self._board is not None:
            self._board.clear()
        self._output.line(copy or path_text(self._studio.path(picture)))

    def _print(self, record: dict[str, object]) -> None:
        if self._board is not None:
            self._board.clear()
        self._output.record(record)

    def _tell_rest(self, provider: str, message: str) -> None:
        """Say that a service asks for patience; once for all the jobs that meet the same."""
        if message not in self._rests:
            self._rests.add(message)
            if self._board is not None:
                self._board.clear()
            say(f"{provider} rests: {one_line(message, most=1_000)}")

    def _tell_failure(self, job: Job) -> None:
        if self._board is not None:
            self._board.clear()
        note = job.error
        if job.state is JobState.CANCELLED:
            say(f"{job.id}: cancelled")
            return
        say(f"{job.id}: {job.state}: {note.message if note is not None else 'it did not end well'}")
        if note is not None and note.fix:
            say(f"  {one_line(note.fix)}")
        if job.state is JobState.UNSURE:
            say(f"  silverprint jobs retry {job.id}   sends it again, after a question")

    async def _stop(self) -> None:
        if self._board is not None:
            self._board.clear()
        queue = self._studio.queue
        await queue.pause(reason="stopped")
        mine = [job for job in await self._now() if not job.state.is_final]
        running = [job for job in mine if job.state in (JobState.SENDING, JobState.RUNNING)]
        for job in running:
            await queue.cancel(job.id)
        with contextlib.suppress(TimeoutError):
            # A service that does not answer must not hold the person; the request to cancel is on disk.
            await asyncio.wait_for(queue.wait([job.id for job in running]), STOP_S)
        left = [job for job in mine if job not in running]
        if running:
            say(f"Cancelled {_jobs(len(running))}.")
        if left:
            say(f"Left {_jobs(len(left))} to the next start; `silverprint jobs cancel --all` drops them.")

    async def _now(self) -> list[Job]:
        return [await self._studio.queue.find(job_id) for job_id in sorted(self._ids)]


def _has_ended(job: Job) -> bool:
    return job.state.is_final


def _is_at_rest(job: Job) -> bool:
    return job.state.is_final or job.state is JobState.WAITING


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _pixels(studio: Studio, picture: Picture) -> RawImage | None:
    """The picture's pixels for showing it once; None when it can't be read, which other commands tell."""
    from silverprint.pictures import decode

    try:
        limits = decode.Limits()
        data = decode.read(studio.path(picture), limits)
        return decode.raw(decode.rgb(decode.decode(data, limits)))
    except SilverprintError:
        return None


async def names_of_jobs(studio: Studio, texts: Iterable[str]) -> list[Job]:
    """The jobs that a person means by whole ids, or by the beginning or end of just one of the newest thousand."""
    from silverprint.core.errors import NotFound, UsageError

    recent: list[Job] | None = None
    found = []
    for text in texts:
        wanted = text.strip().lower()
        try:
            found.append(await studio.queue.find(wanted))
            continue
        except NotFound:
            recent = await studio.queue.recent(1_000) if recent is None else recent
        near = [job for job in recent if wanted and (job.id.startswith(wanted) or job.id.endswith(wanted))]
        if not near:
            raise NotFound(f"There is no job {text}.")
        if len(near) > 1:
            shown = ", ".join(job.id for job in near[:5])
            raise UsageError(f"{text} fits several jobs: {shown}.", fix="Write more of the id.")
        found.append(near[0])
    return found
