"""JsonDialog: a value of raw JSON in a place with room for it. It answers with the JSON on one line, or None."""

from __future__ import annotations

import json
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static, TextArea

from silverprint.core.params import ParamSpec, parse, to_text
from silverprint.core.text import one_line
from silverprint.ui.screens.dialog import Box, Dialog


class JsonDialog(Dialog[str]):
    """Edits ``text``, the JSON of ``spec``; what is wrong is said before it is kept."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s,ctrl+g", "keep", "Keep", priority=True)]

    def __init__(self, spec: ParamSpec, text: str) -> None:
        super().__init__()
        self._spec = spec
        self._text = indented(text)

    def compose(self) -> ComposeResult:
        """What it is for, the text, what is wrong."""
        box = Box(classes="-tall")
        box.border_title = Content(one_line(self._spec.label, most=60))
        box.border_subtitle = Content("ctrl+s keep   esc leave it")
        with box:
            if self._spec.help:
                yield Static(Content(one_line(self._spec.help, most=300)), classes="note")
            yield TextArea(self._text, soft_wrap=True, tab_behavior="indent", compact=True)
            yield Static("", classes="mistake", markup=False)

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(TextArea).focus()

    def action_keep(self) -> None:
        """Take it, if the model could."""
        text = self.query_one(TextArea).text
        if not text.strip():
            self.dismiss("")
            return
        try:
            value = parse(self._spec, text)
        except ValueError as error:
            self._complain(str(error))
            return
        self.dismiss(to_text(self._spec, value))

    def _complain(self, words: str) -> None:
        line = self.query_one(".mistake", Static)
        line.update(Content(one_line(words)))
        line.display = bool(words)

    @on(TextArea.Changed)
    def _typed(self) -> None:
        self._complain("")


def indented(text: str) -> str:
    """JSON with a line for each part; a text that is none as it is."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2) if text.strip() else ""
    except ValueError:
        return text
