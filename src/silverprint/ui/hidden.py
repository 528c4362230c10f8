"""Hidden: a key on its way from a dialog to where it is kept, so that no log and no traceback can show it."""

from __future__ import annotations


class Hidden:
    """A text that is shown to nobody: its ``repr`` is dots, however long it is."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text. Hand it on at once and keep it nowhere."""
        return self._text

    def __repr__(self) -> str:
        return "Hidden('••••••')"

    __str__ = __repr__
