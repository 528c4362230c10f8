"""Lookup: asking a service whether it has a job whose answer was lost.

Owns what is asked, which answers are left out, and what is certain enough to act on. Watching what was found is left
to ``develop.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from silverprint.core.errors import Unreachable, UsageError
from silverprint.core.job import Job
from silverprint.core.provider import Found, LooksUp, Provider
from silverprint.core.ticket import Ticket
from silverprint.queue.outcome import Failure, outcome_within
from silverprint.queue.saved import SavedJobs

TIMEOUT_S = 15.0
MARGIN = timedelta(minutes=5)
"""The service's clock and ours may differ."""
PAUSE_S = 3.0
"""How long after a lost answer the service is given to list the request."""

_log = logging.getLogger(__name__)


def can_look_up(provider: Provider) -> bool:
    """Whether the provider can be asked for past requests."""
    return provider.info.looks_up and isinstance(provider, LooksUp)


class Lookup:
    """Looks for jobs at their services."""

    def __init__(self, saved: SavedJobs, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._saved = saved
        self._sleep = sleep

    async def found(self, job: Job, provider: Provider) -> list[Found]:
        """The requests that may be this job, the likeliest first, without those that are another job's.

        Raises UsageError where the service can't be looked into, and ProviderError.
        """
        if not provider.info.looks_up or not isinstance(provider, LooksUp):
            raise UsageError(
                f"{provider.info.title} has no list of past requests to look into.",
                fix=f"Look at {provider.info.title}'s own pages; then retry to send it again, or cancel to let it be.",
            )
        since = (job.sent or job.created) - MARGIN
        listed = await provider.look_up(job.recipe, job_id=job.id, since=since)
        taken = await self._saved.tickets(provider.info.name, but=job.id)
        return [each for each in listed if not any(each.ticket.claims_the_same(ticket) for ticket in taken)]

    async def certain(self, job: Job, provider: Provider, *, just_sent: bool) -> Ticket | None:
        """The ticket of the one request that is this job for certain; None otherwise, and when the service is slow.

        ``just_sent``: give the service a moment to list it. Raises nothing: where the service can't tell, a person is asked.
        """
        if not can_look_up(provider):
            return None
        if just_sent:
            await self._sleep(PAUSE_S)
        title = provider.info.title
        late = Unreachable(f"{title} did not answer within {TIMEOUT_S:.0f} s.")
        listed = await outcome_within(TIMEOUT_S, self.found(job, provider), title, late)
        if isinstance(listed, Failure):
            _log.warning("job %s could not be looked up: %s", job.id, listed.error)
            return None
        sure = [each for each in listed if each.sure and each.ticket.resumable]
        if len(sure) != 1:
            return None
        _log.info("job %s: its answer was lost, and %s has it", job.id, provider.info.title)
        return sure[0].ticket
