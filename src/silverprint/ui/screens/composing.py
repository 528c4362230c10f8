"""Composing: the Studio's left side: prompt, model, seed, parameters and inputs, and the word that sends them.

The draft is the one truth of it. What a draft means as a recipe is ui.composition's; what happens to what was
sent is the screen's below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static, TextArea

from silverprint.core.errors import BadRecipe, SilverprintError
from silverprint.core.job import Job
from silverprint.core.params import Form
from silverprint.core.picture import Picture
from silverprint.core.provider import ModelInfo, Warmable
from silverprint.core.recipe import ModelRef
from silverprint.core.seeds import SeedMode, Spread, next_seed
from silverprint.core.text import clean, one_line
from silverprint.ui import composition
from silverprint.ui.draft_keeper import DraftKeeper
from silverprint.ui.editor import EditorMissing, edit_text
from silverprint.ui.prompt_check import check_prompt
from silverprint.ui.screens.base import News
from silverprint.ui.screens.inputs_part import InputsPart, missing_words
from silverprint.ui.screens.picture_actions import Part
from silverprint.ui.settled import settled
from silverprint.ui.spend_words import cost_words
from silverprint.ui.widgets.compose_fields import CountField, DevelopButton, ModelLine
from silverprint.ui.widgets.lora_list import LoraList
from silverprint.ui.widgets.param_fields import JsonField
from silverprint.ui.widgets.param_form import ParamForm
from silverprint.ui.widgets.prompt_editor import PromptEditor
from silverprint.ui.widgets.seed_field import SeedField
from silverprint.ui.widgets.source_list import SourceList

if TYPE_CHECKING:
    from silverprint.settings.draft import Draft
    from silverprint.studio import Studio


_INPUTS = ("image", "mask", "reference", "control")
_PRICE_PAUSE_S = 0.25


class Composing(InputsPart):
    """Half of the Studio screen: ``left`` composes it; ``sent`` hears the jobs that a press made."""

    def __init__(self, studio: Studio, news: News, *, draft: Draft) -> None:
        super().__init__(studio, news, draft=draft)
        self.is_loading = True
        self.wants_develop = False
        self.previewing: set[str] = set()
        self._mistake = ""
        self._combinations = 0
        self._keeper = DraftKeeper(studio.paths.draft, failed=self.say_error)

    def left(self) -> ComposeResult:
        """The widgets of the left side."""
        draft = self.draft
        with Vertical(id="prompt-box"):
            yield PromptEditor(draft.prompt, placeholder="what the picture should show", id="prompt")
            yield Static("", id="prompt-words", markup=False)
        with Vertical(id="negative-box"):
            yield PromptEditor(draft.negative, placeholder="what it should not show", id="negative")
        with VerticalScroll(id="form", can_focus=False):
            look = draft.screen
            yield ModelLine(title=str(look.get("title", "")) or str(self.ref), note=str(look.get("note", "")))
            yield SeedField(seed=draft.seed, mode=draft.seed_mode)
            yield CountField(draft.count)
            yield ParamForm()
            yield SourceList()
            yield LoraList()
        yield DevelopButton()

    def on_mount(self) -> None:
        self.query_one("#prompt-box").border_title = Content("Prompt")
        self.query_one("#negative-box").border_title = Content("Negative")
        self.set_class(bool(self.draft.negative or self.draft.screen.get("negative")), "-negative")
        self.query_one(ParamForm).is_open = bool(self.draft.screen.get("more"))
        self._say_develop()
        self.beside(self._keeper.run, group="draft")
        if self.draft.note:
            self.notify(self.draft.note, severity="warning", markup=False)

    async def on_unmount(self) -> None:
        await self._keeper.flush()

    def begin(self) -> None:
        """The services are there: ask what the model takes, and look over the prompt."""
        self.beside(partial(self._load_model, self.ref), group="model", exclusive=True)
        self.beside(self._check_prompt, group="prompt", exclusive=True)

    def sent(self, jobs: Sequence[Job]) -> None:
        """These jobs were made of the draft and are on disk."""

    def form_changed(self) -> None:
        """Another model, or its form, is there now."""

    async def _load_model(self, ref: ModelRef) -> None:
        """Show what the model takes; where it can't be had, say why."""
        try:
            form = await self.studio.form(ref)
        except SilverprintError as error:
            self.form, self.is_loading, self.wants_develop = None, False, False
            self.query_one(ModelLine).note = " ".join(
                part for part in (clean(str(error)), clean(error.fix)) if part
            )
            self._say_develop()
            return
        models = await self.studio.models_of(ref.provider)
        info = next((info for info in models if info.ref == ref), None) or ModelInfo(ref=ref, title=ref.model)
        await self._take_form(ref, form, info)

    async def _take_form(self, ref: ModelRef, form: Form, info: ModelInfo) -> None:
        self.ref, self.form, self.info = ref, form, info
        provider = await self.studio.provider(ref.provider)
        if provider.info.previews:
            self.previewing.add(ref.provider)
        self._runs_here, self._price, self._is_priced = provider.info.local, None, False
        if isinstance(provider, Warmable):
            # What runs here is loaded while the prompt is typed, not when it is sent.
            self.beside(provider.warm, group="warm", exclusive=True)
        line = self.query_one(ModelLine)
        line.title = (
            one_line(info.title) if provider.info.local else one_line(f"{info.title} · {ref.provider}")
        )
        line.note = one_line(info.note, most=300)
        self.set_class(form.takes_negative, "-negative")
        seed = self.query_one(SeedField)
        seed.taken, seed.seed_max = form.takes_seed, form.seed_max
        look = {"title": line.title, "note": line.note, "negative": form.takes_negative}
        self._edit(model=str(ref), screen={**self.draft.screen, **look})
        await self._fill_form()
        self.form_changed()
        self.is_loading = False
        if self.wants_develop:
            self.wants_develop = False
            self.action_develop()

    async def _fill_form(self) -> None:
        """Put the draft's values into the fields."""
        if self.form is None:
            return
        seed = self.query_one(SeedField)
        seed.seed, seed.mode = self.draft.seed, self.draft.seed_mode
        await self.query_one(ParamForm).show(self.form, self.draft.params.get(str(self.ref), {}))
        await self.query_one(SourceList).show(self.form.sources, self.draft.sources)
        await self._fill_loras()
        self._say_develop()
        self._ask_price()

    # the draft

    def _edit(self, **changes: Any) -> None:
        self.draft = replace(self.draft, **changes)
        self._keeper.put(self.draft)

    @on(TextArea.Changed, "#prompt")
    def _prompt_typed(self, message: TextArea.Changed) -> None:
        self._edit(prompt=message.text_area.text)
        self.beside(self._check_prompt, group="prompt", exclusive=True)

    @on(TextArea.Changed, "#negative")
    def _negative_typed(self, message: TextArea.Changed) -> None:
        self._edit(negative=message.text_area.text)

    async def _check_prompt(self) -> None:
        """Say how many prompts the wildcards make, or where they are wrong."""
        found = await check_prompt(self.draft.prompt, self.studio.wildcards)
        editor = self.query_one("#prompt", PromptEditor)
        editor.mark(found.place)
        self._mistake, self._combinations = found.mistake, found.number
        words = self.query_one("#prompt-words", Static)
        words.set_class(bool(found.mistake), "-wrong")
        words.display = bool(found.mistake or found.number)
        if found.mistake:
            where = f"{editor.place_words(found.place)}: " if found.place else ""
            words.update(Content(where + found.mistake))
        elif found.number:
            now, other = ("all", "random") if self.draft.spread is Spread.ALL else ("random", "all")
            words.update(
                Content.assemble(
                    f"{found.number_words} prompts · {now}   ", ("alt+w", "$accent"), f" {other}"
                )
            )
        self._say_develop()

    @on(PromptEditor.SpreadTurned)
    def _spread_turned(self) -> None:
        self._edit(spread=Spread.RANDOM if self.draft.spread is Spread.ALL else Spread.ALL)
        self.beside(self._check_prompt, group="prompt", exclusive=True)

    @on(SeedField.Changed)
    def _seed_changed(self, message: SeedField.Changed) -> None:
        self._edit(seed=message.seed, seed_mode=message.mode)

    @on(CountField.Changed)
    def _count_changed(self, message: CountField.Changed) -> None:
        message.stop()
        if message.value is not None:
            self._edit(count=message.value)
        self._say_develop()

    @on(ParamForm.Changed)
    def _param_changed(self, message: ParamForm.Changed) -> None:
        self.draft = composition.with_param(self.draft, self.ref, message.name, message.value)
        self._keeper.put(self.draft)
        self._say_develop()
        self._ask_price()

    def _say_develop(self) -> None:
        number = self.draft.count
        if self.draft.spread is Spread.ALL and self._combinations:
            number *= self._combinations
        cost = cost_words(self._price, number, is_known=self._is_priced)
        self.query_one(DevelopButton).say(number, cost, self._why_not())

    def _why_not(self) -> str:
        """Why Develop can't send, in a few words; empty when it can."""
        if self.news.trouble is not None:
            return "the history is not open"
        if self.form is None:
            return "opening" if self.is_loading else "the model is not ready"
        if self.form.takes_prompt and not self.draft.prompt.strip() and not self.draft.sources:
            return "type what the picture should show"
        if role := composition.lacking(self.draft, self.form):
            return f"it needs {'an' if role == 'image' else 'a'} {role}"
        if self._mistake:
            return "the prompt has a mistake"
        if self.info is not None and self.info.missing:
            return missing_words(self.ref.provider, self.info.missing)
        wrong = [*self.query_one(ParamForm).reasons]
        if self.query_one(CountField).reason:
            wrong.append("count")
        if self.query_one(SeedField).reason:
            wrong.append("seed")
        return f"correct {', '.join(wrong)}" if wrong else ""

    # actions

    @on(DevelopButton.Pressed)
    def action_develop(self) -> None:
        self.beside(self._press_develop, group="develop")

    async def _press_develop(self) -> None:
        await settled(self)
        if self.info is not None and self.info.missing:
            await self._look_what_is_missing()
        if self.is_loading and self.news.trouble is None:
            self.wants_develop = True
            return
        reason = self._why_not()
        if reason or self.form is None:
            self.notify(f"Can't develop: {reason}.", severity="warning", markup=False)
            return
        await self._develop(self.draft, self.form)

    async def _develop(self, draft: Draft, form: Form) -> None:
        recipe = composition.recipe_of(draft, self.ref, form)
        try:
            jobs = await self.studio.develop(
                recipe, mode=draft.seed_mode, count=draft.count, spread=draft.spread
            )
        except BadRecipe as error:
            self._mark(error)
            return
        except SilverprintError as error:
            self.say_error(error)
            return
        self.query_one("#prompt", PromptEditor).sent(draft.prompt)
        self._move_seed([job.recipe.seed for job in jobs], draft, form)
        self.sent(jobs)

    def _move_seed(self, used: Sequence[int | None], draft: Draft, form: Form) -> None:
        """Show the seed that was used, or for the stepping lock the one that comes next."""
        first = used[0]
        if first is None or self.draft.seed != draft.seed:
            return
        seed = first
        if draft.seed_mode is SeedMode.RANDOM:
            seed = used[-1] or first
        elif draft.seed_mode is SeedMode.STEP:
            seed = next_seed(draft.seed_mode, first, len(used), seed_max=form.seed_max)
        self.query_one(SeedField).seed = seed
        self._edit(seed=seed)

    def _mark(self, error: BadRecipe) -> None:
        self.query_one(ParamForm).mark(error.fields)
        self.query_one(SeedField).reason = error.fields.get("seed", "")
        inputs = [f"{role}: {error.fields[role]}" for role in _INPUTS if role in error.fields]
        self.query_one(SourceList).complain("; ".join(inputs))
        self.say_error(error)

    def action_turn_seed_lock(self) -> None:
        self.query_one(SeedField).turn()

    @on(ModelLine.Pressed)
    def action_choose_model(self) -> None:
        from silverprint.ui.screens.model_picker import ModelPicker

        self.app.push_screen(ModelPicker(self.studio, self.ref), self.take_model)

    def take_model(self, info: ModelInfo | None) -> None:
        """Carry the draft to another model; None leaves it as it is."""
        if info is not None:
            # Until its form is here, Develop waits: the picture must not be paid for at the model before.
            self.is_loading = True
            if self.wants_develop:
                self.wants_develop = False
                words = "Nothing was sent: you chose another model before that one was ready."
                self.notify(words, severity="warning", markup=False)
            self.beside(partial(self._carry, info), group="model", exclusive=True)

    async def _carry(self, info: ModelInfo) -> None:
        try:
            form = await self.studio.form(info.ref)
        except SilverprintError as error:
            self.is_loading, self.wants_develop = False, False
            self.say_error(error)
            return
        self.draft, sentence = composition.with_model(self.draft, self.ref, info.ref, form)
        await self._take_form(info.ref, form, info)
        if sentence:
            self.notify(sentence, title=one_line(info.title), markup=False)

    def use(self, picture: Picture, part: Part) -> None:
        """Take a part of the picture's recipe."""
        self.beside(partial(self._use, picture, part), group="use")

    async def _use(self, picture: Picture, part: Part) -> None:
        match part:
            case "seed":
                self.draft = composition.with_seed_of(self.draft, picture)
            case "prompt":
                self.draft = composition.with_prompt_of(self.draft, picture)
            case "edit":
                if self.form is None or self.form.source("image") is None:
                    self.notify(
                        "This model takes no image; choose another (ctrl+o).",
                        severity="warning",
                        markup=False,
                    )
                    return
                self.draft = composition.with_image(self.draft, picture, self.form)
            case "all":
                self.draft = composition.with_all_of(self.draft, picture)
        self._keeper.put(self.draft)
        self.query_one("#prompt", PromptEditor).set_text(self.draft.prompt)
        self.query_one("#negative", PromptEditor).set_text(self.draft.negative)
        if picture.recipe.ref != self.ref and part == "all":
            await self._load_model(picture.recipe.ref)
        else:
            await self._fill_form()
        if part in ("prompt", "all", "edit"):
            self.query_one("#prompt").focus()

    @on(JsonField.OpenWanted)
    def _open_json(self, message: JsonField.OpenWanted) -> None:
        from silverprint.ui.screens.json_dialog import JsonDialog

        field = message.field

        def take(text: str | None) -> None:
            if text is not None and field.is_attached:
                field.put(text)

        self.app.push_screen(JsonDialog(field.spec, field.text), take)

    def action_turn_more(self) -> None:
        form = self.query_one(ParamForm)
        form.is_open = not form.is_open
        self._edit(screen={**self.draft.screen, "more": form.is_open})

    @on(PromptEditor.SearchWanted)
    def _search(self) -> None:
        self.beside(self._find_prompt, group="search", exclusive=True)

    async def _find_prompt(self) -> None:
        from silverprint.ui.screens.finder import Entry, FinderScreen

        if not self.studio.is_open:
            return
        prompts = await self.studio.library.prompts(limit=2_000)
        entries = [Entry(text=prompt, value=prompt) for prompt in prompts]
        found = await self.app.push_screen_wait(FinderScreen(entries, title="Earlier prompts"))
        if found is not None:
            self.query_one("#prompt", PromptEditor).set_text(found)

    @on(PromptEditor.EditorWanted)
    def _open_editor(self, message: PromptEditor.EditorWanted) -> None:
        editor = self.focused
        if not isinstance(editor, PromptEditor):
            return
        try:
            with self.app.suspend():
                text = edit_text(editor.text, self.studio.settings.editor)
        except EditorMissing as error:
            self.say_error(error)
        else:
            editor.set_text(text)
