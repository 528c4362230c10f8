"""Roster: the providers that are there, each loaded once, and what all of them are asked at the same time.

Owns loading, letting go, and that one which is slow or broken holds up no other. What they are given comes from the
studio.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from silverprint.core.errors import SilverprintError, Unreachable, UsageError

if TYPE_CHECKING:
    from silverprint.core.params import Form
    from silverprint.core.provider import ModelInfo, Price, Provider, ProviderContext
    from silverprint.core.recipe import ModelRef, Recipe
    from silverprint.providers.registry import Factory
    from silverprint.settings.model import Settings

MODELS_TIMEOUT_S = 10.0
PRICE_TIMEOUT_S = 2.0


class Roster:
    """All providers, by name. ``problems`` maps a name to why it could not be asked for its models.

    ``factories`` replaces the registered ones, by name; ``context`` makes what a provider may use.
    """

    def __init__(
        self,
        *,
        settings: Callable[[], Settings],
        context: Callable[[str], ProviderContext],
        factories: Mapping[str, Factory] | None,
    ) -> None:
        self.problems: dict[str, SilverprintError] = {}
        self._settings = settings
        self._context = context
        self._factories = dict(factories) if factories is not None else None
        self._loaded: dict[str, Provider] = {}
        self._loading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def __iter__(self) -> Iterator[Provider]:
        """Those that are loaded."""
        return iter(list(self._loaded.values()))

    def names(self) -> list[str]:
        """The names of every registered provider and of the person's own servers; none is loaded."""
        from silverprint.settings.addresses import own_servers

        if self._factories is not None:
            known = list(self._factories)
        else:
            from silverprint.providers import registry

            known = registry.names()
        return sorted({*known, *own_servers(self._settings().providers)})

    async def provider(self, name: str) -> Provider:
        """The provider of this name, loaded once. Raises SettingsError."""
        async with self._loading[name]:  # each has its own, so that a slow one holds up no other
            if name not in self._loaded:
                self._loaded[name] = await asyncio.to_thread(self._load, name)
            return self._loaded[name]

    async def forget(self, name: str) -> None:
        """Let a loaded provider go: its settings have changed. It is loaded anew when it is asked for."""
        async with self._loading[name]:
            provider = self._loaded.pop(name, None)
        if provider is not None:
            await provider.aclose()

    async def aclose(self) -> None:
        """Let all of them go."""
        for provider in self:
            await provider.aclose()
        self._loaded.clear()

    async def form(self, ref: ModelRef) -> Form:
        """What the model takes. Raises ModelGone, SettingsError, ProviderError; BadAnswer for an adapter's own fault."""
        from silverprint.queue.outcome import Failure, outcome

        provider = await self.provider(ref.provider)
        form = await outcome(provider.form(ref), provider.info.title)
        if isinstance(form, Failure):
            raise form.error
        return form

    async def models_of(self, name: str) -> Sequence[ModelInfo]:
        """The models of one provider; none when it fails, and then ``problems`` says why."""
        return await self._models_of(name, "")

    async def models(self, query: str) -> list[ModelInfo]:
        """The models of all providers that fit ``query``, by provider. What fails is in ``problems``, never raised.

        All are asked at the same time, and one that has not answered in ten seconds is left out.
        """
        answers = await asyncio.gather(*(self._models_of(name, query) for name in self.names()))
        return [model for models in answers for model in models]

    async def price(self, recipe: Recipe) -> Price | None:
        """What sending this recipe costs, for all its pictures together; None when nobody knows. Never raises."""
        from silverprint.core.budget import sane_usd
        from silverprint.core.provider import Price, Priced
        from silverprint.queue.outcome import Failure, outcome_within

        async def ask() -> Price | None:
            provider = await self.provider(recipe.ref.provider)
            if provider.info.local:
                return Price(usd=0.0)
            return await provider.price(recipe) if isinstance(provider, Priced) else None

        name = recipe.ref.provider
        late = Unreachable(f"{name} did not tell the price in time.")
        price = await outcome_within(PRICE_TIMEOUT_S, ask(), f"The provider {name}", late)
        if isinstance(price, Failure) or price is None:
            return None
        usd = sane_usd(price.usd)
        return None if usd is None else replace(price, usd=usd)

    async def prices(self, recipes: Sequence[Recipe]) -> list[Price | None]:
        """The price of each; recipes that differ in their seed alone are asked for once, all at the same time."""
        # A recipe holds dicts, so it has no hash.
        keys = [repr(replace(recipe, seed=None)) for recipe in recipes]
        distinct = dict(zip(keys, recipes, strict=True))
        asked = await asyncio.gather(*(self.price(recipe) for recipe in distinct.values()))
        found = dict(zip(distinct, asked, strict=True))
        return [found[key] for key in keys]

    async def probe(self, name: str) -> str:
        """Test a provider's key, at no cost; the account in one line, as far as the service tells.

        Raises KeyMissing, KeyRefused, Unreachable and other kinds of ProviderError, UsageError for a provider whose key
        can't be tested, SettingsError for one that is not there.
        """
        from silverprint.core.provider import Probes
        from silverprint.queue.outcome import Failure, outcome

        provider = await self.provider(name)
        if not isinstance(provider, Probes):
            raise UsageError(f"{provider.info.title} has no key to test.")
        told = await outcome(provider.probe(), provider.info.title)
        if isinstance(told, Failure):
            raise told.error
        return told

    async def _models_of(self, name: str, query: str) -> Sequence[ModelInfo]:
        from silverprint.queue.outcome import Failure, outcome_within

        async def ask() -> Sequence[ModelInfo]:
            return await (await self.provider(name)).models(query)

        late = Unreachable(f"{name} did not answer within {MODELS_TIMEOUT_S:.0f} s.")
        models = await outcome_within(MODELS_TIMEOUT_S, ask(), f"The provider {name}", late)
        if isinstance(models, Failure):
            self.problems[name] = models.error
            return ()
        self.problems.pop(name, None)
        return models

    def _load(self, name: str) -> Provider:
        from silverprint.settings.addresses import kind_of

        kind = kind_of(name, self._settings().providers)
        if self._factories is not None and kind in self._factories:
            factory = self._factories[kind]
        else:
            from silverprint.providers import registry

            factory = registry.load(kind)
        return factory(self._context(name))
