"""``rebuild``: make the index anew from the picture files."""

from __future__ import annotations

import sys
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
    from silverprint import repair

    shown = is_terminal(sys.stderr)
    report = repair.rebuild(
        session.paths, session.settings, progress=_show_progress if shown else lambda _: None
    )
    if shown:
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
