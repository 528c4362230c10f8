"""Steps that change an older file's documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from silverprint.core.errors import LibraryError
from silverprint.store.database import Database
from silverprint.store.migrate import Step, applied_steps, migrate


def double(db: Database) -> None:
    for document in db.table("t"):
        db.table("t").update({"n": document["n"] * 2}, doc_ids=[document.doc_id])


def add_one(db: Database) -> None:
    for document in db.table("t"):
        db.table("t").update({"n": document["n"] + 1}, doc_ids=[document.doc_id])


def fail(db: Database) -> None:
    add_one(db)
    raise RuntimeError("this step can't be done")


DOUBLE, ADD, FAIL = (
    Step(name="double", apply=double),
    Step(name="add", apply=add_one),
    Step(name="fail", apply=fail),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "library.db"
    with Database(path) as db:
        db.table("t").insert({"n": 3})
    return path


def test_steps_are_taken_once_and_in_order(path: Path) -> None:
    with Database(path) as db:
        assert migrate(db, [DOUBLE]) == ["double"]
        assert migrate(db, [DOUBLE]) == []
    with Database(path) as db:
        assert migrate(db, [DOUBLE, ADD]) == ["add"]
        assert [each["n"] for each in db.table("t")] == [7]
        assert applied_steps(db) == ["double", "add"]


def test_a_failing_step_leaves_the_file_as_it_was(path: Path) -> None:
    with Database(path) as db:
        with pytest.raises(RuntimeError):
            migrate(db, [DOUBLE, FAIL])
        assert applied_steps(db) == []
        assert [each["n"] for each in db.table("t")] == [3]
        assert migrate(db, [DOUBLE, ADD]) == ["double", "add"]
        assert [each["n"] for each in db.table("t")] == [7]


def test_a_file_from_a_newer_version_is_refused_with_the_way_out(path: Path) -> None:
    with Database(path) as db:
        migrate(db, [DOUBLE, ADD])
    with Database(path) as db:
        with pytest.raises(LibraryError, match="newer silverprint") as caught:
            migrate(db, [DOUBLE])
        assert "Update silverprint" in caught.value.fix
        assert [each["n"] for each in db.table("t")] == [7]


def test_a_new_file_only_records_the_steps(tmp_path: Path) -> None:
    with Database(tmp_path / "new.db") as db:
        assert migrate(db, [FAIL]) == ["fail"]
        db.table("t").insert({"n": 1})
        assert migrate(db, [FAIL]) == []


def test_no_step_given_and_none_taken_writes_nothing(path: Path) -> None:
    with Database(path) as db, Database(path) as watcher:
        before = watcher.data_version()
        assert migrate(db, []) == []
        assert watcher.data_version() == before


def test_two_steps_of_one_name_are_a_mistake(path: Path) -> None:
    with Database(path) as db, pytest.raises(ValueError, match="same name"):
        migrate(db, [DOUBLE, DOUBLE])
