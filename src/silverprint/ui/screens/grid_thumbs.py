"""GridThumbs: thumbnails for a grid: a small copy from the cache, then strips from the app's painter.

Only what is on view is asked for. Making the copy and encoding it happen in the services' threads.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from silverprint.core.errors import PictureError, StorageError
from silverprint.core.picture import Picture
from silverprint.ui.pixels.painter import Box, Drawn, Painter

if TYPE_CHECKING:
    from silverprint.studio import Studio

EDGE_PX = 256
"""One size serves every grid: a cell's box is about 170 pixels wide, and 256 is what other tools keep."""

_KEEP = 5_000

Told = Callable[[Iterable[str]], None]


class GridThumbs:
    """The ``Thumbnails`` of a ``ThumbGrid``. ``ready`` hears the ids of pictures that can be drawn now."""

    def __init__(self, studio: Studio, painter: Painter, ready: Told) -> None:
        self._studio = studio
        self._painter = painter
        self._ready = ready
        self._copies: OrderedDict[str, Path] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._problems: dict[str, str] = {}
        self._again: set[str] = set()

    def drawn(self, picture: Picture, box: Box) -> Drawn | None:
        """The thumbnail, or None while it is being made or when it can't be."""
        key = picture.file.sha256
        copy = self._copy(picture, key)
        if copy is None:
            return None
        drawn = self._painter.request(key, copy, box, partial(self._ready, (picture.id,)))
        if drawn is not None and drawn.error and key not in self._again:
            # The cache may have been emptied under us: make the copy once more before giving up.
            self._again.add(key)
            del self._copies[key]
            self._painter.forget(key)
            self._fetch(picture, key)
            return None
        return drawn

    def sixel(self, picture: Picture, box: Box, ready: Callable[[], None]) -> str | None:
        """The thumbnail as sixel code; empty where there is none."""
        key = picture.file.sha256
        copy = self._copies.get(key)
        return "" if copy is None else self._painter.sixel(key, copy, box, ready)

    def problem(self, picture: Picture) -> str:
        """Why this picture has no thumbnail."""
        return self._problems.get(picture.file.sha256, "")

    def wanted(self, pictures: Sequence[Picture]) -> None:
        """Stop making copies of what has left the view."""
        keys = {picture.file.sha256 for picture in pictures}
        for key in self._tasks.keys() - keys:
            self._tasks.pop(key).cancel()

    def close(self) -> None:
        """Stop all work."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    def _copy(self, picture: Picture, key: str) -> Path | None:
        copy = self._copies.get(key)
        if copy is None and key not in self._problems:
            self._fetch(picture, key)
        return copy

    def _fetch(self, picture: Picture, key: str) -> None:
        if key in self._tasks or not self._studio.is_open:
            return
        self._tasks[key] = asyncio.create_task(self._get(picture, key), name="thumbnail")

    async def _get(self, picture: Picture, key: str) -> None:
        try:
            copy = await self._studio.thumbs.get(self._studio.path(picture), key, EDGE_PX)
        except (PictureError, StorageError) as error:
            self._problems[key] = str(error)
        else:
            self._copies[key] = copy
            while len(self._copies) > _KEEP:
                self._copies.popitem(last=False)
        if self._tasks.get(key) is asyncio.current_task():
            del self._tasks[key]
        self._ready([picture.id])
