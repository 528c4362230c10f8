"""Rows of cells for pictures: half-blocks, kitty placeholders, plain frames; and rows that tell when they are written.

All are Textual strips, so cropping, overlays and filters work as with text. Half-blocks keep their colours as
bytes and become segments only if somebody asks: ten times less work than a Style a cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as Background
from textual.filter import ANSIToTruecolor, LineFilter
from textual.strip import Strip

from silverprint.ui.pixels import kitty

HALF = "▀"

Told = Callable[[int, int], None]
"""Called with (first column, column past the last) when these cells are written to the terminal."""


class _LazyStrip(Strip):
    """A strip whose segments are made when they are first needed."""

    __slots__ = ("_made",)

    def __init__(self, cell_length: int) -> None:
        self._made: list[Segment] | None = None
        super().__init__((), cell_length)

    def _make(self) -> list[Segment]:
        raise NotImplementedError

    @property
    def _segments(self) -> list[Segment]:
        if self._made is None:
            self._made = self._make()
        return self._made

    @_segments.setter
    def _segments(self, segments: list[Segment]) -> None:
        """Strip's own start sets an empty list; ours come from `_make`."""


class HalfBlockStrip(_LazyStrip):
    """One row of upper half-blocks. `top` and `bottom` are RGB bytes, three a cell."""

    __slots__ = ("bottom", "top")

    def __init__(self, top: bytes, bottom: bytes) -> None:
        self.top = top
        self.bottom = bottom
        super().__init__(len(top) // 3)

    def _make(self) -> list[Segment]:
        rgb = Color.from_rgb
        top, bottom = self.top, self.bottom
        return [
            Segment(
                HALF,
                Style.from_color(
                    rgb(top[at], top[at + 1], top[at + 2]), rgb(bottom[at], bottom[at + 1], bottom[at + 2])
                ),
            )
            for at in range(0, len(top), 3)
        ]

    def render(self, console: Console) -> str:
        if console.color_system != "truecolor":
            return super().render(console)
        if self._render_cache is None:
            parts: list[str] = []
            before = b""
            for at in range(0, len(self.top), 3):
                colours = self.top[at : at + 3] + self.bottom[at : at + 3]
                if colours != before:
                    parts.append("\x1b[38;2;{};{};{};48;2;{};{};{}m".format(*colours))
                    before = colours
                parts.append(HALF)
            parts.append("\x1b[0m")
            self._render_cache = "".join(parts)
        return self._render_cache

    def crop(self, start: int, end: int | None = None) -> Strip:
        start = max(0, start)
        end = self.cell_length if end is None else min(self.cell_length, end)
        if start == 0 and end == self.cell_length:
            return self
        if end <= start:
            return Strip([], 0)
        return HalfBlockStrip(self.top[start * 3 : end * 3], self.bottom[start * 3 : end * 3])

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        return _divide(self, cuts)

    def apply_filter(self, filter: LineFilter, background: Background) -> Strip:
        # its colours are RGB already, so that filter would only cost
        return self if isinstance(filter, ANSIToTruecolor) else super().apply_filter(filter, background)


class Row(_LazyStrip):
    """Strips side by side. `told` hears which of its cells are written, counted from `start`."""

    __slots__ = ("_parts", "_start", "_told")

    def __init__(self, parts: Iterable[Strip], told: Told | None = None, start: int = 0) -> None:
        self._parts = [part for part in parts if part.cell_length]
        self._told = told
        self._start = start
        super().__init__(sum(part.cell_length for part in self._parts))

    def _make(self) -> list[Segment]:
        return [segment for part in self._parts for segment in part]

    def render(self, console: Console) -> str:
        if self._told is not None and self.cell_length:
            self._told(self._start, self._start + self.cell_length)
        return "".join([part.render(console) for part in self._parts])

    def crop(self, start: int, end: int | None = None) -> Strip:
        start = max(0, start)
        end = self.cell_length if end is None else min(self.cell_length, end)
        if start == 0 and end == self.cell_length:
            return self
        parts: list[Strip] = []
        at = 0
        for part in self._parts:
            if at < end and at + part.cell_length > start:
                parts.append(part.crop(max(0, start - at), min(part.cell_length, end - at)))
            at += part.cell_length
        return Row(parts, self._told, self._start + start)

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        return _divide(self, cuts)

    def apply_filter(self, filter: LineFilter, background: Background) -> Strip:
        return Row([part.apply_filter(filter, background) for part in self._parts], self._told, self._start)


def _divide(strip: Strip, cuts: Iterable[int]) -> list[Strip]:
    pieces: list[Strip] = []
    at = 0
    for cut in cuts:
        if cut <= strip.cell_length:
            pieces.append(strip.crop(at, cut))
            at = cut
    return pieces


def half_block_strips(pixels: bytes, columns: int) -> list[Strip]:
    """Strips of a picture of `columns` pixels a line and an even number of lines, RGB, three bytes a pixel."""
    line = columns * 3
    return [
        HalfBlockStrip(pixels[at : at + line], pixels[at + line : at + 2 * line])
        for at in range(0, len(pixels), 2 * line)
    ]


def placeholder_strips(number: int, columns: int, rows: int) -> list[Strip]:
    """Strips that show kitty picture `number`. Their colour is its name: no dim, tint or opacity may touch it."""
    style = Style.from_color(Color.from_rgb(*kitty.colour_of(number)))
    return [Strip([Segment(kitty.placeholder_row(row, columns), style)], columns) for row in range(rows)]


def frame_strips(columns: int, rows: int, lines: Sequence[str], style: Style) -> list[Strip]:
    """A thin box with `lines` of plain text in its middle, cut to fit; without a box below 3 x 3 cells."""
    boxed = columns >= 3 and rows >= 3
    inside = (columns - 2, rows - 2) if boxed else (columns, rows)
    body = text_rows(inside[0], inside[1], lines)
    if boxed:
        edge = "─" * inside[0]
        body = [f"┌{edge}┐", *(f"│{line}│" for line in body), f"└{edge}┘"]
    return [Strip([Segment(line, style)], columns) for line in body]


def text_rows(columns: int, rows: int, lines: Sequence[str]) -> list[str]:
    """`lines` in the middle of `columns` x `rows` cells: wide characters count two, control codes are left out."""
    from rich.cells import cell_len, set_cell_size

    shown = ["".join(sign for sign in line if sign.isprintable()) for line in lines][:rows]
    above = (rows - len(shown)) // 2
    body = [" " * columns] * above
    for line in shown:
        cut = set_cell_size(line, columns) if cell_len(line) > columns else line
        body.append(set_cell_size(" " * ((columns - cell_len(cut)) // 2) + cut, columns))
    return body + [" " * columns] * (rows - len(body))
