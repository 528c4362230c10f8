"""Turn: one of a few words in one line; space or the arrows turn it, enter goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static


class Turn(Static, can_focus=True):
    """``choices`` maps values to the words shown. ``value`` is the one on view."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,right,down", "turn(1)", "Next", show=False),
        Binding("left,up", "turn(-1)", "Before", show=False),
        Binding("enter", "enter", "Go on", show=False),
    ]
    DEFAULT_CSS = """
    Turn { width: 1fr; height: 1; background: $surface; padding: 0 1; }
    Turn:focus { background: $block-cursor-background; color: $block-cursor-foreground; }
    """

    class Entered(Message):
        """Enter was pressed on it."""

    value: reactive[str] = reactive("")

    def __init__(self, choices: Mapping[str, str], *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._choices = dict(choices)
        self.set_reactive(Turn.value, next(iter(self._choices)))

    def render(self) -> Content:
        """The word, and that there are others."""
        return Content(f"‹ {self._choices[self.value]} ›")

    def action_turn(self, by: int) -> None:
        """Another of them."""
        values = list(self._choices)
        self.value = values[(values.index(self.value) + by) % len(values)]

    def action_enter(self) -> None:
        """Go on."""
        self.post_message(self.Entered())

    def on_click(self) -> None:
        """Another of them."""
        self.action_turn(1)
