"""SIGKILL from outside, at each arrow of a job's life and at random moments: nothing lost, nothing sent twice."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from silverprint.core.job import JobState
from tests.faults.ward import ANSWER_S, Rest, Ward, check, check_end, check_step, look

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

S = JobState

# Where the process stops, and what its job's record says then.
_ARROWS: list[tuple[str, JobState]] = [
    ("before sending", S.WAITING),
    ("after sending", S.SENDING),
    ("submit", S.SENDING),
    ("taken", S.SENDING),
    ("before running", S.SENDING),
    ("after running", S.RUNNING),
    ("watch", S.RUNNING),
    ("step:1", S.RUNNING),
    ("step:2", S.RUNNING),
    ("finish", S.RUNNING),
    ("before receive", S.RUNNING),
    ("after receive", S.RUNNING),
    ("before saving", S.RUNNING),
    ("after saving", S.SAVING),
    ("before make", S.SAVING),
    ("after make", S.SAVING),
    ("before done", S.SAVING),
    ("between", S.SAVING),
    ("uncommitted", S.SAVING),
    ("after done", S.DONE),
]
# Each of these is met only on the way back from the one before it.
_WAYS_BACK: dict[str, list[tuple[str, JobState]]] = {
    "cloud": [("fetch", S.RUNNING), ("after sending", S.SENDING), ("before unsure", S.SENDING)],
    "once": [("step:1", S.RUNNING), ("before unsure", S.RUNNING), ("after unsure", S.UNSURE)],
    "now": [("step:1", S.RUNNING), ("before unsure", S.RUNNING), ("after unsure", S.UNSURE)],
    "local": [("step:1", S.RUNNING), ("before waiting", S.RUNNING), ("after waiting", S.WAITING)],
}

KILLS = 200
HOMES = 4


@pytest.fixture(scope="module")
def ward() -> Iterator[Ward]:
    with Ward() as opened:
        yield opened


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    return int(os.environ.get("SILVERPRINT_FAULTS_SEED", "0")) or int.from_bytes(os.urandom(4), "big")


def come_to_rest(ward: Ward, home: Path, before: Rest) -> Rest:
    """Let all jobs end, then answer for those that are unsure: they are not to be sent."""
    ward.order(home, jobs=0)
    assert ward.end() == 0
    quiet = look(home)
    check_step(before, quiet)
    check_end(home, quiet)
    ward.order(home, jobs=0, answer=True)
    assert ward.end() == 0
    rest = look(home)
    check_end(home, rest, answered=True)
    assert rest.sent == quiet.sent
    assert rest.pictures == quiet.pictures
    return rest


@pytest.mark.parametrize("provider", list(_WAYS_BACK))
def test_killed_at_each_arrow(ward: Ward, tmp_path: Path, provider: str) -> None:
    before = None
    for arrow, state in [*_ARROWS, *_WAYS_BACK[provider]]:
        stop = f"{arrow}@{provider}"
        ward.order(tmp_path, stop=stop, only=provider)
        line = ward.line(ANSWER_S)
        assert line is not None, f"{stop} was not reached"
        assert line.startswith(f"at {stop} "), line
        assert ward.kill() == -9
        rest = look(tmp_path)
        check(rest)
        job_id = line.rpartition(" ")[2]
        if job_id in rest.jobs:
            assert rest.jobs[job_id].state is state, stop
        else:
            assert rest.in_state(state), f"{stop}: no job is {state}"
        if before is not None:
            check_step(before, rest)
        before = rest
    assert before is not None
    rest = come_to_rest(ward, tmp_path, before)
    assert len(rest.in_state(S.DONE)) >= 3
    assert bool(rest.in_state(S.CANCELLED)) is (provider != "local")


@pytest.mark.parametrize("number", range(HOMES))
def test_killed_at_random_moments(ward: Ward, tmp_path: Path, number: int, seed: int) -> None:
    random = Random(f"{seed}-{number}")
    begun = time.monotonic()
    ward.order(tmp_path)
    assert ward.end() == 0
    life_s = time.monotonic() - begun
    before = look(tmp_path)
    check_end(tmp_path, before)
    kills = 0
    while kills < KILLS // HOMES:
        ward.order(tmp_path)
        ward.line(random.uniform(0, 1.5 * life_s))  # it says something only when it is done
        kills += ward.kill() == -9
        rest = look(tmp_path)
        try:
            check(rest)
            check_step(before, rest)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, home {number}, kill {kills}: {error}") from error
        before = rest
    rest = come_to_rest(ward, tmp_path, before)
    assert len(rest.in_state(S.DONE)) > 20
