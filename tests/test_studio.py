"""The services wired together, below any screen."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from silverprint.core.errors import (
    BadRecipe,
    LibraryDamaged,
    LibraryError,
    ModelGone,
    SettingsError,
    SilverprintError,
)
from silverprint.core.events import Event, JobChanged, PictureAdded
from silverprint.core.expand import Spread
from silverprint.core.job import JobState
from silverprint.core.provider import Provider, ProviderContext
from silverprint.core.recipe import ModelRef, Recipe, Source
from silverprint.core.seeds import SeedMode
from silverprint.queue.queue import JobQueue
from silverprint.settings.model import Settings
from silverprint.settings.paths import find_paths
from silverprint.studio import Studio, open_studio
from silverprint.testing import FakeProvider

FAKE = ModelRef("fake", "fake")
FOX = Recipe(ref=FAKE, prompt="a {red|blue} fox", seed=7)


def broken(_context: ProviderContext) -> Provider:
    raise SettingsError("the plugin is broken", fix="Mend it.")


@pytest.fixture
async def studio() -> AsyncIterator[Studio]:
    factories = {"fake": lambda _context: FakeProvider(), "broken": broken}
    async with open_studio(find_paths(os.environ), Settings(), providers=factories) as opened:
        yield opened


async def test_developing_leaves_pictures_with_template_and_result(studio: Studio) -> None:
    jobs = await studio.develop(FOX, spread=Spread.ALL)
    done = await studio.queue.wait([job.id for job in jobs])
    assert [job.state for job in done] == [JobState.DONE] * 2
    pictures = await studio.library.page(sort="made", descending=False)
    assert {picture.recipe.prompt for picture in pictures} == {"a red fox", "a blue fox"}
    assert {picture.recipe.template for picture in pictures} == {"a {red|blue} fox"}
    assert all(studio.path(picture).is_file() for picture in pictures)
    assert all(picture.recipe.engine is not None for picture in pictures)


async def test_what_killed_writers_left_is_gone_after_a_while_open(home: Path) -> None:
    paths = find_paths(os.environ)
    lefts = [
        folder / ".left.png.abc.part"
        for folder in (paths.pictures / "2026-11-22", paths.incoming / "job", paths.inputs, paths.config)
    ]
    for left in lefts:
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_bytes(b"half")
        os.utime(left, (0, 0))
    async with open_studio(paths, Settings(), run_queue=False, providers={}):
        pass
    assert all(left.exists() for left in lefts)  # looking at the list changes nothing
    async with open_studio(paths, Settings(), providers={}):
        pass
    assert not any(left.exists() for left in lefts)


async def test_the_picture_is_told_before_its_job_is_done_and_both_are_on_disk_then(studio: Studio) -> None:
    told: list[Event] = []
    async with studio.feed.subscribe() as events:
        (job,) = await studio.develop(replace(FOX, prompt="a fox"))
        async for event in events:
            if isinstance(event, PictureAdded):
                assert (await studio.library.get(event.picture.id)) == event.picture
                saved = await studio.queue.find(job.id)
                assert saved is not None
                assert saved.pictures == (event.picture.id,)
            if isinstance(event, PictureAdded | JobChanged):
                told.append(event)
            if isinstance(event, JobChanged) and event.job.state.is_final:
                break
    assert isinstance(told[-2], PictureAdded)
    assert isinstance(told[-1], JobChanged)
    assert told[-1].job.state is JobState.DONE


async def test_redo_makes_the_same_pixels_and_says_so(studio: Studio) -> None:
    (job,) = await studio.queue.wait([job.id for job in await studio.develop(replace(FOX, prompt="a fox"))])
    first = await studio.library.get(job.pictures[0])
    again = await studio.redo(first)
    (done,) = await studio.queue.wait([again.id])
    verdict = await studio.verify(first, done)
    assert (verdict.word, verdict.mean, verdict.worst) == ("bit-exact", 0.0, 0)
    assert (await studio.library.get(done.pictures[0])).parent == first.id


async def test_verify_tells_a_different_picture(studio: Studio) -> None:
    jobs = await studio.develop(replace(FOX, prompt="a fox"), mode=SeedMode.STEP, count=2)
    one, other = await studio.queue.wait([job.id for job in jobs])
    first = await studio.library.get(one.pictures[0])
    assert (await studio.verify(first, other)).word == "different"


async def test_verify_hands_on_the_reason_of_a_failed_redo(studio: Studio) -> None:
    (job,) = await studio.queue.wait([job.id for job in await studio.develop(replace(FOX, prompt="a fox"))])
    first = await studio.library.get(job.pictures[0])
    provider = await studio.provider("fake")
    assert isinstance(provider, FakeProvider)
    provider.fail("submit", ModelGone("it was taken down"))
    (failed,) = await studio.queue.wait([(await studio.redo(first)).id])
    with pytest.raises(SilverprintError, match="taken down"):
        await studio.verify(first, failed)


async def test_every_bad_field_is_named_and_nothing_is_queued(studio: Studio) -> None:
    bad = Recipe(
        ref=FAKE, prompt=" ", seed=-1, params={"wings": 2}, sources=(Source(role="control", sha256="0" * 64),)
    )
    with pytest.raises(BadRecipe) as caught:
        await studio.develop(bad)
    assert set(caught.value.fields) == {"wings", "prompt", "seed", "control"}
    assert studio.queue.jobs() == []


async def test_a_broken_provider_is_told_and_the_others_work(studio: Studio) -> None:
    assert [str(model.ref) for model in await studio.models()] == ["fake:fake"]
    assert str(studio.problems["broken"]) == "the plugin is broken"
    with pytest.raises(SettingsError, match="no provider named wings"):
        await studio.form(ModelRef("wings", "x"))


async def test_wildcard_lists_come_from_the_folder(studio: Studio) -> None:
    studio.paths.wildcards.mkdir(parents=True, exist_ok=True)
    (studio.paths.wildcards / "animal.txt").write_text("狐\nкот\n", encoding="utf-8")
    recipes = await studio.plan(replace(FOX, prompt="a __animal__"), spread=Spread.ALL)
    assert [recipe.prompt for recipe in recipes] == ["a 狐", "a кот"]


async def test_closing_twice_is_closing_once_and_the_next_opening_finds_all(studio: Studio) -> None:
    (job,) = await studio.queue.wait([job.id for job in await studio.develop(replace(FOX, prompt="a fox"))])
    await studio.close()
    await studio.close()
    async with open_studio(studio.paths, Settings(), providers={}) as again:
        found = await again.queue.find(job.id)
        assert found is not None
        assert found.state is JobState.DONE
        assert await again.library.count() == 1


async def test_broken_signs_in_a_prompt_lose_nothing_else(studio: Studio) -> None:
    prompt = "a\0 fox \ud83d in 雪 👩‍🚀"
    (job,) = await studio.queue.wait([job.id for job in await studio.develop(replace(FOX, prompt=prompt))])
    picture = await studio.library.get(job.pictures[0])
    assert picture.recipe.prompt == "a fox ? in 雪 👩‍🚀"
    assert await studio.library.count('"in 雪"') == 1


async def test_a_start_that_fails_leaves_nothing_open_and_can_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    studio = Studio(find_paths(os.environ), Settings(), providers={"fake": lambda _context: FakeProvider()})

    async def damaged(_queue: JobQueue) -> None:
        raise LibraryDamaged("a page can't be read", path=studio.paths.database)

    with monkeypatch.context() as patch:
        patch.setattr(JobQueue, "start", damaged)
        with pytest.raises(LibraryDamaged):
            await studio.start()
    assert not studio.is_open
    with pytest.raises(LibraryError, match="closed"):
        await studio.library.count()
    await studio.start()
    (job,) = await studio.queue.wait([job.id for job in await studio.develop(replace(FOX, prompt="a fox"))])
    sha256 = await studio.sources.add(studio.path(await studio.library.get(job.pictures[0])))
    await studio.close()
    await studio.start()
    assert (await studio.sources.read_pixels(sha256)).size == (64, 64)
    await studio.close()
