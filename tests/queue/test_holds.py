"""A key or an account that is no good holds its own lane: nothing fails, nothing more is sent, and it goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from silverprint.core.budget import Budget
from silverprint.core.errors import KeyMissing, KeyRefused, OutOfCredit, ProviderError
from silverprint.core.events import QueuePaused
from silverprint.core.job import Job, JobState
from silverprint.queue.limits import Hold, HoldKind
from silverprint.store.database import Database
from silverprint.testing import GOOD_KEY, FakeProvider
from tests.queue.conftest import Build

S = JobState


async def test_used_up_credit_holds_fifty_jobs_instead_of_failing_them(build: Build) -> None:
    provider, other = FakeProvider("cloud", parallel=3, credit=0), FakeProvider("other")
    house = build(provider, other)
    gate = provider.hold("submit")
    await house.queue.start()
    jobs = await house.add(0.01, 50)
    await house.until(lambda: len(provider.attempts) == 3)
    gate.release()
    await house.until(lambda: all(house.states(job.id)[-1] is S.WAITING for job in jobs))
    (elsewhere,) = await house.add(0.01, provider="other")
    assert (await house.queue.wait([elsewhere.id]))[0].state is S.DONE
    assert len(provider.attempts) == 3
    kept = [await house.on_disk(job.id) for job in jobs]
    assert {(job.state, job.tries, job.ticket) for job in kept} == {(S.WAITING, 0, None)}
    assert sum(job.error is not None and job.error.kind == "OutOfCredit" for job in kept) == 3
    reason = "The account at Cloud has no credit left. Add credit at the service, then retry."
    assert house.queue.paused_providers == {"cloud": reason}
    assert house.pauses() == [QueuePaused(True, "cloud", reason)]
    assert not house.queue.paused
    assert await house.book() == {f"{elsewhere.id}:1": ("spent", 0.01)}
    provider.account.credit = None
    await house.queue.resume("cloud")
    done = await house.queue.wait([job.id for job in jobs])
    assert {job.state for job in done} == {S.DONE}
    assert sorted(provider.submits) == sorted(job.id for job in jobs)
    assert house.queue.paused_providers == {}


@pytest.mark.parametrize("immediate", [False, True])
@pytest.mark.parametrize(
    "error", [KeyMissing("no key"), KeyRefused("wrong key"), OutOfCredit("poor")], ids=repr
)
async def test_each_of_them_holds_also_where_the_call_is_made_in_watch(
    build: Build, error: ProviderError, immediate: bool
) -> None:
    provider = FakeProvider(immediate=immediate)
    provider.fail("watch" if immediate else "submit", error)
    house = build(provider)
    await house.queue.start()
    first, second = await house.add(0.01, 2)
    await house.until(lambda: house.states(first.id)[1:] != [] and house.states(first.id)[-1] is S.WAITING)
    back = await house.on_disk(first.id)
    assert (back.tries, back.ticket) == (0, None)
    assert back.error is not None
    assert back.error.kind == type(error).__name__
    assert house.queue.paused_providers == {"fake": f"{error} {error.fix}"}
    assert provider.attempts == [first.id]
    assert house.states(second.id) == [S.WAITING]
    assert await house.book() == {}
    await house.queue.key_changed("fake")
    done = await house.queue.wait([first.id, second.id])
    assert [job.state for job in done] == [S.DONE, S.DONE]
    assert done[0].error is None
    assert house.pauses()[-1] == QueuePaused(False, "fake")


async def test_a_key_that_fails_while_watching_keeps_the_ticket(build: Build) -> None:
    provider = FakeProvider(needs_key=True)
    provider.account.key = GOOD_KEY
    house = build(provider)
    hold = provider.hold("taken")
    await house.queue.start()
    (job,) = await house.add(0.01)
    await hold.reached()
    provider.account.key = "another"
    hold.release()
    await house.until(lambda: house.states(job.id)[-2:] == [S.RUNNING, S.WAITING])
    kept = await house.on_disk(job.id)
    assert kept.ticket is not None
    assert kept.tries == 1
    assert await house.book() == {f"{job.id}:1": ("pending", 0.01)}
    provider.account.key = GOOD_KEY
    await house.queue.key_changed("fake")
    (done,) = await house.queue.wait([job.id])
    assert done.state is S.DONE
    assert provider.submits == [job.id]
    assert provider.watches == [job.id, job.id]


async def test_without_its_key_a_new_start_waits_with_the_ticket(build: Build) -> None:
    provider = FakeProvider(needs_key=True)
    house = build(provider)
    job = await house.left_behind(house.job(S.RUNNING, ticket=house.ticket(), tries=1))
    provider.submits.append(job.id)
    await house.queue.start()
    await house.until_state(job.id, S.WAITING)
    assert (await house.on_disk(job.id)).ticket == job.ticket
    provider.account.key = GOOD_KEY
    await house.queue.resume()
    assert (await house.queue.wait([job.id]))[0].state is S.DONE
    assert provider.attempts == []


async def test_what_was_noted_when_the_lane_was_held_is_not_sent(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = FakeProvider(parallel=2, credit=0)
    house = build(provider)
    gate = provider.hold("submit")
    noting, may_go = threading.Event(), threading.Event()
    save = house.saved._save
    ids: list[str] = []

    def slow(database: Database, jobs: Sequence[Job]) -> None:
        save(database, jobs)
        if jobs[0].state is S.SENDING and jobs[0].id not in ids:
            noting.set()
            may_go.wait(20)

    await house.queue.start()
    ids.extend(job.id for job in await house.add(0.01))
    await gate.reached()
    monkeypatch.setattr(house.saved, "_save", slow)
    (second_job,) = await house.add(0.01)
    assert await asyncio.to_thread(noting.wait, 20)
    ids.append(second_job.id)
    gate.release()
    await house.until(lambda: "fake" in house.queue.paused_providers)
    may_go.set()
    await house.until(lambda: house.states(ids[1]) == [S.WAITING, S.SENDING, S.WAITING])
    assert provider.attempts == ids[:1]
    second = await house.on_disk(ids[1])
    assert (second.state, second.tries) == (S.WAITING, 0)
    assert await house.book() == {}


async def test_a_new_key_does_not_end_a_person_s_pause_nor_a_lack_of_money(build: Build) -> None:
    one, two = FakeProvider("one"), FakeProvider("two")
    house = build(one, two, budget=Budget(day_usd=0.0))
    await house.queue.start()
    await house.queue.pause("one", "lunch")
    await house.add(0.01, provider="one")
    await house.add(0.01, provider="two")
    await house.until(lambda: "two" in house.queue.paused_providers)
    before = house.queue.paused_providers
    await house.queue.key_changed("one")
    await house.queue.key_changed("two")
    assert house.queue.paused_providers == before
    assert before["one"] == "lunch"
    assert one.attempts == two.attempts == []


async def test_a_person_s_pause_stays_when_the_account_fails_meanwhile(build: Build) -> None:
    provider = FakeProvider(credit=0)
    house = build(provider)
    gate = provider.hold("submit")
    await house.queue.start()
    (job,) = await house.add(0.01)
    await gate.reached()
    await house.queue.pause("fake", "lunch")
    gate.release()
    await house.until_state(job.id, S.WAITING)
    assert house.queue.paused_providers == {"fake": "lunch"}


async def test_what_a_held_lane_keeps_can_be_cancelled_and_left(build: Build) -> None:
    provider = FakeProvider(credit=0)
    house = build(provider)
    await house.queue.start()
    jobs = await house.add(0.01, 5)
    await house.until(lambda: "fake" in house.queue.paused_providers)
    await house.until(lambda: house.states(jobs[0].id)[-1] is S.WAITING)
    waiting = asyncio.create_task(house.queue.wait([job.id for job in jobs]))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await house.queue.cancel_all() == 5
    assert {(await house.on_disk(job.id)).state for job in jobs} == {S.CANCELLED}
    assert len(provider.attempts) == 1
    assert await house.book() == {}


async def test_cancelling_what_waits_with_a_ticket_tells_the_service(build: Build) -> None:
    provider = FakeProvider()
    provider.fail("watch", KeyRefused("wrong key"))
    house = build(provider)
    await house.queue.start()
    (job,) = await house.add(0.01)
    while job.id not in house.queue._runner.lanes or house.states(job.id)[-2:] != [S.RUNNING, S.WAITING]:
        await asyncio.sleep(0)
    await house.queue.cancel(job.id)
    await house.until_state(job.id, S.CANCELLED)
    assert provider.cancelled == [job.id]
    assert provider.submits == [job.id]
    assert await house.book() == {f"{job.id}:1": ("maybe", 0.01)}


async def test_a_cancel_without_a_running_queue_leaves_the_word_for_the_one_that_can_tell(
    build: Build,
) -> None:
    provider = FakeProvider()
    house = build(provider)
    job = await house.left_behind(house.job(S.WAITING, ticket=house.ticket(), tries=1))
    provider.submits.append(job.id)
    assert (await house.queue.cancel(job.id)).state is S.WAITING
    await house.queue.start()
    await house.until_state(job.id, S.CANCELLED)
    assert provider.cancelled == [job.id]


async def test_a_retry_after_a_refused_key_asks_with_the_old_ticket(build: Build) -> None:
    provider = FakeProvider(kind="url")
    provider.fail("fetch", KeyRefused("wrong key"))
    house = build(provider)
    await house.queue.start()
    (job,) = await house.add(0.01)
    (failed,) = await house.queue.wait([job.id])
    assert failed.state is S.FAILED
    await house.queue.retry(job.id)
    assert (await house.queue.wait([job.id]))[0].state is S.DONE
    assert provider.submits == [job.id]


async def test_what_holds_a_lane_gives_way_only_to_what_is_heavier(build: Build) -> None:
    house = build(FakeProvider())
    lanes = house.queue._runner.lanes
    lanes.hold("fake", Hold(HoldKind.BUDGET, "budget"))
    lanes.hold("fake", Hold(HoldKind.ACCOUNT, "account"))
    assert lanes.reasons() == {"fake": "account"}
    lanes.hold("fake", Hold(HoldKind.BUDGET, "budget"))
    lanes.hold("fake", Hold(HoldKind.ACCOUNT, "the same again"))
    assert lanes.reasons() == {"fake": "account"}
    assert lanes.is_barred("fake")
    lanes.pause("fake", "person")
    lanes.hold("fake", Hold(HoldKind.ACCOUNT, "account"))
    assert lanes.reasons() == {"fake": "person"}
    lanes.release("fake", (HoldKind.ACCOUNT, HoldKind.BUDGET))
    assert lanes.reasons() == {"fake": "person"}
    lanes.resume("fake")
    assert lanes.reasons() == {}
    assert [event.reason for event in house.pauses()] == ["budget", "account", "person", ""]
