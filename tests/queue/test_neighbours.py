"""Two processes on one database: each leaves the other's jobs alone, heeds its wishes, and takes over from the dead."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from silverprint.core.job import JobState
from silverprint.queue.neighbours import LOOK_S
from silverprint.testing import FakeProvider
from tests.queue.conftest import Build
from tests.queue.house import House

S = JobState


async def look(house: House) -> None:
    """Let the house look once at what others did."""
    await house.clock.until_sleeping(LOOK_S)
    house.clock.advance(LOOK_S)
    await house.clock.until_sleeping(LOOK_S)


async def test_a_living_process_s_jobs_are_left_alone_and_on_view(build: Build) -> None:
    mine, theirs = FakeProvider(parallel=2), FakeProvider(parallel=2)
    first, second = build(mine, seed=1), build(theirs, seed=2)
    hold = mine.hold("step:1")
    await first.queue.start()
    running, waiting, later = await first.queue.add(first.recipes(3))
    await first.until(lambda: mine.running == 2)
    await second.queue.start()
    await look(second)
    assert [job.state for job in second.queue.jobs()] == [S.RUNNING, S.RUNNING, S.WAITING]
    assert (theirs.submits, theirs.watches) == ([], [])
    hold.release()
    await first.queue.wait([running.id, waiting.id, later.id])
    seen = asyncio.create_task(second.queue.wait([running.id, waiting.id, later.id]))
    await look(second)
    assert {job.state for job in await seen} == {S.DONE}
    assert theirs.submits == []


@pytest.mark.parametrize("point", ["waiting", "running"])
async def test_a_wish_to_cancel_reaches_the_process_that_runs_it(build: Build, point: str) -> None:
    provider = FakeProvider()
    first, second = build(provider, seed=1), build(FakeProvider(), seed=2)
    provider.hold("step:1")
    await first.queue.start()
    if point == "waiting":
        await first.queue.pause()
    (job,) = await first.queue.add(first.recipes())
    if point == "running":
        await first.until(lambda: provider.running == 1)
    await second.queue.cancel(job.id)
    assert (await second.on_disk(job.id)).state is (S.RUNNING if point == "running" else S.WAITING)
    await look(first)
    (ended,) = await first.queue.wait([job.id])
    assert ended.state is S.CANCELLED
    assert provider.cancelled == ([job.id] if point == "running" else [])


async def test_cancel_all_reaches_both(build: Build) -> None:
    provider = FakeProvider()
    first, second = build(provider, seed=1), build(FakeProvider("other"), seed=2)
    await first.queue.start()
    await first.queue.pause()
    jobs = await first.queue.add(first.recipes(2))
    await second.queue.start()
    await second.queue.pause()
    own = await second.queue.add(second.recipes(2))
    assert await second.queue.cancel_all() == 4
    assert {(await second.on_disk(job.id)).state for job in own} == {S.CANCELLED}
    await look(first)
    assert {(await second.on_disk(job.id)).state for job in jobs} == {S.CANCELLED}


async def test_what_ends_is_taken_up_by_who_is_left(build: Build) -> None:
    provider = FakeProvider()
    first, second = build(FakeProvider(), seed=1), build(provider, seed=2)
    await first.queue.start()
    await first.queue.pause()
    (job,) = await first.queue.add(first.recipes())
    await second.queue.start()
    assert provider.submits == []
    await first.queue.close()
    await look(second)
    (done,) = await second.queue.wait([job.id])
    assert done.state is S.DONE
    assert provider.submits == [job.id]


async def test_of_two_that_answer_for_an_unsure_job_one_sends_it(build: Build) -> None:
    provider = FakeProvider()
    first, second = build(provider, seed=1), build(provider, seed=2)
    unsure = await first.left_behind(first.job(S.UNSURE, tries=1))
    await first.queue.start()
    await second.queue.start()
    await asyncio.gather(first.queue.retry(unsure.id), second.queue.retry(unsure.id))
    while not all(house.newest(unsure.id).state is S.DONE for house in (first, second)):
        for house in (first, second):
            await look(house)
    assert provider.submits == [unsure.id]


async def test_an_answer_given_elsewhere_is_seen(build: Build) -> None:
    first, second = build(FakeProvider(), seed=1), build(FakeProvider(), seed=2)
    unsure = await first.left_behind(first.job(S.UNSURE))
    await first.queue.start()
    await second.queue.start()
    await second.queue.cancel(unsure.id)
    await look(first)
    assert [job.state for job in first.queue.jobs()] == [S.CANCELLED]


async def test_jobs_added_without_a_queue_are_run_by_one_that_looks(build: Build) -> None:
    provider = FakeProvider()
    first, second = build(provider, seed=1), build(FakeProvider(), seed=2)
    await first.queue.start()
    (job,) = await second.queue.add(second.recipes())
    await look(first)
    (done,) = await first.queue.wait([job.id])
    assert done.state is S.DONE
    assert provider.submits == [job.id]


async def test_waiting_for_a_job_that_another_process_runs(build: Build, tmp_path: Path) -> None:
    provider = FakeProvider()
    first, second = build(provider, seed=1), build(FakeProvider(), seed=2)
    hold = provider.hold("step:1")
    await first.queue.start()
    (job,) = await first.queue.add(first.recipes())
    await hold.reached()
    waiting = asyncio.create_task(second.queue.wait([job.id]))  # its queue was never started
    await second.clock.until_sleeping(LOOK_S)
    hold.release()
    await first.queue.wait([job.id])
    second.clock.advance(LOOK_S)
    (done,) = await waiting
    assert done.state is S.DONE


async def test_a_neighbour_s_clock_that_goes_back_hides_nothing(build: Build) -> None:
    provider = FakeProvider()
    first, second = build(provider, seed=1), build(FakeProvider(), seed=2)
    await first.queue.start()
    await first.queue.pause()
    (job,) = await first.queue.add(first.recipes())
    await second.queue.start()
    await look(second)
    assert [job.state for job in second.queue.jobs()] == [S.WAITING]
    first.clock.advance(-86_400)
    hold = provider.hold("step:1")
    await first.queue.resume()
    await hold.reached()
    await look(second)
    assert [job.state for job in second.queue.jobs()] == [S.RUNNING]
    hold.release()
    (done,) = await first.queue.wait([job.id])
    assert done.state is S.DONE
