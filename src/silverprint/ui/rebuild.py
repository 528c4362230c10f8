"""Rebuild of a damaged history from the pictures: wires the library's rebuild to files and database, in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from silverprint.library.rebuild import Progress, Report
    from silverprint.studio import Studio


async def rebuild_history(studio: Studio, progress: Callable[[Progress], None]) -> Report:
    """Set the damaged index aside and make it anew. ``progress`` is called in the thread that works.

    Raises LibraryError, DiskFull or StorageError; the damaged file is kept in any case.
    """
    from silverprint.library.library import SCHEMA as PICTURES
    from silverprint.library.rebuild import rebuild
    from silverprint.pictures.decode import Limits
    from silverprint.pictures.reading import read_file
    from silverprint.queue.saved import SCHEMA as JOBS
    from silverprint.store.database import Database

    limits = studio.settings.limits
    allowed = Limits(bytes=limits.max_download_mb * 1_000_000, pixels=limits.max_pixels)
    return await asyncio.to_thread(
        lambda: rebuild(
            path=studio.paths.database,
            folder=studio.paths.pictures,
            open_database=lambda path: Database(path, schemas={"pictures": PICTURES, "jobs": JOBS}),
            read_file=lambda path: read_file(path, limits=allowed),
            clock=studio.clock,
            progress=progress,
        )
    )


def report_words(report: Report) -> str:
    """What a rebuild did, for a person."""
    words = [f"The history is back: {report.added + report.kept} pictures."]
    if report.broken:
        words.append(f"{len(report.broken)} files can't be read; they lie where they were.")
    if report.set_aside is not None:
        words.append(f"The damaged file was kept as {report.set_aside.name}.")
    return "\n".join(words)
