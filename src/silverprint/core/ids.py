"""Ids that sort by time. The clock and the random source are arguments."""

from __future__ import annotations

from datetime import datetime
from random import Random

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u


def new_id(now: datetime, random: Random) -> str:
    """16 characters: 9 for the millisecond (good until the year 3084), 7 random (35 bits)."""
    return _encode(int(now.timestamp() * 1000), 9) + _encode(random.getrandbits(35), 7)


def _encode(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
