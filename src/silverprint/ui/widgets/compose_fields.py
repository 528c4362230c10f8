"""The Studio's own fields beside the model's: which model, how many, and the word that sends it."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Label, Static

from silverprint.core.params import ParamKind, ParamSpec
from silverprint.ui.widgets.param_fields import NumberField

MOST = 100


class Choose(Static, can_focus=True):
    """A line that opens a list: enter, space or a click."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,enter", "press", "Choose", show=False)]
    DEFAULT_CSS = """
    Choose { width: 1fr; height: 1; background: $surface; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    Choose:focus { background: $block-cursor-background; color: $block-cursor-foreground; }
    """

    class Pressed(Message):
        """It was pressed."""

    def action_press(self) -> None:
        self.post_message(self.Pressed())

    def on_click(self) -> None:
        self.action_press()


class ModelLine(Vertical):
    """Values in: ``title`` and ``note`` (what the model was trained on, or why it can't be had)."""

    DEFAULT_CSS = """
    ModelLine { height: auto; }
    ModelLine > .row { height: 1; }
    ModelLine > .note { height: auto; max-height: 3; color: $text-muted; padding-left: 10; }
    """

    class Pressed(Message):
        """Choose another model."""

    title: reactive[str] = reactive("")
    note: reactive[str] = reactive("")

    def __init__(self, *, title: str, note: str = "") -> None:
        super().__init__()
        self.set_reactive(ModelLine.title, title)
        self.set_reactive(ModelLine.note, note)

    def compose(self) -> ComposeResult:
        with Horizontal(classes="row"):
            yield Label("Model", classes="label")
            yield Choose(Content(f"▾ {self.title}"), markup=False)
        yield Static("", classes="note", markup=False)

    def on_mount(self) -> None:
        self.watch_note(self.note)

    def watch_title(self, title: str) -> None:
        for line in self.query(Choose):
            line.update(Content(f"▾ {title}"))

    def watch_note(self, note: str) -> None:
        for line in self.query(".note").results(Static):
            line.update(Content(note))
            line.display = bool(note)

    @on(Choose.Pressed)
    def _pressed(self, message: Choose.Pressed) -> None:
        message.stop()
        self.post_message(self.Pressed())


class CountField(NumberField):
    """How many pictures one press makes."""

    class Changed(NumberField.Changed):
        """The count was changed; ``value`` is None while it can't be used."""

    def __init__(self, count: int) -> None:
        super().__init__(
            ParamSpec(
                name="count",
                kind=ParamKind.INTEGER,
                default=1,
                low=1,
                high=MOST,
                required=True,
                title="Count",
            ),
            count,
        )

    def tell(self, value: Any, reason: str = "") -> None:
        self.reason = reason
        self.post_message(self.Changed("count", value, reason))


class DevelopButton(Static, can_focus=True):
    """Says how many pictures it makes, at what price, or why it can't."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,enter", "press", "Develop", show=False)]
    DEFAULT_CSS = """
    DevelopButton {
        height: 1; width: 1fr; content-align: center middle; text-align: center;
        color: $accent; text-style: bold; text-wrap: nowrap; text-overflow: ellipsis;
        &.-off { color: $text-muted; text-style: none; }
        &:focus { text-style: bold reverse; }
    }
    """

    class Pressed(Message):
        """Develop."""

    def __init__(self) -> None:
        super().__init__(markup=False)

    def say(self, number: int, cost: str, why_not: str) -> None:
        """``number`` requests that cost ``cost`` together, or ``why_not`` when it can't be."""
        self.set_class(bool(why_not), "-off")
        if why_not:
            self.update(Content(f"Develop: {why_not}"))
            return
        words = ["Develop" if number == 1 else f"Develop {number}"]
        if cost:
            words.append(cost)
        self.update(Content(f"[ {' · '.join(words)} ]"))

    def action_press(self) -> None:
        self.post_message(self.Pressed())

    def on_click(self) -> None:
        self.action_press()
