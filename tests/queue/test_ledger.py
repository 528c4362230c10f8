"""The book of spending: each sending has one line, written with the job, and it tells what is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from silverprint.core.budget import SpendRow
from silverprint.core.errors import AnswerLost, BadRecipe, ContentRefused, DiskFull, RateLimited, Unreachable
from silverprint.core.events import SpendChanged
from silverprint.core.job import JobState
from silverprint.testing import FakeProvider
from tests.queue.conftest import Build

S = JobState


async def test_the_price_is_set_aside_before_sending_and_corrected_by_the_service(build: Build) -> None:
    provider = FakeProvider(ticket_usd=0.05, price_usd=0.02)
    house = build(provider)
    holds = {point: provider.hold(point) for point in ("submit", "watch")}
    await house.queue.start()
    (job,) = await house.add(0.03)
    assert await house.book() == {}
    await holds["submit"].reached()
    assert await house.book() == {f"{job.id}:1": ("pending", 0.03)}
    assert (await house.on_disk(job.id)).price_about
    holds["submit"].release()
    await holds["watch"].reached()
    assert await house.book() == {f"{job.id}:1": ("pending", 0.05)}
    running = await house.on_disk(job.id)
    assert (running.price_usd, running.price_about) == (0.05, False)
    holds["watch"].release()
    (done,) = await house.queue.wait([job.id])
    assert await house.book() == {f"{job.id}:1": ("spent", 0.02)}
    assert done.price_usd == 0.02
    assert SpendChanged() in house.events


@pytest.mark.parametrize("told", [float("nan"), -1.0, float("inf")])
async def test_nonsense_for_a_price_changes_nothing(build: Build, told: float) -> None:
    provider = FakeProvider(ticket_usd=told, price_usd=told)
    house = build(provider)
    await house.queue.start()
    (job,) = await house.add(0.03)
    assert (await house.queue.wait([job.id]))[0].state is S.DONE
    assert await house.book() == {f"{job.id}:1": ("spent", 0.03)}


async def test_what_is_free_writes_no_line(build: Build) -> None:
    house = build(FakeProvider("free"), FakeProvider("here", local=True))
    await house.queue.start()
    (free,) = await house.add(0.0, provider="free")
    (here,) = await house.add(None, provider="here")
    done = await house.queue.wait([free.id, here.id])
    assert [job.price_usd for job in done] == [0.0, 0.0]
    assert await house.book() == {}
    assert SpendChanged() not in house.events


async def test_what_nobody_knows_is_a_line_without_a_price(build: Build) -> None:
    house = build(FakeProvider())
    await house.queue.start()
    (job,) = await house.add(None)
    await house.queue.wait([job.id])
    assert await house.book() == {f"{job.id}:1": ("spent", None)}
    standing = await house.standing()
    assert (standing.day_usd, standing.day_unknown) == (0.0, 1)


async def test_what_was_refused_leaves_no_line(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    await house.queue.start()
    for error in (BadRecipe("no"), ContentRefused("no"), Unreachable("away")):
        provider.fail("submit", error)
        (job,) = await house.add(0.03)
        assert (await house.queue.wait([job.id]))[0].state is S.FAILED
    provider.fail("submit", RateLimited("slow", retry_after_s=30))
    (job,) = await house.add(0.03)
    await house.clock.until_sleeping(30)
    assert await house.book() == {}
    house.clock.advance(30)
    await house.queue.wait([job.id])
    assert await house.book() == {f"{job.id}:2": ("spent", 0.03)}


async def test_a_failure_after_the_ticket_may_cost(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("step:1", ContentRefused("no"))
    house = build(provider)
    await house.queue.start()
    (job,) = await house.add(0.03)
    await house.queue.wait([job.id])
    assert await house.book() == {f"{job.id}:1": ("maybe", 0.03)}


async def test_each_sending_has_its_own_line_and_a_retry_does_not_hide_the_first(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("taken", AnswerLost("?"))
    house = build(provider)
    await house.queue.start()
    (job,) = await house.add(0.03)
    await house.queue.wait([job.id])
    await house.queue.pause("fake")
    await house.queue.retry(job.id)
    assert await house.book() == {f"{job.id}:1": ("unsure", 0.03)}
    await house.queue.resume("fake")
    await house.queue.wait([job.id])
    assert await house.book() == {f"{job.id}:1": ("unsure", 0.03), f"{job.id}:2": ("spent", 0.03)}


async def test_a_retry_that_is_cancelled_before_it_is_sent_leaves_the_first(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("step:1", ContentRefused("no"))
    house = build(provider)
    await house.queue.start()
    (job,) = await house.add(0.03)
    await house.queue.wait([job.id])
    await house.queue.pause("fake")
    await house.queue.retry(job.id)
    await house.queue.cancel(job.id)
    assert await house.book() == {f"{job.id}:1": ("maybe", 0.03)}


async def test_letting_an_unsure_one_be_does_not_make_it_free(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("taken", AnswerLost("?"))
    house = build(provider)
    await house.queue.start()
    (job,) = await house.add(0.03)
    await house.queue.wait([job.id])
    await house.queue.cancel(job.id)
    assert await house.book() == {f"{job.id}:1": ("maybe", 0.03)}


async def test_clearing_the_list_does_not_touch_the_book(build: Build) -> None:
    house = build(FakeProvider())
    await house.queue.start()
    jobs = await house.add(0.03, 3)
    await house.queue.wait([job.id for job in jobs])
    book = await house.book()
    assert await house.queue.clear_finished() == 3
    assert await house.book() == book
    assert len(book) == 3


async def test_a_refused_transaction_leaves_the_line_as_it_was(build: Build) -> None:
    house = build(FakeProvider())
    house.finish_errors.append(DiskFull("full"))
    await house.queue.start()
    (job,) = await house.add(0.03)
    await house.queue.wait([job.id])
    assert await house.book() == {f"{job.id}:1": ("maybe", 0.03)}
    await house.queue.resume()
    await house.queue.retry(job.id)
    await house.queue.wait([job.id])
    assert await house.book() == {f"{job.id}:1": ("spent", 0.03)}


async def test_the_sums_by_day_and_model(build: Build) -> None:
    one, two = FakeProvider("one"), FakeProvider("two")
    house = build(one, two)
    await house.queue.start()
    hold = two.hold("step:1")
    first = await house.add(0.03, 2, "one")
    await house.queue.wait([job.id for job in first])
    (running,) = await house.add(0.5, provider="two")
    await hold.reached()
    house.clock.advance(24 * 3600)
    (unknown,) = await house.add(None, provider="one")
    await house.queue.wait([unknown.id])
    days = [date(2026, 1, 2), date(2026, 1, 3)]
    row = SpendRow(day=days[0], provider="one", model="one", usd=0.06, jobs=2, unknown=0, pending_usd=0.0)
    pending = replace(row, provider="two", model="two", usd=0.0, jobs=1, pending_usd=0.5)
    later = replace(row, day=days[1], usd=0.0, jobs=1, unknown=1)
    assert await house.saved.spent(days[0], days[1]) == [row, pending, later]
    assert await house.saved.spent(days[1], days[1]) == [later]
    hold.release()
    await house.queue.wait([running.id])
    settled = replace(pending, usd=0.5, pending_usd=0.0)
    assert await house.saved.spent(days[0], days[0]) == [row, settled]  # on the day it was sent
    standing = await house.standing()
    assert (standing.day_usd, standing.day_unknown) == (0.0, 1)
    assert standing.month_usd == pytest.approx(0.56)
    assert standing.month_unknown == 1
