"""Fitting into cells: as large as the box allows, aspect kept, never nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from silverprint.ui.pixels.fit import fit

SIDE = st.integers(1, 10_000)
CELLS = st.integers(1, 200)
CELL = st.one_of(st.none(), st.tuples(st.integers(4, 30), st.integers(8, 60)))


def test_a_square_in_usual_cells() -> None:
    fitted = fit((128, 128), (60, 20), None)
    assert (fitted.columns, fitted.rows, fitted.width, fitted.height) == (40, 20, 400, 400)


def test_the_cells_own_shape_counts() -> None:
    assert fit((100, 100), (60, 20), (9, 18)).columns == 40
    assert fit((100, 100), (60, 20), (10, 15)).columns == 30


def test_a_shape_between_cells_keeps_its_aspect_with_a_margin() -> None:
    fitted = fit((160, 90), (24, 12), (10, 20))
    assert (fitted.columns, fitted.rows) == (24, 7)
    assert (fitted.width, fitted.height) == (240, 135)


@given(size=st.tuples(SIDE, SIDE), box=st.tuples(CELLS, CELLS), cell=CELL)
def test_always_inside_the_box(
    size: tuple[int, int], box: tuple[int, int], cell: tuple[int, int] | None
) -> None:
    fitted = fit(size, box, cell)
    width, height = cell or (10, 20)
    assert 1 <= fitted.columns <= box[0]
    assert 1 <= fitted.rows <= box[1]
    assert 1 <= fitted.width <= fitted.columns * width
    assert 1 <= fitted.height <= fitted.rows * height
