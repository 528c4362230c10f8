"""Seeds: the lock's three states, the seed of each picture of a batch, and how its prompts are spread."""

from __future__ import annotations

from enum import StrEnum
from random import Random


class SeedMode(StrEnum):
    """LOCKED: the same again. RANDOM: a new one for each picture. STEP: one more for each picture."""

    LOCKED = "locked"
    RANDOM = "random"
    STEP = "step"

    @property
    def following(self) -> SeedMode:
        """The next state when one key turns the lock."""
        order = list(SeedMode)
        return order[(order.index(self) + 1) % len(order)]


class Spread(StrEnum):
    """How wildcards become prompts: a new draw for each picture, or every combination once."""

    RANDOM = "random"
    ALL = "all"


def seeds(mode: SeedMode, seed: int, count: int, *, random: Random, seed_max: int = 2**32 - 1) -> list[int]:
    """The seeds of ``count`` pictures, each in 0..seed_max.

    A locked seed is used for the whole batch; a stepped one wraps at ``seed_max``; random ones are distinct
    as far as the range allows.
    """
    match mode:
        case SeedMode.LOCKED:
            return [seed % (seed_max + 1)] * count
        case SeedMode.STEP:
            return [(seed + offset) % (seed_max + 1) for offset in range(count)]
        case SeedMode.RANDOM:
            drawn: list[int] = []
            while len(drawn) < count:
                number = random.randint(0, seed_max)
                if number not in drawn or len(drawn) > seed_max:
                    drawn.append(number)
            return drawn


def next_seed(mode: SeedMode, seed: int, count: int, *, seed_max: int = 2**32 - 1) -> int:
    """The seed the lock shows after a batch of ``count``: a stepped one moves on, the others stay."""
    return (seed + count) % (seed_max + 1) if mode is SeedMode.STEP else seed
