"""A server that speaks alike, under the name a person gave it: what it is spared, and what its answers may look like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from silverprint.core.errors import (
    BadRecipe,
    KeyMissing,
    KeyRefused,
    ModelGone,
    ProviderError,
    SettingsError,
    Unreachable,
)
from silverprint.core.recipe import ModelRef
from silverprint.providers.download import Refused
from silverprint.providers.openai.adapter import OpenAIProvider
from tests.providers.openai.work import asks, develop, finished, flat, source
from tests.standins import openai
from tests.standins.openai import State
from tests.standins.server import Running, StandIn

Cloud = tuple[StandIn, Running]
Open = Callable[..., OpenAIProvider]

TURBO = "sd-turbo"


def state_of(pair: Cloud) -> State:
    state: State = pair[0].state
    return state


def ref(model: str) -> ModelRef:
    return ModelRef("mine", model)


@pytest.fixture
def other() -> Iterator[Cloud]:
    """Where the links of the first one lead."""
    standin = openai.build(compatible=True)
    with Running(standin.wrapped()) as server:
        yield standin, server
    assert standin.state.leaks == []


async def test_only_what_was_set_is_sent(box: Cloud, open_openai: Open) -> None:
    provider = open_openai(box, "mine")
    recipe = asks(TURBO, name="mine", params=(await provider.form(ref(TURBO))).defaults())
    await develop(provider, recipe)
    assert box[0].seen[-1].json == {"model": TURBO, "prompt": "a fox", "response_format": "b64_json"}


async def test_its_own_keys_go_into_the_body(box: Cloud, open_openai: Open) -> None:
    params = {
        "size": "640x384",
        "outputs": 2,
        "quality": "hd",
        "extra_body": {"steps": 4, "guidance_scale": 1.5},
    }
    await develop(
        open_openai(box, "mine", response_format="url"),
        asks(TURBO, name="mine", seed=7, negative_prompt="rain", params=params),
    )
    assert box[0].seen[-1].json == {
        "model": TURBO,
        "prompt": "a fox",
        "n": 2,
        "size": "640x384",
        "quality": "hd",
        "response_format": "url",
        "seed": 7,
        "negative_prompt": "rain",
        "steps": 4,
        "guidance_scale": 1.5,
    }


async def test_what_it_does_not_take_can_be_turned_off(box: Cloud, open_openai: Open) -> None:
    provider = open_openai(box, "mine", response_format="", seed=False, negative_prompt=False, edits=False)
    form = await provider.form(ref(TURBO))
    assert (form.takes_seed, form.takes_negative, form.sources) == (False, False, ())

    await develop(provider, asks(TURBO, name="mine"))

    assert box[0].seen[-1].json == {"model": TURBO, "prompt": "a fox"}
    with pytest.raises(BadRecipe):
        await provider.submit(asks(TURBO, name="mine", params={"extra_body": [1]}), job_id="0job")


@pytest.mark.parametrize("shape", ["url", "relative", "data", "b64_json"])
async def test_pictures_may_come_as_they_like(box: Cloud, open_openai: Open, shape: str) -> None:
    provider = open_openai(box, "mine")
    recipe = asks(TURBO, name="mine", params={"size": "64x32", "outputs": 2})
    state_of(box).shape = "b64_json"
    wanted = [output.data for output in (await finished(provider, recipe)).outputs]
    state_of(box).shape = shape

    found = await finished(provider, recipe)

    got = [output.data if output.url is None else await provider.fetch(output) for output in found.outputs]
    assert got == wanted
    assert found.price_usd is None


async def test_a_link_to_another_host_is_asked_without_the_key(
    box: Cloud, other: Cloud, open_openai: Open
) -> None:
    # The same machine by another name is another host, and private: it must be named in the settings.
    state_of(box).results = other[1].url.replace("127.0.0.1", "localhost")
    recipe = asks(TURBO, name="mine", params={"size": "64x32"})

    strict = open_openai(box, "mine")
    output = (await finished(strict, recipe)).outputs[0]
    with pytest.raises(Refused, match="private network"):
        await strict.fetch(output)
    assert other[0].seen == []

    allowed = open_openai(box, "mine", result_hosts=["localhost"])
    state_of(other).pictures.update(state_of(box).pictures)
    assert await allowed.fetch(output) == next(iter(state_of(box).pictures.values()))
    assert all(openai.ALIKE_KEY not in str(seen.headers) for seen in other[0].seen)


async def test_no_key_is_needed_where_none_is_asked_for(box: Cloud, open_openai: Open) -> None:
    state_of(box).key_needed = False
    provider = open_openai(box, "mine", key=None)
    assert not provider.info.needs_key
    assert {info.missing for info in await provider.models()} == {""}
    await develop(provider, asks(TURBO, name="mine"))
    assert "authorization" not in box[0].seen[-1].headers


async def test_the_key_of_openai_itself_is_not_sent_there(
    box: Cloud, make_context: Callable[..., Any]
) -> None:
    table = box[0].settings(box[1].url)
    provider = OpenAIProvider(make_context(table, name="mine", keys={"openai": openai.KEY}))
    with pytest.raises(KeyMissing):
        await develop(provider, asks(TURBO, name="mine"))
    await provider.aclose()
    assert all("authorization" not in seen.headers for seen in box[0].seen)


async def test_it_has_the_models_that_it_lists_and_those_that_are_named(
    box: Cloud, open_openai: Open
) -> None:
    provider = open_openai(box, "mine", models=["secret-model"])
    assert {info.ref.model for info in await provider.models()} == {"secret-model", *openai.ALIKE_MODELS}
    assert [str(info.ref) for info in await provider.models("gguf")] == ["mine:flux-schnell-gguf"]
    with pytest.raises(ModelGone):
        await provider.form(ref("nothing"))


async def test_without_a_list_any_name_is_taken(box: Cloud, open_openai: Open) -> None:
    state_of(box).has_list = False
    provider = open_openai(box, "mine")
    assert await provider.form(ref("whatever"))
    with pytest.raises(Unreachable, match="no list of models"):
        await provider.models()
    named = open_openai(box, "mine", models=["whatever"])
    assert [info.ref.model for info in await named.models()] == ["whatever"]


async def test_its_list_is_kept_for_when_it_is_away(box: Cloud, open_openai: Open) -> None:
    first = await open_openai(box, "mine").models()
    asked = len(box[0].seen)
    assert await open_openai(box, "mine").models() == first
    assert len(box[0].seen) == asked


async def test_the_probe_tells_that_it_answers(box: Cloud, open_openai: Open) -> None:
    assert await open_openai(box, "mine").probe() == "It answers: 2 models."
    with pytest.raises(KeyRefused, match="Unauthorized"):
        await open_openai(box, "mine", key="wrong-key-wrong").probe()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, "CUDA out of memory", "CUDA out of memory"),
        (422, {"detail": "width must be a multiple of 8"}, "width must be a multiple of 8"),
        (422, {"detail": [{"loc": ["body", "size"], "msg": "bad size", "type": "value_error"}]}, "bad size"),
        (400, {"error": "no such sampler"}, "no such sampler"),
    ],
)
async def test_its_errors_are_read_in_any_shape(
    box: Cloud, open_openai: Open, status: int, body: Any, words: str
) -> None:
    state_of(box).refuse.append((status, body, {}))
    with pytest.raises(ProviderError, match=words):
        await develop(open_openai(box, "mine"), asks(TURBO, name="mine"))


async def test_a_field_that_it_does_not_know_comes_with_the_way_to_turn_it_off(
    box: Cloud, open_openai: Open
) -> None:
    state_of(box).refuse.append((422, {"detail": "Unknown field: seed"}, {}))
    with pytest.raises(BadRecipe) as caught:
        await develop(open_openai(box, "mine"), asks(TURBO, name="mine", seed=3))
    assert "seed = false" in caught.value.fix


async def test_edits_work_where_there_are_any(box: Cloud, open_openai: Open) -> None:
    picture, mask = flat(16, 16, (1, 2, 3)), flat(16, 16, (255, 255, 255))
    provider = open_openai(box, "mine", pictures=(picture, mask))
    recipe = asks(
        TURBO,
        name="mine",
        seed=5,
        params={"extra_body": {"strength": 0.5}},
        sources=(source("image", picture), source("mask", mask)),
    )

    await develop(provider, recipe)

    edit = state_of(box).edits[-1]
    assert edit.parts == ("image", "mask")
    assert len(edit.free) == 256
    assert edit.fields == {
        "model": TURBO,
        "prompt": "a fox",
        "response_format": "b64_json",
        "seed": "5",
        "strength": "0.5",
    }

    state_of(box).has_edits = False
    with pytest.raises(ModelGone, match="can't edit") as caught:
        await develop(provider, recipe)
    assert "edits = false" in caught.value.fix


@pytest.mark.parametrize(
    "settings",
    [
        {"url": ""},
        {"url": "http://example.com/v1"},
        {"response_format": "png"},
        {"partial_images": 4},
        {"partial_images": True},
    ],
)
async def test_settings_that_can_not_be_are_told(
    box: Cloud, open_openai: Open, settings: dict[str, Any]
) -> None:
    with pytest.raises(SettingsError):
        open_openai(box, "mine", **settings)


async def test_one_may_be_spoken_to_just_as_openai_is(cloud: Cloud, open_openai: Open) -> None:
    provider = open_openai(cloud, "gateway", exact=True, url=f"{cloud[1].url}/v1")
    await develop(provider, asks("gpt-image-2", name="gateway", params={"quality": "low"}))
    assert cloud[0].seen[-1].json == {"model": "gpt-image-2", "prompt": "a fox", "quality": "low"}
    assert "gpt-image-2" in {info.ref.model for info in await provider.models()}
