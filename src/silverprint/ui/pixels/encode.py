"""From a picture file or raw pixels to what one protocol sends: the work of a thread, with Pillow.

Pillow is loaded when the first picture is encoded, so it costs the first paint nothing.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from silverprint.core.errors import PictureError
from silverprint.core.image import RawImage
from silverprint.ui.pixels.fit import Fitted, fit
from silverprint.ui.terminal import Colours

if TYPE_CHECKING:
    from PIL.Image import Image

Source = Path | RawImage
Kind = Literal["kitty", "sixel", "half", "none"]
MOST_PIXELS = 200_000_000
"""Larger files are not opened for show: decoded they would take over half a gigabyte."""

_LEVELS = (0, 95, 135, 175, 215, 255)
_CUBE = [level for red in _LEVELS for green in _LEVELS for blue in _LEVELS for level in (red, green, blue)]
"""The 6 x 6 x 6 colours that all terminals of 256 colours have at 16 to 231."""
_SIXTEEN = [
    *(0, 0, 0, 170, 0, 0, 0, 170, 0, 170, 85, 0, 0, 0, 170, 170, 0, 170, 0, 170, 170, 170, 170, 170),
    *(
        85,
        85,
        85,
        255,
        85,
        85,
        85,
        255,
        85,
        255,
        255,
        85,
        85,
        85,
        255,
        255,
        85,
        255,
        85,
        255,
        255,
        255,
        255,
        255,
    ),
]
"""The sixteen as Rich takes them to be when it picks the nearest; how they look is the terminal's own affair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to make: `source` in a box of (columns, rows) as `kind`.

    `background` shows through transparency; `small` saves bytes for a slow line; `colours` bounds half-blocks.
    """

    source: Source
    box: tuple[int, int]
    kind: Kind
    cell: tuple[int, int] | None = None
    background: tuple[int, int, int] = (0, 0, 0)
    small: bool = False
    colours: Colours = "truecolor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """What was made. `size` is the picture's own; `halves` RGB bytes of columns x 2 rows; `png` of `pixels` size."""

    size: tuple[int, int]
    fitted: Fitted
    halves: bytes = b""
    png: bytes = b""
    sixel: str = ""


def encode(order: Order) -> Encoded:
    """Decode, scale and encode. Raises PictureError for anything that is no readable picture."""
    from PIL import Image, UnidentifiedImageError

    try:
        with _opened(order.source) as image:
            return _encode(image, order)
    except FileNotFoundError as error:
        raise PictureError("The picture file is gone.", fix="Look whether its folder was moved.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError("The picture is too large to show.") from error
    except UnidentifiedImageError as error:
        raise PictureError("This file is no picture silverprint can read.") from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise PictureError("The picture file is damaged or cut short.") from error


def _opened(source: Source) -> Image:
    from PIL import Image

    if isinstance(source, RawImage):
        return Image.frombytes(source.mode, source.size, source.data)
    return Image.open(source)


def _encode(image: Image, order: Order) -> Encoded:
    from PIL import ImageOps

    if image.width * image.height > MOST_PIXELS:
        raise PictureError("The picture is too large to show.")
    turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)  # EXIF orientation: lying on its side
    size = (image.height, image.width) if turned else image.size
    fitted = fit(size, order.box, order.cell)
    if order.kind == "none":
        return Encoded(size=size, fitted=fitted)
    if image.format == "JPEG":
        want = max(fitted.width, fitted.height)
        image.draft("RGB", (want, want))  # decodes at the nearest larger eighth
    flat = _flatten(ImageOps.exif_transpose(image), order.background)
    halves = _reduced(_scaled(flat, fitted.columns, fitted.rows * 2), order.colours).tobytes()
    if order.kind == "half":
        return Encoded(size=size, fitted=fitted, halves=halves)
    shown = _scaled(flat, fitted.width, fitted.height)
    if order.kind == "kitty":
        return Encoded(size=size, fitted=fitted, halves=halves, png=_png(shown, small=order.small))
    return Encoded(size=size, fitted=fitted, halves=halves, sixel=_sixel(shown, fitted, order), png=b"")


def _flatten(image: Image, background: tuple[int, int, int]) -> Image:
    """RGB, with what is transparent laid on the background; 16-bit greys brought down to 8."""
    from PIL import Image as Images

    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        image = image.point(lambda level: level / 256).convert("L")
    if image.has_transparency_data:
        over = image.convert("RGBA")
        image = Images.alpha_composite(Images.new("RGBA", over.size, (*background, 255)), over)
    return image.convert("RGB")


def _reduced(image: Image, colours: Colours) -> Image:
    """Dithered to the terminal's palette: left alone, its nearest colours would make flat patches."""
    from PIL import Image as Images
    from PIL.Image import Dither

    if colours in ("truecolor", "none"):
        return image
    palette = Images.new("P", (1, 1))
    palette.putpalette(_CUBE if colours == "256" else _SIXTEEN)
    return image.quantize(palette=palette, dither=Dither.FLOYDSTEINBERG).convert("RGB")


def _scaled(image: Image, width: int, height: int) -> Image:
    from PIL.Image import Resampling

    if image.size == (width, height):
        return image
    return image.resize((width, height), Resampling.LANCZOS, reducing_gap=3.0)


def _png(image: Image, *, small: bool) -> bytes:
    """PNG bytes: quick to make for a local line, 256 colours (a quarter of the bytes) where `small`."""
    from PIL.Image import Dither, Quantize

    if small:
        palette = image.quantize(256, method=Quantize.FASTOCTREE)
        image = image.quantize(256, palette=palette, dither=Dither.FLOYDSTEINBERG)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6 if small else 1)
    return buffer.getvalue()


def _sixel(shown: Image, fitted: Fitted, order: Order) -> str:
    """Sixel of exactly the cells' size, so that it covers the half-blocks under it to the last pixel."""
    from PIL import Image as Images

    from silverprint.ui.pixels.fit import USUAL_CELL
    from silverprint.ui.pixels.sixel import encode_sixel

    cell_width, cell_height = order.cell or USUAL_CELL
    full = (fitted.columns * cell_width, fitted.rows * cell_height)
    if shown.size != full:
        ground = Images.new("RGB", full, order.background)
        ground.paste(shown, ((full[0] - shown.width) // 2, (full[1] - shown.height) // 2))
        shown = ground
    if isinstance(order.source, RawImage):  # a preview, soon replaced: a fifth of the bytes, half the time
        return encode_sixel(shown, 64, dither=False)
    return encode_sixel(shown, 96 if order.small else 256)
