"""Real processes: killed in the middle of writing, and writing at the same time."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from silverprint.store.condition import field, words
from silverprint.store.database import Database
from silverprint.store.schema import Column, TableSchema

CHILD = Path(__file__).with_name("crash_child.py")
SCHEMAS = {
    "jobs": TableSchema(columns=(Column("state", "state"),)),
    "pictures": TableSchema(columns=(Column("tags", "tags[]"),), fts=("prompt",)),
}
KILLS = 25
RECORDS = 200


def start(what: str, folder: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CHILD), what, str(folder), name], stdout=subprocess.PIPE, text=True, bufsize=1
    )


def lines_until_killed(child: subprocess.Popen[str], enough: int, extra_s: float) -> list[str]:
    """What the child said: it is killed ``extra_s`` after its ``enough``-th line, so at any point of a write."""
    assert child.stdout is not None
    said: list[str] = []
    for line in child.stdout:
        said.append(line.strip())
        if len(said) == enough:
            threading.Timer(extra_s, child.kill).start()
    child.wait()
    child.stdout.close()
    return said


def after(name: str, transactions: int) -> set[str]:
    """The jobs that are there after so many of a child's transactions: each fifth removes the one before it."""
    removed = {number - 1 for number in range(4, transactions, 5)}
    return {f"{name}-{number}" for number in range(transactions) if number not in removed}


@pytest.mark.faults
def test_killed_at_any_moment_every_acknowledged_write_is_there_whole(tmp_path: Path) -> None:
    source = random.Random(20261122)
    written: dict[str, int] = {}
    for turn in range(KILLS):
        name = f"turn{turn}"
        said = lines_until_killed(
            start("pairs", tmp_path, name), source.randrange(2, 12), source.random() * 0.01
        )
        assert said[0] == "open"
        written[name] = len(said) - 1

        with Database(tmp_path / "library.db", schemas=SCHEMAS) as db:
            jobs = {str(job["id"]) for job in db.table("jobs")}
            pictures: dict[str, int] = {}
            for picture in db.table("pictures"):
                pictures[picture["job"]] = pictures.get(picture["job"], 0) + 1
            for each, acknowledged in written.items():
                found = {job for job in jobs if job.startswith(f"{each}-")}
                # The last one may be written and not yet said.
                assert found in (after(each, acknowledged), after(each, acknowledged + 1))
            assert pictures == dict.fromkeys(jobs, 2), (
                "no job without its pictures, no picture without its job"
            )
            assert db.table("pictures").count(words("fox")) == 2 * len(jobs)
            assert db.table("pictures").count(field("tags").has("b")) == 2 * len(jobs)
    with Database(tmp_path / "library.db", schemas=SCHEMAS) as db:
        assert db.integrity() is None
    assert sum(written.values()) > KILLS


@pytest.mark.faults
def test_two_programs_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    with Database(tmp_path / "watch.db") as _:
        pass
    first, second = start("count", tmp_path, "one"), start("count", tmp_path, "two")
    for child in (first, second):
        said, _nothing = child.communicate(timeout=120)
        assert said.split() == ["open", "done"]
        assert child.returncode == 0
    with Database(tmp_path / "library.db", schemas=SCHEMAS) as db:
        table = db.table("pictures")
        assert len(table) == 2 * RECORDS
        assert {each["id"] for each in table} == {
            f"{name}-{n}" for name in ("one", "two") for n in range(RECORDS)
        }
        assert table.count(field("tags").has("one")) == table.count(words("two")) == RECORDS
        assert db.integrity() is None


@pytest.mark.faults
def test_another_programs_write_is_noticed(tmp_path: Path) -> None:
    with Database(tmp_path / "library.db", schemas=SCHEMAS) as db:
        before = db.data_version()
        child = start("count", tmp_path, "other")
        child.communicate(timeout=120)
        assert db.data_version() != before
        assert len(db.table("pictures")) == RECORDS
