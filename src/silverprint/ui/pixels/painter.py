"""The painter: one an app. It has pictures encoded in threads, keeps what they became, and owns the kitty pictures.

Widgets ask it for strips and draw those; when to repaint is theirs. It knows the app only as a way to the
driver, so that frames and pictures leave through one writer, in order.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from rich.style import Style
from textual.app import App
from textual.strip import Strip

from silverprint.core.errors import PictureError
from silverprint.ui.pixels import kitty
from silverprint.ui.pixels.encode import Encoded, Kind, Order, Source, encode
from silverprint.ui.pixels.strips import frame_strips, half_block_strips, placeholder_strips
from silverprint.ui.terminal import Colours, Protocol, TerminalInfo

Box: TypeAlias = tuple[int, int]
"""Columns and rows."""
Ready: TypeAlias = Callable[[], None]

_KEEP_CELLS = 120_000
_KEEP_SIXEL = 24_000_000
_MOST_WAITING = 256
_MOST_ROUGH = 32
_AT_ONCE = 2
_SLOW_LINE_S = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A picture as strips of `columns` x `rows` cells, at most the box asked for; the caller centres it.

    `size` is the picture's own in pixels, None when it could not be read: then `error` says why and the strips
    are a frame. `rough` means that a sharper one follows by itself.
    """

    columns: int
    rows: int
    strips: tuple[Strip, ...]
    size: tuple[int, int] | None
    error: str = ""
    rough: bool = False
    token: Hashable = None


@dataclass(slots=True)
class _Wanted:
    source: Source
    box: Box
    kind: Kind
    ready: list[Ready]


class Painter:
    """Draws pictures for every widget of one app. Make it with `install`; find it with `painter_of`.

    All methods are for the event loop's thread. Memory is bounded: strips by cells, sixel by characters, the
    terminal's by `kitty.BUDGET_BYTES`, waiting requests by number (the oldest are forgotten, and asked again
    by the widget when they are seen again).
    """

    def __init__(self, app: App[Any], info: TerminalInfo) -> None:
        self._app = app
        self._info = info
        self._threads: ThreadPoolExecutor | None = None
        self._store = kitty.KittyStore(self.write, tmux=info.through_tmux, dropped=self._kitty_dropped)
        self._drawn: OrderedDict[Hashable, Drawn] = OrderedDict()
        self._drawn_cells = 0
        self._sixel: OrderedDict[Hashable, str] = OrderedDict()
        self._sixel_size = 0
        self._waiting: OrderedDict[Hashable, _Wanted] = OrderedDict()
        self._running: dict[Hashable, _Wanted] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._tokens = count()
        self._closed = False
        self._rough: OrderedDict[Hashable, tuple[Encoded, _Wanted]] = OrderedDict()
        self._listens = False

    @property
    def info(self) -> TerminalInfo:
        """What the terminal can show."""
        return self._info

    @property
    def protocol(self) -> Protocol:
        """The protocol pictures are drawn in."""
        return self._info.protocol

    def request(self, key: str, source: Source, box: Box, ready: Ready | None = None) -> Drawn | None:
        """The picture `key` (a content hash) in `box`, or None, and then `ready` is called once it can be had.

        Meant to be called from a render of a grid, for each visible picture: it never decodes and never waits.
        Half-blocks on a sixel terminal, to be sharpened at rest. What can't be read comes back as a frame
        with `error` set, and is not tried again.
        """
        full = (key, box)
        drawn = self._drawn.get(full)
        if drawn is not None:
            self._drawn.move_to_end(full)
            self._store.touch(full)
            return drawn
        self._ask(full, source, box, self._text_kind(), ready)
        return None

    def sixel(self, key: str, source: Source, box: Box, ready: Ready | None = None) -> str | None:
        """The sixel code of picture `key` in `box`, or None, and then `ready` is called once it can be had.

        An empty text means that the picture can't be read.
        """
        full = ("sixel", key, box)
        code = self._sixel.get(full)
        if code is not None:
            self._sixel.move_to_end(full)
            return code
        self._ask(full, source, box, "sixel", ready)
        return None

    async def draw(self, source: Source, box: Box) -> Drawn:
        """Draw a picture that is not kept here: a preview, or the one large picture. `release` it when done."""
        encoded = await self._encoded(source, box, self._text_kind())
        return self._made(("own", next(self._tokens)), encoded, box, pinned=True)

    async def draw_sixel(self, source: Source, box: Box) -> str:
        """The sixel code of a picture that is not kept here; empty when it can't be read."""
        encoded = await self._encoded(source, box, "sixel")
        return "" if isinstance(encoded, PictureError) else encoded.sixel

    def release(self, drawn: Drawn) -> None:
        """Free what `draw` made. Call it after the frame that no longer shows it, or the picture blinks."""
        if drawn.token is not None:
            self._store.free(drawn.token)

    def forget(self, key: str) -> None:
        """Drop everything kept for picture `key`, in all sizes."""
        for full in [full for full in self._drawn if isinstance(full, tuple) and full[0] == key]:
            self._drop(full)
            self._store.free(full)

    def write(self, codes: str) -> None:
        """Send escape codes to the terminal, between two frames and never within one."""
        driver = self._app._driver
        if driver is not None and not self._closed:
            driver.write(codes)

    def busy(self) -> bool:
        """Whether the line is slower than we are: frames wait to be written."""
        queue = getattr(getattr(self._app._driver, "_writer_thread", None), "_queue", None)
        return queue is not None and queue.qsize() > 1

    def close(self) -> None:
        """Free the terminal's memory and stop the threads. Nothing is drawn after. Safe to call twice."""
        if self._closed:
            return
        self._store.free_all()
        self._closed = True
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    # the work

    def _text_kind(self) -> Kind:
        return "half" if self.protocol == "sixel" else self.protocol

    def _ask(self, full: Hashable, source: Source, box: Box, kind: Kind, ready: Ready | None) -> None:
        if self._closed:
            return
        wanted = self._running.get(full) or self._waiting.pop(full, None)
        if wanted is None:
            wanted = _Wanted(source, box, kind, [])
        if ready is not None and ready not in wanted.ready:
            wanted.ready.append(ready)
        if full in self._running:
            return
        self._waiting[full] = wanted
        while len(self._waiting) > _MOST_WAITING:
            self._waiting.popitem(last=False)
        if len(self._running) + len(self._tasks) < _AT_ONCE + 1:
            self._start(self._work())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="painter")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        """Serve what waits, the newest first: that is what a person looks at now."""
        while self._waiting:
            full, wanted = self._waiting.popitem()
            self._running[full] = wanted
            try:
                # a page of thumbnails is many bytes even on a quick line, and 256 colours are a quarter of them
                encoded = await self._encoded(
                    wanted.source, wanted.box, wanted.kind, small=wanted.kind == "kitty"
                )
            finally:
                del self._running[full]
            if wanted.kind == "sixel":
                self._keep_sixel(full, "" if isinstance(encoded, PictureError) else encoded.sixel)
            elif isinstance(encoded, Encoded) and encoded.png and self.busy():
                self._keep(full, replace(self._made(full, replace(encoded, png=b""), wanted.box), rough=True))
                self._sharpen_later(full, encoded, wanted)
            else:
                self._keep(full, self._made(full, encoded, wanted.box))
            for ready in wanted.ready:
                ready()

    def _sharpen_later(self, full: Hashable, encoded: Encoded, wanted: _Wanted) -> None:
        """On a slow line half-blocks go first; what scrolled away before its turn is not sent at all."""
        idle = not self._rough
        self._rough[full] = encoded, wanted
        while len(self._rough) > _MOST_ROUGH:
            self._drop(self._rough.popitem(last=False)[0])
        if idle:
            self._start(self._sharpen())

    async def _sharpen(self) -> None:
        while self._rough:
            if self.busy():
                await asyncio.sleep(_SLOW_LINE_S)
                continue
            full, (encoded, wanted) = self._rough.popitem()
            if full in self._drawn:
                self._drop(full)
                self._keep(full, self._made(full, encoded, wanted.box))
                for ready in wanted.ready:
                    ready()

    async def _encoded(
        self, source: Source, box: Box, kind: Kind, *, small: bool = False
    ) -> Encoded | PictureError:
        if not self._listens:
            self._listens = True
            self._app.app_resume_signal.subscribe(self._app, self._resumed, immediate=True)
        if self._threads is None:
            self._threads = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="pixels")
        order = Order(
            source=source,
            box=box,
            kind=kind,
            cell=self._info.cell,
            background=self._background(),
            small=small or self._info.remote,
            colours=self._info.colours,
        )
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, encode, order)
        except PictureError as error:
            return error

    def _made(
        self, token: Hashable, encoded: Encoded | PictureError, box: Box, *, pinned: bool = False
    ) -> Drawn:
        if isinstance(encoded, PictureError):
            line = str(encoded) if len(str(encoded)) < box[0] - 2 else "unreadable"
            strips = frame_strips(*box, [line], self._frame_style())
            return Drawn(columns=box[0], rows=box[1], strips=tuple(strips), size=None, error=str(encoded))
        fitted, size = encoded.fitted, encoded.size
        columns, rows = fitted.columns, fitted.rows
        if encoded.png and max(columns, rows) <= kitty.MOST_CELLS:
            pixels = (fitted.width, fitted.height)
            number = self._store.send(token, encoded.png, pixels, (columns, rows), pinned=pinned)
            strips = placeholder_strips(number, columns, rows)
            return Drawn(columns=columns, rows=rows, strips=tuple(strips), size=size, token=token)
        if encoded.halves:
            strips = half_block_strips(encoded.halves, columns)
        else:
            strips = frame_strips(columns, rows, [f"{size[0]} x {size[1]}"], self._frame_style())
        return Drawn(columns=columns, rows=rows, strips=tuple(strips), size=size)

    def _frame_style(self) -> Style:
        return self._app.screen.rich_style if self._app.screen_stack else Style()

    def _background(self) -> tuple[int, int, int]:
        red, green, blue = self._app.screen.background_colors[1].rgb if self._app.screen_stack else (0, 0, 0)
        return red, green, blue

    # what is kept

    def _keep(self, full: Hashable, drawn: Drawn) -> None:
        self._drawn[full] = drawn
        self._drawn_cells += drawn.columns * drawn.rows
        while self._drawn_cells > _KEEP_CELLS and len(self._drawn) > 1:
            oldest = next(iter(self._drawn))
            self._drop(oldest)
            self._store.free(oldest)

    def _drop(self, full: Hashable) -> None:
        drawn = self._drawn.pop(full, None)
        if drawn is not None:
            self._drawn_cells -= drawn.columns * drawn.rows

    def _keep_sixel(self, full: Hashable, code: str) -> None:
        self._sixel[full] = code
        self._sixel_size += len(code)
        while self._sixel_size > _KEEP_SIXEL and len(self._sixel) > 1:
            _, oldest = self._sixel.popitem(last=False)
            self._sixel_size -= len(oldest)

    def _kitty_dropped(self, full: Hashable) -> None:
        self._drop(full)

    def _resumed(self, _: object) -> None:
        """Another program had the terminal: what it left of our pictures is unknown, so send them anew."""
        for full in self._store.forget_all():
            self._drop(full)


_PAINTERS: WeakKeyDictionary[App[Any], Painter] = WeakKeyDictionary()


def install(app: App[Any], info: TerminalInfo) -> Painter:
    """Give `app` its painter; call it once, when the app is made. `painter_of` finds it from then on."""
    painter = _PAINTERS[app] = Painter(app, info)
    return painter


def painter_of(app: App[Any]) -> Painter:
    """The app's painter; an app that installed none draws half-blocks."""
    return _PAINTERS.get(app) or install(app, TerminalInfo(protocol="half", why="no terminal was asked"))


def colours_of(app: App[Any]) -> Colours:
    """How many colours the app may use."""
    return painter_of(app).info.colours
