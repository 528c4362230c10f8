"""A disk that refuses: nothing is sent that could not be kept, and what came is kept in memory."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import pytest

from silverprint.core.errors import DiskFull, LibraryBusy, LibraryError, SilverprintError
from silverprint.core.job import Job, JobState
from silverprint.testing import FakeProvider
from tests.queue.conftest import Build
from tests.queue.house import House

S = JobState
FULL = DiskFull("there is no room left")


class Refusals:
    """Lets the database refuse the next writes of given states."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refused: deque[tuple[JobState, SilverprintError]] = deque()
        self._save = house.saved._save
        monkeypatch.setattr(house.saved, "_save", self._refuse)

    def _refuse(self, database: object, jobs: tuple[Job, ...]) -> None:
        if self.refused and jobs[0].state is self.refused[0][0]:
            raise self.refused.popleft()[1]
        self._save(database, jobs)  # type: ignore[arg-type]


async def test_no_room_for_the_job_means_no_job(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = FakeProvider()
    house = build(provider)
    await house.queue.start()

    def refuse(*_: object) -> None:
        raise FULL

    monkeypatch.setattr(house.saved, "_add", refuse)
    with pytest.raises(DiskFull):
        await house.queue.add(house.recipes(2))
    assert house.queue.jobs() == []
    assert provider.submits == []


async def test_nothing_is_sent_that_could_not_be_noted(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = FakeProvider()
    house = build(provider)
    Refusals(house, monkeypatch).refused.append((S.SENDING, FULL))
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await house.until(lambda: house.queue.paused)
    assert "no room left" in house.pauses()[0].reason
    assert provider.submits == []
    assert (await house.on_disk(job.id)).state is S.WAITING
    await house.queue.resume()
    await house.clock.until_sleeping(10)
    house.clock.advance(10)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE


async def test_a_ticket_that_could_not_be_noted_is_used_all_the_same(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = FakeProvider()
    house = build(provider)
    Refusals(house, monkeypatch).refused.append((S.RUNNING, FULL))
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE
    assert house.states(job.id) == [S.WAITING, S.SENDING, S.SAVING, S.DONE]
    assert provider.submits == [job.id]
    assert house.queue.paused


@pytest.mark.parametrize("immediate", [True, False])
@pytest.mark.parametrize("is_noted", [True, False])
async def test_an_answer_that_could_not_be_written_is_kept_for_the_retry(
    build: Build, monkeypatch: pytest.MonkeyPatch, immediate: bool, is_noted: bool
) -> None:
    provider = FakeProvider(immediate=immediate)
    house = build(provider)
    house.tray.errors["receive"].append(FULL)
    if not is_noted:
        Refusals(house, monkeypatch).refused.append((S.FAILED, FULL))
    await house.queue.start()
    first, second = await house.queue.add(house.recipes(2))
    (failed,) = await house.queue.wait([first.id])
    assert failed.state is S.FAILED
    assert failed.error is not None
    assert failed.error.kind == "DiskFull"
    assert failed.error.can_retry
    assert (await house.on_disk(first.id)).state is (S.FAILED if is_noted else S.RUNNING)
    assert house.queue.paused, "more would be paid for and have no place to go"
    assert provider.submits == [first.id]
    await house.queue.retry(first.id)
    await house.queue.resume()
    done = await house.queue.wait([first.id, second.id])
    assert [job.state for job in done] == [S.DONE, S.DONE]
    assert provider.submits == [first.id, second.id]
    assert provider.watches == [first.id, second.id]


async def test_a_picture_that_could_not_be_made_is_made_from_what_was_received(build: Build) -> None:
    provider = FakeProvider(immediate=True)
    house = build(provider)
    house.tray.errors["make"].append(FULL)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    (failed,) = await house.queue.wait([job.id])
    assert failed.state is S.FAILED
    await house.queue.resume()
    await house.queue.retry(job.id)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE
    assert provider.submits == [job.id]
    assert house.tray.calls.count("receive") == 1


async def test_that_also_holds_for_another_process(build: Build) -> None:
    provider = FakeProvider(immediate=True)
    first = build(provider, seed=1)
    first.tray.errors["make"].append(FULL)
    await first.queue.start()
    (job,) = await first.queue.add(first.recipes())
    await first.queue.wait([job.id])
    await first.queue.close()
    second = build(provider, seed=2)
    await second.queue.start()
    await second.queue.retry(job.id)
    (done,) = await second.queue.wait([job.id])
    assert done.state is S.DONE
    assert provider.submits == [job.id]


@pytest.mark.parametrize("error", [FULL, LibraryBusy("busy"), LibraryError("no"), OSError("odd")], ids=repr)
@pytest.mark.parametrize("immediate", [True, False])
async def test_a_refused_transaction_leaves_no_picture_and_no_done(
    build: Build, error: Exception, immediate: bool
) -> None:
    provider = FakeProvider(immediate=immediate)
    house = build(provider)
    house.finish_errors.append(error)
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    (failed,) = await house.queue.wait([job.id])
    assert failed.state is S.FAILED
    assert await house.pictures() == []
    await house.queue.resume()
    await house.queue.retry(job.id)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE
    assert provider.submits == [job.id]
    assert await house.pictures() == [f"{job.id}-1"]


async def test_a_busy_database_does_not_pause_the_queue(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = build(FakeProvider())
    Refusals(house, monkeypatch).refused.append((S.SENDING, LibraryBusy("busy")))
    await house.queue.start()
    (job,) = await house.queue.add(house.recipes())
    await house.clock.until_sleeping(10)
    assert not house.queue.paused
    house.clock.advance(10)
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE


async def test_a_refused_cancel_leaves_the_job_waiting(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    house = build(FakeProvider())
    Refusals(house, monkeypatch).refused.append((S.CANCELLED, FULL))
    await house.queue.start()
    await house.queue.pause()
    (job,) = await house.queue.add(house.recipes())
    with pytest.raises(DiskFull):
        await house.queue.cancel(job.id)
    await house.queue.resume()
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE


async def test_a_database_that_is_really_full(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    await house.queue.start()
    await house.queue.pause()
    storage = house.thread.database.storage
    ((pages,),) = await house.thread.run(storage.rows, "PRAGMA page_count")
    await house.thread.run(storage.rows, f"PRAGMA max_page_count={pages + 40}")
    long = [replace(recipe, prompt="snow " * 4_000) for recipe in house.recipes(3)]
    jobs: list[Job] = []

    async def add_until_full() -> None:
        while True:
            jobs.extend(await house.queue.add(long))

    with pytest.raises(DiskFull):
        await add_until_full()
    assert jobs
    assert len(await house.queue.recent(1_000)) == len(jobs), "a batch is there whole or not at all"
    await house.thread.run(storage.rows, "PRAGMA max_page_count=1000000")
    await house.queue.resume()
    assert {job.state for job in await house.queue.wait(job.id for job in jobs)} == {S.DONE}
    assert sorted(provider.submits) == sorted(job.id for job in jobs)
