"""What the studio knows of prices, keys and budgets, and that a slow provider holds up no other."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from silverprint import roster
from silverprint.core.errors import KeyMissing, KeyRefused, SettingsError, Unreachable, UsageError
from silverprint.core.events import Event, QueuePaused, SpendChanged
from silverprint.core.job import JobState
from silverprint.core.provider import ModelInfo, Price, Provider, ProviderContext
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.seeds import SeedMode, Spread
from silverprint.core.text import one_line
from silverprint.providers.registry import Factory
from silverprint.settings.model import BudgetSettings, Settings
from silverprint.settings.paths import find_paths
from silverprint.studio import Studio, open_studio
from silverprint.testing import GOOD_KEY, FakeProvider

S = JobState
FOX = Recipe(ref=ModelRef("cloud", "cloud"), prompt="a fox", seed=7)
DEAR = Price(usd=0.04, about=True, source="table", as_of="2026-10")


class House:
    """A studio on three scripted providers, and what it told."""

    def __init__(self) -> None:
        self.cloud = FakeProvider("cloud", price=DEAR, needs_key=True, parallel=4)
        self.cloud.account.key = GOOD_KEY
        self.other = FakeProvider("other", price=Price(usd=0.5))
        self.here = FakeProvider("here", local=True)
        self.told: list[Event] = []
        providers = {each.info.name: each for each in (self.cloud, self.other, self.here)}

        def factory(name: str) -> Provider:
            return providers[name]

        self.factories = {name: lambda context: factory(context.name) for name in providers}

    def open(self, **budget: float) -> Studio:
        settings = Settings(budget=BudgetSettings(**budget))
        return Studio(find_paths(os.environ), settings, providers=self.factories)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
async def studio(house: House) -> AsyncIterator[Studio]:
    opened = house.open(day_usd=5.0)
    await opened.start()
    yield opened
    await opened.close()


async def until_told(studio: Studio, event: Event) -> None:
    async with studio.feed.subscribe() as news:
        async for each in news:
            if each == event:
                return


# prices


async def test_a_job_knows_its_price_before_it_is_sent_and_all_seeds_are_one_question(
    studio: Studio, house: House
) -> None:
    await studio.queue.pause()
    jobs = await studio.develop(FOX, mode=SeedMode.STEP, count=8)
    assert {(job.price_usd, job.price_about) for job in jobs} == {(0.04, True)}
    assert {job.recipe.seed for job in jobs} == set(range(7, 15))
    assert [recipe.prompt for recipe in house.cloud.priced] == ["a fox"]


async def test_each_recipe_of_its_own_is_asked_for(studio: Studio, house: House) -> None:
    await studio.queue.pause()
    await studio.develop(replace(FOX, prompt="a {red|blue|green} fox"), spread=Spread.ALL)
    assert sorted(recipe.prompt for recipe in house.cloud.priced) == [
        "a blue fox",
        "a green fox",
        "a red fox",
    ]


@pytest.mark.parametrize("error", [Unreachable("away"), KeyError("price"), KeyMissing("no key")], ids=repr)
async def test_a_price_that_can_t_be_had_stops_nothing(
    studio: Studio, house: House, error: Exception
) -> None:
    house.cloud.fail("price", error)
    assert await studio.price(FOX) is None
    assert await studio.price(FOX) == DEAR


async def test_a_price_that_does_not_come_is_not_waited_for(
    studio: Studio, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "PRICE_TIMEOUT_S", 0.01)
    house.cloud.hold("price")
    (job,) = await studio.develop(FOX)
    assert job.price_usd is None
    assert (await studio.queue.wait([job.id]))[0].state is S.DONE


async def test_prices_of_nobody_of_nonsense_and_of_our_own(studio: Studio, house: House) -> None:
    assert await studio.price(replace(FOX, ref=ModelRef("nobody", "x"))) is None
    house.cloud._price = Price(usd=float("nan"))
    assert await studio.price(FOX) is None
    assert await studio.price(replace(FOX, ref=ModelRef("here", "here"))) == Price(usd=0.0)
    assert house.here.priced == []


async def test_a_picture_has_its_share_and_a_redo_its_own_price(house: House) -> None:
    house.cloud._outputs = 4
    studio = house.open()
    await studio.start()
    (job,) = await studio.queue.wait([job.id for job in await studio.develop(FOX)])
    pictures = [await studio.library.get(picture) for picture in job.pictures]
    assert [picture.price_usd for picture in pictures] == [pytest.approx(0.01)] * 4
    assert (await studio.standing()).day_usd == 0.04
    again = await studio.redo(pictures[0])
    assert again.price_usd == 0.04
    await studio.close()


# the budget


async def test_the_budget_of_the_settings_holds_and_is_lifted(house: House) -> None:
    studio = house.open(day_usd=0.05)
    await studio.start()
    held = asyncio.create_task(until_told(studio, QueuePaused(True, "cloud", words(0.05))))
    await asyncio.sleep(0)
    jobs = await studio.develop(FOX, mode=SeedMode.STEP, count=3)
    await held
    assert (await studio.queue.wait([jobs[0].id]))[0].state is S.DONE
    assert studio.queue.paused_providers == {"cloud": words(0.05)}
    (free,) = await studio.develop(replace(FOX, ref=ModelRef("here", "here")))
    assert (await studio.queue.wait([free.id]))[0].state is S.DONE
    lifted = asyncio.create_task(until_told(studio, SpendChanged()))
    await asyncio.sleep(0)
    await studio.lift_budget()
    await lifted
    assert {job.state for job in await studio.queue.wait([job.id for job in jobs])} == {S.DONE}
    standing = await studio.standing()
    assert standing.lifted
    assert standing.day_usd == pytest.approx(0.12)
    today = studio.clock().astimezone().date()
    (row,) = await studio.spent(today, today)
    assert (row.provider, row.model, row.jobs) == ("cloud", "cloud", 3)
    assert row.usd == pytest.approx(0.12)
    assert await studio.spent(today - timedelta(days=9), today - timedelta(days=1)) == []
    await studio.close()


def words(limit: float) -> str:
    return (
        f"Today's budget of ${limit:.2f} is reached: $0.04 spent, this picture costs $0.04. "
        "Press b to lift it for today, or raise it in Settings (5)."
    )


async def test_a_budget_raised_in_the_settings_counts_at_once(house: House) -> None:
    studio = house.open(day_usd=0.0)
    await studio.start()
    (job,) = await studio.develop(FOX)
    studio.settings = replace(studio.settings, budget=BudgetSettings(day_usd=1.0))
    await studio.queue.resume()
    assert (await studio.queue.wait([job.id]))[0].state is S.DONE
    await studio.close()


# keys


async def test_a_key_is_tested_without_a_job(studio: Studio, house: House) -> None:
    assert await studio.probe("cloud") == "an account at Cloud"
    house.cloud.account.key = "another"
    with pytest.raises(KeyRefused):
        await studio.probe("cloud")
    with pytest.raises(SettingsError):
        await studio.probe("nobody")
    assert house.cloud.attempts == []
    assert (await studio.info("cloud")).key_name == "cloud"


async def test_a_provider_without_a_test_says_so() -> None:
    class Silent(FakeProvider):
        probe = None  # type: ignore[assignment]

    async with open_studio(find_paths(os.environ), Settings(), providers={"x": lambda _: Silent()}) as studio:
        with pytest.raises(UsageError, match="no key to test"):
            await studio.probe("x")


async def test_a_new_key_lets_go_on_what_waited_for_it(studio: Studio, house: House) -> None:
    house.cloud.account.key = None
    held = asyncio.create_task(
        until_told(studio, QueuePaused(True, "cloud", "Cloud needs a key. Add a key in Settings (5)."))
    )
    await asyncio.sleep(0)
    (job,) = await studio.develop(FOX)
    await held
    house.cloud.account.key = GOOD_KEY
    await studio.key_changed("other")
    assert list(studio.queue.paused_providers) == ["cloud"]
    await studio.key_changed("cloud")
    assert (await studio.queue.wait([job.id]))[0].state is S.DONE


# all providers at once


def make(context: ProviderContext) -> Provider:
    return FakeProvider(context.name)


async def test_a_slow_a_broken_and_a_dead_provider_hold_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "MODELS_TIMEOUT_S", 0.05)
    slow, odd = FakeProvider("slow"), FakeProvider("odd")
    hold = slow.hold("models")
    odd.fail("models", KeyError("items"))

    def broken(_context: ProviderContext) -> Provider:
        raise SettingsError("the plugin is broken")

    factories: dict[str, Factory] = {
        "slow": lambda _context: slow,
        "odd": lambda _context: odd,
        "broken": broken,
        "a": make,
        "m": make,
        "z": make,
    }
    async with open_studio(find_paths(os.environ), Settings(), providers=factories) as studio:
        assert [model.ref.provider for model in await studio.models()] == ["a", "m", "z"]
        assert {name: one_line(str(error)) for name, error in studio.problems.items()} == {
            "slow": "slow did not answer within 0 s.",
            "broken": "the plugin is broken",
            "odd": "The provider odd failed in a way that was not foreseen: KeyError: 'items'",
        }
        hold.release()
        assert [model.ref.provider for model in await studio.models()] == ["a", "m", "odd", "slow", "z"]
        assert list(studio.problems) == ["broken"]


async def test_all_are_asked_at_the_same_time() -> None:
    names = ("a", "b", "c")
    met: list[str] = []
    all_met = asyncio.Event()

    class Meeting(FakeProvider):
        async def models(self, query: str = "") -> Sequence[ModelInfo]:
            met.append(self.info.name)
            if len(met) == len(names):
                all_met.set()
            await all_met.wait()
            return await super().models(query)

    def meeting(context: ProviderContext) -> Provider:
        return Meeting(context.name)

    factories = dict.fromkeys(names, meeting)
    async with open_studio(find_paths(os.environ), Settings(), providers=factories) as studio:
        assert [model.ref.provider for model in await studio.models()] == list(names)


async def test_the_day_is_the_person_s(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        studio = house.open()
        studio.clock = lambda: datetime.fromisoformat("2026-11-22T12:00:00+00:00")
        await studio.start()
        (job,) = await studio.develop(FOX)
        await studio.queue.wait([job.id])
        (row,) = await studio.spent(datetime(2026, 11, 1).date(), datetime(2026, 12, 1).date())
        assert row.day.isoformat() == "2026-11-23"
        await studio.close()
    finally:
        monkeypatch.undo()
        time.tzset()
