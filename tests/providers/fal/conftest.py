"""A running stand-in of fal, and adapters on it. Afterwards nothing that was asked may be against its documents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from silverprint.core.provider import ProviderContext
from silverprint.providers.fal.adapter import FalProvider, create
from tests.providers.fal.work import Make, Service
from tests.standins.fal import build
from tests.standins.server import Running


@pytest.fixture
def fal() -> Iterator[Service]:
    """A fresh stand-in."""
    standin = build()
    with Running(standin.wrapped()) as server:
        yield Service(standin=standin, url=server.url)
    assert standin.problems == []
    assert standin.state.tasted == []


@pytest.fixture
async def make(fal: Service, make_context: Callable[..., ProviderContext]) -> AsyncIterator[Make]:
    """Adapters on the stand-in: ``make(key=..., settings={...}, pictures=...)``; closed afterwards."""
    made: list[FalProvider] = []

    def adapter(
        *, key: str | None = fal.standin.key, settings: dict[str, Any] | None = None, **more: Any
    ) -> FalProvider:
        table = {**fal.standin.settings(fal.url), **(settings or {})}
        made.append(create(make_context(table, key, name="fal", **more)))
        return made[-1]

    yield adapter
    for provider in made:
        await provider.aclose()
