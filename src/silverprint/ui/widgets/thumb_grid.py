"""ThumbGrid: any number of pictures as a grid of thumbnails, in one widget that draws its own lines.

Owns geometry, cursor and marks. It knows pictures by pages that it asks for, and thumbnails as strips that
a painter gives; loading either is left to the screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from silverprint.core.picture import Picture
from silverprint.core.text import one_line
from silverprint.ui.actions import Where, bindings
from silverprint.ui.pixels.strips import Row
from silverprint.ui.widgets.cells import fit
from silverprint.ui.widgets.pages import Pages
from silverprint.ui.widgets.rating import FULL, STARRED

CELL_WIDTH = 19
"""The least columns a cell takes: four of them beside a scrollbar at 80 columns."""


class Thumbnails(Protocol):
    """Gives thumbnails as strips, and tells the grid later (``thumb_ready``) what it did not have yet."""

    def strips(self, picture: Picture, width: int, height: int) -> Sequence[Strip] | None:
        """The thumbnail in a box of cells, or None while it is being made."""
        ...

    def problem(self, picture: Picture) -> str:
        """Why there will be no thumbnail, in a few words; empty while there is none."""
        ...

    def wanted(self, pictures: Sequence[Picture]) -> None:
        """These are on view now, the cursor's first: everything else can wait."""
        ...


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

    @classmethod
    def of(cls, width: int, aspect: float, least: int = CELL_WIDTH) -> Layout:
        """The layout for ``width`` columns; ``aspect`` is a terminal cell's height over its width."""
        columns = max(1, width // least)
        cell_width = max(4, width // columns)
        return cls(columns, cell_width, max(1, round((cell_width - 2) / aspect)))


class ThumbGrid(ScrollView, can_focus=True):
    """Feed it with ``show``, ``put`` and ``replace``; it posts what it needs and where the cursor is."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "thumb-grid--caption",
        "thumb-grid--empty",
        "thumb-grid--frame",
        "thumb-grid--frame-blurred",
        "thumb-grid--mark",
        "thumb-grid--stars",
    }

    DEFAULT_CSS = """
    ThumbGrid {
        height: 1fr;
        scrollbar-gutter: stable;
        & > .thumb-grid--caption { color: $text-muted; }
        & > .thumb-grid--empty { color: $text-disabled; background: $surface; }
        & > .thumb-grid--frame { color: $accent; }
        & > .thumb-grid--frame-blurred { color: $text-muted; }
        & > .thumb-grid--mark { color: $text-accent; text-style: bold; }
        & > .thumb-grid--stars { color: $star; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Where.GRID, Where.PICTURE),
    ]

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

    def __init__(
        self, thumbnails: Thumbnails | None = None, *, aspect: float = 2.0, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.pages = Pages()
        self.marks: dict[str, Picture] = {}
        self.cursor = 0
        self.thumbnails = thumbnails
        self._aspect = aspect
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
            self.refresh_cell(index)
            if index == self.cursor:
                self._tell()

    def thumb_ready(self, picture_ids: Iterable[str]) -> None:
        """Thumbnails that were not there when their cells were drawn."""
        for picture_id in picture_ids:
            index = self.pages.place(picture_id)
            if index is not None:
                self.refresh_cell(index)

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
        shift = total - self.pages.total
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
        row_on_screen = self._row(self.cursor) - self.scroll_offset.y
        in_view = 0 <= row_on_screen < max(1, self.size.height)
        self._measure()
        if in_view:
            self.scroll_to(
                y=self._row(self.cursor) - row_on_screen, animate=False, force=True, immediate=True
            )
            self._show_cursor()
        self.refresh()
        self._settle()

    def _measure(self) -> None:
        width = self.scrollable_content_region.width or CELL_WIDTH
        self._layout_now = Layout.of(width, self._aspect)
        rows = -(-self.pages.total // self._layout_now.columns)
        self.virtual_size = Size(width, rows * self._layout_now.cell_height)

    def _row(self, index: int) -> int:
        """The first line of a cell, from the top of the list."""
        return index // self._layout_now.columns * self._layout_now.cell_height

    def _screenful(self) -> int:
        layout = self._layout_now
        return (max(1, self.size.height) // layout.cell_height + 2) * layout.columns

    def _follow(self, before: int) -> None:
        """Scroll by as much as the cursor's picture moved; but at the top stay there, so new pictures show."""
        moved = self._row(self.cursor) - self._row(before)
        at_top = self.scroll_offset.y == 0
        stays = self._row(self.cursor) + self._layout_now.cell_height <= self.size.height
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
        if self.thumbnails is not None:
            view = [self.pages.get(index) for index in self.on_view()]
            self.thumbnails.wanted([picture for picture in view if picture is not None])

    def _is_missing(self, number: int) -> bool:
        return bool(self.pages.missing(number * self.pages.size, number * self.pages.size))

    def dropped(self, number: int) -> None:
        """A page that was asked for and will not come; it is asked for again when it is on view."""
        self._asked.discard(number)

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
        self.refresh_cell(self.cursor)
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
        self.refresh_cell(before)
        self.refresh_cell(self.cursor)
        self._show_cursor()
        self._tell()

    def _show_cursor(self) -> None:
        if self.size.height:
            region = Region(0, self._row(self.cursor), 1, self._layout_now.cell_height)
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

    # drawing

    def refresh_cell(self, index: int) -> None:
        """Draw one cell again, if it is on view."""
        if index not in self.on_view():
            return
        layout = self._layout_now
        self.refresh(
            Region(
                index % layout.columns * layout.cell_width,
                self._row(index) - self.scroll_offset.y,
                layout.cell_width,
                layout.cell_height,
            ).intersection(Region(0, 0, *self.size))
        )

    def on_focus(self) -> None:
        """The cursor's frame shows who has the keys."""
        self.refresh_cell(self.cursor)

    def on_blur(self) -> None:
        """The cursor's frame shows who has the keys."""
        self.refresh_cell(self.cursor)

    def render_line(self, y: int) -> Strip:
        """One line through a row of cells."""
        layout = self._layout_now
        width = self.scrollable_content_region.width
        plain = self.get_visual_style().rich_style
        row, line = divmod(self.scroll_offset.y + y, layout.cell_height)
        first = row * layout.columns
        if first >= self.pages.total:
            return Strip.blank(width, plain)
        parts = [
            self._cell_line(index, line, plain)
            for index in range(first, min(first + layout.columns, self.pages.total))
        ]
        left_over = width - sum(part.cell_length for part in parts)
        return Row([*parts, Strip.blank(max(0, left_over), plain)])

    def _cell_line(self, index: int, line: int, plain: Style) -> Strip:
        layout = self._layout_now
        picture = self.pages.get(index)
        frame = self._frame(index)
        if line == 0:
            return Strip(self._top(picture, frame, plain), layout.cell_width)
        if line == layout.cell_height - 1:
            return Strip(self._caption(picture, frame, plain), layout.cell_width)
        side = Segment("│" if frame else " ", frame or plain)
        edge = Strip([side], 1)
        return Row([edge, self._box_line(picture, line - 1), edge])

    def _frame(self, index: int) -> Style | None:
        if index != self.cursor:
            return None
        name = "thumb-grid--frame" if self.has_focus else "thumb-grid--frame-blurred"
        return self.get_visual_style(name).rich_style

    def _top(self, picture: Picture | None, frame: Style | None, plain: Style) -> list[Segment]:
        width = self._layout_now.box_width
        if picture is not None and picture.id in self.marks:
            mark = self.get_visual_style("thumb-grid--mark").rich_style
            line = "─" * (width - 1) + "╮" if frame else " " * width
            return [Segment("●", mark), Segment(("─" if frame else " ") + line, frame or plain)]
        return [Segment("╭" + "─" * width + "╮" if frame else " " * (width + 2), frame or plain)]

    def _caption(self, picture: Picture | None, frame: Style | None, plain: Style) -> list[Segment]:
        width = self._layout_now.box_width
        left, right = ("╰", "╯") if frame else (" ", " ")
        edge = frame or plain
        if picture is None:
            line = ("─" if frame else " ") * width
            return [Segment(left + line + right, edge)]
        stars = FULL * picture.rating + (STARRED if picture.starred else "")
        stars = stars + " " if stars else ""
        words = one_line(picture.recipe.prompt, most=120) or str(picture.seed or "")
        caption = self.get_visual_style("thumb-grid--caption").rich_style
        return [
            Segment(left, edge),
            Segment(
                fit(stars, min(len(stars), width)), self.get_visual_style("thumb-grid--stars").rich_style
            ),
            Segment(fit(words, width - min(len(stars), width)), caption),
            Segment(right, edge),
        ]

    def _box_line(self, picture: Picture | None, line: int) -> Strip:
        layout = self._layout_now
        strips: Sequence[Strip] | None = None
        words = ""
        if picture is not None and self.thumbnails is not None:
            strips = self.thumbnails.strips(picture, layout.box_width, layout.box_height)
            words = "" if strips is not None else self.thumbnails.problem(picture) or "…"
        empty = self.get_visual_style("thumb-grid--empty").rich_style
        if strips is None:
            shown = words if line == layout.box_height // 2 else ""
            return Strip([Segment(fit(shown, layout.box_width, align="center"), empty)], layout.box_width)
        return _centred(strips, line, layout, self.get_visual_style().rich_style)


def _centred(strips: Sequence[Strip], line: int, layout: Layout, plain: Style) -> Strip:
    """Line ``line`` of a thumbnail that may be smaller than its box."""
    at = line - (layout.box_height - len(strips)) // 2
    if not 0 <= at < len(strips):
        return Strip([Segment(" " * layout.box_width, plain)], layout.box_width)
    strip = strips[at]
    room = layout.box_width - strip.cell_length
    if room <= 0:
        return strip.crop(0, layout.box_width)
    left = room // 2
    return Row([Strip.blank(left, plain), strip, Strip.blank(room - left, plain)])
