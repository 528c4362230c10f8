"""Which models are listed, and where their forms come from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from silverprint.core.errors import ModelGone, SettingsError
from silverprint.core.recipe import ModelRef, Source
from silverprint.providers.bfl.adapter import Bfl
from tests.providers.bfl.conftest import Context
from tests.providers.bfl.jobs import asked, end_of
from tests.standins import bfl
from tests.standins.server import Running, StandIn

Pair = tuple[StandIn, Running]
Open = Callable[..., Bfl]

FAMILIES = (
    "flux-pro-1.1",
    "flux-pro-1.1-ultra",
    "flux-dev",
    "flux-2-klein-4b",
    "flux-2-klein-9b",
    "flux-2-pro",
    "flux-2-flex",
    "flux-2-max",
    "flux-3-image",
    "flux-kontext-pro",
    "flux-kontext-max",
    "flux-pro-1.0-fill",
    "flux-pro-1.0-expand",
    "flux-tools/erase-v1",
)
NOWHERE = "http://127.0.0.1:1"


def questions(standin: StandIn) -> int:
    return sum(seen.path == "/openapi.json" for seen in standin.seen)


async def test_the_catalogue_needs_no_network_and_no_key(make_context: Context) -> None:
    provider = Bfl(make_context({"url": NOWHERE}))
    listed = await provider.models()
    assert set(FAMILIES) <= {model.ref.model for model in listed}
    assert {model.missing for model in listed} == {"needs a key"}
    assert {model.missing for model in await Bfl(make_context({"url": NOWHERE}, "key-123")).models()} == {""}


@pytest.mark.parametrize("model", FAMILIES)
async def test_forms_are_there_offline(make_context: Context, model: str) -> None:
    form = await Bfl(make_context({"url": NOWHERE})).form(ModelRef("bfl", model))
    assert form.spec("safety_tolerance") is not None
    assert form.takes_seed == (model != "flux-3-image")


@pytest.mark.parametrize("model", FAMILIES)
async def test_the_shipped_form_takes_what_the_services_own_takes(
    cloud: Pair, open_bfl: Open, make_context: Context, model: str
) -> None:
    shipped = await Bfl(make_context({"url": NOWHERE}, name="")).form(ModelRef("bfl", model))
    theirs = await open_bfl(cloud).form(ModelRef("bfl", model))
    odd = {"user", "input_image_blob_path"}
    assert {spec.name for spec in shipped.params} - odd == {spec.name for spec in theirs.params} - odd
    assert {(each.role, each.required) for each in shipped.sources} == {
        (each.role, each.required) for each in theirs.sources
    }


async def test_no_form_asks_for_a_webhook(cloud: Pair, open_bfl: Open) -> None:
    provider = open_bfl(cloud)
    for model in await provider.models():
        form = await provider.form(model.ref)
        assert not [spec.name for spec in form.params if "webhook" in spec.wire]


async def test_a_model_that_is_new_at_the_service_is_found(cloud: Pair, open_bfl: Open) -> None:
    schema = {
        "type": "object",
        "required": ["prompt"],
        "properties": {"prompt": {"type": "string"}, "glow": {"type": "number", "minimum": 0, "maximum": 2}},
    }
    cloud[0].state.paths = {
        "/v1/flux-9-dream": schema,
        "/v1/flux-9-video": schema,
        "/v1/flux-9-finetuned": {**schema, "properties": {**schema["properties"], "finetune_id": {}}},  # type: ignore[dict-item]
    }
    provider = open_bfl(cloud)
    assert [model.ref.model for model in await provider.models("flux-9")] == ["flux-9-dream"]
    glow = (await provider.form(ModelRef("bfl", "flux-9-dream"))).spec("glow")
    assert glow is not None
    assert glow.high == 2


async def test_the_document_is_asked_for_once_a_day_and_serves_offline(make_context: Any) -> None:
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    standin = bfl.build()
    standin.state.paths = {
        "/v1/flux-9-dream": {"type": "object", "properties": {"prompt": {"type": "string"}}}
    }
    dream = ModelRef("bfl", "flux-9-dream")
    with Running(standin.wrapped()) as server:
        settings = standin.settings(server.url)

        def opened() -> Bfl:
            return Bfl(make_context(settings, standin.key, clock=lambda: now))

        first, second = opened(), opened()
        await first.form(dream)
        await first.form(dream)
        await second.form(dream)
        assert questions(standin) == 1
        now += timedelta(hours=25)
        await first.form(dream)
        assert questions(standin) == 2
        await first.aclose()
        await second.aclose()
    now += timedelta(days=30)
    late = opened()
    assert await late.form(dream)
    assert "flux-9-dream" in {model.ref.model for model in await late.models()}
    await late.aclose()


async def test_search(cloud: Pair, open_bfl: Open) -> None:
    provider = open_bfl(cloud)
    found = {model.ref.model for model in await provider.models("klein 4b")}
    assert found == {"flux-2-klein-4b"}
    assert await provider.models("no such thing") == []


async def test_an_own_server_lists_what_the_settings_name(box: Pair, open_bfl: Open) -> None:
    provider = open_bfl(box, "mybox")
    assert [str(model.ref) for model in await provider.models()] == [
        "mybox:flux-2-klein-4b",
        "mybox:my/own-model",
    ]
    assert {model.missing for model in await provider.models()} == {""}
    with pytest.raises(ModelGone) as caught:
        await provider.form(ModelRef("mybox", "another"))
    assert "providers.mybox" in caught.value.fix


async def test_an_own_server_that_nobody_described_takes_any_name(box: Pair, open_bfl: Open) -> None:
    provider = open_bfl(box, "mybox", models=[])
    assert await provider.models() == []
    form = await provider.form(ModelRef("mybox", "whatever"))
    assert {"size", "aspect_ratio", "steps", "guidance", "output_format", "safety_tolerance"} <= {
        spec.name for spec in form.params
    }
    assert form.takes_seed
    assert await end_of(provider, asked("whatever", provider="mybox"))
    for astray in ("../admin", "a//b", "a/../b"):
        with pytest.raises(ModelGone):
            await provider.form(ModelRef("mybox", astray))


async def test_an_own_server_that_describes_itself(cloud: Pair, open_bfl: Open) -> None:
    """The same program under another name: its document gives the models and the forms, not our catalogue."""
    provider = open_bfl(cloud, "den")
    listed = {model.ref.model for model in await provider.models()}
    assert set(FAMILIES) <= listed
    assert all(model.ref.provider == "den" for model in await provider.models())
    assert (await provider.form(ModelRef("den", "flux-2-flex"))).spec("steps") is not None
    with pytest.raises(ModelGone):
        await provider.form(ModelRef("den", "unheard-of"))


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("mybox", {}, "url is not set"),
        ("mybox", {"url": "http://example.com"}, "open"),
        ("", {"url": "ftp://host"}, "not an address"),
        ("mybox", {"url": "http://10.0.0.2", "result_hosts": "10.0.0.3"}, "result_hosts"),
    ],
)
def test_settings_that_can_not_be_used(
    make_context: Context, name: str, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        Bfl(make_context(settings, name=name))
    assert caught.value.fix


@pytest.mark.parametrize(
    ("model", "size", "inputs", "usd"),
    [
        ("flux-2-klein-4b", "1024x1024", 0, 0.014),
        ("flux-2-klein-4b", "auto", 0, 0.014),
        ("flux-2-klein-4b", "2048x1024", 0, 0.015),
        ("flux-2-pro", "1024x1024", 1, 0.045),
        ("flux-2-pro", "auto", 3, 0.075),
        ("flux-2-max", "2048x2048", 0, 0.16),
        ("flux-kontext-pro", "", 1, 0.04),
    ],
)
async def test_what_it_costs(make_context: Context, model: str, size: str, inputs: int, usd: float) -> None:
    """By the service's price page: the first megapixel, each further one, and inputs like further ones."""
    sources = tuple(Source(role="reference", sha256=str(number)) for number in range(inputs))
    recipe = asked(model, params={"size": size} if size else {}, sources=sources)
    price = await Bfl(make_context({"url": NOWHERE})).price(recipe)
    assert price is not None
    assert price.usd == pytest.approx(usd)
    assert price.source == "table"
    assert price.about


async def test_what_nobody_knows_the_price_of(make_context: Context) -> None:
    assert await Bfl(make_context({"url": NOWHERE})).price(asked("flux-3-image")) is None
    own = Bfl(make_context({"url": NOWHERE}, name="mybox"))
    assert await own.price(asked(provider="mybox")) is None
