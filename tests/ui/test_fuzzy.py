"""Fuzzy search: order, and no markup in what it shows."""

from __future__ import annotations

from silverprint.ui.fuzzy import best, marked


def test_the_best_comes_first_and_what_does_not_fit_is_left_out() -> None:
    texts = ["a lighthouse at night", "red fox", "fox in snow", "nothing"]
    assert best("fox", texts) == [1, 2] or best("fox", texts) == [2, 1]
    assert best("fxsnw", texts) == [2]
    assert best("", texts) == [0, 1, 2, 3]


def test_marks_are_styles_and_never_markup() -> None:
    shown = marked("bold", "[bold]x[/bold]")
    assert shown.plain == "[bold]x[/bold]"
    assert shown.spans
