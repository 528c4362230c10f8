"""PNG, JPEG and WebP as containers: what a file says it is, whether it is whole, and its parts. No pixels here.

Everything comes from outside, so every length is checked before it is believed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from silverprint.core.errors import PictureError

MediaType = Literal["image/png", "image/jpeg", "image/webp"]

EXTENSIONS: dict[MediaType, str] = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}

PNG_START = b"\x89PNG\r\n\x1a\n"
MOST_UNPACKED_TEXT = 16_000_000  # bytes that the compressed texts of one picture may unpack to

_ONE_MOMENT = "Retry the job; if it stays, the service sends damaged pictures."


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a file's header says: its type, and width and height in pixels (before any EXIF rotation)."""

    media_type: MediaType
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk or segment: its name, where its body begins and ends, and where the whole of it begins."""

    name: bytes
    start: int
    end: int
    whole: int


def media_type(data: bytes) -> MediaType | None:
    """The type told by the first bytes, if it is one that we keep."""
    if data.startswith(PNG_START):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def facts(data: bytes) -> Facts:
    """What the picture says of itself, after checking that it is whole.

    Every PNG checksum is checked, the ends of all three are looked for. Raises PictureError with the reason.
    """
    match media_type(data):
        case "image/png":
            return _png_facts(data)
        case "image/jpeg":
            return _jpeg_facts(data)
        case "image/webp":
            return _webp_facts(data)
        case None:
            raise PictureError(
                f"This is {what_it_is(data)}, not a PNG, JPEG or WebP picture.",
                fix="Choose another output format.",
            )


def what_it_is(data: bytes) -> str:
    """A few words for bytes that are no picture of ours: ``a web page``, ``a GIF picture``."""
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not data:
        return "an empty file"
    if head[:1] == b"<":
        return "an SVG drawing" if b"<svg" in head.lower() else "a web page or XML"
    if head[:1] in (b"{", b"["):
        return "a text message (JSON)"
    starts = {b"GIF8": "a GIF picture", b"%PDF": "a PDF", b"BM": "a BMP picture", b"II*\0": "a TIFF picture"}
    starts |= {b"MM\0*": "a TIFF picture", b"PK\x03\x04": "a ZIP archive"}
    for start, words in starts.items():
        if data.startswith(start):
            return words
    if data[4:8] == b"ftyp":
        return "an AVIF or HEIC picture" if data[8:12] in (b"avif", b"avis", b"heic", b"mif1") else "a video"
    return "something unknown"


# PNG: https://www.w3.org/TR/png-3/


def png_chunks(data: bytes) -> Iterator[Part]:
    """The chunks of a PNG up to IEND, without checking their sums. Raises PictureError when it is cut short."""
    at = len(PNG_START)
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        start, end = at + 8, at + 8 + length
        if end + 4 > len(data):
            break
        name = data[at + 4 : at + 8]
        yield Part(name, start, end, at)
        if name == b"IEND":
            return
        at = end + 4
    raise _cut_short("PNG")


def png_chunk(name: bytes, body: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def unpack(data: bytes, most: int) -> bytes:
    """Inflate zlib data. Raises PictureError for more than ``most`` bytes, or for damaged data."""
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(data, most + 1)
    except zlib.error as error:
        raise PictureError("A compressed text in the picture is damaged.") from error
    if len(unpacked) > most:
        raise PictureError(f"A text in the picture unpacks to more than {most // 1_000_000} MB.")
    return unpacked


def packed_text(name: bytes, body: bytes) -> bytes | None:
    """The compressed part of a text or colour profile chunk, or None when nothing in it is compressed."""
    _keyword, zero, rest = body.partition(b"\0")
    if not zero:
        return None
    if name in (b"zTXt", b"iCCP"):
        return rest[1:]
    if name == b"iTXt" and rest[:1] == b"\1":
        return rest[2:].split(b"\0", 2)[-1]
    return None


def _png_facts(data: bytes) -> Facts:
    width = height = 0
    unpacked = 0
    has_pixels = False
    for chunk in png_chunks(data):
        kept = int.from_bytes(data[chunk.end : chunk.end + 4], "big")
        if zlib.crc32(memoryview(data)[chunk.whole + 4 : chunk.end]) != kept:
            raise _damaged("PNG")
        if (chunk.name == b"IHDR") != (chunk.whole == len(PNG_START)):
            raise _damaged("PNG")
        if chunk.name == b"IHDR":
            if chunk.end - chunk.start != 13:
                raise _damaged("PNG")
            width = int.from_bytes(data[chunk.start : chunk.start + 4], "big")
            height = int.from_bytes(data[chunk.start + 4 : chunk.start + 8], "big")
        has_pixels = has_pixels or chunk.name == b"IDAT"
        if chunk.name in (b"zTXt", b"iTXt", b"iCCP"):
            packed = packed_text(chunk.name, data[chunk.start : chunk.end])
            if packed is not None:
                unpacked += _unpacked_length(packed, MOST_UNPACKED_TEXT - unpacked)
    if not (width and height and has_pixels):
        raise _damaged("PNG")
    return Facts(media_type="image/png", width=width, height=height)


def _unpacked_length(packed: bytes, most: int) -> int:
    try:
        length = len(zlib.decompressobj().decompress(packed, most + 1))
    except zlib.error:
        return 0  # a damaged text harms nobody: the pixels are read without it
    if length > most:
        raise PictureError(
            "The picture is a decompression bomb: its texts unpack to more than "
            f"{MOST_UNPACKED_TEXT // 1_000_000} MB."
        )
    return length


# JPEG: ITU-T T.81, annex B


_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


def jpeg_segments(data: bytes) -> Iterator[Part]:
    """The segments of a JPEG up to and with its first start of scan, each named by its marker byte.

    Raises PictureError when it is cut short before that, or damaged.
    """
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise _damaged("JPEG")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _BARE:
            at += 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end < at + 4 or marker == 0xD9:
            raise _damaged("JPEG")
        if end > len(data):
            break
        yield Part(bytes([marker]), at + 4, end, at)
        if marker == 0xDA:
            return
        at = end
    raise _cut_short("JPEG")


def _jpeg_facts(data: bytes) -> Facts:
    width = height = scan = 0
    for segment in jpeg_segments(data):
        if segment.name[0] in _SIZES and segment.end - segment.start >= 6:
            height = int.from_bytes(data[segment.start + 1 : segment.start + 3], "big")
            width = int.from_bytes(data[segment.start + 3 : segment.start + 5], "big")
        scan = segment.end
    if not (width and height):
        raise _damaged("JPEG")
    if data.rfind(b"\xff\xd9") < scan:
        raise _cut_short("JPEG")
    return Facts(media_type="image/jpeg", width=width, height=height)


# WebP: RFC 9649


def webp_chunks(data: bytes) -> Iterator[Part]:
    """The chunks of a WebP. Raises PictureError when it is cut short."""
    end_of_all = 8 + int.from_bytes(data[4:8], "little")
    if end_of_all > len(data) or end_of_all < 20:
        raise _cut_short("WebP")
    at = 12
    while at + 8 <= end_of_all:
        start = at + 8
        end = start + int.from_bytes(data[at + 4 : at + 8], "little")
        if end > end_of_all:
            raise _cut_short("WebP")
        yield Part(data[at : at + 4], start, end, at)
        at = end + (end & 1)


def webp_chunk(name: bytes, body: bytes) -> bytes:
    """A chunk with its length, padded to an even one."""
    return name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) & 1)


def webp_has_alpha(data: bytes, chunk: Part) -> bool:
    """Whether a lossless bitstream (``VP8L``) says that its alpha channel is used."""
    return chunk.name == b"VP8L" and bool(
        int.from_bytes(data[chunk.start + 1 : chunk.start + 5], "little") >> 28 & 1
    )


def _webp_facts(data: bytes) -> Facts:
    size: tuple[int, int] | None = None
    has_pixels = False
    for chunk in webp_chunks(data):
        body = data[chunk.start : min(chunk.end, chunk.start + 16)]
        has_pixels = has_pixels or chunk.name in (b"VP8 ", b"VP8L", b"ANMF")
        if size is not None:
            continue
        if chunk.name == b"VP8X" and len(body) >= 10:
            size = 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
        elif chunk.name == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
            bits = int.from_bytes(body[1:5], "little")
            size = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        elif chunk.name == b"VP8 " and len(body) >= 10 and body[3:6] == b"\x9d\x01\x2a":
            size = (
                int.from_bytes(body[6:8], "little") & 0x3FFF,
                int.from_bytes(body[8:10], "little") & 0x3FFF,
            )
    if size is None or not has_pixels or 0 in size:
        raise _damaged("WebP")
    return Facts(media_type="image/webp", width=size[0], height=size[1])


def _cut_short(kind: str) -> PictureError:
    return PictureError(f"The {kind} picture is cut short.", fix=_ONE_MOMENT)


def _damaged(kind: str) -> PictureError:
    return PictureError(f"The {kind} picture is damaged.", fix=_ONE_MOMENT)
