"""Listing: the models that a key can use at a service, asked for at most once a day, kept on disk, served offline.

Owns the freshness. How the service is asked, and which of its models make pictures, is the adapter's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from silverprint.core.errors import ProviderError
from silverprint.providers.shelf import Shelf

FRESH = timedelta(days=1)
REST = timedelta(
    minutes=1
)  # a search asks again at each word; one that can't be asked is left alone for a while


@dataclass(frozen=True, slots=True)
class Listed:
    """One model of a service's list: its id there, and a title where it has one."""

    model: str
    title: str = ""


class Listing:
    """A service's list under ``key`` on the shelf. ``ask`` asks the service and raises ProviderError."""

    def __init__(
        self,
        shelf: Shelf,
        key: str,
        ask: Callable[[], Awaitable[list[Listed]]],
        clock: Callable[[], datetime],
    ) -> None:
        self._shelf = shelf
        self._key = key
        self._ask = ask
        self._clock = clock
        self._asking = asyncio.Lock()
        self._failed: datetime | None = None

    async def held(self) -> list[Listed] | None:
        """What lies on the shelf, however old; None when nothing does. Asks nobody."""
        found = await asyncio.to_thread(self._shelf.get, self._key)
        return None if found is None else _read(found[0])

    async def fresh(self) -> list[Listed]:
        """The list: from the shelf when younger than a day, else the service's. Raises ProviderError."""
        async with self._asking:
            found = await asyncio.to_thread(self._shelf.get, self._key)
            if found is not None and abs(self._clock() - found[1]) < FRESH:
                return _read(found[0])
            return await self._anew()

    async def anew(self) -> list[Listed]:
        """The service's list, now. Raises ProviderError."""
        async with self._asking:
            return await self._anew()

    async def newest(self) -> list[Listed] | None:
        """``fresh`` where the service can be asked, else ``held``."""
        if self._failed is None or abs(self._clock() - self._failed) >= REST:
            try:
                return await self.fresh()
            except ProviderError:
                self._failed = self._clock()
        return await self.held()

    async def has(self, model: str) -> bool | None:
        """Whether the service has the model; None when nobody can tell. A model new to us is asked for anew."""
        held = await self.held()
        if held is not None and any(listed.model == model for listed in held):
            return True
        try:
            return any(listed.model == model for listed in await self.anew())
        except ProviderError:
            return None

    async def _anew(self) -> list[Listed]:
        listed = await self._ask()
        await asyncio.to_thread(self._shelf.put, self._key, [[one.model, one.title] for one in listed])
        return listed


def _read(value: Any) -> list[Listed]:
    rows = value if isinstance(value, list) else []
    return [Listed(*map(str, row)) for row in rows if isinstance(row, list) and len(row) == 2]
