"""SIGKILL at random moments while Replicate, fal and BFL work, each by its stand-in: nothing lost, nothing doubled."""

from __future__ import annotations

import importlib
import itertools
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from silverprint.core.job import Job, JobState
from silverprint.core.picture import Picture
from silverprint.library.library import SCHEMA as PICTURES
from silverprint.queue.saved import SCHEMAS as JOBS
from silverprint.settings.paths import find_paths
from silverprint.store.codec import job_of, picture_of
from silverprint.store.database import Database
from tests.faults.ward import ANSWER_S, Ward
from tests.standins.server import Running, Seen, StandIn

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

KILLS = 25
MODELS = {
    "replicate": "black-forest-labs/flux-schnell",
    "fal": "fal-ai/flux/schnell",
    "bfl": "flux-2-klein-4b",
}
LOOKS_UP = ("replicate", "fal")

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def ward() -> Iterator[Ward]:
    with Ward(Path(__file__).with_name("cloud_child.py")) as opened:
        yield opened


class Cloud:
    """A service by its stand-in, and a home whose processes are killed."""

    def __init__(self, name: str, home: Path, ward: Ward, standin: StandIn, url: str) -> None:
        self.name = name
        self.home = home
        self._ward = ward
        self._standin = standin
        self._table = standin.settings(url) | {"poll_s": 0.01}

    def order(self, jobs: int, *, claim: bool = False) -> None:
        prompts = [f"picture {next(_numbers)}" for _ in range(jobs)]
        order: dict[str, Any] = {
            "home": str(self.home),
            "provider": self.name,
            "table": self._table,
            "key": self._standin.key,
            "model": MODELS[self.name],
            "prompts": prompts,
            "claim": claim,
        }
        self._ward.send(order)

    def sent(self) -> Counter[str]:
        """How often each prompt was asked for as a paid job."""
        return Counter(_prompt(seen) for seen in self._standin.seen if self._standin.is_submit(seen))

    def jobs(self) -> tuple[list[Job], list[Picture]]:
        """What lies on disk while nothing runs."""
        paths = find_paths({"SILVERPRINT_HOME": str(self.home)})
        if not paths.database.exists():
            return [], []
        database = Database(paths.database, schemas={"pictures": PICTURES, **JOBS})
        try:
            jobs = [job_of(row) for row in database.table("jobs")]
            return jobs, [picture_of(row) for row in database.table("pictures")]
        finally:
            database.close()

    def check(self) -> list[Job]:
        """What must hold at any moment, however it was killed."""
        jobs, pictures = self.jobs()
        sent = self.sent()
        assert all(times == 1 for times in sent.values()), f"sent twice: {sent}"
        made = Counter(picture.job for picture in pictures)
        for job in jobs:
            assert job.state not in (JobState.FAILED, JobState.CANCELLED), f"{job.id}: {job.error}"
            if job.state is JobState.DONE:
                assert made[job.id] == len(job.pictures) == 1
            if job.state in (JobState.RUNNING, JobState.SAVING, JobState.DONE):
                assert sent[job.recipe.prompt] == 1, f"{job.id} is {job.state}, and was never sent"
        assert set(made.values()) <= {1}
        return jobs


def _prompt(seen: Seen) -> str:
    body = seen.json
    return str(body["input"]["prompt"] if "input" in body else body["prompt"])


@pytest.mark.parametrize("name", list(MODELS))
def test_killed_at_random_moments(ward: Ward, tmp_path: Path, name: str) -> None:
    seed = int(os.environ.get("SILVERPRINT_FAULTS_SEED", "0")) or int.from_bytes(os.urandom(4), "big")
    random = Random(f"{seed}-{name}")
    standin: StandIn = importlib.import_module(f"tests.standins.{name}").build()
    if name == "fal":
        standin.state.page = 100  # as the service has it
    with Running(standin.wrapped()) as server:
        cloud = Cloud(name, tmp_path / "home", ward, standin, server.url)
        cloud.home.mkdir()
        begun = time.monotonic()
        cloud.order(3)
        assert ward.end() == 0
        life_s = time.monotonic() - begun
        assert [job.state for job in cloud.check()] == [JobState.DONE] * 3
        kills = 0
        while kills < KILLS:
            cloud.order(3)
            ward.line(random.uniform(0, 1.2 * life_s))  # it says something only when it is done
            kills += ward.kill() == -9
            try:
                cloud.check()
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, {name}, kill {kills}: {error}") from error
        cloud.order(0)
        assert ward.line(ANSWER_S) == "done"
        assert ward.end() == 0
        cloud.order(0, claim=name in LOOKS_UP)
        assert ward.line(ANSWER_S) == "done"
        assert ward.end() == 0
        jobs = cloud.check()
        sent = cloud.sent()
        asked = [job for job in jobs if job.state is JobState.UNSURE]
        assert {job.state for job in jobs} <= {JobState.DONE, JobState.UNSURE}
        # What the service made is here, or a person is asked about it; where the service can be asked, it is here.
        lost = [job for job in asked if sent[job.recipe.prompt]]
        if name in LOOKS_UP:
            assert not lost, f"seed {seed}: made by {name} and not here"
        known = {job.recipe.prompt for job in jobs}
        assert set(sent) <= known, "a job was sent that no record tells of"
        assert len(jobs) > 20
        assert standin.problems == []
