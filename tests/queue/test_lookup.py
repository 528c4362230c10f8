"""A lost answer is looked up where the service lists its requests; what is not certain, a person claims."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from silverprint.core.errors import AnswerLost, NotFound, Unreachable, UsageError
from silverprint.core.job import Job, JobState
from silverprint.core.provider import Found
from silverprint.queue import lookup
from silverprint.testing import FakeProvider
from tests.queue.conftest import Build
from tests.queue.house import House

S = JobState


async def lose(house: House, provider: FakeProvider, usd: float | None = 0.03) -> Job:
    """A job whose answer is lost after it was taken, as it is when all has been tried."""
    provider.fail("taken", AnswerLost("No answer."))
    await house.queue.start()
    (job,) = await house.add(usd)
    if provider.info.looks_up:
        await house.clock.until_sleeping(lookup.PAUSE_S)
        house.clock.advance(lookup.PAUSE_S)
    (ended,) = await house.queue.wait([job.id])
    return ended


async def left_sending(house: House, provider: FakeProvider) -> Job:
    """A job of a process that died after its request was taken."""
    job = house.job(S.SENDING, tries=1, price_usd=0.03, sent=house.clock())
    provider.submits.append(job.id)
    return await house.left_behind(job)


async def test_what_carries_our_marker_is_taken_up_by_itself(build: Build) -> None:
    provider = FakeProvider(looks_up=True)
    house = build(provider)
    done = await lose(house, provider)
    assert done.state is S.DONE
    assert provider.attempts == provider.submits == [done.id]
    assert provider.looked == [(done.id, house.newest(done.id).created - timedelta(minutes=5))]
    assert house.states(done.id) == [S.WAITING, S.SENDING, S.RUNNING, S.SAVING, S.DONE]
    assert await house.book() == {f"{done.id}:1": ("spent", 0.03)}


async def test_also_by_the_next_start(build: Build) -> None:
    provider = FakeProvider(looks_up=True)
    house = build(provider)
    job = await left_sending(house, provider)
    await house.queue.start()
    assert (await house.queue.wait([job.id]))[0].state is S.DONE
    assert provider.attempts == []


async def test_what_is_not_certain_asks_and_tells_the_price_and_the_way(build: Build) -> None:
    provider = FakeProvider(looks_up=True, marks=False)
    house = build(provider)
    unsure = await lose(house, provider)
    assert unsure.state is S.UNSURE
    assert unsure.error is not None
    assert unsure.error.message == "No answer. It may have cost about $0.03."
    assert f"silverprint jobs lookup {unsure.id}" in unsure.error.fix
    assert await house.book() == {f"{unsure.id}:1": ("unsure", 0.03)}


async def test_where_there_is_no_list_nothing_is_waited_for(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    unsure = await lose(house, provider, None)
    assert unsure.state is S.UNSURE
    assert unsure.error is not None
    assert unsure.error.message == "No answer. It may have been charged; its price is not known."
    with pytest.raises(UsageError, match="no list of past requests") as caught:
        await house.queue.look_up(unsure.id)
    assert "Fake's own pages" in caught.value.fix
    assert provider.looked == []


async def test_two_that_are_certain_are_not(build: Build) -> None:
    provider = FakeProvider(looks_up=True)
    one, two = (Found(ticket=provider.ticket(name), words=name, sure=True) for name in ("a", "b"))
    provider.listed = [one, two]
    house = build(provider)
    assert (await lose(house, provider)).state is S.UNSURE


@pytest.mark.parametrize("error", [Unreachable("away"), KeyError("items")], ids=repr)
async def test_a_list_that_can_t_be_had_asks(build: Build, error: Exception) -> None:
    provider = FakeProvider(looks_up=True)
    provider.fail("look up", error)
    house = build(provider)
    job = await left_sending(house, provider)
    await house.queue.start()
    assert (await house.queue.wait([job.id]))[0].state is S.UNSURE


async def test_a_list_that_does_not_come_asks(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "TIMEOUT_S", 0.01)
    provider = FakeProvider(looks_up=True)
    provider.hold("look up")
    house = build(provider)
    job = await left_sending(house, provider)
    await house.queue.start()
    assert (await house.queue.wait([job.id]))[0].state is S.UNSURE


async def test_closing_meanwhile_leaves_the_question_to_the_next_start(build: Build) -> None:
    provider = FakeProvider(looks_up=True)
    hold = provider.hold("look up")
    house = build(provider)
    job = await left_sending(house, provider)
    await house.queue.start()
    await hold.reached()
    await house.queue.close()
    assert (await house.on_disk(job.id)).state is S.SENDING
    hold.release()
    again = build(provider)
    await again.queue.start()
    assert (await again.queue.wait([job.id]))[0].state is S.DONE
    assert provider.attempts == []


async def test_a_person_claims_what_they_know_and_nothing_is_sent(build: Build) -> None:
    provider = FakeProvider(looks_up=True, marks=False)
    house = build(provider)
    unsure = await lose(house, provider)
    (found,) = await house.queue.look_up(unsure.id)
    assert not found.sure
    waiting = await house.queue.claim(unsure.id, found.ticket)
    assert waiting.state is S.WAITING
    (done,) = await house.queue.wait([unsure.id])
    assert (done.state, done.tries, done.price_usd, done.price_about) == (S.DONE, 1, 0.03, True)
    assert provider.attempts == [unsure.id]
    assert await house.book() == {f"{unsure.id}:1": ("spent", 0.03)}


async def test_another_job_s_request_is_not_offered_and_not_given(build: Build) -> None:
    provider = FakeProvider(looks_up=True, marks=False)
    house = build(provider)
    unsure = await lose(house, provider)
    (other,) = await house.add(0.03)
    (done,) = await house.queue.wait([other.id])
    assert done.ticket is not None
    assert [found.ticket.handle["job"] for found in await house.queue.look_up(unsure.id)] == [unsure.id]
    with pytest.raises(UsageError, match="another job"):
        await house.queue.claim(unsure.id, done.ticket)
    assert (await house.on_disk(unsure.id)).state is S.UNSURE
    assert await house.book() == {f"{unsure.id}:1": ("unsure", 0.03), f"{other.id}:1": ("spent", 0.03)}


async def test_of_two_that_claim_one_request_one_gets_it(build: Build) -> None:
    provider = FakeProvider(looks_up=True, marks=False)
    house = build(provider)
    one = await lose(house, provider)
    two = await lose(house, provider)
    ticket = provider.ticket(one.id)
    claims: Sequence[Job | BaseException] = await asyncio.gather(
        house.queue.claim(one.id, ticket), house.queue.claim(two.id, ticket), return_exceptions=True
    )
    assert sorted(type(claim).__name__ for claim in claims) == ["Job", "UsageError"]


async def test_what_can_t_be_watched_can_t_be_claimed(build: Build) -> None:
    provider = FakeProvider(looks_up=True, marks=False)
    house = build(provider)
    unsure = await lose(house, provider)
    good = provider.ticket(unsure.id)
    for bad in (replace(good, resumable=False), replace(good, provider="fal")):
        with pytest.raises(UsageError, match="can't be watched"):
            await house.queue.claim(unsure.id, bad)
    with pytest.raises(NotFound):
        await house.queue.claim("nobody", good)
    await house.queue.claim(unsure.id, good)
    await house.queue.wait([unsure.id])
    with pytest.raises(UsageError, match="done"):
        await house.queue.claim(unsure.id, good)
    assert provider.attempts == [unsure.id]


@pytest.mark.parametrize("state", [S.FAILED, S.CANCELLED])
async def test_what_failed_or_was_cancelled_can_be_claimed_too(build: Build, state: JobState) -> None:
    provider = FakeProvider(looks_up=True)
    house = build(provider)
    job = await house.left_behind(house.job(state, tries=1, price_usd=0.03))
    provider.submits.append(job.id)
    await house.queue.start()
    await house.queue.claim(job.id, provider.ticket(job.id))
    assert (await house.queue.wait([job.id]))[0].state is S.DONE
    assert provider.attempts == []


async def test_a_claim_goes_on_although_the_budget_is_reached(build: Build) -> None:
    provider = FakeProvider(looks_up=True, marks=False)
    house = build(provider)
    unsure = await lose(house, provider)
    house.budget = replace(house.budget, day_usd=0.01)
    (later,) = await house.add(0.03)
    await house.until(lambda: "fake" in house.queue.paused_providers)
    await house.queue.claim(unsure.id, provider.ticket(unsure.id))
    assert (await house.queue.wait([unsure.id]))[0].state is S.DONE
    assert (await house.on_disk(later.id)).state is S.WAITING
