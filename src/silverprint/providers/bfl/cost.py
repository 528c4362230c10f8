"""Cost: what a recipe costs at Black Forest Labs by our dated table, before it is sent.

The newer models are paid by the megapixel, and input pictures count like further ones of the output. Where a size is
left to the service, one megapixel is taken for it, so such a price is about right only.
"""

from __future__ import annotations

import math
from dataclasses import replace

from silverprint.core.provider import Price
from silverprint.core.recipe import Recipe
from silverprint.providers.catalog import price_of

_SIDE = 1024


def price_about(recipe: Recipe) -> Price | None:
    """The price in US dollars; None where the table has none for the model."""
    model = recipe.ref.model
    price = price_of("bfl", model, recipe)
    if price is not None and not recipe.sources:
        return price
    width, _, height = str(recipe.params.get("size", "")).partition("x")
    is_sized = width.isdecimal() and height.isdecimal()
    megapixels = math.ceil(int(width) * int(height) / _SIDE**2) if is_sized else 1
    counted = {**recipe.params, "size": f"{_SIDE}x{_SIDE * (megapixels + len(recipe.sources))}"}
    price = price_of("bfl", model, replace(recipe, params=counted, sources=()))
    return replace(price, about=True) if price is not None else None
