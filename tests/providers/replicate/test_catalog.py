"""Models: our list, Replicate's search and collections, forms from schemas, and all of it without a network."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from silverprint.core.errors import KeyMissing, ModelGone, Unreachable
from silverprint.core.params import ParamKind
from silverprint.core.recipe import ModelRef
from silverprint.providers.catalog import shipped
from silverprint.providers.replicate.adapter import ReplicateProvider, create
from tests.providers.replicate.conftest import SCHNELL, SDXL, Make, recipe
from tests.standins.server import Running, StandIn

DEAD = {"url": "http://127.0.0.1:1"}


def ref(model: str) -> ModelRef:
    return ModelRef("replicate", model)


async def names(provider: ReplicateProvider, query: str = "") -> list[str]:
    return [model.ref.model for model in await provider.models(query)]


def asked(standin: StandIn, path: str) -> int:
    return sum(seen.path.startswith(path) for seen in standin.seen)


async def test_our_list_needs_neither_network_nor_key(make: Make) -> None:
    models = await make(DEAD, key=None).models()
    assert [model.ref for model in models] == [model.info.ref for model in shipped("replicate")]
    assert {model.missing for model in models} == {"needs a key"}
    assert {model.missing for model in await make(DEAD).models()} == {""}


async def test_the_search_adds_to_our_list(provider: ReplicateProvider, standin: StandIn) -> None:
    found = {model.ref.model: model for model in await provider.models("inpainting")}
    assert found[SDXL].roles == {"text", "inpaint"}
    assert found[SDXL].note == "A text-to-image model"
    (seen,) = standin.seen
    assert seen.path == "/v1/search"
    assert (await names(provider, "upscale"))[:2] == ["nightmareai/real-esrgan", "daanelson/real-esrgan-a100"]


async def test_a_search_is_asked_once_an_hour_and_serves_offline(make: Make, standin: StandIn) -> None:
    first = await names(make(), "inpainting")
    assert await names(make(), "inpainting") == first
    assert asked(standin, "/v1/search") == 1
    late = datetime.now(UTC) + timedelta(hours=2)
    assert await names(make(clock=lambda: late), "inpainting") == first
    assert asked(standin, "/v1/search") == 2


async def test_what_was_found_is_found_again_without_the_service(make: Make, standin: StandIn) -> None:
    with Running(standin.wrapped()) as gone:
        online = make({"url": gone.url})
        first = await names(online, "inpainting")
        form = await online.form(ref(SDXL))
    assert SDXL in first
    late = datetime.now(UTC) + timedelta(days=3)
    offline = make({"url": gone.url}, clock=lambda: late)
    assert await names(offline, "inpainting") == first
    assert await offline.form(ref(SDXL)) == form


async def test_text_models_are_left_out(provider: ReplicateProvider) -> None:
    assert "lucataco/moondream2" not in await names(provider, "picture")


@pytest.mark.parametrize("with_sdk", [True, False])
async def test_where_the_search_is_gone_the_older_one_serves(
    make: Make, standin: StandIn, with_sdk: bool, request: pytest.FixtureRequest
) -> None:
    if not with_sdk:
        request.getfixturevalue("no_sdk")
    standin.state.search_gone = True
    assert SDXL in await names(make(), "stability-ai text-to-image")
    seen = standin.seen[-1]
    assert (seen.method, seen.path, seen.body) == ("QUERY", "/v1/models", b"stability-ai text-to-image")


async def test_a_collection_is_listed(provider: ReplicateProvider) -> None:
    assert await names(provider, "collection:text-to-image") == [
        "black-forest-labs/flux-schnell",
        "black-forest-labs/flux-dev",
        "stability-ai/sdxl",
    ]
    assert await names(provider, "collection:no-such") == []
    upscalers = await provider.models("Collection:super-resolution")
    assert [model.title for model in upscalers] == ["Real-ESRGAN · A100"]


async def test_a_model_is_found_by_its_whole_name(provider: ReplicateProvider, standin: StandIn) -> None:
    assert await names(provider, "me/none") == []
    standin.state.unlisted = {"someone/empty"}
    assert await names(provider, "someone/empty") == ["someone/empty"]


async def test_forms_come_from_the_schema(provider: ReplicateProvider) -> None:
    form = await provider.form(ref(SCHNELL))
    assert [spec.name for spec in form.params][:3] == ["aspect_ratio", "outputs", "steps"]
    ratio = form.spec("aspect_ratio")
    assert ratio is not None
    assert [choice.value for choice in ratio.choices] == ["1:1", "16:9", "3:2", "2:3", "9:16"]
    size = form.spec("megapixels")
    assert size is not None
    assert size.kind is ParamKind.CHOICE
    assert size.default == "1"
    assert form.takes_seed
    assert form.prompt_required
    assert form.spec("model_version") is None


async def test_inputs_are_told_by_name_and_format(provider: ReplicateProvider) -> None:
    sdxl = await provider.form(ref(SDXL))
    assert {spec.role for spec in sdxl.sources} == {"image", "mask"}
    assert sdxl.takes_negative
    assert sdxl.spec("size") is not None
    several = await provider.form(ref("black-forest-labs/flux-2-pro"))
    assert {spec.role for spec in several.sources} >= {"image", "reference"}
    upscaler = await provider.form(ref("daanelson/real-esrgan-a100"))
    image = upscaler.source("image")
    assert image is not None
    assert image.required
    lora = await provider.form(ref("black-forest-labs/flux-dev-lora"))
    assert lora.takes_loras
    secret = lora.spec("hf_api_token")
    assert secret is None or secret.secret


async def test_a_form_is_asked_for_once_a_day(make: Make, standin: StandIn) -> None:
    for _ in range(2):
        provider = make()
        await provider.form(ref(SCHNELL))
        await provider.submit(recipe(), job_id="job")
    assert asked(standin, f"/v1/models/{SCHNELL}") == 1 + 2  # one question, two jobs
    late = datetime.now(UTC) + timedelta(days=2)
    await make(clock=lambda: late).form(ref(SCHNELL))
    assert asked(standin, f"/v1/models/{SCHNELL}") == 4


async def test_a_version_is_asked_for_once(make: Make, standin: StandIn) -> None:
    older = standin.state.models[SDXL].versions[1]
    for days in (0, 400):
        late = datetime.now(UTC) + timedelta(days=days)
        await make(clock=lambda late=late: late).form(ref(f"{SDXL}:{older.id}"))
    assert asked(standin, f"/v1/models/{SDXL}/versions/{older.id}") == 1


async def test_without_a_key_our_own_shape_serves(make: Make, standin: StandIn) -> None:
    provider = make(key=None)
    form = await provider.form(ref("black-forest-labs/flux-dev"))
    assert form.spec("steps") is not None
    assert standin.seen == []
    with pytest.raises(KeyMissing):
        await provider.form(ref("stability-ai/sdxl"))


async def test_a_model_nobody_knows_is_gone(provider: ReplicateProvider, standin: StandIn) -> None:
    with pytest.raises(ModelGone):
        await provider.form(ref("someone/none"))
    with pytest.raises(ModelGone):
        await provider.form(ref(f"{SDXL}:{'0' * 64}"))
    before = len(standin.seen)
    for odd in ("flux", "a/b/c", "../account", "a/..", "a/b:latest", "a/b\nc", "", "a b/c"):
        with pytest.raises(ModelGone):
            await provider.form(ref(odd))
    assert len(standin.seen) == before


async def test_a_model_without_a_version_has_a_prompt(provider: ReplicateProvider) -> None:
    form = await provider.form(ref("someone/empty"))
    assert form.takes_prompt
    assert form.spec("model_version") is None


async def test_out_of_reach_is_told_as_that(make: Make) -> None:
    with pytest.raises(Unreachable):
        await make(DEAD).form(ref(SDXL))


async def test_another_servers_models_are_not_taken_for_replicates(make: Make, standin: StandIn) -> None:
    await make().form(ref(SDXL))
    with pytest.raises(Unreachable):
        await make({"url": "http://127.0.0.1:2"}).form(ref(SDXL))


async def test_a_server_under_its_own_name_has_its_own_key_and_models(
    make_context: Any, standin: StandIn, server: Running
) -> None:
    provider = create(make_context({"url": server.url}, name="mine", keys={"mine": standin.key}))
    assert provider.info.key_name == "mine"
    assert {model.ref.provider for model in await provider.models("flux")} == {"mine"}
    ticket = await provider.submit(replace(recipe(), ref=ModelRef("mine", SCHNELL)), job_id="job")
    assert ticket.provider == "mine"
    await provider.aclose()
