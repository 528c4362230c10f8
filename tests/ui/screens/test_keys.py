"""Services and keys in the settings: set, tested, removed, and never shown; own servers; the budget."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from silverprint.core.errors import SettingsError, Unreachable
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.settings.load import read_settings
from silverprint.settings.paths import find_paths
from silverprint.studio import Studio
from silverprint.ui.hidden import Hidden
from silverprint.ui.screens.confirm import ConfirmScreen
from silverprint.ui.screens.key_dialog import KeyDialog
from silverprint.ui.screens.key_dialog import KeyLine as KeyInput
from silverprint.ui.screens.server_dialog import ServerDialog
from silverprint.ui.screens.settings import SettingsScreen
from silverprint.ui.terminal import TerminalInfo
from silverprint.ui.widgets.budget_field import BudgetField, amount_text, check_amount
from silverprint.ui.widgets.service_list import KeyState, Server, ServerField, Service, ServiceField
from tests.ui import samples
from tests.ui.clouds import MARKED, Sky
from tests.ui.conftest import Snapshot, screen_text
from tests.ui.hosts import NARROW, WIDE, ScreenHost, until, until_still

SERVER = """
[providers.attic]
kind = "fal"
url = "http://127.0.0.1:9001"
"""


class Page:
    """The settings on view over fake clouds."""

    def __init__(self, studio: Studio, sky: Sky, app: ScreenHost, pilot: Pilot[None]) -> None:
        self.studio = studio
        self.sky = sky
        self.app = app
        self.pilot = pilot

    @property
    def screen(self) -> SettingsScreen:
        return next(one for one in self.app.screen_stack if isinstance(one, SettingsScreen))

    @property
    def services(self) -> ServiceField:
        return self.screen.query_one(ServiceField)

    def service(self, name: str) -> Service:
        found = self.services.find(name)
        assert found is not None
        return found

    @property
    def servers(self) -> list[Server]:
        return self.screen.query_one(ServerField)._servers

    @property
    def text(self) -> str:
        return " ".join(screen_text(self.app).split())

    async def until_state(self, name: str, state: KeyState) -> None:
        await until(self.pilot, lambda: self.service(name).state is state)

    async def go_to(self, name: str) -> None:
        """Put the mark on a service."""
        names = [service.name for service in self.services._services]
        await self.pilot.press("home", *["down"] * names.index(name))

    async def enter_key(self, name: str, key: str) -> None:
        """Paste a key for a service, and keep it."""
        await self.go_to(name)
        await self.pilot.press("enter")
        await until(self.pilot, lambda: isinstance(self.app.screen, KeyDialog))
        self.app.screen.query_one(KeyInput).post_message(events.Paste(key))
        await until(self.pilot, lambda: bool(self.app.screen.query_one(KeyInput).value))
        assert MARKED not in screen_text(self.app)
        await self.pilot.press("enter")


@asynccontextmanager
async def keys(
    home: Path, text: str = "", *, size: tuple[int, int] = WIDE, **clouds: dict[str, Any]
) -> AsyncIterator[Page]:
    """The settings with these clouds, or with three."""
    sky = Sky(**(clouds or {"bfl": {}, "fal": {}, "gemini": {"usd": None}}))
    paths = find_paths({"SILVERPRINT_HOME": str(home)})
    paths.config.mkdir(parents=True, exist_ok=True)
    paths.settings_file.write_text(text, encoding="utf-8")
    found, mistakes = read_settings(paths, {})
    assert not mistakes
    studio = Studio(paths, found, providers=sky.factories, clock=lambda: samples.NOON)
    await studio.start()
    terminal = TerminalInfo(protocol="half", why="asked for")
    app = ScreenHost(studio, lambda studio, news: SettingsScreen(studio, news, terminal=terminal))
    try:
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and app.screen.is_mounted)
            page = Page(studio, sky, app, pilot)
            first = min(sky.factories)
            await until(pilot, lambda: page.service(first).state is not KeyState.LOOKING)
            await until(pilot, lambda: bool(page.screen.query_one(BudgetField).note))
            yield page
    finally:
        await studio.close()


@pytest.mark.parametrize(("size", "name"), [(WIDE, "wide"), (NARROW, "narrow")])
async def test_the_services_with_every_state_of_a_key(
    home: Path, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], name: str
) -> None:
    monkeypatch.setenv("FAL_KEY", MARKED)
    async with keys(home, "[budget]\nday_usd = 5\n" + SERVER, size=size) as page:
        await page.enter_key("bfl", MARKED)
        await page.until_state("bfl", KeyState.GOOD)
        await page.enter_key("gemini", "a-bad-key-that-is-refused")
        await page.until_state("gemini", KeyState.WRONG)
        await until_still(page.pilot)
        snapshot(page.app, f"keys-{name}")
        assert MARKED not in screen_text(page.app)


async def test_a_key_is_kept_and_tested_and_its_queue_goes_on(home: Path) -> None:
    async with keys(home) as page:
        recipe = Recipe(ref=ModelRef("bfl", "swift"), prompt="a fox")
        (job,) = await page.studio.develop(recipe)
        await until(page.pilot, lambda: "bfl" in page.studio.queue.paused_providers)
        await page.enter_key("bfl", f"\n{MARKED}\n")
        await page.until_state("bfl", KeyState.GOOD)
        assert page.studio.secrets.get("bfl") == MARKED
        assert (await page.studio.queue.wait([job.id]))[0].pictures, "what waited for the key is made"
        assert "an account at Bfl" in page.text


async def test_a_refused_key_says_so_with_the_way_out(home: Path) -> None:
    async with keys(home) as page:
        await page.enter_key("bfl", "not-the-key")
        await page.until_state("bfl", KeyState.WRONG)
        await until(page.pilot, lambda: "does not accept the key" in page.text)
        assert "Check the key in Settings" in page.text


async def test_a_service_that_can_t_be_asked_is_no_refusal(home: Path) -> None:
    async with keys(home) as page:
        page.sky.made["bfl"].fail("probe", Unreachable(f"Bfl can't be reached; it was given {MARKED}."))
        await page.enter_key("bfl", MARKED)
        await page.until_state("bfl", KeyState.UNTOLD)
        assert "can't be reached" in page.text
        assert MARKED not in screen_text(page.app), "not even where an error repeats the key"
        await page.pilot.press("t")
        await page.until_state("bfl", KeyState.GOOD)


async def test_a_service_that_does_not_answer_is_given_up(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("silverprint.ui.screens.services.PROBE_S", 0.05)
    async with keys(home) as page:
        hold = page.sky.made["bfl"].hold("probe")
        await page.enter_key("bfl", MARKED)
        await hold.reached()
        await page.until_state("bfl", KeyState.UNTOLD)
        assert "no answer within" in page.text


async def test_testing_is_said_while_it_lasts(home: Path) -> None:
    async with keys(home) as page:
        hold = page.sky.made["bfl"].hold("probe")
        await page.enter_key("bfl", MARKED)
        await hold.reached()
        await until(page.pilot, lambda: "testing…" in page.text)
        hold.release()
        await page.until_state("bfl", KeyState.GOOD)


async def test_a_key_is_removed_after_asking(home: Path) -> None:
    async with keys(home) as page:
        await page.enter_key("bfl", MARKED)
        await page.until_state("bfl", KeyState.GOOD)
        await page.pilot.press("x")
        await until(page.pilot, lambda: isinstance(page.app.screen, ConfirmScreen))
        await page.pilot.press("n")
        assert page.studio.secrets.get("bfl") == MARKED
        await page.pilot.press("x")
        await until(page.pilot, lambda: isinstance(page.app.screen, ConfirmScreen))
        await page.pilot.press("y")
        await page.until_state("bfl", KeyState.ABSENT)
        assert page.studio.secrets.get("bfl") is None
        assert "get a key at https://bfl.example/keys" in page.text


async def test_a_variable_wins_and_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", MARKED)
    async with keys(home) as page:
        await page.go_to("fal")
        assert "FAL_KEY in the environment wins" in page.text
        await page.pilot.press("enter")
        await until(page.pilot, lambda: "FAL_KEY is set in the environment" in page.text)
        await page.pilot.press("escape", "x")
        await until(page.pilot, lambda: any("take it away there" in words for words in page.app.said))
        assert page.studio.secrets.get("fal") == MARKED


async def test_a_key_never_leaves_the_line_it_is_typed_in(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with keys(home) as page:
        await page.go_to("bfl")
        await page.pilot.press("enter")
        await until(page.pilot, lambda: isinstance(page.app.screen, KeyDialog))
        line = page.app.screen.query_one(KeyInput)
        line.value = MARKED
        line.action_select_all()
        await page.pilot.press("ctrl+c", "ctrl+x")
        assert page.app.copied == []
        assert line.value == MARKED
        assert MARKED not in screen_text(page.app)
        await page.pilot.press("enter")
        await page.until_state("bfl", KeyState.GOOD)
        assert MARKED not in screen_text(page.app)
        assert not any(MARKED in words for words in page.app.said)
    assert MARKED not in caplog.text
    assert MARKED not in repr(Hidden(MARKED)) + str(Hidden(MARKED)) + f"{Hidden(MARKED)}"
    holding = [
        path
        for path in home.rglob("*")
        if path.is_file() and path.name != "keys.json" and MARKED.encode() in path.read_bytes()
    ]
    assert holding == []


async def test_an_own_server_is_added_used_and_removed(home: Path) -> None:
    async with keys(home, "# mine\n") as page:
        page.screen.query_one("#servers OptionList").focus()
        await page.pilot.press("a")
        await until(page.pilot, lambda: isinstance(page.app.screen, ServerDialog))
        await page.pilot.press(*"shed", "enter", "enter")
        page.app.screen.query_one("#address", Input).value = "http://127.0.0.1:9001"
        await page.pilot.press("enter")
        await until(page.pilot, lambda: [server.name for server in page.servers] == ["shed"])
        saved = page.studio.paths.settings_file.read_text()
        assert saved.startswith("# mine\n")
        assert tomllib.loads(saved)["providers"]["shed"] == {"kind": "bfl", "url": "http://127.0.0.1:9001"}
        assert "shed" in page.studio.provider_names()
        assert page.sky.made["shed"].context.settings["url"] == "http://127.0.0.1:9001"
        assert page.services.find("shed") is not None, "its key can be set"
        await page.pilot.press("home", "x")
        await until(page.pilot, lambda: isinstance(page.app.screen, ConfirmScreen))
        await page.pilot.press("y")
        await until(page.pilot, lambda: page.servers == [])
        assert "shed" not in page.studio.paths.settings_file.read_text()
        assert "shed" not in page.studio.provider_names()
        assert page.sky.made["shed"].is_closed


async def test_a_wrong_address_is_marked_with_the_reason_and_not_kept(home: Path) -> None:
    async with keys(home) as page:
        make = page.sky.factories["bfl"]

        def careful(context: Any) -> Any:
            if "example.com" in str(context.settings.get("url")):
                raise SettingsError("providers.shed.url is plain http to example.com.", fix="Use https.")
            return make(context)

        page.sky.factories["bfl"] = careful
        page.studio._roster._factories["bfl"] = careful  # type: ignore[index]
        page.screen.query_one("#servers OptionList").focus()
        await page.pilot.press("enter")
        await until(page.pilot, lambda: isinstance(page.app.screen, ServerDialog))
        page.app.screen.query_one("#name", Input).value = "shed"
        page.app.screen.query_one("#address", Input).value = "http://example.com"
        await page.pilot.press("enter")
        await until(page.pilot, lambda: "plain http to example.com. Use https." in page.text)
        assert page.studio.settings.providers == {}
        assert page.studio.paths.settings_file.read_text() == ""
        page.app.screen.query_one("#name", Input).value = "bfl"
        await page.pilot.press("enter")
        await until(page.pilot, lambda: "a service named bfl already" in page.text)


async def test_a_limit_holds_at_once_and_its_comments_stay(home: Path) -> None:
    async with keys(home, "# my money\n", fal={"needs_key": False, "usd": 0.2}) as page:
        field = page.screen.query_one(BudgetField)
        field.query(Input).first().focus()
        await page.pilot.press(*"0.1x", "enter")
        await until(page.pilot, lambda: "an amount in US dollars" in field.mistake)
        assert page.studio.settings.budget.day_usd is None
        await page.pilot.press("backspace", "enter")
        await until(page.pilot, lambda: page.studio.settings.budget.day_usd == 0.1)
        assert page.studio.paths.settings_file.read_text().startswith("# my money\n")
        (job,) = await page.studio.develop(Recipe(ref=ModelRef("fal", "swift"), prompt="a fox"))
        await until(page.pilot, lambda: "fal" in page.studio.queue.paused_providers)
        assert page.sky.made["fal"].submits == []
        field.query(Input).first().value = "1"
        await page.pilot.press("enter")
        (job,) = await page.studio.queue.wait([job.id])
        assert job.pictures, "raising the limit lets it go on"
        await until(page.pilot, lambda: "Today $0.20 of $1.00" in page.text)


@pytest.mark.parametrize(("text", "amount"), [("", None), ("5", 5.0), (" $0,50 ", 0.5), ("0", 0.0)])
def test_amounts_that_are_right(text: str, amount: float | None) -> None:
    assert check_amount(text) == amount
    assert check_amount(amount_text(amount)) == amount


@pytest.mark.parametrize("text", ["five", "-1", "nan", "inf", "1e9"])
def test_amounts_that_are_wrong(text: str) -> None:
    with pytest.raises(ValueError, match="US dollars"):
        check_amount(text)
