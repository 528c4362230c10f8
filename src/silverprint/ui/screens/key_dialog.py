"""KeyDialog: one masked line for the key of a service. It answers with the key, or None when it was closed."""

from __future__ import annotations

from textual import events, on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from silverprint.core.text import one_line
from silverprint.ui.hidden import Hidden
from silverprint.ui.screens.dialog import Box, Dialog


class KeyLine(Input):
    """A masked line. What is pasted is taken whole, without the line breaks around it."""

    def __init__(self) -> None:
        super().__init__(password=True, compact=True, placeholder="paste or type it; it shows as dots")

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.replace("".join(event.text.split()), *self.selection)

    def action_copy(self) -> None:
        """A key is not copied back out."""

    def action_cut(self) -> None:
        """A key is not copied back out."""


class KeyDialog(Dialog[Hidden]):
    """Asks for the key of the service ``title``. ``page`` is where to get one; ``variable`` names the variable of the
    environment that has one already, and wins."""

    def __init__(self, title: str, *, page: str = "", variable: str = "") -> None:
        super().__init__()
        self._title = title
        self._page = page
        self._variable = variable

    def compose(self) -> ComposeResult:
        """Where to get one, the line, and how to leave."""
        box = Box()
        box.border_title = Content(one_line(f"Key for {self._title}", most=60))
        box.border_subtitle = Content("enter keep   esc leave it")
        lines = []
        if self._page:
            lines.append(f"Get one at {one_line(self._page)}")
        if self._variable:
            lines.append(f"{self._variable} is set in the environment and wins over a key kept here.")
        lines.append(
            "It is kept in the system's keyring, or where there is none in a file only you can read."
        )
        with box:
            yield Static(Content("\n".join(lines)), classes="words")
            yield KeyLine()

    def on_mount(self) -> None:
        """Type or paste at once."""
        self.query_one(KeyLine).focus()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        line = self.query_one(KeyLine)
        if line.value.strip():
            self.dismiss(Hidden(line.value.strip()))
