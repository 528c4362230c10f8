"""fal keeps the promises of every adapter."""

from __future__ import annotations

import pytest

from silverprint.core.provider import LooksUp, Priced, Probes, Provider
from silverprint.core.recipe import Recipe
from silverprint.testing.contract import ProviderContract
from tests.providers.fal.work import Make, Service, recipe_for


class TestFal(ProviderContract):
    @pytest.fixture
    def provider(self, make: Make) -> Provider:
        return make()

    @pytest.fixture
    def secret(self, fal: Service) -> str:
        return fal.standin.key

    @pytest.fixture
    async def recipe(self, provider: Provider) -> Recipe:
        return recipe_for(seed=7, params={"outputs": 2})

    async def test_it_offers_what_it_says(self, provider: Provider) -> None:
        assert isinstance(provider, Priced)
        assert isinstance(provider, LooksUp) is provider.info.looks_up
        assert isinstance(provider, Probes)
