"""PagedGrid: where any number of pictures stand in a grid, by pages: geometry, cursor, marks, scrolling.

It asks for the pages it needs and tells where the cursor is. How a cell looks is left to the grid built on it,
loading pages to the screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textual import events
from textual.geometry import Region, Size, Spacing
from textual.message import Message
from textual.scroll_view import ScrollView

from silverprint.core.picture import Picture
from silverprint.ui.widgets.pages import Pages

CELL_WIDTH = 19
"""The least columns a cell takes: four of them beside a scrollbar at 80 columns."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes in cells. A cell is a frame around a box; its last line holds the caption."""

    columns: int
    cell_width: int
    box_height: int

    @property
    def box_width(self) -> int:
        """Columns of the picture in a cell."""
        return self.cell_width - 2

    @property
    def cell_height(self) -> int:
        """Lines of a cell: the frame's top, the box, and the caption."""
        return self.box_height + 2

    @property
    def box(self) -> tuple[int, int]:
        """Columns and lines of the picture in a cell."""
        return self.box_width, self.box_height

    def place(self, columns: int, rows: int) -> Region:
        """Where a thumbnail of this size stands in the box: in its middle."""
        columns, rows = min(columns, self.box_width), min(rows, self.box_height)
        return Region((self.box_width - columns) // 2, (self.box_height - rows) // 2, columns, rows)

    @classmethod
    def of(cls, width: int, aspect: float, least: int = CELL_WIDTH) -> Layout:
        """The layout for ``width`` columns; ``aspect`` is a terminal cell's height over its width."""
        columns = max(1, width // least)
        cell_width = max(4, width // columns)
        return cls(columns, cell_width, max(1, round((cell_width - 2) / aspect)))


class PagedGrid(ScrollView):
    """Feed it with ``show``, ``put`` and ``replace``; it posts what it needs and where the cursor is."""

    class PagesWanted(Message):
        """These pages are on view or near, the most wanted first, and not known."""

        def __init__(self, numbers: tuple[int, ...]) -> None:
            super().__init__()
            self.numbers = numbers

    class Highlighted(Message):
        """The cursor is on ``picture`` now, or that picture has changed; None while it is not known."""

        def __init__(self, picture: Picture | None) -> None:
            super().__init__()
            self.picture = picture

    class Opened(Message):
        """A double click on ``picture``."""

        def __init__(self, picture: Picture) -> None:
            super().__init__()
            self.picture = picture

    class Marked(Message):
        """Pictures were marked or unmarked."""

    def __init__(self, *, aspect: float = 2.0, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pages = Pages()
        self.marks: dict[str, Picture] = {}
        self.cursor = 0
        self.aspect = aspect
        self._cursor_id: str | None = None
        self._asked: set[int] = set()
        self._layout_now = Layout.of(CELL_WIDTH, aspect)

    # values in

    def show(self, total: int, pages: Mapping[int, Sequence[Picture]], *, to_start: bool = False) -> None:
        """The list is this now. The cursor stays on its picture as far as that is among ``pages``;
        with ``to_start`` it goes to the first.
        """
        before = 0 if to_start else self.cursor
        self.pages.reset(total, pages)
        self._asked.clear()
        if to_start:
            self.cursor, self._cursor_id = 0, None
        place = self.pages.place(self._cursor_id) if self._cursor_id is not None else None
        self.cursor = place if place is not None else min(self.cursor, max(0, total - 1))
        self._measure()
        if to_start:
            self.scroll_to(y=0, animate=False, force=True, immediate=True)
        else:
            self._follow(before)
        for picture in (picture for page in pages.values() for picture in page):
            if picture.id in self.marks:
                self.marks[picture.id] = picture
        self.refresh()
        self._settle()
        self._tell()

    def put(self, number: int, pictures: Sequence[Picture]) -> None:
        """A page that was asked for."""
        self.pages.put(number, pictures)
        self._asked.discard(number)
        view = self.on_view()
        if view and number in self.pages.numbers(view.start, view.stop - 1):
            self.refresh()
        self._settle()
        if self.cursor // self.pages.size == number:
            self._tell()

    def replace(self, picture: Picture) -> None:
        """A picture has changed; it is redrawn if it is known."""
        if picture.id in self.marks:
            self.marks[picture.id] = picture
        index = self.pages.replace(picture)
        if index is not None:
            self.refresh_frame(index)
            if index == self.cursor:
                self._tell()

    # what it knows

    @property
    def picture(self) -> Picture | None:
        """The picture under the cursor, if it is known."""
        return self.pages.get(self.cursor)

    @property
    def targets(self) -> list[Picture]:
        """What an action acts on: the marked pictures, else the one under the cursor."""
        if self.marks:
            return list(self.marks.values())
        return [self.picture] if self.picture is not None else []

    def known_around(self) -> list[Picture]:
        """The pictures known without a gap around the cursor, in order."""
        first = self.cursor
        while first > 0 and self.pages.get(first - 1) is not None:
            first -= 1
        found: list[Picture] = []
        while (picture := self.pages.get(first + len(found))) is not None:
            found.append(picture)
        return found

    @property
    def layout_now(self) -> Layout:
        """The sizes in use."""
        return self._layout_now

    def on_view(self) -> range:
        """Positions of the cells on view, whole or in part."""
        layout = self._layout_now
        top = self.scroll_offset.y // layout.cell_height
        bottom = (self.scroll_offset.y + max(1, self.size.height) - 1) // layout.cell_height
        last = min(self.pages.total, (bottom + 1) * layout.columns)
        return range(min(top * layout.columns, last), last)

    def needed(self, total: int) -> list[int]:
        """The pages to load when the list has become ``total`` long: those on view, wherever the cursor's
        picture may have gone by so many more or fewer, and where it is.
        """
        shift = total - self.pages.total if self.pages.total else 0
        view = self.on_view()
        spans = [(view.start, max(view.stop, view.start + self._screenful()))]
        spans += [(start + shift, stop + shift) for start, stop in spans]
        spans += [(self.cursor, self.cursor + 1), (self.cursor + shift, self.cursor + shift + 1)]
        size, found = self.pages.size, dict[int, None]()
        for start, stop in spans:
            for number in range(max(0, start) // size, max(0, stop - 1) // size + 1):
                if number * size < max(1, total):
                    found[number] = None
        return list(found)

    def is_near(self, number: int) -> bool:
        """Is this page still on view, or about to be?"""
        return number in self._near()

    # geometry

    def on_mount(self) -> None:
        """Take the size there is."""
        self._measure()

    def on_resize(self) -> None:
        """More or fewer columns; the cursor's row stays where it was."""
        row_on_screen = self.row(self.cursor) - self.scroll_offset.y
        in_view = 0 <= row_on_screen < max(1, self.size.height)
        self._measure()
        if in_view:
            self.scroll_to(y=self.row(self.cursor) - row_on_screen, animate=False, force=True, immediate=True)
            self._show_cursor()
        self.refresh()
        self._settle()

    def _measure(self) -> None:
        width = self.scrollable_content_region.width or CELL_WIDTH
        self._layout_now = Layout.of(width, self.aspect)
        rows = -(-self.pages.total // self._layout_now.columns)
        self.virtual_size = Size(width, rows * self._layout_now.cell_height)

    def row(self, index: int) -> int:
        """The first line of a cell, from the top of the list."""
        return index // self._layout_now.columns * self._layout_now.cell_height

    def _screenful(self) -> int:
        layout = self._layout_now
        return (max(1, self.size.height) // layout.cell_height + 2) * layout.columns

    def _follow(self, before: int) -> None:
        """Scroll by as much as the cursor's picture moved; but at the top stay there, so new pictures show."""
        moved = self.row(self.cursor) - self.row(before)
        at_top = self.scroll_offset.y == 0
        stays = self.row(self.cursor) + self._layout_now.cell_height <= self.size.height
        if moved and not (at_top and stays):
            self.scroll_to(y=self.scroll_offset.y + moved, animate=False, force=True, immediate=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other cells are on view."""
        super().watch_scroll_y(old_value, new_value)
        self._settle()

    def _near(self) -> list[int]:
        view = self.on_view()
        if not view:
            return []
        spare = len(view)
        on_view = self.pages.numbers(view.start, view.stop - 1)
        around = self.pages.numbers(view.start - spare, view.stop - 1 + spare)
        return [*on_view, *(number for number in around if number not in on_view)]

    def _settle(self) -> None:
        """Ask for what the view needs and is not known."""
        if not self.is_mounted:
            return
        wanted = tuple(n for n in self._near() if n not in self._asked and self._is_missing(n))
        if wanted:
            self._asked.update(wanted)
            self.post_message(self.PagesWanted(wanted))
        self.view_changed()

    def view_changed(self) -> None:
        """Other pictures are on view. For what is built on this."""

    def _is_missing(self, number: int) -> bool:
        return bool(self.pages.missing(number * self.pages.size, number * self.pages.size))

    def dropped(self, number: int) -> None:
        """A page that was asked for and will not come; it is asked for again when it is on view."""
        self._asked.discard(number)

    def refresh_frame(self, index: int) -> None:
        """Draw a cell's frame and caption again. Its picture is left alone: on a sixel terminal text wipes it."""
        cell = self._cell(index)
        self._refresh_parts(
            Region(cell.x, cell.y, cell.width, 1),
            Region(cell.x, cell.bottom - 1, cell.width, 1),
            Region(cell.x, cell.y, 1, cell.height),
            Region(cell.right - 1, cell.y, 1, cell.height),
        )

    def refresh_picture(self, index: int) -> None:
        """Draw a cell's picture again."""
        self._refresh_parts(self._cell(index).shrink(Spacing.all(1)))

    def _cell(self, index: int) -> Region:
        layout = self._layout_now
        left, top = index % layout.columns * layout.cell_width, self.row(index) - self.scroll_offset.y
        return Region(left, top, layout.cell_width, layout.cell_height)

    def _refresh_parts(self, *parts: Region) -> None:
        window = Region(0, 0, *self.size)
        seen = [part.intersection(window) for part in parts if part.overlaps(window)]
        if seen:
            self.refresh(*seen)

    # the cursor and the marks

    def action_move(self, cells: int) -> None:
        """Move the cursor by cells; it stops at the ends of the list."""
        self.go(self.cursor + cells)

    def action_move_rows(self, rows: int) -> None:
        """Move the cursor by rows; it stays in its column where the row is long enough."""
        columns = self._layout_now.columns
        target = self.cursor + rows * columns
        last = self.pages.total - 1
        if target > last and target // columns == last // columns:
            target = last
        if 0 <= target <= last:
            self.go(target)

    def action_move_pages(self, screens: int) -> None:
        """Move the cursor by what fits on the screen."""
        columns = self._layout_now.columns
        rows = max(1, self.size.height // self._layout_now.cell_height)
        target = self.cursor + screens * rows * columns
        if target < 0:
            target = self.cursor % columns
        self.go(target)

    def action_edge(self, side: int) -> None:
        """Move the cursor to the first or last picture."""
        self.go(0 if side < 0 else self.pages.total - 1)

    def action_mark(self) -> None:
        """Mark or unmark the picture under the cursor, and go on to the next."""
        picture = self.picture
        if picture is None:
            return
        if self.marks.pop(picture.id, None) is None:
            self.marks[picture.id] = picture
        self.refresh_frame(self.cursor)
        self.post_message(self.Marked())
        self.action_move(1)

    def unmark_all(self) -> None:
        """No picture is marked."""
        if self.marks:
            self.marks.clear()
            self.refresh()
            self.post_message(self.Marked())

    def go(self, index: int) -> None:
        """Put the cursor on a position, clipped to the list, and show it."""
        if self.pages.total == 0:
            return
        before, self.cursor = self.cursor, min(max(index, 0), self.pages.total - 1)
        self.refresh_frame(before)
        self.refresh_frame(self.cursor)
        self._show_cursor()
        self._tell()

    def _show_cursor(self) -> None:
        if self.size.height:
            region = Region(0, self.row(self.cursor), 1, self._layout_now.cell_height)
            self.scroll_to_region(region, animate=False, force=True, immediate=True)

    def _tell(self) -> None:
        picture = self.picture
        self._cursor_id = picture.id if picture is not None else None
        self.post_message(self.Highlighted(picture))

    def on_click(self, event: events.Click) -> None:
        """Point at a picture; with ctrl mark it; twice opens it."""
        layout = self._layout_now
        column = event.x // layout.cell_width
        row = (self.scroll_offset.y + event.y) // layout.cell_height
        index = row * layout.columns + column
        if column >= layout.columns or index >= self.pages.total:
            return
        self.go(index)
        if event.ctrl:
            self.action_mark()
            self.go(index)
        elif event.chain == 2 and self.picture is not None:
            self.post_message(self.Opened(self.picture))
