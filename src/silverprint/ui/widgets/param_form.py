"""ParamForm: the fields of a model's parameters, the few that matter first, the rest under *More*.

It is made from a core.params.Form and posts each change; it never changes a value itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from silverprint.core.params import Form
from silverprint.core.text import one_line
from silverprint.ui.widgets.param_fields import ParamField, field_for

_LABEL_LEAST, _LABEL_MOST = 10, 20
_AT_ONCE = 6


class More(Static, can_focus=True):
    """The line that opens and closes the rest."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,enter", "turn", "Open or close", show=False)]
    DEFAULT_CSS = """
    More { height: 1; width: 1fr; color: $text-muted; }
    More:focus { color: $accent; text-style: bold; }
    """

    class Turned(Message):
        """Open what is closed, close what is open."""

    def action_turn(self) -> None:
        self.post_message(self.Turned())

    def on_click(self) -> None:
        self.action_turn()


class ParamForm(Vertical):
    """Set with ``show``. ``reasons`` holds why a parameter can't be used, by name: what was typed wrong here, and
    what ``mark`` was told."""

    DEFAULT_CSS = """
    ParamForm { height: auto; }
    ParamForm > #main, ParamForm > #more { height: auto; }
    ParamForm > #more { display: none; }
    ParamForm.-open > #more { display: block; }
    """

    class Changed(Message):
        """Parameter ``name`` is ``value`` now; None is the model's own default."""

        def __init__(self, name: str, value: Any) -> None:
            super().__init__()
            self.name = name
            self.value = value

    is_open: reactive[bool] = reactive(False, toggle_class="-open")

    def __init__(self) -> None:
        super().__init__()
        self.reasons: dict[str, str] = {}
        self._form = Form()
        self._values: dict[str, Any] = {}
        self._has_more = False

    def compose(self) -> ComposeResult:
        yield Vertical(id="main")
        yield More(markup=False)
        yield Vertical(id="more")

    def on_mount(self) -> None:
        self._say_more()

    async def show(self, form: Form, values: Mapping[str, Any]) -> None:
        """Show the fields of ``form`` with ``values``, each a parameter's value by its name."""
        self._form = form
        self._values = dict(values)
        self.reasons = {}
        await self._fill("main")
        await self.query_one("#more", Vertical).remove_children()
        self._has_more = False
        if self.is_open:
            await self._fill_more()
        self._say_more()

    async def _fill_more(self) -> None:
        if not self._has_more:
            self._has_more = True
            await self._fill("more")

    async def _fill(self, group: str) -> None:
        specs = [spec for spec in self._form.params if spec.group == group]
        width = min(max([cell_len(one_line(spec.label, most=40)) for spec in specs] + [0]) + 2, _LABEL_MOST)
        place = self.query_one(f"#{group}", Vertical)
        async with self.batch():
            await place.remove_children()
        form = self._form
        # A few at a time: a form of fifty fields must not keep a key waiting.
        for start in range(0, len(specs), _AT_ONCE):
            if form is not self._form:
                return
            fields = []
            for spec in specs[start : start + _AT_ONCE]:
                field = field_for(spec, self._values.get(spec.name))
                field.label_width = max(width, _LABEL_LEAST)
                field.set_reactive(ParamField.reason, self.reasons.get(spec.name, ""))
                fields.append(field)
            await place.mount_all(fields)

    def mark(self, fields: Mapping[str, str]) -> None:
        """Mark the fields that a recipe was refused for, and open *More* where one is in it."""
        for spec in self._form.params:
            if spec.name in fields:
                self.reasons[spec.name] = fields[spec.name]
                if spec.group == "more":
                    self.is_open = True
        for field in self.query(ParamField):
            if field.spec.name in fields:
                field.reason = fields[field.spec.name]

    def watch_is_open(self) -> None:
        self._say_more()
        if self.is_open and not self._has_more and self.is_mounted:
            # Most people never open it, and fifty fields take a while to put up.
            self.run_worker(self._fill_more(), group="more", exclusive=True)

    def _say_more(self) -> None:
        number = sum(spec.group == "more" for spec in self._form.params)
        for line in self.query(More):
            line.display = number > 0
            line.update(Content(f"{'▾' if self.is_open else '▸'} More ({number})"))

    @on(More.Turned)
    def _turned(self, message: More.Turned) -> None:
        message.stop()
        self.is_open = not self.is_open

    @on(ParamField.Changed)
    def _changed(self, message: ParamField.Changed) -> None:
        message.stop()
        if message.reason:
            self.reasons[message.name] = message.reason
        else:
            self.reasons.pop(message.name, None)
        self._values[message.name] = message.value
        self.post_message(self.Changed(message.name, message.value))
