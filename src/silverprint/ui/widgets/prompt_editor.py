"""PromptEditor: where the prompt is written. It colours wildcards, and walks through earlier prompts.

It knows no library: earlier prompts are given to it. Searching them and $EDITOR are the screen's, asked by message.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.color import Color
from textual.message import Message
from textual.theme import Theme
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

from silverprint.ui.actions import Where, bindings

_THEME = "prompt"
_SIGNS = re.compile(r"\\[{}|\\]|(?P<brace>[{}|])|(?P<name>__\w[\w/.-]*?__)")
_MOST_COLOURED = 20_000


class PromptEditor(TextArea):
    """A TextArea for prompts: words wrap, tab leaves it, undo and redo as usual."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.PROMPT)]

    DEFAULT_CSS = """
    PromptEditor {
        background: $background;
        border: none;
        padding: 0 1;
        height: 1fr;
        &:focus { border: none; }
    }
    """

    class SearchWanted(Message):
        """Search the earlier prompts."""

    class EditorWanted(Message):
        """Open the text in $EDITOR."""

    class SpreadTurned(Message):
        """Wildcards: the other of random and all."""

    def __init__(self, text: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        self._mistake: tuple[int, int] | None = None
        super().__init__(
            text,
            soft_wrap=True,
            tab_behavior="focus",
            show_line_numbers=False,
            highlight_cursor_line=False,
            placeholder=placeholder,
            id=id,
        )
        self._earlier: list[str] = []
        self._own: list[str] = [text]
        self._at = 0

    def _on_mount(self, event: events.Mount) -> None:
        self._colour(self.app.current_theme)
        self.app.theme_changed_signal.subscribe(self, self._colour)
        self.move_cursor(self.document.end)

    # text

    def set_text(self, text: str) -> None:
        """Put another text in the place of this one; undo brings it back."""
        if text != self.text:
            self.replace(text, (0, 0), self.document.end, maintain_selection_offset=False)
            self.move_cursor(self.document.end)

    def mark(self, place: tuple[int, int] | None) -> None:
        """Mark the mistake at ``place`` (start and end in the text), or none."""
        if place != self._mistake:
            self._mistake = place
            self._build_highlight_map()
            self._line_cache.clear()
            self.refresh()

    def place_words(self, place: tuple[int, int]) -> str:
        """Where a place in the text is, for a person: line and column, the line only where there are several."""
        before = self.text[: place[0]]
        line, column = before.count("\n") + 1, place[0] - (before.rfind("\n") + 1) + 1
        return f"line {line}, column {column}" if "\n" in self.text else f"column {column}"

    # earlier prompts

    def set_earlier(self, prompts: Sequence[str]) -> None:
        """The prompts of the past, newest first. Where we stand in them is kept."""
        here = self._entry(self._at)
        self._earlier = list(prompts)
        entries = [*self._own, *self._earlier]
        self._at = entries.index(here) if here in entries else 0

    def sent(self, prompt: str) -> None:
        """The text was sent: it is the newest of the past now."""
        self._earlier = [prompt, *(old for old in self._earlier if old != prompt)]
        self._own = [self.text]
        self._at = 0

    def action_earlier(self, step: int) -> None:
        """Show the prompt ``step`` further back. What was typed stays in the list, unsent."""
        self._keep()
        entries = [*self._own, *self._earlier]
        at = self._at + step
        while 0 <= at < len(entries) and entries[at] == self.text:
            at += 1 if step > 0 else -1
        if 0 <= at < len(entries):
            self._at = at
            self.set_text(entries[at])

    def _keep(self) -> None:
        if self._at < len(self._own):
            self._own[self._at] = self.text
        elif self.text != self._entry(self._at):
            self._own.insert(0, self.text)
            self._at = 0

    def _entry(self, at: int) -> str:
        entries = [*self._own, *self._earlier]
        return entries[at] if at < len(entries) else ""

    # keys

    async def _on_key(self, event: events.Key) -> None:
        # A terminal sends alt and a letter as escape and the letter, and Textual keeps that as the key's text.
        if event.key.startswith("alt+"):
            event.prevent_default()

    def action_search(self) -> None:
        self.post_message(self.SearchWanted())

    def action_open_editor(self) -> None:
        self.post_message(self.EditorWanted())

    def action_turn_spread(self) -> None:
        self.post_message(self.SpreadTurned())

    # colours

    def _colour(self, theme: Theme) -> None:
        variables = self.app.theme_variables

        def colour(name: str, fallback: str) -> str:
            try:
                return Color.parse(variables.get(name, fallback)).rich_color.name
            except ValueError:
                return fallback

        self.register_theme(
            TextAreaTheme(
                name=_THEME,
                syntax_styles={
                    "brace": Style(color=colour("accent", "red")),
                    "name": Style(color=colour("warning", "yellow")),
                    "mistake": Style(color=colour("error", "red"), underline=True, bold=True),
                },
            )
        )
        self.theme = "css"
        self.theme = _THEME

    def _build_highlight_map(self) -> None:
        super()._build_highlight_map()
        text = self.text
        if len(text) > _MOST_COLOURED:
            return
        marks = [(*found.span(), str(found.lastgroup)) for found in _SIGNS.finditer(text) if found.lastgroup]
        if self._mistake is not None:
            marks.append((*self._mistake, "mistake"))
        lines = text.split("\n")
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line) + 1)
        for start, end, kind in marks:
            row = bisect_right(starts, start) - 1
            if row < len(lines):
                line = lines[row]
                first, last = start - starts[row], min(end - starts[row], len(line))
                # The map counts in UTF-8 bytes, as tree-sitter does.
                self._highlights[row].append((len(line[:first].encode()), len(line[:last].encode()), kind))
