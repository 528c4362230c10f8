"""The whole app on a studio with the fake provider, for journeys."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from textual.pilot import Pilot

from silverprint.core.provider import Price
from silverprint.settings.draft import Draft, load_draft
from silverprint.settings.model import Settings
from silverprint.settings.paths import find_paths
from silverprint.studio import Studio
from silverprint.testing import FakeProvider
from silverprint.ui.app import FIRST, SilverprintApp
from silverprint.ui.screens.studio import StudioPage
from silverprint.ui.widgets.picture import PictureView
from silverprint.ui.widgets.prompt_editor import PromptEditor
from tests.ui import samples
from tests.ui.hosts import WIDE, until


class Listening(SilverprintApp):
    """The app, and what it says in its notes."""

    words: list[str]

    def notify(self, message: str, **options: Any) -> None:
        assert options.get("markup") is False, "text from outside is never markup"
        self.words = [*getattr(self, "words", []), message]
        super().notify(message, **options)


class Session:
    """One run of the app: its pilot, and short ways to what the tests look at."""

    def __init__(self, app: SilverprintApp, pilot: Pilot[Any], provider: FakeProvider) -> None:
        self.app = app
        self.pilot = pilot
        self.provider = provider

    @property
    def studio(self) -> Studio:
        return self.app.studio

    @property
    def page(self) -> StudioPage:
        page = self.app._studio_page
        assert page is not None
        return page

    @property
    def editor(self) -> PromptEditor:
        return self.page.query_one("#prompt", PromptEditor)

    @property
    def view(self) -> PictureView:
        return self.page.query_one(PictureView)

    @property
    def said(self) -> str:
        """Everything that was said in notes so far."""
        return "\n".join(getattr(self.app, "words", []))

    async def type(self, text: str) -> None:
        """Type letters one by one."""
        await self.pilot.press(*("space" if sign == " " else sign for sign in text))

    async def pictures(self, count: int) -> None:
        """Wait until the filmstrip holds so many pictures and nothing runs."""
        await until(self.pilot, lambda: len(self.page.roll.pictures()) == count and not self.app.news.working)
        await until(self.pilot, lambda: not self.page.query_one("JobLine").jobs)  # type: ignore[attr-defined]
        await self.counted()

    async def counted(self) -> None:
        """Wait until what was spent is told."""
        asked = self.app._standing_worker
        await until(self.pilot, lambda: asked is None or asked.is_finished)
        await self.pilot.pause(0.05)

    async def shown(self) -> None:
        """Wait until the picture on view is drawn."""
        await until(self.pilot, lambda: self.view._drawn is not None)
        await until(self.pilot, lambda: self.view._drawing is None or self.view._drawing.done())
        await self.pilot.pause(0.05)


@asynccontextmanager
async def running(
    *,
    size: tuple[int, int] = WIDE,
    provider: FakeProvider | None = None,
    draft: Draft | None = None,
    others: Mapping[str, Any] | None = None,
    notes: Any = (),
    is_ready: bool = True,
) -> AsyncIterator[Session]:
    """The app, open, its model's form on screen. The same home at each call in one test."""
    fake = provider or FakeProvider(price=Price(usd=0.014), price_usd=0.014)
    paths = find_paths(os.environ)
    factories = {"fake": lambda _context: fake, **(others or {})}
    settings = Settings(default_model="fake:fake")
    studio = Studio(paths, settings, providers=factories, clock=lambda: samples.NOON, random=Random(7))
    app = Listening(studio, draft=draft or load_draft(paths.draft), notes=notes)
    async with app.run_test(size=size) as pilot:
        session = Session(app, pilot, fake)
        await until(pilot, lambda: app.current_mode != FIRST and session.page.is_mounted)
        try:
            if is_ready:
                await until(pilot, lambda: session.page.form is not None and studio.is_open)
                await pilot.pause(0.05)
            yield session
        finally:
            await session.page._keeper.flush()
    await studio.close()
