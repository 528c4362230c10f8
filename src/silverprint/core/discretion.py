"""Discretion: the last look at words that leave the program or go on disk, that no key is in them.

Owns who is asked. Which keys there are is known to ``settings/secrets.py``; answers of services are rid of theirs where
they come in, by ``providers/scrub.py``.
"""

from __future__ import annotations

from typing import Protocol
from weakref import WeakSet


class Discreet(Protocol):
    """Somebody who knows keys."""

    def redact(self, text: str) -> str:
        """The text without them."""
        ...


_known: WeakSet[Discreet] = WeakSet()


def ask_too(holder: Discreet) -> None:
    """From now on, for as long as it lives, ``holder`` takes its keys out of words too."""
    _known.add(holder)


def hidden(text: str) -> str:
    """The text without any key that somebody in this process knows."""
    for holder in list(_known):
        text = holder.redact(text)
    return text


def crash_words(error: BaseException) -> str:
    """The report of a mistake of ours: where it happened and what was said, without keys and without any values."""
    import traceback  # needed in bad moments only

    return hidden("".join(traceback.format_exception(error)))
