"""Filmstrip: the newest pictures and the jobs on their way, side by side, in one widget that draws its own lines.

It shows the frames it is given and posts what was picked; which frame is on view is ui.frames' to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Protocol

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from silverprint.core.image import RawImage
from silverprint.core.job import JobState
from silverprint.core.picture import Picture
from silverprint.ui.actions import Where, bindings
from silverprint.ui.frames import Frame
from silverprint.ui.pixels.painter import Box, Drawn, painter_of
from silverprint.ui.pixels.rest import Placement, Sharpener
from silverprint.ui.pixels.strips import Row, half_block_strips
from silverprint.ui.widgets.cells import fit
from silverprint.ui.widgets.rating import FULL

BAR, RAIL = "▓", "░"
_LEAST = 10  # a seed has ten digits


class Thumbs(Protocol):
    """Where thumbnails come from."""

    def drawn(self, picture: Picture, box: Box) -> Drawn | None:
        """The thumbnail in ``box``, or None while it is being made."""
        ...

    def sixel(self, picture: Picture, box: Box, ready: Callable[[], None]) -> str | None:
        """The thumbnail as sixel code."""
        ...

    def wanted(self, pictures: Sequence[Picture]) -> None:
        """These are on view; other work can stop."""
        ...


class Filmstrip(Widget, can_focus=True):
    """Set with ``show``. The last line holds captions, the lines above thumbnails."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "filmstrip--caption",
        "filmstrip--chosen",
        "filmstrip--empty",
        "filmstrip--wrong",
        "filmstrip--bar",
        "filmstrip--star",
    }
    DEFAULT_CSS = """
    Filmstrip {
        height: 7;
        & > .filmstrip--caption { color: $text-muted; }
        & > .filmstrip--chosen { color: $accent; text-style: bold; }
        & > .filmstrip--empty { color: $text-disabled; background: $surface; }
        & > .filmstrip--wrong { color: $error; background: $surface; }
        & > .filmstrip--bar { color: $accent; background: $surface; }
        & > .filmstrip--star { color: $star; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.FILMSTRIP, Where.PICTURE)]
    ALLOW_SELECT = False

    class Stepped(Message):
        """Go ``by`` frames to the right."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class Picked(Message):
        """The frame ``key`` was clicked; ``twice`` for a double click."""

        def __init__(self, key: str, *, twice: bool) -> None:
            super().__init__()
            self.key = key
            self.twice = twice

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.thumbs: Thumbs | None = None
        self._frames: list[Frame] = []
        self._chosen: str | None = None
        self._first = 0
        self._sharpener: Sharpener | None = None
        self._previews: dict[str, tuple[RawImage, list[Strip]]] = {}

    # values in

    def show(self, frames: Sequence[Frame], chosen: str | None) -> None:
        """Show these frames; ``chosen`` is the key of the one on view."""
        self._frames = list(frames)
        self._chosen = chosen
        keys = {frame.key for frame in frames}
        self._previews = {key: made for key, made in self._previews.items() if key in keys}
        self._scroll()
        if self.thumbs is not None:
            self.thumbs.wanted([frame.picture for frame in self._on_view() if frame.picture])
        self.refresh()

    def ready(self) -> None:
        """A thumbnail that was not there can be drawn now."""
        self.refresh()

    # geometry

    @property
    def box(self) -> Box:
        """Columns and rows of a thumbnail."""
        rows = max(1, self.size.height - 1)
        return 2 * rows, rows

    @property
    def cell(self) -> int:
        """Columns of one frame."""
        return max(self.box[0], _LEAST) + 2

    def _room(self) -> int:
        return max(1, self.size.width // self.cell)

    def _on_view(self) -> list[Frame]:
        return self._frames[self._first : self._first + self._room()]

    def _scroll(self) -> None:
        room = self._room()
        at = next((here for here, frame in enumerate(self._frames) if frame.key == self._chosen), None)
        self._first = max(0, min(self._first, len(self._frames) - room))
        if at is not None:
            self._first = max(min(self._first, at), at - room + 1)

    def on_resize(self) -> None:
        self.show(self._frames, self._chosen)

    def on_mount(self) -> None:
        painter = painter_of(self.app)
        if painter.protocol == "sixel":
            self._sharpener = Sharpener(self, painter, self._placements)

    def on_unmount(self) -> None:
        if self._sharpener is not None:
            self._sharpener.stop()

    # drawing

    def render_lines(self, crop: Region) -> list[Strip]:
        rows = [self._line(y) for y in crop.line_range]
        if crop.x or crop.width != self.size.width:
            rows = [row.crop(crop.x, crop.right) for row in rows]
        ground = self.background_colors[1]
        for line_filter in self.get_line_filters():  # as Textual does for its own lines: NO_COLOR among them
            rows = [row.apply_filter(line_filter, ground) for row in rows]
        return self._sharpener.rows(rows, crop) if self._sharpener else rows

    def _line(self, y: int) -> Strip:
        width = self.size.width
        blank = self.get_component_rich_style("filmstrip--caption", partial=False)
        if not self._frames:
            words = "the pictures you make stand here" if y == self.size.height // 2 else ""
            return Strip([Segment(fit(words, width, align="center"), blank)], width)
        parts: list[Strip] = []
        for frame in self._on_view():
            cell = self._caption(frame) if y == self.size.height - 1 else self._row(frame, y)
            parts.append(cell)
        left = width - sum(part.cell_length for part in parts)
        parts.append(Strip([Segment(" " * max(0, left), blank)], max(0, left)))
        return Row(parts).crop(0, width)

    def _row(self, frame: Frame, y: int) -> Strip:
        columns, rows = self.box
        blank = self.get_component_rich_style("filmstrip--caption", partial=False)
        drawn = None
        if frame.picture is not None and self.thumbs is not None:
            drawn = self.thumbs.drawn(frame.picture, self.box)
        if drawn is not None:
            top, left = (rows - drawn.rows) // 2, (self.cell - drawn.columns) // 2
            if not top <= y < top + drawn.rows:
                return Strip([Segment(" " * self.cell, blank)], self.cell)
            right = self.cell - left - drawn.columns
            return Row([_space(left, blank), drawn.strips[y - top], _space(right, blank)])
        left = (self.cell - columns) // 2
        inside = self._preview(frame, y) or self._words(frame, y)
        return Row([_space(left, blank), inside, _space(self.cell - left - columns, blank)])

    def _preview(self, frame: Frame, y: int) -> Strip | None:
        if frame.preview is None or painter_of(self.app).protocol == "none":
            return None
        made = self._previews.get(frame.key)
        if made is None or made[0] is not frame.preview:
            made = (frame.preview, _small(frame.preview, self.box))
            self._previews[frame.key] = made
        return made[1][y] if y < len(made[1]) else None

    def _words(self, frame: Frame, y: int) -> Strip:
        columns, rows = self.box
        style, words = "filmstrip--empty", ""
        middle = (rows - 1) // 2
        if frame.job is not None:
            word, wrong = state_word(frame)
            if y == middle:
                style, words = ("filmstrip--wrong" if wrong else style), word
                if len(word) > columns:
                    words = word[0]  # the sign alone; the line below the picture says the rest
            elif y == middle + 1 and frame.fraction is not None:
                full = round(frame.fraction * (columns - 2))
                style, words = "filmstrip--bar", BAR * full + RAIL * (columns - 2 - full)
        text = fit(words, columns, align="center")
        return Strip([Segment(text, self.get_component_rich_style(style))], columns)

    def _caption(self, frame: Frame) -> Strip:
        chosen = frame.key == self._chosen
        if frame.job is not None and frame.fraction is not None:
            words = f"{frame.fraction:.0%}"
        else:
            words = "" if frame.seed is None else str(frame.seed)
        stars = f" {FULL}{frame.picture.rating}" if frame.picture and frame.picture.rating else ""
        room = self.cell - 2 - len(stars)
        words = fit(words, room).rstrip() + stars
        text = fit(f"[{words}]" if chosen else words, self.cell, align="center")
        style = self.get_component_rich_style("filmstrip--chosen" if chosen else "filmstrip--caption")
        if chosen and self.has_focus:
            style += Style(reverse=True)
        return Strip([Segment(text, style)], self.cell)

    def _placements(self) -> list[Placement]:
        if self.thumbs is None:
            return []
        found = []
        for number, frame in enumerate(self._on_view()):
            drawn = self.thumbs.drawn(frame.picture, self.box) if frame.picture is not None else None
            if drawn is None or drawn.error or frame.picture is None or self._sharpener is None:
                continue
            left = number * self.cell + (self.cell - drawn.columns) // 2
            place = Region(left, (self.box[1] - drawn.rows) // 2, drawn.columns, drawn.rows)
            code = partial(self.thumbs.sixel, frame.picture, self.box, self._sharpener.soon)
            found.append(Placement(key=frame.picture.file.sha256, region=place, code=code))
        return found

    # keys and mouse

    def action_step(self, by: int) -> None:
        self.post_message(self.Stepped(by))

    def on_click(self, event: events.Click) -> None:
        at = event.x // self.cell
        on_view = self._on_view()
        if 0 <= at < len(on_view):
            self.post_message(self.Picked(on_view[at].key, twice=event.chain > 1))


def state_word(frame: Frame) -> tuple[str, bool]:
    """A job's state in one word, and whether it went wrong."""
    state = frame.job.state if frame.job is not None else JobState.DONE
    match state:
        case JobState.FAILED:
            return "✗ failed", True
        case JobState.UNSURE:
            return "? unsure", True
        case JobState.RUNNING | JobState.SENDING | JobState.SAVING:
            return "● " + state.value, False
        case _:
            return "○ " + state.value, False


def _space(columns: int, style: Style) -> Strip:
    return Strip([Segment(" " * columns, style)], columns)


def _small(image: RawImage, box: Box) -> list[Strip]:
    """Half-block rows of an RGB image, each cell the nearest pixels; 144 of them, so no image library is needed."""
    columns, rows = box
    across = [int((x + 0.5) * image.width / columns) * 3 for x in range(columns)]
    pixels = bytearray()
    for y in range(2 * rows):
        line = int((y + 0.5) * image.height / (2 * rows)) * image.width * 3
        for x in across:
            pixels += image.data[line + x : line + x + 3]
    return half_block_strips(bytes(pixels), columns)
