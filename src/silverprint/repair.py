"""Repair: the rebuild of the index, wired. It works when no studio can be opened, so it is not the studio's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from silverprint.settings.model import Settings
from silverprint.settings.paths import Paths, ensure

if TYPE_CHECKING:
    from silverprint.library.rebuild import Progress, Report


def _utc_now() -> datetime:
    return datetime.now(UTC)


def rebuild(
    paths: Paths,
    settings: Settings,
    *,
    clock: Callable[[], datetime] = _utc_now,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Report:
    """Make the index agree with the picture files; a damaged one is set aside first. Run it in a thread.

    Close the studio on it before. ``progress`` is called for each file, in the thread that works. Raises LibraryError, DiskFull, StorageError.
    """
    from silverprint.library.library import SCHEMA as PICTURES
    from silverprint.library.rebuild import rebuild as rebuild_index
    from silverprint.pictures.decode import Limits
    from silverprint.pictures.reading import read_file
    from silverprint.queue.saved import SCHEMA as JOBS
    from silverprint.store.database import Database

    ensure(paths)
    most = settings.limits
    limits = Limits(bytes=most.max_download_mb * 1_000_000, pixels=most.max_pixels)
    return rebuild_index(
        path=paths.database,
        folder=paths.pictures,
        open_database=lambda path: Database(path, schemas={"pictures": PICTURES, "jobs": JOBS}),
        read_file=lambda path: read_file(path, limits=limits),
        clock=clock,
        progress=progress,
    )


def report_words(report: Report) -> str:
    """What a rebuild did, in a few lines for a person."""
    words = [f"The history is back: {_count(report.added + report.kept, 'picture')}."]
    if report.broken:
        words.append(f"Not readable, and left where they were: {_count(len(report.broken), 'file')}.")
    if report.set_aside is not None:
        words.append(f"The damaged file was kept as {report.set_aside.name}.")
    return "\n".join(words)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
