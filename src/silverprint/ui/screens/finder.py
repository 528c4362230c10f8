"""FinderScreen: one line to type in and a list that narrows to it; the ground of the small pickers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from silverprint.core.text import one_line
from silverprint.ui.fuzzy import best, marked
from silverprint.ui.screens.dialog import Box, Dialog

Value = TypeVar("Value")

_SCROLLBAR = 2  # its column, and one between it and the note


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Generic[Value]):
    """One line: its ``text``, a ``note`` at the right such as a key, and what choosing it answers."""

    text: str
    value: Value
    note: str = ""


class FinderScreen(Dialog[Value]):
    """Choose one of ``entries``; the answer is its value. Arrows move in the list while the line is typed in."""

    def __init__(
        self, entries: Iterable[Entry[Value]], *, title: str, placeholder: str = "type to search"
    ) -> None:
        super().__init__()
        self._entries = list(entries)
        self._shown: list[Entry[Value]] = []
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
        self.call_after_refresh(self._fill)

    def add(self, entries: Sequence[Entry[Value]]) -> None:
        """More entries, behind the others."""
        self._entries += entries
        if self.query("OptionList") and self.query("Input"):  # else not shown yet, or being closed
            self._fill()

    def _fill(self) -> None:
        query = self.query_one(Input).value
        lines = [one_line(entry.text, most=400) for entry in self._entries]
        found = best(query, lines)
        self._shown = [self._entries[at] for at in found]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            Option(self._line(marked(query, lines[at]), self._entries[at].note)) for at in found
        )
        if found:
            options.highlighted = 0

    def _line(self, text: Content, note: str) -> Content:
        if not note:
            return text
        room = self.query_one(OptionList).size.width - _SCROLLBAR
        gap = max(2, room - text.cell_length - cell_len(note))
        return Content.assemble(text, " " * gap, (note, "$text-muted"))

    @on(Input.Changed)
    def _typed(self) -> None:
        self._fill()

    @on(Input.Submitted)
    def _taken(self) -> None:
        at = self.query_one(OptionList).highlighted
        self.dismiss(self._shown[at].value if at is not None and self._shown else None)

    @on(OptionList.OptionSelected)
    def _clicked(self, message: OptionList.OptionSelected) -> None:
        self.dismiss(self._shown[message.option_index].value)

    def on_key(self, event: events.Key) -> None:
        for lines in self.query(OptionList):
            move_list(lines, event)


def move_list(options: OptionList, event: events.Key) -> None:
    """Let the arrows move in a list that has not the focus."""
    moves: dict[str, Callable[[], None]] = {
        "down": options.action_cursor_down,
        "up": options.action_cursor_up,
        "pagedown": options.action_page_down,
        "pageup": options.action_page_up,
    }
    if event.key in moves:
        event.stop()
        event.prevent_default()
        moves[event.key]()
