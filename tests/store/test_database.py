"""The database file: transactions, other connections, damage, a full disk, changed schemas."""

from __future__ import annotations

import random
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from silverprint.core.errors import DiskFull, LibraryBusy, LibraryDamaged, LibraryError
from silverprint.store.condition import field, words
from silverprint.store.database import Database, set_aside
from silverprint.store.schema import Column, TableSchema
from silverprint.store.storage import APPLICATION_ID

SCHEMA = TableSchema(
    columns=(Column("rating", "rating", "INTEGER"), Column("tags", "tags[]")), fts=("prompt",)
)
NOW = datetime(2026, 11, 22, 16, 0, 5, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.db"


def filled(path: Path, count: int = 300) -> None:
    with Database(path, schemas={"pictures": SCHEMA}) as db:
        db.table("pictures").insert_multiple(
            {
                "id": f"p{number}",
                "rating": number % 6,
                "prompt": f"fox {number}",
                "tags": ["a"],
                "pad": "x" * 500,
            }
            for number in range(count)
        )


def fail_after(db: Database, write: Any) -> None:
    with db.transaction():
        write()
        raise RuntimeError("stop here")


def test_a_missing_folder_is_made_and_a_missing_file_only_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "library.db"
    with pytest.raises(LibraryError, match="no library"):
        Database(path, create=False)
    Database(path).close()
    Database(path, create=False).close()


def test_writes_are_there_after_opening_again(path: Path) -> None:
    filled(path)
    with Database(path, schemas={"pictures": SCHEMA}) as db:
        assert len(db.table("pictures")) == 300
        assert db.table("pictures").count(words("fox")) == 300
        assert db.integrity() is None
    with Database(path) as plain:
        assert len(plain.table("pictures")) == 300


def test_it_is_durable_by_its_settings(path: Path) -> None:
    with Database(path) as db:
        assert db.storage.row("PRAGMA journal_mode") == ("wal",)
        assert db.storage.row("PRAGMA synchronous") == (2,)
        assert db.note is None


def test_opening_again_writes_nothing(path: Path) -> None:
    filled(path)
    with Database(path, schemas={"pictures": SCHEMA}) as watcher:
        before = watcher.data_version()
        Database(path, schemas={"pictures": SCHEMA}).close()
        Database(path).close()
        assert watcher.data_version() == before


def test_tables_are_written_together_or_not_at_all(path: Path) -> None:
    with Database(path) as db:
        jobs, pictures = db.table("jobs"), db.table("pictures")

        def write() -> None:
            jobs.insert({"state": "DONE"})
            pictures.insert({"job": 1})

        with pytest.raises(RuntimeError):
            fail_after(db, write)
        assert len(jobs) == len(pictures) == 0
        assert db.tables() == set()
        with db.transaction():
            write()
        assert len(jobs) == len(pictures) == 1


def test_a_nested_transaction_that_fails_undoes_only_its_part(path: Path) -> None:
    with Database(path) as db, Database(path) as other:
        table = db.table("t")
        with db.transaction():
            table.insert({"n": 1})
            with pytest.raises(RuntimeError):
                fail_after(db, lambda: table.insert({"n": 2}))
            table.insert({"n": 3})
            assert len(other.table("t")) == 0, "nothing is seen before the outer one ends"
        assert [each["n"] for each in other.table("t")] == [1, 3]


def test_a_failed_nested_table_is_made_again(path: Path) -> None:
    with Database(path) as db:
        with db.transaction():
            with pytest.raises(RuntimeError):
                fail_after(db, lambda: db.table("t").insert({"n": 1}))
            db.table("t").insert({"n": 2})
        assert [each["n"] for each in db.table("t")] == [2]


def test_reading_is_one_moment(path: Path) -> None:
    with Database(path) as db, Database(path) as other:
        db.table("t").insert({"n": 1})
        with db.reading():
            assert len(db.table("t")) == 1
            other.table("t").insert({"n": 2})
            assert len(db.table("t")) == 1
        assert len(db.table("t")) == 2


def test_another_connections_writes_are_noticed_and_our_own_are_not(path: Path) -> None:
    with Database(path) as ours, Database(path) as theirs:
        theirs.table("t").insert({"n": 1})
        before = ours.data_version()
        ours.table("t").insert({"n": 2})
        assert ours.data_version() == before
        theirs.table("t").insert({"n": 3})
        assert ours.data_version() != before


def test_threads_take_turns(path: Path) -> None:
    with Database(path) as db:
        start = threading.Barrier(4)

        def work(name: str) -> None:
            start.wait()
            for number in range(25):
                with db.transaction():
                    size = len(db.table("t"))
                    db.table("t").insert({"by": name, "n": number, "size": size})

        threads = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [each["size"] for each in db.table("t")] == list(range(100))


def test_a_library_held_by_another_for_too_long_is_busy(path: Path) -> None:
    with Database(path) as holder, Database(path, busy_timeout_s=0.05) as waiting, holder.transaction():
        holder.table("t").insert({"n": 1})
        with pytest.raises(LibraryBusy) as caught:
            waiting.table("t").insert({"n": 2})
        assert caught.value.can_retry
        assert caught.value.fix


def test_a_closed_database_says_so(path: Path) -> None:
    db = Database(path)
    db.close()
    db.close()
    with pytest.raises(LibraryError, match="closed"):
        db.table("t").insert({"n": 1})


# -- damage -----------------------------------------------------------------------------------------------------------


def scribbled(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2 // 4096 * 4096])


def cut_within_the_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def not_a_database(path: Path) -> None:
    path.write_text('{"_default": {}}' * 100, encoding="utf-8")


@pytest.mark.parametrize("damage", [scribbled, cut, cut_within_the_header, not_a_database])
def test_a_damaged_file_is_told_and_set_aside_whole(path: Path, damage: Any) -> None:
    filled(path)
    damage(path)
    broken = path.read_bytes()
    with pytest.raises(LibraryDamaged) as caught:
        Database(path, schemas={"pictures": SCHEMA})
    assert caught.value.path == path
    assert "rebuild" in caught.value.fix
    aside = set_aside(path, NOW)
    assert aside.name == "library.db.damaged-20261122-160005"
    assert aside.read_bytes() == broken
    filled(path, 1)
    with Database(path, schemas={"pictures": SCHEMA}) as fresh:
        assert len(fresh.table("pictures")) == 1
        assert fresh.integrity() is None


def test_damage_in_the_middle_is_found_by_reading_or_by_asking(path: Path) -> None:
    with Database(path) as db:
        db.table("pictures").insert_multiple({"pad": "x" * 500} for _ in range(2000))
    data = bytearray(path.read_bytes())
    data[40960 : len(data) - 40960] = random.Random(2).randbytes(len(data) - 81920)
    path.write_bytes(data)
    with Database(path) as db:
        assert db.integrity() is not None
        with pytest.raises(LibraryDamaged):
            db.table("pictures").all()


def test_setting_aside_takes_the_logs_along_and_overwrites_nothing(path: Path) -> None:
    path.write_bytes(b"database")
    path.with_name("library.db-wal").write_bytes(b"log")
    first = set_aside(path, NOW)
    path.write_bytes(b"another")
    second = set_aside(path, NOW)
    assert first != second
    assert (first.read_bytes(), second.read_bytes()) == (b"database", b"another")
    assert first.with_name(first.name + "-wal").read_bytes() == b"log"
    assert not path.with_name("library.db-wal").exists()


def test_a_file_that_cannot_be_set_aside_says_so(path: Path) -> None:
    with pytest.raises(LibraryError, match="set aside"):
        set_aside(path, NOW)


def test_another_programs_database_is_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(LibraryError, match="another program"):
        Database(path)
    assert path.read_bytes() == before


def test_the_file_carries_our_mark(path: Path) -> None:
    Database(path).close()
    assert int.from_bytes(path.read_bytes()[68:72], "big") == APPLICATION_ID


def test_an_empty_file_is_a_new_database(path: Path) -> None:
    path.touch()
    with Database(path) as db:
        assert db.table("t").insert({"n": 1}) == 1


# -- a full disk ------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_loses_nothing(path: Path) -> None:
    with Database(path, schemas={"pictures": SCHEMA}) as db:
        table = db.table("pictures")
        table.insert({"id": "first", "prompt": "fox"})
        pages = db.storage.rows("PRAGMA page_count")[0][0]
        db.storage.rows(f"PRAGMA max_page_count={pages + 2}")
        with pytest.raises(DiskFull) as caught:
            table.insert_multiple(
                {"id": f"p{number}", "prompt": "fox", "pad": "x" * 3000} for number in range(100)
            )
        assert caught.value.can_retry
        assert [each["id"] for each in table] == ["first"]
        assert table.count(words("fox")) == 1
        db.storage.rows("PRAGMA max_page_count=1000000")
        table.insert({"id": "second", "prompt": "fox"})
        assert db.integrity() is None
    with Database(path, schemas={"pictures": SCHEMA}) as db:
        assert [each["id"] for each in db.table("pictures")] == ["first", "second"]


def test_a_full_disk_inside_a_larger_transaction_undoes_all_of_it(path: Path) -> None:
    with Database(path) as db:
        db.table("t").insert({"n": 0})
        pages = db.storage.rows("PRAGMA page_count")[0][0]
        db.storage.rows(f"PRAGMA max_page_count={pages + 1}")

        def write() -> None:
            db.table("t").insert({"n": 1})
            db.table("u").insert_multiple({"pad": "x" * 3000} for _ in range(50))

        with pytest.raises(DiskFull):
            fail_after(db, write)
        assert [each["n"] for each in db.table("t")] == [0]
        assert db.tables() == {"t"}


# -- network file systems ---------------------------------------------------------------------------------------------


def test_on_a_network_a_rollback_journal_is_used_and_said(path: Path) -> None:
    filled(path)
    with Database(path, schemas={"pictures": SCHEMA}, on_network=True) as db:
        assert db.storage.row("PRAGMA journal_mode") == ("delete",)
        assert db.note is not None
        assert "network" in db.note
        assert db.table("pictures").put("new", {"prompt": "fox"}) == 301
    with Database(path) as db:
        assert db.storage.row("PRAGMA journal_mode") == ("wal",)


def test_on_a_network_a_log_still_held_by_another_is_said(path: Path) -> None:
    with Database(path) as holder:
        holder.table("t").insert({"n": 1})
        with Database(path, on_network=True, busy_timeout_s=0.05) as db:
            assert db.note is not None
            assert "close that first" in db.note
            assert len(db.table("t")) == 1


# -- schemas ----------------------------------------------------------------------------------------------------------


def test_a_changed_schema_is_made_around_the_same_documents(path: Path) -> None:
    filled(path)
    wider = TableSchema(
        columns=(Column("rating", "rating", "INTEGER"), Column("pad", "pad"), Column("labels", "tags[]")),
        fts=("prompt", "pad"),
    )
    with Database(path, schemas={"pictures": wider}) as db:
        table = db.table("pictures")
        assert len(table) == 300
        assert table.count(words("x" * 500)) == 300
        assert table.count(field("tags").has("a")) == 300
        assert table.by_key("p7") is not None
        assert db.integrity() is None
        table.put("p7", {"tags": ["b"], "prompt": "owl"})
        assert table.count(field("tags").has("a")) == table.count(words("fox")) == 299
    with Database(path, schemas={"pictures": SCHEMA}) as db:
        assert db.table("pictures").count(words("owl")) == 1
        assert db.table("pictures").count(field("rating") == 3) == 50


def test_a_schema_given_later_indexes_what_is_there(path: Path) -> None:
    with Database(path) as db:
        db.table("pictures").insert_multiple(
            [{"id": "a", "prompt": "fox"}, {"id": "b", "tags": ["x", "x", 1, True]}]
        )
    with Database(path, schemas={"pictures": SCHEMA}) as db:
        assert db.table("pictures").ids(words("fox")) == [1]
        assert db.table("pictures").ids(field("tags").has("x")) == [2]


def test_a_program_without_the_schema_keeps_the_indexes_right(path: Path) -> None:
    filled(path, 10)
    with Database(path) as early, Database(path) as plain:
        table = plain.table("pictures")
        table.put("new", {"prompt": "owl", "tags": ["b"]})
        table.remove_key("p3")
        table.update({"prompt": "snow"}, field("id") == "p4")
        assert len(early.table("pictures").search(words("owl"))) == 1
    with Database(path, schemas={"pictures": SCHEMA}) as db:
        table = db.table("pictures")
        assert [table.count(words(word)) for word in ("fox", "owl", "snow")] == [8, 1, 1]
        assert table.count(field("tags").has("b")) == 1
        table.truncate()
    with Database(path) as plain:
        plain.table("pictures").insert({"id": "a", "prompt": "fox"})
        plain.table("pictures").truncate()
        plain.table("pictures").insert({"id": "a", "prompt": "fox"})
        assert plain.table("pictures").count(words("fox")) == 1
        plain.drop_table("pictures")
        plain.table("pictures").insert_multiple([{"id": "a"}, {"id": "a"}])


def test_a_table_made_elsewhere_after_opening_is_written_with_its_schema(path: Path) -> None:
    with Database(path) as early:
        filled(path, 3)
        early.table("pictures").insert({"id": "late", "prompt": "fox"})
    with Database(path, schemas={"pictures": SCHEMA}) as db:
        assert db.table("pictures").count(words("fox")) == 4


def test_a_schema_that_the_documents_break_changes_nothing(path: Path) -> None:
    with Database(path) as db:
        db.table("pictures").insert_multiple([{"id": "a"}, {"id": "a"}])
    with pytest.raises(LibraryError, match="same id"):
        Database(path, schemas={"pictures": SCHEMA})
    with Database(path) as db:
        assert len(db.table("pictures")) == 2


def test_a_schema_that_only_a_newer_version_understands_is_refused_with_the_way_out(path: Path) -> None:
    filled(path, 1)
    with Database(path) as db, db.transaction():
        db.storage.execute("UPDATE silverprint_meta SET value='{\"v\": 9}'")
    with pytest.raises(LibraryError, match="newer silverprint"):
        Database(path)


def test_columns_are_checked() -> None:
    for wrong in (
        lambda: Column("Rating", "rating"),
        lambda: Column("rating", "a..b"),
        lambda: Column("rating", "rating", "NUMBER"),  # type: ignore[arg-type]
        lambda: TableSchema(columns=(Column("a", "a"), Column("a", "b"))),
        lambda: TableSchema(key="a.b"),
        lambda: TableSchema(fts=("a b",)),
    ):
        with pytest.raises(ValueError, match=r"\S"):
            wrong()
