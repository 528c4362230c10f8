"""Two real processes on one home: the second leaves the first's jobs alone, until the first is killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from silverprint.core.job import Job, JobState
from silverprint.testing.provider import read_ledger
from tests.faults.child import USD, Program, ledger
from tests.faults.ward import ANSWER_S, Ward, check, check_end, look

pytestmark = [pytest.mark.faults]

S = JobState


@pytest.fixture(scope="module")
def ward() -> Iterator[Ward]:
    with Ward() as opened:
        yield opened


@pytest.fixture
async def second(tmp_path: Path) -> AsyncIterator[Program]:
    """This process, on the home of the first."""
    program = Program(tmp_path, None)
    yield program
    await program.close()


async def start_first(ward: Ward, home: Path, provider: str, *, hold: str = "step:1") -> Job:
    """A first process with one running job."""
    await asyncio.to_thread(ward.order, home, only=provider, hold=hold)
    assert await asyncio.to_thread(ward.line, ANSWER_S) == "held"
    (job,) = look(home).jobs.values()
    return job


@pytest.mark.parametrize(
    ("provider", "ends"), [("cloud", S.DONE), ("local", S.DONE), ("once", S.UNSURE), ("now", S.UNSURE)]
)
async def test_running_jobs_change_hands_only_by_death(
    ward: Ward, tmp_path: Path, second: Program, provider: str, ends: JobState
) -> None:
    job = await start_first(ward, tmp_path, provider)
    assert job.state is S.RUNNING
    await second.queue.start()
    (own,) = await second.queue.add([job.recipe])
    await second.queue.wait([own.id])
    assert second.providers[provider].watches == [own.id]
    assert (await second.queue.find(job.id)).state is S.RUNNING
    assert await asyncio.to_thread(ward.kill) == -9
    (ended,) = await second.queue.wait([job.id])
    assert ended.state is ends
    assert read_ledger(ledger(tmp_path, provider)) == [job.id, own.id]
    await second.close()
    check_end(tmp_path, look(tmp_path))


async def test_a_wish_to_cancel_reaches_the_other_process(
    ward: Ward, tmp_path: Path, second: Program
) -> None:
    job = await start_first(ward, tmp_path, "cloud")
    assert (await second.queue.cancel(job.id)).state is S.RUNNING
    (ended,) = await second.queue.wait([job.id])
    assert ended.state is S.CANCELLED
    assert await asyncio.to_thread(ward.end) == 0


async def test_both_add_and_nothing_is_lost(ward: Ward, tmp_path: Path, second: Program) -> None:
    await asyncio.to_thread(ward.order, tmp_path, jobs=15)
    await second.queue.start()
    for name in second.providers:
        await second.add(name, 15)
    await second.queue.wait([job.id for job in second.queue.jobs()])
    assert await asyncio.to_thread(ward.end) == 0
    await second.close()
    rest = look(tmp_path)
    check_end(tmp_path, rest)
    assert len(rest.jobs) == 120
    assert {job.state for job in rest.jobs.values()} == {S.DONE}
    assert set(rest.sent.values()) == {1}


async def test_two_processes_share_one_budget(ward: Ward, tmp_path: Path) -> None:
    second = Program(tmp_path, None, 30 * USD)
    try:
        await asyncio.to_thread(ward.order, tmp_path, jobs=20, day_usd=30 * USD)
        await second.queue.start()
        jobs = [job for name in second.providers for job in await second.add(name, 20)]
        await second.until_held(jobs)
        assert await asyncio.to_thread(ward.end) == 0
    finally:
        await second.close()
    rest = look(tmp_path)
    check(rest)
    assert sum(line["usd"] for line in rest.book.values()) == pytest.approx(30 * USD)
    assert sum(rest.sent[job.id] for job in rest.jobs.values() if job.price_usd) == 30
    assert {job.state for job in rest.jobs.values() if job.price_usd == 0} == {S.DONE}
    assert {job.state for job in rest.jobs.values()} == {S.DONE, S.WAITING}


async def test_a_killed_process_leaves_its_money_set_aside(ward: Ward, tmp_path: Path) -> None:
    job = await start_first(ward, tmp_path, "once")
    assert await asyncio.to_thread(ward.kill) == -9
    second = Program(tmp_path, None, USD)
    try:
        await second.queue.start()
        (own,) = await second.add("cloud", 1)
        (unsure,) = await second.queue.wait([job.id])
        assert unsure.state is S.UNSURE
        while "cloud" not in second.queue.paused_providers:
            await second.stirred.wait()
            second.stirred.clear()
        assert (await second.queue.find(own.id)).state is S.WAITING
    finally:
        await second.close()
    assert {key: line["state"] for key, line in look(tmp_path).book.items()} == {f"{job.id}:1": "unsure"}
