"""The first moments: what is typed and pressed before the services are there is not lost and not early."""

from __future__ import annotations

import asyncio

import pytest
from textual import events
from textual._xterm_parser import XTermParser

from silverprint.ui.app import SilverprintApp
from silverprint.ui.keyboard import free_alt_digits
from silverprint.ui.screens.first_paint import FirstPaint
from tests.ui.hosts import until
from tests.ui.screens.apps import running

BURST = "a red apple"


def burst(app: SilverprintApp, text: str, *keys: str) -> None:
    """Letters and keys in one go, as a terminal sends them that was held up."""
    for sign in text:
        app.post_message(events.Key("space" if sign == " " else sign, sign))
    for key in keys:
        app.post_message(events.Key(key, None))


async def test_a_key_that_acts_at_once_does_not_overtake_the_letters_before_it() -> None:
    async with running() as session:
        burst(session.app, BURST, "ctrl+g")
        await session.pictures(1)
        assert [picture.recipe.prompt for picture in session.page.roll.pictures()] == [BURST]


async def test_a_number_typed_just_before_develop_counts() -> None:
    async with running() as session:
        await session.type("a fox")
        session.page.query_one("CountField Input").focus()
        await session.pilot.pause()
        burst(session.app, "3", "ctrl+g")
        await session.pictures(3)


async def test_typed_and_developed_before_anything_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = asyncio.Event()
    put_up = SilverprintApp._put_up_studio

    async def late(self: SilverprintApp) -> None:
        assert isinstance(self.screen, FirstPaint)
        burst(self, BURST, "ctrl+g")
        await until_typed(self.screen)
        typed.set()
        await put_up(self)

    monkeypatch.setattr(SilverprintApp, "_put_up_studio", late)
    async with running(is_ready=False) as session:
        assert typed.is_set()
        await session.pictures(1)
        assert session.editor.text == BURST
        assert [picture.recipe.prompt for picture in session.page.roll.pictures()] == [BURST]


async def until_typed(screen: FirstPaint) -> None:
    """Wait until the outline has the letters and the wish."""
    while screen.text != BURST or not screen.wants_develop:
        await asyncio.sleep(0)


async def test_another_screen_wished_for_at_the_start_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    put_up = SilverprintApp._put_up_studio

    async def late(self: SilverprintApp) -> None:
        self.action_go("gallery")
        await put_up(self)

    monkeypatch.setattr(SilverprintApp, "_put_up_studio", late)
    async with running(is_ready=False) as session:
        await until(session.pilot, lambda: session.app.current_mode == "gallery")


@pytest.mark.parametrize("digit", "12345")
def test_alt_with_a_digit_is_that_key_in_every_terminal(digit: str) -> None:
    free_alt_digits()
    keys = [event.key for event in XTermParser().feed(f"\x1b{digit}") if isinstance(event, events.Key)]
    assert keys == [f"alt+{digit}"]
