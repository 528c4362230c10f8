"""The contract, kept by the router's models and by a Space."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from silverprint.core.provider import Provider
from silverprint.core.recipe import Recipe
from silverprint.providers.hf.adapter import HuggingFace
from silverprint.testing.contract import ProviderContract
from tests.providers.hf.jobs import LAB, asked
from tests.standins import hf
from tests.standins.server import Running, StandIn


class TestInferenceProviders(ProviderContract):
    """By default with the first shipped model, at the first provider that serves it."""

    @pytest.fixture
    def provider(self, cloud: tuple[StandIn, Running], open_hf: Callable[..., HuggingFace]) -> HuggingFace:
        return open_hf(cloud)

    @pytest.fixture
    def secret(self) -> str:
        return hf.KEY


class TestQueued(TestInferenceProviders):
    """A provider that takes the job and is asked again."""

    @pytest.fixture
    async def recipe(self, provider: Provider) -> Recipe:
        return asked(seed=7, params={"via": "wavespeed"})


class TestSpace(TestInferenceProviders):
    """A Gradio Space, through the real gradio_client."""

    @pytest.fixture
    async def recipe(self, provider: Provider) -> Recipe:
        form = await provider.form(asked(LAB).ref)
        return asked(LAB, seed=7, params=form.defaults())
