"""Pictures made by arithmetic, and PNG written by hand, so that tests need no image library."""

from __future__ import annotations

import hashlib
import struct
import zlib

from silverprint.core.image import RawImage

_WAVE = bytes(min(level, 510 - level) for level in range(0, 512, 2))


def pattern(width: int, height: int, key: bytes) -> RawImage:
    """A soft RGB pattern. The same ``key`` (9 bytes or more) gives the same pixels at any time and place."""
    pixels = bytearray(width * height * 3)
    for channel in range(3):
        phase, across, down = key[channel], key[3 + channel] % 3 + 1, key[6 + channel] % 3 + 1
        offsets = bytes((phase + across * x * 128 // width) & 255 for x in range(width))
        for y in range(height):
            turn = (down * y * 128 // height) & 255
            start = y * width * 3
            pixels[start + channel : start + width * 3 : 3] = offsets.translate(_WAVE[turn:] + _WAVE[:turn])
    return RawImage(width=width, height=height, data=bytes(pixels))


def noisy(image: RawImage, share: float, key: bytes) -> RawImage:
    """The image with a ``share`` (0..1) of noise, as a picture that is still forming."""
    noise = hashlib.shake_256(key).digest(len(image.data))
    part = round(share * 256)
    mixed = bytes(
        (own * (256 - part) + other * part) >> 8 for own, other in zip(image.data, noise, strict=True)
    )
    return RawImage(width=image.width, height=image.height, data=mixed, mode=image.mode)


def png(image: RawImage) -> bytes:
    """The image as a PNG file, 8 bits a channel."""
    channels = 3 if image.mode == "RGB" else 1
    stride = image.width * channels
    rows = b"".join(b"\0" + image.data[start : start + stride] for start in range(0, len(image.data), stride))
    kind = 2 if image.mode == "RGB" else 0
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(rows, 6))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
