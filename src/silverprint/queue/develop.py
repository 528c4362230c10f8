"""One job's life, from its turn to its pictures.

Owns the order of steps and of writes: each state is on disk before it is told. Whose turn it is belongs to
``lanes.py``, what an error means to ``setbacks.py``, the questions of a watch to ``watching.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from silverprint.core.budget import BudgetReached, sane_usd
from silverprint.core.errors import BadAnswer
from silverprint.core.job import ErrorNote, Job, JobState
from silverprint.core.provider import Provider
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished
from silverprint.queue.course import Course, price_told
from silverprint.queue.desk import Desk
from silverprint.queue.limits import Hold, HoldKind
from silverprint.queue.outcome import Failure, outcome, outcome_within
from silverprint.queue.resume import NOT_STOPPED, Step, unsure_note
from silverprint.queue.saved import TakenOver
from silverprint.queue.setbacks import (
    Turn,
    Verdict,
    after_receive,
    after_submit,
    after_watch,
    pause_words,
)
from silverprint.queue.unbroken import unbroken
from silverprint.queue.watching import Watching

STOP_TIMEOUT_S = 15.0
DISK_PAUSE_S = 10.0


class Development:
    """The life of one job in this process.

    After ``run``, ``pause_s`` says how long its provider asked to be left alone; ``finished`` is an answer
    that could not be written; ``is_lost`` says that another process has the job; ``is_tidy`` that nothing received
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
        self._course = Course(job, desk)
        self.setbacks = setbacks
        self.finished = finished
        self.cancel_wanted = cancel
        self.pause_s = 0.0
        self.is_lost = False
        self.is_tidy = False
        self._is_closing = False
        self._is_asking = False
        self._provider = provider
        self._desk = desk
        self._watching: asyncio.Task[Failure | None] | None = None

    @property
    def job(self) -> Job:
        """Its newest state."""
        return self._course.job

    @property
    def unsaved(self) -> bool:
        """Whether the disk refused that state, so that the record is behind."""
        return self._course.unsaved

    @property
    def must_end(self) -> bool:
        """Breaking it off now would lose an answer that is given only once."""
        on_its_way = self.job.state in (JobState.SENDING, JobState.RUNNING)
        return on_its_way and not self._is_repeatable and not self._is_asking

    def attach(self, provider: Provider) -> None:
        """Give it its provider, where that had to be loaded first."""
        self._provider = provider

    async def refuse(self, failure: Failure) -> None:
        """It can't go on, for a reason outside of it: FAILED, with the reason."""
        if self.job.state.is_final:
            return
        try:
            await self._course.fail(failure)
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
                    await self._send()
                case Step.WATCH:
                    await self._course.pass_to(JobState.RUNNING)
                    await self._follow()
                case Step.SAVE:
                    assert manifest is not None
                    await self._course.pass_to(
                        JobState.SAVING, incoming=manifest, **price_told(manifest.get("price_usd"))
                    )
                    await unbroken(self._keep(manifest))
                case Step.STOP:
                    await unbroken(self._stop())
                case Step.ASK:
                    await self._ask()
                case Step.AGAIN:
                    await self._course.to(JobState.WAITING, ticket=None, incoming=None)
                case Step.LEAVE:
                    pass
        except TakenOver:
            self.is_lost = True

    async def _send(self) -> None:
        if self.job.tries:
            # What an earlier try left behind must not be taken for the answer to this one.
            cleared = await outcome(self._desk.intake.clear(self.job.id), "The intake")
            if isinstance(cleared, Failure):
                await self._course.fail(cleared)
                return
        doubt = await unbroken(self._note_and_submit())
        if doubt is not None:
            await self._ask(doubt)
        elif self.job.state is JobState.RUNNING:
            await self._follow()

    async def _note_and_submit(self) -> ErrorNote | None:
        """Up to RUNNING, or to whatever else became of it; what left it in doubt whether it was taken, if anything did."""
        before, provider = self.job, self._held_provider
        now = self._desk.clock()
        # What is computed here is free, whoever queued it.
        cost = 0.0 if before.price_usd is None and provider.info.local else before.price_usd
        sending = self._course.moved(
            JobState.SENDING,
            tries=before.tries + 1,
            ticket=None,
            incoming=None,
            error=None,
            sent=now,
            price_usd=cost,
        )
        failure = await outcome(self._desk.save(sending), "The database")
        if isinstance(failure, Failure):
            self._not_noted(failure)
            return None
        self._course.is_at(sending)
        if self.cancel_wanted:
            await self._course.to(JobState.CANCELLED)
            return None
        if self._is_closing or self._desk.is_barred(self.job.recipe.ref.provider):
            # Nothing was sent yet: the next start shall not have to ask, and what is known to be refused is not tried.
            await self._course.to(JobState.WAITING, tries=before.tries)
            return None
        answer = await outcome(self._ticket(), self._provider_title)
        if isinstance(answer, Failure):
            verdict = after_submit(answer, idempotent=self._is_idempotent, setbacks=self.setbacks)
            if verdict.turn is Turn.ASK:
                return ErrorNote.of(answer.error)
            await self._settle(answer, verdict)
            return None
        await self._course.to(JobState.RUNNING, ticket=answer, **price_told(answer.price_usd))
        return None

    def _not_noted(self, failure: Failure) -> None:
        """Nothing was sent, and the job stays among the waiting."""
        if failure.is_a(TakenOver):
            raise failure.error
        if failure.is_a(BudgetReached):
            self._hold(HoldKind.BUDGET, failure)
            return
        self._desk.trouble(failure.error)
        self.pause_s = DISK_PAUSE_S

    async def _ask(self, doubt: ErrorNote | None = None) -> None:
        """Only a person may say, unless the service has the job for certain. ``doubt`` is what an answer ended in."""
        provider = self._held_provider
        if self.job.state is JobState.SENDING:
            # Broken off here it is still SENDING, and the next start looks again.
            self._is_asking = True
            ticket = await self._desk.find_again(self.job, provider, just_sent=doubt is not None)
            self._is_asking = False
            if ticket is not None:
                await self._course.to(
                    JobState.RUNNING, ticket=ticket, error=None, **price_told(ticket.price_usd)
                )
                await self._follow()
                return
        await self._course.to(JobState.UNSURE, error=unsure_note(self.job, provider.info, doubt))

    async def _ticket(self) -> Ticket:
        ticket: object = await self._held_provider.submit(self.job.recipe, job_id=self.job.id)
        if not isinstance(ticket, Ticket):
            raise TypeError("submit gave no ticket")
        return replace(ticket, price_usd=sane_usd(ticket.price_usd))

    async def _follow(self) -> None:
        """Watch to the end, then keep what came; where its links had expired, once more from the beginning."""
        if await self._watch_and_receive(can_rewatch=self._has_claim):
            await self._watch_and_receive(can_rewatch=False)

    async def _watch_and_receive(self, *, can_rewatch: bool) -> bool:
        """Whether it is to be watched again."""
        if not self._has_answer():
            if self.cancel_wanted:
                await unbroken(self._stop())
                return False
            failure, interrupted = await self._watch()
            if not self._has_answer():
                if interrupted is not None:
                    raise interrupted
                if failure is None or self.cancel_wanted:
                    await unbroken(self._stop())
                    return False
                await unbroken(self._settle(failure, self._after_watch(failure)))
                return False
            if interrupted is not None:
                # The answer came in the very moment of closing: keep it, then let the closing go on.
                if not self._is_repeatable:
                    await unbroken(self._receive())
                raise interrupted
        if self._is_repeatable:
            return await self._receive(can_rewatch=can_rewatch)
        return await unbroken(self._receive())

    async def _watch(self) -> tuple[Failure | None, asyncio.CancelledError | None]:
        watching = Watching(self.job, self._held_provider, self._desk, take=self._take_answer)
        self._watching = asyncio.ensure_future(watching.until_told())
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

    def _take_answer(self, finished: Finished) -> None:
        self.finished = finished

    def _after_watch(self, failure: Failure) -> Verdict:
        return after_watch(
            failure, resumable=self._has_claim, idempotent=self._is_idempotent, setbacks=self.setbacks
        )

    async def _receive(self, *, can_rewatch: bool = False) -> bool:
        """Bring the outputs to disk; the answer stays in memory until they are. True when it is to be watched again."""
        finished = self.finished
        assert finished is not None
        setbacks = 0
        while True:
            manifest = await outcome(self._take(finished), "The intake")
            if not isinstance(manifest, Failure):
                break
            verdict = after_receive(manifest, setbacks=setbacks, can_rewatch=can_rewatch)
            if verdict.turn is Turn.REWATCH:
                self.finished = None
                return True
            if verdict.turn is not Turn.REPEAT:
                await self._course.fail(manifest)
                return False
            setbacks += 1
            await self._desk.sleep(verdict.pause_s)
        self.finished = None
        await unbroken(self._save_and_keep(manifest))
        return False

    async def _take(self, finished: Finished) -> Mapping[str, Any]:
        if not finished.outputs:
            raise BadAnswer(f"{self._provider_title} finished without a picture.")
        return await self._desk.intake.receive(self.job, finished, self._held_provider.fetch)

    async def _save_and_keep(self, manifest: Mapping[str, Any]) -> None:
        await self._course.to(JobState.SAVING, incoming=manifest, **price_told(manifest.get("price_usd")))
        await self._keep(manifest)

    async def _keep(self, manifest: Mapping[str, Any]) -> None:
        pictures = await outcome(self._desk.intake.make(self.job, manifest), "The intake")
        if isinstance(pictures, Failure):
            await self._course.fail(pictures)
            return
        done = self._course.moved(
            JobState.DONE, pictures=tuple(picture.id for picture in pictures), error=None, incoming=None
        )
        failure = await outcome(self._desk.finish(done, pictures), "The library")
        if isinstance(failure, Failure):
            if failure.is_a(TakenOver):
                raise failure.error
            await self._course.fail(failure)
            return
        self._course.is_at(done)
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
                late = BadAnswer(f"{title} did not answer the wish to stop.")
                told = await outcome_within(
                    STOP_TIMEOUT_S, self._held_provider.cancel(self.job.ticket), title, late
                )
                reason = str(told.error) if isinstance(told, Failure) else ""
            else:
                reason = f"{title} can't stop a job."
            if reason and not self._is_idempotent:
                note = ErrorNote(
                    kind=NOT_STOPPED,
                    message=f"{reason} It may still finish there, and be charged.",
                    fix="Retry to fetch its result, if the service keeps it.",
                )
        await self._course.to(JobState.CANCELLED, error=note)

    async def _settle(self, failure: Failure, verdict: Verdict) -> None:
        note = ErrorNote.of(failure.error)
        match verdict.turn:
            case Turn.WAIT:
                self.setbacks += 1
                self.pause_s = verdict.pause_s
                note = replace(note, message=pause_words(failure, verdict.pause_s))
                await self._course.to(JobState.WAITING, error=note, ticket=None, incoming=None)
            case Turn.PAUSE:
                self._hold(
                    HoldKind.ACCOUNT, failure
                )  # before anything is waited for, so that none further is sent
                if self._has_claim:
                    await self._course.to(JobState.WAITING, error=note)
                else:
                    await self._course.to(JobState.WAITING, error=note, ticket=None, tries=self.job.tries - 1)
            case Turn.ASK:
                await self._course.to(
                    JobState.UNSURE, error=unsure_note(self.job, self._held_provider.info, note)
                )
            case Turn.FAIL | Turn.REPEAT | Turn.REWATCH:
                await self._course.fail(failure)

    def _hold(self, kind: HoldKind, failure: Failure) -> None:
        reason = f"{failure.error} {failure.error.fix}".strip()
        self._desk.hold(self.job.recipe.ref.provider, Hold(kind, reason))

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
    def _has_claim(self) -> bool:
        ticket = self.job.ticket
        return ticket is not None and ticket.resumable

    @property
    def _is_repeatable(self) -> bool:
        return self._is_idempotent or self._has_claim
