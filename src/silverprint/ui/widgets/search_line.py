"""SearchLine: one line to search in, and under it what was found or where the mistake is.

Posts what was typed once typing rests; reading the words is the library's work.
"""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.timer import Timer
from textual.widgets import Input, Static

from silverprint.core.errors import UsageError
from silverprint.core.text import one_line

REST_S = 0.12


class SearchLine(Vertical):
    """Set ``found`` (a sentence) and ``mistake`` (an error with ``.at``); read ``text``."""

    DEFAULT_CSS = """
    SearchLine {
        height: 2;
        Input { height: 1; border: none; padding: 0 1; background: transparent; }
        Input:focus { border: none; background: $surface; }
        Static { height: 1; padding: 0 1; color: $text-muted; }
        Static.-mistake { color: $error; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("down", "leave", show=False),
    ]

    found: reactive[str] = reactive("")
    mistake: reactive[UsageError | None] = reactive(None)

    class Changed(Message):
        """Typing rests (or enter was pressed); ``text`` is what stands in the line."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The person is done here: the results should have the keys."""

    def __init__(self, *, placeholder: str = "", id: str | None = None, rest_s: float = REST_S) -> None:
        super().__init__(id=id)
        self._placeholder = placeholder
        self._rest_s = rest_s
        self._rest: Timer | None = None
        self._posted = ""

    def compose(self) -> ComposeResult:
        """The line, then the sentence."""
        yield Input(placeholder=self._placeholder, select_on_focus=False)
        yield Static(markup=False)

    @property
    def text(self) -> str:
        """What stands in the line."""
        return self.query_one(Input).value

    @text.setter
    def text(self, value: str) -> None:
        self.query_one(Input).value = value
        self._post_now()

    def focus_input(self) -> None:
        """Give the line the keys."""
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(self._rest_s, self._post_now)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._post_now()
        self.post_message(self.Left())

    def _post_now(self) -> None:
        if self._rest is not None:
            self._rest.stop()
            self._rest = None
        if self.text != self._posted:
            self._posted = self.text
            self.post_message(self.Changed(self.text))

    def action_leave(self) -> None:
        """Hand the keys to the results; what was typed stays."""
        self._post_now()
        self.post_message(self.Left())

    def watch_found(self) -> None:
        """Say it under the line."""
        self._say()

    def watch_mistake(self) -> None:
        """Mark it under the line."""
        self._say()

    def _say(self) -> None:
        under = self.query(Static).first() if self.children else None
        if under is None:
            return
        under.set_class(self.mistake is not None, "-mistake")
        if self.mistake is None:
            under.update(Content(one_line(self.found)))
            return
        column, marks = self._marks(self.mistake)
        under.update(Content(" " * column + marks + " " + one_line(str(self.mistake))))

    def on_mount(self) -> None:
        """Show what was set before."""
        self._say()

    def _marks(self, mistake: UsageError) -> tuple[int, str]:
        """The column of the mistake as it is on screen now, and a caret for each of its cells."""
        text = self.text
        start, end = mistake.at if mistake.at is not None else (len(text), len(text))
        field = self.query_one(Input)
        shift = round(field.scroll_offset.x)
        left = max(0, cell_len(text[:start]) - shift)
        right = max(left + 1, cell_len(text[:end]) - shift)
        # The sentence matters more than the place: near the right edge the marks move left.
        room = max(0, field.size.width - cell_len(str(mistake)) - 2)
        return min(left, room), "^" * min(right - left, 12)
