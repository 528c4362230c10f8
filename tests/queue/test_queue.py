"""From recipes to pictures: order, limits, durability, and what is told."""

from __future__ import annotations

import asyncio

import pytest

from silverprint.core.errors import LibraryError, NotFound, UsageError
from silverprint.core.events import Event, JobChanged, JobProgress, QueuePaused
from silverprint.core.job import JobState
from silverprint.core.update import Preview, Working
from silverprint.store.codec import job_of
from silverprint.store.database import Database
from silverprint.testing import FakeProvider
from tests.queue.conftest import Build
from tests.queue.house import SCHEMAS

S = JobState


async def test_a_job_goes_through_its_states_to_its_picture(build: Build) -> None:
    provider = FakeProvider(outputs=2)
    house = build(provider)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    (done,) = await house.queue.wait([job.id])
    assert house.states(job.id) == [S.WAITING, S.SENDING, S.RUNNING, S.SAVING, S.DONE]
    assert done.pictures == (f"{job.id}-1", f"{job.id}-2")
    assert await house.pictures() == list(done.pictures)
    assert await house.on_disk(job.id) == done
    assert provider.submits == [job.id]
    assert done.tries == 1
    assert not house.tray.lies(job.id)


async def test_every_state_is_on_disk_before_it_is_told(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build(FakeProvider())
    reader = Database(house.home / "silverprint.db", schemas=SCHEMAS)
    told: list[tuple[str, str]] = []
    heard = house._heard

    def look(event: Event) -> None:
        if isinstance(event, JobChanged):
            row = reader.table("jobs").by_key(event.job.id)
            assert row is not None
            told.append((event.job.state, job_of(row).state))
        heard(event)

    monkeypatch.setattr(house.queue._view, "_publish", look)
    await house.queue.start()
    jobs = await house.queue.add(house.recipes(3))
    await house.queue.wait(job.id for job in jobs)
    reader.close()
    assert len(told) == 15
    # The record may be ahead by the time the news is read, never behind.
    order = [S.WAITING, S.SENDING, S.RUNNING, S.SAVING, S.DONE]
    assert all(order.index(S(on_disk)) >= order.index(S(state)) for state, on_disk in told)


async def test_the_order_of_the_recipes_is_kept(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    await house.queue.start()
    jobs = await house.queue.add(house.recipes(20))
    assert [job.recipe.seed for job in jobs] == list(range(1, 21))
    assert [job.id for job in jobs] == sorted(job.id for job in jobs)
    assert [job.created for job in jobs] == sorted({job.created for job in jobs})
    assert len({job.batch for job in jobs}) == 1
    await house.queue.wait(job.id for job in jobs)
    assert provider.submits == [job.id for job in jobs]
    assert [job.id for job in house.queue.jobs()] == [job.id for job in jobs]


async def test_no_more_run_at_once_than_the_provider_allows(build: Build) -> None:
    provider = FakeProvider(parallel=3)
    house = build(provider)
    hold = provider.hold("step:1")
    await house.queue.start()
    jobs = await house.queue.add(house.recipes(8))
    await house.until(lambda: provider.running == 3)
    assert [job.state for job in house.queue.jobs()].count(S.WAITING) == 5
    hold.release()
    await house.queue.wait(job.id for job in jobs)
    assert provider.running_most == 3


async def test_the_settings_limit_wins(build: Build) -> None:
    provider = FakeProvider(parallel=1)
    house = build(provider, parallel={"fake": 2})
    await house.queue.start()
    hold = provider.hold("step:1")
    jobs = await house.queue.add(house.recipes(5))
    await house.until(lambda: provider.running == 2)
    hold.release()
    await house.queue.wait(job.id for job in jobs)
    assert provider.running_most == 2


async def test_one_provider_does_not_hold_up_another(build: Build) -> None:
    slow, quick = FakeProvider("slow"), FakeProvider("quick")
    house = build(slow, quick)
    hold = slow.hold("step:1")
    await house.queue.start()
    (waits,) = await house.queue.add(house.recipes(provider="slow"))
    (runs,) = await house.queue.add(house.recipes(provider="quick"))
    (done,) = await house.queue.wait([runs.id])
    assert done.state is S.DONE
    assert not (await house.queue.find(waits.id)).state.is_final
    hold.release()
    await house.queue.wait([waits.id])


async def test_a_thousand_jobs_are_one_write_and_few_tasks(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    hold = provider.hold("submit")
    other = Database(house.home / "silverprint.db", schemas=SCHEMAS)
    await house.queue.start()
    tasks, version = len(asyncio.all_tasks()), other.data_version()
    await house.queue.pause()
    jobs = await house.queue.add(house.recipes(1000))
    assert other.data_version() == version + 1
    assert len(other.table("jobs")) == 1000
    await house.queue.resume()
    await house.until(lambda: S.SENDING in house.states(jobs[0].id))
    assert len(asyncio.all_tasks()) <= tasks + 4
    assert await house.queue.cancel_all() == 1000
    # 999 waiting ones in one write; the first one is being sent: its state, and the wish.
    assert other.data_version() <= version + 4
    hold.release()
    other.close()


async def test_nothing_starts_while_it_is_paused(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    await house.queue.start()
    await house.queue.pause(reason="dinner")
    assert house.queue.paused
    (job,) = await house.queue.add(house.recipes())
    (other,) = await house.queue.add(house.recipes())
    assert provider.submits == []
    await house.queue.resume()
    await house.queue.wait([job.id, other.id])
    assert house.pauses() == [QueuePaused(True, None, "dinner"), QueuePaused(False, None)]


async def test_one_provider_can_be_paused_alone(build: Build) -> None:
    resting, working = FakeProvider("resting"), FakeProvider("working")
    house = build(resting, working)
    await house.queue.start()
    await house.queue.pause("resting")
    (first,) = await house.queue.add(house.recipes(provider="resting"))
    (second,) = await house.queue.add(house.recipes(provider="working"))
    await house.queue.wait([second.id])
    assert house.states(first.id) == [S.WAITING]
    await house.queue.resume("resting")
    (done,) = await house.queue.wait([first.id])
    assert done.state is S.DONE


async def test_what_runs_goes_on_through_a_pause(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    hold = provider.hold("step:1")
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await hold.reached()
    await house.queue.pause()
    hold.release()
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE


async def test_progress_and_previews_are_told_and_kept(build: Build) -> None:
    provider = FakeProvider(steps=3)
    house = build(provider)
    hold = provider.hold("step:3")
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await hold.reached()
    working = house.queue.progress(job.id)
    preview = house.queue.preview(job.id)
    assert working == Working(step=2, steps=3)
    assert isinstance(preview, Preview)
    assert preview.step == 2
    hold.release()
    await house.queue.wait([job.id])
    assert house.queue.progress(job.id) is None
    assert house.queue.preview(job.id) is None
    told = [event.update for event in house.events if isinstance(event, JobProgress)]
    assert [update.step for update in told if isinstance(update, Working)] == [1, 2, 3]


async def test_an_added_job_names_its_parent_and_batch(build: Build) -> None:
    house = build(FakeProvider())
    jobs = await house.queue.add(house.recipes(2), parent="p-1", batch="mine")
    assert {(job.parent, job.batch) for job in jobs} == {("p-1", "mine")}
    assert await house.queue.add([]) == []


async def test_without_start_jobs_are_only_written(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    (job,) = await house.queue.add(house.recipes())
    assert await house.on_disk(job.id) == job
    assert provider.submits == []
    await house.queue.start()
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE


async def test_recent_and_clear(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    await house.queue.start()
    jobs = await house.queue.add(house.recipes(3))
    await house.queue.wait(job.id for job in jobs)
    await house.queue.pause()
    (waiting,) = await house.queue.add([house.recipes()[0]])
    assert [job.id for job in await house.queue.recent(2)] == sorted(
        [waiting.id, *(job.id for job in jobs)], reverse=True
    )[:2]
    assert await house.queue.clear_finished() == 3
    assert [job.id for job in house.queue.jobs()] == [waiting.id]
    assert [job.id for job in await house.queue.recent(10)] == [waiting.id]
    assert (await house.queue.find(jobs[0].id)).state is S.DONE
    assert len(await house.pictures()) == 3


async def test_a_job_that_is_not_there_is_not_found(build: Build) -> None:
    house = build(FakeProvider())
    await house.queue.start()
    for ask in (house.queue.find, house.queue.cancel, house.queue.retry):
        with pytest.raises(NotFound):
            await ask("nothing")
    with pytest.raises(NotFound):
        await house.queue.wait(["nothing"])


async def test_done_is_not_retried(build: Build) -> None:
    house = build(FakeProvider())
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await house.queue.wait([job.id])
    with pytest.raises(UsageError):
        await house.queue.retry(job.id)


async def test_a_closed_queue_takes_nothing(build: Build) -> None:
    house = build(FakeProvider())
    await house.queue.start()
    await house.queue.close()
    await house.queue.close()
    with pytest.raises(LibraryError):
        await house.queue.add(house.recipes())
