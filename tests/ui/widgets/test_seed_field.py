"""The seed and its lock."""

from __future__ import annotations

from textual.widgets import Input

from silverprint.core.seeds import SeedMode
from silverprint.ui.widgets.seed_field import Lock, SeedField
from tests.ui.conftest import screen_text
from tests.ui.hosts import WidgetHost


def heard(host: WidgetHost) -> list[tuple[int | None, SeedMode]]:
    return [(message.seed, message.mode) for message in host.heard]


async def test_the_lock_has_three_states_each_with_its_sign() -> None:
    host = WidgetHost(SeedField(seed=7, mode=SeedMode.LOCKED), SeedField.Changed)
    async with host.run_test() as pilot:
        field = host.query_one(SeedField)
        seen = []
        for _ in range(3):
            await pilot.pause()
            seen.append(
                next(word for word in ("● locked", "○ random", "+1 each") if word in screen_text(host))
            )
            field.turn()
        await pilot.pause()
        assert seen == ["● locked", "○ random", "+1 each"]
        assert heard(host) == [(7, SeedMode.RANDOM), (7, SeedMode.STEP), (7, SeedMode.LOCKED)]


async def test_a_seed_typed_by_hand_locks() -> None:
    host = WidgetHost(SeedField(), SeedField.Changed)
    async with host.run_test() as pilot:
        host.query_one(Input).focus()
        await pilot.press("4", "x", "2")
        assert heard(host)[-1] == (42, SeedMode.LOCKED)


async def test_a_seed_beyond_the_models_range_says_so_and_is_not_taken() -> None:
    host = WidgetHost(SeedField(seed=1, mode=SeedMode.LOCKED), SeedField.Changed)
    async with host.run_test() as pilot:
        field = host.query_one(SeedField)
        field.seed_max = 100
        host.query_one(Input).value = "101"
        await pilot.pause()
        assert "at most 100" in screen_text(host)
        assert heard(host) == []
        assert field.seed == 1


async def test_the_seed_that_was_used_is_shown_without_being_told_back() -> None:
    host = WidgetHost(SeedField(), SeedField.Changed)
    async with host.run_test() as pilot:
        host.query_one(SeedField).seed = 123456
        await pilot.pause()
        assert "123456" in screen_text(host)
        assert host.heard == []


async def test_the_lock_turns_by_key_and_by_mouse() -> None:
    host = WidgetHost(SeedField(seed=1, mode=SeedMode.LOCKED), SeedField.Changed)
    async with host.run_test() as pilot:
        host.query_one(Lock).focus()
        await pilot.press("space")
        await pilot.click(Lock)
        assert [mode for _seed, mode in heard(host)] == [SeedMode.RANDOM, SeedMode.STEP]
