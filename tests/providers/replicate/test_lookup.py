"""A lost answer is found again in the list of predictions, and only called sure when it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image

from silverprint.core.errors import AnswerLost
from silverprint.core.provider import Found, LooksUp
from silverprint.core.recipe import Recipe
from silverprint.core.update import Finished
from silverprint.providers.replicate.adapter import ReplicateProvider
from tests.providers.replicate.conftest import SCHNELL, SDXL, Make, encoded, recipe, sha256, source
from tests.standins.server import StandIn

DEV = "black-forest-labs/flux-dev"


async def lose(provider: ReplicateProvider, standin: StandIn, wish: Recipe) -> datetime:
    """Send a job whose answer is lost; when it was sent."""
    since = datetime.now(UTC)
    standin.state.lost = 1
    with pytest.raises(AnswerLost):
        await provider.submit(wish, job_id="lost")
    return since


async def find(provider: ReplicateProvider, wish: Recipe, since: datetime) -> list[Found]:
    return list(await provider.look_up(wish, job_id="lost", since=since))


@pytest.mark.parametrize("model", [SCHNELL, SDXL])
@pytest.mark.parametrize("fills", [False, True])
async def test_a_lost_job_is_found_and_claimed(
    provider: ReplicateProvider, standin: StandIn, model: str, fills: bool
) -> None:
    standin.state.fills_defaults = fills
    assert isinstance(provider, LooksUp)
    await provider.submit(recipe(model, "a cat"), job_id="another")
    wish = recipe(model, params=(await provider.form(recipe(model).ref)).defaults())
    since = await lose(provider, standin, wish)
    (found,) = await find(provider, wish, since)
    assert found.sure
    assert found.ticket.handle["id"] == standin.state.last.id
    assert model in found.words
    last = [update async for update in provider.watch(found.ticket, wish)][-1]
    assert isinstance(last, Finished)
    assert standin.submits == 2


async def test_nothing_is_found_where_nothing_was_taken(
    provider: ReplicateProvider, standin: StandIn
) -> None:
    since = datetime.now(UTC)
    for other in (recipe(prompt="a cat"), recipe(seed=8), recipe(params={"steps": 2}), recipe(SDXL)):
        await provider.submit(other, job_id="another")
    assert await find(provider, recipe(), since) == []
    assert await find(provider, recipe(prompt="a cat", params={"steps": 3}), since) == []


async def test_two_of_a_kind_are_not_sure(provider: ReplicateProvider, standin: StandIn) -> None:
    await provider.submit(recipe(), job_id="twin")
    since = await lose(provider, standin, recipe())
    found = await find(provider, recipe(), since)
    assert len(found) == 2
    assert not any(one.sure for one in found)


async def test_without_a_seed_nothing_is_sure(provider: ReplicateProvider, standin: StandIn) -> None:
    since = await lose(provider, standin, recipe(seed=None))
    (found,) = await find(provider, recipe(seed=None), since)
    assert not found.sure


async def test_after_the_hour_it_is_only_likely(provider: ReplicateProvider, standin: StandIn) -> None:
    since = await lose(provider, standin, recipe())
    standin.state.expire()
    (found,) = await find(provider, recipe(), since)
    assert not found.sure
    assert "not there any more" in found.words


async def test_one_made_before_is_not_the_one(provider: ReplicateProvider, standin: StandIn) -> None:
    standin.state.clock = lambda: datetime.now(UTC) - timedelta(seconds=60)
    await provider.submit(recipe(), job_id="earlier")
    (found,) = await find(provider, recipe(), datetime.now(UTC))
    assert not found.sure
    assert await find(provider, recipe(), datetime.now(UTC) + timedelta(hours=1)) == []


async def test_all_pages_are_read(provider: ReplicateProvider, standin: StandIn) -> None:
    since = await lose(provider, standin, recipe())
    wanted = standin.state.last.id
    for number in range(4):
        await provider.submit(recipe(prompt=f"another {number}"), job_id="another")
    standin.state.page = 2
    (found,) = await find(provider, recipe(), since)
    assert found.ticket.handle["id"] == wanted
    pages = [seen for seen in standin.seen if seen.path == "/v1/predictions" and seen.method == "GET"]
    assert len(pages) == 3
    assert "created_after" in pages[0].query


@pytest.mark.parametrize("size", [40, 400])
async def test_an_input_picture_is_told_by_its_link(make: Make, standin: StandIn, size: int) -> None:
    import os

    data = encoded(Image.frombytes("RGB", (size, size), os.urandom(size * size * 3)))
    wish = recipe(DEV, sources=(source("image", sha256(data)),))
    since = await lose(make(pictures=(data,)), standin, wish)
    (found,) = await find(make(pictures=(data,)), wish, since)  # as after a restart
    assert found.sure
    for job in standin.state.jobs.values():
        job.input["image"] = "https://replicate.delivery/moved.png"
    (found,) = await find(make(pictures=(data,)), wish, since)
    assert not found.sure


async def test_odd_entries_are_passed_over(
    provider: ReplicateProvider, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.standins import replicate

    since = await lose(provider, standin, recipe())
    real: Any = vars(replicate)["job_json"]

    def odd(*args: Any) -> Any:
        return real(*args) | {"status": "brewing", "version": None, "extra": [1], "metrics": None}

    monkeypatch.setattr(replicate, "job_json", odd)
    (found,) = await find(provider, recipe(), since)
    assert found.sure
    assert "brewing" in found.words
