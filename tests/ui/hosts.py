"""Tiny apps to test one widget or one screen in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.pilot import Pilot
from textual.signal import Signal
from textual.widget import Widget

from silverprint.core.errors import SilverprintError
from silverprint.core.events import JobProgress
from silverprint.studio import Studio
from silverprint.ui.screens.base import News, StudioScreen
from silverprint.ui.theme import DEFAULT, load_themes, variable_defaults
from tests.ui.conftest import screen_text

WIDE, NARROW = (142, 42), (80, 24)
LONG_S = 20.0


class Host(App[None]):
    """An app with the darkroom on. It keeps what it is asked to copy and every message of the kinds in ``heard``."""

    def __init__(self, *heard: type[Message]) -> None:
        super().__init__()
        self.copied: list[str] = []
        self.said: list[str] = []
        self.heard: list[Any] = []
        self._kinds = heard
        themes, errors = load_themes()
        assert not errors
        for theme in themes.values():
            self.register_theme(theme.theme)
        self.theme = DEFAULT

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults()

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)

    def notify(self, message: str, **options: Any) -> None:
        assert options.get("markup") is False, "text from outside is never markup"
        self.said.append(message)

    async def _on_message(self, message: Message) -> None:
        if isinstance(message, self._kinds):
            self.heard.append(message)
        await super()._on_message(message)


class WidgetHost(Host):
    """Shows one widget."""

    def __init__(self, widget: Widget, *heard: type[Message]) -> None:
        super().__init__(*heard)
        self.widget = widget

    def compose(self) -> ComposeResult:
        yield self.widget


class ScreenHost(Host):
    """Shows one of the five screens on a studio, and pumps its news as the app does."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "back", "Back")]
    CSS = "Screen { background: $background; color: $foreground; } #body { height: 1fr; width: 1fr; }"

    def __init__(
        self,
        studio: Studio,
        make: Callable[[Studio, News], StudioScreen],
        *heard: type[Message],
        trouble: SilverprintError | None = None,
    ) -> None:
        super().__init__(*heard)
        self.studio = studio
        self._make = make
        self.news = News(Signal(self, "events"), Signal(self, "progress"), Signal(self, "opened"))
        self.news.trouble = trouble

    def on_mount(self) -> None:
        if self.studio.is_open:
            self.run_worker(self._pump(), group="pump")
        self.push_screen(self._make(self.studio, self.news))

    async def _pump(self) -> None:
        async with self.studio.feed.subscribe() as events:
            async for event in events:
                if isinstance(event, JobProgress):
                    self.news.progress.publish([event])
                else:
                    self.news.events.publish(event)

    async def action_back(self) -> None:
        screen = self.screen
        if isinstance(screen, StudioScreen):
            screen.back()


async def until(pilot: Pilot[Any], holds: Callable[[], bool]) -> None:
    """Let the app work until ``holds``. Only a broken program takes as long as the limit."""
    async with asyncio.timeout(LONG_S):
        while not holds():
            await pilot.pause(0.01)


async def until_still(pilot: Pilot[Any]) -> None:
    """Let the app work until its screen has stayed the same for three turns."""
    seen: list[str] = []

    def still() -> bool:
        seen.append(screen_text(pilot.app))
        return len(seen) > 3 and len(set(seen[-4:])) == 1

    await until(pilot, still)
