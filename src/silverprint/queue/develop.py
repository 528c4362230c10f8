"""One job's life, from its turn to its pictures. The one place of the program that catches everything.

Owns the order of steps and of writes: each state is on disk before it is told. Whose turn it is belongs to
``queue.py``, what an error means to ``setbacks.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from silverprint.core.errors import BadAnswer, SilverprintError, StorageError
from silverprint.core.job import ErrorNote, Job, JobState, move
from silverprint.core.provider import Provider
from silverprint.core.text import one_line
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Preview, Update, Waiting, Working
from silverprint.queue.desk import Desk
from silverprint.queue.resume import NOT_STOPPED, Step, unsure_note
from silverprint.queue.saved import TakenOver
from silverprint.queue.setbacks import Failure, Turn, Verdict, after_receive, after_submit, after_watch
from silverprint.queue.unbroken import unbroken

STOP_TIMEOUT_S = 15.0
DISK_PAUSE_S = 10.0

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


async def outcome(call: Awaitable[_T], what: str = "The adapter") -> _T | Failure:
    """The result of ``call``, or the error it ended in. ``what`` names the culprit of an unforeseen one.

    Adapters and plugins are other people's code, and one bad one must not end the others. Cancellation of
    the task passes through.
    """
    try:
        return await call
    except SilverprintError as error:
        return Failure(error)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return Failure(BadAnswer(f"{what} broke off its own work."), expected=False)
    except Exception as error:  # noqa: BLE001 - the one broad except: see above
        _log.exception("%s failed in a way that was not foreseen", what)
        words = one_line(f"{type(error).__name__}: {error}".rstrip(": "))
        return Failure(BadAnswer(f"{what} failed in a way that was not foreseen: {words}"), expected=False)


class Development:
    """The life of one job in this process.

    ``job`` is its newest state. After ``run``, ``pause_s`` says how long its provider asked to be left alone;
    ``unsaved`` that the disk refused the last state, so that the record is behind; ``finished`` is an answer
    that could not be written; ``is_lost`` that another process has the job; ``is_tidy`` that nothing received
    lies on disk any more.
    """

    def __init__(
        self,
        job: Job,
        desk: Desk,
        *,
        provider: Provider | None = None,
        setbacks: int = 0,
        finished: Finished | None = None,
        cancel: bool = False,
    ) -> None:
        self.job = job
        self.setbacks = setbacks
        self.finished = finished
        self.cancel_wanted = cancel
        self.pause_s = 0.0
        self.unsaved = False
        self.is_lost = False
        self.is_tidy = False
        self._is_closing = False
        self._provider = provider
        self._desk = desk
        self._watching: asyncio.Task[Failure | None] | None = None

    @property
    def must_end(self) -> bool:
        """Breaking it off now would lose an answer that is given only once."""
        return self.job.state in (JobState.SENDING, JobState.RUNNING) and not self._is_repeatable

    def attach(self, provider: Provider) -> None:
        """Give it its provider, where that had to be loaded first."""
        self._provider = provider

    async def refuse(self, failure: Failure) -> None:
        """It can't go on, for a reason outside of it: FAILED, with the reason."""
        if self.job.state.is_final:
            return
        try:
            await self._fail(failure)
        except TakenOver:
            self.is_lost = True

    def prepare_to_close(self) -> None:
        """The queue closes: send nothing more."""
        self._is_closing = True

    def cancel(self) -> None:
        """A person wants it cancelled: at once while it is watched, else at the next place where nothing is lost."""
        self.cancel_wanted = True
        if self._watching is not None:
            self._watching.cancel()

    async def run(self, step: Step, manifest: Mapping[str, Any] | None = None) -> None:
        """Take the job as far as it goes. ``manifest`` is what was received, for ``Step.SAVE``.

        Raises nothing but CancelledError, when the queue closes; what is on disk then is what the next
        start goes on from.
        """
        try:
            match step:
                case Step.SEND:
                    if await self._send():
                        await self._follow()
                case Step.WATCH:
                    await self._pass_to(JobState.RUNNING)
                    await self._follow()
                case Step.SAVE:
                    assert manifest is not None
                    await self._pass_to(JobState.SAVING, incoming=manifest)
                    await unbroken(self._keep(manifest))
                case Step.STOP:
                    await unbroken(self._stop())
                case Step.ASK:
                    await self._to(JobState.UNSURE, error=unsure_note(self.job))
                case Step.AGAIN:
                    await self._to(JobState.WAITING, ticket=None, incoming=None)
                case Step.LEAVE:
                    pass
        except TakenOver:
            self.is_lost = True

    async def _send(self) -> bool:
        if self.job.tries:
            # What an earlier try left behind must not be taken for the answer to this one.
            cleared = await outcome(self._desk.intake.clear(self.job.id), "The intake")
            if isinstance(cleared, Failure):
                await self._fail(cleared)
                return False
        return await unbroken(self._note_and_submit())

    async def _note_and_submit(self) -> bool:
        before = self.job
        sending = self._moved(
            JobState.SENDING, tries=before.tries + 1, ticket=None, incoming=None, error=None
        )
        failure = await outcome(self._desk.save(sending), "The database")
        if isinstance(failure, Failure):
            if failure.is_a(TakenOver):
                raise failure.error
            self._desk.trouble(failure.error)  # nothing was sent: it stays among the waiting
            self.pause_s = DISK_PAUSE_S
            return False
        self._tell(sending)
        if self.cancel_wanted:
            await self._to(JobState.CANCELLED)
            return False
        if self._is_closing:
            # Nothing was sent yet, and the next start shall not have to ask.
            await self._to(JobState.WAITING, tries=before.tries)
            return False
        answer = await outcome(self._ticket(), self._provider_title)
        if isinstance(answer, Failure):
            await self._settle(
                answer, after_submit(answer, idempotent=self._is_idempotent, setbacks=self.setbacks)
            )
            return False
        await self._to(JobState.RUNNING, ticket=answer)
        return True

    async def _ticket(self) -> Ticket:
        ticket: object = await self._held_provider.submit(self.job.recipe, job_id=self.job.id)
        if not isinstance(ticket, Ticket):
            raise TypeError("submit gave no ticket")
        return ticket

    async def _follow(self) -> None:
        """Watch to the end, then keep what came."""
        if not self._has_answer():
            if self.cancel_wanted:
                await unbroken(self._stop())
                return
            failure, interrupted = await self._watch()
            if not self._has_answer():
                if interrupted is not None:
                    raise interrupted
                if failure is None or self.cancel_wanted:
                    await unbroken(self._stop())
                    return
                await unbroken(self._settle(failure, self._after_watch(failure)))
                return
            if interrupted is not None:
                # The answer came in the very moment of closing: keep it, then let the closing go on.
                if not self._is_repeatable:
                    await unbroken(self._receive())
                raise interrupted
        if self._is_repeatable:
            await self._receive()
        else:
            await unbroken(self._receive())

    async def _watch(self) -> tuple[Failure | None, asyncio.CancelledError | None]:
        self._watching = asyncio.ensure_future(self._watch_until_told())
        try:
            return await self._watching, None
        except asyncio.CancelledError as cancelled:
            task = asyncio.current_task()
            is_closing = task is not None and task.cancelling() > 0
            if is_closing and not self._watching.done():
                await asyncio.wait({self._watching})
            return None, cancelled if is_closing else None
        finally:
            self._watching = None

    async def _watch_until_told(self) -> Failure | None:
        setbacks = 0
        while True:
            failure, had_news = await self._watch_once()
            if failure is None:
                return None
            setbacks = 0 if had_news else setbacks
            verdict = self._after_watch(failure, setbacks)
            if verdict.turn is not Turn.REPEAT:
                return failure
            setbacks += 1
            self._desk.progress(self.job.id, Working(note=str(failure.error)))
            await self._desk.sleep(verdict.pause_s)

    async def _watch_once(self) -> tuple[Failure | None, bool]:
        assert self.job.ticket is not None
        had_news = False

        def news() -> None:
            nonlocal had_news
            had_news = True

        failure = await outcome(self._read(self.job.ticket, news), self._provider_title)
        return failure, had_news

    async def _read(self, ticket: Ticket, news: Callable[[], None]) -> Failure | None:
        updates = self._held_provider.watch(ticket, self.job.recipe)
        try:
            async for update in updates:
                if isinstance(update, Finished):
                    self.finished = update
                    return None
                news()
                self._show(update)
        finally:
            close = getattr(updates, "aclose", None)
            if close is not None:
                await close()
        raise BadAnswer(f"{self._provider_title} ended without a picture.")

    def _show(self, update: Update) -> None:
        if isinstance(update, Waiting | Working | Preview):
            self._desk.progress(self.job.id, update)

    def _after_watch(self, failure: Failure, setbacks: int | None = None) -> Verdict:
        ticket = self.job.ticket
        return after_watch(
            failure,
            resumable=ticket is not None and ticket.resumable,
            idempotent=self._is_idempotent,
            setbacks=self.setbacks if setbacks is None else setbacks,
        )

    async def _receive(self) -> None:
        """Bring the outputs to disk; the answer stays in memory until they are."""
        finished = self.finished
        assert finished is not None
        setbacks = 0
        while True:
            manifest = await outcome(self._take(finished), "The intake")
            if not isinstance(manifest, Failure):
                break
            verdict = after_receive(manifest, setbacks=setbacks)
            if verdict.turn is not Turn.REPEAT:
                await self._fail(manifest)
                return
            setbacks += 1
            await self._desk.sleep(verdict.pause_s)
        self.finished = None
        await unbroken(self._save_and_keep(manifest))

    async def _take(self, finished: Finished) -> Mapping[str, Any]:
        if not finished.outputs:
            raise BadAnswer(f"{self._provider_title} finished without a picture.")
        return await self._desk.intake.receive(self.job, finished, self._held_provider.fetch)

    async def _save_and_keep(self, manifest: Mapping[str, Any]) -> None:
        await self._to(JobState.SAVING, incoming=manifest)
        await self._keep(manifest)

    async def _keep(self, manifest: Mapping[str, Any]) -> None:
        pictures = await outcome(self._desk.intake.make(self.job, manifest), "The intake")
        if isinstance(pictures, Failure):
            await self._fail(pictures)
            return
        done = self._moved(
            JobState.DONE, pictures=tuple(picture.id for picture in pictures), error=None, incoming=None
        )
        failure = await outcome(self._desk.finish(done, pictures), "The library")
        if isinstance(failure, Failure):
            if failure.is_a(TakenOver):
                raise failure.error
            await self._fail(failure)
            return
        self.unsaved = False
        self._tell(done)
        cleared = await outcome(self._desk.intake.clear(done.id), "The intake")
        self.is_tidy = not isinstance(cleared, Failure)

    async def _stop(self) -> None:
        """Cancelled by a person: tell the provider, and say so when it may go on there."""
        note = None
        if self.job.ticket is not None:
            title = self._provider_title
            if self._provider is None:
                reason = f"{title} is not there to be told."
            elif self._provider.info.cancels:
                told = await outcome(self._tell_to_stop(self.job.ticket), title)
                reason = str(told.error) if isinstance(told, Failure) else ""
            else:
                reason = f"{title} can't stop a job."
            if reason and not self._is_idempotent:
                note = ErrorNote(
                    kind=NOT_STOPPED,
                    message=f"{reason} It may still finish there, and be charged.",
                    fix="Retry to fetch its result, if the service keeps it.",
                )
        await self._to(JobState.CANCELLED, error=note)

    async def _tell_to_stop(self, ticket: Ticket) -> None:
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._held_provider.cancel(ticket)
        except TimeoutError as error:
            raise BadAnswer(f"{self._provider_title} did not answer the wish to stop.") from error

    async def _settle(self, failure: Failure, verdict: Verdict) -> None:
        note = ErrorNote.of(failure.error)
        match verdict.turn:
            case Turn.WAIT:
                self.setbacks += 1
                self.pause_s = verdict.pause_s
                await self._to(JobState.WAITING, error=note, ticket=None, incoming=None)
            case Turn.ASK:
                await self._to(JobState.UNSURE, error=replace(note, can_retry=False))
            case Turn.FAIL | Turn.REPEAT:
                await self._fail(failure)

    async def _fail(self, failure: Failure) -> None:
        if isinstance(failure.error, StorageError):
            self._desk.trouble(failure.error)
        await self._to(JobState.FAILED, error=ErrorNote.of(failure.error))

    async def _pass_to(self, state: JobState, **changes: Any) -> None:
        """Through the states in between, which need no write of their own, for nothing is sent in them."""
        if self.job.state is state:
            return
        path = (JobState.WAITING, JobState.SENDING, JobState.RUNNING, JobState.SAVING)
        if self.job.state is JobState.SAVING:  # back to watching
            await self._to(state, incoming=None, **changes)
            return
        for passed in path[path.index(self.job.state) + 1 : path.index(state)]:
            self.job = self._moved(passed)
        await self._to(state, error=None, **changes)

    def _moved(self, state: JobState, **changes: Any) -> Job:
        return move(self.job, state, now=self._desk.clock(), **changes)

    async def _to(self, state: JobState, **changes: Any) -> None:
        """The next state: on disk, then told. When the disk refuses it the work goes on in memory: it can't be
        undone, the record is merely behind, and a final state is still told, with its reason.
        """
        job = self._moved(state, **changes)
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
        self.unsaved = False
        self._tell(job)

    def _tell(self, job: Job) -> None:
        self.job = job
        self._desk.changed(job)

    def _has_answer(self) -> bool:
        return self.finished is not None

    @property
    def _held_provider(self) -> Provider:
        assert self._provider is not None
        return self._provider

    @property
    def _provider_title(self) -> str:
        return self._provider.info.title if self._provider is not None else self.job.recipe.ref.provider

    @property
    def _is_idempotent(self) -> bool:
        return self._provider is not None and self._provider.info.idempotent

    @property
    def _is_repeatable(self) -> bool:
        ticket = self.job.ticket
        return self._is_idempotent or (ticket is not None and ticket.resumable)
