"""ThumbGrid: any number of pictures as a grid of thumbnails, in one widget that draws its own lines.

Owns how a cell looks, and sharp pictures at rest where the terminal draws sixel. Making thumbnails is left to
who gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import ClassVar, Protocol

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.geometry import Offset, Region
from textual.reactive import reactive
from textual.strip import Strip

from silverprint.core.picture import Picture
from silverprint.core.text import one_line
from silverprint.ui.actions import Where, bindings
from silverprint.ui.pixels.painter import Drawn, painter_of
from silverprint.ui.pixels.rest import Placement, Sharpener
from silverprint.ui.pixels.strips import Row
from silverprint.ui.widgets.cells import fit
from silverprint.ui.widgets.paged_grid import PagedGrid
from silverprint.ui.widgets.rating import FULL, STARRED


class Thumbnails(Protocol):
    """Gives thumbnails as they are drawn, and tells the grid later (``thumb_ready``) what it did not have yet."""

    def drawn(self, picture: Picture, box: tuple[int, int]) -> Drawn | None:
        """The thumbnail in a box of cells, or None while it is being made."""
        ...

    def sixel(self, picture: Picture, box: tuple[int, int], ready: Callable[[], None]) -> str | None:
        """The same as sixel code; None while it is being made, empty where there is none."""
        ...

    def problem(self, picture: Picture) -> str:
        """Why there will be no thumbnail, in a few words; empty while there is none."""
        ...

    def wanted(self, pictures: Sequence[Picture]) -> None:
        """These are on view now, the cursor's first: everything else can wait."""
        ...


class ThumbGrid(PagedGrid, can_focus=True):
    """A ``PagedGrid`` with a thumbnail, stars and the first words of the prompt in each cell."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "thumb-grid--caption",
        "thumb-grid--empty",
        "thumb-grid--frame",
        "thumb-grid--frame-blurred",
        "thumb-grid--mark",
        "thumb-grid--stars",
        "thumb-grid--title",
    }

    DEFAULT_CSS = """
    ThumbGrid {
        height: 1fr;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        & > .thumb-grid--caption { color: $text-muted; }
        & > .thumb-grid--empty { color: $text-disabled; background: $surface; }
        & > .thumb-grid--frame { color: $accent; }
        & > .thumb-grid--frame-blurred { color: $text-muted; }
        & > .thumb-grid--mark { color: $accent; }
        & > .thumb-grid--title { color: $foreground; }
        & > .thumb-grid--stars { color: $star; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Where.GRID, Where.PICTURE),
    ]

    empty_words: reactive[tuple[str, ...]] = reactive(())

    def __init__(
        self, thumbnails: Thumbnails | None = None, *, aspect: float = 2.0, id: str | None = None
    ) -> None:
        super().__init__(aspect=aspect, id=id)
        self.thumbnails = thumbnails
        self._sharpener: Sharpener | None = None

    def on_mount(self) -> None:
        """Find out how this terminal shows pictures."""
        painter = painter_of(self.app)
        if painter.info.cell is not None:
            self.aspect = painter.info.cell[1] / painter.info.cell[0]
        if painter.protocol == "sixel":
            self._sharpener = Sharpener(self, painter, self._placements)

    def on_unmount(self) -> None:
        """Paint no more."""
        if self._sharpener is not None:
            self._sharpener.stop()

    def thumb_ready(self, picture_ids: Iterable[str]) -> None:
        """Thumbnails that were not there when their cells were drawn."""
        for picture_id in picture_ids:
            index = self.pages.place(picture_id)
            if index is not None:
                self.refresh_picture(index)

    def view_changed(self) -> None:
        """What left the view need not be made any more."""
        if self.thumbnails is not None:
            view = [self.pages.get(index) for index in self.on_view()]
            self.thumbnails.wanted([picture for picture in view if picture is not None])

    # drawing

    def on_focus(self) -> None:
        """The cursor's frame shows who has the keys."""
        self.refresh_frame(self.cursor)

    def on_blur(self) -> None:
        """The cursor's frame shows who has the keys."""
        self.refresh_frame(self.cursor)

    def render_line(self, y: int) -> Strip:
        """One line through a row of cells."""
        layout = self.layout_now
        width = self.scrollable_content_region.width
        plain = self.get_visual_style().rich_style
        row, line = divmod(self.scroll_offset.y + y, layout.cell_height)
        first = row * layout.columns
        if not self.pages.total and self.empty_words:
            return self._empty_line(y, width)
        if first >= self.pages.total:
            return Strip.blank(width, plain)
        parts = [
            self._cell_line(index, line, plain)
            for index in range(first, min(first + layout.columns, self.pages.total))
        ]
        left_over = width - sum(part.cell_length for part in parts)
        return Row([*parts, Strip.blank(max(0, left_over), plain)])

    def _empty_line(self, y: int, width: int) -> Strip:
        """What an empty grid says, in its upper middle; the first line is its title."""
        at = y - max(0, (self.size.height - len(self.empty_words)) // 3)
        if not 0 <= at < len(self.empty_words):
            return Strip.blank(width, self.get_visual_style().rich_style)
        name = "thumb-grid--title" if at == 0 else "thumb-grid--caption"
        style = self.get_visual_style(name).rich_style
        return Strip([Segment(fit(self.empty_words[at], width, align="center"), style)], width)

    def _cell_line(self, index: int, line: int, plain: Style) -> Strip:
        layout = self.layout_now
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
        width = self.layout_now.box_width
        if picture is not None and picture.id in self.marks:
            mark = self.get_visual_style("thumb-grid--mark").rich_style
            words = " marked "[:width]
            room = width - len(words)
            line = "─" * room + "╮" if frame else " " * (room + 1)
            return [Segment("●" + words, mark), Segment(line, frame or plain)]
        return [Segment("╭" + "─" * width + "╮" if frame else " " * (width + 2), frame or plain)]

    def _caption(self, picture: Picture | None, frame: Style | None, plain: Style) -> list[Segment]:
        width = self.layout_now.box_width
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
        layout = self.layout_now
        drawn, words = None, ""
        if picture is not None and self.thumbnails is not None:
            drawn = self.thumbnails.drawn(picture, layout.box)
            words = "" if drawn is not None else self.thumbnails.problem(picture) or "…"
        if drawn is None:
            empty = self.get_visual_style("thumb-grid--empty").rich_style
            shown = words if line == layout.box_height // 2 else ""
            return Strip([Segment(fit(shown, layout.box_width, align="center"), empty)], layout.box_width)
        place = layout.place(drawn.columns, drawn.rows)
        plain = self.get_visual_style().rich_style
        if not place.y <= line < place.bottom:
            return Strip.blank(layout.box_width, plain)
        return Row(
            [
                Strip.blank(place.x, plain),
                drawn.strips[line - place.y],
                Strip.blank(layout.box_width - place.right, plain),
            ]
        )

    # sharp pictures at rest, where the terminal draws sixel

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines; where sixel is painted over them they tell when they are written."""
        strips = super().render_lines(crop)
        if self._sharpener is None:
            return strips
        return self._sharpener.rows(strips, crop)

    def _placements(self) -> Iterator[Placement]:
        """The thumbnails that are whole on view, the cursor's first."""
        layout = self.layout_now
        for index in sorted(self.on_view(), key=lambda index: abs(index - self.cursor)):
            picture = self.pages.get(index)
            drawn = None
            if picture is not None and self.thumbnails is not None:
                drawn = self.thumbnails.drawn(picture, layout.box)
            if picture is None or drawn is None or drawn.error:
                continue
            corner = Offset(
                index % layout.columns * layout.cell_width + 1, self.row(index) - self.scroll_offset.y + 1
            )
            place = layout.place(drawn.columns, drawn.rows).translate(corner)
            if place.y >= 0 and place.bottom <= self.size.height:
                yield Placement(
                    key=picture.file.sha256, region=place, code=partial(self._code, picture, layout.box)
                )

    def _code(self, picture: Picture, box: tuple[int, int]) -> str | None:
        if self.thumbnails is None or self._sharpener is None:
            return ""
        return self.thumbnails.sixel(picture, box, self._sharpener.soon)
