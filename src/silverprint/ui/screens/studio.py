"""StudioPage: the loop on one screen: compose on the left, the picture and the filmstrip on the right.

The right side is here: news in, the frame on view out. Which frame that is, ui.frames decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, TextArea

from silverprint.core.errors import LibraryDamaged, SilverprintError
from silverprint.core.events import Event, JobProgress, LibraryChanged, QueuePaused, SpendChanged
from silverprint.core.job import Job, JobState
from silverprint.core.picture import Picture
from silverprint.core.text import clean, one_line
from silverprint.ui.actions import Where, bindings
from silverprint.ui.frames import Frame, Roll
from silverprint.ui.screens.base import News
from silverprint.ui.screens.composing import Composing
from silverprint.ui.widgets.filmstrip import Filmstrip
from silverprint.ui.widgets.info_line import InfoLine
from silverprint.ui.widgets.job_line import JobLine
from silverprint.ui.widgets.picture import PictureView
from silverprint.ui.widgets.prompt_editor import PromptEditor

if TYPE_CHECKING:
    from silverprint.settings.draft import Draft
    from silverprint.studio import Studio


_RECENT = 60
_SOON_S = 0.03


class RebuildWanted(Message):
    """Rebuild the damaged history."""


class StudioPage(Composing):
    """The Studio screen."""

    mode = "studio"
    CSS_PATH = "studio.tcss"
    AUTO_FOCUS = "#prompt"
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-short"), (30, "-tall")]  # type: ignore[misc]
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.STUDIO)]

    def __init__(self, studio: Studio, news: News, *, draft: Draft) -> None:
        super().__init__(studio, news, draft=draft)
        self.add_class("studio-look")
        self.roll = Roll()
        self._due: Timer | None = None

    def body(self) -> ComposeResult:
        with Horizontal(id="columns"):
            with Vertical(id="compose"):
                yield from self.left()
            with Vertical(id="light"):
                with Container(id="stage"):
                    yield PictureView(placeholder="")
                yield InfoLine()
                with Container(id="strip-box"):
                    yield Filmstrip()
        yield JobLine()

    def on_mount(self) -> None:
        self.query_one("#strip-box").border_title = Content("Filmstrip")
        self.watch(self, "focused", self._focus_moved, init=False)
        self._turn_to("form" if self.draft.screen.get("side") == "form" else "picture")

    # start

    def on_key(self, event: events.Key) -> None:
        # While the screen is put up nothing has the focus yet: what is typed then belongs to the prompt.
        if self.focused is None and event.is_printable and event.character:
            event.stop()
            editor = self.query_one("#prompt", PromptEditor)
            editor.insert(event.character)
            editor.focus()

    async def opened(self) -> None:
        from silverprint.ui.pixels.painter import painter_of
        from silverprint.ui.screens.grid_thumbs import GridThumbs

        strip = self.query_one(Filmstrip)
        strip.thumbs = GridThumbs(self.studio, painter_of(self.app), lambda _ids: strip.ready())
        self.begin()
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

    # news

    def hear(self, event: Event) -> None:
        if isinstance(event, QueuePaused):
            self._show_holds()
            if not event.paused and self.info is not None and self.info.missing:
                self.beside(self._look_what_is_missing, group="missing", exclusive=True)
        elif isinstance(event, SpendChanged):
            self._show_holds()
        elif isinstance(event, LibraryChanged):
            self.beside(self._look_again, group="library", exclusive=True)
        elif self.roll.hear(event) and self._due is None:
            # A thousand jobs change state in one breath: what is shown follows a moment later, once.
            self._due = self.set_timer(_SOON_S, self._show)

    def _focus_moved(self) -> None:
        # The words name the key, and which key it is depends on where one types.
        if self.news.holds and self.studio.is_open:
            self._show_holds()

    def _show_holds(self) -> None:
        """Why nothing goes on, and the key that helps from here."""
        line = self.query_one(JobLine)
        line.paused = self.studio.queue.paused
        typing = isinstance(self.focused, Input | TextArea)
        lift = "esc, b lifts it" if typing else "b lifts it"
        room = (line.size.width or 80) - 2 - (12 if len(self.news.holds) > 1 else 0)
        line.holds = tuple(
            hold.words(settings="alt+5", go_on="alt+3 and o goes on", lift=lift, room=room)
            for hold in self.news.holds
        )

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
        if self._due is not None:
            self._due.stop()
            self._due = None
        frame = self.roll.chosen
        self.query_one(Filmstrip).show(self.roll.frames, frame.key if frame else None)
        self.query_one(InfoLine).frame = frame
        line = self.query_one(JobLine)
        line.jobs = tuple(job for job in self.studio.queue.jobs() if not job.state.is_final)
        line.progress = frame.progress if frame else None
        self._show_holds()
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
        elif not (self.roll.follows and self._previews(frame)) or view.image is None:
            view.image, view.placeholder = None, "no preview yet"

    def _previews(self, frame: Frame) -> bool:
        """Whether previews will come: then the picture before stays until the first, so that nothing blinks."""
        return frame.job is not None and frame.job.recipe.ref.provider in self.previewing

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
            words += ["", "This model can draw:", *(one_line(text) for text in self.info.examples[:4])]
        return "\n".join(words)

    def sent(self, jobs: Sequence[Job]) -> None:
        self._turn_to("picture")
        self.roll.follow(jobs)
        self._show()

    def form_changed(self) -> None:
        self._show()

    # actions

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

    def action_turn_side(self) -> None:
        self._turn_to("picture" if self.has_class("-form") else "form")

    def _turn_to(self, side: str) -> None:
        self.set_class(side == "form", "-form")
        if self.has_class("-narrow") and side == "form" and self.focused is self.query_one(Filmstrip):
            self.query_one("#prompt").focus()
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
