"""Pictures, jobs and a filled library for screen tests; the same at every run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from silverprint.core.grade import Grade
from silverprint.core.job import ErrorNote, Job, JobState
from silverprint.core.picture import Picture, PictureFile, picture_id
from silverprint.core.recipe import Engine, ModelRef, Recipe
from silverprint.core.update import Finished, Output
from silverprint.pictures.intake import Intake, Limits
from silverprint.settings.model import Settings
from silverprint.settings.paths import find_paths
from silverprint.studio import Studio
from silverprint.testing.clock import FakeClock
from silverprint.testing.pixels import pattern
from silverprint.testing.provider import FakeProvider

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PROMPTS = (
    "a red apple on a wooden table",
    "a fox in fresh snow, low sun behind birches",
    "утренний туман над рекой",
    "日本の古い家と桜",
    "a lighthouse at night",
)
HOSTILE = "[bold red]no markup[/] \x1b[31m\x1b]0;title\x07 \u202egnirts"


def recipe(prompt: str = PROMPTS[0], *, seed: int = 1, ref: str = "fake:fake", **changes: Any) -> Recipe:
    """A recipe of the fake model."""
    params: Mapping[str, Any] = {"steps": 3, "guidance": 4.0}
    return replace(Recipe(ref=ModelRef.parse(ref), prompt=prompt, seed=seed, params=params), **changes)


def job(number: int, state: JobState = JobState.WAITING, **changes: Any) -> Job:
    """Job ``number``, a minute younger than the one before."""
    made = NOON - timedelta(hours=1) + timedelta(minutes=number)
    prompt = PROMPTS[number % len(PROMPTS)]
    base = Job(
        id=f"job{number:013d}",
        batch=f"job{number:013d}",
        recipe=recipe(prompt, seed=number),
        state=state,
        created=made,
        changed=made,
    )
    return replace(base, **changes)


def note(kind: str = "OutOfCredit", **changes: Any) -> ErrorNote:
    """An error as a job keeps it."""
    base = ErrorNote(kind=kind, message="The account has no credit left", fix="Add credit, then retry.")
    return replace(base, **changes)


def picture(number: int, **changes: Any) -> Picture:
    """Picture ``number``, a minute younger than the one before. Its file does not exist."""
    job_id = f"job{number:013d}"
    base = Picture(
        id=picture_id(job_id, 1),
        job=job_id,
        batch=job_id,
        file=PictureFile(
            path=f"2026-11-22/{number:04d}.png",
            media_type="image/png",
            width=64,
            height=64,
            size=23_456,
            sha256=f"{number:064x}",
            pixels_sha256=f"{number:064x}",
        ),
        recipe=recipe(
            PROMPTS[number % len(PROMPTS)],
            seed=number,
            engine=Engine(name="fake", versions={"fake": "1.0"}, device="cpu", model_sha256="ab" * 32),
        ),
        made=NOON - timedelta(hours=2) + timedelta(minutes=number),
        seed=number,
        grade=Grade.EXACT,
        seconds=1.9,
        price_usd=0.0,
    )
    return replace(base, **changes)


async def fill(
    studio: Studio, count: int, *, first: int = 0, prompts: Sequence[str] = PROMPTS
) -> list[Picture]:
    """Write pictures into an open studio, files and all, as a finished job does. Oldest first."""
    intake = Intake(studio.paths.pictures, studio.paths.incoming, limits=Limits(), clock=studio.clock)
    made: list[Picture] = []
    for number in range(first, first + count):
        running = job(number, JobState.SAVING)
        running = replace(running, recipe=replace(running.recipe, prompt=prompts[number % len(prompts)]))
        output = Output(image=pattern(64, 64, sha256(str(number).encode()).digest()))
        finished = Finished(outputs=(output,), seed=number, seconds=1.9, price_usd=0.0, grade=Grade.EXACT)

        async def fetch(_output: Output) -> bytes:
            raise AssertionError("nothing to fetch")

        manifest = await intake.receive(running, finished, fetch)
        pictures = await intake.make(running, manifest)
        ids = tuple(one.id for one in pictures)
        await studio._finish(replace(running, state=JobState.DONE, pictures=ids), pictures)
        await intake.clear(running.id)
        made += pictures
    return made


@dataclass(slots=True)
class Stage:
    """An open studio with one fake provider, and the clock it goes by."""

    studio: Studio
    fake: FakeProvider
    clock: FakeClock


@asynccontextmanager
async def stage(home: Path, **options: Any) -> AsyncIterator[Stage]:
    """A studio under ``home``; ``options`` are the fake provider's."""
    fake = FakeProvider(**options)
    clock = FakeClock(NOON)
    paths = find_paths({"SILVERPRINT_HOME": str(home)})
    studio = Studio(
        paths, Settings(), providers={"fake": lambda _context: fake}, clock=clock, random=Random(1)
    )
    await studio.start()
    try:
        yield Stage(studio, fake, clock)
    finally:
        await studio.close()
