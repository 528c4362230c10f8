"""JobList: every job in one widget that draws its own lines, so fifty running jobs cost no more than text.

Owns order, cursor and the pace of repainting. What the keys do to a job is left to the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer

from silverprint.core.job import Job, JobState
from silverprint.core.text import one_line
from silverprint.core.update import Waiting, Working
from silverprint.ui.actions import Where, bindings
from silverprint.ui.spend_words import exact_money
from silverprint.ui.widgets.cells import age, fit

REPAINT_S = 0.1

GLYPHS: dict[JobState, str] = {
    JobState.WAITING: "○",
    JobState.SENDING: "◌",
    JobState.RUNNING: "●",
    JobState.SAVING: "●",
    JobState.DONE: "✓",
    JobState.FAILED: "✗",
    JobState.CANCELLED: "–",
    JobState.UNSURE: "?",
}

# A question comes first, then what moves, then what will move, then the past.
_GROUPS: dict[JobState, int] = {
    JobState.UNSURE: 0,
    JobState.SAVING: 1,
    JobState.RUNNING: 1,
    JobState.SENDING: 1,
    JobState.WAITING: 2,
    JobState.FAILED: 3,
    JobState.CANCELLED: 3,
    JobState.DONE: 3,
}

_CLASSES: dict[JobState, str] = {
    JobState.FAILED: "job-list--failed",
    JobState.UNSURE: "job-list--unsure",
    JobState.RUNNING: "job-list--active",
    JobState.SENDING: "job-list--active",
    JobState.SAVING: "job-list--active",
}


def order(job: Job) -> tuple[int, float, float, str]:
    """Where a job stands in the list: waiting ones in the order they will go, past ones newest first."""
    group = _GROUPS[job.state]
    if group == 3:
        return group, -job.changed.timestamp(), 0.0, job.id
    return group, job.rank, job.created.timestamp(), job.id


class JobList(ScrollView, can_focus=True):
    """Feed it with ``show``, ``change`` and ``progress``; it repaints at most every tenth of a second."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "job-list--text",
        "job-list--quiet",
        "job-list--active",
        "job-list--failed",
        "job-list--unsure",
        "job-list--bar",
        "job-list--rail",
        "job-list--cursor",
    }

    DEFAULT_CSS = """
    JobList {
        height: 1fr;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        & > .job-list--text { color: $foreground; }
        & > .job-list--quiet { color: $text-muted; }
        & > .job-list--active { color: $accent; }
        & > .job-list--failed { color: $error; }
        & > .job-list--unsure { color: $warning; }
        & > .job-list--bar { color: $accent; }
        & > .job-list--rail { color: $text-disabled; }
        & > .job-list--cursor { background: $block-cursor-blurred-background; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.QUEUE)]

    paused: reactive[bool] = reactive(False)
    empty_words: reactive[tuple[str, ...]] = reactive(())

    class Highlighted(Message):
        """The cursor is on ``job`` now, or that job has changed; None when there is none."""

        def __init__(self, job: Job | None) -> None:
            super().__init__()
            self.job = job

    class Progressed(Message):
        """There is newer ``news`` of the job under the cursor."""

    class Opened(Message):
        """Enter on ``job``."""

        def __init__(self, job: Job) -> None:
            super().__init__()
            self.job = job

    def __init__(self, *, clock: Callable[[], datetime], id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._order: list[str] = []
        self._rows: dict[str, int] = {}
        self._news: dict[str, Waiting | Working] = {}
        self._dirty: set[str] = set()
        self._ages: dict[str, str] = {}
        self._moved = False
        self._wide_news = False
        self._price_width = 0
        self._cursor_id: str | None = None
        self._cursor_at = 0
        self._painting: Timer | None = None

    # values in

    def show(self, jobs: Iterable[Job]) -> None:
        """Show these jobs and no others."""
        self._jobs = {job.id: job for job in jobs}
        self._news = {job_id: news for job_id, news in self._news.items() if job_id in self._jobs}
        self._order = [job_id for job_id in self._order if job_id in self._jobs]
        self._rows = {job_id: row for row, job_id in enumerate(self._order)}
        self._moved = True
        self._wake()

    def change(self, job: Job) -> None:
        """A job is new or has another state."""
        self._jobs[job.id] = job
        if job.state.is_final or job.state is JobState.WAITING:
            self._news.pop(job.id, None)
        self._moved = True
        self._wake()

    def progress(self, job_id: str, news: Waiting | Working) -> None:
        """The newest news of a job; what was not painted yet is dropped."""
        if job_id in self._jobs:
            self._news[job_id] = news
            self._dirty.add(job_id)
            self._wake()

    # what it knows

    @property
    def jobs(self) -> list[Job]:
        """All jobs, as they stand on the screen."""
        return [self._jobs[job_id] for job_id in self._order]

    @property
    def job(self) -> Job | None:
        """The job under the cursor."""
        return self._jobs.get(self._cursor_id) if self._cursor_id is not None else None

    def news(self, job_id: str) -> Waiting | Working | None:
        """The newest news of a job."""
        return self._news.get(job_id)

    # painting

    def on_mount(self) -> None:
        """Start the two clocks: one for news, one for ages."""
        self._painting = self.set_interval(REPAINT_S, self.flush, pause=True)
        self.set_interval(1.0, self._refresh_ages)
        self.flush()

    def _wake(self) -> None:
        if self._painting is not None:
            self._painting.resume()

    def flush(self) -> None:
        """Paint what has changed since the last time."""
        if self._moved:
            self._moved = False
            self._dirty.clear()
            self._sort()
            self.refresh()
            self.post_message(self.Highlighted(self.job))
        elif self._dirty:
            for job_id in self._dirty:
                self._refresh_row(self._rows.get(job_id))
            if self._cursor_id in self._dirty:
                self.post_message(self.Progressed())
            self._dirty.clear()
        elif self._painting is not None:
            self._painting.pause()

    def _sort(self) -> None:
        self._order = [job.id for job in sorted(self._jobs.values(), key=order)]
        # One width for all rows, so that the columns stand below each other; sentences need more of it.
        self._wide_news = any(job.error is not None and job.state.is_final for job in self._jobs.values())
        self._price_width = max((len(job_price(job)) for job in self._jobs.values()), default=0)
        self._rows = {job_id: row for row, job_id in enumerate(self._order)}
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._order))
        if self._cursor_id not in self._jobs:
            self._cursor_id = self._order[min(self._cursor_at, len(self._order) - 1)] if self._order else None
        self._cursor_at = self._cursor_row()
        self._show_cursor()

    def _refresh_row(self, row: int | None) -> None:
        if row is not None and 0 <= row - self.scroll_offset.y < self.size.height:
            self.refresh_line(row)

    def _refresh_ages(self) -> None:
        if not self.screen.is_current:  # nor is it while the program ends
            return
        top, now = self.scroll_offset.y, self._clock()
        for row in range(top, min(top + self.size.height, len(self._order))):
            job_id = self._order[row]
            if self._ages.get(job_id) != age(self._jobs[job_id].created, now):
                self._refresh_row(row)

    def on_resize(self) -> None:
        """The columns follow the width."""
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._order))

    def render_line(self, y: int) -> Strip:
        """One job, or an empty line below the last."""
        row = self.scroll_offset.y + y
        width = self.scrollable_content_region.width
        plain = self.get_visual_style().rich_style
        if not self._order and self.empty_words:
            return self._empty_line(y, width)
        if row >= len(self._order):
            return Strip.blank(width, plain)
        return self._strip(self._jobs[self._order[row]], width)

    def _empty_line(self, y: int, width: int) -> Strip:
        """What an empty queue says, in its upper middle; the first line is its title."""
        at = y - max(0, (self.size.height - len(self.empty_words)) // 3)
        if not 0 <= at < len(self.empty_words):
            return Strip.blank(width, self.get_visual_style().rich_style)
        name = "job-list--text" if at == 0 else "job-list--quiet"
        words = fit(self.empty_words[at], width, align="center")
        return Strip([Segment(words, self.get_visual_style(name).rich_style)], width)

    def _strip(self, job: Job, width: int) -> Strip:
        shown_age = self._ages[job.id] = age(job.created, self._clock())
        under = ("job-list--cursor",) if job.id == self._cursor_id else ()

        def segment(text: str, name: str) -> Segment:
            return Segment(text, self.get_visual_style(*under, name).rich_style)

        state_class = _CLASSES.get(job.state, "job-list--quiet")
        final = job.state.is_final
        model_width = min(max(width // 6, 12), 30)
        price_width = self._price_width + 2 if self._price_width else 0
        room = max(0, width - 25 - model_width - price_width)
        right_width = min(room * 3 // 5 if self._wide_news else min(max(room // 2, 18), 44), room)
        prompt = one_line(job.recipe.prompt) or "(no prompt)"
        cursor = "▌" if under and self.has_focus else " "
        segments = [
            segment(cursor, "job-list--bar"),
            segment(f"{GLYPHS[job.state]} {fit(job.state.value, 9)}  ", state_class),
            segment(fit(one_line(str(job.recipe.ref)), model_width) + "  ", "job-list--quiet"),
            segment(fit(prompt, room - right_width) + "  ", "job-list--quiet" if final else "job-list--text"),
            *self._right(job, right_width, segment),
            segment(fit(job_price(job), price_width, align="right"), "job-list--quiet"),
            segment("  " + fit(shown_age, 4, align="right") + " ", "job-list--quiet"),
        ]
        return Strip(segments).adjust_cell_length(width, self.get_visual_style(*under).rich_style)

    def _right(self, job: Job, width: int, segment: Callable[[str, str], Segment]) -> list[Segment]:
        """Progress, the error in one line, or what else there is to say."""
        news = self._news.get(job.id)
        if job.state is JobState.UNSURE:
            return [segment(fit("was it sent? you decide", width), "job-list--unsure")]
        if job.state is JobState.FAILED and job.error is not None:
            return [segment(fit(one_line(job.error.message), width), "job-list--failed")]
        if job.state.is_final:
            count = len(job.pictures)
            words = f"{count} picture{'s' * (count != 1)}" if job.state is JobState.DONE else ""
            return [segment(fit(words, width), "job-list--quiet")]
        if isinstance(news, Working) and news.fraction is not None:
            label = f" {news.step}/{news.steps}"
            return [*bar(news.fraction, width - len(label), segment), segment(label, "job-list--text")]
        words = one_line(news.note) if isinstance(news, Working) else ""
        if isinstance(news, Waiting) and news.place is not None:
            words = f"place {news.place} in the service's queue"
        if job.state is JobState.WAITING:
            words = one_line(job.error.message) if job.error is not None else ""
            words = words or ("paused" if self.paused else "")
        return [segment(fit(words, width), "job-list--quiet")]

    def watch_paused(self) -> None:
        """Waiting jobs say so."""
        self.refresh()

    # the cursor

    def action_move(self, rows: int) -> None:
        """Move the cursor by rows."""
        if self._order:
            self._go(self._cursor_row() + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by what fits on the screen."""
        self._go(self._cursor_row() + pages * max(1, self.size.height - 1))

    def action_edge(self, side: int) -> None:
        """Move the cursor to the first or last job."""
        self._go(0 if side < 0 else len(self._order) - 1)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is something to open where there are pictures."""
        return action != "open" or (self.job is not None and bool(self.job.pictures))

    def action_open(self) -> None:
        """Tell that enter was pressed on a job."""
        if self.job is not None:
            self.post_message(self.Opened(self.job))

    def on_click(self, event: events.Click) -> None:
        """Point at a job; twice opens it."""
        self._go(self.scroll_offset.y + event.y)
        if event.chain == 2:
            self.action_open()

    def _cursor_row(self) -> int:
        return self._rows.get(self._cursor_id, 0) if self._cursor_id is not None else 0

    def _go(self, row: int) -> None:
        if not self._order:
            return
        before = self._cursor_row()
        row = min(max(row, 0), len(self._order) - 1)
        self._cursor_id, self._cursor_at = self._order[row], row
        self._refresh_row(before)
        self._refresh_row(row)
        self._show_cursor()
        self.post_message(self.Highlighted(self.job))

    def _show_cursor(self) -> None:
        if self.size.height:
            self.scroll_to_region(
                Region(0, self._cursor_row(), 1, 1), animate=False, force=True, immediate=True
            )

    def on_focus(self) -> None:
        """The cursor's mark shows who has the keys."""
        self._refresh_row(self._cursor_row())

    def on_blur(self) -> None:
        """The cursor's mark shows who has the keys."""
        self._refresh_row(self._cursor_row())


def job_price(job: Job) -> str:
    """What sending the job costs, in a few cells; empty for what is free or not known."""
    if not job.price_usd:
        return ""
    return f"{'~' if job.price_about else ''}{exact_money(job.price_usd)}"


def bar(fraction: float, width: int, segment: Callable[[str, str], Segment]) -> list[Segment]:
    """A thin progress bar of ``width`` cells; half cells are drawn."""
    if width <= 0:
        return []
    halves = round(min(max(fraction, 0.0), 1.0) * width * 2)
    full, half = divmod(halves, 2)
    return [
        segment("━" * full + "╸" * half, "job-list--bar"),
        segment("─" * (width - full - half), "job-list--rail"),
    ]
