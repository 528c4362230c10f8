"""Pillow image -> sixel text, by textual-image's encoder: the only place that imports that package.

Its widgets and renderables question the terminal when they are imported, on the app's own input. The encoder's
module does not, in 0.12 (Python 3.11) and 0.14 alike, and a test holds that. Called in threads only: it loads Pillow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


def encode_sixel(image: Image, colours: int = 256) -> str:
    """The sixel escape code of an RGB image, dithered to at most `colours` colours (2 to 256)."""
    from PIL.Image import Dither, Quantize
    from textual_image._sixel import image_to_sixels

    palette = image.quantize(colours, method=Quantize.MEDIANCUT)
    indexed = image.quantize(colours, palette=palette, dither=Dither.FLOYDSTEINBERG)
    code: str = image_to_sixels(indexed)
    return code
