"""Rows of cells: exact colours, any cut, and who is told when they are written."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from textual.color import Color
from textual.filter import ANSIToTruecolor, Monochrome
from textual.strip import Strip

from silverprint.ui.pixels.kitty import DIACRITICS, PLACEHOLDER
from silverprint.ui.pixels.strips import (
    HalfBlockStrip,
    Row,
    frame_strips,
    half_block_strips,
    placeholder_strips,
    text_rows,
)

PIXELS = bytes(range(4 * 4 * 3))
"""Four columns, four lines."""


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), color_system="truecolor", force_terminal=True)


def colours(strip: Strip) -> list[tuple[object, object]]:
    found: list[tuple[object, object]] = []
    for segment in strip:
        style = segment.style
        assert style is not None
        assert style.color is not None
        assert style.bgcolor is not None
        found += [(style.color.triplet, style.bgcolor.triplet)] * len(segment.text)
    return found


def test_half_blocks_carry_the_exact_pixels() -> None:
    strips = half_block_strips(PIXELS, 4)
    assert [strip.text for strip in strips] == ["▀▀▀▀", "▀▀▀▀"]
    assert colours(strips[1]) == [
        (tuple(PIXELS[24 + x : 27 + x]), tuple(PIXELS[36 + x : 39 + x])) for x in range(0, 12, 3)
    ]


def test_the_quick_way_writes_what_textual_would(console: Console) -> None:
    strip = half_block_strips(PIXELS, 4)[0]
    usual = Strip(list(strip), 4).render(console)
    assert strip.render(console).replace("\x1b[0m", "") == usual.replace("\x1b[0m", "")


def test_equal_neighbours_are_named_once(console: Console) -> None:
    code = HalfBlockStrip(bytes(30), bytes(30)).render(console)
    assert code == "\x1b[38;2;0;0;0;48;2;0;0;0m" + "▀" * 10 + "\x1b[0m"


def test_fewer_colours_go_textuals_own_way() -> None:
    console = Console(file=io.StringIO(), color_system="256", force_terminal=True)
    assert "38;5;" in half_block_strips(bytes([255, 0, 0] * 2), 1)[0].render(console)


@pytest.mark.parametrize(("start", "end"), [(0, 4), (1, 3), (2, None), (0, 0), (3, 99), (-5, 2)])
def test_cropping_keeps_colours_in_place(start: int, end: int | None) -> None:
    for strip in (half_block_strips(PIXELS, 4)[0], Row([Strip.blank(0), half_block_strips(PIXELS, 4)[0]])):
        cut = strip.crop(start, end)
        assert colours(cut) == colours(half_block_strips(PIXELS, 4)[0])[max(0, start) : end]
        assert cut.cell_length == len(cut.text)


def test_dividing_is_cropping() -> None:
    strip = half_block_strips(PIXELS, 4)[0]
    pieces = strip.divide([1, 3, 4])
    assert [piece.cell_length for piece in pieces] == [1, 2, 1]
    assert [colour for piece in pieces for colour in colours(piece)] == colours(strip)


def test_a_row_joins_and_tells_what_is_written(console: Console) -> None:
    told: list[tuple[int, int]] = []
    row = Row(
        [Strip.blank(2), half_block_strips(PIXELS, 4)[0], Strip.blank(3)], lambda *span: told.append(span), 5
    )
    assert row.cell_length == 9
    assert row.text == "  ▀▀▀▀   "
    assert not told, "asking for the text is no writing"
    pieces = row.divide([1, 4, 9])
    assert not told
    pieces[1].render(console)
    assert told == [(6, 9)]
    pieces[2].crop(1, 4).render(console)
    row.render(console)
    row.render(console)
    assert told[1:] == [(10, 13), (5, 14), (5, 14)]


def test_filters_reach_the_parts(console: Console) -> None:
    told: list[tuple[int, int]] = []
    row = Row([half_block_strips(PIXELS, 4)[1]], lambda *span: told.append(span))
    grey = row.apply_filter(Monochrome(), Color(0, 0, 0))
    assert all(len(set(pair)) == 1 for pixel in colours(grey) for pair in pixel if isinstance(pair, tuple))
    grey.render(console)
    assert told == [(0, 4)], "a filtered row still tells"
    strip = half_block_strips(PIXELS, 4)[0]
    assert strip.apply_filter(ANSIToTruecolor(DEFAULT_TERMINAL_THEME), Color(0, 0, 0)) is strip


def test_placeholders_any_part_stands_alone() -> None:
    strips = placeholder_strips(0x0A0B0C, 5, 2)
    assert [strip.cell_length for strip in strips] == [5, 5]
    part = strips[1].crop(2, 4)
    assert part.text == "".join(PLACEHOLDER + DIACRITICS[1] + DIACRITICS[column] for column in (2, 3))
    style = next(iter(part)).style
    assert style is not None
    assert style.color is not None
    assert style.color.triplet == (0x0A, 0x0B, 0x0C)


def test_a_frame_holds_its_text() -> None:
    lines = [strip.text for strip in frame_strips(13, 3, ["128 x 128"], Style())]
    assert lines == ["┌───────────┐", "│ 128 x 128 │", "└───────────┘"]
    assert [strip.text for strip in frame_strips(2, 1, ["128 x 128"], Style())] == ["12"]


def test_text_is_never_codes_and_wide_signs_count_two() -> None:
    assert text_rows(6, 1, ["狐\x1b[2J狐"]) == ["狐[2J "]
    assert "\x1b" not in "".join(text_rows(20, 3, ["a\x1b]0;x\x07b", "c"]))
    assert text_rows(3, 1, ["狐狐"]) == ["狐 "]
