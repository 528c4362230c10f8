"""A mask as the PNG that OpenAI's edits take: fully transparent where to repaint, opaque black elsewhere.

Written by hand, for providers use no image library: PNG specification (third edition), colour types 2 and 6.
"""

from __future__ import annotations

import struct
import zlib

from silverprint.core.image import RawImage

_START = b"\x89PNG\r\n\x1a\n"
_OPACITY = bytes(
    0 if light >= 128 else 255 for light in range(256)
)  # our masks: 128 and lighter is repainted


def mask_png(mask: RawImage) -> bytes:
    """An RGBA PNG of the mask's size, from a mask of mode L in which white is what to repaint."""
    if mask.mode != "L":
        raise ValueError("a mask has mode L")
    pixels = bytearray(4 * mask.width * mask.height)
    pixels[3::4] = mask.data.translate(_OPACITY)
    return _png(mask.width, mask.height, 6, bytes(pixels), 4 * mask.width)


def rgb_png(image: RawImage) -> bytes:
    """The pixels of a picture of mode RGB, without any metadata."""
    if image.mode != "RGB":
        raise ValueError("a picture has mode RGB")
    return _png(image.width, image.height, 2, image.data, 3 * image.width)


def may_be_turned(data: bytes) -> bool:
    """Whether the picture's header may tell viewers to turn it: all but a PNG without an ``eXIf`` chunk."""
    return not data.startswith(_START) or b"eXIf" in data


def _png(width: int, height: int, colour: int, pixels: bytes, stride: int) -> bytes:
    # Each row begins with its filter; none is needed, for masks are flat.
    rows = b"".join(b"\0" + pixels[at : at + stride] for at in range(0, len(pixels), stride))
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    body = zlib.compress(rows, 6)
    return _START + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
