"""The rebuild of the index, as both front ends use it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from silverprint.core.recipe import ModelRef, Recipe
from silverprint.repair import rebuild, report_words
from silverprint.settings.model import Settings
from silverprint.settings.paths import find_paths
from silverprint.studio import open_studio
from silverprint.testing import FakeProvider


async def test_the_words_tell_what_came_back_and_what_did_not(home: Path) -> None:
    paths = find_paths(os.environ)
    async with open_studio(paths, Settings(), providers={"fake": lambda _: FakeProvider()}) as studio:
        (job,) = await studio.develop(Recipe(ref=ModelRef("fake", "fake"), prompt="a fox", seed=1))
        await studio.queue.wait([job.id])
    paths.database.write_bytes(b"no database" * 1_000)
    (picture,) = paths.pictures.glob("*/*.png")
    picture.with_name("torn.png").write_bytes(picture.read_bytes()[:200])
    read: list[int] = []

    report = rebuild(
        paths,
        Settings(),
        clock=lambda: datetime(2026, 11, 22, 12, tzinfo=UTC),
        progress=lambda progress: read.append(progress.done),
    )
    assert report.set_aside is not None
    assert report.set_aside.is_file()
    assert "20261122" in report.set_aside.name
    assert report_words(report).splitlines() == [
        "The history is back: 1 picture.",
        "Not readable, and left where they were: 1 file.",
        f"The damaged file was kept as {report.set_aside.name}.",
    ]
    assert read[-1] == 2
