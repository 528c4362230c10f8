"""Houses that are closed after the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from silverprint.testing import FakeProvider
from tests.queue.house import House

Build: TypeAlias = Callable[..., House]


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Build]:
    """Builds houses on one folder: ``build(provider, ...)``."""
    houses: list[House] = []

    def make(*providers: FakeProvider, **options: Any) -> House:
        houses.append(House(tmp_path, *providers, **options))
        return houses[-1]

    yield make
    for house in reversed(houses):
        await house.close()
