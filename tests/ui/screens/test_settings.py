"""Settings: choices are tried while moving, kept on enter, and saved without losing the file's comments."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from silverprint.settings.load import read_settings
from silverprint.settings.paths import Paths, find_paths
from silverprint.studio import Studio
from silverprint.testing.provider import FakeProvider
from silverprint.ui.screens.settings import SettingsScreen, check_threads
from silverprint.ui.terminal import TerminalInfo
from silverprint.ui.widgets.settings_form import ChoiceField, NumberField
from tests.ui.conftest import Snapshot, screen_text
from tests.ui.hosts import NARROW, WIDE, ScreenHost, until, until_still

FILE = """# mine, do not touch
theme = "darkroom"  # the dark one

[limits]
max_pixels = 1_000_000
"""


class Page:
    """The settings on view, and what the tests ask it."""

    def __init__(self, paths: Paths, studio: Studio, app: ScreenHost, pilot: Pilot[None]) -> None:
        self.paths = paths
        self.studio = studio
        self.app = app
        self.pilot = pilot

    def choice(self, name: str) -> ChoiceField:
        return self.app.screen.query_one(f"#{name}", ChoiceField)

    @property
    def threads(self) -> NumberField:
        return self.app.screen.query_one(NumberField)

    @property
    def saved(self) -> str:
        """The settings file as it is on disk."""
        return self.paths.settings_file.read_text(encoding="utf-8")

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)


@asynccontextmanager
async def settings(home: Path, text: str = FILE, *, size: tuple[int, int] = WIDE) -> AsyncIterator[Page]:
    """The settings screen over a settings file with this text."""
    paths = find_paths({"SILVERPRINT_HOME": str(home)})
    paths.config.mkdir(parents=True, exist_ok=True)
    paths.settings_file.write_text(text, encoding="utf-8")
    found, _mistakes = read_settings(paths, {})
    studio = Studio(paths, found, providers={"pocket": lambda _context: FakeProvider("pocket")})
    terminal = TerminalInfo(
        protocol="sixel", name="XTerm", version="379", why="The terminal says that it draws sixel."
    )
    app = ScreenHost(studio, lambda studio, news: SettingsScreen(studio, news, terminal=terminal))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and app.screen.is_mounted)
        yield Page(paths, studio, app, pilot)


async def test_wide(home: Path, snapshot: Snapshot) -> None:
    async with settings(home) as page:
        await until_still(page.pilot)
        snapshot(page.app, "settings-wide")


async def test_narrow(home: Path, snapshot: Snapshot) -> None:
    async with settings(home, size=NARROW) as page:
        await until_still(page.pilot)
        snapshot(page.app, "settings-narrow")


async def test_a_theme_is_tried_while_moving_and_escape_takes_it_off(home: Path) -> None:
    async with settings(home) as page:
        await page.press("down", "down")
        await until(page.pilot, lambda: page.app.theme == "paper")
        assert page.saved == FILE
        await page.press("escape")
        await until(page.pilot, lambda: page.app.theme == "darkroom")
        assert page.choice("theme").tried == "darkroom"
        assert page.saved == FILE


async def test_enter_keeps_the_theme_and_the_comments(home: Path) -> None:
    async with settings(home) as page:
        await page.press("down", "down", "enter")
        await until(page.pilot, lambda: page.choice("theme").kept == "paper")
        assert page.saved == FILE.replace('"darkroom"', '"paper"')
        assert page.studio.settings.theme == "paper"
        await page.press("down")
        await until(page.pilot, lambda: page.app.theme == "terminal-16")
        await page.press("escape")
        await until(page.pilot, lambda: page.app.theme == "paper")


async def test_what_was_only_tried_does_not_stay_on_another_screen(home: Path) -> None:
    async with settings(home) as page:
        await page.press("down")
        await until(page.pilot, lambda: page.app.theme == "high-contrast")
        page.app.push_screen(Screen())
        await until(page.pilot, lambda: page.app.theme == "darkroom")


async def test_what_was_only_tried_does_not_stay_when_the_list_is_left(home: Path) -> None:
    async with settings(home) as page:
        await page.press("down")
        await until(page.pilot, lambda: page.app.theme == "high-contrast")
        await page.press("tab")
        await until(page.pilot, lambda: page.app.theme == "darkroom")
        assert page.choice("theme").tried == "darkroom"


async def test_the_picture_protocol_is_kept_and_the_reason_shown(home: Path) -> None:
    async with settings(home) as page:
        text = screen_text(page.app)
        assert "now: sixel in XTerm 379" in text
        assert "The terminal says that it draws sixel." in text
        await page.press("tab", "down", "down", "down", "enter")
        await until(page.pilot, lambda: page.choice("images").kept == "half")
        assert tomllib.loads(page.saved)["images"] == "half"
        assert "# mine, do not touch" in page.saved
        await until(page.pilot, lambda: "used from the next start" in page.choice("images").note)


async def test_a_person_s_own_theme_is_listed_and_a_broken_one_explained(home: Path) -> None:
    themes = find_paths({"SILVERPRINT_HOME": str(home)}).themes
    themes.mkdir(parents=True)
    (themes / "mine.toml").write_text(
        'name = "mine"\ntitle = "[b]Mine"\n[colours]\nprimary = "red"\nforeground = "white"\nbackground = "black"\n'
    )
    (themes / "broken.toml").write_text('name = "broken"\n[colours]\nprimary = "no colour"\n')
    async with settings(home) as page:
        await until_still(page.pilot)
        text = screen_text(page.app)
        assert "[b]Mine  yours" in text
        assert "broken.toml" in text


async def test_a_bad_number_is_marked_at_its_field_and_not_saved(home: Path) -> None:
    async with settings(home) as page:
        page.threads.query_one(Input).focus()
        await page.press(*"many", "enter")
        await until(page.pilot, lambda: "1 to 2" in page.threads.mistake)
        assert page.saved == FILE
        await page.press("backspace", "backspace", "backspace", "backspace", "2", "enter")
        await until(page.pilot, lambda: "providers" in page.saved)
        assert tomllib.loads(page.saved)["providers"]["pocket"]["threads"] == 2
        assert page.threads.mistake == ""
        await page.press("backspace", "enter")  # empty: automatic again
        await until(page.pilot, lambda: "threads" not in page.saved)


@pytest.mark.parametrize(("text", "value"), [("", None), (" 2 ", 2), ("1", 1)])
def test_threads_that_are_right(text: str, value: int | None) -> None:
    assert check_threads(text) == value


@pytest.mark.parametrize("text", ["0", "3", "-1", "two", "1.5", "²"])
def test_threads_that_are_wrong(text: str) -> None:
    with pytest.raises(ValueError, match="1 to 2"):
        check_threads(text)


async def test_a_file_that_can_t_be_written_is_said_at_the_field(home: Path) -> None:
    async with settings(home) as page:
        page.paths.settings_file.write_text("theme = = broken")  # by hand, meanwhile
        await page.press("down", "enter")
        await until(page.pilot, lambda: bool(page.choice("theme").mistake))
        assert page.choice("theme").kept == "darkroom"
        assert page.saved == "theme = = broken"
        assert "settings.toml" in screen_text(page.app)


async def test_paths_are_copied_whole(home: Path) -> None:
    async with settings(home) as page:
        await page.press("tab", "tab", "down", "y", "enter")
        await until(page.pilot, lambda: len(page.app.copied) == 2)
        assert page.app.copied == [str(page.paths.settings_file)] * 2


async def test_a_theme_kept_elsewhere_is_the_kept_one_here(home: Path) -> None:
    async with settings(home) as page:
        page.app.push_screen(Screen())
        page.studio.settings = replace(page.studio.settings, theme="paper")
        page.app.pop_screen()
        await until(page.pilot, lambda: page.choice("theme").kept == "paper")
