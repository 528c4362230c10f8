"""Watching: following one ticket to its answer, through any network, until the result has expired.

Owns the pauses between two questions and when to end them. What the end means for the job is left to ``develop.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from silverprint.core.errors import BadAnswer, TicketLost
from silverprint.core.job import Job
from silverprint.core.provider import Provider
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Preview, Update, Waiting, Working
from silverprint.queue.desk import Desk
from silverprint.queue.outcome import Failure, outcome
from silverprint.queue.setbacks import Turn, after_watch, pause_words

PATIENCE = timedelta(hours=24)
"""How long a service that does not say when its results expire is asked while it can't be reached."""


class Watching:
    """The watch of a job's ticket. ``take`` is given the answer at once, so that nothing can come in between."""

    def __init__(self, job: Job, provider: Provider, desk: Desk, *, take: Callable[[Finished], None]) -> None:
        assert job.ticket is not None
        self._job = job
        self._ticket: Ticket = job.ticket
        self._provider = provider
        self._desk = desk
        self._take = take
        self._has_news = False

    async def until_told(self) -> Failure | None:
        """Watch until the answer was taken, or until an error that asking again does not mend."""
        given_up = self._expires or self._desk.clock() + PATIENCE
        setbacks = 0
        while True:
            self._has_news = False
            failure = await outcome(self._read(), self._provider.info.title)
            if failure is None:
                return None
            setbacks = 0 if self._has_news else setbacks
            verdict = after_watch(
                failure,
                resumable=self._ticket.resumable,
                idempotent=self._provider.info.idempotent,
                setbacks=setbacks,
            )
            now = self._desk.clock()
            if verdict.turn is not Turn.REPEAT:
                return self._told_expired(failure, now)
            if now >= given_up:
                return Failure(self._expired(failure))
            setbacks += 1
            pause_s = min(verdict.pause_s, (given_up - now).total_seconds())
            self._desk.progress(self._job.id, Working(note=pause_words(failure, pause_s)))
            await self._desk.sleep(pause_s)

    async def _read(self) -> None:
        updates = self._provider.watch(self._ticket, self._job.recipe)
        try:
            async for update in updates:
                if isinstance(update, Finished):
                    self._take(update)
                    return
                self._has_news = True
                self._show(update)
        finally:
            close = getattr(updates, "aclose", None)
            if close is not None:
                await close()
        raise BadAnswer(f"{self._provider.info.title} ended without a picture.")

    def _show(self, update: Update) -> None:
        if isinstance(update, Waiting | Working | Preview):
            self._desk.progress(self._job.id, update)

    @property
    def _expires(self) -> datetime | None:
        expires = self._ticket.expires
        return expires.replace(tzinfo=UTC) if expires is not None and expires.tzinfo is None else expires

    def _told_expired(self, failure: Failure, now: datetime) -> Failure:
        """A service says only that it does not know the ticket; we may know why."""
        expires = self._expires
        if not failure.is_a(TicketLost) or expires is None or now < expires:
            return failure
        return Failure(
            TicketLost(f"The result expired on {_local(expires)}. {failure.error}", fix=failure.error.fix)
        )

    def _expired(self, failure: Failure) -> TicketLost:
        title, expires = self._provider.info.title, self._expires
        if expires is not None:
            return TicketLost(
                f"The result expired on {_local(expires)}, and {title} could not be asked for it before: {failure.error}"
            )
        hours = PATIENCE.total_seconds() / 3600
        lost = TicketLost(
            f"{title} could not be asked for {hours:.0f} hours, and the result has probably expired: {failure.error}",
            fix="Retry: silverprint asks for the result first, and sends nothing again while it may be there.",
        )
        lost.can_retry = True
        return lost


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d at %H:%M}"
