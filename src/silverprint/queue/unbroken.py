"""Unbroken: work that is brought to its end although the task that waits for it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


async def unbroken(work: Coroutine[Any, Any, _T]) -> _T:
    """Do ``work`` to its end even when the waiting task is cancelled meanwhile; the cancellation comes after.

    A second cancellation breaks through, for work that has no end.
    """
    task = asyncio.ensure_future(work)
    interrupted: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as cancelled:
            if interrupted is not None:
                task.cancel()
            interrupted = cancelled
    if interrupted is not None:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise interrupted from error
        raise interrupted
    return task.result()
