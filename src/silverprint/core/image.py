"""RawImage: pixels in memory, as plain bytes, so that no layer needs an image library to hand them on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

Mode = Literal["RGB", "L"]

_CHANNELS: dict[Mode, int] = {"RGB": 3, "L": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class RawImage:
    """Pixels, 8 bits a channel, row by row from the top left.

    ``data`` has ``width * height * channels`` bytes (3 channels for RGB, 1 for L).
    Raises ValueError when the length does not fit.
    """

    width: int
    height: int
    data: bytes
    mode: Mode = "RGB"

    def __post_init__(self) -> None:
        expected = self.width * self.height * _CHANNELS[self.mode]
        if self.width < 1 or self.height < 1 or len(self.data) != expected:
            raise ValueError(
                f"{self.width} x {self.height} {self.mode} needs {expected} bytes, not {len(self.data)}"
            )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    def sha256(self) -> str:
        """Hex digest of the pixel bytes alone."""
        return hashlib.sha256(self.data).hexdigest()
