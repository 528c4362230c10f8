"""Text fitted into terminal cells, for widgets that draw their own lines.

Owns width: wide letters, ellipsis, alignment. What is safe to show is decided in `core.text`.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Literal

from rich.cells import cell_len, set_cell_size

Align = Literal["left", "right", "center"]

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def fit(text: str, width: int, *, align: Align = "left") -> str:
    """``text`` in exactly ``width`` cells: padded with spaces, or cut with an ellipsis."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1).rstrip() + "…" + " " * _left_over(text, width)
    room = width - length
    match align:
        case "left":
            return text + " " * room
        case "right":
            return " " * room + text
        case "center":
            return " " * (room // 2) + text + " " * (room - room // 2)


def age(moment: datetime, now: datetime) -> str:
    """How long ago, in at most four cells: ``12s``, ``3m``, ``2h``, ``14d``. A clock gone back counts as 0."""
    seconds = max(0, int((now - moment).total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds}s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE}m"
    if seconds < _DAY:
        return f"{seconds // _HOUR}h"
    return f"{min(seconds // _DAY, 999)}d"


def home_path(path: Path) -> str:
    """A path to read, with ``~`` for the person's own folder."""
    home = Path.home()
    if path != home and path.is_relative_to(home):
        return f"~{os.sep}{path.relative_to(home)}"
    return str(path)


def _left_over(text: str, width: int) -> int:
    # A wide letter at the cut leaves an empty cell; trailing spaces before the ellipsis are dropped too.
    return width - 1 - cell_len(set_cell_size(text, width - 1).rstrip())
