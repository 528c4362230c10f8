"""Gemini's stand-in in a thread of its own, and adapters that talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from silverprint.core.provider import ProviderContext
from silverprint.providers.gemini.adapter import GeminiProvider
from tests.standins import gemini
from tests.standins.server import Running, StandIn

Cloud = tuple[StandIn, Running]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """The service. Nothing sent to it may be against the schema of its requests."""
    standin = gemini.build()
    with Running(standin.wrapped()) as server:
        yield standin, server
    assert standin.problems == []


@pytest.fixture
async def open_gemini(
    cloud: Cloud, make_context: Callable[..., ProviderContext]
) -> AsyncIterator[Callable[..., GeminiProvider]]:
    """Opens adapters on the stand-in and closes them. Words given win over the stand-in's own settings."""
    standin, server = cloud
    held: list[GeminiProvider] = []

    def opened(
        *, key: str | None = standin.key, pictures: tuple[bytes, ...] = (), clock: Any = None, **settings: Any
    ) -> GeminiProvider:
        table = standin.settings(server.url) | settings
        held.append(GeminiProvider(make_context(table, key, name="gemini", pictures=pictures, clock=clock)))
        return held[-1]

    yield opened
    for provider in held:
        await provider.aclose()
