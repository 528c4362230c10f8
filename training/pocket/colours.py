"""Colours: the named backgrounds and hues of the captions, and what is done to pixels with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "white": (255, 255, 255),
    "black": (24, 24, 28),
    "gray": (150, 154, 160),
    "red": (214, 48, 49),
    "orange": (243, 146, 55),
    "yellow": (250, 214, 72),
    "green": (72, 170, 90),
    "teal": (32, 150, 150),
    "blue": (52, 112, 220),
    "navy": (24, 38, 90),
    "purple": (128, 72, 190),
    "pink": (248, 160, 190),
    "brown": (122, 80, 52),
    "beige": (240, 226, 200),
}
HUES: dict[str, int] = {
    "red": 0,
    "orange": 28,
    "yellow": 50,
    "green": 125,
    "teal": 178,
    "blue": 215,
    "purple": 275,
    "pink": 330,
}
COLOUR_WORDS = frozenset({*BACKGROUNDS, *HUES, "grey"})


def on_background(drawing: Array, background: tuple[int, int, int] | Array) -> Array:
    """A drawing (..., 4) of 8-bit RGBA laid on one colour: float32 (..., 3), 0 to 255."""
    cover = drawing[..., 3:4].astype(np.float32) / 255
    laid: Array = drawing[..., :3] * cover + np.asarray(background, np.float32) * (1 - cover)
    return laid


def main_hue(drawing: Array) -> float | None:
    """The hue, in degrees, that rules a drawing (height, width, 4); None when none does.

    One hue rules when 35 % of what is visible is coloured, and 45 % of that lies within 20 degrees.
    """
    hue, saturation, value = _to_hsv(drawing[..., :3])
    visible = drawing[..., 3] > 128
    coloured = visible & (saturation > 0.3) & (value > 0.25)
    if coloured.sum() < 0.35 * max(visible.sum(), 1):
        return None
    weights = (saturation * value)[coloured]
    histogram = np.histogram(hue[coloured], bins=36, range=(0, 1), weights=weights)[0]
    smooth = np.convolve(np.r_[histogram[-1], histogram, histogram[0]], [1, 1, 1], "valid")
    peak = (int(smooth.argmax()) + 0.5) / 36
    near = coloured & (np.abs((hue - peak + 0.5) % 1 - 0.5) < 0.06)
    return None if near.sum() < 0.45 * coloured.sum() else peak * 360


def turn_hue(drawing: Array, degrees: float) -> Array:
    """The drawing with every hue turned by ``degrees``; its cover stays."""
    hue, saturation, value = _to_hsv(drawing[..., :3])
    turned = drawing.copy()
    colours = _from_hsv((hue + degrees / 360) % 1, saturation, value)
    turned[..., :3] = colours.round().clip(0, 255).astype(np.uint8)
    return turned


def _to_hsv(colours: Array) -> tuple[Array, Array, Array]:
    scaled = colours.astype(np.float32) / 255
    high, low = scaled.max(-1), scaled.min(-1)
    span = high - low
    safe = np.where(span == 0, 1, span)
    red, green, blue = scaled[..., 0], scaled[..., 1], scaled[..., 2]
    sixth = np.where(
        high == red,
        ((green - blue) / safe) % 6,
        np.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    hue = np.where(span == 0, 0, sixth / 6)
    return hue, np.where(high == 0, 0, span / np.maximum(high, 1e-6)), high


def _from_hsv(hue: Array, saturation: Array, value: Array) -> Array:
    def channel(offset: int) -> Array:
        place = (offset + hue * 6) % 6
        faded: Array = value - value * saturation * np.clip(np.minimum(place, 4 - place), 0, 1)
        return faded

    return np.stack([channel(5), channel(3), channel(1)], -1) * 255
