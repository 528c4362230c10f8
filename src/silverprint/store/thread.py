"""The one thread in which the database is used, so that the event loop never waits for the disk.

Owns the thread and the order of work in it: first come, first served. What the work does is the caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from silverprint.core.errors import LibraryError
from silverprint.store.database import Database

P = ParamSpec("P")
R = TypeVar("R")


class DatabaseThread:
    """Opens a database in a thread of its own and runs calls there, one after the other.

    ``open_database`` is called in that thread at once; what it raises, the constructor raises. ``database`` may be handed
    to objects whose methods are then run with ``run`` or ``call``.
    """

    def __init__(self, open_database: Callable[[], Database]) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="silverprint-database")
        self._closed = False
        try:
            self.database = self._pool.submit(open_database).result()
        except BaseException:
            self._pool.shutdown(wait=True)
            raise

    async def run(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``fn`` in the thread and give its result or raise its exception.

        Once asked for, the work is done: when the waiting task is cancelled it is left to finish, so a write is whole and
        a transaction never half done.
        """
        return await asyncio.shield(asyncio.wrap_future(self._submit(fn, *args, **kwargs)))

    async def read(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """As ``run``, for work that changes nothing: when the task is cancelled before it began, it is dropped."""
        return await asyncio.wrap_future(self._submit(fn, *args, **kwargs))

    def call(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``fn`` in the thread and wait for it here. Not for the event loop, and not from inside the thread."""
        return self._submit(fn, *args, **kwargs).result()

    def close(self) -> None:
        """Let the work that was asked for finish, close the database and end the thread. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        try:
            self._pool.submit(self.database.close).result()
        finally:
            self._pool.shutdown(wait=True)

    async def aclose(self) -> None:
        """``close`` without holding up the event loop."""
        await asyncio.to_thread(self.close)

    def _submit(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        if self._closed:
            raise LibraryError("The library is closed.")
        return self._pool.submit(fn, *args, **kwargs)
