"""A job in the studio: a partial picture is on the screen's feed before the picture is in the library."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from silverprint.core.events import JobProgress, PictureAdded
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.update import Preview
from silverprint.providers.openai.adapter import create
from silverprint.settings.model import Settings
from silverprint.settings.paths import find_paths
from silverprint.studio import open_studio
from tests.standins.server import Running, StandIn


async def test_previews_come_before_the_picture(
    cloud: tuple[StandIn, Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin, server = cloud
    monkeypatch.setenv("SILVERPRINT_HOME", str(tmp_path))
    monkeypatch.setenv("SILVERPRINT_OPENAI_KEY", standin.key)
    monkeypatch.setenv("SILVERPRINT_OPENAI_URL", f"{server.url}/v1")
    settings = Settings(providers={"openai": {"partial_images": 2}})
    previews: list[Preview] = []

    async with (
        open_studio(find_paths(os.environ), settings, providers={"openai": create}) as studio,
        studio.feed.subscribe() as feed,
    ):
        recipe = Recipe(ref=ModelRef("openai", "gpt-image-2"), prompt="a fox", params={"quality": "low"})
        await studio.develop(recipe)
        async for event in feed:
            if isinstance(event, JobProgress) and isinstance(event.update, Preview):
                previews.append(event.update)
            if isinstance(event, PictureAdded):
                break

    # Of a job's progress only the newest is kept until it is read, so one of the two may be skipped.
    assert previews
    assert previews[-1].step == 2
    assert previews[-1].image.size == (64, 64)
    assert standin.submits == 1
