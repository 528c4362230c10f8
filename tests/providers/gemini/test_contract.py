"""Gemini keeps the promises of every adapter, on its stand-in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from silverprint.core.provider import Provider
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.testing.contract import ProviderContract
from tests.standins import gemini


class TestGemini(ProviderContract):
    @pytest.fixture
    def provider(self, open_gemini: Callable[..., Provider]) -> Provider:
        return open_gemini()

    @pytest.fixture
    def secret(self) -> str:
        return gemini.KEY

    @pytest.fixture
    async def recipe(self) -> Recipe:
        ref = ModelRef("gemini", "gemini-2.5-flash-image")
        return Recipe(ref=ref, prompt="a red apple", seed=7, params={"aspect_ratio": "16:9"})
