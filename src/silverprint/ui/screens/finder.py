"""FinderScreen: one line to type in and a list that narrows to it; the ground of the small pickers."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events, on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from silverprint.core.text import one_line
from silverprint.ui.fuzzy import best, marked
from silverprint.ui.screens.dialog import Box, Dialog


class FinderScreen(Dialog[str]):
    """Choose one of ``texts``; the answer is the text whole. Arrows move in the list while the line is typed in."""

    def __init__(self, texts: Sequence[str], *, title: str, placeholder: str = "type to search") -> None:
        super().__init__()
        self._texts = list(texts)
        self._shown: list[str] = []
        self._title = title
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        box = Box(classes="-tall")
        box.border_title = Content(self._title)
        box.border_subtitle = Content("↑↓ move   enter take   esc close")
        with box:
            yield Input(placeholder=self._placeholder, compact=True)
            yield OptionList(markup=False, compact=True)

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self.query_one(Input).focus()
        self._fill("")

    def _fill(self, query: str) -> None:
        lines = [one_line(text, most=400) for text in self._texts]
        found = best(query, lines)
        self._shown = [self._texts[at] for at in found]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(Option(marked(query, lines[at])) for at in found)
        if found:
            options.highlighted = 0

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        self._fill(message.value)

    @on(Input.Submitted)
    def _taken(self) -> None:
        at = self.query_one(OptionList).highlighted
        self.dismiss(self._shown[at] if at is not None and self._shown else None)

    @on(OptionList.OptionSelected)
    def _clicked(self, message: OptionList.OptionSelected) -> None:
        self.dismiss(self._shown[message.option_index])

    def on_key(self, event: events.Key) -> None:
        moves = {
            "down": "action_cursor_down",
            "up": "action_cursor_up",
            "pagedown": "action_page_down",
            "pageup": "action_page_up",
        }
        if event.key in moves:
            event.stop()
            event.prevent_default()
            getattr(self.query_one(OptionList), moves[event.key])()
