"""How many cells a text takes on a terminal, and texts cut and lined up by cells."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from unicodedata import category, east_asian_width

_LEAST = 8


def width(text: str) -> int:
    """The number of cells of a clean line."""
    return len(text) if text.isascii() else sum(_of(char) for char in text)


def cut(text: str, cells: int) -> str:
    """As much of a clean line as fits into ``cells``; an ellipsis stands for what is cut off."""
    if width(text) <= cells:
        return text
    used = 0
    for place, char in enumerate(text):
        used += _of(char)
        if used > cells - 1:
            return text[:place].rstrip() + "…"
    return text


def line_up(rows: Sequence[Sequence[str]], *, cells: int, flexible: Collection[int]) -> list[str]:
    """Rows of one length as lines of columns, at most ``cells`` wide where that is possible.

    What is too wide is taken from the ``flexible`` columns, the widest first; they keep at least eight cells.
    """
    widths = [max((width(row[column]) for row in rows), default=0) for column in range(len(rows[0]))]
    gap = 2
    over = sum(widths) + gap * (len(widths) - 1) - cells
    while over > 0:
        widest = max(flexible, key=lambda column: widths[column], default=None)
        if widest is None or widths[widest] <= _LEAST:
            break
        widths[widest] -= 1
        over -= 1
    lines = []
    for row in rows:
        shown = [cut(cell, space) for cell, space in zip(row, widths, strict=True)]
        padded = [cell + " " * (space - width(cell)) for cell, space in zip(shown, widths, strict=True)]
        lines.append((" " * gap).join(padded).rstrip())
    return lines


def _of(char: str) -> int:
    if category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1
