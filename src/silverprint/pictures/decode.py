"""From bytes to pixels, with limits. The one way in which a picture's bytes are handed to Pillow.

What is decoded is always checked first: type, wholeness, size. Texts and colour profiles never reach Pillow.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from silverprint.core.errors import NotFound, PictureError, StorageError
from silverprint.core.image import RawImage
from silverprint.pictures.formats import PNG_START, Facts, facts, png_chunks

# Pillow warns of large pictures and of odd EXIF blocks: a warning would be printed over the screen, and both are
# handled here. Our own limit is checked on the header before Pillow sees a byte, and is never above Pillow's.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

_PILLOW_NAMES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND"})
# What Pillow's plug-ins raise for damaged input: it has no one error of its own.
PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    MemoryError,
    NotImplementedError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
    UserWarning,
)


class TooLarge(PictureError):
    """More bytes or pixels than the settings allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most we take: bytes of one file, and pixels of one picture."""

    bytes: int = 200_000_000
    pixels: int = 80_000_000


def check(data: bytes, limits: Limits) -> Facts:
    """What the picture is, told by its header, after checking its size and that it is whole.

    Cheap: nothing is decoded. Raises PictureError.
    """
    if len(data) > limits.bytes:
        raise TooLarge(
            f"The picture has {len(data):,} bytes; {limits.bytes:,} are allowed.",
            fix="Raise limits.max_download_mb in the settings if you want it.",
        )
    found = facts(data)
    if found.width * found.height > limits.pixels:
        raise TooLarge(
            f"The picture has {found.width:,} x {found.height:,} pixels; "
            f"{limits.pixels:,} in all are allowed.",
            fix="Raise limits.max_pixels in the settings if you want it.",
        )
    return found


def decode(data: bytes, limits: Limits, *, draft: int | None = None) -> Image.Image:
    """The picture as it is, in its own mode; of an animation the first frame.

    With ``draft`` a JPEG may come smaller, as long as both sides keep that many pixels; it is much quicker.
    Raises PictureError for anything that can't be decoded whole.
    """
    found = check(data, limits)
    lean = _without_texts(data) if found.media_type == "image/png" else data
    try:
        image = Image.open(BytesIO(lean), formats=[_PILLOW_NAMES[found.media_type]])
        if image.size != (found.width, found.height):
            raise PictureError("The picture is damaged: its parts disagree about its size.")
        if draft is not None:
            image.draft(None, (draft, draft))
        image.load()
    except PILLOW_ERRORS as error:
        raise PictureError(
            "The picture is damaged and can't be decoded.",
            fix="Retry the job; if it stays, the service sends damaged pictures.",
        ) from error
    return image


def read(path: Path, limits: Limits) -> bytes:
    """The bytes of a file that should be a picture.

    Raises NotFound when it is gone, PictureError when it is too large, StorageError when it can't be read.
    """
    try:
        data = _regular_file(path, limits.bytes + 1)
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {path.name}.", path=path, fix="Check the path.") from error
    except OSError as error:
        raise StorageError(
            f"{path.name} can't be read: {error.strerror or error}.",
            path=path,
            fix=f"Check that {path} is a file that you may read.",
        ) from error
    if len(data) > limits.bytes:
        raise TooLarge(
            f"{path.name} has more than {limits.bytes:,} bytes.",
            fix="Raise limits.max_download_mb in the settings if you want it.",
        )
    return data


def _regular_file(path: Path, most: int) -> bytes:
    """At most ``most`` bytes. A pipe would never answer and a device never end, so neither is opened to wait."""
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no ordinary file")
        return file.read(most)


def rgb(image: Image.Image) -> Image.Image:
    """The picture as 8-bit RGB, the same everywhere: of 16-bit grey the high byte, alpha dropped.

    For 8-bit pictures it is Pillow's ``convert("RGB")``; colour profiles are not applied.
    """
    if image.mode == "RGB":
        return image
    if image.mode in ("I", "I;16", "I;16L", "I;16B"):
        # Pillow would clip 16-bit grey to white.
        wide = image.convert("I;16") if image.mode == "I" else image
        high = wide.tobytes()[0 if image.mode == "I;16B" else 1 :: 2]
        image = Image.frombytes("L", wide.size, high)
    if "transparency" in image.info:
        image = image.copy()
        del image.info["transparency"]
    return image.convert("RGB")


def upright(image: Image.Image) -> Image.Image:
    """The same picture, turned as its EXIF orientation says. A damaged EXIF block leaves it as it is."""
    with contextlib.suppress(*PILLOW_ERRORS):
        ImageOps.exif_transpose(image, in_place=True)
    return image


def alpha(image: Image.Image) -> Image.Image | None:
    """The alpha channel as 8-bit grey (255 is opaque), or None when the picture has none."""
    if "transparency" not in image.info and "A" not in image.getbands() and "a" not in image.getbands():
        return None
    if image.mode.startswith("I"):
        return None
    return image.convert("RGBA").getchannel("A")


def flat(image: Image.Image) -> Image.Image:
    """The picture as RGB, laid on white where it is transparent."""
    opacity = alpha(image)
    if opacity is None:
        return rgb(image)
    ground = Image.new("RGB", image.size, (255, 255, 255))
    ground.paste(rgb(image.convert("RGBA")), mask=opacity)
    return ground


def raw(image: Image.Image) -> RawImage:
    """The pixels of an RGB or L picture as plain bytes."""
    assert image.mode in ("RGB", "L")
    return RawImage(
        width=image.width,
        height=image.height,
        data=image.tobytes(),
        mode="L" if image.mode == "L" else "RGB",
    )


def preview(data: bytes, limits: Limits, *, most: int = 768) -> RawImage:
    """The picture as RGB pixels, upright, on white, its longer side at most ``most``. Raises PictureError."""
    image = flat(upright(decode(data, limits, draft=most)))
    image.thumbnail((most, most))
    return raw(image)


def encode_png(image: RawImage) -> bytes:
    """The pixels as a PNG without any metadata."""
    file = BytesIO()
    Image.frombytes(image.mode, image.size, image.data).save(file, "PNG")
    return file.getvalue()


def _without_texts(data: bytes) -> bytes:
    parts = [PNG_START]
    parts += [data[part.whole : part.end + 4] for part in png_chunks(data) if part.name in _NEEDED]
    return b"".join(parts)
