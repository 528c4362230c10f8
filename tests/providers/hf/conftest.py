"""The stand-in in a thread of its own, and adapters that talk to it."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

import pytest

from silverprint.core.provider import ProviderContext
from silverprint.providers.hf.adapter import HuggingFace
from tests.standins import hf
from tests.standins.server import Running, StandIn


class Context(Protocol):
    """The shared fixture ``make_context``, as far as these tests use it."""

    def __call__(
        self, settings: Any = None, key: str | None = None, *, name: str = "", pictures: Any = ()
    ) -> ProviderContext: ...


@pytest.fixture
def cloud() -> Iterator[tuple[StandIn, Running]]:
    """Hub, router and Space. Nothing they don't know may be sent, and no result asked for with a token."""
    standin = hf.build()
    with Running(standin.wrapped()) as server:
        standin.state.host = f"{server.url}/space"
        yield standin, server
    assert standin.problems == []
    assert standin.state.leaks == []


@pytest.fixture
async def open_hf(make_context: Context) -> AsyncIterator[Callable[..., HuggingFace]]:
    """Opens adapters on a stand-in and closes them. Words given win over the stand-in's own settings."""
    held: list[HuggingFace] = []

    def opened(
        pair: tuple[StandIn, Running],
        *,
        key: str | None = "unset",
        pictures: tuple[bytes, ...] = (),
        sleep: Any = None,
        **settings: Any,
    ) -> HuggingFace:
        standin, server = pair
        given = standin.key if key == "unset" else key
        table = {
            name: value
            for name, value in (standin.settings(server.url) | settings).items()
            if value is not None
        }
        context = make_context(table, given, pictures=pictures)
        held.append(HuggingFace(dataclasses.replace(context, sleep=sleep) if sleep else context))
        return held[-1]

    yield opened
    for provider in held:
        await provider.aclose()
