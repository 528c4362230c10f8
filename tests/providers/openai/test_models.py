"""Which OpenAI models are offered, what each takes, the masks' PNG, and the probe of a key."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from silverprint.core.errors import KeyMissing, KeyRefused, ModelGone
from silverprint.core.image import RawImage
from silverprint.core.recipe import ModelRef
from silverprint.providers.openai.adapter import OpenAIProvider
from silverprint.providers.openai.png import mask_png, rgb_png
from tests.standins.server import Running, StandIn

Cloud = tuple[StandIn, Running]
Open = Callable[..., OpenAIProvider]


def ref(model: str) -> ModelRef:
    return ModelRef("openai", model)


async def test_the_known_models_need_no_network_and_no_key(cloud: Cloud, open_openai: Open) -> None:
    found = await open_openai(cloud, key=None).models()
    assert found[0].ref == ref("gpt-image-2.6-sunburst")
    assert {info.missing for info in found} == {"needs a key"}
    priced = {info.ref.model: info.price.usd for info in found if info.price is not None}
    assert priced == {"gpt-image-2.5-sunburst": 0.0132, "gpt-image-2": 0.053}
    assert cloud[0].seen == []


async def test_a_search_finds_what_the_service_lists_and_only_what_draws(
    cloud: Cloud, open_openai: Open
) -> None:
    provider = open_openai(cloud)
    assert [info.ref.model for info in await provider.models("marble")] == ["gpt-image-9-marble"]
    assert await provider.models("gpt-6") == []
    assert await provider.form(ref("gpt-image-9-marble"))


@pytest.mark.parametrize("model", ["dall-e-2", "dall-e-3", "gpt-image-1"])
async def test_models_that_were_shut_down_are_gone(cloud: Cloud, open_openai: Open, model: str) -> None:
    with pytest.raises(ModelGone, match=r"shut .* down on 2026"):
        await open_openai(cloud).form(ref(model))


async def test_forms_differ_where_models_do(cloud: Cloud, open_openai: Open) -> None:
    provider = open_openai(cloud)
    new = await provider.form(ref("gpt-image-2.5-flare-2026-09-08"))
    old = await provider.form(ref("gpt-image-1.5"))

    def choices(form: object, name: str) -> list[str]:
        spec = form.spec(name)  # type: ignore[attr-defined]
        return [choice.value for choice in spec.choices]

    assert choices(new, "quality")[-2:] == ["xhigh", "max"]
    assert choices(old, "quality") == ["auto", "low", "medium", "high"]
    assert new.spec("input_fidelity") is None
    assert old.spec("input_fidelity") is not None
    assert old.spec("complexity") is None
    size = old.spec("size")
    assert size is not None
    assert size.low is None
    assert not new.takes_seed
    assert not new.takes_negative
    assert cloud[0].seen == []


async def test_the_probe_is_free_and_tells_a_bad_key(cloud: Cloud, open_openai: Open) -> None:
    assert await open_openai(cloud).probe() == "The key works: 11 models, 10 of them make pictures."
    with pytest.raises(KeyRefused):
        await open_openai(cloud, key="sk-no-such-key").probe()
    with pytest.raises(KeyMissing):
        await open_openai(cloud, key=None).probe()
    assert cloud[0].submits == 0


@given(st.integers(1, 20), st.integers(1, 20), st.data())
def test_a_mask_is_transparent_just_where_it_is_light(width: int, height: int, data: st.DataObject) -> None:
    light = data.draw(st.binary(min_size=width * height, max_size=width * height))
    made = Image.open(io.BytesIO(mask_png(RawImage(width=width, height=height, data=light, mode="L"))))
    made.load()
    assert made.mode == "RGBA"
    assert made.size == (width, height)
    assert made.getchannel("A").tobytes() == bytes(0 if value >= 128 else 255 for value in light)


def test_pixels_come_back_as_they_were() -> None:
    pixels = bytes(range(5 * 3 * 3))
    made = Image.open(io.BytesIO(rgb_png(RawImage(width=5, height=3, data=pixels))))
    assert made.convert("RGB").tobytes() == pixels
