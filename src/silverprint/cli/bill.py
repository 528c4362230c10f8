"""Bill: what a command is about to send and what that will cost, and whether it is more than was allowed.

Prices themselves come from the studio.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from silverprint.cli.narration import say
from silverprint.cli.output import Output
from silverprint.cli.records import recipe_record
from silverprint.core.budget import money
from silverprint.core.job import Job
from silverprint.core.provider import Price, ProviderInfo
from silverprint.core.recipe import Recipe

if TYPE_CHECKING:
    from silverprint.studio import Studio


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The price of each request, in their order; None where nobody knows. ``asks_money``: the provider is one that does."""

    prices: tuple[Price | None, ...]
    asks_money: bool

    @property
    def known_usd(self) -> float:
        """The sum of the prices that are known."""
        return math.fsum(price.usd for price in self.prices if price is not None)

    @property
    def unknown(self) -> int:
        """How many requests have no known price."""
        return sum(price is None for price in self.prices)

    @property
    def about(self) -> bool:
        """Whether any of it is an estimate."""
        return any(price.about for price in self.prices if price is not None)

    def sentence(self) -> str:
        """``About $0.12 for 4, by our table of 2026-10.`` Empty where it is free, or where no price is to be expected."""
        count = len(self.prices)
        of_all = f" for {count}" if count > 1 else ""
        if self.unknown == count:
            return f"The price{of_all} is not known." if self.asks_money and count else ""
        if not self.known_usd and not self.unknown:
            return ""
        words = ("about " if self.about else "") + money(self.known_usd)
        words += (
            f" for {count - self.unknown}, and {self.unknown} of unknown price" if self.unknown else of_all
        )
        return f"{words[0].upper()}{words[1:]}{self._source()}."

    def refusal(self, most_usd: float) -> str:
        """Why it may not be sent for ``most_usd`` dollars at most; empty when it may."""
        if self.unknown:
            return f"The price is not known, so it may be more than {money(most_usd)}."
        if self.known_usd > most_usd + 1e-9:
            words = ("about " if self.about else "") + money(self.known_usd)
            return f"The price is {words}, more than {money(most_usd)}."
        return ""

    def record(self) -> dict[str, Any]:
        """The bill as ``--json`` prints it. ``usd`` is None where any part of it is unknown."""
        first = next((price for price in self.prices if price is not None), None)
        return {
            "event": "price",
            "usd": None if self.unknown else round(self.known_usd, 6),
            "about": self.about,
            "jobs": len(self.prices),
            "unknown": self.unknown,
            "source": first.source if first is not None else None,
            "as_of": first.as_of or None if first is not None else None,
        }

    def _source(self) -> str:
        tables = {price.as_of for price in self.prices if price is not None and price.source == "table"}
        if not tables:
            return ""
        dates = ", ".join(sorted(tables - {""}))
        return ", by our table" + (f" of {dates}" if dates else "")


async def bill_of(studio: Studio, recipes: Sequence[Recipe]) -> Bill:
    """The bill for sending exactly these recipes, all of one provider. Recipes that differ in the seed alone are asked for once."""
    keys = [repr(replace(recipe, seed=None)) for recipe in recipes]  # a recipe holds dicts, so it has no hash
    distinct = dict(zip(keys, recipes, strict=True))
    asked = await asyncio.gather(*(studio.price(recipe) for recipe in distinct.values()))
    found = dict(zip(distinct, asked, strict=True))
    info: ProviderInfo | None = None
    if recipes:
        info = await studio.info(recipes[0].ref.provider)
    return Bill(
        prices=tuple(found[key] for key in keys),
        asks_money=info is not None and info.needs_key,
    )


def tell(bill: Bill, output: Output) -> None:
    """Say the price, before anything is sent."""
    if output.as_json:
        output.record(bill.record())
    if said := bill.sentence():
        say(said)


def refuse(bill: Bill, most_usd: float | None) -> bool:
    """Whether it is more than was allowed; then that is said."""
    refusal = bill.refusal(most_usd) if most_usd is not None else ""
    if refusal:
        say(f"silverprint: {refusal}")
        say("  Nothing was sent. Raise --max-price, or choose another model or size.")
    return bool(refusal)


def print_plan(output: Output, recipes: Sequence[Recipe]) -> None:
    """What would be sent."""
    if output.as_json:
        for recipe in recipes:
            output.record({"event": "recipe", **recipe_record(recipe)})
        return
    output.table(
        ("MODEL", "SEED", "PARAMETERS", "PROMPT"),
        [
            (
                str(recipe.ref),
                "" if recipe.seed is None else str(recipe.seed),
                " ".join(f"{name}={value}" for name, value in recipe.params.items()),
                recipe.prompt,
            )
            for recipe in recipes
        ],
        flexible=("PARAMETERS", "PROMPT"),
    )


def job_price(job: Job) -> str:
    """A job's price in a table."""
    return price_words(Price(usd=job.price_usd, about=job.price_about) if job.price_usd is not None else None)


def price_words(price: Price | None) -> str:
    """A price in a table: ``$0.03``, ``about $0.03``, ``free``, and ``—`` where nobody knows."""
    if price is None:
        return "—"
    if price.usd == 0:
        return "free"
    return ("about " if price.about else "") + money(price.usd)
