"""Narration: all of stderr, and the exit codes. 0 done, 1 failed, 2 usage or settings, 3 unreachable, 4 refused, 130 stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from silverprint.cli.cells import width
from silverprint.cli.discretion import hidden
from silverprint.core.errors import (
    BadRecipe,
    KeyMissing,
    KeyRefused,
    NotFound,
    SettingsError,
    SilverprintError,
    UsageError,
)
from silverprint.core.job import ErrorNote, Job, JobState
from silverprint.core.text import clean

DONE, FAILED, USAGE, UNREACHABLE, REFUSED, STOPPED = 0, 1, 2, 3, 4, 130

_KINDS = {
    "Unreachable": UNREACHABLE,
    "RateLimited": UNREACHABLE,
    "LibraryBusy": UNREACHABLE,
    "KeyMissing": REFUSED,
    "KeyRefused": REFUSED,
    "OutOfCredit": REFUSED,
    "ContentRefused": REFUSED,
    "BudgetReached": REFUSED,
}


def say(text: str) -> None:
    """One line for the person. It is cleaned here."""
    try:
        sys.stderr.write(clean(hidden(text)) + "\n")
        sys.stderr.flush()
    except (BrokenPipeError, ValueError):
        return  # nobody listens; the work goes on


def tell_error(error: SilverprintError, *, text: str = "") -> None:
    """The error's sentence, its place in ``text`` where it has one, and its fix."""
    say(f"silverprint: {error}")
    at = error.at if isinstance(error, UsageError) else None
    if at is not None and text and "\n" not in text:
        say(f"  {text}")
        say("  " + " " * width(text[: at[0]]) + "^" * max(1, width(text[at[0] : at[1]])))
    if error.fix:
        say(f"  {error.fix}")
    if isinstance(error, KeyMissing | KeyRefused) and "silverprint keys" not in error.fix:
        say("  `silverprint keys set NAME` keeps another, `silverprint keys test` tries them.")


def code_of(error: SilverprintError) -> int:
    """The exit code for an error that stopped a command before any job."""
    if isinstance(error, UsageError | SettingsError | BadRecipe | NotFound):
        return USAGE
    return _KINDS.get(type(error).__name__, FAILED)


def code_of_note(note: ErrorNote | None) -> int:
    """The exit code for a job that ended with this note."""
    return _KINDS.get(note.kind, FAILED) if note is not None else FAILED


def pause_fix(provider: str, note: ErrorNote) -> str:
    """What a person can do on the command line about a provider whose queue is paused."""
    match note.kind:
        case "KeyMissing" | "KeyRefused":
            return f"`silverprint keys set {provider}`, then `silverprint keys test {provider}`."
        case "BudgetReached":
            return "`silverprint spend lift` lifts it for today; [budget] in settings.toml sets it."
    return note.fix or f"`silverprint keys test {provider}` and `silverprint spend` tell more."


def code_of_jobs(jobs: Iterable[Job]) -> int:
    """0 when all are done; one code when all failures have the same, else 1."""
    codes = {code_of_note(job.error) for job in jobs if job.state is not JobState.DONE}
    if not codes:
        return DONE
    return codes.pop() if len(codes) == 1 else FAILED
