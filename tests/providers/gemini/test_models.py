"""Which Gemini models are offered, what each takes, and the probe of a key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from silverprint.core.errors import BadRecipe, KeyMissing, KeyRefused, ModelGone, SettingsError, Unreachable
from silverprint.core.provider import ProviderContext
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.providers.gemini.adapter import GeminiProvider
from tests.standins.server import Running, StandIn

Cloud = tuple[StandIn, Running]
Open = Callable[..., GeminiProvider]


def ref(model: str) -> ModelRef:
    return ModelRef("gemini", model)


async def test_the_known_models_need_no_network_and_no_key(cloud: Cloud, open_gemini: Open) -> None:
    found = await open_gemini(key=None).models()

    assert found[0].ref.model == "gemini-nano-banana-2.1"
    assert {info.missing for info in found} == {"needs a key"}
    assert cloud[0].seen == []


async def test_a_search_finds_what_the_service_lists_and_only_what_draws(
    cloud: Cloud, open_gemini: Open
) -> None:
    provider = open_gemini()

    assert [info.ref.model for info in await provider.models("marble")] == ["gemini-9-marble-image"]
    assert await provider.models("imagen") == []
    assert [info.ref.model for info in await provider.models("BANANA pro")] == ["gemini-3-pro-image"]
    # Three pages of the list, asked for once.
    assert len(cloud[0].seen) == 3

    gone = next(info for info in await provider.models() if info.ref.model == "gemini-3.1-flash-image")
    assert gone.missing == "not offered to this key"


async def test_the_list_serves_offline_and_is_asked_for_again_after_a_day(
    cloud: Cloud, open_gemini: Open
) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    await open_gemini(clock=lambda: now).models("marble")
    asked = len(cloud[0].seen)

    assert await open_gemini(clock=lambda: now + timedelta(hours=23)).models("marble")
    assert len(cloud[0].seen) == asked

    assert await open_gemini(clock=lambda: now + timedelta(hours=25)).models("marble")
    assert len(cloud[0].seen) == asked * 2

    keyless = open_gemini(key=None, clock=lambda: now + timedelta(days=9))
    assert [info.missing for info in await keyless.models("marble")] == ["needs a key"]


async def test_a_model_that_only_the_service_knows_has_a_general_form(open_gemini: Open) -> None:
    form = await open_gemini().form(ref("gemini-9-marble-image"))
    assert {spec.name for spec in form.params} >= {"aspect_ratio", "resolution", "thinking", "web_search"}


async def test_any_name_is_taken_where_nobody_can_be_asked(cloud: Cloud, open_gemini: Open) -> None:
    assert await open_gemini(key=None).form(ref("gemini-77-image"))
    with pytest.raises(ModelGone):
        await open_gemini().form(ref("gemini-77-image"))
    assert await open_gemini(models=["gemini-77-image"]).form(ref("gemini-77-image"))


async def test_imagen_is_told_apart(open_gemini: Open) -> None:
    with pytest.raises(ModelGone, match="another way"):
        await open_gemini().form(ref("imagen-4.0-generate-001"))


async def test_forms_differ_where_models_do(open_gemini: Open) -> None:
    provider = open_gemini()
    old = await provider.form(ref("gemini-2.5-flash-image"))
    new = await provider.form(ref("gemini-nano-banana-2.1"))

    assert old.spec("resolution") is None
    assert old.spec("thinking") is None
    thinking, sizes = new.spec("thinking"), new.spec("resolution")
    assert thinking is not None
    assert [choice.value for choice in thinking.choices] == ["minimal", "medium", "high"]
    assert sizes is not None
    assert [choice.value for choice in sizes.choices] == ["1K", "2K", "4K"]
    assert old.source("mask") is None
    assert not old.takes_negative


async def test_a_size_that_the_model_does_not_take_is_refused_before_sending(
    cloud: Cloud, open_gemini: Open
) -> None:
    recipe = Recipe(ref=ref("gemini-2.5-flash-image"), prompt="a fox", params={"resolution": "2K"})
    with pytest.raises(BadRecipe) as caught:
        await open_gemini().submit(recipe, job_id="0job")
    assert list(caught.value.fields) == ["resolution"]
    assert cloud[0].seen == []


async def test_the_probe_is_free_and_tells_a_bad_key(cloud: Cloud, open_gemini: Open) -> None:
    assert await open_gemini().probe() == "The key works: 7 models, 5 of them make pictures."
    with pytest.raises(KeyRefused):
        await open_gemini(key="gemini-no-such-key").probe()
    with pytest.raises(KeyMissing):
        await open_gemini(key=None).probe()
    assert cloud[0].submits == 0


async def test_an_address_without_the_service_says_so(cloud: Cloud, open_gemini: Open) -> None:
    with pytest.raises(Unreachable, match="no list of models"):
        await open_gemini(url=f"{cloud[1].url}/elsewhere").probe()


async def test_an_open_address_is_refused(open_gemini: Open) -> None:
    with pytest.raises(SettingsError):
        open_gemini(url="http://example.com")


async def test_another_server_never_gets_the_key_of_the_service_itself(
    cloud: Cloud, make_context: Callable[..., ProviderContext]
) -> None:
    standin, server = cloud
    asked: list[str] = []

    def secret(name: str) -> str | None:
        asked.append(name)
        return standin.key if name == "gemini" else None

    context = make_context(standin.settings(server.url), None, name="mine")
    provider = GeminiProvider(replace(context, secret=secret))
    try:
        assert (await provider.models())[0].missing == "needs a key"
        with pytest.raises(KeyMissing):
            await provider.probe()
    finally:
        await provider.aclose()
    assert set(asked) == {"mine"}
    assert provider.info.key_name == "mine"
    assert standin.seen == []
