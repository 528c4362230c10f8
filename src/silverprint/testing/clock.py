"""FakeClock: time that moves only when a test moves it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class FakeClock:
    """Call it for the moment; give ``clock.sleep`` to what would sleep; ``advance`` lets it wake.

    Belongs to one event loop at a time.
    """

    def __init__(self, start: datetime = START) -> None:
        self.now = start
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []
        self._changed = asyncio.Event()

    def __call__(self) -> datetime:
        return self.now

    @property
    def pauses_s(self) -> list[float]:
        """How long each sleeper still has, in seconds, shortest first."""
        return sorted((until - self.now).total_seconds() for until, wake in self._sleepers if not wake.done())

    async def sleep(self, seconds: float) -> None:
        """Sleep until the clock was moved by ``seconds``."""
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sleeper = (self.now + timedelta(seconds=seconds), wake)
        self._sleepers.append(sleeper)
        self._changed.set()
        try:
            await wake
        finally:
            self._sleepers.remove(sleeper)

    def advance(self, seconds: float) -> None:
        """Move time on (or back) and wake who is due."""
        self.now += timedelta(seconds=seconds)
        for until, wake in self._sleepers:
            if until <= self.now and not wake.done():
                wake.set_result(None)

    async def until_sleeping(self, seconds: float) -> None:
        """Wait until somebody sleeps for just ``seconds`` more."""
        while not any(abs(pause - seconds) < 1e-6 for pause in self.pauses_s):
            self._changed.clear()
            await self._changed.wait()
