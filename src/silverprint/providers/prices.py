"""Prices: what a recipe costs by our dated table, where the facts say it; everything else is unknown.

Reads the price lines of ``catalogue.json``. A price that the service itself tells always comes before this one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from silverprint.core.provider import Price
from silverprint.core.recipe import Recipe

_MEGAPIXEL = (
    1024 * 1024
)  # BFL and fal do not say whether theirs is 1,000,000: such a price is only about right
_SIDES = re.compile(r"(\d+)x(\d+)")
# fal's named sizes are all within one megapixel; only that is used of them.
_WITHIN_ONE = {"square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"}


def price_by(line: Mapping[str, Any] | None, recipe: Recipe, defaults: Mapping[str, Any]) -> Price | None:
    """What the recipe costs by one price line, for all its pictures; None where the line does not say.

    ``defaults`` are the form's, for parameters that the recipe leaves open. A line has ``usd`` (a number, or numbers
    by the value of the parameter ``by``), ``per`` (``image`` or ``megapixel``, with ``further`` for every megapixel
    after the first), ``when`` (the values at which it holds), ``as_of`` and ``about``.
    """
    if line is None:
        return None
    params = {**defaults, **{name: value for name, value in recipe.params.items() if value is not None}}
    if any(params.get(name) != value for name, value in line.get("when", {}).items()):
        return None
    usd, by = line["usd"], line.get("by")
    if by is not None:
        usd = usd.get(str(params.get(by)))
    if usd is None:
        return None
    if line["per"] == "megapixel":
        # An input counts by its own megapixels, which a recipe does not tell.
        size = None if recipe.sources else _megapixels(params.get("size"))
        if size is None:
            return None
        usd += line.get("further", usd) * (size - 1)
    outputs = params.get("outputs", 1)
    if isinstance(outputs, bool) or not isinstance(outputs, int) or outputs < 1:
        return None
    return Price(
        usd=round(usd * outputs, 6), about=bool(line.get("about")), source="table", as_of=line["as_of"]
    )


def price_each(line: Mapping[str, Any] | None, defaults: Mapping[str, Any]) -> Price | None:
    """What one picture costs with everything at its default, for the list of models; None where nobody says."""
    if line is None:
        return None
    if line["per"] == "megapixel":  # the first megapixel is the least that one picture costs
        return Price(usd=line["usd"], about=True, source="table", as_of=line["as_of"])
    usd = line["usd"]
    if "by" in line:
        usd = usd.get(str(defaults.get(line["by"])))
    if usd is None or "when" in line:
        return None
    return Price(usd=usd, about=bool(line.get("about")), source="table", as_of=line["as_of"])


def _megapixels(size: object) -> int | None:
    """Whole megapixels, the begun one counted."""
    if not isinstance(size, str):
        return None
    if size in _WITHIN_ONE:
        return 1
    sides = _SIDES.fullmatch(size)
    return max(1, math.ceil(int(sides[1]) * int(sides[2]) / _MEGAPIXEL)) if sides else None
