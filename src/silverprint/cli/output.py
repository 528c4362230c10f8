"""Output: all of stdout. JSON objects a line, tables for a terminal, tab-separated lines for a pipe.

What a person is told belongs to ``narration.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from silverprint.cli.cells import line_up
from silverprint.cli.discretion import hidden
from silverprint.core.text import one_line

_UNPRINTED = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def use_utf8() -> None:
    """Both streams as UTF-8, whatever the locale says; half a surrogate pair is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")


def is_terminal(stream: TextIO) -> bool:
    """Whether a person sees the stream, on a terminal that can move its cursor."""
    try:
        return stream.isatty() and os.environ.get("TERM", "") != "dumb"
    except ValueError:  # closed
        return False


def to_json(value: Mapping[str, Any]) -> str:
    """One line of JSON: letters of any script as they are, everything that a terminal might obey as an escape."""
    text = json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=str)
    return _UNPRINTED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def path_text(path: Path) -> str:
    """The path for stdout, which is UTF-8 also where the locale made the interpreter read file names otherwise."""
    try:
        return os.fsencode(path).decode("utf-8")
    except UnicodeError:
        return str(path)


class Output:
    """Writes to stdout. A reader that goes away ends the writing quietly: ``is_open`` is then False."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.is_open = True

    def record(self, value: Mapping[str, Any]) -> None:
        """One JSON object on a line of its own."""
        self._write(to_json(value))

    def line(self, text: str) -> None:
        """One line of text; what came from outside must be cleaned by the caller."""
        self._write(text)

    def table(
        self,
        heads: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        flexible: Collection[str] = (),
        piped: Collection[str] = (),
    ) -> None:
        """Rows with a head on a terminal, tab-separated without one in a pipe. Cells are cleaned here.

        On a terminal the ``flexible`` columns give way when it is narrow, and the ``piped`` ones are left out.
        """
        cleaned = [[one_line(cell, most=2_000) for cell in row] for row in rows]
        if not is_terminal(sys.stdout):
            for row in cleaned:
                self._write("\t".join(row))
            return
        kept = [place for place, head in enumerate(heads) if head not in piped]
        shown = [[row[place] for place in kept] for row in [list(heads), *cleaned]]
        loose = [number for number, place in enumerate(kept) if heads[place] in flexible]
        head, *lines = line_up(shown, cells=shutil.get_terminal_size().columns, flexible=loose)
        self._write(head if os.environ.get("NO_COLOR") else f"\x1b[2m{head}\x1b[0m")
        for line in lines:
            self._write(line)

    def _write(self, text: str) -> None:
        if self.is_open:
            with self._quiet():
                sys.stdout.write(hidden(text) + "\n")
                sys.stdout.flush()

    @contextlib.contextmanager
    def _quiet(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self.is_open = False
            close_quietly()


def close_quietly() -> None:
    """Point stdout at nothing, so that the interpreter's last flush finds nobody to complain to."""
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
