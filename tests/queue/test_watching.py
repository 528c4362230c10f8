"""A result that is paid for is awaited through any network, until it has expired; and no longer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from silverprint.core.errors import AnswerLost, ProviderError, RateLimited, TicketLost, Unreachable
from silverprint.core.job import Job, JobState
from silverprint.core.update import Working
from silverprint.testing import FakeClock, FakeProvider
from tests.queue.conftest import Build
from tests.queue.house import House

S = JobState


async def sleep_through(house: House, *pauses_s: float) -> None:
    for pause_s in pauses_s:
        await house.clock.until_sleeping(pause_s)
        house.clock.advance(pause_s)


async def left_running(house: House, provider: FakeProvider, *, expires: datetime) -> Job:
    """A job of a process that died while it was watched."""
    ticket = replace(house.ticket(), expires=expires)
    job = house.job(S.RUNNING, ticket=ticket, tries=1)
    provider.submits.append(job.id)
    return await house.left_behind(job)


async def test_pauses_grow_to_a_minute_and_no_count_ends_it(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("watch", Unreachable("away"), times=40)
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await sleep_through(house, 2, 4, 8, 16, 32, *[60] * 35)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE
    assert provider.submits == [job.id]
    assert len(provider.watches) == 41


@pytest.mark.parametrize(
    ("asked_s", "pause_s", "words"),
    [(90, 90, "asks to wait 90 s"), (9_999, 300, "next try in 300 s"), (None, 2, "next try in 2 s")],
)
async def test_the_service_s_own_pause_is_kept_capped_and_shown(
    build: Build, asked_s: float | None, pause_s: float, words: str
) -> None:
    provider = FakeProvider()
    provider.fail("watch", RateLimited("Too many questions.", retry_after_s=asked_s))
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await house.clock.until_sleeping(pause_s)
    assert house.queue.progress(job.id) == Working(note=f"Too many questions. ({words})")
    house.clock.advance(pause_s)
    assert (await house.queue.wait([job.id]))[0].state is S.DONE


async def test_a_rate_limit_at_submit_is_shown_on_the_job(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("submit", RateLimited("Too many requests.", retry_after_s=30))
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await house.clock.until_sleeping(30)
    note = house.newest(job.id).error
    assert note is not None
    assert note.message == "Too many requests. (asks to wait 30 s)"


@pytest.mark.parametrize("error", [Unreachable("away"), AnswerLost("away"), RateLimited("busy")], ids=repr)
async def test_it_ends_when_the_result_has_expired(build: Build, error: ProviderError) -> None:
    clock = FakeClock()
    provider = FakeProvider(expires_s=100, clock=clock)
    provider.fail("watch", error, times=100)
    house = build(provider, clock=clock)
    await house.queue.start()
    (job,) = await house.add(0.03)
    expires = clock() + timedelta(seconds=100)
    await sleep_through(house, 2, 4, 8, 16, 32, 38)
    (failed,) = await house.queue.wait([job.id])
    assert failed.state is S.FAILED
    assert failed.error is not None
    assert failed.error.kind == "TicketLost"
    assert f"The result expired on {expires.astimezone():%Y-%m-%d at %H:%M}" in failed.error.message
    assert str(error) in failed.error.message
    assert not failed.error.can_retry
    assert len(provider.watches) == 7  # the last of them at the very end
    assert await house.book() == {f"{job.id}:1": ("maybe", 0.03)}


async def test_without_a_date_a_day_is_waited_and_a_retry_asks_before_it_sends(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("watch", Unreachable("away"), times=2)
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await house.clock.until_sleeping(2)
    house.clock.advance(24 * 3600)
    (failed,) = await house.queue.wait([job.id])
    assert failed.error is not None
    assert (failed.state, failed.error.kind, failed.error.can_retry) == (S.FAILED, "TicketLost", True)
    assert "24 hours" in failed.error.message
    assert failed.ticket is not None
    await house.queue.retry(job.id)
    assert (await house.queue.wait([job.id]))[0].state is S.DONE
    assert provider.submits == [job.id]


async def test_an_expired_one_is_asked_for_once_at_the_start_and_says_since_when(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("watch", Unreachable("away"))
    house = build(provider)
    since = house.clock() - timedelta(hours=3)
    job = await left_running(house, provider, expires=since)
    await house.queue.start()
    (failed,) = await house.queue.wait([job.id])
    assert failed.state is S.FAILED
    assert failed.error is not None
    assert f"expired on {since.astimezone():%Y-%m-%d at %H:%M}" in failed.error.message
    assert provider.watches == [job.id]
    assert provider.attempts == []


async def test_an_expired_one_that_is_there_all_the_same_is_taken(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    job = await left_running(house, provider, expires=house.clock() - timedelta(hours=3))
    await house.queue.start()
    assert (await house.queue.wait([job.id]))[0].state is S.DONE


async def test_a_service_that_forgot_an_expired_one_is_quoted_with_the_date(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    since = house.clock() - timedelta(days=2)
    job = await left_running(house, provider, expires=since)
    provider.forget(job.id)
    await house.queue.start()
    (failed,) = await house.queue.wait([job.id])
    assert failed.error is not None
    assert failed.error.message == (
        f"The result expired on {since.astimezone():%Y-%m-%d at %H:%M}. Fake does not know this job any more."
    )


async def test_an_expired_link_is_asked_for_anew_once(build: Build) -> None:
    provider = FakeProvider(kind="url")
    provider.fail("fetch", TicketLost("expired"))
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    assert (await house.queue.wait([job.id]))[0].state is S.DONE
    assert provider.watches == [job.id, job.id]
    assert provider.submits == [job.id]


async def test_a_link_that_was_renewed_is_fetched(build: Build) -> None:
    provider = FakeProvider(kind="url")
    house = build(provider)
    await house.queue.start()
    (first,) = await house.queue.add(house.recipes())
    await house.queue.wait([first.id])
    hold = provider.hold("fetch")
    (job,) = await house.queue.add(house.recipes())
    await hold.reached()
    provider.expire_links(*provider.fetches)  # the same recipe, so the same link
    hold.release()
    assert (await house.queue.wait([job.id]))[0].state is S.DONE
    assert provider.watches == [first.id, job.id, job.id]


async def test_links_that_are_always_expired_fail(build: Build) -> None:
    provider = FakeProvider(kind="url")
    provider.fail("fetch", TicketLost("expired"), times=2)
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    (failed,) = await house.queue.wait([job.id])
    assert (failed.state, failed.error and failed.error.kind) == (S.FAILED, "TicketLost")
    assert provider.watches == [job.id, job.id]


async def test_without_a_claim_an_expired_link_is_not_asked_for_again(build: Build) -> None:
    provider = FakeProvider(kind="url", immediate=True)
    provider.fail("fetch", TicketLost("expired"))
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    assert (await house.queue.wait([job.id]))[0].state is S.FAILED
    assert provider.submits == [job.id]
