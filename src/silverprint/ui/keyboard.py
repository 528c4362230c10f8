"""Keyboard: what must be set right between terminals and Textual before keys mean the same everywhere."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS


class AltDigit(StrEnum):
    """The keys of the five screens."""

    ONE = "alt+1"
    TWO = "alt+2"
    THREE = "alt+3"
    FOUR = "alt+4"
    FIVE = "alt+5"


def free_alt_digits() -> None:
    """Let escape and a digit, which is alt with the digit, arrive as ``alt+1`` to ``alt+5``.

    Textual reads the two as the sign that one terminal on macOS means by them (alt+2 as "™"), which would be typed
    into the prompt everywhere else. The table is private to Textual; a test watches over it.
    """
    table = cast(dict[str, Any], ANSI_SEQUENCES_KEYS)
    for number, key in enumerate(AltDigit, 1):
        table[f"\x1b{number}"] = (key,)
