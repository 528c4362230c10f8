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


async def _hold(thread: DatabaseThread) -> tuple[threading.Event, asyncio.Task[object]]:
    """Keep the thread busy until the event is set, so that what is asked for meanwhile gathers."""
    begun, go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def busy() -> None:
        loop.call_soon_threadsafe(begun.set)
        assert go.wait(30)

    task: asyncio.Task[object] = asyncio.ensure_future(thread.run(busy))
    await begun.wait()
    return go, task


def _statements(thread: DatabaseThread) -> list[str]:
    """A growing list of the commits that reach SQLite."""
    seen: list[str] = []
    connection = thread.database.storage._connection
    connection.set_trace_callback(lambda sql: seen.append(sql) if sql == "COMMIT" else None)
    return seen


async def test_writes_that_gather_share_one_transaction(thread: DatabaseThread) -> None:
    table = thread.database.table("t")
    await thread.write(table.insert, {"n": -1})
    commits = _statements(thread)
    go, busy = await _hold(thread)
    writes = [asyncio.ensure_future(thread.write(table.insert, {"n": n})) for n in range(20)]
    await asyncio.sleep(0)
    go.set()
    ids = await asyncio.gather(*writes)
    await busy
    assert len(set(ids)) == 20
    assert [row["n"] for row in await thread.run(table.all)] == list(range(-1, 20))
    assert commits == ["COMMIT"]


async def test_one_bad_write_does_not_spoil_the_others(thread: DatabaseThread) -> None:
    table = thread.database.table("t")

    def half(number: int) -> None:
        table.insert({"n": number})
        if number == 2:
            raise ValueError("the third is bad")

    go, busy = await _hold(thread)
    writes = [asyncio.ensure_future(thread.write(half, n)) for n in range(5)]
    await asyncio.sleep(0)
    go.set()
    ends = await asyncio.gather(*writes, return_exceptions=True)
    await busy
    assert [type(end) for end in ends] == [type(None), type(None), ValueError, type(None), type(None)]
    assert [row["n"] for row in await thread.run(table.all)] == [0, 1, 3, 4]


async def test_a_shared_transaction_that_fails_is_done_one_by_one(
    thread: DatabaseThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = thread.database.table("t")
    await thread.write(table.insert, {"n": -1})

    def undo_all() -> None:
        # What SQLite does by itself on a full disk: everything in the transaction is undone.
        if thread.database.in_transaction():
            table.insert({"n": 99})
            thread.database.storage._connection.execute("ROLLBACK")
            raise LibraryError("the disk is full")

    go, busy = await _hold(thread)
    writes = [asyncio.ensure_future(thread.write(table.insert, {"n": n})) for n in range(3)]
    bad = asyncio.ensure_future(thread.write(undo_all))
    writes += [asyncio.ensure_future(thread.write(table.insert, {"n": n})) for n in range(3, 6)]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*writes)
    with pytest.raises(LibraryError, match="disk is full"):
        await bad
    await busy
    assert [row["n"] for row in await thread.run(table.all)] == list(range(-1, 6))


async def test_writes_asked_for_before_closing_are_done(tmp_path: Path) -> None:
    opened = DatabaseThread(lambda: Database(tmp_path / "library.db"))
    table = opened.database.table("t")
    go, busy = await _hold(opened)
    writes = [asyncio.ensure_future(opened.write(table.insert, {"n": n})) for n in range(300)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(opened.aclose())
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(closing, busy, *writes)
    again = Database(tmp_path / "library.db")
    assert len(again.table("t")) == 300
    again.close()
