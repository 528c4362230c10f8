"""Replicate's stand-in on a loopback socket, and adapters that talk to it through the real SDK."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from PIL import Image

from silverprint.core.provider import Provider
from silverprint.core.recipe import ModelRef, Recipe, Source, SourceRole
from silverprint.core.update import Finished, Update
from silverprint.providers.replicate.adapter import ReplicateProvider, create
from tests.standins import replicate
from tests.standins.server import Running, StandIn

Make = Callable[..., ReplicateProvider]

SCHNELL = "black-forest-labs/flux-schnell"
SDXL = "stability-ai/sdxl"


def recipe(model: str = SCHNELL, prompt: str = "a fox", seed: int | None = 7, **more: Any) -> Recipe:
    """A recipe for a model of Replicate's."""
    return Recipe(ref=ModelRef("replicate", model), prompt=prompt, seed=seed, **more)


def source(role: SourceRole, sha256: str, strength: float | None = None) -> Source:
    """An input picture."""
    return Source(role=role, sha256=sha256, strength=strength)


def encoded(image: Image.Image) -> bytes:
    """A picture as PNG."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def sha256(data: bytes) -> str:
    """The name that an input picture goes by."""
    return hashlib.sha256(data).hexdigest()


async def updates(provider: Provider, wish: Recipe, job: str = "job") -> list[Update]:
    """All news of a fresh job."""
    ticket = await provider.submit(wish, job_id=job)
    return [update async for update in provider.watch(ticket, wish)]


async def finished(provider: Provider, wish: Recipe) -> Finished:
    """The end of a fresh job."""
    last = (await updates(provider, wish))[-1]
    assert isinstance(last, Finished)
    return last


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """The stand-in; at the end no request may have gone against the service's specification."""
    made = replicate.build()
    yield made
    assert made.problems == []


@pytest.fixture
def server(standin: StandIn) -> Iterator[Running]:
    """The stand-in on a socket."""
    with Running(standin.wrapped()) as running:
        yield running


@pytest.fixture
async def make(make_context: Any, standin: StandIn, server: Running) -> AsyncIterator[Make]:
    """Adapters for the stand-in; all are closed at the end."""
    made: list[ReplicateProvider] = []

    def build(settings: dict[str, Any] | None = None, *, key: str | None = standin.key, **more: Any) -> Any:
        provider = create(
            make_context(standin.settings(server.url) | (settings or {}), key, name="replicate", **more)
        )
        made.append(provider)
        return provider

    yield build
    for provider in made:
        await provider.aclose()


@pytest.fixture
def provider(make: Make) -> ReplicateProvider:
    """One adapter with the right key."""
    return make()


@pytest.fixture
def png() -> bytes:
    """A small picture."""
    return encoded(Image.new("RGB", (32, 24), (200, 80, 20)))


@pytest.fixture
def digest(png: bytes) -> str:
    """Its hash."""
    return sha256(png)


@pytest.fixture
def no_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``import replicate`` fail, as on Python 3.14."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "replicate"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "replicate", None)
