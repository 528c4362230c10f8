"""LoraList: the LoRAs of a recipe as chips with their weights, and the line that adds one as ``name:weight``.

Values in, one message out: the whole list as it is to be. What a service makes of a name is its own business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Label, Static

from silverprint.core.params import ParamKind, ParamSpec, parse, to_text
from silverprint.core.recipe import LoraUse
from silverprint.core.text import one_line
from silverprint.ui.widgets.source_list import Press

WEIGHT = ParamSpec(name="weight", kind=ParamKind.NUMBER, default=1.0, low=-10, high=10, step=0.1)


def read_lora(text: str, weight: ParamSpec = WEIGHT) -> LoraUse:
    """A LoRA as it is typed: ``name``, ``name:0.8``, or a link with or without a weight behind it.

    Raises ValueError with the reason.
    """
    name, colon, last = text.strip().rpartition(":")
    start = weight.default if isinstance(weight.default, int | float) else 1.0
    try:
        number: float | None = float(last.replace(",", ".")) if colon and name else None
    except ValueError:
        number = None
    if number is None:
        # What stands behind the last colon is no number: then the colon is the name's own.
        name, number = text.strip(), float(start)
    else:
        number = float(parse(weight, last))
    if not name:
        raise ValueError("a name or a link, such as detail-tweaker:0.8")
    return LoraUse(name=name, weight=number)


class LoraChip(Horizontal):
    """One LoRA: its name, its weight, and the word that removes it."""

    DEFAULT_CSS = """
    LoraChip { height: 1; padding-left: 2; }
    LoraChip .name { width: 1fr; height: 1; color: $chip-text; text-wrap: nowrap; text-overflow: ellipsis; }
    LoraChip .word { width: auto; color: $text-disabled; margin: 0 1; }
    LoraChip Input { width: 8; }
    LoraChip.-wrong Input { color: $error; }
    LoraChip Press { margin: 0 0 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete,backspace", "remove", "Remove", show=False),
        Binding("up", "step(1)", "More", show=False),
        Binding("down", "step(-1)", "Less", show=False),
    ]

    class Weighed(Message):
        """The LoRA at this place is to have another weight."""

        def __init__(self, at: int, weight: float) -> None:
            super().__init__()
            self.at = at
            self.weight = weight

    class Removed(Message):
        """Remove the LoRA at this place."""

        def __init__(self, at: int) -> None:
            super().__init__()
            self.at = at

    def __init__(self, lora: LoraUse, at: int, weight: ParamSpec) -> None:
        super().__init__()
        self._lora = lora
        self._at = at
        self._weight = weight
        self._text = to_text(weight, lora.weight)

    def compose(self) -> ComposeResult:
        """Name, weight, remove."""
        name = one_line(self._lora.name, most=200)
        label = Label(Content(f"◆ {name}"), classes="name")
        label.tooltip = Content(name)
        yield label
        yield Label("at", classes="word")
        yield Input(self._text, compact=True, select_on_focus=True)
        yield Press("✕", "remove")

    def action_remove(self) -> None:
        """Remove it, unless the key belongs to the weight that is being typed."""
        if not isinstance(self.screen.focused, Input):
            self.post_message(self.Removed(self._at))

    def action_step(self, by: int) -> None:
        """A little more or less."""
        step = self._weight.step or 0.1
        value = round(self._lora.weight + by * step, 4)
        low, high = self._weight.low, self._weight.high
        value = max(value, low) if low is not None else value
        value = min(value, high) if high is not None else value
        self.query_one(Input).value = to_text(self._weight, value)

    @on(Press.Pressed)
    def _pressed(self, message: Press.Pressed) -> None:
        message.stop()
        self.post_message(self.Removed(self._at))

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        message.stop()
        if message.value == self._text:
            return  # what it began with is no change
        self._text = message.value
        try:
            value = float(parse(self._weight, message.value))
        except ValueError as error:
            self.add_class("-wrong")
            self.tooltip = Content(str(error))
            return
        self.remove_class("-wrong")
        self.tooltip = None
        self._lora = replace(self._lora, weight=value)
        self.post_message(self.Weighed(self._at, value))

    @on(Input.Submitted)
    def _entered(self, message: Input.Submitted) -> None:
        message.stop()


class LoraList(Vertical):
    """Set with ``show``; each change is posted as ``Changed`` with all LoRAs there are to be."""

    DEFAULT_CSS = """
    LoraList { height: auto; display: none; }
    LoraList > #lora-adders { height: 1; }
    LoraList > #lora-chips { height: auto; }
    LoraList > #lora-name { display: none; margin-left: 2; }
    LoraList > .reason { color: $error; display: none; padding-left: 2; height: auto; }
    LoraList > .reason.-shown { display: block; }
    """

    class Changed(Message):
        """The LoRAs are to be ``loras``."""

        def __init__(self, loras: tuple[LoraUse, ...]) -> None:
            super().__init__()
            self.loras = loras

    def __init__(self) -> None:
        super().__init__()
        self._loras: tuple[LoraUse, ...] = ()
        self._weight = WEIGHT

    def compose(self) -> ComposeResult:
        """The word that adds, the line to type in, the chips."""
        with Horizontal(id="lora-adders"):
            yield Label("LoRA", classes="label")
            yield Press("+ LoRA", "lora")
        yield Input(id="lora-name", compact=True, placeholder="name:0.8 or a link; enter takes it")
        yield Static("", classes="reason", markup=False)
        yield Vertical(id="lora-chips")

    async def show(
        self,
        loras: Sequence[LoraUse],
        *,
        taken: bool,
        weight: ParamSpec | None = None,
        most: int | None = None,
    ) -> None:
        """Show the LoRAs there are; ``taken`` says whether the model takes any, ``most`` how many."""
        self.display = taken
        self._weight = weight or WEIGHT
        room = most is None or len(loras) < most
        for press in self.query_one("#lora-adders").query(Press):
            press.display = room
        if tuple(loras) == self._loras:
            return
        self._loras = tuple(loras)
        chips = self.query_one("#lora-chips", Vertical)
        async with self.batch():
            await chips.remove_children()
            await chips.mount_all(LoraChip(lora, at, self._weight) for at, lora in enumerate(self._loras))

    @property
    def is_asking(self) -> bool:
        """Whether the line to type in is open."""
        return bool(self.query_one("#lora-name", Input).display)

    def _close(self) -> None:
        line = self.query_one("#lora-name", Input)
        line.display = False
        line.value = ""
        self._complain("")

    def _complain(self, words: str) -> None:
        line = self.query_one(".reason", Static)
        line.update(Content(one_line(words)))
        line.set_class(bool(words), "-shown")

    @on(Press.Pressed)
    def _pressed(self, message: Press.Pressed) -> None:
        message.stop()
        line = self.query_one("#lora-name", Input)
        line.display = True
        line.focus()

    @on(Input.Submitted, "#lora-name")
    def _entered(self, message: Input.Submitted) -> None:
        message.stop()
        if not message.value.strip():
            self._close()
            return
        try:
            lora = read_lora(message.value, self._weight)
        except ValueError as error:
            self._complain(str(error))
            return
        self._close()
        self._press_again()
        self.post_message(self.Changed((*self._loras, lora)))

    @on(LoraChip.Weighed)
    def _weighed(self, message: LoraChip.Weighed) -> None:
        message.stop()
        changed = list(self._loras)
        changed[message.at] = replace(changed[message.at], weight=message.weight)
        # Known already, so that the chip that is being typed in stays as it is.
        self._loras = tuple(changed)
        self.post_message(self.Changed(self._loras))

    @on(LoraChip.Removed)
    def _removed(self, message: LoraChip.Removed) -> None:
        message.stop()
        self.post_message(
            self.Changed(tuple(lora for at, lora in enumerate(self._loras) if at != message.at))
        )
        self._press_again()

    def _press_again(self) -> None:
        for press in self.query_one("#lora-adders").query(Press):
            press.focus()

    def on_key(self, event: events.Key) -> None:
        """Escape puts the line away."""
        if event.key == "escape" and self.is_asking:
            event.stop()
            self._close()
            self._press_again()
