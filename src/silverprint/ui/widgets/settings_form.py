"""The fields of the settings screen: a choice that is tried while moving, a list of folders, a number.

Values in, messages out. Applying and saving a value is left to the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from silverprint.core.text import one_line
from silverprint.ui.actions import Where, bindings
from silverprint.ui.widgets.cells import fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a list: the value behind it, its title, and a few quiet words."""

    value: str
    title: str
    note: str = ""


class Field(Vertical):
    """A titled part of the form. ``note`` explains; ``mistake`` says what is wrong, right under the field."""

    DEFAULT_CSS = """
    Field {
        height: auto; margin: 0 0 1 0; padding: 0 1;
        & > .title { color: $foreground; text-style: bold; height: 1; }
        & > .note { color: $text-muted; height: auto; }
        & > .mistake { color: $error; height: auto; display: none; }
        OptionList, OptionList:focus {
            height: auto; border: none; padding: 0; background: transparent; overflow-x: hidden;
        }
        OptionList:blur > .option-list--option-highlighted { background: transparent; color: $foreground; }
        Input { border: none; height: 1; padding: 0 1; width: 14; background: $surface; }
    }
    """

    note: reactive[str] = reactive("")
    mistake: reactive[str] = reactive("")

    def __init__(self, title: str, *, note: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = title
        self.set_reactive(Field.note, note)

    def compose(self) -> ComposeResult:
        """Title, control, note, mistake."""
        yield Static(Content(self._title), classes="title")
        yield from self.control()
        yield Static(classes="note", markup=False)
        yield Static(classes="mistake", markup=False)

    def control(self) -> ComposeResult:
        """What takes the keys."""
        yield from ()

    def on_mount(self) -> None:
        """Say what was set before."""
        self.watch_note(self.note)

    def watch_note(self, note: str) -> None:
        """Explain."""
        for line in self.query(".note").results(Static):
            line.update(Content(note))
            line.display = bool(note)

    def watch_mistake(self, mistake: str) -> None:
        """Mark, or unmark."""
        for line in self.query(".mistake").results(Static):
            line.update(Content(one_line(mistake, most=400)))
            line.display = bool(mistake)


class _Lines(OptionList):
    """An OptionList with the keys of the settings; the kept entry has a full dot."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.SETTINGS)]

    def action_keep(self) -> None:
        self.action_select()


class ChoiceField(Field):
    """One of a few values. Moving posts ``Tried``, enter ``Kept``."""

    class Tried(Message):
        """The mark is on ``value`` now; nothing is kept yet."""

        def __init__(self, field: ChoiceField, value: str) -> None:
            super().__init__()
            self.field = field
            self.value = value

        @property
        def control(self) -> ChoiceField:
            """The field."""
            return self.field

    class Kept(Tried):
        """A person wants to keep ``value``."""

    def __init__(
        self, title: str, entries: Sequence[Entry], *, kept: str, note: str = "", id: str | None = None
    ) -> None:
        super().__init__(title, note=note, id=id)
        self._entries = tuple(entries)
        self._kept = kept
        self._silent = False

    def control(self) -> ComposeResult:
        """The values."""
        yield _Lines(*(Option(self._prompt(entry)) for entry in self._entries), markup=False, compact=True)

    def on_mount(self) -> None:
        """The mark starts on what is kept."""
        self.revert()

    @property
    def kept(self) -> str:
        """The value that is saved."""
        return self._kept

    @property
    def tried(self) -> str:
        """The value under the mark."""
        at = self.query_one(_Lines).highlighted
        return self._entries[at].value if at is not None else self._kept

    def keep(self, value: str) -> None:
        """This value is saved now."""
        self._kept = value
        lines = self.query_one(_Lines)
        for at, entry in enumerate(self._entries):
            lines.replace_option_prompt_at_index(at, self._prompt(entry))

    def revert(self) -> bool:
        """Put the mark back on what is saved. False when it was there."""
        moved = self.tried != self._kept
        self.query_one(_Lines).highlighted = self._place(self._kept)
        return moved

    def _place(self, value: str) -> int | None:
        return next((at for at, entry in enumerate(self._entries) if entry.value == value), None)

    def _prompt(self, entry: Entry) -> Content:
        # The dot has no colour of its own: the ground under the cursor may be the accent itself.
        dot = "●" if entry.value == self._kept else "○"
        title, note = one_line(entry.title), one_line(entry.note)
        if not note:
            return Content(f"{dot} {title}")
        if all(each.note for each in self._entries):
            title = fit(title, max(cell_len(one_line(each.title)) for each in self._entries))
        return Content.assemble(f"{dot} {title}  ", (note, "$text-muted"))

    @on(OptionList.OptionHighlighted)
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.post_message(self.Tried(self, self._entries[event.option_index].value))

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Kept(self, self._entries[event.option_index].value))


class FolderField(Field):
    """Where files live. Enter posts ``Wanted`` with the path of the line."""

    class Wanted(Message):
        """A person wants this path."""

        def __init__(self, path: str) -> None:
            super().__init__()
            self.path = path

    def __init__(
        self, title: str, entries: Sequence[Entry], *, note: str = "", id: str | None = None
    ) -> None:
        super().__init__(title, note=note, id=id)
        self._entries = tuple(entries)

    def control(self) -> ComposeResult:
        """A line a folder."""
        wide = max((len(entry.title) for entry in self._entries), default=0)
        yield _Lines(
            *(
                Option(
                    Content.assemble(
                        (f"{entry.title:<{wide}}  ", "$text-muted"), one_line(entry.note, most=1_000)
                    )
                )
                for entry in self._entries
            ),
            markup=False,
            compact=True,
        )

    @property
    def path(self) -> str | None:
        """The path under the mark."""
        at = self.query_one(_Lines).highlighted
        return self._entries[at].value if at is not None else None

    @on(OptionList.OptionHighlighted)
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Wanted(self._entries[event.option_index].value))


class NumberField(Field):
    """A whole number. ``check`` gives the value of a text or raises ValueError with the reason."""

    class Kept(Message):
        """A person wants to keep ``value``; None is the default."""

        def __init__(self, field: NumberField, value: int | None) -> None:
            super().__init__()
            self.field = field
            self.value = value

        @property
        def control(self) -> NumberField:
            """The field."""
            return self.field

    def __init__(
        self,
        title: str,
        *,
        kept: int | None,
        check: Callable[[str], int | None],
        placeholder: str = "",
        note: str = "",
        id: str | None = None,
    ) -> None:
        super().__init__(title, note=note, id=id)
        self._kept = kept
        self._check = check
        self._placeholder = placeholder

    def control(self) -> ComposeResult:
        """The number."""
        text = "" if self._kept is None else str(self._kept)
        yield Input(text, placeholder=self._placeholder, compact=True)

    def keep(self, value: int | None) -> None:
        """This value is saved now."""
        self._kept = value

    def revert(self) -> bool:
        """Show what is saved. False when it was shown."""
        text = "" if self._kept is None else str(self._kept)
        line = self.query_one(Input)
        moved = line.value != text
        line.value = text
        self.mistake = ""
        return moved

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._value(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if self._value(event.value):
            self.post_message(self.Kept(self, self._check(event.value)))

    def _value(self, text: str) -> bool:
        try:
            self._check(text)
        except ValueError as error:
            self.mistake = str(error)
            return False
        self.mistake = ""
        return True
