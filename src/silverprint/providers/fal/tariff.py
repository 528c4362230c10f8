"""Tariff: what a request costs at fal: a unit price by endpoint, times what the request asks for.

fal tells one number an endpoint. Where that can't be counted out for a request, our own dated table is asked, and
what neither knows stays unknown.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from silverprint.core.errors import NotFound, PictureError, ProviderError
from silverprint.core.params import Form
from silverprint.core.provider import Price, ProviderContext
from silverprint.core.recipe import Recipe
from silverprint.providers.catalog import Shelf, price_of
from silverprint.providers.fal.places import Places
from silverprint.providers.http import Service

FRESH = timedelta(days=1)
REST = timedelta(seconds=30)
_ANSWER_S = 15.0
_MEGAPIXEL = 1024 * 1024
_WITHIN_ONE = frozenset(
    {"square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"}
)
"""fal's named sizes: how large they are is not told, but none is above one megapixel."""

_GRADED = ("resolution", "quality", "rendering_speed", "thinking_level", "upscale_factor")
"""Parameters by which a price may differ, of which fal's one number says nothing."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """US dollars for one ``unit``: an image, a megapixel or whatever fal calls it."""

    usd: float
    unit: str
    as_of: str = ""


class Tariff:
    """The prices of endpoints, kept for a day. ``service`` is the one with the key: prices are told to no one else."""

    def __init__(self, context: ProviderContext, *, places: Places, service: Service, shelf: Shelf) -> None:
        self._context = context
        self._places = places
        self._service = service
        self._shelf = shelf
        self._rests_until: datetime | None = None
        self._sides: dict[str, tuple[int, int] | None] = {}

    async def unit(self, endpoint: str) -> Unit | None:
        """What one unit costs in US dollars, or None. Never raises: the shelf serves, of whatever age."""
        place = f"price/{endpoint}"
        kept = await asyncio.to_thread(self._shelf.get, place)
        now = self._context.clock()
        if kept is not None and timedelta(0) <= now - kept[1] < FRESH:
            return _unit(kept[0], kept[1])
        if self._rests_until is None or now >= self._rests_until:
            try:
                told = await self.ask(endpoint)
            except ProviderError as error:
                _log.info("fal did not tell a price (%s)", type(error).__name__)
                self._rests_until = now + REST
            else:
                await asyncio.to_thread(self._shelf.put, place, told)
                return _unit(told, now)
        return _unit(kept[0], kept[1]) if kept is not None else None

    async def ask(self, endpoint: str) -> dict[str, Any]:
        """fal's own entry for an endpoint, empty where it has none. Raises ProviderError."""
        answer = await self._service.ask(
            f"{self._places.api}/v1/models/pricing", params={"endpoint_id": endpoint}, answer_s=_ANSWER_S
        )
        prices = answer.object().get("prices")
        for entry in prices if isinstance(prices, list) else ():
            if isinstance(entry, dict) and entry.get("endpoint_id") == endpoint:
                return {name: entry.get(name) for name in ("unit_price", "unit", "currency")}
        return {}

    async def price(self, endpoint: str, form: Form, recipe: Recipe) -> Price | None:
        """What sending the recipe costs. An estimate where fal rounds or grades in a way that it does not tell."""
        table = price_of("fal", endpoint, recipe)
        unit = await self.unit(endpoint)
        counted = await self._count(unit.unit, form, recipe) if unit is not None else None
        if unit is None or counted is None:
            return table
        quantity, about = counted
        graded = any(form.spec(name) is not None for name in _GRADED)
        usd = unit.usd * quantity
        if graded and table is not None:
            usd = max(usd, table.usd)  # a limit is better stopped at too early than too late
        return Price(usd=usd, about=about or graded, source="service", as_of=unit.as_of)

    async def _count(self, unit: str, form: Form, recipe: Recipe) -> tuple[float, bool] | None:
        """How many units the recipe asks for, and whether that is an estimate. None: it can't be known before."""
        pictures = _number(form, recipe, "outputs")
        match unit.strip().lower():
            case "image" | "images":
                return pictures, form.spec("max_images") is not None
            case "megapixel" | "megapixels":
                sides = _sides(form, recipe) or await self._input_sides(form, recipe)
                if sides is None:
                    return None
                # fal bills whole megapixels, as far as is known; of what size it does not say.
                return pictures * max(1, math.ceil(sides[0] * sides[1] / _MEGAPIXEL - 1e-9)), True
        return None

    async def _input_sides(self, form: Form, recipe: Recipe) -> tuple[int, int] | None:
        """The size of the input picture, which the output has where a model takes no size."""
        source = recipe.source("image")
        if source is None or form.spec("size") is not None or form.spec("upscale_factor") is not None:
            return None
        if source.sha256 not in self._sides:
            try:
                pixels = await self._context.read_pixels(source.sha256, mode="L")
                self._sides[source.sha256] = pixels.size
            except (PictureError, NotFound):
                self._sides[source.sha256] = None
        return self._sides[source.sha256]


def _unit(entry: Any, when: datetime) -> Unit | None:
    if not isinstance(entry, Mapping):
        return None
    usd, unit, currency = entry.get("unit_price"), entry.get("unit"), entry.get("currency", "USD")
    if isinstance(usd, bool) or not isinstance(usd, int | float) or not math.isfinite(usd) or usd < 0:
        return None
    if not isinstance(unit, str) or currency != "USD":
        return None
    return Unit(usd=float(usd), unit=unit, as_of=f"{when:%Y-%m-%d}")


def _number(form: Form, recipe: Recipe, name: str) -> int:
    spec = form.spec(name)
    value = recipe.params.get(name, spec.default if spec is not None else 1)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 1


def _sides(form: Form, recipe: Recipe) -> tuple[int, int] | None:
    spec = form.spec("size")
    value = recipe.params.get("size", spec.default if spec is not None else None)
    if not isinstance(value, str):
        return None
    if value in _WITHIN_ONE:
        return 1024, 1024
    width, cross, height = value.partition("x")
    return (int(width), int(height)) if cross and width.isdecimal() and height.isdecimal() else None
