"""Sixel at rest: paints sharp pictures over a widget's half-blocks once nothing has moved for a moment.

Text written over a sixel wipes it, so the widget's rows tell when they are written (`Row`), and only what was
wiped is painted again: a redraw of text elsewhere sends nothing. Under a dialog, beneath an overlay, on another
screen or half scrolled away a picture stays in half-blocks, so nothing can smear.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from silverprint.ui.pixels.painter import Painter
from silverprint.ui.pixels.strips import Row

REST_S = 0.18
"""How long nothing may move before pictures are painted: between two steps of a held scroll key."""
PAUSE_S = 0.5
"""Least time between two paintings: a sixel terminal takes one or two a second without flicker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A picture now on show: `key` names its pixels, `region` is its place in the widget, in cells.

    `code` gives its sixel text, or None while it is being made (then call `Sharpener.soon` when it is there);
    an empty text is a picture that stays in half-blocks.
    """

    key: str
    region: Region
    code: Callable[[], str | None] = field(compare=False)


class Sharpener:
    """Paints the placements of one widget. `visible` is asked for them each time, in order of importance.

    The widget gives every row it renders through `rows`, and calls `soon` when its pictures change without a
    redraw, and `stop` when it is unmounted.
    """

    def __init__(
        self,
        widget: Widget,
        painter: Painter,
        visible: Callable[[], Iterable[Placement]],
        rest_s: float = REST_S,
    ) -> None:
        self._widget = widget
        self._painter = painter
        self._visible = visible
        self._rest_s = rest_s
        self._shown: set[Placement] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._not_before = 0.0

    @property
    def showing(self) -> bool:
        """Whether any picture is on the screen in sixel now."""
        return bool(self._shown)

    def rows(self, strips: Iterable[Strip], crop: Region) -> list[Strip]:
        """`strips`, rendered for the part `crop` of the widget, as rows that tell when they are written."""
        return [self._row(strip, line, crop.x) for line, strip in enumerate(strips, crop.y)]

    def soon(self) -> None:
        """Paint what is not shown yet, after a moment of rest."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time() + self._rest_s, self._not_before), self._paint)

    def stop(self) -> None:
        """Paint no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._shown.clear()

    def _row(self, strip: Strip, line: int, left: int) -> Row:
        return Row([strip], lambda first, last: self._written(line, first, last), left)

    def _written(self, line: int, first: int, last: int) -> None:
        span = Region(first, line, last - first, 1)
        self._shown = {placement for placement in self._shown if not placement.region.overlaps(span)}
        if self._timer is not None:
            self._timer.cancel()  # something moves: the rest begins anew
            self._timer = None
        self.soon()

    def _paint(self) -> None:
        self._timer = None
        widget = self._widget
        if not widget.is_attached or not widget.screen.is_active:
            return  # when the screen comes back all its rows are written, and tell
        window = free_window(widget)
        if window is None:
            return
        codes: list[str] = []
        placements = set(self._visible())
        self._shown &= placements
        for placement in placements - self._shown:
            place = placement.region.translate(widget.region.offset)
            if not window.contains_region(place) or covered(widget, place):
                continue
            code = placement.code()
            if code:
                # cursor and colours are saved and put back, as Textual counts on them
                codes.append(f"\x1b7\x1b[{place.y + 1};{place.x + 1}H{code}\x1b8")
                self._shown.add(placement)
        if codes:
            self._not_before = asyncio.get_running_loop().time() + PAUSE_S
            self._painter.write("".join(codes))


def free_window(widget: Widget) -> Region | None:
    """The part of the screen where the widget shows, without the screen's last line.

    A sixel that ends on the last line makes most terminals scroll.
    """
    found = widget.screen._compositor.visible_widgets.get(widget)
    if found is None:
        return None
    region, clip = found
    size = widget.screen.size
    return region.intersection(clip).intersection(Region(0, 0, size.width, size.height - 1))


def covered(widget: Widget, place: Region) -> bool:
    """Whether another widget lies over `place`, a region of the screen."""
    for other, (region, clip) in widget.screen._compositor.visible_widgets.items():
        if other is widget:
            return False  # in order from the front: all others lie behind
        if region.intersection(clip).overlaps(place):
            return True
    return True
