"""Ticket: what the provider gave us to claim the result later. Plain JSON, so that it survives us."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from silverprint.core.recipe import Params


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A claim on a result. ``handle`` holds the provider's own ids and links and never a key.

    ``resumable``: another process can watch with it. ``expires``: when the service forgets it (UTC).
    ``price_usd``: what the service said at once that the job costs, for all its pictures together.
    """

    provider: str
    handle: Params = field(default_factory=dict)
    resumable: bool = False
    expires: datetime | None = None
    price_usd: float | None = None

    def claims_the_same(self, other: Ticket) -> bool:
        """Whether both claim one job at the service: by its id there, where both name one; else by all they hold."""
        if self.provider != other.provider:
            return False
        for name in _IDS:
            mine, theirs = self.handle.get(name), other.handle.get(name)
            if mine is not None and theirs is not None:
                return bool(mine == theirs)
        return self.handle == other.handle


_IDS = ("id", "request_id", "prediction_id", "task_id", "job", "polling_url", "status_url")
"""Names under which handles keep what is one job's alone."""
