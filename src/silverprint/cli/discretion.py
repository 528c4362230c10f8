"""Discretion: the last look at every line before it is printed, that no key is in it.

The adapters take keys out of what services say; this is for whatever may have got past them. Which keys there are
is known to ``settings/secrets.py``.
"""

from __future__ import annotations

from collections.abc import Callable

_redact: Callable[[str], str] | None = None


def hide_with(redact: Callable[[str], str] | None) -> None:
    """From now on pass every line through ``redact``; None prints lines as they are."""
    global _redact
    _redact = redact


def hidden(text: str) -> str:
    """The text as it may be printed."""
    return _redact(text) if _redact is not None else text
