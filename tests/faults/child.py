"""A silverprint without a screen, made to be killed. It imports once, then forks a fresh process for each order.

An order is one line of JSON on stdin: ``home``, ``jobs`` (how many to queue at each provider), ``stop`` (an arrow to
stop at, or null), ``only`` (one provider, or null) ``answer`` (let be what asks whether to be sent again),
``hold`` (a point of the one provider where its jobs stay, while the process lives on, or null) and ``day_usd`` (a
budget, or null). The forked process tells on stdout, a line each: ``pid N``,
``at ARROW JOB`` when it has stopped, ``held`` when a job is held, ``done`` when every job has ended. ``ended N`` follows when it is gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from silverprint.core.budget import Budget
from silverprint.core.job import Job, JobState
from silverprint.core.picture import Picture
from silverprint.core.provider import Price, Provider
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.update import Finished
from silverprint.library.library import SCHEMA as PICTURES
from silverprint.library.library import Library
from silverprint.pictures.intake import Fetch, Intake, Limits
from silverprint.queue.ledger import Ledger
from silverprint.queue.owners import Owners
from silverprint.queue.queue import JobQueue
from silverprint.queue.saved import SCHEMAS as JOBS
from silverprint.queue.saved import SavedJobs
from silverprint.store.database import Database
from silverprint.store.thread import DatabaseThread
from silverprint.testing import FakeProvider

USD = 0.01
PAYING = {"cloud", "once", "now"}
SCHEMAS = {"pictures": PICTURES, **JOBS}
KINDS: Mapping[str, Mapping[str, Any]] = {
    "cloud": {"resumable": True, "kind": "url", "outputs": 2, "parallel": 2},
    "once": {"resumable": False, "kind": "png"},
    "now": {"immediate": True, "kind": "png"},
    "local": {"resumable": False, "idempotent": True, "kind": "raw"},
}


def tell(words: str) -> None:
    os.write(1, f"{words}\n".encode())


class Arrows:
    """Stops the whole process when it comes to the arrow it was told."""

    def __init__(self, stop: str | None) -> None:
        self._stop = stop

    def at(self, arrow: str, job_id: str) -> None:
        if arrow == self._stop:
            tell(f"at {arrow} {job_id}")
            while True:
                signal.pause()


class StoppingProvider(FakeProvider):
    """Its points are arrows too."""

    def __init__(self, arrows: Arrows, name: str, **options: Any) -> None:
        super().__init__(name, steps=2, step_s=0.002, size=(16, 16), **options)
        self._arrows = arrows

    async def _pass(self, point: str) -> None:
        self._arrows.at(f"{point}@{self.info.name}", "-")
        await super()._pass(point)


class StoppingJobs(SavedJobs):
    """Arrows before and after each write."""

    def __init__(self, arrows: Arrows, database: DatabaseThread, owners: Owners, ledger: Ledger) -> None:
        super().__init__(database, owners, ledger)
        self._arrows = arrows

    async def save(self, job: Job) -> None:
        await self.save_all((job,))

    async def save_all(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._arrows.at(f"before {job.state}@{job.recipe.ref.provider}", job.id)
        await super().save_all(jobs)
        for job in jobs:
            self._arrows.at(f"after {job.state}@{job.recipe.ref.provider}", job.id)


class StoppingIntake(Intake):
    """Arrows before and after each step."""

    arrows: Arrows

    async def receive(self, job: Job, finished: Finished, fetch: Fetch) -> Mapping[str, Any]:
        self.arrows.at(f"before receive@{job.recipe.ref.provider}", job.id)
        manifest = await super().receive(job, finished, fetch)
        self.arrows.at(f"after receive@{job.recipe.ref.provider}", job.id)
        return manifest

    async def make(self, job: Job, manifest: Mapping[str, Any]) -> list[Picture]:
        self.arrows.at(f"before make@{job.recipe.ref.provider}", job.id)
        pictures = await super().make(job, manifest)
        self.arrows.at(f"after make@{job.recipe.ref.provider}", job.id)
        return pictures


def now() -> datetime:
    return datetime.now(UTC)


def ledger(home: Path, provider: str) -> Path:
    return home / f"{provider}.ledger"


class Program:
    """The services as the studio wires them, with arrows in between."""

    def __init__(self, home: Path, stop: str | None, day_usd: float | None = None) -> None:
        arrows = Arrows(stop)
        budget = Budget(day_usd=day_usd)
        self.arrows = arrows
        self.home = home
        self.stirred = asyncio.Event()
        self.providers = {
            name: StoppingProvider(arrows, name, ledger=ledger(home, name), **options)
            for name, options in KINDS.items()
        }
        self.thread = DatabaseThread(lambda: Database(home / "silverprint.db", schemas=SCHEMAS))
        ledger_of_money = Ledger(budget=lambda: budget)
        self.saved = StoppingJobs(arrows, self.thread, Owners(home / "owners"), ledger_of_money)
        self.library = Library(self.thread, folder=home / "pictures", clock=now, publish=lambda _event: None)
        intake = StoppingIntake(home / "pictures", home / "incoming", limits=Limits(), clock=now)
        intake.arrows = arrows
        self.queue = JobQueue(
            provider_of=self._provider,
            saved=self.saved,
            intake=intake,
            finish=self._finish,
            clock=now,
            random=Random(os.urandom(8)),
            publish=lambda _event: self.stirred.set(),
            parallel={},
        )

    def recipe(self, provider: str) -> Recipe:
        """Something small for one of its providers."""
        return Recipe(ref=ModelRef(provider, provider), prompt="狐 in снег", seed=7, params={"size": "64x64"})

    async def add(self, provider: str, count: int) -> list[Job]:
        """Queue so many at one of its providers."""
        price = Price(usd=0.0 if provider == "local" else USD, about=True)
        return await self.queue.add([self.recipe(provider)] * count, prices=[price] * count)

    async def until_held(self, jobs: Sequence[Job]) -> None:
        """Wait until each of the jobs has ended, or waits where the budget holds its lane."""

        def rests(job: Job) -> bool:
            is_held = bool(job.price_usd) and job.recipe.ref.provider in self.queue.paused_providers
            return job.state.is_final or (job.state is JobState.WAITING and is_held)

        while True:
            self.stirred.clear()
            if all([rests(await self.queue.find(job.id)) for job in jobs]):
                return
            await self.stirred.wait()

    async def close(self) -> None:
        await self.queue.close()
        await self.library.close()
        await self.thread.aclose()

    async def _provider(self, name: str) -> Provider:
        return self.providers[name]

    async def _finish(self, job: Job, pictures: Sequence[Picture]) -> None:
        name = job.recipe.ref.provider

        def write() -> None:
            with self.thread.database.transaction():
                self.library.put(self.thread.database, pictures)
                self.arrows.at(f"between@{name}", job.id)
                self.saved.put(self.thread.database, job)
                self.arrows.at(f"uncommitted@{name}", job.id)

        self.arrows.at(f"before done@{name}", job.id)
        await self.thread.run(write)
        self.arrows.at(f"after done@{name}", job.id)


async def run(
    home: Path,
    jobs: int,
    stop: str | None,
    only: str | None,
    answer: bool,
    hold: str | None,
    day_usd: float | None,
) -> None:
    program = Program(home, stop, day_usd)
    queue = program.queue
    held = program.providers[only].hold(hold) if only is not None and hold is not None else None
    await queue.start()
    if answer:
        for job in queue.jobs():
            await queue.cancel(job.id)
    own: list[Job] = []
    for name in [only] if only is not None else list(KINDS):
        own += await program.add(name, jobs)
    if held is not None:
        await held.reached()
        tell("held")
    if day_usd is not None:
        await program.until_held(own)
    else:
        await queue.wait([job.id for job in queue.jobs() if job.state is not JobState.UNSURE])
    await program.close()
    tell("done")


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            tell(f"pid {os.getpid()}")
            code = 1
            try:
                asyncio.run(
                    run(
                        Path(order["home"]),
                        order["jobs"],
                        order["stop"],
                        order["only"],
                        order["answer"],
                        order["hold"],
                        order["day_usd"],
                    )
                )
                code = 0
            except BaseException:  # noqa: BLE001 - told, then gone, whatever it is
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        tell(f"ended {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main()
