"""Pillow image -> sixel text, by textual-image's encoder: the only place that imports that package.

Its widgets and renderables question the terminal when they are imported, on the app's own input. The encoder's
module does not, in 0.12 (Python 3.11) and 0.14 alike, and a test holds that. Called in threads only: it loads Pillow.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

_HEADER = re.compile(r'\x1bP[0-9;]*q(?:"[0-9;]+)?')
_DEFINITION = re.compile(r"#(\d+);2;\d+;\d+;\d+")
_SELECTIONS = re.compile(r"(?:#\d+)+(?=#)")


def encode_sixel(image: Image, colours: int = 256, *, dither: bool = True) -> str:
    """The sixel escape code of an RGB image in at most `colours` colours (2 to 256).

    All colours are defined before the first pixel: 0.12 defines each where it is first used and counts on its
    being selected by that, which xterm does not do (seen as streaks in a wrong colour).
    """
    from PIL.Image import Dither, Quantize
    from textual_image._sixel import image_to_sixels

    palette = image.quantize(colours, method=Quantize.FASTOCTREE)
    indexed = image.quantize(
        colours, palette=palette, dither=Dither.FLOYDSTEINBERG if dither else Dither.NONE
    )
    return _define_first(image_to_sixels(indexed))


def _define_first(code: str) -> str:
    header = _HEADER.match(code)
    if header is None:
        return code
    definitions = "".join(found[0] for found in _DEFINITION.finditer(code))
    body = _DEFINITION.sub(r"#\1", code[header.end() :])
    return header[0] + definitions + _SELECTIONS.sub("", body)
