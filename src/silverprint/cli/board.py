"""Board: the lines at the foot of the terminal that change while jobs run: a preview and a bar for each job.

Drawn on stderr with three escape codes, so that nothing has to be imported for it. What stays is printed above.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

from silverprint.cli.cells import cut
from silverprint.cli.discretion import hidden
from silverprint.cli.halfblocks import Colours, lines
from silverprint.core.image import RawImage
from silverprint.core.job import Job, JobState
from silverprint.core.text import one_line
from silverprint.core.update import Preview, Waiting, Working

BAR = 12
MOST_BARS = 6
EVERY_S = 0.08
_PREVIEW_COLUMNS, _PREVIEW_ROWS = 48, 24


class Board:
    """What is going on now. Every call may come at any rate; it is drawn at most some twelve times a second."""

    def __init__(self, *, previews: bool, colours: Colours) -> None:
        self._previews = previews
        self._colours: Colours = colours
        self._jobs: dict[str, Job] = {}
        self._steps: dict[str, Waiting | Working] = {}
        self._image: RawImage | None = None
        self._image_of = ""
        self._drawn = 0
        self._next = 0.0

    def job(self, job: Job) -> None:
        """A job's new state; one that has ended leaves the board."""
        if job.state.is_final:
            self._jobs.pop(job.id, None)
            self._steps.pop(job.id, None)
            if self._image_of == job.id:
                self._image = None
        else:
            self._jobs[job.id] = job
        self._draw()

    def progress(self, job_id: str, update: Waiting | Working | Preview) -> None:
        """A job's progress."""
        if isinstance(update, Preview):
            self._image, self._image_of = update.image, job_id
        else:
            self._steps[job_id] = update
        self._draw(hurry=False)

    def picture(self, image: RawImage) -> None:
        """Print a finished picture above the board, to stay."""
        if self._previews:
            self.above(self._half_blocks(image))

    def above(self, text: Sequence[str]) -> None:
        """Print lines to stay on stderr, above the board."""
        self.clear()
        sys.stderr.write("".join(f"{line}\n" for line in text))
        self._draw()

    def clear(self) -> None:
        """Take the board off the terminal, so that others can print; the next call draws it again."""
        if self._drawn:
            sys.stderr.write(f"\r\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0
        sys.stderr.flush()

    def _draw(self, *, hurry: bool = True) -> None:
        now = time.monotonic()
        if not hurry and now < self._next:
            return
        self._next = now + EVERY_S
        shown = self._lines()
        # One write, so that the terminal never shows a half-drawn board.
        up = f"\r\x1b[{self._drawn}A" if self._drawn else ""
        sys.stderr.write(up + "".join(f"{line}\x1b[K\n" for line in shown) + "\x1b[J")
        sys.stderr.flush()
        self._drawn = len(shown)

    def _lines(self) -> list[str]:
        columns, rows = _size()
        running = [job for job in self._jobs.values() if job.state is not JobState.WAITING]
        waiting = len(self._jobs) - len(running)
        bars = [self._bar(job, columns) for job in running[:MOST_BARS]]
        more = len(running) - len(bars)
        rest = [f"{more} more running"] * (more > 0) + [f"{waiting} waiting"] * (waiting > 0)
        if rest:
            bars.append(" · ".join(rest))
        image = self._half_blocks(self._image) if self._previews and self._image is not None else []
        return [*image, *bars] if len(image) + len(bars) < rows else bars[: rows - 1]

    def _half_blocks(self, image: RawImage) -> list[str]:
        columns, rows = _size()
        return lines(
            image,
            columns=min(_PREVIEW_COLUMNS, columns - 1),
            rows=max(1, min(_PREVIEW_ROWS, rows - MOST_BARS - 2)),
            colours=self._colours,
        )

    def _bar(self, job: Job, columns: int) -> str:
        update = self._steps.get(job.id)
        state = job.state.value
        fraction = 0.0
        if isinstance(update, Working):
            fraction = update.fraction or 0.0
            if update.step is not None and update.steps:
                state = f"step {update.step}/{update.steps}"
            elif update.note:
                state = one_line(hidden(update.note), most=30)
        elif isinstance(update, Waiting) and update.place is not None:
            state = f"place {update.place}"
        if job.state is JobState.SAVING:
            fraction, state = 1.0, "saving"
        full = round(BAR * min(1.0, max(0.0, fraction)))
        seed = f"  seed {job.recipe.seed}" if job.recipe.seed is not None else ""
        head = f"{'▓' * full}{'░' * (BAR - full)}  {state:<12}{seed}  "
        return cut(head + one_line(job.recipe.prompt), columns - 1)


def _size() -> tuple[int, int]:
    try:
        size = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError):
        return 80, 24
    return size.columns or 80, size.lines or 24
