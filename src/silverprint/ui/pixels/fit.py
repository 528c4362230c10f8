"""Fitting a picture into a box of cells: pure geometry, no pixels."""

from __future__ import annotations

from dataclasses import dataclass

USUAL_CELL = (10, 20)
"""Width and height of a cell in pixels where the terminal does not tell: one to two, as nearly everywhere."""

_UNSEEN = 0.02
"""A stretch of two parts in a hundred nobody sees; beyond it the picture keeps a margin instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """`columns` x `rows` cells, and in them `width` x `height` pixels of picture."""

    columns: int
    rows: int
    width: int
    height: int


def fit(size: tuple[int, int], box: tuple[int, int], cell: tuple[int, int] | None) -> Fitted:
    """The largest size at which a picture of `size` pixels fits a box of (columns, rows), its aspect kept.

    Small pictures grow. Nothing is smaller than one cell, however thin the picture.
    """
    cell_width, cell_height = cell or USUAL_CELL
    width, height = max(1, size[0]), max(1, size[1])
    columns_most, rows_most = max(1, box[0]), max(1, box[1])
    scale = min(columns_most * cell_width / width, rows_most * cell_height / height)
    columns = min(columns_most, max(1, round(width * scale / cell_width)))
    rows = min(rows_most, max(1, round(height * scale / cell_height)))
    full_width, full_height = columns * cell_width, rows * cell_height
    stretch = (full_width / full_height) / (width / height)
    if abs(stretch - 1) <= _UNSEEN:
        return Fitted(columns=columns, rows=rows, width=full_width, height=full_height)
    scale = min(full_width / width, full_height / height)
    return Fitted(
        columns=columns,
        rows=rows,
        width=min(full_width, max(1, round(width * scale))),
        height=min(full_height, max(1, round(height * scale))),
    )
