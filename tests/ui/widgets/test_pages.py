"""Pages: which pictures of a long list are known, and where they stand."""

from __future__ import annotations

from silverprint.ui.widgets.pages import Pages
from tests.ui.samples import picture


def test_positions_follow_from_page_numbers() -> None:
    pages = Pages(size=10)
    pages.reset(25, {0: [picture(n) for n in range(10)], 2: [picture(n) for n in range(20, 25)]})
    assert pages.get(3) == picture(3)
    assert pages.get(24) == picture(24)
    assert pages.get(12) is None  # page 1 was not given
    assert pages.get(25) is None
    assert pages.place(picture(21).id) == 21


def test_missing_names_the_pages_that_a_stretch_touches() -> None:
    pages = Pages(size=10)
    pages.reset(35, {1: [picture(n) for n in range(10, 20)]})
    assert pages.missing(5, 25) == [0, 2]
    assert pages.missing(-3, 99) == [0, 2, 3]
    assert list(pages.numbers(34, 99)) == [3]


def test_the_page_not_looked_at_longest_goes_first() -> None:
    pages = Pages(size=1, most=2)
    pages.reset(3, {0: [picture(0)], 1: [picture(1)]})
    assert pages.get(0) is not None  # looked at, so page 1 is the older one now
    pages.put(2, [picture(2)])
    assert pages.get(1) is None
    assert pages.get(0) == picture(0)
    assert pages.place(picture(1).id) is None


def test_a_changed_picture_is_replaced_in_its_place() -> None:
    pages = Pages(size=10)
    pages.reset(2, {0: [picture(0), picture(1)]})
    assert pages.replace(picture(1, rating=4)) == 1
    known = pages.get(1)
    assert known is not None
    assert known.rating == 4
    assert pages.replace(picture(7)) is None


def test_a_picture_that_moved_to_another_page_keeps_its_new_place() -> None:
    pages = Pages(size=1)
    pages.reset(2, {0: [picture(0)]})
    pages.put(1, [picture(0)])  # it moved down by one
    pages.put(0, [picture(5)])
    assert pages.place(picture(0).id) == 1
