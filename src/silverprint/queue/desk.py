"""Desk: what every job's life needs from outside, handed to it as plain callables.

Owns the shapes only, so that the queue knows neither adapters nor picture files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Protocol, TypeAlias

from silverprint.core.errors import SilverprintError
from silverprint.core.job import Job
from silverprint.core.picture import Picture
from silverprint.core.provider import Provider
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Output, Preview, Waiting, Working
from silverprint.queue.limits import Hold

Progress: TypeAlias = Waiting | Working | Preview
Fetch: TypeAlias = Callable[[Output], Awaitable[bytes]]


class IntakeLike(Protocol):
    """What the queue needs of ``pictures.intake``."""

    async def receive(self, job: Job, finished: Finished, fetch: Fetch) -> Mapping[str, Any]:
        """Write down all outputs; safe to repeat. Raises PictureError, StorageError, or what ``fetch`` raises."""
        ...

    async def pending(self, job_id: str) -> Mapping[str, Any] | None:
        """The manifest of what was received, when all of it is whole."""
        ...

    async def make(self, job: Job, manifest: Mapping[str, Any]) -> Sequence[Picture]:
        """Make the picture files; twice is once. Raises PictureError, StorageError."""
        ...

    async def clear(self, job_id: str) -> None:
        """Forget what was received."""
        ...


class LateIntake:
    """An intake that is built, in a thread, when the first job needs it."""

    def __init__(self, make: Callable[[], IntakeLike]) -> None:
        self._make = cache(make)

    async def receive(self, job: Job, finished: Finished, fetch: Fetch) -> Mapping[str, Any]:
        return await (await self._intake()).receive(job, finished, fetch)

    async def pending(self, job_id: str) -> Mapping[str, Any] | None:
        return await (await self._intake()).pending(job_id)

    async def make(self, job: Job, manifest: Mapping[str, Any]) -> Sequence[Picture]:
        return await (await self._intake()).make(job, manifest)

    async def clear(self, job_id: str) -> None:
        await (await self._intake()).clear(job_id)

    async def _intake(self) -> IntakeLike:
        return await asyncio.to_thread(self._make)


class FindAgain(Protocol):
    """Asks a service for a job whose answer was lost; a ticket only when it is that job for certain. Raises nothing."""

    async def __call__(self, job: Job, provider: Provider, *, just_sent: bool) -> Ticket | None: ...


async def _nothing_found(job: Job, provider: Provider, *, just_sent: bool) -> Ticket | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What every job's life needs. ``changed`` is told a state that is on disk; ``trouble`` a disk that fails.

    ``save`` raises BudgetReached for a job about to be sent that has no room in the budget. ``hold`` keeps further
    jobs from a provider; ``is_barred`` says whether its account is known to be no good.
    """

    save: Callable[[Job], Awaitable[None]]
    intake: IntakeLike
    finish: Callable[[Job, Sequence[Picture]], Awaitable[None]]
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    changed: Callable[[Job], None]
    progress: Callable[[str, Progress], None]
    trouble: Callable[[SilverprintError], None] = lambda _error: None
    hold: Callable[[str, Hold], None] = lambda _provider, _hold: None
    is_barred: Callable[[str], bool] = lambda _provider: False
    find_again: FindAgain = _nothing_found
