"""The promises that every adapter keeps, for official and community models, with the SDK and without."""

from __future__ import annotations

import pytest

from silverprint.core.recipe import ModelRef, Recipe
from silverprint.providers.replicate.adapter import ReplicateProvider
from silverprint.testing.contract import ProviderContract
from tests.providers.replicate.conftest import SDXL, Make, recipe
from tests.standins.server import Running, StandIn


class TestOfficial(ProviderContract):
    """The first model of the catalogue, through the SDK."""

    @pytest.fixture
    def provider(self, make: Make) -> ReplicateProvider:
        return make()

    @pytest.fixture
    def secret(self, standin: StandIn) -> str:
        return standin.key


class TestCommunity(ProviderContract):
    """A community model, whose version is part of the recipe."""

    @pytest.fixture
    def provider(self, make: Make) -> ReplicateProvider:
        return make()

    @pytest.fixture
    async def recipe(self, provider: ReplicateProvider) -> Recipe:
        form = await provider.form(ModelRef("replicate", SDXL))
        return recipe(SDXL, params=form.defaults())


@pytest.mark.usefixtures("no_sdk")
class TestWithoutTheSdk(ProviderContract):
    """The same on a Python where the SDK can't be imported, at a base address that ends in /v1."""

    @pytest.fixture
    def provider(self, make: Make, server: Running) -> ReplicateProvider:
        return make({"url": f"{server.url}/v1/"})

    @pytest.fixture
    def secret(self, standin: StandIn) -> str:
        return standin.key
