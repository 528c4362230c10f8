"""Fields: one line each, a parameter's name, its value to edit and its range; a wrong value says why below.

``FIELDS`` maps a parameter's kind to its widget. Every field posts ``Changed``; reading and checking a value is
core.params'.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input, Label, Select, Static

from silverprint.core.params import ParamKind, ParamSpec, parse, to_text
from silverprint.core.text import one_line


class ParamField(Vertical):
    """A field for ``spec``. ``value`` is the parameter's value, None for the model's own default."""

    DEFAULT_CSS = """
    ParamField { height: auto; }
    ParamField > .row { height: 1; }
    ParamField .hint { width: auto; color: $text-disabled; margin-left: 1; }
    ParamField .label { text-wrap: nowrap; text-overflow: ellipsis; }
    ParamField > .reason { color: $error; display: none; padding-left: 10; height: auto; }
    ParamField.-wrong > .reason { display: block; }
    ParamField.-wrong .label { color: $error; }
    """

    class Changed(Message):
        """The person changed the value; ``reason`` says why it can't be used, if so."""

        def __init__(self, name: str, value: Any, reason: str = "") -> None:
            super().__init__()
            self.name = name
            self.value = value
            self.reason = reason

    reason: reactive[str] = reactive("")

    def __init__(self, spec: ParamSpec, value: Any = None) -> None:
        super().__init__()
        self.spec = spec
        self.start = value
        self.label_width: int | None = None
        self.tooltip = Content(one_line(spec.help, most=300)) if spec.help else None

    def compose(self) -> ComposeResult:
        with Horizontal(classes="row"):
            label = Label(Content(one_line(self.spec.label, most=40)), classes="label")
            if self.label_width is not None:  # the labels of a form stand in one column
                label.styles.width = self.label_width
                label.styles.padding = (0, 1, 0, 0)
            yield label
            yield self.control()
            if hint := self.hint():
                yield Label(Content(hint), classes="hint")
        reason = Static("", classes="reason", markup=False)
        if self.label_width is not None:
            reason.styles.padding = (0, 0, 0, self.label_width)
        yield reason

    def on_mount(self) -> None:
        """The reason that was set before there was a line for it."""
        self.watch_reason(self.reason)

    def control(self) -> Widget:
        """The widget that edits the value."""
        raise NotImplementedError

    def hint(self) -> str:
        """A short word on what may be put in."""
        spec = self.spec
        if spec.low is not None and spec.high is not None and spec.kind is not ParamKind.SIZE:
            return f"{spec.low:g}–{spec.high:g}"
        return ""

    def watch_reason(self, reason: str) -> None:
        self.set_class(bool(reason), "-wrong")
        for line in self.query(".reason").results(Static):
            line.update(Content(one_line(reason)))

    def tell(self, value: Any, reason: str = "") -> None:
        """Show the reason, and post the change."""
        self.reason = reason
        self.post_message(self.Changed(self.spec.name, value, reason))


class TextField(ParamField):
    """Numbers, texts, sizes and raw JSON: typed, and read by core.params."""

    def control(self) -> Input:
        value = self.spec.default if self.start is None else self.start
        self._text = to_text(self.spec, value)
        return Input(
            self._text,
            compact=True,
            select_on_focus=self.spec.kind in (ParamKind.INTEGER, ParamKind.NUMBER, ParamKind.SIZE),
            placeholder="" if self.spec.default is None else to_text(self.spec, self.spec.default),
        )

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        message.stop()
        if message.value == self._text:
            return  # what it began with is no change
        self._text = message.value
        if not message.value.strip() and not self.spec.required:
            self.tell(None)
            return
        try:
            self.tell(parse(self.spec, message.value))
        except ValueError as error:
            self.tell(None, str(error))

    @on(Input.Submitted)
    def _entered(self, message: Input.Submitted) -> None:
        message.stop()


class NumberField(TextField):
    """A number: up and down change it by its step."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(1)", "More", show=False),
        Binding("down", "step(-1)", "Less", show=False),
    ]

    def action_step(self, by: int) -> None:
        spec = self.spec
        field = self.query_one(Input)
        step = spec.step or (1 if spec.kind is ParamKind.INTEGER else 0.1)
        try:
            value = parse(spec, field.value)
        except ValueError:
            value = spec.default if spec.default is not None else spec.low or 0
        value = round(value + by * step, 6)
        if spec.low is not None:
            value = max(value, spec.low)
        if spec.high is not None:
            value = min(value, spec.high)
        field.value = to_text(spec, int(value) if spec.kind is ParamKind.INTEGER else value)


class ChoiceField(ParamField):
    """One of some values: enter opens the list."""

    DEFAULT_CSS = """
    ChoiceField Select { width: 1fr; }
    """

    def control(self) -> Widget:
        value = self.spec.default if self.start is None else self.start
        titles = [one_line(choice.title or str(choice.value), most=60) for choice in self.spec.choices]
        if len(titles) == 1 and value == self.spec.choices[0].value:
            return Label(Content(titles[0]))
        self._values = [choice.value for choice in self.spec.choices]
        at = next((place for place, known in enumerate(self._values) if known == value), None)
        self._at = at
        return Select(
            [(Content(title), place) for place, title in enumerate(titles)],
            value=Select.NULL if at is None else at,
            allow_blank=not self.spec.required or at is None,
            prompt="the model's own",
            compact=True,
        )

    @on(Select.Changed)
    def _chosen(self, message: Select.Changed) -> None:
        message.stop()
        at = message.value if isinstance(message.value, int) else None
        if at != self._at:
            self._at = at
            self.tell(None if at is None else self._values[at])


class SwitchField(ParamField):
    """On or off: space or enter turns it."""

    def control(self) -> Widget:
        value = self.spec.default if self.start is None else self.start
        return Switch(bool(value))

    def on_switch_turned(self, message: Switch.Turned) -> None:
        message.stop()
        self.tell(message.on)


class Switch(Static, can_focus=True):
    """A switch in one line of text."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,enter", "turn", "Turn", show=False)]
    DEFAULT_CSS = """
    Switch { width: auto; }
    Switch:focus { text-style: reverse; }
    """

    class Turned(Message):
        """It is ``on`` now, or not."""

        def __init__(self, on: bool) -> None:
            super().__init__()
            self.on = on

    on: reactive[bool] = reactive(False)

    def __init__(self, on: bool) -> None:
        super().__init__(markup=False)
        self.set_reactive(Switch.on, on)

    def render(self) -> Content:
        return Content("● on" if self.on else "○ off")

    def action_turn(self) -> None:
        self.on = not self.on
        self.post_message(self.Turned(self.on))

    def on_click(self) -> None:
        self.action_turn()


class SizeField(TextField):
    """A size, typed as 1024x768; where the model also names some, up and down go through them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "turn(-1)", "The size before", show=False),
        Binding("down", "turn(1)", "The next size", show=False),
    ]

    def hint(self) -> str:
        """That there are some to go through."""
        return f"↑↓ {len(self.spec.choices)}" if self.spec.choices else ""

    def action_turn(self, by: int) -> None:
        """Another of the sizes that the model names."""
        values = [str(choice.value) for choice in self.spec.choices]
        field = self.query_one(Input)
        if not values:
            return
        here = values.index(field.value) if field.value in values else (-1 if by > 0 else 0)
        field.value = values[(here + by) % len(values)]


class JsonField(TextField):
    """Raw JSON: a line of it here, and enter opens it whole."""

    class OpenWanted(Message):
        """Edit the JSON of ``field`` in a place with more room."""

        def __init__(self, field: JsonField) -> None:
            super().__init__()
            self.field = field

    def hint(self) -> str:
        """What it must be, and how to see it whole."""
        return f"{self.spec.holds or 'JSON'} · enter opens"

    @property
    def text(self) -> str:
        """The JSON as it is typed."""
        return self.query_one(Input).value

    def put(self, text: str) -> None:
        """Take what was edited elsewhere."""
        self.query_one(Input).value = text

    @on(Input.Submitted)
    def _open(self, message: Input.Submitted) -> None:
        message.stop()
        self.post_message(self.OpenWanted(self))


def _size(spec: ParamSpec, value: Any) -> ParamField:
    return ChoiceField(spec, value) if spec.choices and spec.low is None else SizeField(spec, value)


FIELDS: Mapping[ParamKind, Any] = {
    ParamKind.INTEGER: NumberField,
    ParamKind.NUMBER: NumberField,
    ParamKind.CHOICE: ChoiceField,
    ParamKind.SWITCH: SwitchField,
    ParamKind.TEXT: TextField,
    ParamKind.SIZE: _size,
    ParamKind.JSON: JsonField,
}


def field_for(spec: ParamSpec, value: Any = None) -> ParamField:
    """The field for a parameter."""
    made: ParamField = FIELDS[spec.kind](spec, value)
    return made
