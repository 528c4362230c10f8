"""Going on with what a dead process left, from each state."""

from __future__ import annotations

import pytest

from silverprint.core.errors import TicketLost
from silverprint.core.job import Job, JobState
from silverprint.core.update import Finished
from silverprint.testing import FakeProvider
from tests.queue.conftest import Build
from tests.queue.house import House

S = JobState
ID = "0000000000000001"


async def receive(house: House, job: Job) -> None:
    """Let the outputs of a job lie in incoming, as after a finished receive."""
    provider = FakeProvider()
    recipe = house.recipes()[0]
    ticket = await provider.submit(recipe, job_id=job.id)
    last = [update async for update in provider.watch(ticket, recipe)][-1]
    assert isinstance(last, Finished)
    await house.tray.receive(job, last, provider.fetch)


async def test_waiting_is_sent(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    await house.left_behind(house.job(S.WAITING))
    await house.queue.start()
    (done,) = await house.queue.wait([ID])
    assert done.state is S.DONE
    assert provider.submits == [ID]


@pytest.mark.parametrize("resumable", [True, False])
async def test_sending_asks(build: Build, resumable: bool) -> None:
    provider = FakeProvider(resumable=resumable)
    house = build(provider)
    await house.left_behind(house.job(S.SENDING, tries=1))
    await house.queue.start()
    (job,) = await house.queue.wait([ID])
    assert job.state is S.UNSURE
    assert job.error is not None
    assert "may have been sent" in job.error.message
    assert provider.submits == []
    await house.queue.retry(ID)
    (done,) = await house.queue.wait([ID])
    assert done.state is S.DONE
    assert provider.submits == [ID]


@pytest.mark.parametrize("state", [S.SENDING, S.RUNNING, S.SAVING])
async def test_what_costs_nothing_is_run_again_under_its_id(build: Build, state: JobState) -> None:
    provider = FakeProvider(resumable=False, idempotent=True)
    house = build(provider)
    ticket = None if state is S.SENDING else house.ticket(resumable=False)
    await house.left_behind(house.job(state, ticket=ticket, tries=1))
    await house.queue.start()
    (done,) = await house.queue.wait([ID])
    assert done.state is S.DONE
    assert provider.submits == [ID]
    assert house.states(ID)[:3] == [state, S.WAITING, S.SENDING]


@pytest.mark.parametrize("state", [S.RUNNING, S.SAVING])
async def test_a_good_ticket_is_watched(build: Build, state: JobState) -> None:
    provider = FakeProvider()
    await provider.submit(House.recipes(build(provider))[0], job_id=ID)
    house = build(provider)
    await house.left_behind(house.job(state, ticket=house.ticket(), tries=1))
    await house.queue.start()
    (done,) = await house.queue.wait([ID])
    assert done.state is S.DONE
    assert provider.submits == [ID]
    assert provider.watches == [ID]


@pytest.mark.parametrize("state", [S.RUNNING, S.SAVING])
async def test_a_ticket_that_died_with_us_asks(build: Build, state: JobState) -> None:
    provider = FakeProvider(resumable=False)
    house = build(provider)
    await house.left_behind(house.job(state, ticket=house.ticket(resumable=False), tries=1))
    await house.queue.start()
    (job,) = await house.queue.wait([ID])
    assert job.state is S.UNSURE
    assert (provider.submits, provider.watches) == ([], [])


@pytest.mark.parametrize("state", [S.RUNNING, S.SAVING])
@pytest.mark.parametrize("cancel", [False, True])
@pytest.mark.parametrize("is_there", [True, False])
async def test_what_was_received_becomes_a_picture(
    build: Build, state: JobState, cancel: bool, is_there: bool
) -> None:
    provider = FakeProvider(resumable=False)
    house = build(provider)
    job = house.job(state, ticket=house.ticket(resumable=False), tries=1)
    await receive(house, job)
    await house.left_behind(job, cancel=cancel)
    if not is_there:
        house.providers.clear()
    await house.queue.start()
    (done,) = await house.queue.wait([ID])
    assert done.state is S.DONE
    assert await house.pictures() == [f"{ID}-1"]
    assert not house.tray.lies(ID)
    assert provider.submits == []


async def test_what_an_earlier_try_left_is_not_taken_for_this_one(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    job = house.job(S.WAITING, tries=1)
    await receive(house, job)
    await house.left_behind(job)
    hold = provider.hold("submit")
    await house.queue.start()
    await hold.reached()
    # Were the process killed now, the old bytes would pass for the answer to this sending.
    assert not house.tray.lies(ID)
    hold.release()
    (done,) = await house.queue.wait([ID])
    assert done.state is S.DONE
    assert provider.submits == [ID]


async def test_a_lost_ticket_is_sent_again_only_where_that_is_free(build: Build) -> None:
    paid, free = FakeProvider("paid"), FakeProvider("free", idempotent=True)
    house = build(paid, free)
    for number, provider in enumerate((paid, free), 1):
        provider.fail("watch", TicketLost("gone"))
        job = house.job(S.RUNNING, job_id=f"{number:016}", ticket=house.ticket(f"{number:016}"), tries=1)
        recipe = house.recipes(provider=provider.info.name)[0]
        await house.left_behind(Job(**{f: getattr(job, f) for f in job.__slots__} | {"recipe": recipe}))
    await house.queue.start()
    await house.clock.until_sleeping(2)
    house.clock.advance(2)
    failed, done = await house.queue.wait([f"{1:016}", f"{2:016}"])
    assert (failed.state, done.state) == (S.FAILED, S.DONE)
    assert paid.submits == []
    assert free.submits == [f"{2:016}"]


@pytest.mark.parametrize("state", [S.WAITING, S.SENDING, S.RUNNING])
async def test_a_missing_provider_leaves_the_job_as_it_is(build: Build, state: JobState) -> None:
    house = build()
    job = await house.left_behind(house.job(state, ticket=house.ticket() if state is S.RUNNING else None))
    await house.queue.start()
    await house.until(lambda: house.newest(ID).error is not None)
    note = house.newest(ID).error
    assert note is not None
    assert "no provider named fake" in note.message
    assert house.newest(ID).state is state
    assert await house.on_disk(ID) == job
    provider = FakeProvider(idempotent=True)
    if state is S.RUNNING:
        await provider.submit(house.recipes(provider="fake")[0], job_id=ID)
    house.providers["fake"] = provider
    await house.queue.resume()
    (done,) = await house.queue.wait([ID])
    assert done.state is S.DONE


async def test_a_left_job_can_be_retried_and_cancelled(build: Build) -> None:
    house = build()
    await house.left_behind(house.job(S.RUNNING, ticket=house.ticket()))
    await house.left_behind(house.job(S.WAITING, job_id="0000000000000002"))
    await house.queue.start()
    for job_id in (ID, "0000000000000002"):
        await house.until(lambda job_id=job_id: house.newest(job_id).error is not None)  # type: ignore[misc]
    assert (await house.queue.retry(ID)).state is S.RUNNING
    for job_id in (ID, "0000000000000002"):
        await house.queue.cancel(job_id)
        (ended,) = await house.queue.wait([job_id])
        assert ended.state is S.CANCELLED


@pytest.mark.parametrize(
    ("state", "idempotent", "ends"),
    [
        (S.WAITING, False, S.CANCELLED),
        (S.SENDING, False, S.UNSURE),  # nobody knows what to stop, or whether it was taken
        (S.SENDING, True, S.CANCELLED),
        (S.RUNNING, False, S.CANCELLED),
    ],
)
async def test_a_wish_to_cancel_outlives_the_process(
    build: Build, state: JobState, idempotent: bool, ends: JobState
) -> None:
    provider = FakeProvider(idempotent=idempotent)
    house = build(provider)
    ticket = house.ticket() if state is S.RUNNING else None
    await house.left_behind(house.job(state, ticket=ticket), cancel=True)
    await house.queue.start()
    (job,) = await house.queue.wait([ID])
    assert job.state is ends
    assert provider.submits == []
    assert provider.cancelled == ([ID] if state is S.RUNNING else [])


async def test_running_ones_are_watched_beyond_the_limit_and_nothing_is_sent_meanwhile(build: Build) -> None:
    provider = FakeProvider(parallel=1)
    house = build(provider)
    ids = [f"{number:016}" for number in range(1, 5)]
    for job_id in ids[:3]:
        await provider.submit(house.recipes()[0], job_id=job_id)
        await house.left_behind(house.job(S.RUNNING, job_id=job_id, ticket=house.ticket(job_id), tries=1))
    await house.left_behind(house.job(S.WAITING, job_id=ids[3]))
    hold = provider.hold("step:1")
    await house.queue.start()
    await house.until(lambda: provider.running == 3)
    assert provider.submits == ids[:3]
    hold.release()
    jobs = await house.queue.wait(ids)
    assert {job.state for job in jobs} == {S.DONE}
    assert provider.submits == ids


async def test_unsure_ones_of_earlier_days_are_on_view(build: Build) -> None:
    house = build(FakeProvider())
    await house.left_behind(house.job(S.UNSURE))
    await house.left_behind(house.job(S.DONE, job_id="0000000000000002"))
    await house.queue.start()
    assert [job.id for job in house.queue.jobs()] == [ID]


async def test_without_adopting_only_its_own_run(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    await house.left_behind(house.job(S.WAITING))
    await house.queue.start(adopt=False)
    (own,) = await house.queue.add(house.recipes())
    await house.queue.wait([own.id])
    assert provider.submits == [own.id]
    assert (await house.queue.cancel(ID)).state is S.CANCELLED


async def test_without_adopting_a_single_orphan_can_be_cancelled(build: Build) -> None:
    provider = FakeProvider()
    house = build(provider)
    await house.left_behind(house.job(S.RUNNING, ticket=house.ticket()))
    await house.queue.start(adopt=False)
    await house.queue.cancel(ID)
    (ended,) = await house.queue.wait([ID])
    assert ended.state is S.CANCELLED
    assert provider.cancelled == [ID]


async def test_a_record_of_a_newer_silverprint_is_left_alone(build: Build) -> None:
    house = build(FakeProvider())
    await house.left_behind(house.job(S.WAITING))

    def newer() -> None:
        table = house.thread.database.table("jobs")
        row = table.by_key(ID)
        assert row is not None
        table.put("future", {**row, "id": "future", "v": 99})

    await house.thread.run(newer)
    await house.queue.start()
    (done,) = await house.queue.wait([ID])
    assert done.state is S.DONE
    row = await house.thread.run(lambda: house.thread.database.table("jobs").by_key("future"))
    assert row is not None
    assert row["state"] == "waiting"
