"""Fuzzy search for pickers: which texts fit a query, best first, and where the letters stand. Never markup."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.fuzzy import FuzzySearch

_MOST_LETTERS = 400


def best(query: str, texts: Sequence[str]) -> list[int]:
    """The places in ``texts`` of those that every word of the query fits, best first; equals keep their order.

    All of them for an empty query.
    """
    words = query.split()
    if not words:
        return list(range(len(texts)))
    search = FuzzySearch()
    scored = []
    for at, text in enumerate(texts):
        scores = [search.match(word, text[:_MOST_LETTERS])[0] for word in words]
        if all(score > 0 for score in scores):
            scored.append((sum(scores), at))
    return [at for _score, at in sorted(scored, key=lambda row: -row[0])]


def marked(query: str, text: str, style: str = "bold $accent") -> Content:
    """``text`` with the letters that fit marked."""
    content = Content(text)
    for word in query.split():
        score, offsets = FuzzySearch().match(word, text[:_MOST_LETTERS])
        if score:
            for at in offsets:
                content = content.stylize(style, at, at + 1)
    return content
