"""ConfirmScreen: one question with yes and no."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from silverprint.core.text import clean
from silverprint.ui.screens.dialog import Box, Dialog


class ConfirmScreen(Dialog[bool]):
    """Asks ``question``; the answer is True for yes, False for no, None for escape. ``yes`` is the verb of yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "answer(True)", "Yes"),
        Binding("n", "answer(False)", "No"),
    ]

    def __init__(self, question: str, *, title: str = "", yes: str = "Yes", no: str = "No") -> None:
        super().__init__()
        self._question = question
        self._title = title
        self._words = (yes, no)

    def compose(self) -> ComposeResult:
        box = Box()
        box.border_title = Content(self._title)
        box.border_subtitle = Content(f"y {self._words[0]}   n {self._words[1]}")
        with box:
            yield Static(Content(clean(self._question)), classes="words")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)
