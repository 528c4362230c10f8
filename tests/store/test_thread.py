"""The database's own thread: order, exceptions, cancelling and closing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from silverprint.core.errors import LibraryDamaged, LibraryError
from silverprint.store.database import Database
from silverprint.store.thread import DatabaseThread


@pytest.fixture
async def thread(tmp_path: Path) -> AsyncIterator[DatabaseThread]:
    opened = DatabaseThread(lambda: Database(tmp_path / "library.db"))
    yield opened
    await opened.aclose()


async def test_work_is_done_in_one_other_thread(thread: DatabaseThread) -> None:
    idents = {await thread.run(threading.get_ident) for _ in range(3)} | {
        await thread.read(threading.get_ident)
    }
    assert len(idents) == 1
    assert threading.get_ident() not in idents


async def test_results_and_exceptions_pass_through(thread: DatabaseThread) -> None:
    table = thread.database.table("t")
    assert await thread.run(table.insert, {"n": 1}) == 1
    assert await thread.run(table.get, doc_id=1) == {"n": 1}
    with pytest.raises(ValueError, match="Mapping"):
        await thread.run(table.insert, "no document")  # type: ignore[arg-type]


def test_called_without_an_event_loop(tmp_path: Path) -> None:
    thread = DatabaseThread(lambda: Database(tmp_path / "library.db"))
    assert thread.call(thread.database.table("t").insert, {"n": 1}) == 1
    thread.close()
    thread.close()
    with pytest.raises(LibraryError, match="closed"):
        thread.call(len, [])


def test_what_opening_raises_is_raised(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    path.write_bytes(b"this is not a database" * 100)
    before = threading.active_count()
    with pytest.raises(LibraryDamaged):
        DatabaseThread(lambda: Database(path))
    assert threading.active_count() == before


async def test_a_cancelled_write_is_still_written_whole(thread: DatabaseThread) -> None:
    db = thread.database
    half, go_on = threading.Event(), threading.Event()

    def write() -> None:
        with db.transaction():
            db.table("jobs").insert({"state": "DONE"})
            half.set()
            assert go_on.wait(30)
            db.table("pictures").insert({"job": 1})

    task = asyncio.create_task(thread.run(write))
    await asyncio.to_thread(half.wait, 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    assert await thread.run(len, db.table("pictures")) == 1
    assert await thread.run(len, db.table("jobs")) == 1


async def test_a_write_that_still_waits_is_not_lost_by_cancelling(thread: DatabaseThread) -> None:
    table = thread.database.table("t")
    go_on = threading.Event()
    blocking = asyncio.create_task(thread.run(go_on.wait, 30))
    await asyncio.sleep(0)
    task = asyncio.create_task(thread.run(table.insert, {"n": 1}))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await blocking
    assert await thread.run(table.all) == [{"n": 1}]


async def test_a_read_that_still_waits_is_dropped_by_cancelling(thread: DatabaseThread) -> None:
    go_on = threading.Event()
    asked: list[str] = []
    blocking = asyncio.create_task(thread.run(go_on.wait, 30))
    await asyncio.sleep(0)
    task = asyncio.create_task(thread.read(asked.append, "old search"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await blocking
    await thread.run(asked.append, "new search")
    assert asked == ["new search"]


async def test_closing_waits_for_what_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    thread = DatabaseThread(lambda: Database(path))
    tasks = [asyncio.create_task(thread.run(thread.database.table("t").insert, {"n": n})) for n in range(20)]
    await asyncio.sleep(0)
    await thread.aclose()
    assert sorted(await asyncio.gather(*tasks)) == list(range(1, 21))
    with Database(path) as db:
        assert len(db.table("t")) == 20
