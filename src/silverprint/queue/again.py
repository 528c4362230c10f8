"""Again: how a person's word lets an ended job wait once more, and from where its result is taken then.

Owns the choice between what was received, the old ticket, a ticket that was looked up, and sending. Letting it wait is
left to ``queue.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from enum import Enum

from silverprint.core.errors import UsageError
from silverprint.core.job import Job, JobState, move
from silverprint.core.ticket import Ticket
from silverprint.queue.course import price_told
from silverprint.queue.desk import IntakeLike
from silverprint.queue.resume import DOUBTFUL_ERRORS, claim_stands
from silverprint.queue.runner import Runner

_CLAIMABLE = (JobState.UNSURE, JobState.FAILED, JobState.CANCELLED)


class _Way(Enum):
    """How a retry comes to its result."""

    KEPT = "from what was received"
    TICKET = "from the service, by the old ticket"
    SEND = "by sending it again"


class Again:
    """Makes waiting jobs of ended ones. Nothing is written here but what is cleared away."""

    def __init__(self, runner: Runner, intake: IntakeLike, clock: Callable[[], datetime]) -> None:
        self._runner = runner
        self._intake = intake
        self._clock = clock
        self._reused: Counter[str] = Counter()

    async def retried(self, job: Job, *, fresh: bool) -> Job:
        """The job as it waits again, with what is nearest of its earlier result: received, or still claimed.

        After an error that may lie in the result itself, each retry goes one step further back. ``fresh`` sends it.
        """
        manifest = await self._runner.received(job)
        ways = []
        if manifest is not None or self._runner.has_answer(job.id):
            ways.append(_Way.KEPT)
        if claim_stands(job):
            ways.append(_Way.TICKET)
        if job.error is not None and job.error.kind in DOUBTFUL_ERRORS:
            ways = ways[self._reused[job.id] :]
        way = ways[0] if ways and not fresh else _Way.SEND
        self._reused[job.id] = 0 if way is _Way.SEND else self._reused[job.id] + 1
        if way is not _Way.KEPT:
            self._runner.forget(job.id)
            if manifest is not None:
                await self._intake.clear(job.id)
        return move(
            job,
            JobState.WAITING,
            now=self._clock(),
            error=None,
            pictures=(),
            ticket=None if way is _Way.SEND else job.ticket,
            incoming=manifest if way is _Way.KEPT else None,
        )

    async def claimed(self, job: Job, ticket: Ticket) -> Job:
        """The job as it waits to be watched with ``ticket``. Raises UsageError where that can't be."""
        if job.state not in _CLAIMABLE:
            raise UsageError(f"This job is {job.state}; there is nothing to claim for it.")
        if ticket.provider != job.recipe.ref.provider or not ticket.resumable:
            raise UsageError("This request can't be watched for this job.")
        self._runner.forget(job.id)
        await self._intake.clear(job.id)
        self._reused[job.id] = 0
        return move(
            job,
            JobState.WAITING,
            now=self._clock(),
            error=None,
            pictures=(),
            ticket=ticket,
            incoming=None,
            **price_told(ticket.price_usd),
        )
