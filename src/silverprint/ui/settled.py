"""Waiting until what was typed has arrived: a key that acts at once must not overtake the letters before it."""

from __future__ import annotations

import asyncio

from textual.screen import Screen
from textual.widget import Widget

_HOPS = 4


async def settled(screen: Screen[None]) -> None:
    """Return when the keys pressed so far have become the values that ``screen`` knows.

    A priority key is handled by the app, while letters still wait in the queue of the focused field, and its news
    climbs one parent at a time. Each queue on that way is let run empty several times, since a key sets a value, the
    value calls a watcher, and the watcher posts the message: each of them queues behind what is there. Call it from
    a task of its own, never from a handler of these widgets.
    """
    node: object = screen.focused or screen
    while isinstance(node, Widget):
        for _ in range(_HOPS):
            emptied = asyncio.Event()
            if not node.is_running or not node.call_later(emptied.set):
                break
            await emptied.wait()
        if node is screen:
            break
        node = node.parent if isinstance(node.parent, Widget) else None
