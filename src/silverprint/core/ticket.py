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
