"""What we ship of Gemini and OpenAI in the catalogue and what their adapters know are the same models and prices."""

from __future__ import annotations

from silverprint.core.recipe import Recipe
from silverprint.providers.catalog import shipped
from silverprint.providers.gemini import models as gemini
from silverprint.providers.openai import models as openai


def test_the_adapters_know_every_shipped_model() -> None:
    assert {model.info.ref.model for model in shipped("gemini")} <= set(gemini.KNOWN)
    assert {model.info.ref.model for model in shipped("openai")} <= set(openai.KNOWN)


def test_geminis_prices_are_the_catalogues() -> None:
    for model in shipped("gemini"):
        assert gemini.price_of(Recipe(ref=model.info.ref, prompt="")) == model.info.price
