"""StudioPage: the loop on one screen: compose on the left, the picture and the filmstrip on the right.

It hands values to its widgets and calls the studio. What a draft means as a recipe is ui.composition's, which
frame is on view is ui.frames'.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static, TextArea

from silverprint.core.errors import BadRecipe, LibraryDamaged, SilverprintError, UsageError
from silverprint.core.events import Event, JobProgress, LibraryChanged, QueuePaused
from silverprint.core.expand import Spread
from silverprint.core.job import JobState
from silverprint.core.params import Form
from silverprint.core.picture import Picture
from silverprint.core.provider import ModelInfo
from silverprint.core.recipe import ModelRef, Source
from silverprint.core.seeds import SeedMode, next_seed
from silverprint.core.text import clean, one_line
from silverprint.core.wildcards import count as combinations
from silverprint.core.wildcards import has_wildcards
from silverprint.ui import composition
from silverprint.ui.actions import Where, bindings
from silverprint.ui.draft_keeper import DraftKeeper
from silverprint.ui.editor import EditorMissing, edit_text
from silverprint.ui.frames import Frame, Roll
from silverprint.ui.path_text import path_of
from silverprint.ui.screens.base import News
from silverprint.ui.screens.picture_actions import Part, PictureActions
from silverprint.ui.terminal import TerminalInfo
from silverprint.ui.widgets.compose_fields import CountField, DevelopButton, ModelLine
from silverprint.ui.widgets.filmstrip import Filmstrip
from silverprint.ui.widgets.info_line import InfoLine
from silverprint.ui.widgets.job_line import JobLine
from silverprint.ui.widgets.param_form import ParamForm
from silverprint.ui.widgets.picture import PictureView
from silverprint.ui.widgets.prompt_editor import PromptEditor
from silverprint.ui.widgets.seed_field import SeedField
from silverprint.ui.widgets.source_list import SourceList

if TYPE_CHECKING:
    from silverprint.settings.draft import Draft
    from silverprint.studio import Studio

_RECENT = 60
_PAUSE_S = 0.12
_MOST_COMBINATIONS = 10_000


class RebuildWanted(Message):
    """Rebuild the damaged history."""


class StudioPage(PictureActions):
    """The Studio screen. ``draft`` is what stands on its left side, and the one truth of it."""

    mode = "studio"
    CSS_PATH = "studio.tcss"
    AUTO_FOCUS = "#prompt"
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-short"), (30, "-tall")]  # type: ignore[misc]
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.STUDIO)]

    def __init__(self, studio: Studio, news: News, *, draft: Draft, terminal: TerminalInfo) -> None:
        super().__init__(studio, news)
        self.draft = draft
        self.terminal = terminal
        self.form: Form | None = None
        self.info: ModelInfo | None = None
        self.roll = Roll()
        self._ref = composition.reference(draft, studio.settings.default_model)
        self._mistake = ""
        self._combinations = 0
        self._keeper = DraftKeeper(studio.paths.draft, failed=self._say_error)

    def body(self) -> ComposeResult:
        draft = self.draft
        with Horizontal(id="columns"):
            with Vertical(id="compose"):
                with Vertical(id="prompt-box"):
                    yield PromptEditor(draft.prompt, placeholder="what the picture should show", id="prompt")
                    yield Static("", id="prompt-words", markup=False)
                with Vertical(id="negative-box"):
                    yield PromptEditor(draft.negative, placeholder="what it should not show", id="negative")
                with VerticalScroll(id="form", can_focus=False):
                    yield ModelLine(title=str(draft.screen.get("title", "")) or str(self._ref))
                    yield SeedField(seed=draft.seed, mode=draft.seed_mode)
                    yield CountField(draft.count)
                    yield ParamForm()
                    yield SourceList()
                yield DevelopButton()
            with Vertical(id="light"):
                with Container(id="stage"):
                    yield PictureView(placeholder="")
                yield InfoLine()
                with Container(id="strip-box"):
                    yield Filmstrip()
        yield JobLine()

    def on_mount(self) -> None:
        self.query_one("#prompt-box").border_title = Content("Prompt")
        self.query_one("#negative-box").border_title = Content("Negative")
        self.query_one("#strip-box").border_title = Content("Filmstrip")
        self.query_one("#negative-box").display = bool(self.draft.negative)
        self.query_one(ParamForm).is_open = bool(self.draft.screen.get("more"))
        self._turn_to("form" if self.draft.screen.get("side") == "form" else "picture")
        self._say_develop()
        self.run_worker(self._keeper.run(), group="draft")
        if self.draft.note:
            self.notify(self.draft.note, severity="warning", markup=False)

    async def on_unmount(self) -> None:
        await self._keeper.flush()

    # start

    async def opened(self) -> None:
        from silverprint.ui.pixels.painter import painter_of
        from silverprint.ui.screens.grid_thumbs import GridThumbs

        strip = self.query_one(Filmstrip)
        strip.thumbs = GridThumbs(self.studio, painter_of(self.app), lambda _ids: strip.ready())
        self.run_worker(self._load_model(self._ref), group="model", exclusive=True)
        newest = await self.studio.library.page(limit=_RECENT)
        self.roll.start(newest[::-1], self.studio.queue.jobs(), self.draft.picture)
        self._show()
        self.query_one("#prompt", PromptEditor).set_earlier(await self.studio.library.prompts())

    def troubled(self, error: SilverprintError) -> None:
        words = [clean(str(error)), clean(error.fix)]
        if isinstance(error, LibraryDamaged):
            words.append("Press ctrl+b to rebuild it now.")
        self.say("\n\n".join(words))
        self._say_develop()
        self.refresh_bindings()

    def say(self, words: str) -> None:
        """Show words in the place of the picture."""
        view = self.query_one(PictureView)
        view.image, view.placeholder = None, words

    async def _load_model(self, ref: ModelRef) -> None:
        """Show what the model takes; where it can't be had, say why."""
        try:
            provider = await self.studio.provider(ref.provider)
            form = await provider.form(ref)
            models = await provider.models()
        except SilverprintError as error:
            self.form = None
            self.query_one(ModelLine).note = " ".join(
                part for part in (clean(str(error)), clean(error.fix)) if part
            )
            self._say_develop()
            return
        info = next((info for info in models if info.ref == ref), None) or ModelInfo(ref=ref, title=ref.model)
        await self._take_form(ref, form, info)

    async def _take_form(self, ref: ModelRef, form: Form, info: ModelInfo) -> None:
        self._ref, self.form, self.info = ref, form, info
        line = self.query_one(ModelLine)
        line.title = one_line(info.title)
        line.note = one_line(info.note, most=300)
        self.query_one("#negative-box").display = form.takes_negative
        seed = self.query_one(SeedField)
        seed.taken, seed.seed_max = form.takes_seed, form.seed_max
        self._edit(model=str(ref), screen={**self.draft.screen, "title": line.title})
        await self._fill_form()
        self._show()

    async def _fill_form(self) -> None:
        """Put the draft's values into the fields."""
        if self.form is None:
            return
        seed = self.query_one(SeedField)
        seed.seed, seed.mode = self.draft.seed, self.draft.seed_mode
        await self.query_one(ParamForm).show(self.form, self.draft.params.get(str(self._ref), {}))
        await self.query_one(SourceList).show(self.form.sources, self.draft.sources)
        self._say_develop()

    # news

    def hear(self, event: Event) -> None:
        if isinstance(event, QueuePaused):
            self.query_one(JobLine).paused = self.studio.queue.paused
        elif isinstance(event, LibraryChanged):
            self.run_worker(self._look_again(), group="library", exclusive=True)
        elif self.roll.hear(event):
            self._show()

    async def _look_again(self) -> None:
        newest = await self.studio.library.page(limit=_RECENT)
        chosen = self.roll.chosen
        self.roll.start(newest[::-1], self.studio.queue.jobs(), chosen.key if chosen else None)
        self._show()

    def hear_progress(self, news: Sequence[JobProgress]) -> None:
        if any([self.roll.move(item.job_id, item.update) for item in news]):
            self._show()

    def _show(self) -> None:
        """Hand the roll's state to the widgets."""
        frame = self.roll.chosen
        self.query_one(Filmstrip).show(self.roll.frames, frame.key if frame else None)
        self.query_one(InfoLine).frame = frame
        line = self.query_one(JobLine)
        line.jobs = tuple(job for job in self.studio.queue.jobs() if not job.state.is_final)
        line.progress = frame.progress if frame else None
        self._show_picture(frame)
        if frame is not None and frame.picture is not None and frame.picture.id != self.draft.picture:
            self._edit(picture=frame.picture.id)
        self.refresh_bindings()

    def _show_picture(self, frame: Frame | None) -> None:
        view = self.query_one(PictureView)
        self.query_one("#stage").border_title = Content(self._stage_title(frame))
        if frame is None:
            view.image, view.placeholder = None, self._lesson()
        elif frame.picture is not None:
            view.image = self.studio.path(frame.picture)
        elif frame.preview is not None:
            view.image = frame.preview
        elif frame.job is not None and frame.job.state in (JobState.FAILED, JobState.UNSURE):
            view.image, view.placeholder = (
                None,
                f"{frame.job.state.value}\n\nwhy, and what to do, stands below",
            )
        elif not self.roll.follows:
            view.image, view.placeholder = None, "waiting for its turn"

    def _stage_title(self, frame: Frame | None) -> str:
        if frame is None:
            return ""
        recipe = frame.picture.recipe if frame.picture else frame.job.recipe if frame.job else None
        batch = [other.key for other in self.roll.frames if other.batch == frame.batch]
        where = f" · {batch.index(frame.key) + 1} of {len(batch)}" if len(batch) > 1 else ""
        return (one_line(recipe.prompt, most=60) if recipe else "") + where

    def _lesson(self) -> str:
        words = ["No picture yet.", "Type what it should show, then press ctrl+g."]
        if self.info is not None and self.info.examples:
            words.append(
                "This model can draw: " + ", ".join(one_line(text) for text in self.info.examples[:3])
            )
        return "\n".join(words)

    # the draft

    def _edit(self, **changes: Any) -> None:
        self.draft = replace(self.draft, **changes)
        self._keeper.put(self.draft)

    @on(TextArea.Changed, "#prompt")
    def _prompt_typed(self, message: TextArea.Changed) -> None:
        self._edit(prompt=message.text_area.text)
        self.run_worker(self._check_prompt(), group="prompt", exclusive=True)

    @on(TextArea.Changed, "#negative")
    def _negative_typed(self, message: TextArea.Changed) -> None:
        self._edit(negative=message.text_area.text)

    async def _check_prompt(self) -> None:
        """Say how many prompts the wildcards make, or where they are wrong."""
        prompt = self.draft.prompt
        mistake, place, number = "", None, 0
        if has_wildcards(prompt):
            await asyncio.sleep(_PAUSE_S)
            try:
                number = await asyncio.to_thread(
                    combinations, prompt, self.studio.wildcards, most=_MOST_COMBINATIONS
                )
            except UsageError as error:
                mistake, place = one_line(f"{error} {error.fix}"), error.at
            except SilverprintError as error:
                mistake = one_line(f"{error} {error.fix}")
        editor = self.query_one("#prompt", PromptEditor)
        editor.mark(place)
        self._mistake, self._combinations = mistake, number
        words = self.query_one("#prompt-words", Static)
        words.set_class(bool(mistake), "-wrong")
        words.display = bool(mistake or number)
        if mistake:
            where = f"{editor.place_words(place)}: " if place else ""
            words.update(Content(where + mistake))
        elif number:
            most = f"more than {_MOST_COMBINATIONS}" if number > _MOST_COMBINATIONS else str(number)
            now, other = ("all", "random") if self.draft.spread is Spread.ALL else ("random", "all")
            words.update(Content.assemble(f"{most} prompts · {now}   ", ("alt+w", "$accent"), f" {other}"))
        self._say_develop()

    @on(PromptEditor.SpreadTurned)
    def _spread_turned(self) -> None:
        self._edit(spread=Spread.RANDOM if self.draft.spread is Spread.ALL else Spread.ALL)
        self.run_worker(self._check_prompt(), group="prompt", exclusive=True)

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
        self.draft = composition.with_param(self.draft, self._ref, message.name, message.value)
        self._keeper.put(self.draft)
        self._say_develop()

    def _say_develop(self) -> None:
        number = self.draft.count
        if self.draft.spread is Spread.ALL and self._combinations:
            number *= self._combinations
        price = self.info.price if self.info else None
        self.query_one(DevelopButton).say(number, price, self._why_not())

    def _why_not(self) -> str:
        """Why Develop can't send, in a few words; empty when it can."""
        if self.news.trouble is not None:
            return "the history is not open"
        if self.form is None:
            return "the model is not ready" if self.studio.is_open else "opening"
        if self._mistake:
            return "the prompt has a mistake"
        wrong = [*self.query_one(ParamForm).reasons]
        if self.query_one(CountField).reason:
            wrong.append("count")
        if self.query_one(SeedField).reason:
            wrong.append("seed")
        return f"correct {', '.join(wrong)}" if wrong else ""

    # inputs

    @on(SourceList.Added)
    async def _source_added(self, message: SourceList.Added) -> None:
        sources = self.query_one(SourceList)
        try:
            sha256 = await self.studio.sources.add(path_of(message.text))
        except SilverprintError as error:
            sources.complain(f"{error} {error.fix}")
            return
        spec = self.form.source(message.role) if self.form else None
        strength = spec.strength.default if spec and spec.strength else None
        source = Source(role=message.role, sha256=sha256, strength=strength, name=path_of(message.text).name)
        self._edit(sources=(*self.draft.sources, source))
        sources.close_path()
        await self._fill_sources()

    @on(SourceList.Removed)
    async def _source_removed(self, message: SourceList.Removed) -> None:
        self._edit(sources=tuple(s for at, s in enumerate(self.draft.sources) if at != message.at))
        await self._fill_sources()

    @on(SourceList.StrengthChanged)
    def _strength_changed(self, message: SourceList.StrengthChanged) -> None:
        sources = list(self.draft.sources)
        sources[message.at] = replace(sources[message.at], strength=message.strength)
        self._edit(sources=tuple(sources))

    async def _fill_sources(self) -> None:
        if self.form is not None:
            await self.query_one(SourceList).show(self.form.sources, self.draft.sources)

    # actions

    @on(DevelopButton.Pressed)
    def action_develop(self) -> None:
        reason = self._why_not()
        if reason or self.form is None:
            self.notify(f"Can't develop: {reason}.", severity="warning", markup=False)
            return
        self.run_worker(self._develop(self.draft, self.form), group="develop")

    async def _develop(self, draft: Draft, form: Form) -> None:
        recipe = composition.recipe_of(draft, self._ref, form)
        try:
            jobs = await self.studio.develop(
                recipe, mode=draft.seed_mode, count=draft.count, spread=draft.spread
            )
        except BadRecipe as error:
            self._mark(error)
            return
        except SilverprintError as error:
            self._say_error(error)
            return
        self._turn_to("picture")
        self.query_one("#prompt", PromptEditor).sent(draft.prompt)
        self.roll.follow(jobs)
        self._move_seed([job.recipe.seed for job in jobs], draft, form)
        self._show()

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
        inputs = [
            f"{role}: {error.fields[role]}" for role in ("image", "mask", "reference") if role in error.fields
        ]
        self.query_one(SourceList).complain("; ".join(inputs))
        self._say_error(error)

    def _say_error(self, error: SilverprintError) -> None:
        words = "\n".join(part for part in (str(error), error.fix) if part)
        self.notify(words, severity="error", markup=False)

    def action_turn_seed_lock(self) -> None:
        self.query_one(SeedField).turn()

    @on(ModelLine.Pressed)
    def action_choose_model(self) -> None:
        from silverprint.ui.screens.model_picker import ModelPicker

        self.app.push_screen(ModelPicker(self.studio, self._ref), self._model_chosen)

    def _model_chosen(self, info: ModelInfo | None) -> None:
        if info is not None:
            self.take_model(info)

    def take_model(self, info: ModelInfo) -> None:
        """Carry the draft to another model."""
        self.run_worker(self._carry(info), group="model", exclusive=True)

    async def _carry(self, info: ModelInfo) -> None:
        try:
            form = await self.studio.form(info.ref)
        except SilverprintError as error:
            self._say_error(error)
            return
        self.draft, sentence = composition.with_model(self.draft, self._ref, info.ref, form)
        await self._take_form(info.ref, form, info)
        if sentence:
            self.notify(sentence, title=one_line(info.title), markup=False)

    def use(self, picture: Picture, part: Part) -> None:
        """Take a part of the picture's recipe."""
        self.run_worker(self._use(picture, part), group="use")

    async def _use(self, picture: Picture, part: Part) -> None:
        match part:
            case "seed":
                self.draft = composition.with_seed_of(self.draft, picture)
            case "prompt":
                self.draft = composition.with_prompt_of(self.draft, picture)
            case "edit":
                if self.form is None or self.form.source("image") is None:
                    self.notify("This model takes no image; choose another (ctrl+o).", severity="warning")
                    return
                self.draft = composition.with_image(self.draft, picture, self.form)
            case "all":
                self.draft = composition.with_all_of(self.draft, picture)
        self._keeper.put(self.draft)
        self.query_one("#prompt", PromptEditor).set_text(self.draft.prompt)
        self.query_one("#negative", PromptEditor).set_text(self.draft.negative)
        if picture.recipe.ref != self._ref and part == "all":
            await self._load_model(picture.recipe.ref)
        else:
            await self._fill_form()
        if part in ("prompt", "all", "edit"):
            self.query_one("#prompt").focus()

    @on(Filmstrip.Stepped)
    def _stepped(self, message: Filmstrip.Stepped) -> None:
        self.action_step_frame(message.by)

    def action_step_frame(self, by: int) -> None:
        self.roll.step(by)
        self._turn_to("picture")
        self._show()

    @on(Filmstrip.Picked)
    def _picked(self, message: Filmstrip.Picked) -> None:
        self.roll.pick(message.key)
        self._show()
        if message.twice:
            self.action_view()

    def chosen(self) -> list[Picture]:
        frame = self.roll.chosen
        return [frame.picture] if frame is not None and frame.picture is not None else []

    def neighbours(self) -> Sequence[Picture]:
        return self.roll.pictures()

    def action_trash(self) -> None:
        if self.chosen():
            super().action_trash()
        else:
            self.action_cancel_job()

    def action_cancel_job(self) -> None:
        frame = self.roll.chosen
        if frame is not None and frame.job is not None:
            self.act(self._cancel(frame.job.id))

    async def _cancel(self, job_id: str) -> str | None:
        await self.studio.queue.cancel(job_id)
        return None

    def action_retry_job(self) -> None:
        frame = self.roll.chosen
        if frame is not None and frame.job is not None:
            self.act(self._retry(frame.job.id))

    async def _retry(self, job_id: str) -> str | None:
        await self.studio.queue.retry(job_id)
        return None

    def action_turn_more(self) -> None:
        form = self.query_one(ParamForm)
        form.is_open = not form.is_open
        self._edit(screen={**self.draft.screen, "more": form.is_open})

    def action_turn_side(self) -> None:
        self._turn_to("picture" if self.has_class("-form") else "form")

    def _turn_to(self, side: str) -> None:
        self.set_class(side == "form", "-form")
        if self.draft.screen.get("side") != side:
            self._edit(screen={**self.draft.screen, "side": side})

    def action_rebuild(self) -> None:
        self.post_message(RebuildWanted())

    def back(self) -> bool:
        prompt = self.query_one("#prompt")
        if self.focused is prompt:
            self.query_one(Filmstrip).focus()
        else:
            prompt.focus()
        return True

    @on(PromptEditor.SearchWanted)
    def _search(self) -> None:
        self.run_worker(self._find_prompt(), group="search", exclusive=True)

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
            self._say_error(error)
        else:
            editor.set_text(text)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        frame = self.roll.chosen
        job = frame.job if frame is not None else None
        if action == "rebuild":
            return isinstance(self.news.trouble, LibraryDamaged)
        if action == "cancel_job":
            return job is not None and not job.state.is_final
        if action == "retry_job":
            return job is not None and job.state in (JobState.FAILED, JobState.UNSURE)
        if action == "trash" and job is not None:
            return True
        if action == "turn_side":
            return self.has_class("-narrow")
        return super().check_action(action, parameters)
