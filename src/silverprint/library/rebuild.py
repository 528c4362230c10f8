"""Rebuild: read what every picture file says of itself and write the index anew. Run twice, it does the same once.

A damaged database is set aside, never deleted; ratings, tags, boards, stars, the trash and jobs are taken from it as far
as they can be read. How a file is read is an argument, so that no image library is needed here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any, TypeAlias

from silverprint.core.errors import LibraryDamaged, LibraryError, PictureError, StorageError
from silverprint.core.job import ErrorNote, Job, JobState
from silverprint.core.picture import Picture, PictureFile
from silverprint.library.record import TABLE, document_of, own_words
from silverprint.library.salvage import salvage
from silverprint.store.codec import job_document, job_of, picture_of
from silverprint.store.database import Database, set_aside

ReadFile: TypeAlias = Callable[[Path], tuple[Mapping[str, Any], PictureFile] | None]
"""What a picture file says: our record in it and the facts of the file. None when it has no record of ours.

Raises PictureError or StorageError for a file that can't be read.
"""

JOBS = "jobs"
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """``done`` of ``total`` files are read; ``path`` is the newest, relative to the pictures folder."""

    done: int
    total: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a rebuild did. ``set_aside`` is the damaged database's new name, if there was one.

    ``added`` pictures were not in the index, ``kept`` were; ``remembered`` of the added got back what a person had said of
    them; ``removed`` had no file any more; ``doubles`` are further files of the same picture; ``foreign`` files carry no
    record of ours; ``broken`` maps a file to why it can't be used; ``jobs`` came back from a damaged database.
    """

    set_aside: Path | None
    added: int
    kept: int
    remembered: int
    removed: int
    doubles: int
    foreign: int
    jobs: int
    broken: Mapping[str, str]


def rebuild(
    *,
    path: Path,
    folder: Path,
    open_database: Callable[[Path], Database],
    read_file: ReadFile,
    clock: Callable[[], datetime],
    progress: Callable[[Progress], None] = lambda _: None,
) -> Report:
    """Make the index at ``path`` agree with the picture files under ``folder``. Takes time: run it in a thread.

    Every 200 pictures are one transaction; when it is stopped in between, the next run goes on. Raises LibraryError when
    the index has pictures and the folder has none (is its disk there?), DiskFull, or what ``open_database`` raises.
    """
    files = list(_files(folder))
    aside = _aside_if_damaged(path, open_database, clock)
    with contextlib.closing(open_database(path)) as database:
        known = _by_id(database.table(TABLE))
        if known and not files:
            raise LibraryError(
                f"The index has {len(known)} pictures, but there is no picture in {folder}.",
                path=folder,
                fix="Is the disk with the pictures connected, and the folder right? Nothing was changed.",
            )
        old = _Old(path)
        run = _Run(database=database, known=known, old=old, folder=folder, read_file=read_file, clock=clock)
        for start in range(0, len(files), _BATCH):
            with database.transaction():
                for number, file in enumerate(files[start : start + _BATCH], start + 1):
                    run.take(file)
                    progress(
                        Progress(done=number, total=len(files), path=file.relative_to(folder).as_posix())
                    )
        gone = [id for id in known if id not in run.seen]
        with database.transaction():
            for id in gone:
                database.table(TABLE).remove_key(id)
            jobs = _bring_back_jobs(database, old, set(run.seen), clock)
    return Report(
        set_aside=aside,
        added=run.added,
        kept=run.kept,
        remembered=run.remembered,
        removed=len(gone),
        doubles=run.doubles,
        foreign=run.foreign,
        jobs=jobs,
        broken=run.broken,
    )


class _Run:
    """The files read so far, and what became of each."""

    def __init__(
        self,
        *,
        database: Database,
        known: Mapping[str, Mapping[str, Any]],
        old: _Old,
        folder: Path,
        read_file: ReadFile,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._known = known
        self._by_path = {str(document["file"]["path"]): document for document in known.values()}
        self._old = old
        self._folder = folder
        self._read_file = read_file
        self._clock = clock
        self.seen: dict[str, str] = {}
        self.broken: dict[str, str] = {}
        self.added = self.kept = self.remembered = self.doubles = self.foreign = 0

    def take(self, file: Path) -> None:
        """Bring one file into the index."""
        name = file.relative_to(self._folder).as_posix()
        here = self._by_path.get(name)
        try:
            if here is not None and _hash(file) == here["file"]["sha256"]:
                self._count(str(here["id"]), name, is_new=False)
                return
            found = self._read_file(file)
        except (PictureError, StorageError) as error:
            self.broken[name] = str(error)
            return
        if found is None:
            self.foreign += 1
            return
        record, facts = found
        try:
            picture = _picture(record, replace(facts, path=name))
        except LibraryError as error:
            self.broken[name] = str(error)
            return
        known = self._known.get(picture.id)
        if (
            known is not None
            and known["file"]["path"] != name
            and (self._folder / known["file"]["path"]).is_file()
        ):
            self.doubles += 1
            return
        if self._count(picture.id, name, is_new=known is None):
            self._write(picture, known)

    def _count(self, id: str, name: str, *, is_new: bool) -> bool:
        if id in self.seen:
            self.doubles += 1
            return False
        self.seen[id] = name
        self.added += is_new
        self.kept += not is_new
        return True

    def _write(self, picture: Picture, known: Mapping[str, Any] | None) -> None:
        said = known if known is not None else self._old.pictures.get(picture.id)
        if said is not None:
            with contextlib.suppress(LibraryError):
                picture = replace(picture, **own_words(said))
                self.remembered += known is None
        self._database.table(TABLE).put(picture.id, document_of(picture, now=self._clock()))


class _Old:
    """What the databases that were set aside still tell; read when it is first asked for."""

    def __init__(self, path: Path) -> None:
        # The date in the name sorts, so the newest is taken last and wins.
        self._files = sorted(
            file
            for file in path.parent.glob(f"{path.name}.damaged-*")
            if not file.name.endswith(("-wal", "-shm", "-journal"))
        )
        self._pictures: dict[str, dict[str, Any]] | None = None

    @property
    def pictures(self) -> Mapping[str, Mapping[str, Any]]:
        if self._pictures is None:
            self._pictures = {}
            for file in self._files:
                self._pictures |= salvage(file, TABLE, stamp="touched")
        return self._pictures

    def jobs(self) -> Iterator[Mapping[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for file in self._files:
            found |= salvage(file, JOBS, stamp="changed")
        yield from found.values()


def _bring_back_jobs(database: Database, old: _Old, pictures: set[str], clock: Callable[[], datetime]) -> int:
    """Jobs of the old databases that the new one does not have, in states from which nothing is sent by itself."""
    table = database.table(JOBS)
    count = 0
    for document in old.jobs():
        try:
            job = job_of(document)
        except LibraryError:
            continue
        if table.by_key(job.id) is None:
            table.put(job.id, {**job_document(_safe(job, pictures, clock)), "owner": "", "cancel": False})
            count += 1
    return count


def _safe(job: Job, pictures: set[str], clock: Callable[[], datetime]) -> Job:
    """The job as it may go on. The record may be older than what happened, so nothing unfinished is sent again unasked."""
    made = tuple(sorted(id for id in pictures if id.rpartition("-")[0] == job.id))
    if made and job.state is not JobState.DONE:
        return replace(job, state=JobState.DONE, pictures=made, error=None, changed=clock())
    is_safe = job.state is JobState.RUNNING and job.ticket is not None and job.ticket.resumable
    if job.state.is_final or is_safe or job.state is JobState.SAVING:
        return job
    note = ErrorNote(
        kind="LibraryDamaged",
        message="The history was damaged, so it is not known whether this job was sent.",
        fix="Retry sends it (again); cancel drops it.",
        can_retry=True,
    )
    return replace(job, state=JobState.UNSURE, error=note, changed=clock())


def _aside_if_damaged(
    path: Path, open_database: Callable[[Path], Database], clock: Callable[[], datetime]
) -> Path | None:
    if not path.exists():
        return None
    try:
        with contextlib.closing(open_database(path)) as database:
            if database.integrity() is None:
                return None
    except LibraryDamaged:
        pass
    return set_aside(path, clock())


def _by_id(documents: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    found = {}
    for document in documents:
        with contextlib.suppress(LibraryError):
            picture_of(document)
            found[str(document["id"])] = document
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Every picture file under the folder in the order of their names; hidden ones are half-written or none of ours."""
    for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
        is_hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.suffix.lower() in SUFFIXES and not is_hidden and file.is_file():
            yield file


def _hash(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"The file can't be read: {error.strerror or error}.", path=file) from error


def _picture(record: Mapping[str, Any], facts: PictureFile) -> Picture:
    """The picture that a file's own record tells of. Raises LibraryError."""
    return picture_of({**record, "file": asdict(facts)})
