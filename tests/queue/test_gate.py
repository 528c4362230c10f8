"""The budget is a hard limit: held where the job is written, for all lanes and processes together."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from silverprint.core.budget import Budget, BudgetReached
from silverprint.core.errors import AnswerLost, BadRecipe, ContentRefused, SilverprintError, Unreachable
from silverprint.core.job import Job, JobState
from silverprint.queue.neighbours import LOOK_S
from silverprint.store.database import Database
from silverprint.testing import FakeProvider
from tests.queue.conftest import Build
from tests.queue.house import House

S = JobState
DAY_S = 24 * 3600


def ended(house: House, jobs: list[Job], state: JobState = S.DONE) -> Callable[[], bool]:
    return lambda: all(house.states(job.id)[-1:] == [state] for job in jobs)


async def test_what_does_not_fit_waits_and_says_why(build: Build) -> None:
    provider = FakeProvider(parallel=5)
    house = build(provider, budget=Budget(day_usd=0.10))
    await house.queue.start()
    jobs = await house.add(0.03, 5)
    await house.until(lambda: "fake" in house.queue.paused_providers)
    await house.until(ended(house, jobs[:3]))
    assert provider.attempts == [job.id for job in jobs[:3]]
    assert house.queue.paused_providers["fake"].startswith("Today's budget of $0.10 is reached: $0.09 spent")
    assert "Press b to lift it for today" in house.queue.paused_providers["fake"]
    assert [(await house.on_disk(job.id)).state for job in jobs[3:]] == [S.WAITING] * 2
    assert [(await house.on_disk(job.id)).tries for job in jobs[3:]] == [0, 0]
    assert (await house.standing()).is_reached is False  # a cheaper one would still go
    assert [event.paused for event in house.pauses()] == [True]
    assert not house.queue.paused


async def test_what_is_free_goes_by_in_the_same_lane_and_in_others(build: Build) -> None:
    paid, free = FakeProvider("paid"), FakeProvider("free", local=True)
    house = build(paid, free, budget=Budget(day_usd=0.0))
    await house.queue.start()
    (dear,) = await house.add(0.03, provider="paid")
    await house.until(lambda: "paid" in house.queue.paused_providers)
    done = [*await house.add(0.0, 3, "paid"), *await house.add(None, 2, "free")]
    await house.queue.wait([job.id for job in done])
    assert (await house.on_disk(dear.id)).state is S.WAITING
    assert list(house.queue.paused_providers) == ["paid"]


async def test_every_lane_that_costs_is_held(build: Build) -> None:
    one, two = FakeProvider("one"), FakeProvider("two")
    house = build(one, two, budget=Budget(month_usd=0.05))
    await house.queue.start()
    (first,) = await house.add(0.05, provider="one")
    await house.queue.wait([first.id])
    await house.add(0.01, provider="one")
    await house.add(None, provider="two")
    await house.until(lambda: len(house.queue.paused_providers) == 2)
    assert "This month's budget of $0.05" in house.queue.paused_providers["one"]
    assert "counts as $0.10" in house.queue.paused_providers["two"]
    assert one.attempts == [first.id]
    assert two.attempts == []


async def test_lifting_lets_all_go_until_the_day_ends(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider, budget=Budget(day_usd=0.0))
    await house.queue.start()
    (job,) = await house.add(0.03)
    await house.until(lambda: "fake" in house.queue.paused_providers)
    await house.saved.lift_budget(house.clock())
    await house.queue.budget_changed()
    assert (await house.queue.wait([job.id]))[0].state is S.DONE
    assert house.queue.paused_providers == {}
    assert (await house.standing()).lifted
    house.clock.advance(DAY_S)
    assert not (await house.standing()).lifted
    await house.add(0.03)
    await house.until(lambda: "fake" in house.queue.paused_providers)


async def test_a_new_day_goes_on_by_itself(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider, budget=Budget(day_usd=0.03))
    await house.queue.start()
    first, second = await house.add(0.03, 2)
    await house.until(lambda: "fake" in house.queue.paused_providers)
    await house.clock.until_sleeping(LOOK_S)
    house.clock.advance(DAY_S)
    done = await house.queue.wait([first.id, second.id])
    assert [job.state for job in done] == [S.DONE, S.DONE]
    assert house.queue.paused_providers == {}


async def test_a_raised_limit_goes_on(build: Build) -> None:
    house = build(FakeProvider(), budget=Budget(day_usd=0.03))
    await house.queue.start()
    first, second = await house.add(0.03, 2)
    await house.until(lambda: "fake" in house.queue.paused_providers)
    house.budget = Budget(day_usd=1.0)
    await house.clock.until_sleeping(LOOK_S)
    house.clock.advance(LOOK_S)
    await house.queue.wait([first.id, second.id])


async def test_a_lift_in_another_process_is_seen(build: Build) -> None:
    first = build(FakeProvider(), budget=Budget(day_usd=0.0))
    second = build(FakeProvider(), seed=2)
    await first.queue.start()
    (job,) = await first.add(0.03)
    await first.until(lambda: "fake" in first.queue.paused_providers)
    await second.saved.lift_budget(second.clock())
    await first.clock.until_sleeping(LOOK_S)
    first.clock.advance(LOOK_S)
    assert (await first.queue.wait([job.id]))[0].state is S.DONE


async def test_what_cost_less_than_was_set_aside_makes_room(build: Build) -> None:
    provider = FakeProvider(parallel=2, price_usd=0.01)
    house = build(provider, budget=Budget(day_usd=0.06))
    hold = provider.hold("step:1")
    await house.queue.start()
    jobs = await house.add(0.05, 2)
    await house.until(lambda: "fake" in house.queue.paused_providers)
    assert len(provider.attempts) == 1
    hold.release()
    await house.queue.wait([job.id for job in jobs])
    assert (await house.standing()).day_usd == pytest.approx(0.02)


async def test_resuming_by_hand_does_not_get_past_it(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider, budget=Budget(day_usd=0.0))
    await house.queue.start()
    (job,) = await house.add(0.03)
    await house.until(lambda: len(house.pauses()) == 1)
    await house.queue.resume()
    await house.until(lambda: len(house.pauses()) == 3)
    assert [event.paused for event in house.pauses()] == [True, False, True]
    assert provider.attempts == []
    assert house.states(job.id) == [S.WAITING]


async def test_without_a_limit_nothing_is_asked_of_the_book(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build(FakeProvider())

    def never(*_: object) -> None:
        raise AssertionError("it was summed up")

    monkeypatch.setattr(type(house.ledger), "standing", never)
    await house.queue.start()
    (job,) = await house.add(None)
    assert (await house.queue.wait([job.id]))[0].state is S.DONE


async def test_what_is_taken_up_at_a_start_is_held_too(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider, budget=Budget(day_usd=0.0))
    await house.left_behind(house.job(S.WAITING, price_usd=0.03))
    await house.queue.start()
    await house.until(lambda: "fake" in house.queue.paused_providers)
    assert provider.attempts == []


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_the_book_stays_within_the_limit(
    build: Build, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    limit = random.choice([0.05, 0.5, 2.0])
    budget = Budget(day_usd=limit, month_usd=limit * random.choice([0.8, 1.5]), assume_usd=0.07)
    most = min(limit, budget.month_usd or limit)
    providers = [
        FakeProvider(name, parallel=random.randint(1, 6), immediate=name == "now", price_usd=price)
        for name, price in (("cloud", None), ("cheaper", 0.01), ("now", None))
    ]
    house = build(*providers, budget=budget)
    worst, refused = 0.0, 0
    record = type(house.ledger).record

    def watched(ledger: object, database: Database, before: Job | None, after: Job) -> None:
        nonlocal worst, refused
        try:
            record(ledger, database, before, after)  # type: ignore[arg-type]
        except BudgetReached:
            refused += 1
            raise
        standing = house.ledger.standing(database, house.clock())
        worst = max(worst, standing.day_usd + standing.day_unknown * budget.assume_usd)

    monkeypatch.setattr(type(house.ledger), "record", watched)
    errors: list[SilverprintError] = [
        AnswerLost("?"),
        BadRecipe("no"),
        ContentRefused("no"),
        Unreachable("away"),
    ]
    for provider in providers:
        for _ in range(8):
            provider.fail(random.choice(["submit", "taken"]), random.choice(errors))
    await house.queue.start()
    jobs: list[Job] = []
    for _ in range(40):
        price = random.choice([0.01, 0.02, 0.033, 0.1, 0.25, None])
        jobs += await house.add(price, provider=random.choice(providers).info.name)
        if random.random() < 0.2:
            await house.queue.cancel(random.choice(jobs).id)

    def has_come_to_rest() -> bool:
        held = house.queue.paused_providers
        return all(
            house.states(job.id)[-1].is_final
            or (house.states(job.id)[-1] is S.WAITING and job.recipe.ref.provider in held)
            for job in jobs
        )

    held: dict[str, str] | None = None
    while held != house.queue.paused_providers or not has_come_to_rest():
        await house.until(has_come_to_rest)
        held = dict(house.queue.paused_providers)
        await house.queue.budget_changed()  # the last to end may have made room
    assert worst <= most + 1e-9
    assert refused > 0 or not house.queue.paused_providers
    standing = await house.standing()
    waiting = [await house.on_disk(job.id) for job in jobs if house.states(job.id)[-1] is S.WAITING]
    for provider in providers:
        lane = sorted(
            (job for job in waiting if job.recipe.ref.provider == provider.info.name),
            key=lambda job: (job.created, job.id),
        )
        assert not lane or standing.refusal(lane[0].price_usd) is not None, (
            "there was room, and it was not used"
        )
