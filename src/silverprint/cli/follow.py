"""Following jobs from the command line: their news as JSON lines or as a board, their end, and the stop by ctrl+c."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from silverprint.cli.board import Board
from silverprint.cli.halfblocks import colours_of
from silverprint.cli.narration import say
from silverprint.cli.output import Output, is_terminal, path_text
from silverprint.cli.records import failed_record, job_record, made_record, progress_record
from silverprint.core.errors import SilverprintError
from silverprint.core.events import JobChanged, JobProgress, QueuePaused
from silverprint.core.job import Job, JobState
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
        self._trouble: str | None = None

    async def follow(self, begin: Callable[[], Awaitable[list[Job]]]) -> list[Job]:
        """Begin jobs and follow them to their end; gives them as they ended.

        When the task is cancelled, the jobs that run are cancelled too, those that wait are left to the next start, and
        both are said.
        """
        async with self._studio.feed.subscribe() as news:
            jobs = await begin()
            self._ids = {job.id for job in jobs}
            for job in jobs:
                await self._changed(job)
            try:
                await self._listen(news)
            except asyncio.CancelledError:
                await self._stop()
                raise
            finally:
                if self._board is not None:
                    self._board.clear()
        return [await self._studio.queue.find(job.id) for job in jobs]

    async def _listen(self, news: Subscription) -> None:
        await self._hear(news, lambda: self._trouble is not None or self._all(_has_ended))
        if self._trouble is None or self._all(_has_ended):
            return
        # Nobody here paused the queue: the disk fails, and what waits would wait for ever. What runs is settled first,
        # so that what is said of each job is what became of it.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._hear(news, lambda: self._all(_is_at_rest))
        left = sum(not state.is_final for state in self._told.values())
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
            elif isinstance(event, QueuePaused) and event.paused and event.provider is None:
                self._trouble = event.reason or "it was paused"
            if enough():
                return

    def _all(self, test: Callable[[JobState], bool]) -> bool:
        return all(test(state) for state in self._told.values())

    async def _changed(self, job: Job) -> None:
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
            say(f"  silverprint jobs retry {job.id}")

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


def _has_ended(state: JobState) -> bool:
    return state.is_final


def _is_at_rest(state: JobState) -> bool:
    return state.is_final or state is JobState.WAITING


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
