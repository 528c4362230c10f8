"""The records: what two processes may do to them at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from silverprint.core.job import JobState, move
from silverprint.queue.owners import Owners
from silverprint.queue.saved import SavedJobs, TakenOver
from silverprint.testing.clock import START
from tests.queue.conftest import Build
from tests.queue.house import House

S = JobState


@pytest.fixture
async def house(build: Build) -> AsyncIterator[House]:
    house = build()
    house.owners.enter()
    yield house
    house.owners.leave()


@pytest.fixture
def other(house: House) -> SavedJobs:
    """The same records, as another living process has them."""
    owners = Owners(house.home / "owners")
    owners.enter()
    return SavedJobs(house.thread, owners)


async def test_a_job_comes_back_as_it_went(house: House) -> None:
    job = house.job(S.RUNNING, ticket=house.ticket(), incoming={"v": 1}, tries=2, parent="p-1", rank=0.5)
    await house.saved.add([job])
    saved = await house.saved.find(job.id)
    assert saved is not None
    assert (saved.job, saved.owner, saved.cancel) == (job, house.owners.me, False)
    assert await house.saved.find("nothing") is None


async def test_all_are_added_or_none(house: House) -> None:
    await house.saved.add([house.job(job_id="2")])
    with pytest.raises(ValueError, match="exists"):
        await house.saved.add([house.job(job_id="1"), house.job(job_id="2")])
    assert await house.saved.find("1") is None


async def test_a_job_that_was_taken_over_is_not_written(house: House, other: SavedJobs) -> None:
    job = house.job()
    await house.saved.add([job])
    with pytest.raises(TakenOver):
        await other.save(move(job, S.SENDING, now=START))
    assert (await house.on_disk(job.id)).state is S.WAITING


async def test_one_of_many_that_was_taken_over_stops_them_all(house: House, other: SavedJobs) -> None:
    mine, theirs = house.job(job_id="1"), house.job(job_id="2")
    await house.saved.add([mine])
    await other.add([theirs])
    with pytest.raises(TakenOver):
        await house.saved.save_all([move(job, S.CANCELLED, now=START) for job in (mine, theirs)])
    assert (await house.on_disk("1")).state is S.WAITING


async def test_only_the_dead_are_inherited_from_and_only_once(house: House, other: SavedJobs) -> None:
    await other.add([house.job(job_id="alive")])
    dead = await house.left_behind(house.job(job_id="dead"))
    await house.left_behind(house.job(S.DONE, job_id="done"))
    assert [saved.job for saved in await house.saved.adopt()] == [dead]
    assert await house.saved.adopt() == []
    assert await other.adopt() == []


async def test_of_two_swaps_one_wins(house: House, other: SavedJobs) -> None:
    unsure = house.job(S.UNSURE)
    await house.saved.add([unsure])
    later = START + timedelta(seconds=1)
    assert await other.swap(unsure, move(unsure, S.WAITING, now=later))
    assert not await house.saved.swap(unsure, move(unsure, S.CANCELLED, now=later))
    saved = await house.saved.find(unsure.id)
    assert saved is not None
    assert (saved.job.state, saved.owner) == (S.WAITING, other.owners.me)


async def test_a_living_process_s_waiting_job_is_not_swapped(house: House, other: SavedJobs) -> None:
    job = house.job()
    await house.saved.add([job])
    assert not await other.swap(job, move(job, S.CANCELLED, now=START))


async def test_a_wish_to_cancel_outlives_writes_and_ends_with_the_job(house: House, other: SavedJobs) -> None:
    job = house.job()
    await house.saved.add([job])
    await other.ask_cancel([job.id, "nothing"])
    for state, wanted in ((S.SENDING, True), (S.RUNNING, True), (S.CANCELLED, False)):
        job = move(job, state, now=START)
        await house.saved.save(job)
        saved = await house.saved.find(job.id)
        assert saved is not None
        assert saved.cancel is wanted
    await other.ask_cancel([job.id])
    saved = await house.saved.find(job.id)
    assert saved is not None
    assert not saved.cancel


async def test_recent_is_newest_first_and_without_what_was_cleared(house: House) -> None:
    jobs = [
        replace(house.job(state, job_id=str(number)), created=START + timedelta(seconds=number))
        for number, state in enumerate([S.DONE, S.FAILED, S.WAITING, S.UNSURE])
    ]
    await house.saved.add(jobs)
    assert [job.id for job in await house.saved.recent(3)] == ["3", "2", "1"]
    assert await house.saved.clear([S.DONE, S.FAILED]) == 2
    assert await house.saved.clear([S.DONE, S.FAILED]) == 0
    assert [job.id for job in await house.saved.recent(10)] == ["3", "2"]
    assert (await house.on_disk("0")).state is S.DONE


async def test_what_the_dead_left_untidy_is_known_until_it_is_tidied(house: House, other: SavedJobs) -> None:
    await house.left_behind(house.job(S.DONE, job_id="theirs"))
    await other.add([house.job(S.DONE, job_id="alive")])
    assert await house.saved.untidy() == ["theirs"]
    await house.saved.tidied(["theirs"])
    assert await house.saved.untidy() == []


async def test_put_joins_the_caller_s_transaction(house: House, tmp_path: Path) -> None:
    job = house.job()
    await house.saved.add([job])

    def broken() -> None:
        database = house.thread.database
        with database.transaction():
            house.saved.put(database, move(job, S.SENDING, now=START))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await house.thread.run(broken)
    assert (await house.on_disk(job.id)).state is S.WAITING
