"""Grade: how well a picture can be made again, and what a comparison of two makings found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """What the engine promises for the same recipe."""

    EXACT = "bit-exact here"
    HARDWARE = "same class of hardware"
    APPROXIMATE = "approximate"
    NONE = "not reproducible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What ``redo --verify`` found.

    ``mean`` and ``worst`` are absolute differences of channel values, 0..255. ``worst`` is -1 when the
    two pictures differ in size and can't be compared.
    """

    mean: float
    worst: int

    @property
    def word(self) -> str:
        """``bit-exact``, ``near`` (mean below 2 of 255) or ``different``."""
        if self.worst == 0:
            return "bit-exact"
        return "near" if self.worst > 0 and self.mean < NEAR_MEAN else "different"


NEAR_MEAN = 2.0
