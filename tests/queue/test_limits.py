"""Lanes: whose turn it is, as plain state."""

from __future__ import annotations

from datetime import timedelta

import pytest

from silverprint.core.job import Job, JobState
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.queue.limits import PAUSE_MOST_S, Hold, HoldKind, Lane, growing_pause
from silverprint.testing.clock import START


def job(number: int, *, rank: float = 0.0, age_s: float = 0.0) -> Job:
    created = START - timedelta(seconds=age_s)
    return Job(
        id=f"job{number}",
        batch="batch",
        recipe=Recipe(ref=ModelRef("fake", "fake"), prompt=""),
        state=JobState.WAITING,
        created=created,
        changed=created,
        rank=rank,
    )


def drain(lane: Lane) -> list[str]:
    taken = []
    while (job_id := lane.take(START)) is not None:
        taken.append(job_id)
        lane.running -= 1
    return taken


@pytest.mark.parametrize(
    ("failures", "asked_s", "pause_s"),
    [(1, None, 2), (2, None, 4), (5, None, 32), (60, None, 300), (1, 30, 30), (5, 3, 32), (1, 9_999, 300)],
)
def test_pauses_grow_heed_the_service_and_have_an_end(
    failures: int, asked_s: float | None, pause_s: float
) -> None:
    assert growing_pause(failures, asked_s=asked_s) == pause_s


def test_rank_comes_before_age_and_age_before_id() -> None:
    lane = Lane("fake")
    for each in (job(3), job(1, age_s=5), job(4, rank=-1), job(5, rank=1, age_s=99), job(2)):
        lane.push(each)
    assert drain(lane) == ["job4", "job1", "job2", "job3", "job5"]


def test_no_more_than_the_limit() -> None:
    lane = Lane("fake")
    for number in range(5):
        lane.push(job(number))
    assert lane.take(START) == "job0"
    assert lane.take(START) is None
    lane.learn(3)
    assert [lane.take(START), lane.take(START), lane.take(START)] == ["job1", "job2", None]
    assert len(lane) == 2


def test_the_settings_limit_is_not_learnt_away() -> None:
    lane = Lane("fake", 2)
    lane.learn(50)
    assert lane.limit == 2
    assert Lane("fake", 0).limit == 1


def test_a_removed_job_has_no_turn_and_a_pushed_one_has_one() -> None:
    lane = Lane("fake")
    lane.push(job(1))
    lane.push(job(1, rank=5))
    lane.push(job(2))
    assert lane.discard("job1")
    assert not lane.discard("job1")
    assert "job1" not in lane
    lane.push(job(3))
    lane.push(job(3))
    assert drain(lane) == ["job2", "job3"]


def test_many_removed_jobs_leave_no_trace() -> None:
    lane = Lane("fake")
    for number in range(1000):
        lane.push(job(number))
    for number in range(999):
        lane.discard(f"job{number}")
    assert len(lane._heap) < 100
    assert drain(lane) == ["job999"]


def test_a_rest_holds_back_and_ends_and_a_shorter_one_changes_nothing() -> None:
    lane = Lane("fake")
    lane.push(job(1))
    lane.rest(START, 30)
    lane.rest(START, 5)
    assert lane.take(START + timedelta(seconds=29)) is None
    assert lane.take(START + timedelta(seconds=30)) == "job1"


def test_a_clock_that_goes_back_does_not_hold_the_lane_for_days() -> None:
    lane = Lane("fake")
    lane.rest(START, 10)
    assert lane.rest_left_s(START - timedelta(days=3)) == PAUSE_MOST_S


def test_a_paused_lane_starts_nothing() -> None:
    lane = Lane("fake")
    lane.push(job(1))
    lane.hold = Hold(HoldKind.PERSON)
    assert lane.take(START) is None


def test_a_lane_held_by_the_budget_lets_by_what_is_free_in_its_order() -> None:
    lane = Lane("fake", 9)
    for number in range(1, 5):
        lane.push(job(number), free=number in (2, 4))
    lane.hold = Hold(HoldKind.BUDGET, "reached")
    assert drain(lane) == ["job2", "job4"]
    assert lane.first_paying() == "job1"
    lane.hold = None
    assert drain(lane) == ["job1", "job3"]
    assert lane.first_paying() is None


@pytest.mark.parametrize("kind", [HoldKind.PERSON, HoldKind.ACCOUNT])
def test_no_other_hold_lets_anything_by(kind: HoldKind) -> None:
    lane = Lane("fake")
    lane.push(job(1), free=True)
    lane.hold = Hold(kind, "no")
    assert drain(lane) == []


def test_a_pause_of_one_s_own_has_its_own_cap_and_the_service_s_is_longer() -> None:
    assert growing_pause(30, own_most_s=60) == 60
    assert growing_pause(30, asked_s=90, own_most_s=60) == 90
    assert growing_pause(30, asked_s=999, own_most_s=60) == PAUSE_MOST_S
