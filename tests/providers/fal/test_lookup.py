"""A lost answer is found again in fal's own list, by what was sent; sure only with a seed and no twin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from silverprint.core.errors import KeyMissing
from silverprint.core.update import Finished
from silverprint.providers.fal.lookup import SOURCE_MARK, agrees
from tests.providers.fal.work import Make, Service, noise, recipe_for, source, watched

JOB = "0job"


def _before() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=1)


async def test_the_one_request_with_this_seed_is_sure_and_can_be_claimed(fal: Service, make: Make) -> None:
    provider, recipe, since = make(), recipe_for("fal-ai/flux/dev", seed=42), _before()
    await provider.submit(recipe_for("fal-ai/flux/dev", seed=41), job_id="1job")
    lost = await provider.submit(recipe, job_id=JOB)
    (found,) = await provider.look_up(recipe, job_id=JOB, since=since)
    assert found.sure
    assert found.ticket.handle == lost.handle
    assert "a fox in fog" in found.words
    assert found.created is not None
    assert isinstance((await watched(provider, found.ticket, recipe))[-1], Finished)
    assert fal.standin.submits == 2


async def test_twins_are_offered_the_newest_first_and_neither_is_sure(fal: Service, make: Make) -> None:
    provider, recipe, since = make(), recipe_for("fal-ai/flux/dev", seed=42), _before()
    tickets = [await provider.submit(recipe, job_id=JOB) for _ in range(3)]
    found = await provider.look_up(recipe, job_id=JOB, since=since)
    assert [one.ticket.handle["request_id"] for one in found] == [
        ticket.handle["request_id"] for ticket in reversed(tickets)
    ]
    assert not any(one.sure for one in found)
    # The stand-in lists two on a page.
    assert len(fal.asked("/by-endpoint")) == 2


async def test_without_a_seed_nothing_is_sure(make: Make) -> None:
    provider, recipe, since = make(), recipe_for("fal-ai/flux/dev"), _before()
    await provider.submit(recipe, job_id=JOB)
    (found,) = await provider.look_up(recipe, job_id=JOB, since=since)
    assert not found.sure


async def test_what_is_older_or_another_models_is_not_offered(fal: Service, make: Make) -> None:
    provider, recipe = make(), recipe_for("fal-ai/flux/dev", seed=42)
    old = await provider.submit(recipe, job_id=JOB)
    fal.state.jobs[str(old.handle["request_id"])].sent_at -= timedelta(hours=1)
    await provider.submit(recipe_for(seed=42), job_id="1job")
    assert await provider.look_up(recipe, job_id=JOB, since=_before()) == []


async def test_a_request_whose_input_is_not_kept_may_be_it(fal: Service, make: Make) -> None:
    fal.state.payloads_kept = False
    provider, recipe, since = make(), recipe_for("fal-ai/flux/dev", seed=42), _before()
    await provider.submit(recipe, job_id=JOB)
    (found,) = await provider.look_up(recipe, job_id=JOB, since=since)
    assert not found.sure
    assert "its input is not kept" in found.words


async def test_inputs_are_matched_wherever_they_were_uploaded(make: Make) -> None:
    picture = noise()
    provider, since = make(pictures=(picture,)), _before()
    recipe = recipe_for("fal-ai/flux/dev/image-to-image", seed=9, sources=(source(picture),))
    lost = await provider.submit(recipe, job_id=JOB)
    (found,) = await provider.look_up(recipe, job_id=JOB, since=since)
    assert found.sure
    assert found.ticket.handle == lost.handle


async def test_it_needs_the_key(make: Make) -> None:
    with pytest.raises(KeyMissing):
        await make(key=None).look_up(recipe_for(), job_id=JOB, since=_before())


@pytest.mark.parametrize(
    ("sent", "seen", "same"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": 0.5}, {"a": 0.5}, True),
        ({"a": [{"path": "x"}]}, {"a": [{"path": "x", "scale": 1}]}, True),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": f"{SOURCE_MARK}00"}, {"a": "https://v3.fal.media/x"}, True),
        ({"a": f"{SOURCE_MARK}00"}, {"a": None}, False),
    ],
)
def test_what_was_sent_must_all_be_there(sent: object, seen: object, same: bool) -> None:
    assert agrees(sent, seen) is same
