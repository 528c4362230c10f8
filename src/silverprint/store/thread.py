"""The one thread in which the database is used, so that the event loop never waits for the disk.

Owns the thread and the order of work in it: first come, first served. What the work does is the caller's.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from silverprint.core.errors import LibraryError
from silverprint.store.database import Database

P = ParamSpec("P")
R = TypeVar("R")

TOGETHER_MOST = 128
"""How many writes may share one transaction."""


class DatabaseThread:
    """Opens a database in a thread of its own and runs calls there, one after the other.

    ``open_database`` is called in that thread at once; what it raises, the constructor raises. ``database`` may be handed
    to objects whose methods are then run with ``run`` or ``call``.
    """

    def __init__(self, open_database: Callable[[], Database]) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="silverprint-database")
        self._closed = False
        self._writes: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._writes_lock = threading.Lock()
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

    async def write(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """As ``run``, with ``fn`` in a transaction that is durable when this returns.

        Writes that are asked for while an earlier one is on its way to the disk share one transaction, and so one wait
        for the disk. Each is still whole or not at all by itself. When the shared one fails, each is done alone, so
        ``fn`` must be such that doing it again after it was undone does no harm.
        """
        future: Future[R] = Future()
        with self._writes_lock:
            self._writes.append((partial(fn, *args, **kwargs), future))
            is_first = len(self._writes) == 1
        if is_first:
            self._submit(self._write_together)
        return await asyncio.shield(asyncio.wrap_future(future))

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

    def _write_together(self) -> None:
        """Do what waits to be written by now, in its order. Runs in the thread."""
        with self._writes_lock:
            waiting = list(self._writes)
            self._writes.clear()
        for start in range(0, len(waiting), TOGETHER_MOST):
            group = waiting[start : start + TOGETHER_MOST]
            ends = self._try_together([fn for fn, _ in group]) if len(group) > 1 else None
            for number, (fn, future) in enumerate(group):
                result, error = ends[number] if ends is not None else self._try_alone(fn)
                if error is not None:
                    future.set_exception(error)
                else:
                    future.set_result(result)

    def _try_together(self, group: list[Callable[[], Any]]) -> list[tuple[Any, BaseException | None]] | None:
        """The ends of all, in one transaction; None when that failed as a whole, and nothing was written."""
        ends: list[tuple[Any, BaseException | None]] = []
        try:
            with self.database.transaction():
                for fn in group:
                    ends.append(self._try_alone(fn))
                    if not self.database.in_transaction():  # a full disk can undo everything at once
                        return None
        except Exception:  # noqa: BLE001 - each is then done alone, and raises for itself
            return None
        return ends

    def _try_alone(self, fn: Callable[[], Any]) -> tuple[Any, BaseException | None]:
        try:
            with self.database.transaction():
                return fn(), None
        except BaseException as error:  # noqa: BLE001 - it is raised where the write was asked for
            return None, error

    def _submit(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        if self._closed:
            raise LibraryError("The library is closed.")
        return self._pool.submit(fn, *args, **kwargs)
