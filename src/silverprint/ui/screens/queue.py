"""QueueScreen: every job with its state, its error and what can be done about it.

Shows what the queue says and tells it what the keys mean; moving jobs is the queue's work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from silverprint.core.errors import SilverprintError
from silverprint.core.events import Event, JobChanged, JobProgress, QueuePaused, SpendChanged
from silverprint.core.job import Job, JobState
from silverprint.core.provider import ProviderInfo
from silverprint.core.text import clean, one_line
from silverprint.core.ticket import Ticket
from silverprint.core.update import Waiting, Working
from silverprint.ui.holds import Way, holds
from silverprint.ui.screens.base import News, StudioScreen
from silverprint.ui.screens.confirm import ConfirmScreen
from silverprint.ui.screens.look_up_dialog import LookUpDialog
from silverprint.ui.screens.picture_actions import ViewPicture
from silverprint.ui.widgets.job_detail import JobDetail
from silverprint.ui.widgets.job_list import JobList

if TYPE_CHECKING:
    from silverprint.studio import Studio

RECENT = 200

NOTHING = (
    "Nothing to do",
    "",
    "Every picture you develop in the Studio (alt+1, then ctrl+g) is a job here.",
    "Jobs go on while you work elsewhere, and after a crash or a restart.",
)

_ORDER = (
    JobState.UNSURE, JobState.RUNNING, JobState.SENDING, JobState.SAVING, JobState.WAITING, JobState.FAILED,
)  # fmt: skip


class QueueScreen(StudioScreen):
    """The Queue."""

    mode = "queue"
    AUTO_FOCUS = "JobList"
    CSS_PATH = "queue.tcss"

    def __init__(self, studio: Studio, news: News) -> None:
        super().__init__(studio, news)
        self._infos: dict[str, ProviderInfo] = {}

    def body(self) -> ComposeResult:
        """A sentence, the jobs, and the one under the cursor in full."""
        yield Static(id="summary", markup=False)
        yield Static(id="holds", markup=False)
        yield JobList(clock=self.studio.clock, id="jobs")
        with VerticalScroll(id="detail", can_focus=False):
            yield JobDetail()

    @property
    def jobs(self) -> JobList:
        """The list."""
        return self.query_one(JobList)

    async def opened(self) -> None:
        """Show what the queue has."""
        self.jobs.empty_words = NOTHING
        self.jobs.paused = self.studio.queue.paused
        await self._load()
        if self.focused is None:
            self.jobs.focus()

    def troubled(self, error: SilverprintError) -> None:
        """No queue: say why in the place of jobs."""
        self.jobs.empty_words = (one_line(str(error)), "", one_line(error.fix))

    async def _load(self) -> None:
        try:
            recent = await self.studio.queue.recent(RECENT)
        except SilverprintError as error:
            self._say(error)
            recent = []
        if not self.is_attached:
            return
        # What the queue holds is newer than what was just read.
        found = {job.id: job for job in recent} | {job.id: job for job in self.studio.queue.jobs()}
        self.jobs.show(found.values())

    # news

    def hear(self, event: Event) -> None:
        """A job moved, or the queue stands still."""
        match event:
            case JobChanged(job=job):
                self.jobs.change(job)
            case QueuePaused() | SpendChanged():
                self.jobs.paused = self.studio.queue.paused
                self._summarise()
            case _:
                pass

    def hear_progress(self, news: Sequence[JobProgress]) -> None:
        """Only steps and places: previews are for pictures."""
        for item in news:
            if isinstance(item.update, Waiting | Working):
                self.jobs.progress(item.job_id, item.update)

    @on(JobList.Highlighted)
    def _show_detail(self, message: JobList.Highlighted) -> None:
        job = message.job
        detail = self.query_one(JobDetail)
        if job is None or detail.job is None or detail.job.id != job.id:
            self.query_one("#detail", VerticalScroll).scroll_home(animate=False)
        detail.job = job
        detail.news = self.jobs.news(job.id) if job is not None else None
        self.query_one("#detail").display = job is not None
        self._summarise()
        self.refresh_bindings()
        if job is not None and job.state is JobState.UNSURE:
            self.run_worker(self._ask_info(job), group="info", exclusive=True)

    @on(JobList.Progressed)
    def _show_news(self) -> None:
        job = self.jobs.job
        self.query_one(JobDetail).news = self.jobs.news(job.id) if job is not None else None

    async def _ask_info(self, job: Job) -> None:
        """Whether sending again costs money, and whether the service can be asked what became of the job."""
        name = job.recipe.ref.provider
        if name not in self._infos:
            try:
                self._infos[name] = await self.studio.info(name)
            except SilverprintError:
                return
        for detail in self.query(JobDetail):
            detail.is_free = self._infos[name].local
            detail.looks_up = self._infos[name].looks_up
        self.refresh_bindings()

    def _summarise(self) -> None:
        counts = Counter(job.state for job in self.jobs.jobs)
        parts = [f"{counts[state]} {state.value}" for state in _ORDER if counts[state]]
        words = Content(" · ".join(parts) or "nothing waits, nothing runs")
        if self.jobs.paused:
            words = Content.assemble(("paused", "$warning"), " · space goes on · ", words)
        self.query_one("#summary", Static).update(words)
        held = holds(self.studio.queue.paused_providers, self.jobs.jobs)
        room = self.size.width - 2
        lines = [Content.styled(hold.words(room=room), "$warning") for hold in held]
        if any(hold.way is Way.LIFT for hold in held) and self.news.standing is not None:
            lines.append(Content.styled(self.news.standing.sentence(), "$text-muted"))
        line = self.query_one("#holds", Static)
        line.update(Content("\n").join(lines))
        line.display = bool(lines)

    # what the keys do

    def action_cancel(self) -> None:
        """Cancel the job under the cursor."""
        if (job := self.jobs.job) is not None:
            self._act(self.studio.queue.cancel(job.id))

    def action_retry(self) -> None:
        """Send the job under the cursor again."""
        if (job := self.jobs.job) is not None:
            self._act(self.studio.queue.retry(job.id))

    def action_turn_pause(self) -> None:
        """Pause or resume the whole queue."""
        queue = self.studio.queue
        self._act(queue.resume() if queue.paused else queue.pause())

    def action_go_on(self) -> None:
        """Resume the provider of the job under the cursor where that is paused, else every one that is."""
        paused = self.studio.queue.paused_providers
        job = self.jobs.job
        here = job.recipe.ref.provider if job is not None else ""
        for name in [here] if here in paused else list(paused):
            self._act(self.studio.queue.resume(name))

    def action_look_up(self) -> None:
        """Ask the service of an unsure job what it has of it."""
        job = self.jobs.job
        if job is not None:
            dialog = LookUpDialog(job, self.studio.queue.look_up)
            self.app.push_screen(dialog, partial(self._claim, job))

    def _claim(self, job: Job, ticket: Ticket | None) -> None:
        if ticket is not None:
            self._act(self.studio.queue.claim(job.id, ticket))

    def action_clear(self) -> None:
        """Take what is finished off the list."""
        self._act(self._clear())

    async def _clear(self) -> None:
        await self.studio.queue.clear_finished()
        for jobs in self.query(JobList):
            jobs.show(self.studio.queue.jobs())

    def action_cancel_all(self) -> None:
        """Cancel every job, after asking."""
        count = sum(not job.state.is_final for job in self.jobs.jobs)
        if count:
            words = (
                f"Cancel {count} jobs that wait or run?"
                if count > 1
                else "Cancel the job that waits or runs?"
            )
            self.app.push_screen(
                ConfirmScreen(words, title="Cancel all", yes="cancel", no="leave"), self._cancel_all
            )

    def _cancel_all(self, yes: bool | None) -> None:
        if yes:
            self._act(self.studio.queue.cancel_all())

    @on(JobList.Opened)
    def _view(self, message: JobList.Opened) -> None:
        if message.job.pictures:
            self._act(self._show_pictures(message.job))

    async def _show_pictures(self, job: Job) -> None:
        pictures = [await self.studio.library.get(picture) for picture in job.pictures]
        self.post_message(ViewPicture(pictures[0], pictures))

    def _act(self, work: Coroutine[Any, Any, object]) -> None:
        self.run_worker(self._try(work), group="acts")

    async def _try(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except SilverprintError as error:
            self._say(error)

    def _say(self, error: SilverprintError) -> None:
        words = "\n".join(part for part in (str(error), error.fix) if part)
        self.app.notify(clean(words), severity="error", timeout=10, markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key is off where it would do nothing."""
        if not self.is_mounted:
            return True
        job = self.jobs.job
        match action:
            case "cancel":
                return job is not None and (not job.state.is_final or job.state is JobState.UNSURE)
            case "retry":
                return job is not None and job.state in (
                    JobState.FAILED,
                    JobState.CANCELLED,
                    JobState.UNSURE,
                )
            case "clear":
                return any(job.state.is_final for job in self.jobs.jobs)
            case "go_on":
                return self.studio.is_open and bool(self.studio.queue.paused_providers)
            case "look_up":
                info = self._infos.get(job.recipe.ref.provider) if job is not None else None
                return job is not None and job.state is JobState.UNSURE and info is not None and info.looks_up
            case "cancel_all":
                return any(not job.state.is_final for job in self.jobs.jobs)
            case "turn_pause":
                return self.studio.is_open
            case _:
                return True
