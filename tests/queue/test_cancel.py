"""Cancelling, at each place of a job's life."""

from __future__ import annotations

import asyncio

from silverprint.core.errors import Unreachable
from silverprint.core.job import JobState
from silverprint.testing import FakeProvider
from tests.queue.conftest import Build

S = JobState


async def test_what_waits_is_cancelled_at_once(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    await house.queue.start()
    await house.queue.pause()
    one, two = await house.queue.add(house.recipes(2))
    cancelled = await house.queue.cancel(one.id)
    assert cancelled.state is S.CANCELLED
    assert await house.on_disk(one.id) == cancelled
    await house.queue.resume()
    await house.queue.wait([two.id])
    assert provider.submits == [two.id]


async def test_while_it_is_sent_the_ticket_is_waited_for(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    hold = provider.hold("taken")
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await hold.reached()
    assert (await house.queue.cancel(job.id)).state is S.SENDING
    assert provider.cancelled == []
    hold.release()
    (ended,) = await house.queue.wait([job.id])
    assert ended.state is S.CANCELLED
    assert provider.cancelled == [job.id]
    assert provider.watches == []
    assert house.states(job.id) == [S.WAITING, S.SENDING, S.RUNNING, S.CANCELLED]


async def test_while_it_runs_it_is_stopped_at_the_provider(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    hold = provider.hold("step:2")
    await house.queue.start()
    job, following = await house.queue.add(house.recipes(2))
    await hold.reached()
    await house.queue.cancel(job.id)
    (ended,) = await house.queue.wait([job.id])
    assert ended.state is S.CANCELLED
    assert ended.error is None
    assert provider.cancelled == [job.id]
    hold.release()
    (done,) = await house.queue.wait([following.id])
    assert done.state is S.DONE
    assert await house.pictures() == [f"{following.id}-1"]


async def test_the_wish_is_on_disk_before_it_is_carried_out(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    hold = provider.hold("cancel")
    stop = provider.hold("step:1")
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await stop.reached()
    await house.queue.cancel(job.id)
    await hold.reached()
    saved = await house.saved.find(job.id)
    assert saved is not None
    assert saved.cancel
    hold.release()
    await house.queue.wait([job.id])
    saved = await house.saved.find(job.id)
    assert saved is not None
    assert not saved.cancel


async def test_a_provider_that_can_t_be_told_is_named(build: Build) -> None:
    deaf, silent = FakeProvider("deaf", cancels=False), FakeProvider("silent")
    silent.fail("cancel", Unreachable("gone"))
    house = build(deaf, silent)
    holds = [provider.hold("step:1") for provider in (deaf, silent)]
    await house.queue.start()
    jobs = [(await house.queue.add(house.recipes(provider=name)))[0] for name in ("deaf", "silent")]
    for hold, job in zip(holds, jobs, strict=True):
        await hold.reached()
        await house.queue.cancel(job.id)
    for ended in await house.queue.wait(job.id for job in jobs):
        assert ended.state is S.CANCELLED
        assert ended.error is not None
        assert "charged" in ended.error.message
    for hold in holds:
        hold.release()
    # Its ticket stands, so a change of mind costs nothing.
    await house.queue.retry(jobs[0].id)
    (done,) = await house.queue.wait([jobs[0].id])
    assert done.state is S.DONE
    assert deaf.submits == [jobs[0].id]


async def test_while_it_is_saved_the_picture_is_kept(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def stop() -> None:
        reached.set()
        await go_on.wait()

    house.tray.on_receive = stop
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await reached.wait()
    await house.queue.cancel(job.id)
    go_on.set()
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE
    assert provider.cancelled == []


async def test_during_a_pause_of_the_watch(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("watch", Unreachable("gone"))
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await house.clock.until_sleeping(2)
    await house.queue.cancel(job.id)
    (ended,) = await house.queue.wait([job.id])
    assert ended.state is S.CANCELLED
    assert provider.cancelled == [job.id]


async def test_all_at_once(build: Build) -> None:
    provider = FakeProvider(parallel=2)
    house = build(provider)
    provider.hold("step:1")
    await house.queue.start()
    jobs = await house.queue.add(house.recipes(10))
    await house.until(lambda: provider.running == 2)
    assert await house.queue.cancel_all() == 10
    ended = await house.queue.wait(job.id for job in jobs)
    assert {job.state for job in ended} == {S.CANCELLED}
    assert sorted(provider.cancelled) == sorted(provider.submits)
    assert await house.queue.cancel_all() == 0


async def test_twice_and_after_the_end_is_nothing(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    hold = provider.hold("step:1")
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await hold.reached()
    await house.queue.cancel(job.id)
    await house.queue.cancel(job.id)
    await house.queue.wait([job.id])
    assert (await house.queue.cancel(job.id)).state is S.CANCELLED
    assert provider.cancelled == [job.id]


async def test_unsure_let_be_is_cancelled_and_not_sent(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    unsure = await house.left_behind(house.job(S.SENDING, tries=1))
    await house.queue.start()
    await house.until_state(unsure.id, S.UNSURE)
    assert (await house.queue.cancel(unsure.id)).state is S.CANCELLED
    assert provider.submits == []


async def test_a_cancelled_job_is_sent_anew_on_a_person_s_word(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    hold = provider.hold("step:1")
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await hold.reached()
    await house.queue.cancel(job.id)
    await house.queue.wait([job.id])
    hold.release()
    await house.queue.retry(job.id)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE
    assert provider.submits == [job.id, job.id]
