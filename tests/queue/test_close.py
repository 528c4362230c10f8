"""Closing: what can be gone on with is broken off, what is given only once is waited for, nothing is lost."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Sequence

import pytest

from silverprint.core.job import Job, JobState
from silverprint.store.database import Database
from silverprint.testing import FakeProvider
from tests.queue.conftest import Build

S = JobState


@pytest.mark.parametrize(
    ("resumable", "idempotent", "sent"), [(True, False, 1), (False, True, 1), (True, True, 1)]
)
async def test_what_can_be_gone_on_with_is(
    build: Build, resumable: bool, idempotent: bool, sent: int
) -> None:
    provider = FakeProvider(resumable=resumable, idempotent=idempotent)
    first = build(provider, seed=1)
    hold = provider.hold("step:2")
    await first.queue.start()
    running, waiting = await first.queue.add(first.recipes(2))
    await hold.reached()
    await first.queue.close()
    assert [(await first.on_disk(job.id)).state for job in (running, waiting)] == [S.RUNNING, S.WAITING]
    assert provider.cancelled == []
    hold.release()
    second = build(provider, seed=2)
    await second.queue.start()
    done = await second.queue.wait([running.id, waiting.id])
    assert [job.state for job in done] == [S.DONE, S.DONE]
    assert provider.submits.count(running.id) == sent


async def test_an_answer_that_comes_once_is_waited_for(build: Build) -> None:
    provider = FakeProvider(immediate=True)
    house = build(provider)
    hold = provider.hold("step:2")
    await house.queue.start()
    job, following = await house.queue.add(house.recipes(2))
    await hold.reached()
    closing = asyncio.create_task(house.queue.close(patience_s=20))
    hold.release()
    await closing
    assert (await house.on_disk(job.id)).state is S.DONE
    assert (await house.on_disk(following.id)).state is S.WAITING
    assert provider.submits == [job.id]


async def test_but_not_for_ever(build: Build) -> None:
    provider = FakeProvider(immediate=True)
    first = build(provider, seed=1)
    hold = provider.hold("step:2")
    await first.queue.start()
    (job,) = await first.queue.add(first.recipes())
    await hold.reached()
    await first.queue.close(patience_s=0)
    second = build(provider, seed=2)
    await second.queue.start()
    (ended,) = await second.queue.wait([job.id])
    assert ended.state is S.UNSURE
    assert provider.submits == [job.id]


async def test_a_ticket_on_its_way_is_not_lost(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    hold = provider.hold("taken")
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await hold.reached()
    closing = asyncio.create_task(house.queue.close(patience_s=20))
    hold.release()
    await closing
    left = await house.on_disk(job.id)
    assert left.state is S.RUNNING
    assert left.ticket is not None


async def test_what_was_noted_but_not_sent_waits_again(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = FakeProvider()
    house = build(provider)
    writing, go_on = threading.Event(), threading.Event()
    save = house.saved._save

    def slow(database: Database, jobs: Sequence[Job]) -> None:
        if jobs[0].state is S.SENDING:
            writing.set()
            go_on.wait(20)
        save(database, jobs)

    monkeypatch.setattr(house.saved, "_save", slow)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    assert await asyncio.to_thread(writing.wait, 20)
    closing = asyncio.create_task(house.queue.close())
    await asyncio.sleep(0)
    go_on.set()
    await closing
    assert provider.submits == []
    left = await house.on_disk(job.id)
    assert (left.state, left.tries) == (S.WAITING, 0)


async def test_a_submit_that_hangs_does_not_hold_up_closing_for_ever(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    hold = provider.hold("submit")
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await hold.reached()
    await house.queue.close(patience_s=0)
    assert (await house.on_disk(job.id)).state is S.SENDING


async def test_saving_is_brought_to_its_end(build: Build) -> None:
    provider = FakeProvider(immediate=True)
    house = build(provider)
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def stop() -> None:
        reached.set()
        await go_on.wait()

    house.tray.on_receive = stop
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await reached.wait()
    closing = asyncio.create_task(house.queue.close(patience_s=20))
    go_on.set()
    await closing
    assert (await house.on_disk(job.id)).state is S.DONE
    assert await house.pictures() == [f"{job.id}-1"]


async def test_those_who_wait_are_let_go(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    hold = provider.hold("step:1")
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await hold.reached()
    waiting = asyncio.create_task(house.queue.wait([job.id]))
    await asyncio.sleep(0)
    await house.queue.close()
    (left,) = await waiting
    assert left.state is S.RUNNING


async def test_no_task_and_no_lock_is_left(build: Build) -> None:
    provider = FakeProvider(parallel=3)
    house = build(provider)
    before = asyncio.all_tasks()
    hold = provider.hold("step:1")
    await house.queue.start()
    await house.queue.add(house.recipes(5))
    await hold.reached()
    await house.queue.close()
    assert asyncio.all_tasks() == before
    assert list((house.home / "owners").iterdir()) == []


async def test_a_job_whose_life_has_not_begun_is_left_waiting(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await house.queue.close()  # at once, before its task has run a step
    gc.collect()  # a life that was made and never lived would be told here
    assert provider.attempts == []
    assert (await house.on_disk(job.id)).state is S.WAITING
