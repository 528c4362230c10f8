"""``rebuild``: make the index anew from the picture files."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from silverprint.cli.narration import say
from silverprint.cli.output import Output, is_terminal
from silverprint.cli.session import Session, as_json, pass_session

if TYPE_CHECKING:
    from silverprint.library.rebuild import Progress, Report


@click.command(short_help="Make the index anew from the picture files.")
@as_json
@pass_session
def rebuild(session: Session, *, as_json: bool) -> None:
    """Read what every picture file says of itself and make the index agree with it.

    A damaged database is set aside, never deleted; ratings, tags, boards and jobs are taken from it as far as they can be
    read. It is safe to run at any time, and again; close other silverprints first.
    """
    report = rebuild_library(session, _show_progress if is_terminal(sys.stderr) else _ignore)
    if is_terminal(sys.stderr):
        sys.stderr.write("\r\x1b[K")
    output = Output(as_json=as_json)
    if as_json:
        output.record(_record(report))
        return
    if report.set_aside is not None:
        say(f"The damaged database was kept as {report.set_aside}.")
    counts = [
        (report.added, "added"),
        (report.remembered, "of them with their ratings and tags"),
        (report.kept, "already there"),
        (report.removed, "without a file taken out"),
        (report.doubles, "further copies left out"),
        (report.foreign, "files without a recipe of ours left out"),
        (report.jobs, "jobs brought back"),
    ]
    said = [f"{count} {what}" for count, what in counts if count]
    say(("Pictures: " + ", ".join(said) + ".") if said else "There is no picture file.")
    for path, reason in sorted(report.broken.items()):
        say(f"  {path}: {reason}")


def rebuild_library(session: Session, progress: Any) -> Report:
    """Wire the rebuild: the database with its tables, and the reader of picture files."""
    from silverprint.library.library import SCHEMA as PICTURES
    from silverprint.library.rebuild import rebuild
    from silverprint.pictures.decode import Limits
    from silverprint.pictures.reading import read_file
    from silverprint.queue.saved import SCHEMA as JOBS
    from silverprint.settings.paths import ensure
    from silverprint.store.database import Database

    paths, limits = session.paths, session.settings.limits
    ensure(paths)
    allowed = Limits(bytes=limits.max_download_mb * 1_000_000, pixels=limits.max_pixels)
    return rebuild(
        path=paths.database,
        folder=paths.pictures,
        open_database=lambda path: Database(path, schemas={"pictures": PICTURES, "jobs": JOBS}),
        read_file=lambda path: read_file(path, limits=allowed),
        clock=lambda: datetime.now(UTC),
        progress=progress,
    )


def _record(report: Report) -> dict[str, Any]:
    names = ("added", "kept", "remembered", "removed", "doubles", "foreign", "jobs")
    return {
        "set_aside": str(report.set_aside) if report.set_aside is not None else None,
        **{name: getattr(report, name) for name in names},
        "broken": dict(report.broken),
    }


def _show_progress(progress: Progress) -> None:
    if progress.done % 20 == 0 or progress.done == progress.total:
        full = 12 * progress.done // max(1, progress.total)
        sys.stderr.write(f"\r{'▓' * full}{'░' * (12 - full)}  {progress.done}/{progress.total}\x1b[K")
        sys.stderr.flush()


def _ignore(_progress: Progress) -> None:
    return None
