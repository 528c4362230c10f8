"""A picture as lines of half-blocks: two pixels in a cell, in 24-bit or 256 colours, or in signs without colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from silverprint.core.image import RawImage

Colours: TypeAlias = Literal["truecolor", "256", "none"]
_Pixel: TypeAlias = tuple[int, int, int]

_RAMP = " .:-=+*#%@"
_SAMPLES = (
    4  # a side, for the mean of one cell half: enough for a preview, and quick without an array library
)


def colours_of(environ: Mapping[str, str]) -> Colours:
    """What the environment says of the terminal's colours. NO_COLOR is respected."""
    if environ.get("NO_COLOR") or environ.get("TERM", "") in ("", "dumb"):
        return "none"
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") or "direct" in environ.get("TERM", ""):
        return "truecolor"
    return "256"


def lines(image: RawImage, *, columns: int, rows: int, colours: Colours) -> list[str]:
    """The picture scaled to fit into ``columns`` x ``rows`` cells, each about twice as high as wide."""
    columns, rows = max(1, columns), max(1, rows)
    scale = min(columns / image.width, rows * 2 / image.height, 1.0)
    width = max(1, round(image.width * scale))
    height = max(2, round(image.height * scale / 2) * 2)
    pixels = [[_mean(image, x, y, width, height) for x in range(width)] for y in range(height)]
    made = []
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        if colours == "none":
            made.append("".join(_sign(top, low) for top, low in zip(upper, lower, strict=True)).rstrip())
        else:
            made.append("".join(_cells(upper, lower, colours)) + "\x1b[0m")
    return made


def _cells(upper: list[_Pixel], lower: list[_Pixel], colours: Colours) -> Iterator[str]:
    before = ""
    for top, low in zip(upper, lower, strict=True):
        code = f"\x1b[{_colour(38, top, colours)};{_colour(48, low, colours)}m"
        yield ("" if code == before else code) + "▀"
        before = code


def _colour(ground: int, pixel: _Pixel, colours: Colours) -> str:
    red, green, blue = pixel
    if colours == "truecolor":
        return f"{ground};2;{red};{green};{blue}"
    if max(pixel) - min(pixel) < 12:  # xterm's ramp of 24 greys from 8 to 238
        return f"{ground};5;{232 + min(23, max(0, (red + green + blue) // 3 - 3) // 10)}"
    levels = [0 if value < 48 else 1 if value < 115 else (value - 35) // 40 for value in pixel]
    return f"{ground};5;{16 + 36 * levels[0] + 6 * levels[1] + levels[2]}"


def _sign(top: _Pixel, low: _Pixel) -> str:
    light = sum(0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in (top, low)) / 2
    return _RAMP[min(len(_RAMP) - 1, int(light * len(_RAMP) / 256))]


def _mean(image: RawImage, x: int, y: int, width: int, height: int) -> _Pixel:
    """The mean of the source pixels behind one target pixel, or of a grid of them."""
    left, right = x * image.width // width, max((x + 1) * image.width // width, x * image.width // width + 1)
    top, under = (
        y * image.height // height,
        max((y + 1) * image.height // height, y * image.height // height + 1),
    )
    channels = 3 if image.mode == "RGB" else 1
    data, across = image.data, image.width * channels
    red = green = blue = count = 0
    down, step = max(1, (under - top) // _SAMPLES), max(1, (right - left) // _SAMPLES)
    for number, row in enumerate(range(top, min(under, image.height), down)):
        # Each row begins elsewhere, so that a fine pattern is not always met at the same place.
        for column in range(left + number % step, min(right, image.width), step):
            place = row * across + column * channels
            red += data[place]
            green += data[place + channels // 2]
            blue += data[place + channels - 1]
            count += 1
    if not count:
        return 0, 0, 0
    return red // count, green // count, blue // count
