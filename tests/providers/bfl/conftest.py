"""The stand-in in a thread of its own, and an adapter that talks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Protocol

import pytest

from silverprint.core.provider import ProviderContext
from silverprint.providers.bfl.adapter import Bfl
from tests.standins import bfl
from tests.standins.server import Running, StandIn


class Context(Protocol):
    """The shared fixture ``make_context``, as far as these tests use it."""

    def __call__(
        self, settings: Any = None, key: str | None = None, *, name: str = "", pictures: Any = ()
    ) -> ProviderContext: ...


@pytest.fixture
def cloud() -> Iterator[tuple[StandIn, Running]]:
    """The service itself. Nothing sent to it may be against its specification, no result asked for with a key."""
    standin = bfl.build()
    with Running(standin.wrapped()) as server:
        yield standin, server
    assert standin.problems == []
    assert standin.state.leaks == []


@pytest.fixture
def box() -> Iterator[tuple[StandIn, Running]]:
    """A compatible server of another maker."""
    standin = bfl.build(compatible=True)
    with Running(standin.wrapped()) as server:
        yield standin, server
    assert standin.state.leaks == []


@pytest.fixture
async def open_bfl(make_context: Context) -> AsyncIterator[Callable[..., Bfl]]:
    """Opens adapters on a stand-in and closes them. Words given win over the stand-in's own settings."""
    held: list[Bfl] = []

    def opened(
        pair: tuple[StandIn, Running],
        name: str = "",
        *,
        key: str | None = "unset",
        pictures: tuple[bytes, ...] = (),
        **settings: Any,
    ) -> Bfl:
        standin, server = pair
        given = standin.key or None if key == "unset" else key
        table = standin.settings(server.url) | settings
        held.append(Bfl(make_context(table, given, name=name, pictures=pictures)))
        return held[-1]

    yield opened
    for provider in held:
        await provider.aclose()
