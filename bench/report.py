"""What every bench says: one row a comparison, ours beside a peer that does the same job, and the bar for the ratio."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. ``ours`` and ``peer`` are median seconds; ``bar`` is the highest ratio asked for, or None."""

    name: str
    ours: float
    peer: float
    ratio: float
    bar: float | None = None
    note: str = ""

    @property
    def is_reached(self) -> bool:
        """Whether the ratio is within the bar; always so without a bar."""
        return self.bar is None or self.ratio <= self.bar


def compared(
    name: str, ours: Sequence[float], peer: Sequence[float], *, bar: float | None = None, note: str = ""
) -> Row:
    """A row from two lists of measured seconds, taken in turns in one run: the medians and their ratio."""
    ours_s, peer_s = statistics.median(ours), statistics.median(peer)
    return Row(name=name, ours=ours_s, peer=peer_s, ratio=ours_s / max(peer_s, 1e-9), bar=bar, note=note)


def in_turns(
    ours: Callable[[], object], peer: Callable[[], object], times: int
) -> tuple[list[float], list[float]]:
    """Seconds of each call, ours and the peer's by turns, so that a busy moment of the machine strikes both alike."""
    first: list[float] = []
    second: list[float] = []
    for turn in range(times):
        pair = ((ours, first), (peer, second))
        for call, seconds in pair if turn % 2 == 0 else reversed(pair):
            seconds.append(timed(call))
    return first, second


def timed(call: Callable[[], object]) -> float:
    """Seconds that one call took."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def print_table(rows: Iterable[Row], out: TextIO | None = None) -> None:
    """Print the rows as a table: times, ratio, bar, and whether the bar is reached."""
    head = ("what", "ours", "peer", "ratio", "bar", "", "note")
    lines = [
        (
            row.name,
            seconds_text(row.ours),
            seconds_text(row.peer),
            f"{row.ratio:.3g} x",
            "" if row.bar is None else f"{row.bar:g} x",
            "" if row.bar is None else ("ok" if row.is_reached else "OVER"),
            row.note,
        )
        for row in rows
    ]
    widths = [max(len(line[place]) for line in [head, *lines]) for place in range(len(head))]
    for line in [head, tuple("-" * width for width in widths), *lines]:
        cells = [
            cell.ljust(width) if place in (0, 5, 6) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip(), file=out or sys.stdout)


def seconds_text(seconds: float) -> str:
    """``1.2 s``, ``3.4 ms`` or ``56 µs``."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.2f} ms"
    return f"{seconds * 1e6:.0f} µs"
