"""Text into search words, in one way for writing the index, asking it and testing a document in Python.

Owns what counts as a word. The index stores these words joined by spaces, so SQLite's own idea of words never matters
and the three uses can't disagree. Change ``WORDS_VERSION`` with the rules: every index is then made anew.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

WORDS_VERSION = 1

BREAK = "\ue000"
"""A private character that stands between the elements of a list, so that no phrase reaches across two of them."""

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_OWN_WORD = re.compile(
    # Scripts written without spaces: each character is a word, and a run of them is asked for as a phrase.
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan, Myanmar, Khmer
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u31f0-\u31ff"  # radicals, kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"  # Hangul
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff]"  # more kana, more Han
)
_STRIPPED = re.compile(
    # Accents and vowel points that people leave out when they type. Marks that make another letter (the kana voicing
    # marks, the vowels of Indic scripts) stay.
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0640"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\u200b-\u200f\u2060\U000e0100-\U000e01ef]"
)


def words_of(text: str) -> list[str]:
    """The search words of ``text`` in order: case folded, without accents, without punctuation.

    ``"Día, film-grain 雪の狐 🦊"`` gives ``["dia", "film", "grain", "雪", "の", "狐", "🦊"]``.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    words: list[str] = []
    current: list[str] = []
    for char in _folded(text):
        kind = _kind(char)
        if kind == "letter":
            current.append(char)
            continue
        if current:
            words.append("".join(current))
            current = []
        if kind == "own":
            words.append(char)
    if current:
        words.append("".join(current))
    return words


def fold(text: str) -> str:
    """``text`` for comparing without regard to case, and to how accents are encoded."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFC", text).casefold()


def has_run(words: Sequence[str], run: Sequence[str], *, prefix: bool = False) -> bool:
    """Whether ``run`` stands in ``words`` as neighbours; with ``prefix`` its last word may be only a beginning."""
    length = len(run)
    head, last = list(run[:-1]), run[-1]
    for start in range(len(words) - length + 1):
        end = words[start + length - 1]
        if (end.startswith(last) if prefix else end == last) and list(
            words[start : start + length - 1]
        ) == head:
            return True
    return False


def _folded(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text).casefold()
    # Folding can bring a mark back (İ), so marks go after it.
    bare = _STRIPPED.sub("", unicodedata.normalize("NFKD", apart))
    return unicodedata.normalize("NFKC", bare)


@lru_cache(maxsize=4096)
def _kind(char: str) -> str:
    if char == BREAK:
        return "own"
    category = unicodedata.category(char)
    if _OWN_WORD.match(char) and category[0] in "LNM":
        return "own"
    if category == "So":
        return "own"
    return "letter" if category[0] in "LNM" else "gap"
