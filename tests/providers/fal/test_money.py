"""What a request costs before it is sent, what was charged after, and whether the key is taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from silverprint.core.errors import KeyMissing, KeyRefused, Unreachable
from silverprint.core.provider import Price
from tests.providers.fal.work import Make, Service, developed, noise, recipe_for, source

TODAY = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("model", "params", "price"),
    [
        ("fal-ai/flux/dev", {}, Price(usd=0.025, source="service", as_of="2026-11-22")),
        ("fal-ai/flux/dev", {"outputs": 4}, Price(usd=0.1, source="service", as_of="2026-11-22")),
        ("fal-ai/flux/schnell", {}, Price(usd=0.003, about=True, source="service", as_of="2026-11-22")),
        (
            "fal-ai/flux/schnell",
            {"size": "2048x1536", "outputs": 2},
            Price(usd=0.018, about=True, source="service", as_of="2026-11-22"),
        ),
        ("nightjar/sketch/v2", {}, None),
    ],
)
async def test_a_price_is_the_units_of_the_request(
    make: Make, model: str, params: dict[str, Any], price: Price | None
) -> None:
    found = await make(clock=lambda: TODAY).price(recipe_for(model, params=params))
    if price is None:
        assert found is None
        return
    assert found is not None
    assert found.usd == pytest.approx(price.usd)
    assert (found.about, found.source, found.as_of) == (price.about, price.source, price.as_of)


async def test_a_picture_of_the_inputs_size_costs_by_the_input(make: Make) -> None:
    picture = noise(1500, 1000)
    provider = make(pictures=(picture,))
    found = await provider.price(recipe_for("fal-ai/flux/dev/image-to-image", sources=(source(picture),)))
    assert found is not None
    assert found.usd == pytest.approx(0.06)
    assert found.about


async def test_what_is_billed_by_time_is_unknown_before(make: Make) -> None:
    picture = noise()
    provider = make(pictures=(picture,))
    recipe = recipe_for("fal-ai/clarity-upscaler", sources=(source(picture),))
    assert await provider.price(recipe) is None
    assert (await developed(provider, recipe)).price_usd == pytest.approx(0.0003)


async def test_a_price_that_goes_by_resolution_is_the_larger_of_both(make: Make) -> None:
    picture = noise()
    provider = make(pictures=(picture,))
    recipe = recipe_for("fal-ai/nano-banana-2/edit", sources=(source(picture),), params={"resolution": "4K"})
    found = await provider.price(recipe)
    assert found is not None
    assert found.about
    assert found.usd >= 0.08


async def test_a_price_is_asked_for_once_a_day(fal: Service, make: Make) -> None:
    now = [TODAY]
    for _ in range(2):
        await make(clock=lambda: now[0]).price(recipe_for("fal-ai/flux/dev"))
    assert len(fal.asked("/pricing")) == 1
    now[0] += timedelta(days=2)
    fal.state.prices["fal-ai/flux/dev"] = (0.05, "image")
    found = await make(clock=lambda: now[0]).price(recipe_for("fal-ai/flux/dev"))
    assert found is not None
    assert found.usd == 0.05


async def test_without_a_key_our_table_serves(fal: Service, make: Make) -> None:
    found = await make(key=None).price(recipe_for("fal-ai/flux/dev", params={"outputs": 2}))
    assert found is not None
    assert (found.usd, found.source) == (0.05, "table")
    assert fal.asked("/pricing") == []


async def test_a_price_in_other_money_is_no_price(fal: Service, make: Make) -> None:
    fal.state.currency = "EUR"
    assert await make().price(recipe_for("fal-ai/flux/schnell")) is None


async def test_the_probe_is_free_and_tells_the_balance_where_it_may(fal: Service, make: Make) -> None:
    assert "takes the key" in await make().probe()
    fal.state.admin = True
    assert await make().probe() == "fal takes the key; 24.50 USD left."
    assert fal.standin.submits == 0


async def test_the_probe_tells_a_wrong_key_from_none_and_from_no_network(make: Make) -> None:
    with pytest.raises(KeyMissing):
        await make(key=None).probe()
    with pytest.raises(KeyRefused):
        await make(key="other:wrong-key-value").probe()
    with pytest.raises(Unreachable):
        await make(settings={"api_url": "http://127.0.0.1:1"}).probe()
