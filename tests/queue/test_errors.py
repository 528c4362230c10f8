"""What goes wrong at a provider: what is sent again, what fails, and what only a person may say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from silverprint.core.errors import (
    AnswerLost,
    BadAnswer,
    BadRecipe,
    ContentRefused,
    ModelGone,
    PictureError,
    RateLimited,
    SilverprintError,
    TicketLost,
    Unreachable,
)
from silverprint.core.job import Job, JobState
from silverprint.core.recipe import Recipe
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Update
from silverprint.queue.resume import claim_stands
from silverprint.testing import FakeProvider
from tests.queue.conftest import Build
from tests.queue.house import House

S = JobState


async def run_one(house: House) -> Job:
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    (ended,) = await house.queue.wait([job.id])
    return ended


@pytest.mark.parametrize(
    "error",
    [
        ContentRefused("no"),
        ModelGone("no"),
        BadRecipe("no", fields={"steps": "too many"}),
        Unreachable("no"),
        PictureError("no"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_refused_submit_fails_with_its_reason(build: Build, error: SilverprintError) -> None:
    provider = FakeProvider()
    provider.fail("submit", error)
    house = build(provider)
    job = await run_one(house)
    assert job.state is S.FAILED
    assert job.error is not None
    assert (job.error.kind, job.error.message, job.error.fix) == (type(error).__name__, "no", error.fix)
    assert job.error.can_retry is error.can_retry
    assert (job.error.fields or {}) == getattr(error, "fields", {})
    assert await house.on_disk(job.id) == job
    assert provider.submits == []


@pytest.mark.parametrize("error", [AnswerLost("?"), BadAnswer("?"), KeyError("images")], ids=repr)
async def test_a_submit_that_may_have_gone_through_asks(build: Build, error: Exception) -> None:
    provider = FakeProvider()
    provider.fail("taken", error)
    house = build(provider)
    job = await run_one(house)
    assert job.state is S.UNSURE
    assert job.error is not None
    assert job.error.message
    assert provider.submits == [job.id]


async def test_a_lost_answer_is_asked_for_again_where_that_costs_nothing(build: Build) -> None:
    provider = FakeProvider(idempotent=True)
    provider.fail("taken", AnswerLost("?"), times=2)
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    for pause_s in (2, 4):
        await house.clock.until_sleeping(pause_s)
        assert house.newest(job.id).state is S.WAITING
        house.clock.advance(pause_s)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE
    assert done.tries == 3
    assert provider.submits == [job.id]


async def test_that_has_an_end(build: Build) -> None:
    provider = FakeProvider(idempotent=True)
    provider.fail("taken", AnswerLost("?"), times=100)
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    for pause_s in (2, 4, 8):
        await house.clock.until_sleeping(pause_s)
        house.clock.advance(pause_s)
    (ended,) = await house.queue.wait([job.id])
    assert ended.state is S.FAILED
    assert ended.error is not None
    assert ended.error.kind == "AnswerLost"


async def test_a_rate_limit_rests_the_whole_lane_and_keeps_the_order(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("submit", RateLimited("slow down", retry_after_s=30))
    house = build(provider)
    await house.queue.start()
    first, second = await house.queue.add(house.recipes(2))
    await house.clock.until_sleeping(30)
    waiting = house.newest(first.id)
    assert waiting.state is S.WAITING
    assert waiting.error is not None
    assert waiting.error.kind == "RateLimited"
    assert provider.submits == []
    house.clock.advance(29.0)
    await house.clock.until_sleeping(1.0)
    assert provider.submits == []
    house.clock.advance(1.0)
    done = await house.queue.wait([first.id, second.id])
    assert [job.state for job in done] == [S.DONE, S.DONE]
    assert done[0].error is None
    assert provider.submits == [first.id, second.id]


async def test_a_rate_limit_s_pause_is_capped(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("submit", RateLimited("slow down", retry_after_s=86_400))
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await house.clock.until_sleeping(300)
    house.clock.advance(300)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE


async def test_a_rate_limit_without_end_fails_in_the_end(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("submit", RateLimited("slow down"), times=100)
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    for pause_s in (2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        await house.clock.until_sleeping(pause_s)
        house.clock.advance(pause_s)
    (ended,) = await house.queue.wait([job.id])
    assert ended.state is S.FAILED
    assert ended.error is not None
    assert ended.error.can_retry


async def test_watching_goes_on_through_a_lost_network(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("watch", Unreachable("gone"))
    provider.fail("watch", AnswerLost("gone"))
    provider.fail("watch", RateLimited("slow", retry_after_s=20))
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    for pause_s in (2, 4, 20):
        await house.clock.until_sleeping(pause_s)
        assert house.newest(job.id).state is S.RUNNING
        house.clock.advance(pause_s)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE
    assert provider.submits == [job.id]
    assert len(provider.watches) == 4


async def test_news_in_between_begins_the_count_anew(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("step:1", Unreachable("gone"), times=12)
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    for _ in range(12):
        await house.clock.until_sleeping(2)
        house.clock.advance(2)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (AnswerLost("?"), S.UNSURE),
        (ValueError("?"), S.UNSURE),
        (Unreachable("?"), S.FAILED),
        (ContentRefused("?"), S.FAILED),
        (BadAnswer("?"), S.UNSURE),
    ],
    ids=repr,
)
async def test_an_answer_that_comes_only_once_is_not_asked_for_twice(
    build: Build, error: Exception, state: JobState
) -> None:
    provider = FakeProvider(immediate=True)
    provider.fail("step:2", error)
    house = build(provider)
    job = await run_one(house)
    assert job.state is state
    assert provider.submits == [job.id]


async def test_a_rate_limit_inside_watch_sends_it_to_wait(build: Build) -> None:
    provider = FakeProvider(immediate=True)
    provider.fail("watch", RateLimited("slow", retry_after_s=7))
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await house.clock.until_sleeping(7)
    assert house.newest(job.id).state is S.WAITING
    assert house.newest(job.id).ticket is None
    house.clock.advance(7)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE
    assert provider.submits == [job.id]


async def test_a_lost_ticket_fails_and_a_retry_sends_anew(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("step:1", TicketLost("expired"))
    house = build(provider)
    job = await run_one(house)
    assert job.state is S.FAILED
    await house.queue.retry(job.id)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE
    assert provider.submits == [job.id, job.id]


async def test_a_stumbling_adapter_does_not_touch_the_others(build: Build) -> None:
    bad, good = FakeProvider("bad"), FakeProvider("good")
    bad.fail("step:1", RuntimeError("\x1b[31mbroken [b]plugin"))
    house = build(bad, good)
    await house.queue.start()
    (one,) = await house.queue.add(house.recipes(provider="bad"))
    (two,) = await house.queue.add(house.recipes(provider="good"))
    failed, done = await house.queue.wait([one.id, two.id])
    assert (failed.state, done.state) == (S.FAILED, S.DONE)
    assert failed.error is not None
    assert "RuntimeError" in failed.error.message
    assert "\x1b" not in failed.error.message


async def test_an_adapter_that_cancels_itself_is_a_failure(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("step:1", asyncio.CancelledError())
    house = build(provider)
    job = await run_one(house)
    assert job.state is S.FAILED


async def test_a_watch_without_a_picture_is_a_failure(build: Build) -> None:
    class Silent(FakeProvider):
        async def watch(self, ticket: Ticket, recipe: Recipe) -> AsyncIterator[Update]:
            async for update in super().watch(ticket, recipe):
                if not isinstance(update, Finished):
                    yield update

    class Empty(FakeProvider):
        async def watch(self, ticket: Ticket, recipe: Recipe) -> AsyncIterator[Update]:
            yield Finished(outputs=())

    house = build(Silent("silent"), Empty("empty"))
    await house.queue.start()
    jobs = [(await house.queue.add(house.recipes(provider=name)))[0] for name in ("silent", "empty")]
    for job in await house.queue.wait(job.id for job in jobs):
        assert job.state is S.FAILED
        assert job.error is not None
        assert "without a picture" in job.error.message


async def test_a_provider_that_is_not_there_fails_the_job(build: Build) -> None:
    house = build(FakeProvider())
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes(provider="gone"))
    (failed,) = await house.queue.wait([job.id])
    assert failed.state is S.FAILED
    assert failed.error is not None
    assert failed.error.kind == "SettingsError"
    house.providers["gone"] = FakeProvider("gone")
    await house.queue.retry(job.id)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE


async def test_fetching_is_tried_again(build: Build) -> None:
    provider = FakeProvider(kind="url")
    provider.fail("fetch", Unreachable("gone"), times=2)
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    for pause_s in (2, 4):
        await house.clock.until_sleeping(pause_s)
        house.clock.advance(pause_s)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE
    assert provider.submits == [job.id]


async def test_a_spoilt_picture_is_sent_anew_only_after_all_else(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    house.tray.errors["receive"].extend([PictureError("cut short")] * 3)
    job = await run_one(house)
    watches = []
    while job.state is S.FAILED:
        watches.append((len(provider.submits), len(provider.watches)))
        await house.queue.retry(job.id)
        (job,) = await house.queue.wait([job.id])
    # The answer in memory first, then the ticket, and only then the purse.
    assert watches == [(1, 1), (1, 1), (1, 2)]
    assert job.state is S.DONE
    assert provider.submits == [job.id, job.id]


async def test_bytes_that_make_no_picture_are_tried_once_more_then_fetched_anew(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    house.tray.errors["make"].extend([PictureError("larger than the limit in the settings")] * 2)
    job = await run_one(house)
    assert job.state is S.FAILED
    assert house.tray.lies(job.id)
    await house.queue.retry(job.id)
    (again,) = await house.queue.wait([job.id])
    assert again.state is S.FAILED
    assert house.tray.calls.count("receive") == 1
    await house.queue.retry(job.id)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE
    assert house.tray.calls.count("receive") == 2
    assert provider.submits == [job.id]


async def test_fresh_sends_again_whatever_stands(build: Build) -> None:
    provider = FakeProvider(kind="url")
    provider.fail("fetch", Unreachable("gone"), times=6)
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    for pause_s in (2, 4, 8, 16, 20):
        await house.clock.until_sleeping(pause_s)
        house.clock.advance(pause_s)
    (failed,) = await house.queue.wait([job.id])
    assert claim_stands(failed)
    await house.queue.retry(job.id, fresh=True)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE
    assert provider.submits == [job.id, job.id]
