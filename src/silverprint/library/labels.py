"""Ratings, tags and boards: what a person may write on a picture, and the one form in which it is kept."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from silverprint.core.errors import UsageError

MOST_STARS = 5
LONGEST = 80


def checked_rating(rating: int) -> int:
    """The rating, 0..5. Raises UsageError."""
    if isinstance(rating, bool) or not isinstance(rating, int) or not 0 <= rating <= MOST_STARS:
        raise UsageError(f"A rating is a whole number from 0 to {MOST_STARS}, not {rating}.")
    return rating


def folded(text: str) -> str:
    """A label as it is compared: case and the way accents are encoded don't count, nor do spaces around it."""
    return unicodedata.normalize("NFC", " ".join(text.split())).casefold()


def tag_names(tags: Iterable[str]) -> frozenset[str]:
    """Tags as they are kept: folded. Raises UsageError for an empty, long or unprintable one."""
    return frozenset(folded(_checked(tag, "tag")) for tag in tags)


def board_names(boards: Iterable[str]) -> frozenset[str]:
    """Boards as they are kept: as written, but for spaces around and doubled. Raises UsageError as for tags."""
    return frozenset(
        unicodedata.normalize("NFC", " ".join(_checked(board, "board").split())) for board in boards
    )


def _checked(text: str, kind: str) -> str:
    if not text.strip():
        raise UsageError(f"A {kind} needs at least one letter.")
    if len(text) > LONGEST:
        raise UsageError(f"A {kind} has at most {LONGEST} characters.")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise UsageError(f"A {kind} holds a sign that can't be shown.")
    return text
