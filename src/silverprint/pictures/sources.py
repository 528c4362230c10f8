"""Sources: the input pictures of recipes, kept by the hash of their bytes, so that a recipe always finds them.

A picture of the library is found where it lies and is not copied.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageChops, ImageOps

from silverprint.core.errors import NotFound
from silverprint.core.image import Mode, RawImage
from silverprint.pictures import decode, files
from silverprint.pictures.decode import Limits
from silverprint.pictures.formats import EXTENSIONS
from silverprint.store.atomic import write_atomic

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Sources:
    """Input pictures in one folder. ``find`` tells where a picture of the library lies, by its file's hash."""

    def __init__(
        self,
        folder: Path,
        *,
        limits: Limits | None = None,
        find: Callable[[str], Path | None] | None = None,
    ) -> None:
        self._folder = folder
        self._limits = limits or Limits()
        self._find = find

    async def add(self, path: Path) -> str:
        """Copy a picture's bytes in and return their SHA-256, for a ``core.recipe.Source``.

        Raises NotFound, PictureError when it is no PNG, JPEG or WebP that can be decoded, DiskFull or
        StorageError.
        """
        return await asyncio.to_thread(self._add_file, path)

    async def add_bytes(self, data: bytes) -> str:
        """Keep the bytes of a picture and return their SHA-256. Raises as ``add`` does."""
        return await asyncio.to_thread(self._add, data)

    async def read(self, sha256: str) -> bytes:
        """The bytes, as they were added. Raises NotFound, or PictureError when they are not those any more."""
        return await asyncio.to_thread(self._read, sha256)

    async def read_pixels(
        self, sha256: str, *, size: tuple[int, int] | None = None, mode: Mode = "RGB"
    ) -> RawImage:
        """The pixels, turned upright and laid on white; ``size`` (width, height) covers that box, cropped to
        its centre.

        With mode ``L`` the picture is a mask and white is what to repaint: its brightness; or, when it has
        transparent parts, those; or, when all that can be seen is white, just that.
        Raises NotFound or PictureError.
        """
        return await asyncio.to_thread(self._pixels, sha256, size, mode)

    def path(self, sha256: str) -> Path:
        """Where the bytes lie. Raises NotFound."""
        if _SHA256.fullmatch(sha256):
            for extension in EXTENSIONS.values():
                path = self._folder / f"{sha256}{extension}"
                if path.is_file():
                    return path
            found = self._find(sha256) if self._find else None
            if found is not None and found.is_file():
                return found
        raise NotFound(
            f"The input picture {sha256[:12]} is not there any more.", fix="Choose the input picture again."
        )

    def _add_file(self, path: Path) -> str:
        return self._add(decode.read(path.expanduser(), self._limits))

    def _add(self, data: bytes) -> str:
        digest = files.sha256(data)
        media_type = decode.check(data, self._limits).media_type
        decode.decode(data, self._limits)
        path = self._folder / f"{digest}{EXTENSIONS[media_type]}"
        if not path.is_file() or path.stat().st_size != len(data):
            files.make_folder(self._folder)
            write_atomic(path, data)
        return digest

    def _read(self, sha256: str) -> bytes:
        data = decode.read(self.path(sha256), self._limits)
        if files.sha256(data) != sha256:
            raise NotFound(
                f"The input picture {sha256[:12]} was changed on disk.", fix="Choose the input picture again."
            )
        return data

    def _pixels(self, sha256: str, size: tuple[int, int] | None, mode: Mode) -> RawImage:
        image = decode.upright(decode.decode(self._read(sha256), self._limits))
        shown = _mask(image) if mode == "L" else decode.flat(image)
        if size is not None and shown.size != size:
            # Lanczos would ring at a mask's edges.
            method = Image.Resampling.BILINEAR if mode == "L" else Image.Resampling.LANCZOS
            shown = ImageOps.fit(shown, size, method)
        return decode.raw(shown)


def _mask(image: Image.Image) -> Image.Image:
    opacity = decode.alpha(image)
    if opacity is None or opacity.getextrema() == (255, 255):
        return decode.rgb(image).convert("L")
    seen = decode.rgb(image.convert("RGBA")).convert("L")
    darkest_seen = ImageChops.lighter(seen, ImageChops.invert(opacity)).getextrema()[0]
    return opacity if darkest_seen == 255 else ImageChops.invert(opacity)
