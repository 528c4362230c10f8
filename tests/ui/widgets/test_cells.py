"""Text in cells, ages and paths."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from silverprint.ui.widgets.cells import Align, age, fit, home_path
from tests.ui.samples import NOON


@given(
    st.text(alphabet=st.characters(min_codepoint=32, exclude_categories=("Cc", "Cs", "Cf", "Mn", "Me"))),
    st.integers(1, 40),
    st.sampled_from(["left", "right", "center"]),
)
def test_text_takes_exactly_its_cells(text: str, width: int, align: Align) -> None:
    assert cell_len(fit(text, width, align=align)) == width


def test_what_is_cut_says_so() -> None:
    assert fit("lighthouse", 6) == "light…"
    assert fit("日本の家", 5) == "日本…"
    assert fit("ab", 4, align="right") == "  ab"
    assert fit("ab", 0) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (3_599, "59m"), (7_200, "2h"), (86_400, "1d"), (-5, "0s")],
)
def test_ages(seconds: int, words: str) -> None:
    assert age(NOON, NOON + timedelta(seconds=seconds)) == words


def test_paths_under_home_are_short(tmp_path: Path) -> None:
    assert home_path(tmp_path / "a" / "b.png") == "~/a/b.png"  # HOME is tmp_path in tests
    assert home_path(Path("/opt/x")) == "/opt/x"
