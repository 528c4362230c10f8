"""What is drawn on a terminal: half-blocks, the board, tables lined up by cells, and marks under a mistake."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silverprint.cli import halfblocks
from silverprint.cli.board import Board
from silverprint.cli.cells import cut, line_up, width
from silverprint.cli.narration import code_of_jobs, code_of_note, tell_error
from silverprint.cli.placing import placing
from silverprint.core.errors import UsageError
from silverprint.core.image import RawImage
from silverprint.core.job import ErrorNote, Job, JobState
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.update import Preview, Working

NOW = datetime(2026, 10, 5, tzinfo=UTC)
RED_OVER_BLUE = RawImage(width=1, height=2, data=bytes((255, 0, 0, 0, 0, 255)))
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def job(state: JobState = JobState.RUNNING, prompt: str = "a red fox", error: ErrorNote | None = None) -> Job:
    recipe = Recipe(ref=ModelRef("fake", "fake"), prompt=prompt, seed=7)
    return Job(id="j1", batch="j1", recipe=recipe, state=state, created=NOW, changed=NOW, error=error)


def test_two_pixels_make_a_cell() -> None:
    (line,) = halfblocks.lines(RED_OVER_BLUE, columns=10, rows=10, colours="truecolor")
    assert line == "\x1b[38;2;255;0;0;48;2;0;0;255m▀\x1b[0m"
    (line,) = halfblocks.lines(RED_OVER_BLUE, columns=10, rows=10, colours="256")
    assert line == "\x1b[38;5;196;48;5;21m▀\x1b[0m"


def test_without_colour_light_is_a_sign() -> None:
    image = RawImage(width=3, height=2, data=bytes([0, 128, 255] * 2), mode="L")
    (line,) = halfblocks.lines(image, columns=10, rows=10, colours="none")
    assert line[0] == " "
    assert line[2] == "@"
    assert "\x1b" not in line


@given(
    st.integers(1, 60), st.integers(1, 60), st.integers(1, 40), st.integers(1, 20),
    st.sampled_from(["truecolor", "256", "none"]),
)  # fmt: skip
def test_any_picture_fits_its_box(
    across: int, down: int, columns: int, rows: int, colours: halfblocks.Colours
) -> None:
    image = RawImage(width=across, height=down, data=bytes(across * down * 3))
    made = halfblocks.lines(image, columns=columns, rows=rows, colours=colours)
    assert 1 <= len(made) <= rows
    assert all(len(ESCAPES.sub("", line)) <= columns for line in made)


def test_a_large_picture_is_the_mean_of_its_parts() -> None:
    checks = bytes(value for y in range(64) for x in range(64) for value in [255 * ((x + y) % 2)] * 3)
    made = halfblocks.lines(
        RawImage(width=64, height=64, data=checks), columns=4, rows=2, colours="truecolor"
    )
    numbers = [int(found) for found in re.findall(r";2;(\d+)", made[0])]
    assert numbers
    assert all(96 <= number <= 160 for number in numbers)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "truecolor"),
        ({"TERM": "xterm-direct"}, "truecolor"),
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "xterm", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "none"),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, "none"),
        ({}, "none"),
    ],
)
def test_colours_of_a_terminal(environ: dict[str, str], expected: str) -> None:
    assert halfblocks.colours_of(environ) == expected


def test_the_board_shows_progress_and_leaves_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    board = Board(previews=True, colours="truecolor")
    board.job(job())
    board.progress("j1", Working(step=6, steps=12))
    board.progress("j1", Preview(image=RED_OVER_BLUE))
    board.job(job(prompt="a red fox \x1b[2J"))
    err = capsys.readouterr().err
    assert "▓▓▓▓▓▓░░░░░░  step 6/12     seed 7  a red fox" in err
    assert "\x1b[2J" not in err
    assert "▀" in err
    board.job(job(JobState.DONE))
    assert "step" not in capsys.readouterr().err.rpartition("\x1b[J")[0].rpartition("\x1b[2A")[2]
    board.clear()
    board.clear()
    assert capsys.readouterr().err == ""


def test_the_board_counts_what_it_has_no_room_for(capsys: pytest.CaptureFixture[str]) -> None:
    board = Board(previews=False, colours="none")
    for number in range(9):
        board.job(replace(job(), id=f"r{number}"))
    board.job(replace(job(JobState.WAITING), id="w"))
    assert "3 more running · 1 waiting" in capsys.readouterr().err


@given(st.text(alphabet="ab 狐е\u0301", max_size=30), st.integers(1, 30))
def test_a_cut_text_fits(text: str, cells: int) -> None:
    shown = cut(text, cells)
    assert width(shown) <= cells
    if width(text) <= cells:
        assert shown == text


def test_columns_line_up_by_cells_and_give_way_where_they_may() -> None:
    rows = [["id", "prompt"], ["abc", "雪の中の狐 in the snow"], ["a", "x"]]
    assert line_up(rows, cells=80, flexible=[1]) == ["id   prompt", "abc  雪の中の狐 in the snow", "a    x"]
    narrow = line_up(rows, cells=15, flexible=[1])
    assert narrow[1] == "abc  雪の中の…"
    assert max(width(line) for line in narrow) <= 15
    assert line_up(rows, cells=3, flexible=[])[1].startswith("abc")


def test_a_mark_stands_under_its_place_in_any_script(capsys: pytest.CaptureFixture[str]) -> None:
    tell_error(UsageError("no", at=(2, 4), fix="mend"), text="狐 xy z")
    assert capsys.readouterr().err.splitlines()[1:] == ["  狐 xy z", "     ^^", "  mend"]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("Unreachable", 3), ("RateLimited", 3), ("KeyMissing", 4), ("KeyRefused", 4), ("OutOfCredit", 4),
        ("ContentRefused", 4), ("BadAnswer", 1), ("PictureError", 1), ("DiskFull", 1),
    ],
)  # fmt: skip
def test_exit_codes_of_jobs(kind: str, code: int) -> None:
    note = ErrorNote(kind=kind, message="no")
    failed, done = job(JobState.FAILED, error=note), job(JobState.DONE)
    assert code_of_note(note) == code
    assert code_of_jobs([done, failed, failed]) == code
    other = job(
        JobState.FAILED, error=ErrorNote(kind="OutOfCredit" if code != 4 else "Unreachable", message="no")
    )
    assert code_of_jobs([failed, other]) == 1
    assert code_of_jobs([done]) == 0


@pytest.mark.parametrize(
    ("out", "folder", "pattern", "format"),
    [
        ("fox.png", ".", "fox", "png"),
        ("a/fox.JPG", "a", "fox", "jpeg"),
        ("a/fox", "a", "fox", None),
        ("a/{seed}/x-{id}.webp", "a", "{seed}/x-{id}", "webp"),
        ("{seed}/", ".", "{seed}/{id}", None),
        ("new/", "new", None, None),
    ],
)
def test_places_for_copies(out: str, folder: str, pattern: str | None, format: str | None) -> None:
    place = placing(out, replace=False)
    assert (str(place.folder), place.pattern, place.format) == (folder, pattern, format)
