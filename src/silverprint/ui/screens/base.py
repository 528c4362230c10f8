"""StudioScreen: what the five screens share: tab line, body, key line, and how news reaches them.

A screen overrides ``body``, and as it needs ``opened``, ``hear``, ``hear_progress`` and ``back``. What runs behind
it (the studio, the pump of events) is left to the app.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Container
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widgets import Input, TextArea
from textual.worker import WorkType

from silverprint.core.errors import SilverprintError
from silverprint.core.events import Event, JobProgress
from silverprint.core.text import clean
from silverprint.ui.news import News
from silverprint.ui.spend_words import spend_notes
from silverprint.ui.widgets.key_line import KeyLine
from silverprint.ui.widgets.tab_line import TabLine

if TYPE_CHECKING:
    from silverprint.studio import Studio


__all__ = ["News", "StudioScreen"]


class StudioScreen(Screen[None]):
    """One of the five screens, or a full screen on top of one. ``mode`` is its name in the tab line."""

    mode: ClassVar[str] = ""
    AUTO_FOCUS: ClassVar[str | None] = None
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-narrow"), (100, "-wide")]  # type: ignore[misc]

    def __init__(self, studio: Studio, news: News) -> None:
        super().__init__()
        self.studio = studio
        self.news = news
        self._was_opened = False

    def compose(self) -> ComposeResult:
        yield TabLine(current=self.mode)
        with Container(id="body"):
            yield from self.body()
        yield KeyLine()

    def body(self) -> ComposeResult:
        """The widgets between tab line and key line."""
        yield from ()

    def on_mount(self) -> None:
        self.news.events.subscribe(self, self._hear)
        self.news.progress.subscribe(self, self.hear_progress)
        self.news.opened.subscribe(self, self._open_once)
        self.watch(self, "focused", self._tell_digits)
        self._count()
        if self.studio.is_open or self.news.trouble:
            self.call_after_refresh(self._open_once, None)

    async def _open_once(self, _nothing: None) -> None:
        self._count()
        if self.news.trouble is not None:
            self.troubled(self.news.trouble)
        elif not self._was_opened:
            self._was_opened = True
            try:
                await self.opened()
            except SilverprintError as error:
                self.say_error(error)

    def _hear(self, event: Event) -> None:
        self._count()
        if self._was_opened:
            self.hear(event)

    def _count(self) -> None:
        standing = self.news.standing
        for line in self.query(TabLine):
            line.running = len(self.news.working)
            line.notes = spend_notes(standing)
            line.alarm = standing is not None and standing.is_reached

    def troubled(self, error: SilverprintError) -> None:
        """The services could not be opened; the app says why. Called in the place of ``opened``."""

    async def opened(self) -> None:
        """The studio's services can be used from now on. Called once."""

    def hear(self, event: Event) -> None:
        """A change: on disk already, and never dropped."""

    def hear_progress(self, news: Sequence[JobProgress]) -> None:
        """The newest progress and previews of the jobs that moved."""

    def beside(
        self, work: Callable[[], Coroutine[Any, Any, object]], *, group: str, exclusive: bool = False
    ) -> None:
        """Run what ``work`` makes beside the screen; with ``exclusive`` in the place of the group's older work."""

        async def run() -> None:
            await self._while_here(work)

        wrapped: WorkType[None] = run
        self.run_worker(wrapped, group=group, exclusive=exclusive)

    async def _while_here(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        try:
            await work()
        except SilverprintError as error:
            self.say_error(error)
        except NoMatches:
            # While a screen is taken down its widgets go before its workers are stopped.
            if self.app.is_running and not self._pruning:
                raise

    def say_error(self, error: SilverprintError) -> None:
        """Show an error and its fix."""
        words = "\n".join(part for part in (str(error), error.fix) if part)
        self.notify(clean(words), severity="error", timeout=10, markup=False)

    def back(self) -> bool:
        """One step back inside the screen. False when there was none, and the app goes back itself."""
        return False

    def _tell_digits(self) -> None:
        # Digits type in a text field and rate on a picture: there the tab line shows how to go elsewhere.
        focused = self.focused
        typing = isinstance(focused, Input | TextArea)
        rating = focused is not None and any(
            binding.action.startswith("screen.rate") for _key, binding in focused._bindings
        )
        for line in self.query(TabLine):
            line.digits_go = not (typing or rating)
