"""TagDialog: one line to type tags in. It answers with the text as typed, or None when it was closed."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from silverprint.core.picture import Picture
from silverprint.core.text import one_line
from silverprint.ui.screens.dialog import Box, Dialog


class TagDialog(Dialog[str]):
    """Asks for the tags of ``pictures``."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        super().__init__()
        self._pictures = tuple(pictures)

    def compose(self) -> ComposeResult:
        """What they have, the line, and how it is read."""
        count = len(self._pictures)
        had = frozenset[str]().union(*(picture.tags for picture in self._pictures))
        box = Box()
        box.border_title = Content("Tags" if count == 1 else f"Tags of {count} pictures")
        box.border_subtitle = Content("enter keep   esc leave as it is")
        with box:
            yield Static(Content(one_line("now: " + (", ".join(sorted(had)) or "none"))), classes="words")
            yield Input(placeholder="fox, low sun, -blurred   (a minus takes a tag away)", compact=True)

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)
