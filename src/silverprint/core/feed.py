"""Feed: news from the services to whoever listens, in one event loop.

Changes are kept in order and never dropped; of a job's progress only the newest is kept until it is read,
so a slow listener costs no memory and no time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from silverprint.core.events import Event

_Key: TypeAlias = int | tuple[str, bool]


class Feed:
    """Publishes events to any number of subscriptions. Call it from the event loop's thread only."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []

    def publish(self, event: Event) -> None:
        """Hand the event to all who listen. Never waits."""
        for subscription in self._subscriptions:
            subscription.put(event)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[Subscription]:
        """Listen from now on, until the block ends."""
        subscription = Subscription()
        self._subscriptions.append(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)
            subscription.close()


class Subscription:
    """An endless stream of events for one listener; ends when it is closed."""

    def __init__(self) -> None:
        # A feed stands before the first paint, and the events' types are only needed for the first event.
        from silverprint.core.events import JobProgress
        from silverprint.core.update import Preview

        self._progress, self._preview = JobProgress, Preview
        self._events: OrderedDict[_Key, Event] = OrderedDict()
        self._number = 0
        self._filled = asyncio.Event()
        self._closed = False

    def put(self, event: Event) -> None:
        """Add an event; a job's newer progress takes the place of its older one."""
        if isinstance(event, self._progress):
            # A preview must not push out the step count beside it, so each has its own place.
            key: _Key = (event.job_id, isinstance(event.update, self._preview))
            self._events.pop(key, None)
        else:
            self._number += 1
            key = self._number
        self._events[key] = event
        self._filled.set()

    def close(self) -> None:
        """End the stream after what is already in it."""
        self._closed = True
        self._filled.set()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._filled.clear()
            await self._filled.wait()
        return self._events.popitem(last=False)[1]
