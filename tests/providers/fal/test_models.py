"""Which models fal has and what they take: without the network, without a key, and from the service's own documents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from silverprint.core.errors import ModelGone
from silverprint.core.params import ParamKind
from silverprint.core.recipe import ModelRef
from tests.providers.fal.work import Make, Service, recipe_for
from tests.standins.fal_state import endpoints


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


OFFLINE = {name: "http://127.0.0.1:1" for name in ("queue_url", "api_url", "rest_url", "schema_url")}


async def test_the_list_needs_no_network_and_no_key(fal: Service, make: Make) -> None:
    models = await make(key=None).models()
    assert ModelRef("fal", "fal-ai/flux/dev") in {model.ref for model in models}
    assert {model.missing for model in models} == {"needs a key"}
    assert fal.standin.seen == []
    assert {model.missing for model in await make().models()} == {""}


async def test_a_search_finds_what_we_have_not_heard_of(fal: Service, make: Make) -> None:
    (found,) = await make().models("Sketch pen")
    assert found.ref == ModelRef("fal", "nightjar/sketch/v2")
    assert found.note == "Draws with a pen."
    assert found.licence == "commercial"
    assert found.roles == {"image"}
    (asked,) = fal.asked("/api/v1/models")
    assert "q=sketch+pen" in asked.query
    assert asked.headers["authorization"] == f"Key {fal.standin.key}"


async def test_a_search_works_without_a_key_and_turns_the_pages(fal: Service, make: Make) -> None:
    found = await make(key=None).models("flux")
    asked = fal.asked("/api/v1/models")
    assert len(asked) == 3
    assert all("authorization" not in seen.headers for seen in asked)
    names = [model.ref.model for model in found]
    assert len(names) == len(set(names))
    # The stand-in has films as well, one on each page.
    assert not [name for name in names if "film" in name]
    assert {model.missing for model in found} == {"needs a key"}


async def test_a_search_is_kept_and_serves_offline(fal: Service, make: Make) -> None:
    clock = Clock()
    await make(clock=clock).models("sketch")
    await make(clock=clock).models("sketch")
    assert len(fal.asked("/api/v1/models")) == 1
    clock.now += timedelta(days=40)
    (found,) = await make(clock=clock, settings=OFFLINE).models("sketch")
    assert found.ref.model == "nightjar/sketch/v2"


async def test_a_search_with_a_wrong_key_finds_what_we_know(make: Make) -> None:
    found = await make(key="some:wrong-key-value").models("flux schnell")
    assert "fal-ai/flux/schnell" in {model.ref.model for model in found}


@pytest.mark.parametrize("endpoint", sorted(endpoints()))
@pytest.mark.parametrize("key", [None, "the right one"])
async def test_a_form_has_every_field_but_one(
    fal: Service, make: Make, endpoint: str, key: str | None
) -> None:
    form = await make(key=fal.standin.key if key else None).form(ModelRef("fal", endpoint))
    wires = {spec.wire for spec in form.params}
    takes = set(endpoints()[endpoint]["properties"])
    elsewhere = {"prompt", "seed", "negative_prompt", "loras", "strength", "sync_mode"}
    pictures = {name for name in takes if name.endswith(("_url", "_urls"))}
    assert wires == takes - elsewhere - pictures
    assert form.takes_seed == ("seed" in takes)
    assert form.takes_loras == ("loras" in takes)
    assert form.takes_negative == ("negative_prompt" in takes)
    assert bool(form.sources) == bool(pictures)


async def test_a_form_is_read_at_the_endpoints_own_path(make: Make) -> None:
    # The document also has a schema named SomeOtherInput, first.
    form = await make().form(ModelRef("fal", "nightjar/sketch/v2"))
    assert [spec.name for spec in form.params] == ["size", "outputs", "ink"]
    size = form.spec("size")
    assert size is not None
    assert size.kind is ParamKind.SIZE


async def test_where_the_platform_has_no_document_the_open_site_has(fal: Service, make: Make) -> None:
    await make().form(ModelRef("fal", "fal-ai/flux-lora"))
    (asked,) = fal.asked("/site/")
    assert "authorization" not in asked.headers


async def test_a_form_is_asked_for_once_a_day_and_serves_offline(fal: Service, make: Make) -> None:
    clock, ref = Clock(), ModelRef("fal", "nightjar/sketch/v2")
    first = make(clock=clock)
    form = await first.form(ref)
    assert await first.form(ref) == form
    assert await make(clock=clock).form(ref) == form
    assert len(fal.asked("/api/v1/models")) == 1
    clock.now += timedelta(days=40)
    assert await make(clock=clock, settings=OFFLINE).form(ref) == form


async def test_offline_and_never_seen_our_own_list_tells(fal: Service, make: Make) -> None:
    provider = make(settings=OFFLINE)
    form = await provider.form(ModelRef("fal", "fal-ai/flux/dev"))
    assert form.spec("steps") is not None
    assert form.spec("sync_mode") is None
    with pytest.raises(ModelGone):
        await provider.form(ModelRef("fal", "nightjar/sketch/v2"))


@pytest.mark.parametrize(
    "model", ["flux", "../models", "fal-ai/../keys", "a//b", "fal-ai/flux?x=1", "nightjar/other"]
)
async def test_what_is_no_model_is_gone_before_anything_is_paid(fal: Service, make: Make, model: str) -> None:
    with pytest.raises(ModelGone):
        await make().form(ModelRef("fal", model))
    with pytest.raises(ModelGone):
        await make().submit(recipe_for(model), job_id="0job")
    assert fal.standin.submits == 0
