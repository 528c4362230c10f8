"""The index made anew from files that tell their own story; here each "picture" is a small JSON file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from silverprint.core.errors import LibraryDamaged, LibraryError, PictureError
from silverprint.core.job import Job, JobState
from silverprint.core.picture import Picture, PictureFile
from silverprint.core.ticket import Ticket
from silverprint.library.library import SCHEMA
from silverprint.library.rebuild import Progress, Report, rebuild
from silverprint.library.record import document_of
from silverprint.store.codec import job_document, job_of, picture_document, picture_of
from silverprint.store.database import Database
from silverprint.store.schema import TableSchema
from tests.library.conftest import Clock, Maker


def open_database(path: Path) -> Database:
    return Database(path, schemas={"pictures": SCHEMA, "jobs": TableSchema()})


def read_file(path: Path) -> tuple[Mapping[str, Any], PictureFile] | None:
    data = path.read_bytes()
    if data == b"not ours":
        return None
    try:
        record = json.loads(data)
    except ValueError:
        raise PictureError("the file is cut short") from None
    file = PictureFile(
        path="", media_type="image/png", width=8, height=8, size=len(data),
        sha256=sha256(data).hexdigest(), pixels_sha256="0" * 64,
    )  # fmt: skip
    return record, file


class Place:
    """A pictures folder, an index beside it, and the making of both."""

    def __init__(self, root: Path) -> None:
        self.path = root / "history.sqlite3"
        self.folder = root / "pictures"
        self.folder.mkdir()
        self.clock = Clock()
        self.read: list[str] = []

    def write_file(self, picture: Picture, name: str | None = None) -> Picture:
        """The picture's file, as the program writes it: everything but what a person said of it."""
        document = picture_document(picture)
        wanted = (
            "v",
            "recipe",
            "id",
            "job",
            "batch",
            "made",
            "seed",
            "parent",
            "grade",
            "seconds",
            "price_usd",
        )
        data = json.dumps({key: document[key] for key in wanted}).encode()
        path = self.folder / (name or picture.file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        read = read_file(path)
        assert read is not None
        return replace(picture, file=replace(read[1], path=picture.file.path))

    def index(self, *pictures: Picture, jobs: tuple[Job, ...] = ()) -> None:
        with open_database(self.path) as database, database.transaction():
            for picture in pictures:
                database.table("pictures").put(picture.id, document_of(picture, now=self.clock()))
            for job in jobs:
                database.table("jobs").put(job.id, job_document(job))

    def rebuild(self) -> Report:
        def read(path: Path) -> tuple[Mapping[str, Any], PictureFile] | None:
            self.read.append(path.name)
            return read_file(path)

        return rebuild(
            path=self.path, folder=self.folder, open_database=open_database, read_file=read, clock=self.clock
        )

    def pictures(self) -> list[Picture]:
        with open_database(self.path) as database:
            return sorted((picture_of(row) for row in database.table("pictures")), key=lambda one: one.id)

    def jobs(self) -> dict[str, Job]:
        with open_database(self.path) as database:
            return {row["id"]: job_of(row) for row in database.table("jobs")}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def numbers(report: Report) -> dict[str, int]:
    names = ("added", "kept", "remembered", "removed", "doubles", "foreign", "jobs")
    return {name: value for name in names if (value := getattr(report, name))}


def test_an_index_is_made_from_the_files_alone(place: Place, make: Maker) -> None:
    made = [place.write_file(make(prompt)) for prompt in ("лиса 🦊", "雪の狐", "a {b}")]
    report = place.rebuild()
    assert numbers(report) == {"added": 3}
    assert report.set_aside is None
    assert place.pictures() == made


def test_twice_is_once_and_opens_no_picture_again(place: Place, make: Maker) -> None:
    place.write_file(make())
    place.write_file(make())
    place.rebuild()
    before = place.pictures()
    place.read.clear()
    assert numbers(place.rebuild()) == {"kept": 2}
    assert place.read == []
    assert place.pictures() == before


def test_what_was_said_stays_when_a_file_is_moved_or_written_anew(place: Place, make: Maker) -> None:
    moved = place.write_file(make(rating=4, tags=frozenset({"keep"})))
    place.index(moved)
    (place.folder / moved.file.path).rename(place.folder / "elsewhere.png")
    assert numbers(place.rebuild()) == {"kept": 1}
    (found,) = place.pictures()
    assert (found.rating, set(found.tags), found.file.path) == (4, {"keep"}, "elsewhere.png")


def test_a_record_without_a_file_goes(place: Place, make: Maker) -> None:
    stays, goes = place.write_file(make()), place.write_file(make())
    place.index(stays, goes)
    (place.folder / goes.file.path).unlink()
    assert numbers(place.rebuild()) == {"kept": 1, "removed": 1}
    assert [picture.id for picture in place.pictures()] == [stays.id]


def test_an_empty_folder_is_taken_for_a_missing_disk(place: Place, make: Maker) -> None:
    picture = make(rating=5)
    place.index(picture)
    with pytest.raises(LibraryError, match="no picture in") as caught:
        place.rebuild()
    assert caught.value.fix
    assert place.pictures() == [picture]


def test_a_copy_of_a_picture_is_one_picture(place: Place, make: Maker) -> None:
    picture = make()
    place.write_file(picture)
    place.write_file(picture, "copy.png")
    assert numbers(place.rebuild()) == {"added": 1, "doubles": 1}
    before = place.pictures()
    assert numbers(place.rebuild()) == {"kept": 1, "doubles": 1}
    assert place.pictures() == before


def test_foreign_broken_and_half_written_files_are_told_apart(place: Place, make: Maker) -> None:
    good = place.write_file(make())
    (place.folder / "foreign.PNG").write_bytes(b"not ours")
    (place.folder / "cut.webp").write_bytes(b"{")
    (place.folder / "odd.png").write_bytes(b'{"v":1,"id":7}')
    (place.folder / ".half.png").write_bytes(b"{")
    (place.folder / "notes.txt").write_bytes(b"{")
    report = place.rebuild()
    assert numbers(report) == {"added": 1, "foreign": 1}
    assert set(report.broken) == {"cut.webp", "odd.png"}
    assert place.pictures() == [good]


def test_progress_counts_every_file(place: Place, make: Maker) -> None:
    for _ in range(5):
        place.write_file(make())
    told: list[Progress] = []
    rebuild(
        path=place.path, folder=place.folder, open_database=open_database, read_file=read_file,
        clock=place.clock, progress=told.append,
    )  # fmt: skip
    assert [(one.done, one.total) for one in told] == [(number, 5) for number in range(1, 6)]


def test_stopped_half_way_it_goes_on(place: Place, make: Maker) -> None:
    for number in range(450):
        place.write_file(make(), f"{number:03}.png")

    def stop(progress: Progress) -> None:
        if progress.done == 300:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(
            path=place.path, folder=place.folder, open_database=open_database, read_file=read_file,
            clock=place.clock, progress=stop,
        )  # fmt: skip
    assert len(place.pictures()) == 200
    assert numbers(place.rebuild()) == {"added": 250, "kept": 200}


def rated_library(place: Place, make: Maker, count: int = 300) -> list[Picture]:
    random = Random(5)
    pictures = [
        place.write_file(make(f"fox {number}", rating=random.randint(1, 5), tags=frozenset({f"t{number}"})))
        for number in range(count)
    ]
    place.index(*pictures)
    return pictures


def damage_middle(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(Random(1).randbytes(size // 8))


def damage_head(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(Random(2).randbytes(4096))


def damage_tail(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("damage", "at_least"), [(damage_middle, 0.5), (damage_head, 0.5), (damage_tail, 0.2)]
)
def test_a_damaged_index_is_set_aside_and_what_can_be_read_comes_back(
    place: Place, make: Maker, damage: Any, at_least: float
) -> None:
    pictures = rated_library(place, make)
    damage(place.path)
    damaged = place.path.read_bytes()
    report = place.rebuild()
    assert report.set_aside is not None
    assert report.set_aside.read_bytes() == damaged
    found = {picture.id: picture for picture in place.pictures()}
    assert set(found) == {picture.id for picture in pictures}
    right = [picture for picture in pictures if found[picture.id] == picture]
    assert report.remembered == len(right) >= at_least * len(pictures)
    # What could not be read is unrated, never somebody else's rating.
    blank = [found[picture.id] for picture in pictures if found[picture.id] != picture]
    assert all(picture.rating == 0 and not picture.tags for picture in blank)


def test_ratings_come_back_from_a_file_that_the_start_set_aside(place: Place, make: Maker) -> None:
    """The program sets a damaged file aside and starts empty; a rebuild after that still finds what was said."""
    (picture,) = rated_library(place, make, 1)
    place.path.rename(place.path.with_name("history.sqlite3.damaged-20261005-120000"))
    place.index()
    report = place.rebuild()
    assert numbers(report) == {"added": 1, "remembered": 1}
    assert place.pictures() == [picture]


def test_the_newer_word_wins_over_an_older_file(place: Place, make: Maker) -> None:
    (picture,) = rated_library(place, make, 1)
    place.path.rename(place.path.with_name("history.sqlite3.damaged-20261005-120000"))
    newer = replace(picture, rating=0, tags=frozenset({"mine"}))
    place.index(newer)
    place.rebuild()
    assert place.pictures() == [newer]


def job(make: Maker, state: JobState, **fields: Any) -> Job:
    picture = make()
    return Job(
        id=picture.job, batch=picture.batch, recipe=picture.recipe, state=state,
        created=picture.made, changed=picture.made, **fields,
    )  # fmt: skip


def test_no_job_of_a_damaged_index_is_sent_again_unasked(place: Place, make: Maker) -> None:
    waiting = job(make, JobState.WAITING)
    sending = job(make, JobState.SENDING)
    running = job(make, JobState.RUNNING, ticket=Ticket(provider="x", resumable=True))
    lost = job(make, JobState.RUNNING, ticket=Ticket(provider="x", resumable=False))
    failed = job(make, JobState.FAILED)
    finished = job(make, JobState.RUNNING)
    picture = replace(make(), id=f"{finished.id}-1", job=finished.id)
    place.write_file(picture)
    place.index(jobs=(waiting, sending, running, lost, failed, finished))
    place.path.rename(place.path.with_name("history.sqlite3.damaged-20261005-120000"))
    assert place.rebuild().jobs == 6
    jobs = place.jobs()
    assert {id: one.state for id, one in jobs.items()} == {
        waiting.id: JobState.UNSURE,
        sending.id: JobState.UNSURE,
        running.id: JobState.RUNNING,
        lost.id: JobState.UNSURE,
        failed.id: JobState.FAILED,
        finished.id: JobState.DONE,
    }
    assert jobs[finished.id].pictures == (picture.id,)
    note = jobs[waiting.id].error
    assert note is not None
    assert note.fix
    assert numbers(place.rebuild()).get("jobs", 0) == 0


def test_a_file_that_is_no_database_at_all_is_set_aside(place: Place, make: Maker) -> None:
    picture = place.write_file(make())
    place.path.write_bytes(b"\0" * 5000)
    with pytest.raises(LibraryDamaged), contextlib.closing(open_database(place.path)):
        pass
    report = place.rebuild()
    assert report.set_aside is not None
    assert place.pictures() == [picture]
