"""SilverprintApp: the five screens, global keys, and the one pump that carries the services' news to them.

The first paint needs no service: the studio is opened beside it, after. What a screen shows is the screen's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from inspect import isawaitable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ScreenStackError
from textual.binding import BindingType
from textual.css.query import NoMatches
from textual.screen import ModalScreen, Screen
from textual.signal import Signal
from textual.timer import Timer
from textual.widgets import Input, TextArea
from textual.worker import WorkerFailed

from silverprint.core.discretion import crash_words
from silverprint.core.errors import LibraryDamaged, SilverprintError
from silverprint.core.text import clean
from silverprint.ui.actions import Where, bindings
from silverprint.ui.keyboard import free_alt_digits
from silverprint.ui.news import News
from silverprint.ui.purse import PurseApp
from silverprint.ui.screens.first_paint import FirstPaint
from silverprint.ui.settled import settled
from silverprint.ui.terminal import TerminalInfo, alt_keys, typed_text
from silverprint.ui.theme import DEFAULT, find_theme, load_themes, variable_defaults
from silverprint.ui.widgets.tab_line import TABS

if TYPE_CHECKING:
    from silverprint.core.events import JobProgress
    from silverprint.core.provider import ModelInfo
    from silverprint.library.rebuild import Progress
    from silverprint.settings.draft import Draft
    from silverprint.settings.paths import Paths
    from silverprint.studio import Studio
    from silverprint.ui import palette
    from silverprint.ui.screens.finder import FinderScreen
    from silverprint.ui.screens.models import TakeModel
    from silverprint.ui.screens.picture_actions import UsePicture, ViewPicture
    from silverprint.ui.screens.studio import RebuildWanted, StudioPage

PROGRESS_S = 0.1
FIRST = "first"
MODES = tuple(mode for mode, _title in TABS)


class SilverprintApp(PurseApp):
    """The studio on screen. ``notes`` are mistakes found before the start, such as a bad settings file."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "silverprint"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.EVERYWHERE)]
    DEFAULT_MODE = FIRST
    NOTIFICATION_TIMEOUT = 6
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        studio: Studio,
        *,
        draft: Draft,
        terminal: TerminalInfo | None = None,
        theme: str | None = None,
        notes: Sequence[SilverprintError] = (),
    ) -> None:
        super().__init__()
        self.studio = studio
        self.terminal = terminal or TerminalInfo(protocol="half", why="no terminal was asked")
        self.notes = list(notes)
        self.news = News(Signal(self, "events"), Signal(self, "progress"), Signal(self, "opened"))
        self._draft = draft
        self._progress: dict[tuple[str, bool], JobProgress] = {}
        self._ticker: Timer | None = None
        self._studio_page: StudioPage | None = None
        self._mode_wanted = "studio"
        for mode, make in self._screens().items():
            self.add_mode(mode, make)
        free_alt_digits()
        self.own_keys = dict(studio.settings.keys)
        self.set_keymap(self.own_keys)
        self.own_themes: list[str] = []
        self._theme_wanted = theme or studio.settings.theme
        first_theme(self, self._theme_wanted, studio.paths)

    def _screens(self) -> Mapping[str, Callable[[], Screen[None]]]:
        # Imported when first shown: four of the five are not needed for the first paint.
        def first() -> Screen[None]:
            return FirstPaint(self._draft, typed=typed_text(self.terminal))

        def studio() -> Screen[None]:
            assert self._studio_page is not None
            return self._studio_page

        def gallery() -> Screen[None]:
            from silverprint.ui.screens.gallery import GalleryScreen

            return GalleryScreen(self.studio, self.news)

        def queue() -> Screen[None]:
            from silverprint.ui.screens.queue import QueueScreen

            return QueueScreen(self.studio, self.news)

        def models() -> Screen[None]:
            from silverprint.ui.screens.models import ModelsScreen

            return ModelsScreen(self.studio, self.news)

        def settings() -> Screen[None]:
            from silverprint.ui.screens.settings import SettingsScreen

            return SettingsScreen(self.studio, self.news, terminal=self.terminal)

        return {
            FIRST: first,
            "studio": studio,
            "gallery": gallery,
            "queue": queue,
            "models": models,
            "settings": settings,
        }

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults()

    # start

    def on_mount(self) -> None:
        self._ticker = self.set_interval(PROGRESS_S, self._hand_on_progress, pause=True)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.run_worker(self._open(), group="open")

    async def _put_up_studio(self) -> None:
        """Put the real Studio in the place of its outline, with what was typed and wished meanwhile."""
        first = self.screen
        if not isinstance(first, FirstPaint):
            return
        # In a thread, so that the letters typed meanwhile appear.
        studio = await asyncio.to_thread(import_module, "silverprint.ui.screens.studio")
        painter = await asyncio.to_thread(import_module, "silverprint.ui.pixels.painter")
        painter.install(self, self.terminal)
        self._write(alt_keys(self.terminal)[0])
        await settled(first)
        draft = replace(self._draft, prompt=first.text)
        page: StudioPage = studio.StudioPage(self.studio, self.news, draft=draft)
        page.wants_develop = first.wants_develop
        self._studio_page = page
        await self.switch_mode("studio")
        await self.remove_mode(FIRST)
        if self._mode_wanted != "studio":
            await self.switch_mode(self._mode_wanted)

    def _write(self, text: str) -> None:
        from silverprint.ui.pixels.painter import painter_of

        if text:
            painter_of(self).write(text)

    def on_unmount(self) -> None:
        if self._studio_page is not None:
            self._write(alt_keys(self.terminal)[1])

    async def _open(self) -> None:
        """Open the services, then carry their news for as long as the app runs."""
        await self._put_up_studio()
        if not self.own_themes:
            register_themes(self, self._theme_wanted, self.studio.paths)
        while self.notes:
            self.say(self.notes.pop(0))
        from silverprint.core.events import JobChanged, JobProgress
        from silverprint.core.update import Preview

        async with self.studio.feed.subscribe() as events:
            try:
                await self.studio.start()
            except SilverprintError as error:
                self.news.trouble = error
                self.say(error)
            else:
                self.news.trouble = None
                self.news.begin(self.studio.queue.jobs())
                self.look_at_holds()
            self.news.opened.publish(None)
            if self.news.trouble is None:
                self.ask_standing()
            async for event in events:
                if isinstance(event, JobProgress):
                    self._progress[event.job_id, isinstance(event.update, Preview)] = event
                    if self._ticker is not None:
                        self._ticker.resume()
                    continue
                if isinstance(event, JobChanged):
                    self.news.note(event.job)
                if self.hear_of_money(event):
                    self.news.events.publish(event)

    def _hand_on_progress(self) -> None:
        if not self._progress and self._ticker is not None:
            self._ticker.pause()
            return
        newest = list(self._progress.values())
        self._progress.clear()
        self.news.progress.publish(newest)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        # A blinking cursor is no information, and over a slow line it is traffic.
        if isinstance(event.widget, Input | TextArea):
            event.widget.cursor_blink = False

    def say(self, error: SilverprintError) -> None:
        """Show an error and its fix."""
        words = "\n".join(part for part in (str(error), error.fix) if part)
        self.notify(clean(words), severity="error", timeout=12, markup=False)

    def on_rebuild_wanted(self, _message: RebuildWanted) -> None:
        """Rebuild a damaged history, then open it."""
        if isinstance(self.news.trouble, LibraryDamaged):
            self.run_worker(self._rebuild(), group="rebuild", exclusive=True)

    async def _rebuild(self) -> None:
        from silverprint.repair import rebuild, report_words

        page = self._studio_page

        def tell(progress: Progress) -> None:
            if page is not None and (progress.done % 20 == 0 or progress.done == progress.total):
                self.call_from_thread(
                    page.say, f"Rebuilding: {progress.done} of {progress.total} pictures read"
                )

        try:
            report = await asyncio.to_thread(
                rebuild, self.studio.paths, self.studio.settings, clock=self.studio.clock, progress=tell
            )
        except SilverprintError as error:
            self.say(error)
            return
        self.notify(report_words(report), markup=False, timeout=10)
        self._begin()

    def _handle_exception(self, error: Exception) -> None:
        # While the program ends, widgets and screens go before those that look for them: that is no mistake.
        cause = error.error if isinstance(error, WorkerFailed) else error
        if not (self._exit and isinstance(cause, NoMatches | ScreenStackError)):
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        # Textual's own report shows every variable of every frame, and one of them could be a key.
        from rich.segment import Segments
        from rich.text import Text

        self.bell()
        error = self._exception
        words = clean(crash_words(error) if error is not None else "Something went wrong.", most=20_000)
        self._exit_renderables.append(Segments(self.console.render(Text(words))))
        self._close_messages_no_wait()

    # going about

    def action_go(self, mode: str) -> None:
        """Go to one of the five screens."""
        self._mode_wanted = mode
        if self.current_mode != FIRST and not isinstance(self.screen, ModalScreen):
            self.switch_mode(mode)

    def action_turn(self, step: int) -> None:
        """Go to the next or the previous of the five screens."""
        if self.current_mode != FIRST:
            self.action_go(MODES[(MODES.index(self.current_mode) + step) % len(MODES)])

    async def action_back(self) -> None:
        """One step back: inside the screen, then off it, then to the Studio."""
        back = getattr(self.screen, "back", None)
        if back is not None and back():
            return
        if len(self.screen_stack) > 1:
            await self.pop_screen()
        else:
            self.action_go("studio")

    def action_press(self, key: str) -> None:
        """Do what the key does: for a click in the key line."""
        self.simulate_key(key)

    def action_keys(self) -> None:
        """Every key of this screen."""
        from silverprint.ui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen.of(self.screen, self.own_keys))

    def on_use_picture(self, message: UsePicture) -> None:
        """Take a part of a picture's recipe to the Studio, and go there."""
        if self._studio_page is not None:
            self._studio_page.use(message.picture, message.part)
            while len(self.screen_stack) > 1:
                self.pop_screen()
            self.action_go("studio")

    def on_take_model(self, message: TakeModel) -> None:
        """Take a model to the Studio, and go there."""
        self.take_model(message.info)

    def take_model(self, info: ModelInfo) -> None:
        """Carry the Studio's recipe to another model, and go there."""
        if self._studio_page is not None:
            self._studio_page.take_model(info)
            self.action_go("studio")

    def action_commands(self) -> None:
        """Find any command, model or theme by its name."""
        from silverprint.ui import palette
        from silverprint.ui.screens.finder import FinderScreen

        if isinstance(self.screen, ModalScreen):
            return
        finder = FinderScreen(
            [
                *palette.action_entries(self, self.screen, self.own_keys),
                *palette.theme_entries(self.own_themes, self.wear),
            ],
            title="Commands, themes, models",
        )
        self.push_screen(finder, self._run_deed)
        if self.studio.is_open:
            self.run_worker(self._add_models(finder), group="palette", exclusive=True)

    async def _add_models(self, finder: FinderScreen[palette.Deed]) -> None:
        from silverprint.ui import palette

        models = await self.studio.models()
        if finder.is_attached:
            finder.add(palette.model_entries(models, self.take_model))

    async def _run_deed(self, deed: palette.Deed | None) -> None:
        if deed is not None:
            done = deed()
            if isawaitable(done):
                await done

    def wear(self, theme: str) -> None:
        """Put a theme on and keep it."""
        self.theme = theme
        self.run_worker(self._keep_theme(theme), group="settings")

    async def _keep_theme(self, theme: str) -> None:
        from silverprint.settings.save import change_setting

        try:
            await asyncio.to_thread(change_setting, self.studio.paths.settings_file, "theme", theme)
        except SilverprintError as error:
            self.say(error)

    def on_view_picture(self, message: ViewPicture) -> None:
        """Show a picture large."""
        from silverprint.ui.screens.viewer import ViewerScreen

        self.push_screen(ViewerScreen(self.studio, self.news, picture=message.picture, among=message.among))


def first_theme(app: SilverprintApp, name: str, paths: Paths) -> None:
    """Put on the theme of this name for the first paint. The others are registered after it."""
    theme = find_theme(name, paths.themes)
    if theme is None:
        register_themes(app, name, paths)
    else:
        app.register_theme(theme.theme)
        app.theme = theme.name


def register_themes(app: SilverprintApp, name: str, paths: Paths) -> None:
    """Register all themes, and put on the one of this name, or the default where there is none."""
    themes, errors = load_themes(paths.themes)
    app.notes += errors
    for theme in themes.values():
        app.register_theme(theme.theme)
    app.own_themes = sorted(themes)
    if app.theme not in themes:
        app.theme = name if name in themes else DEFAULT
