"""Cloud: a scripted provider that wants a key and money, tells prices, tests keys and looks lost jobs up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from silverprint.core.errors import KeyMissing, KeyRefused
from silverprint.core.params import Form, SourceSpec
from silverprint.core.provider import Found, ModelInfo, Price, ProviderContext
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.testing import FakeProvider

PAGE = "https://example.com/keys"


class Cloud(FakeProvider):
    """One service. ``refused`` keys are refused in words that repeat them, as a careless service does.

    ``price`` is what each picture costs, None where nobody knows; ``unlisted`` are models that no list has.
    """

    def __init__(
        self,
        context: ProviderContext,
        *,
        price: float | None = 0.03,
        refused: Sequence[str] = (),
        unlisted: Sequence[str] = (),
        found: Sequence[Found] = (),
        title: str = "",
        **how: Any,
    ) -> None:
        super().__init__(context.name or "cloud", **how)
        self.info = replace(
            self.info,
            title=title or self.info.title,
            needs_key=True,
            key_name=self.info.name,
            key_page=PAGE,
            price_source="table",
            looks_up=True,
            resumable=True,
            results_live_s=3600.0,
        )
        self.context = context
        self.at_service = found
        self.asked: list[str] = []
        self.priced: list[Recipe] = []
        self.times_listed = 0
        self._each = price
        self._refused = refused
        self._unlisted = unlisted

    async def models(self, query: str = "") -> Sequence[ModelInfo]:
        self.times_listed += 1
        price = (
            None if self._each is None else Price(usd=self._each, about=True, source="table", as_of="2026-10")
        )
        missing = "" if self.context.secret(self.info.key_name) else "needs a key"
        return [replace(each, price=price, missing=missing) for each in await super().models(query)]

    async def form(self, ref: ModelRef) -> Form:
        known = self.ref if ref.model in self._unlisted else ref
        return replace(
            await super().form(known),
            takes_loras=True,
            sources=(
                SourceSpec(role="image"),
                SourceSpec(role="reference", most=2),
                SourceSpec(role="control"),
            ),
        )

    async def price(self, recipe: Recipe) -> Price | None:
        self.priced.append(recipe)
        return (
            None if self._each is None else Price(usd=self._each, about=True, source="table", as_of="2026-10")
        )

    async def probe(self) -> str:
        key = self.context.secret(self.info.key_name)
        self.asked.append(key or "")
        if not key:
            raise KeyMissing(f"{self.info.title} needs a key, and none is set.", fix="Set one.")
        if key in self._refused:
            raise KeyRefused(f"{self.info.title} says: invalid key {key}", fix=f"Check {key}.")
        return f"account {self.info.name}-user, key {key}"

    async def look_up(self, recipe: Recipe, *, job_id: str, since: datetime) -> Sequence[Found]:
        return self.at_service
