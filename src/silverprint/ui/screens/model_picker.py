"""ModelPicker: choose a model out of all providers' by a few letters, or by its full name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from silverprint.core.provider import ModelInfo
from silverprint.core.recipe import ModelRef
from silverprint.core.text import one_line
from silverprint.ui.screens.dialog import Box, Dialog
from silverprint.ui.screens.finder import move_list
from silverprint.ui.screens.model_search import ask_services, problem_lines
from silverprint.ui.widgets.model_list import ModelList

if TYPE_CHECKING:
    from silverprint.studio import Studio


class ModelPicker(Dialog[ModelInfo]):
    """The answer is the chosen model. The line below the list says what the marked one was trained on."""

    def __init__(self, studio: Studio, current: ModelRef) -> None:
        super().__init__()
        self._studio = studio
        self._current = current

    def compose(self) -> ComposeResult:
        box = Box(classes="-tall")
        box.border_title = Content("Model")
        box.border_subtitle = Content("↑↓ move   enter take   esc close")
        with box:
            yield Input(placeholder="type to search", compact=True)
            yield ModelList()
            yield Static("", classes="note", markup=False)
            yield Static("", classes="quiet", markup=False)

    def on_mount(self) -> None:
        self.query_one(ModelList).can_focus = False
        self.query_one(Input).focus()
        self.run_worker(self._load(), group="load")

    async def _load(self) -> None:
        models = await self._studio.models()
        for lines in self.query(ModelList):  # none, when the dialog is being closed
            lines.show(models, first=self._current, providers=self._studio.provider_names())
        self._tell_problems()

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        self.query_one(ModelList).find(message.value)
        self.run_worker(self._ask(message.value), group="search", exclusive=True)

    async def _ask(self, query: str) -> None:
        for lines in self.query(ModelList):
            await ask_services(self._studio, lines, query)
        self._tell_problems()

    def _tell_problems(self) -> None:
        lines = problem_lines(self._studio.problems)
        for quiet in self.query(".quiet").results(Static):
            quiet.display = bool(lines)
            quiet.update(Content("\n").join(lines))

    @on(Input.Submitted)
    def _taken(self) -> None:
        self.dismiss(self.query_one(ModelList).current)

    @on(ModelList.Chosen)
    def _clicked(self, message: ModelList.Chosen) -> None:
        self.dismiss(message.info)

    @on(ModelList.Highlighted)
    def _highlighted(self, message: ModelList.Highlighted) -> None:
        self.query_one(".note", Static).update(Content(note_words(message.info)))

    def on_key(self, event: events.Key) -> None:
        for lines in self.query(ModelList):
            move_list(lines, event)


def note_words(info: ModelInfo | None) -> str:
    """What to know of a model, in a few lines."""
    if info is None:
        return "no model fits"
    lines = [str(info.ref), *(part for part in (info.note, info.licence) if part)]
    if info.missing:
        lines.append(
            f"{info.missing}; Settings (alt+5) takes one" if info.missing.endswith("key") else info.missing
        )
    return "\n".join(one_line(line, most=300) for line in lines)
