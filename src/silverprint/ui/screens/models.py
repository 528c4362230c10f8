"""ModelsScreen: every model of every provider, what it can do and costs, and the parameters of the marked one."""

from __future__ import annotations

import asyncio
from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from silverprint.core.errors import SilverprintError
from silverprint.core.params import Form, ParamKind, ParamSpec, to_text
from silverprint.core.provider import ModelInfo
from silverprint.core.text import clean, one_line
from silverprint.ui.actions import Where, bindings
from silverprint.ui.screens.base import StudioScreen
from silverprint.ui.screens.model_search import PAUSE_S, ask_services, list_all, problem_lines
from silverprint.ui.widgets.cells import fit
from silverprint.ui.widgets.model_list import ModelList, price_words, role_words

if TYPE_CHECKING:
    from collections.abc import Mapping


_LABEL = 10
_PARAM = 20


class TakeModel(Message):
    """Take the model to the Studio."""

    def __init__(self, info: ModelInfo) -> None:
        super().__init__()
        self.info = info


class ModelsScreen(StudioScreen):
    """The Models screen."""

    mode = "models"
    CSS_PATH = "models.tcss"
    AUTO_FOCUS = "ModelList"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.MODELS)]

    def body(self) -> ComposeResult:
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield Input(placeholder="/ search the models", compact=True, id="search")
                yield ModelList()
                yield Static("", id="problems", markup=False)
            with VerticalScroll(id="right", can_focus=False):
                yield Static("", id="facts", markup=False)

    async def opened(self) -> None:
        self.action_again()

    def on_screen_resume(self) -> None:
        """A key may have been added meanwhile."""
        if self._was_opened:
            self.beside(self._load, group="models", exclusive=True)

    def troubled(self, error: SilverprintError) -> None:
        self.query_one("#facts", Static).update(Content(clean(f"{error}\n\n{error.fix}")))

    def action_again(self) -> None:
        if self.studio.is_open:
            self.query_one("#problems", Static).update(Content("asking the providers…"))
            self.beside(self._load, group="models", exclusive=True)

    async def _load(self) -> None:
        await list_all(self.studio, self.query_one(ModelList))
        self._tell_problems()

    def _tell_problems(self) -> None:
        self.query_one("#problems", Static).update(Content("\n").join(problem_lines(self.studio.problems)))

    @on(Input.Changed, "#search")
    def _typed(self, message: Input.Changed) -> None:
        self.query_one(ModelList).find(message.value)
        self.beside(partial(self._ask, message.value), group="search", exclusive=True)

    async def _ask(self, query: str) -> None:
        await ask_services(self.studio, self.query_one(ModelList), query)
        self._tell_problems()

    @on(Input.Submitted, "#search")
    def _entered(self) -> None:
        self.query_one(ModelList).focus()

    @on(ModelList.Highlighted)
    def _highlighted(self, message: ModelList.Highlighted) -> None:
        self.beside(partial(self._describe, message.info), group="facts", exclusive=True)

    async def _describe(self, info: ModelInfo | None) -> None:
        facts = self.query_one("#facts", Static)
        if info is None:
            facts.update(Content("No model fits these letters."))
            return
        words = model_words(info, facts.size.width or 44)
        facts.update(words)
        # A cursor that runs through the list asks no service on its way.
        await asyncio.sleep(PAUSE_S)
        try:
            form = await self.studio.form(info.ref)
        except SilverprintError as error:
            facts.update(words + Content.styled(f"\n\n{clean(str(error))} {clean(error.fix)}", "$error"))
        else:
            facts.update(words + form_words(form, facts.size.width or 44))

    @on(ModelList.Chosen)
    def _chosen(self, message: ModelList.Chosen) -> None:
        self.post_message(TakeModel(message.info))

    def action_take(self) -> None:
        info = self.query_one(ModelList).current
        if info is not None:
            self.post_message(TakeModel(info))

    def action_find(self) -> None:
        self.query_one("#search").focus()

    def back(self) -> bool:
        search = self.query_one("#search", Input)
        if self.focused is search or search.value:
            search.value = ""
            self.query_one(ModelList).focus()
            return True
        return False


def model_words(info: ModelInfo, width: int) -> Content:
    """All that is known of a model, safe to show; long values are wrapped under themselves to ``width`` cells."""
    rows: Mapping[str, str] = {
        "name": one_line(str(info.ref)),
        "can do": role_words(info.roles),
        "price": f"{price_words(info.price)} a picture"
        if info.price and info.price.usd
        else price_words(info.price),
        "licence": one_line(info.licence, most=400),
        "needs": needs_words(info.missing),
    }
    words = Content.styled(one_line(info.title), "bold") + Content(
        f"\n\n{clean(info.note)}\n" if info.note else "\n"
    )
    for label, value in rows.items():
        if value:
            lines = wrap(value, max(20, width - _LABEL))
            words += Content.assemble(
                "\n", (f"{label:<{_LABEL}}", "$text-muted"), f"\n{'':<{_LABEL}}".join(lines)
            )
    if info.examples:
        words += Content.assemble("\n\n", ("try", "$text-muted"))
        words += Content("".join(f"\n  {one_line(text)}" for text in info.examples))
    return words


def needs_words(missing: str) -> str:
    """What a model lacks, and the key that goes where it can be put right."""
    words = one_line(missing, most=400).removeprefix("needs ")
    return f"{words}: press 5" if words.endswith("key") else words


def form_words(form: Form, width: int) -> Content:
    """What a model takes, a line for each parameter; long ones are wrapped under themselves to ``width`` cells."""
    words = Content.assemble("\n\n", ("takes", "$text-muted"))
    inputs = [f"{source.role}{' (needed)' if source.required else ''}" for source in form.sources]
    if form.takes_negative:
        inputs.insert(0, "negative prompt")
    if form.takes_seed:
        inputs.insert(0, "seed")
    if form.takes_loras:
        inputs.append("LoRAs")
    if inputs:
        words += Content("\n  " + ", ".join(inputs))
    for spec in form.params:
        lines = wrap(param_words(spec), max(20, width - _PARAM)) or [""]
        words += Content(f"\n  {fit(one_line(spec.label), _PARAM - 3)} " + f"\n{'':<{_PARAM}}".join(lines))
    return words


def param_words(spec: ParamSpec) -> str:
    """A parameter's range or choices, and its default."""
    if spec.choices:
        words = ", ".join(one_line(str(choice.value), most=40) for choice in spec.choices[:12])
    elif spec.low is not None and spec.high is not None and spec.kind is not ParamKind.SIZE:
        words = f"{spec.low:g} to {spec.high:g}"
    else:
        words = spec.kind.value
    default = "" if spec.default is None else one_line(to_text(spec, spec.default), most=60)
    return words if default in ("", words) else f"{words}; as it comes {default}"
