"""The recipe inside a picture's file: put in without touching a pixel, and read back.

Our record is JSON under the key ``silverprint``; beside it stands the ``parameters`` text for other tools (see
``a1111``). In PNG both are text chunks; in JPEG and WebP the record is a part of our own and the text is the
EXIF UserComment, as other tools write it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from silverprint.core.errors import LibraryError, NotFound, PictureError
from silverprint.core.recipe import Recipe
from silverprint.pictures import formats
from silverprint.pictures.a1111 import parameters_text, recipe_of_parameters
from silverprint.pictures.decode import PILLOW_ERRORS
from silverprint.pictures.formats import PNG_START
from silverprint.store.codec import recipe_of

__all__ = ["KEY", "VERSION", "Note", "embed", "parameters_text", "read"]

KEY = "silverprint"
VERSION = 1

_JPEG_KEY = b"silverprint\0"  # of an APP1 segment; then two bytes: its number from 1, and how many there are
_JPEG_ROOM = 65_533 - len(_JPEG_KEY) - 2
_WEBP_KEY = b"SVPT"
_EXIF = b"Exif\0\0"
_PARAMETERS = b"parameters"
_MOST_FILE = 1_000_000_000
_MOST_TEXT = 16_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a picture says of its making.

    ``record`` is ours, as it was embedded. ``recipe`` is read from it, or as well as possible from another
    tool's ``parameters``; None when neither can be understood, and ``problem`` says why.
    """

    source: Literal["silverprint", "other"]
    record: Mapping[str, Any] | None = None
    recipe: Recipe | None = None
    parameters: str = ""
    problem: str = ""


def embed(data: bytes, media_type: str, record: Mapping[str, Any], parameters: str) -> bytes:
    """The picture with our record and the parameters text in place of any that it has. Pixels stay as they are.

    Where a file's own EXIF block can't take the text soundly, the text is left out; the record is always there.
    Raises PictureError when the bytes are no whole picture of ``media_type``.
    """
    if formats.media_type(data) != media_type:
        raise PictureError(f"This is {formats.what_it_is(data)} instead of {media_type}.")
    text = parameters.replace("\0", "\ufffd")
    packed = _record_bytes(record)
    match media_type:
        case "image/png":
            return _embed_png(data, packed, text)
        case "image/jpeg":
            return _embed_jpeg(data, packed, text)
        case _:
            return _embed_webp(data, packed, text)


def read(picture: Path | bytes) -> Note | None:
    """What the picture says of its making; None when it says nothing, or is no picture.

    A text that can't be understood is no error: ``problem`` says so. Raises NotFound or PictureError when the
    file can't be read at all.
    """
    data = picture if isinstance(picture, bytes) else _bytes(picture)
    record, parameters = None, ""
    try:
        for key, value in _texts(data):
            if key == KEY and record is None:
                record = value
            elif key == "parameters" and not parameters:
                parameters = value.decode("utf-8", "replace")
    except PictureError:
        pass  # cut short: what was found before that still counts
    if record is not None:
        return _own_note(record, parameters)
    if parameters:
        recipe = recipe_of_parameters(parameters)
        problem = "" if recipe else "its parameters text is of an unknown shape"
        return Note(source="other", recipe=recipe, parameters=parameters, problem=problem)
    return None


def _own_note(packed: bytes, parameters: str) -> Note:
    try:
        record = json.loads(packed)
        if not isinstance(record, dict):
            raise ValueError("not an object")
        version = record.get("v")
        if not isinstance(version, int) or version > VERSION:
            return Note(
                source="silverprint",
                record=record,
                parameters=parameters,
                problem=f"written by a newer silverprint (version {version})",
            )
        recipe = recipe_of(record["recipe"])
    except (ValueError, RecursionError, KeyError, TypeError, LibraryError) as error:
        return Note(
            source="silverprint",
            recipe=recipe_of_parameters(parameters),
            parameters=parameters,
            problem=f"its record is damaged: {error}",
        )
    return Note(source="silverprint", record=record, recipe=recipe, parameters=parameters)


def _record_bytes(record: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # Half a surrogate pair has no UTF-8, but it has a JSON escape.
        return json.dumps(record, separators=(",", ":")).encode("ascii")


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_FILE:
            raise PictureError(f"{path.name} is too large for a picture.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"{path.name} is not there.", path=path, fix="Check the path.") from error
    except OSError as error:
        raise PictureError(f"{path.name} can't be read: {error.strerror or error}.") from error


def _texts(data: bytes) -> Iterator[tuple[str, bytes]]:
    match formats.media_type(data):
        case "image/png":
            return _png_texts(data)
        case "image/jpeg":
            return _jpeg_texts(data)
        case "image/webp":
            return _webp_texts(data)
    return iter(())


# PNG


def _embed_png(data: bytes, record: bytes, parameters: str) -> bytes:
    parts = [PNG_START]
    for chunk in formats.png_chunks(data):
        body = data[chunk.start : chunk.end]
        if chunk.name in (b"tEXt", b"zTXt", b"iTXt") and _keyword(body) in (KEY.encode(), _PARAMETERS):
            continue
        parts.append(data[chunk.whole : chunk.end + 4])
        if chunk.name == b"IHDR":
            parts.append(formats.png_chunk(b"iTXt", KEY.encode() + b"\0\0\0\0\0" + record))
            parts.append(_png_parameters(parameters))
    return b"".join(parts)


def _png_parameters(text: str) -> bytes:
    try:
        return formats.png_chunk(b"tEXt", _PARAMETERS + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        body = text.encode("utf-8", "replace")
        return formats.png_chunk(b"iTXt", _PARAMETERS + b"\0\0\0\0\0" + body)


def _png_texts(data: bytes) -> Iterator[tuple[str, bytes]]:
    left = _MOST_TEXT
    for chunk in formats.png_chunks(data):
        if chunk.name not in (b"tEXt", b"zTXt", b"iTXt") or chunk.end - chunk.start > _MOST_TEXT:
            continue
        body = data[chunk.start : chunk.end]
        key = _keyword(body)
        if key not in (KEY.encode(), _PARAMETERS):
            continue
        packed = formats.packed_text(chunk.name, body)
        try:
            if packed is not None:
                value = formats.unpack(packed, left)
            elif chunk.name == b"iTXt":
                value = body[len(key) + 3 :].split(b"\0", 2)[-1]
            else:
                value = body[len(key) + 1 :]
        except PictureError:
            continue
        left -= len(value)
        yield key.decode("ascii"), value if chunk.name == b"iTXt" else value.decode("latin-1").encode()


def _keyword(body: bytes) -> bytes:
    return body[:80].partition(b"\0")[0]


# JPEG


def _embed_jpeg(data: bytes, record: bytes, parameters: str) -> bytes:
    pieces = [record[at : at + _JPEG_ROOM] for at in range(0, len(record), _JPEG_ROOM)]
    if len(pieces) > 255:
        raise PictureError("The recipe is too long for a JPEG picture.", fix="Choose PNG.")
    ours = [
        _jpeg_segment(_JPEG_KEY + bytes([number, len(pieces)]) + piece)
        for number, piece in enumerate(pieces, 1)
    ]
    first: list[bytes] = []
    kept: list[bytes] = []
    exif = None
    end = 2
    for segment in formats.jpeg_segments(data):
        body = data[segment.start : segment.end]
        whole = data[segment.whole : segment.end]
        end = segment.end
        if segment.name == b"\xe1" and body.startswith(_JPEG_KEY):
            continue
        if segment.name == b"\xe1" and body.startswith(_EXIF) and exif is None:
            exif = body[len(_EXIF) :]
        elif segment.name == b"\xe0" and not kept:
            first.append(whole)  # JFIF must stay the first segment
        else:
            kept.append(whole)
    block = _with_comment(exif, parameters)
    if len(block) > 65_533 - len(_EXIF):
        block = exif or b""
    if block:
        first.append(_jpeg_segment(_EXIF + block))
    return b"".join([data[:2], *first, *ours, *kept, data[end:]])


def _jpeg_segment(body: bytes) -> bytes:
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body


def _jpeg_texts(data: bytes) -> Iterator[tuple[str, bytes]]:
    pieces: dict[int, bytes] = {}
    for segment in formats.jpeg_segments(data):
        if segment.name != b"\xe1":
            continue
        body = data[segment.start : segment.end]
        if body.startswith(_EXIF):
            if text := _comment_of(body[len(_EXIF) :]):
                yield "parameters", text.encode("utf-8", "replace")
        elif body.startswith(_JPEG_KEY) and len(body) > len(_JPEG_KEY) + 2:
            number, count = body[len(_JPEG_KEY) : len(_JPEG_KEY) + 2]
            pieces[number] = body[len(_JPEG_KEY) + 2 :]
            if len(pieces) == count and set(pieces) == set(range(1, count + 1)):
                yield KEY, b"".join(pieces[at] for at in range(1, count + 1))


# WebP


def _embed_webp(data: bytes, record: bytes, parameters: str) -> bytes:
    facts = formats.facts(data)
    kept: list[bytes] = []
    exif = header = None
    has_alpha = False
    for chunk in formats.webp_chunks(data):
        body = data[chunk.start : chunk.end]
        if chunk.name == b"VP8X":
            header = bytearray(body)
        elif chunk.name == b"EXIF":
            exif = body
        elif chunk.name != _WEBP_KEY:
            has_alpha = has_alpha or formats.webp_has_alpha(data, chunk) or chunk.name == b"ALPH"
            kept.append(formats.webp_chunk(chunk.name, body))
    if header is None:
        header = bytearray(10)
        header[0] = 0x10 if has_alpha else 0
        header[4:7] = (facts.width - 1).to_bytes(3, "little")
        header[7:10] = (facts.height - 1).to_bytes(3, "little")
    block = _with_comment(exif.removeprefix(_EXIF) if exif is not None else None, parameters)
    if block:
        header[0] |= 0x08
        kept.append(formats.webp_chunk(b"EXIF", block))
    kept.append(formats.webp_chunk(_WEBP_KEY, record))
    body = b"WEBP" + formats.webp_chunk(b"VP8X", bytes(header)) + b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _webp_texts(data: bytes) -> Iterator[tuple[str, bytes]]:
    for chunk in formats.webp_chunks(data):
        body = data[chunk.start : chunk.end]
        if chunk.name == _WEBP_KEY:
            yield KEY, body
        elif chunk.name == b"EXIF" and (text := _comment_of(body.removeprefix(_EXIF))):
            yield "parameters", text.encode("utf-8", "replace")


# EXIF: CIPA DC-008, the UserComment of the Exif directory


_EXIF_DIRECTORY = 0x8769
_USER_COMMENT = 0x9286
_UNICODE = b"UNICODE\0"
_ASCII = b"ASCII\0\0\0"


def _with_comment(block: bytes | None, text: str) -> bytes:
    """An EXIF block with the comment in it; the old block, as it was, when it can't be understood."""
    comment = _UNICODE + text.encode("utf-16-be", "replace")
    if block is None:
        return _new_exif(comment)
    try:
        exif = Image.Exif()
        exif.load(_EXIF + block)
        directory = exif.get_ifd(_EXIF_DIRECTORY)
        if not set(exif) - {_EXIF_DIRECTORY} and not set(directory) - {_USER_COMMENT}:
            return _new_exif(comment)
        directory[_USER_COMMENT] = comment
        return exif.tobytes().removeprefix(_EXIF)
    except PILLOW_ERRORS:
        return block


def _new_exif(comment: bytes) -> bytes:
    """A big-endian TIFF block with one directory that points to an Exif directory with the comment."""
    pointer = _entry(_EXIF_DIRECTORY, 4, 1, 26)
    entry = _entry(_USER_COMMENT, 7, len(comment), 44)
    return b"MM\0*\0\0\0\x08\0\x01" + pointer + b"\0\0\0\0" + b"\0\x01" + entry + b"\0\0\0\0" + comment


def _entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return (
        tag.to_bytes(2, "big") + kind.to_bytes(2, "big") + count.to_bytes(4, "big") + value.to_bytes(4, "big")
    )


def _comment_of(block: bytes) -> str:
    try:
        exif = Image.Exif()
        exif.load(_EXIF + block)
        comment = exif.get_ifd(_EXIF_DIRECTORY).get(_USER_COMMENT)
    except PILLOW_ERRORS:
        return ""
    if not isinstance(comment, bytes) or len(comment) > _MOST_TEXT:
        return ""
    if comment.startswith(_UNICODE):
        body = comment[len(_UNICODE) :]
        # The standard does not say which end comes first; a text mostly of low codes tells.
        order = "utf-16-le" if body[1:64:2].count(0) > body[0:64:2].count(0) else "utf-16-be"
        return body.decode(order, "replace").rstrip("\0")
    if comment.startswith(_ASCII):
        return comment[len(_ASCII) :].decode("utf-8", "replace").rstrip("\0")
    return ""
