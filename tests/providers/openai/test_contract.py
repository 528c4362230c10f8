"""OpenAI, and a server that speaks alike under a person's own name, keep the promises of every adapter."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from silverprint.core.provider import Provider
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.testing.contract import ProviderContract
from tests.standins import openai
from tests.standins.server import Running, StandIn

Cloud = tuple[StandIn, Running]


class TestOpenAI(ProviderContract):
    @pytest.fixture
    def provider(self, cloud: Cloud, open_openai: Callable[..., Provider]) -> Provider:
        return open_openai(cloud)

    @pytest.fixture
    def secret(self) -> str:
        return openai.KEY

    @pytest.fixture
    async def recipe(self) -> Recipe:
        ref = ModelRef("openai", "gpt-image-2.5-sunburst")
        return Recipe(ref=ref, prompt="a red apple", params={"size": "1024x1024", "quality": "low"})


class TestOpenAIStreaming(TestOpenAI):
    @pytest.fixture
    def provider(self, cloud: Cloud, open_openai: Callable[..., Provider]) -> Provider:
        return open_openai(cloud, partial_images=2)


class TestServerThatSpeaksAlike(ProviderContract):
    @pytest.fixture
    def provider(self, box: Cloud, open_openai: Callable[..., Provider]) -> Provider:
        return open_openai(box, "mine")

    @pytest.fixture
    def secret(self) -> str:
        return openai.ALIKE_KEY
