"""A house for queue tests: a real database, a fake provider, a tray instead of the picture files."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from silverprint.core.budget import Budget, Standing, sane_usd
from silverprint.core.errors import SettingsError
from silverprint.core.events import Event, JobChanged, QueuePaused
from silverprint.core.job import Job, JobState
from silverprint.core.picture import Picture, PictureFile, picture_id
from silverprint.core.provider import Price, Provider
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Output
from silverprint.queue.ledger import Ledger
from silverprint.queue.owners import Owners
from silverprint.queue.queue import JobQueue
from silverprint.queue.saved import SCHEMAS as JOBS
from silverprint.queue.saved import SavedJobs
from silverprint.store.codec import picture_document
from silverprint.store.database import Database
from silverprint.store.schema import TableSchema
from silverprint.store.thread import DatabaseThread
from silverprint.testing import FakeClock, FakeProvider

SCHEMAS = {**JOBS, "pictures": TableSchema(key="id")}


class Tray:
    """An intake on plain files, with points that fail as told: receive, make, clear."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self.folder = folder
        self.errors: dict[str, deque[BaseException]] = defaultdict(deque)
        self.calls: list[str] = []
        self.on_receive: Callable[[], Awaitable[None]] | None = None
        self._clock = clock
        folder.mkdir(exist_ok=True)

    async def receive(
        self, job: Job, finished: Finished, fetch: Callable[[Output], Awaitable[bytes]]
    ) -> Mapping[str, Any]:
        self.calls.append("receive")
        self._pass("receive")
        if self.on_receive is not None:
            await self.on_receive()
        outputs = []
        for output in finished.outputs:
            if output.url is not None:
                await fetch(output)
            outputs.append({"seed": output.seed})
        manifest = {
            "job": job.id,
            "outputs": outputs,
            "grade": finished.grade.value,
            "price_usd": sane_usd(finished.price_usd),
        }
        self._path(job.id).write_text(json.dumps(manifest))
        return manifest

    async def pending(self, job_id: str) -> Mapping[str, Any] | None:
        try:
            manifest: Mapping[str, Any] = json.loads(self._path(job_id).read_text())
        except FileNotFoundError:
            return None
        return manifest

    async def make(self, job: Job, manifest: Mapping[str, Any]) -> Sequence[Picture]:
        self.calls.append("make")
        self._pass("make")
        return [
            Picture(
                id=picture_id(job.id, number),
                job=job.id,
                batch=job.batch,
                file=PictureFile(
                    path=f"{job.id}-{number}.png",
                    media_type="image/png",
                    width=1,
                    height=1,
                    size=1,
                    sha256="",
                    pixels_sha256="",
                ),
                recipe=job.recipe,
                made=self._clock(),
                seed=output["seed"],
            )
            for number, output in enumerate(manifest["outputs"], 1)
        ]

    async def clear(self, job_id: str) -> None:
        self.calls.append("clear")
        self._pass("clear")
        self._path(job_id).unlink(missing_ok=True)

    def lies(self, job_id: str) -> bool:
        """Whether something received lies here."""
        return self._path(job_id).exists()

    def _path(self, job_id: str) -> Path:
        return self.folder / f"{job_id}.json"

    def _pass(self, point: str) -> None:
        if self.errors[point]:
            raise self.errors[point].popleft()


class House:
    """One process's share: a queue and all it needs. Two houses on one folder are two processes."""

    def __init__(
        self,
        home: Path,
        *providers: FakeProvider,
        clock: FakeClock | None = None,
        seed: int = 1,
        parallel: Mapping[str, int] | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.home = home
        self.clock = clock if clock is not None else FakeClock()
        self.providers: dict[str, Provider] = {provider.info.name: provider for provider in providers}
        self.thread = DatabaseThread(lambda: Database(home / "silverprint.db", schemas=SCHEMAS))
        self.owners = Owners(home / "owners")
        self.budget = budget if budget is not None else Budget()
        # The day of the test's clock, wherever the test is run.
        self.ledger = Ledger(budget=lambda: self.budget, day_of=lambda moment: moment.date())
        self.saved = SavedJobs(self.thread, self.owners, self.ledger)
        self.tray = Tray(home / "incoming", self.clock)
        self.events: list[Event] = []
        self.finish_errors: deque[BaseException] = deque()
        self._stirred = asyncio.Event()
        self.queue = JobQueue(
            provider_of=self._provider,
            saved=self.saved,
            intake=self.tray,
            finish=self._finish,
            clock=self.clock,
            random=Random(seed),
            publish=self._heard,
            parallel=parallel or {},
            sleep=self.clock.sleep,
        )

    async def close(self) -> None:
        await self.queue.close(patience_s=5)
        await self.thread.aclose()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so, looking again at each event."""
        async with asyncio.timeout(20):
            while not is_so():
                self._stirred.clear()
                await self._stirred.wait()

    async def until_state(self, job_id: str, state: JobState) -> Job:
        """Wait until the newest news of a job says this state."""
        await self.until(lambda: self.states(job_id)[-1:] == [state])
        return self.newest(job_id)

    def states(self, job_id: str) -> list[JobState]:
        """The states that were told of a job, in order."""
        return [
            event.job.state
            for event in self.events
            if isinstance(event, JobChanged) and event.job.id == job_id
        ]

    def newest(self, job_id: str) -> Job:
        """The newest job that was told."""
        return [e.job for e in self.events if isinstance(e, JobChanged) and e.job.id == job_id][-1]

    def pauses(self) -> list[QueuePaused]:
        """Every pause and resume that was told."""
        return [event for event in self.events if isinstance(event, QueuePaused)]

    async def pictures(self) -> list[str]:
        """The ids of the pictures on record."""
        return sorted(
            await self.thread.run(lambda: [str(row["id"]) for row in self.thread.database.table("pictures")])
        )

    async def book(self) -> dict[str, tuple[str, float | None]]:
        """The lines of spending: state and price, by job and try."""

        def read() -> dict[str, tuple[str, float | None]]:
            table = self.thread.database.table("spend")
            return {str(line["id"]): (str(line["state"]), line["usd"]) for line in table}

        return await self.thread.run(read)

    async def standing(self) -> Standing:
        """How the budget stands."""
        return await self.saved.standing(self.clock())

    async def add(self, usd: float | None, count: int = 1, provider: str | None = None) -> list[Job]:
        """Queue jobs of this price."""
        price = None if usd is None else Price(usd=usd, about=True)
        return await self.queue.add(self.recipes(count, provider), prices=[price] * count)

    async def on_disk(self, job_id: str) -> Job:
        """The job as its record has it."""
        saved = await self.saved.find(job_id)
        assert saved is not None
        return saved.job

    async def left_behind(self, job: Job, *, cancel: bool = False) -> Job:
        """Write a record as a process that died then would have left it."""
        dead = Owners(self.home / "owners")
        dead.enter()
        saved = SavedJobs(self.thread, dead)
        await saved.add([job])
        if cancel:
            await saved.ask_cancel([job.id])
        dead.leave()
        return job

    def job(self, state: JobState = JobState.WAITING, job_id: str = "0000000000000001", **fields: Any) -> Job:
        """A job of the first provider."""
        name = next(iter(self.providers), "fake")
        recipe = Recipe(ref=ModelRef(name, name), prompt="a fox", seed=1)
        now = self.clock()
        return replace(
            Job(id=job_id, batch=job_id, recipe=recipe, state=state, created=now, changed=now), **fields
        )

    def recipes(self, count: int = 1, provider: str | None = None) -> list[Recipe]:
        """Recipes with the seeds 1 and on."""
        name = provider or next(iter(self.providers))
        return [Recipe(ref=ModelRef(name, name), prompt="a fox", seed=seed) for seed in range(1, count + 1)]

    def ticket(self, job_id: str = "0000000000000001", *, resumable: bool = True) -> Ticket:
        """A ticket as the fake gives it."""
        name = next(iter(self.providers), "fake")
        handle = {"job": job_id, "steps": 2, "size": "64x64"}
        return Ticket(provider=name, handle=handle, resumable=resumable)

    async def _provider(self, name: str) -> Provider:
        if name not in self.providers:
            raise SettingsError(f"there is no provider named {name}")
        return self.providers[name]

    async def _finish(self, job: Job, pictures: Sequence[Picture]) -> None:
        if self.finish_errors:
            raise self.finish_errors.popleft()

        def write() -> None:
            database = self.thread.database
            with database.transaction():
                for picture in pictures:
                    database.table("pictures").put(picture.id, picture_document(picture))
                self.saved.put(database, job)

        await self.thread.run(write)

    def _heard(self, event: Event) -> None:
        self.events.append(event)
        self._stirred.set()
