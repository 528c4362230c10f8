"""Studio: the one place that knows all services. It builds them, wires them and closes them in order.

Both front ends use it and add no logic of their own. Building a Studio costs nothing; ``start`` opens it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random, SystemRandom
from typing import TYPE_CHECKING

from silverprint.core.errors import SilverprintError
from silverprint.core.feed import Feed
from silverprint.core.seeds import SeedMode, Spread
from silverprint.roster import Roster

if TYPE_CHECKING:
    # A studio stands before the first paint; what its methods use is imported when they are called.
    from silverprint.core.budget import Budget, SpendRow, Standing
    from silverprint.core.grade import Verdict
    from silverprint.core.image import RawImage
    from silverprint.core.job import Job
    from silverprint.core.params import Form
    from silverprint.core.picture import Picture
    from silverprint.core.provider import ModelInfo, Price, Provider, ProviderContext, ProviderInfo
    from silverprint.core.recipe import ModelRef, Recipe
    from silverprint.library.library import Library
    from silverprint.pictures.decode import Limits
    from silverprint.pictures.intake import Intake
    from silverprint.pictures.sources import Sources
    from silverprint.pictures.thumbs import Thumbs
    from silverprint.providers.registry import Factory
    from silverprint.queue.queue import JobQueue
    from silverprint.settings.model import Settings
    from silverprint.settings.paths import Paths
    from silverprint.settings.secrets import Secrets
    from silverprint.store.thread import DatabaseThread


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Studio:
    """The open services."""

    library: Library
    queue: JobQueue
    secrets: Secrets

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        *,
        providers: Mapping[str, Factory] | None = None,
        clock: Callable[[], datetime] = _utc_now,
        random: Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``providers`` replaces the registered ones, by name; for tests and demos. ``sleep`` goes with ``clock``."""
        self.paths = paths
        self.settings = settings
        self.feed = Feed()
        self.clock = clock
        self.random = random if random is not None else SystemRandom()
        self._sleep = sleep
        self._roster = Roster(settings=lambda: self.settings, context=self._context, factories=providers)
        self._database: DatabaseThread | None = None
        self._thumbs: Thumbs | None = None
        self._sources: Sources | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self.is_open = False

    async def start(self, *, run_queue: bool = True) -> None:
        """Open the database, the library and the queue; with ``run_queue`` also take up the jobs left behind.

        Raises LibraryDamaged, LibraryError or DiskFull; then nothing is open.
        """
        from silverprint.library.library import SCHEMA as PICTURES
        from silverprint.library.library import Library
        from silverprint.queue.desk import LateIntake
        from silverprint.queue.ledger import Ledger
        from silverprint.queue.owners import Owners
        from silverprint.queue.queue import JobQueue
        from silverprint.queue.saved import SCHEMAS, SavedJobs
        from silverprint.settings.paths import ensure
        from silverprint.settings.secrets import Secrets
        from silverprint.store.database import Database
        from silverprint.store.thread import DatabaseThread

        schemas = {"pictures": PICTURES, **SCHEMAS}

        def open_database() -> DatabaseThread:
            ensure(self.paths)
            return DatabaseThread(lambda: Database(self.paths.database, schemas=schemas))

        database = await asyncio.to_thread(open_database)
        self._database = database
        self.secrets = Secrets.at(self.paths)
        self.library = Library(
            database, folder=self.paths.pictures, clock=self.clock, publish=self.feed.publish
        )
        self._saved = SavedJobs(database, Owners(self.paths.owners), Ledger(budget=self._budget))
        self.queue = JobQueue(
            provider_of=self.provider,
            saved=self._saved,
            intake=LateIntake(self._make_intake),
            finish=self._finish,
            clock=self.clock,
            random=self.random,
            publish=self.feed.publish,
            parallel=self.settings.parallel,
            sleep=self._sleep,
        )
        self.is_open = True
        if run_queue:
            try:
                await self.queue.start()
            except BaseException:
                # Damage may show only now; a rebuild must not find the file held open by us.
                await self.close()
                raise
            self.library.watch()
            self._sweeping = asyncio.create_task(asyncio.to_thread(self._sweep), name="sweep")

    async def close(self) -> None:
        """Close in order: the queue first, the database last. Safe to call twice."""
        if not self.is_open:
            return
        self.is_open = False
        await self.queue.close()
        if self._sweeping is not None:
            await self._sweeping
            self._sweeping = None
        await self._roster.aclose()
        await self.library.close()
        if self._thumbs is not None:
            self._thumbs.close()
            self._thumbs = None
        self._sources = None  # it asks this library; the next opening has its own
        assert self._database is not None
        await self._database.aclose()

    # What touches pixels imports Pillow, so it is built when first used: listing jobs needs none of it.

    @property
    def thumbs(self) -> Thumbs:
        """Small copies of pictures."""
        if self._thumbs is None:
            from silverprint.pictures.thumbs import Thumbs

            self._thumbs = Thumbs(self.paths.thumbs, limits=self._limits())
        return self._thumbs

    @property
    def sources(self) -> Sources:
        """The input pictures."""
        if self._sources is None:
            from silverprint.pictures.sources import Sources

            self._sources = Sources(self.paths.inputs, limits=self._limits(), find=self.library.find_file)
        return self._sources

    def _make_intake(self) -> Intake:
        from silverprint.pictures.intake import Intake

        return Intake(self.paths.pictures, self.paths.incoming, limits=self._limits(), clock=self.clock)

    def _limits(self) -> Limits:
        from silverprint.pictures.decode import Limits

        limits = self.settings.limits
        return Limits(bytes=limits.max_download_mb * 1_000_000, pixels=limits.max_pixels)

    def _sweep(self) -> None:
        """Take away what writers that were killed have left in our folders."""
        from silverprint.store.atomic import sweep_parts

        paths = self.paths
        for folder in (paths.config, paths.data, paths.state, paths.inputs):
            sweep_parts(folder)
        for parent in (paths.pictures, paths.incoming):
            sweep_parts(parent, deep=True)

    async def _finish(self, job: Job, pictures: Sequence[Picture]) -> None:
        from silverprint.core.events import PictureAdded

        assert self._database is not None
        await self._database.write(self._write_finished, job, pictures)
        for picture in pictures:
            self.feed.publish(PictureAdded(picture))

    def _write_finished(self, job: Job, pictures: Sequence[Picture]) -> None:
        assert self._database is not None
        database = self._database.database
        self.library.put(database, pictures)
        self._saved.put(database, job)

    # providers and models

    @property
    def problems(self) -> Mapping[str, SilverprintError]:
        """Why a provider could not be loaded or asked for its models, by name."""
        return self._roster.problems

    def provider_names(self) -> list[str]:
        """The names of every registered provider and of the person's own servers; none is loaded."""
        return self._roster.names()

    async def provider(self, name: str) -> Provider:
        """The provider of this name, loaded once. Raises SettingsError."""
        return await self._roster.provider(name)

    async def info(self, name: str) -> ProviderInfo:
        """What the provider of this name is and can do. Raises SettingsError."""
        return (await self.provider(name)).info

    async def forget(self, name: str) -> None:
        """Let a loaded provider go: its settings have changed. It is loaded anew when it is asked for."""
        await self._roster.forget(name)

    def _context(self, name: str) -> ProviderContext:
        from silverprint.core.provider import ProviderContext
        from silverprint.settings.addresses import provider_table

        return ProviderContext(
            read_source=self.sources.read,
            read_pixels=self.sources.read_pixels,
            clock=self.clock,
            cache=self.paths.cache / "providers" / name,
            name=name,
            settings=provider_table(name, self.settings.providers, os.environ),
            secret=self.secrets.get,
            most_bytes=self.settings.limits.max_download_mb * 1_000_000,
            decode=self._decode,
            sleep=self._sleep,
        )

    async def _decode(self, data: bytes) -> RawImage:
        from silverprint.pictures.decode import preview

        return await asyncio.to_thread(preview, data, self._limits())

    async def models(self, query: str = "") -> list[ModelInfo]:
        """The models of all providers that fit ``query``, by provider. What fails is in ``problems``, never raised.

        All are asked at the same time, and one that has not answered in ten seconds is left out.
        """
        return await self._roster.models(query)

    async def form(self, ref: ModelRef) -> Form:
        """What the model takes. Raises ModelGone, SettingsError."""
        return await self._roster.form(ref)

    async def models_of(self, name: str) -> Sequence[ModelInfo]:
        """The models of one provider; none when it can't be asked, and then ``problems`` says why."""
        return await self._roster.models_of(name)

    # composing

    async def plan(
        self,
        recipe: Recipe,
        *,
        mode: SeedMode = SeedMode.LOCKED,
        count: int = 1,
        spread: Spread = Spread.RANDOM,
    ) -> list[Recipe]:
        """The recipes that developing would send. Raises BadRecipe, UsageError, ModelGone; sends nothing."""
        from silverprint.core.check import check_recipe
        from silverprint.core.expand import expand

        form = await self.form(recipe.ref)
        checked = check_recipe(form, recipe)
        return expand(
            checked,
            mode=mode,
            count=count,
            lookup=self.wildcards,
            random=self.random,
            spread=spread,
            seed_max=form.seed_max if form.takes_seed else None,
        )

    def wildcards(self, name: str) -> Sequence[str]:
        """The lines of the wildcard list ``name``; none when there is no such list."""
        from silverprint.settings.wildcards import folder_lookup

        return folder_lookup(self.paths.wildcards)(name)

    async def develop(
        self,
        recipe: Recipe,
        *,
        mode: SeedMode = SeedMode.LOCKED,
        count: int = 1,
        spread: Spread = Spread.RANDOM,
        parent: str | None = None,
    ) -> list[Job]:
        """Plan, then queue. The jobs are on disk when this returns."""
        recipes = await self.plan(recipe, mode=mode, count=count, spread=spread)
        return await self.queue.add(recipes, parent=parent, prices=await self._roster.prices(recipes))

    async def redo(self, picture: Picture) -> Job:
        """Queue exactly the picture's recipe once more."""
        recipe = replace(picture.recipe, engine=None, seed=picture.seed)
        (job,) = await self.queue.add([recipe], parent=picture.id, prices=await self._roster.prices([recipe]))
        return job

    # money and keys

    async def price(self, recipe: Recipe) -> Price | None:
        """What sending this recipe costs, for all its pictures together; None when nobody knows. Never raises."""
        return await self._roster.price(recipe)

    def _budget(self) -> Budget:
        from silverprint.core.budget import Budget

        said = self.settings.budget
        return Budget(day_usd=said.day_usd, month_usd=said.month_usd, assume_usd=said.assume_usd)

    async def standing(self) -> Standing:
        """What was spent today and this month, and what may be. Raises LibraryError."""
        return await self._saved.standing(self.clock())

    async def lift_budget(self) -> None:
        """No limit holds until the local day ends, in any process; what was held goes on. Raises LibraryError."""
        from silverprint.core.events import SpendChanged

        await self._saved.lift_budget(self.clock())
        self.feed.publish(SpendChanged())
        await self.queue.budget_changed()

    async def spent(self, since: date, until: date) -> list[SpendRow]:
        """What each model cost on each local day, from ``since`` to ``until``, both included. Raises LibraryError."""
        return await self._saved.spent(since, until)

    async def probe(self, name: str) -> str:
        """Test the provider's key, at no cost; the account in one line, as far as the service tells.

        Raises KeyMissing, KeyRefused, Unreachable and other kinds of ProviderError, UsageError for a provider whose key
        can't be tested, SettingsError for one that is not there.
        """
        return await self._roster.probe(name)

    async def key_changed(self, name: str) -> None:
        """A key was set or removed, by the provider's name or the key's: what waited for it goes on."""
        for provider in self._roster:
            if name in (provider.info.name, provider.info.key_name):
                await self.queue.key_changed(provider.info.name)

    async def verify(self, picture: Picture, job: Job) -> Verdict:
        """Compare a picture with what a finished redo of it made.

        Raises the job's error as a SilverprintError when it did not finish, PictureError when a file is gone.
        """
        from silverprint.core.job import JobState
        from silverprint.pictures.compare import verdict

        if job.state is not JobState.DONE or not job.pictures:
            note = job.error
            raise SilverprintError(
                note.message if note else f"the job is {job.state}", fix=note.fix if note else ""
            )
        number = int(picture.id.rpartition("-")[2])
        again = await self.library.get(job.pictures[min(number, len(job.pictures)) - 1])
        return await asyncio.to_thread(verdict, self.path(picture), self.path(again))

    def path(self, picture: Picture) -> Path:
        """Where the picture's file lies."""
        return self.paths.pictures / picture.file.path


@asynccontextmanager
async def open_studio(
    paths: Paths,
    settings: Settings,
    *,
    run_queue: bool = True,
    providers: Mapping[str, Factory] | None = None,
) -> AsyncIterator[Studio]:
    """An open studio for the length of a block."""
    studio = Studio(paths, settings, providers=providers)
    await studio.start(run_queue=run_queue)
    try:
        yield studio
    finally:
        await studio.close()
