"""SourceList: the input pictures of a recipe as chips, with their strength, and the line that adds one by path.

Values in, messages out: reading the file and keeping it by its hash is the studio's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Label, Static

from silverprint.core.params import ParamSpec, SourceSpec, check, parse, to_text
from silverprint.core.recipe import Source, SourceRole
from silverprint.core.text import one_line
from silverprint.ui.path_text import completion


class _Paths(Suggester):
    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        return await asyncio.to_thread(completion, value)


class Press(Static, can_focus=True):
    """A word that can be pressed: enter, space or a click."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,enter", "press", "Press", show=False)]
    DEFAULT_CSS = """
    Press { width: auto; height: 1; color: $text-muted; margin-right: 2; }
    Press:focus { color: $accent; text-style: bold; }
    """

    class Pressed(Message):
        """The word ``press`` was pressed."""

        def __init__(self, press: Press) -> None:
            super().__init__()
            self.press = press

    def __init__(self, words: str, name: str) -> None:
        super().__init__(Content(words), name=name, markup=False)

    def action_press(self) -> None:
        self.post_message(self.Pressed(self))

    def on_click(self) -> None:
        self.action_press()


class Chip(Horizontal):
    """One input: its role, its name, its strength where the model takes one, and the word that removes it."""

    DEFAULT_CSS = """
    Chip { height: 1; padding-left: 2; }
    Chip .name { width: 1fr; height: 1; color: $chip-text; text-wrap: nowrap; text-overflow: ellipsis; }
    Chip .word { width: auto; color: $text-disabled; margin: 0 1; }
    Chip Input { width: 7; }
    Chip.-wrong Input { color: $error; }
    Chip Press { margin: 0 0 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("delete,backspace", "remove", "Remove", show=False)]

    def __init__(self, source: Source, at: int, strength: ParamSpec | None) -> None:
        super().__init__()
        self.source = source
        self.at = at
        self.strength = strength

    def compose(self) -> ComposeResult:
        name = one_line(self.source.name or self.source.sha256[:12], most=80)
        yield Label(Content(f"▪ {self.source.role}  {name}"), classes="name")
        if self.strength is not None:
            value = self.source.strength if self.source.strength is not None else self.strength.default
            yield Label("at", classes="word")
            self._text = to_text(self.strength, value)
            yield Input(self._text, compact=True, select_on_focus=True)
        yield Press("✕", "remove")

    def action_remove(self) -> None:
        if not isinstance(self.screen.focused, Input):
            self.post_message(SourceList.Removed(self.at))

    @on(Press.Pressed)
    def _pressed(self, message: Press.Pressed) -> None:
        message.stop()
        self.post_message(SourceList.Removed(self.at))

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        message.stop()
        if message.value == self._text:
            return  # what it began with is no change
        self._text = message.value
        assert self.strength is not None
        try:
            value = float(check(self.strength, parse(self.strength, message.value)))
        except ValueError as error:
            self.add_class("-wrong")
            self.tooltip = Content(str(error))
            return
        self.remove_class("-wrong")
        self.tooltip = None
        self.post_message(SourceList.StrengthChanged(self.at, value))

    @on(Input.Submitted)
    def _entered(self, message: Input.Submitted) -> None:
        message.stop()


class SourceList(Vertical):
    """Set with ``show``: what the model takes, and what there is."""

    DEFAULT_CSS = """
    SourceList { height: auto; }
    SourceList > #adders { height: 1; }
    SourceList > #chips { height: auto; }
    SourceList > #path { display: none; margin-left: 2; }
    SourceList > .reason { color: $error; display: none; padding-left: 2; height: auto; }
    SourceList > .reason.-shown { display: block; }
    """

    class Added(Message):
        """Take the picture at the path ``text``, as typed or pasted, as an input with this role."""

        def __init__(self, role: SourceRole, text: str) -> None:
            super().__init__()
            self.role = role
            self.text = text

    class Removed(Message):
        """Remove the input at this place."""

        def __init__(self, at: int) -> None:
            super().__init__()
            self.at = at

    class StrengthChanged(Message):
        """The input at this place has another strength."""

        def __init__(self, at: int, strength: float) -> None:
            super().__init__()
            self.at = at
            self.strength = strength

    def __init__(self) -> None:
        super().__init__()
        self._role: SourceRole = "image"
        self._specs: tuple[SourceSpec, ...] = ()

    def compose(self) -> ComposeResult:
        yield Horizontal(id="adders")
        yield Input(
            id="path",
            compact=True,
            suggester=_Paths(),
            placeholder="a path; → completes, enter takes it",
        )
        yield Static("", classes="reason", markup=False)
        yield Vertical(id="chips")

    async def show(self, specs: Sequence[SourceSpec], sources: Sequence[Source]) -> None:
        """Show what the model takes (``specs``) and the inputs there are."""
        self._specs = tuple(specs)
        self.display = bool(specs)
        taken = {spec.role: spec for spec in specs}
        async with self.batch():
            adders = self.query_one("#adders", Horizontal)
            await adders.remove_children()
            counts = [source.role for source in sources]
            await adders.mount(Label("Inputs", classes="label"))
            await adders.mount_all(
                Press(f"+ {spec.role}", spec.role) for spec in specs if counts.count(spec.role) < spec.most
            )
            chips = self.query_one("#chips", Vertical)
            await chips.remove_children()
            await chips.mount_all(
                Chip(source, at, taken[source.role].strength)
                for at, source in enumerate(sources)
                if source.role in taken
            )

    def complain(self, words: str) -> None:
        """Say why a picture could not be taken; empty takes the words away."""
        line = self.query_one(".reason", Static)
        line.update(Content(one_line(words)))
        line.set_class(bool(words), "-shown")

    def close_path(self) -> None:
        """Put the path line away."""
        field = self.query_one("#path", Input)
        field.display = False
        field.value = ""
        self.complain("")

    @property
    def is_asking(self) -> bool:
        """Whether the path line is open."""
        return bool(self.query_one("#path", Input).display)

    @on(Press.Pressed)
    def _pressed(self, message: Press.Pressed) -> None:
        message.stop()
        name = message.press.name
        self._role = next((spec.role for spec in self._specs if spec.role == name), "image")
        field = self.query_one("#path", Input)
        field.display = True
        field.focus()

    @on(Input.Submitted, "#path")
    def _entered(self, message: Input.Submitted) -> None:
        message.stop()
        if message.value.strip():
            self.post_message(self.Added(self._role, message.value))

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape" and self.is_asking:
            event.stop()
            self.close_path()
            for press in self.query(Press):
                press.focus()
                break
