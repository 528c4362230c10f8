"""A library in a temporary folder, with a clock that moves one minute a picture, and a maker of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from silverprint.core.events import Event
from silverprint.core.ids import new_id
from silverprint.core.picture import Picture, PictureFile
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.library.library import SCHEMA, Library
from silverprint.store.database import Database
from silverprint.store.thread import DatabaseThread

START = datetime(2026, 10, 5, 12, 0, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Maker:
    """Makes pictures, each a minute after the one before. ``recipe_…`` fields go into the recipe."""

    clock: Clock
    random: Random = field(default_factory=lambda: Random(3))

    def __call__(self, prompt: str = "a red fox", **fields: Any) -> Picture:
        self.clock.now += timedelta(minutes=1)
        made = fields.pop("made", self.clock.now)
        of_recipe = {
            name.removeprefix("recipe_"): fields.pop(name)
            for name in list(fields)
            if name.startswith("recipe_")
        }
        job = new_id(made, self.random)
        seed = fields.pop("seed", 7)
        recipe = Recipe(ref=ModelRef("pocket", "pocket"), prompt=prompt, seed=seed)
        picture = Picture(
            id=f"{job}-1",
            job=job,
            batch=job,
            file=PictureFile(
                path=f"{made:%Y-%m-%d}/{job}-1.png",
                media_type="image/png",
                width=128,
                height=128,
                size=10,
                sha256=self.random.randbytes(32).hex(),
                pixels_sha256=self.random.randbytes(32).hex(),
            ),
            recipe=replace(recipe, **of_recipe),
            made=made,
            seed=seed,
        )
        return replace(picture, **fields)


@dataclass
class Shelf:
    """A library with what it published."""

    library: Library
    thread: DatabaseThread
    events: list[Event]
    path: Path
    folder: Path

    def add(self, *pictures: Picture) -> None:
        def write() -> None:
            with self.thread.database.transaction():
                self.library.put(self.thread.database, pictures)

        self.thread.call(write)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Maker:
    return Maker(clock)


@pytest.fixture
def shelf(tmp_path: Path, clock: Clock) -> Iterator[Shelf]:
    path, folder = tmp_path / "history.sqlite3", tmp_path / "pictures"
    folder.mkdir()
    thread = DatabaseThread(lambda: Database(path, schemas={"pictures": SCHEMA}))
    events: list[Event] = []
    yield Shelf(
        library=Library(thread, folder=folder, clock=clock, publish=events.append),
        thread=thread,
        events=events,
        path=path,
        folder=folder,
    )
    thread.close()
