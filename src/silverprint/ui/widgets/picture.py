"""PictureView: one picture, fitted into its box, in whatever way the terminal can show it.

Notes for screens. The view draws no border: put it into a container that has one. Leave it opaque and untinted,
never under a docked bar. Over kitty pictures a dialog needs `background: transparent` on its screen and a solid box,
else dimming changes the colour that is the picture's name and the picture goes blank until the dialog closes.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from textwrap import wrap

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from silverprint.core.image import RawImage
from silverprint.ui.pixels.painter import Drawn, Painter, painter_of
from silverprint.ui.pixels.rest import PAUSE_S, Placement, Sharpener
from silverprint.ui.pixels.strips import Row, text_rows

_REST_S = 0.06
_MOST_LEAVING = 3
"""Old pictures kept for the frame that replaces them; a view that is hidden gets no frames."""


class PictureView(Widget, can_focus=False):
    """Shows `image`: a file, or raw pixels (a live preview). Setting it returns at once; the newest wins.

    Decoding and encoding happen in a thread, and what came meanwhile but the last is never encoded. The picture before
    stays until the next is ready; None clears at once and shows `placeholder`. A file that can't be read shows
    why, and posts `Failed`.
    """

    ALLOW_SELECT = False

    DEFAULT_CSS = """
    PictureView {
        width: 1fr;
        height: 1fr;
        color: $text-muted;
    }
    """

    image: reactive[RawImage | Path | None] = reactive(None, repaint=False)
    placeholder: reactive[str] = reactive("no picture yet")

    class Shown(Message):
        """`image` is on the screen now."""

        def __init__(self, view: PictureView, image: RawImage | Path) -> None:
            super().__init__()
            self.view = view
            self.image = image

        @property
        def control(self) -> PictureView:
            """The view that shows it."""
            return self.view

    class Failed(Shown):
        """`image` can't be shown; `reason` says why in one sentence."""

        def __init__(self, view: PictureView, image: RawImage | Path, reason: str) -> None:
            super().__init__(view, image)
            self.reason = reason

    def __init__(
        self,
        image: RawImage | Path | None = None,
        *,
        placeholder: str = "no picture yet",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._drawn: Drawn | None = None
        self._wanted: tuple[object, Size] | None = None
        self._drawing: asyncio.Task[None] | None = None
        self._sharpener: Sharpener | None = None
        self._sharpening: asyncio.Task[None] | None = None
        self._sharp: Placement | None = None
        self._version = 0
        self._leaving: list[tuple[int, Drawn]] = []
        self.set_reactive(PictureView.image, image)
        self.set_reactive(PictureView.placeholder, placeholder)

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """Width and height in pixels of the picture now on show, else None."""
        return self._drawn.size if self._drawn else None

    @property
    def picture_region(self) -> Region:
        """The cells the picture covers, in the widget; empty when there is none."""
        drawn = self._drawn
        if drawn is None:
            return Region()
        left = max(0, (self.size.width - drawn.columns) // 2)
        top = max(0, (self.size.height - drawn.rows) // 2)
        return Region(left, top, drawn.columns, drawn.rows)

    def render_lines(self, crop: Region) -> list[Strip]:
        ground = self.background_colors[1]
        blank = Style.from_color(bgcolor=ground.rich_color)
        rows = [self._line(line, blank).crop(crop.x, crop.right) for line in crop.line_range]
        for line_filter in self.get_line_filters():  # as Textual does for its own lines: NO_COLOR among them
            rows = [row.apply_filter(line_filter, ground) for row in rows]
        if self._sharpener is not None:
            return self._sharpener.rows(rows, crop)
        if self._leaving:
            told = partial(self._written, self._version)
            return [Row([row], told) for row in rows]
        return rows

    def _line(self, line: int, blank: Style) -> Strip:
        width = self.size.width
        if self._drawn is None or self._drawn.error:
            words = self._drawn.error if self._drawn else self.placeholder
            lines = [part for text in words.splitlines() for part in wrap(text, max(1, width - 2)) or [""]]
            text = text_rows(width, self.size.height, lines)[line]
            return Strip([Segment(text, self.rich_style)], width)
        place = self.picture_region
        if not place.y <= line < place.bottom:
            return Strip.blank(width, blank)
        parts = [
            Strip.blank(place.x, blank),
            self._drawn.strips[line - place.y],
            Strip.blank(max(0, width - place.right), blank),
        ]
        return Row(parts).crop(0, width)

    def on_mount(self) -> None:
        painter = self._painter()
        if painter.protocol == "sixel":
            self._sharpener = Sharpener(self, painter, self._placements, _REST_S)
        self.app.app_resume_signal.subscribe(self, self._again)
        self._begin()

    def on_unmount(self) -> None:
        for task in (self._drawing, self._sharpening):
            if task is not None:
                task.cancel()
        if self._sharpener is not None:
            self._sharpener.stop()
        self._release(self._version)
        if self._drawn is not None:
            self._painter().release(self._drawn)
            self._drawn = None

    def on_resize(self) -> None:
        self._begin()

    def watch_image(self, image: RawImage | Path | None) -> None:
        if image is None:
            self._swap(None)
        self._begin()

    def _again(self, _: object) -> None:
        self._wanted = None
        self._begin()

    def _painter(self) -> Painter:
        return painter_of(self.app)

    def _begin(self) -> None:
        """Start drawing what is wanted, unless a drawing is under way: it looks again when it is done."""
        if self.is_attached and (self._drawing is None or self._drawing.done()):
            self._drawing = asyncio.get_running_loop().create_task(self._draw(), name="picture")

    async def _draw(self) -> None:
        painter = self._painter()
        while (
            (image := self.image) is not None and self.size and self._wanted != (wanted := (image, self.size))
        ):
            self._wanted = wanted
            drawn = await painter.draw(image, self.size)
            if self.image is None or not self.is_attached:
                painter.release(drawn)
                continue
            self._swap(drawn)
            self.post_message(
                self.Failed(self, image, drawn.error) if drawn.error else self.Shown(self, image)
            )

    def _swap(self, drawn: Drawn | None) -> None:
        """Put `drawn` in the place of what is shown; the old one is freed after the frame that shows the new."""
        before, place = self._drawn, self.picture_region
        self._drawn = drawn
        self._version += 1
        if drawn is None:
            self._wanted = None
        if drawn is None or place != self.picture_region or not (self._sharpener and self._sharpener.showing):
            self.refresh()  # else it is painted over in place: half-blocks in between would flicker
        if before is not None and before.token is not None:
            self._leaving.append((self._version, before))
            if drawn is None or len(self._leaving) > _MOST_LEAVING:
                self._release(self._leaving[0][0] if drawn else self._version)
        if self._sharpener is not None and drawn is not None and not drawn.error:
            self._begin_sixel()

    def _written(self, version: int, first: int, last: int) -> None:
        asyncio.get_running_loop().call_soon(self._release, version)  # the frame itself is written first

    def _release(self, version: int) -> None:
        """Free the pictures that left when `version` or an earlier one came."""
        for left in [left for left in self._leaving if left[0] <= version]:
            self._leaving.remove(left)
            self._painter().release(left[1])

    def _placements(self) -> list[Placement]:
        sharp = self._sharp
        if self._drawn is None or sharp is None or sharp.region != self.picture_region:
            return []
        return [sharp]

    def _begin_sixel(self) -> None:
        if self._sharpening is None or self._sharpening.done():
            self._sharpening = asyncio.get_running_loop().create_task(self._make_sixel(), name="sixel")

    async def _make_sixel(self) -> None:
        """Encode the newest picture until no newer one has come; in between as long as the terminal needs."""
        made = -1
        while made != self._version and (image := self.image) is not None and self._sharpener is not None:
            made, region = self._version, self.picture_region
            code = await self._painter().draw_sixel(image, self.size)
            if region == self.picture_region:
                self._sharp = Placement(key=str(made), region=region, code=partial(str, code))
                self._sharpener.soon()
            if made != self._version:
                await asyncio.sleep(PAUSE_S)
