"""The contract, kept by Black Forest Labs and by two servers of other makers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from silverprint.providers.bfl.adapter import Bfl
from silverprint.testing.contract import ProviderContract
from tests.standins import bfl
from tests.standins.server import Running, StandIn


class TestBlackForestLabs(ProviderContract):
    """The service itself."""

    @pytest.fixture
    def provider(self, cloud: tuple[StandIn, Running], open_bfl: Callable[..., Bfl]) -> Bfl:
        return open_bfl(cloud)

    @pytest.fixture
    def secret(self) -> str:
        return bfl.KEY


class TestOwnServer(ProviderContract):
    """A server of another maker, without a key and without a document."""

    @pytest.fixture
    def provider(self, box: tuple[StandIn, Running], open_bfl: Callable[..., Bfl]) -> Bfl:
        return open_bfl(box, "mybox")


class TestOwnServerWithKey(ProviderContract):
    """The same behind a key of its own."""

    @pytest.fixture
    def pair(self) -> Iterator[tuple[StandIn, Running]]:
        standin = bfl.build(compatible=True, key_needed=True)
        with Running(standin.wrapped()) as server:
            yield standin, server

    @pytest.fixture
    def provider(self, pair: tuple[StandIn, Running], open_bfl: Callable[..., Bfl]) -> Any:
        return open_bfl(pair, "den")

    @pytest.fixture
    def secret(self) -> str:
        return bfl.KEY
