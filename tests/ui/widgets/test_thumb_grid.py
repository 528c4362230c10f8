"""ThumbGrid: geometry, pages on demand, a cursor that keeps its picture, marks, and cells that are never blank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from rich.segment import Segment
from textual.geometry import Region
from textual.pilot import Pilot
from textual.strip import Strip

from silverprint.core.picture import Picture
from silverprint.ui.pixels.painter import Drawn
from silverprint.ui.widgets.paged_grid import Layout
from silverprint.ui.widgets.thumb_grid import ThumbGrid
from tests.ui.conftest import screen_text
from tests.ui.hosts import WidgetHost
from tests.ui.samples import HOSTILE, picture, recipe


class FakeThumbs:
    """Draws each thumbnail as its seed; holds back those in ``slow``."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.slow: set[str] = set()
        self.bad: set[str] = set()
        self.in_view: list[str] = []

    def drawn(self, picture: Picture, box: tuple[int, int]) -> Drawn | None:
        self.asked.append(picture.id)
        if picture.id in self.slow | self.bad:
            return None
        word = f"<{picture.seed}>"
        strips = tuple(Strip([Segment(word)]) for _ in range(3))
        return Drawn(columns=len(word), rows=3, strips=strips, size=(64, 64))

    def sixel(self, picture: Picture, box: tuple[int, int], ready: Callable[[], None]) -> str | None:
        return ""

    def problem(self, picture: Picture) -> str:
        return "can't be read" if picture.id in self.bad else ""

    def wanted(self, pictures: Sequence[Picture]) -> None:
        self.in_view = [one.id for one in pictures]


class Shelf:
    """A list of pictures, newest first, that answers what the grid asks for."""

    def __init__(self, total: int) -> None:
        self.first = total - 1
        self.total = total
        self.thumbs = FakeThumbs()
        self.grid = ThumbGrid(self.thumbs)
        self.app = WidgetHost(self.grid, ThumbGrid.PagesWanted, ThumbGrid.Highlighted, ThumbGrid.Marked)
        self.gone: set[int] = set()

    @property
    def seeds(self) -> list[int]:
        return [n for n in range(self.first, self.first - self.total, -1) if n not in self.gone]

    def page(self, number: int) -> list[Picture]:
        size = self.grid.pages.size
        return [picture(seed) for seed in self.seeds[number * size : (number + 1) * size]]

    def show(self, **options: bool) -> None:
        total = len(self.seeds)
        self.grid.show(total, {number: self.page(number) for number in self.grid.needed(total)}, **options)

    def add(self, count: int) -> None:
        """So many new pictures are at the start of the list."""
        self.first += count
        self.total += count

    @property
    def wanted(self) -> list[int]:
        """Every page asked for so far."""
        found = [m.numbers for m in self.app.heard if isinstance(m, ThumbGrid.PagesWanted)]
        return [number for numbers in found for number in numbers]

    @property
    def seed(self) -> int | None:
        """The picture under the cursor."""
        return self.grid.picture.seed if self.grid.picture is not None else None

    async def answer(self, pilot: Pilot[Any]) -> None:
        """Give the pages that were asked for."""
        await pilot.pause()
        for number in self.wanted:
            if self.grid.pages.missing(number * self.grid.pages.size, number * self.grid.pages.size):
                self.grid.put(number, self.page(number))
        await pilot.pause()


@pytest.mark.parametrize(("width", "columns"), [(79, 4), (80, 4), (98, 5), (141, 7), (18, 1), (3, 1)])
def test_as_many_columns_as_fit(width: int, columns: int) -> None:
    layout = Layout.of(width, 2.0)
    assert layout.columns == columns
    assert layout.cell_width * columns <= max(width, 4)
    assert layout.box_height == max(1, round(layout.box_width / 2))


async def test_a_hundred_thousand_open_with_one_page() -> None:
    shelf = Shelf(100_000)
    async with shelf.app.run_test(size=(80, 24)) as pilot:
        shelf.show()
        await pilot.pause()
        assert shelf.grid.virtual_size.height == 25_000 * shelf.grid.layout_now.cell_height
        assert shelf.wanted == []  # the first page covers the view and what is near
        assert set(shelf.thumbs.asked) <= {picture(seed).id for seed in shelf.seeds[:12]}
        assert "<99999>" in screen_text(shelf.app)


async def test_far_away_cells_are_placeholders_until_their_page_comes() -> None:
    shelf = Shelf(100_000)
    async with shelf.app.run_test(size=(80, 24)) as pilot:
        shelf.grid.focus()
        shelf.show()
        await pilot.press("end")
        await pilot.pause()
        assert shelf.grid.cursor == 99_999
        last = 99_999 // shelf.grid.pages.size
        assert last in shelf.wanted
        assert len(shelf.wanted) <= 3
        # Frames of cells are there though nothing is known of them.
        assert "╰───" in screen_text(shelf.app)
        await shelf.answer(pilot)
        assert shelf.seed == 0
        assert "<0>" in screen_text(shelf.app)


async def test_a_page_is_asked_for_once() -> None:
    shelf = Shelf(1_000)
    async with shelf.app.run_test(size=(80, 24)) as pilot:
        shelf.grid.focus()
        shelf.show()
        await pilot.press("end", "up", "up", "down", "home", "end")
        await pilot.pause()
        assert len(shelf.wanted) == len(set(shelf.wanted))
        shelf.grid.dropped(16)
        await pilot.press("home", "end")
        await pilot.pause()
        assert shelf.wanted.count(16) == 2  # it was refused, so it is asked for again


async def test_keys_move_by_cell_row_and_page_and_stop_at_the_ends() -> None:
    shelf = Shelf(50)
    async with shelf.app.run_test(size=(80, 24)) as pilot:
        grid = shelf.grid
        grid.focus()
        shelf.show()
        assert grid.layout_now.columns == 4
        for keys, place in (
            ("right", 1), ("l", 2), ("down", 6), ("j", 10), ("h", 9), ("left", 8), ("k", 4), ("up", 0),
            ("left", 0), ("up", 0), ("pagedown", 8), ("pageup", 0), ("right", 1), ("pageup", 1),
            ("end", 49), ("right", 49), ("down", 49), ("up", 45), ("right", 46), ("down", 49), ("home", 0), ("G", 49), ("g", 0),
        ):  # fmt: skip
            await pilot.press(keys)
            assert grid.cursor == place, keys
        await pilot.press("end")
        row = grid.row(49) - grid.scroll_offset.y
        assert 0 <= row <= grid.size.height - grid.layout_now.cell_height  # the whole cell is on view


async def test_new_pictures_show_at_the_top_and_the_cursor_keeps_its_picture() -> None:
    shelf = Shelf(50)
    async with shelf.app.run_test(size=(80, 24)) as pilot:
        shelf.grid.focus()
        shelf.show()
        await pilot.press("right")
        assert shelf.seed == 48
        shelf.add(2)
        shelf.show()
        await pilot.pause()
        assert shelf.seed == 48
        assert shelf.grid.cursor == 3
        assert shelf.grid.scroll_offset.y == 0
        assert "<51>" in screen_text(shelf.app)


async def test_scrolled_down_the_view_stands_still_while_new_pictures_come() -> None:
    shelf = Shelf(400)
    async with shelf.app.run_test(size=(80, 24)) as pilot:
        shelf.grid.focus()
        shelf.show()
        for _ in range(30):
            await pilot.press("down")
            await shelf.answer(pilot)
        seed = shelf.seed
        row = shelf.grid.row(shelf.grid.cursor) - shelf.grid.scroll_offset.y
        shelf.add(150)  # more than two pages
        shelf.show()
        await pilot.pause()
        assert shelf.seed == seed
        assert shelf.grid.row(shelf.grid.cursor) - shelf.grid.scroll_offset.y == row


async def test_when_its_picture_is_gone_the_cursor_is_on_the_next() -> None:
    shelf = Shelf(50)
    async with shelf.app.run_test(size=(80, 24)) as pilot:
        shelf.grid.focus()
        shelf.show()
        await pilot.press("right", "right")
        assert shelf.seed == 47
        shelf.gone = {47}
        shelf.show()
        assert shelf.seed == 46
        shelf.gone = set(range(50))
        shelf.show()
        await pilot.press("right", "end", "space")  # nothing to move to, nothing to mark
        assert shelf.grid.targets == []


async def test_marks_are_what_actions_act_on() -> None:
    shelf = Shelf(50)
    async with shelf.app.run_test(size=(80, 24)) as pilot:
        grid = shelf.grid
        grid.focus()
        shelf.show()
        assert [one.seed for one in grid.targets] == [49]
        await pilot.press("space", "space")
        assert [one.seed for one in grid.targets] == [49, 48]
        assert grid.cursor == 2
        assert screen_text(shelf.app).splitlines()[0].count("●") == 2
        await pilot.press("home", "space")
        assert [one.seed for one in grid.targets] == [48]
        grid.replace(picture(48, rating=5))
        assert grid.targets[0].rating == 5
        grid.unmark_all()
        assert [one.seed for one in grid.targets] == [48]  # the one under the cursor


async def test_captions_say_stars_heart_and_words() -> None:
    shelf = Shelf(4)
    async with shelf.app.run_test(size=(80, 24)) as pilot:
        shelf.show()
        shelf.grid.replace(picture(3, rating=3, starred=True))
        await pilot.pause()
        assert "★★★♥ 日本の古い" in screen_text(shelf.app)


async def test_a_thumbnail_that_comes_late_or_never() -> None:
    shelf = Shelf(4)
    shelf.thumbs.slow = {picture(3).id}
    shelf.thumbs.bad = {picture(2).id}
    async with shelf.app.run_test(size=(80, 24)) as pilot:
        shelf.show()
        await pilot.pause()
        text = screen_text(shelf.app)
        assert "…" in text.splitlines()[5]
        assert "can't be read" in text
        assert "<1>" in text
        shelf.thumbs.slow = set()
        shelf.grid.thumb_ready([picture(3).id, "unknown"])
        await pilot.pause()
        assert "<3>" in screen_text(shelf.app)


async def test_only_what_is_on_view_is_wanted() -> None:
    shelf = Shelf(400)
    async with shelf.app.run_test(size=(80, 24)) as pilot:
        shelf.grid.focus()
        shelf.show()
        assert len(shelf.thumbs.in_view) <= 12
        await pilot.press("pagedown", "pagedown", "pagedown")
        await shelf.answer(pilot)
        assert picture(399).id not in shelf.thumbs.in_view
        assert shelf.grid.picture is not None
        assert shelf.grid.picture.id in shelf.thumbs.in_view


async def test_moving_the_cursor_leaves_the_pictures_alone() -> None:
    """Text written over a sixel picture wipes it, so only frames may be drawn again."""
    shelf = Shelf(8)
    async with shelf.app.run_test(size=(80, 30)) as pilot:
        shelf.grid.focus()
        shelf.show()
        await pilot.pause()
        grid, drawn = shelf.grid, list[Region]()
        refresh = grid.refresh

        def spy(*regions: Region, **options: bool) -> ThumbGrid:
            drawn.extend(regions or [Region(0, 0, *grid.size)])
            refresh(*regions, **options)
            return grid

        grid.refresh = spy  # type: ignore[method-assign]
        await pilot.press("right", "down", "space")
        layout = grid.layout_now
        boxes = [
            Region(column * layout.cell_width + 1, row * layout.cell_height + 1, *layout.box)
            for column in range(layout.columns)
            for row in range(2)
        ]
        assert drawn
        assert not any(region.overlaps(box) for region in drawn for box in boxes)


async def test_another_width_keeps_the_cursor_on_view() -> None:
    shelf = Shelf(400)
    async with shelf.app.run_test(size=(80, 24)) as pilot:
        shelf.grid.focus()
        shelf.show()
        for _ in range(20):
            await pilot.press("down")
        await shelf.answer(pilot)
        seed = shelf.seed
        await pilot.resize_terminal(140, 40)
        await shelf.answer(pilot)
        assert shelf.grid.layout_now.columns == 7
        assert shelf.seed == seed
        assert f"<{seed}>" in screen_text(shelf.app)


async def test_the_mouse_points_and_opens() -> None:
    shelf = Shelf(8)
    shelf.app._kinds = (ThumbGrid.Opened,)
    async with shelf.app.run_test(size=(80, 30)) as pilot:
        shelf.show()
        await pilot.click(ThumbGrid, offset=(25, 14))  # second column, second row
        assert shelf.seed == 2
        await pilot.click(ThumbGrid, offset=(5, 4), control=True)
        assert [one.seed for one in shelf.grid.targets] == [7]
        await pilot.click(ThumbGrid, offset=(25, 14), times=2)
        assert [message.picture.seed for message in shelf.app.heard] == [2]


async def test_hostile_words_stay_words() -> None:
    shelf = Shelf(1)
    async with shelf.app.run_test(size=(120, 40)) as pilot:
        shelf.grid.show(1, {0: [picture(0, recipe=recipe(HOSTILE))]})
        await pilot.pause()
        text = screen_text(shelf.app)
        assert "[bold red]" in text
        assert "\x1b" not in text


async def test_an_empty_grid_teaches() -> None:
    shelf = Shelf(0)
    async with shelf.app.run_test(size=(80, 24)) as pilot:
        shelf.grid.empty_words = ("No pictures yet", "", "press ctrl+g")
        shelf.show()
        await pilot.pause()
        assert "press ctrl+g" in screen_text(shelf.app)
