"""Fuzzy search for pickers: which texts fit a query, best first, and where the letters stand. Never markup."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.fuzzy import FuzzySearch

_MOST_LETTERS = 400


def best(query: str, texts: Sequence[str]) -> list[int]:
    """The places in ``texts`` of those that fit, best first; equals keep their order. All for an empty query."""
    query = query.strip()
    if not query:
        return list(range(len(texts)))
    search = FuzzySearch()
    scored = [(search.match(query, text[:_MOST_LETTERS])[0], at) for at, text in enumerate(texts)]
    return [at for score, at in sorted(scored, key=lambda row: -row[0]) if score > 0]


def marked(query: str, text: str, style: str = "bold $accent") -> Content:
    """``text`` with the letters that fit marked."""
    content = Content(text)
    query = query.strip()
    if query:
        score, offsets = FuzzySearch().match(query, text[:_MOST_LETTERS])
        if score:
            for at in offsets:
                content = content.stylize(style, at, at + 1)
    return content
