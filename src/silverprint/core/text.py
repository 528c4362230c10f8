"""Text from outside made safe to show: no escape codes, no invisible direction marks, no endless lines."""

from __future__ import annotations

import re

# C0 and C1 controls (escape codes start there), bidirectional overrides and isolates, and the
# zero-width signs that hide or reorder text. Zero-width joiner (200D) stays: emoji are built with it.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")


def clean(text: str, *, most: int = 4_000) -> str:
    """The text with unsafe signs shown as ``�`` and cut at ``most`` characters. Tab and newline stay."""
    cut = text[:most]
    shown = _UNSAFE.sub("\ufffd", cut)
    return shown + "…" if len(text) > most else shown


def one_line(text: str, *, most: int = 200) -> str:
    """``clean`` on a single line: runs of white space become one space."""
    return clean(" ".join(text.split()), most=most)


def storable(text: str) -> str:
    """The text as every store and service takes it: no NUL, and ``?`` for halves of surrogate pairs.

    Both come from broken input only, and SQLite, JSON and PNG each cut or refuse them in their own way.
    """
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
