"""The stand-ins of OpenAI and of a server that speaks alike, each in a thread, and adapters that talk to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from silverprint.core.errors import PictureError
from silverprint.core.image import RawImage
from silverprint.core.provider import ProviderContext
from silverprint.providers.openai.adapter import OpenAIProvider
from tests.standins import openai
from tests.standins.server import Running, StandIn

Cloud = tuple[StandIn, Running]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """The service. Nothing sent to it may be against its specification."""
    standin = openai.build()
    with Running(standin.wrapped()) as server:
        yield standin, server
    assert standin.problems == []


@pytest.fixture
def box() -> Iterator[Cloud]:
    """A server that speaks alike. None of its results may be asked for with a key."""
    standin = openai.build(compatible=True)
    with Running(standin.wrapped()) as server:
        yield standin, server
    assert standin.problems == []
    assert standin.state.leaks == []


@pytest.fixture
async def open_openai(
    make_context: Callable[..., ProviderContext],
) -> AsyncIterator[Callable[..., OpenAIProvider]]:
    """Opens adapters on a stand-in and closes them; ``name`` is the server's. Words given win over its settings."""
    held: list[OpenAIProvider] = []

    def opened(
        pair: Cloud,
        name: str = "openai",
        *,
        key: str | None = "unset",
        pictures: tuple[bytes, ...] = (),
        **settings: Any,
    ) -> OpenAIProvider:
        standin, server = pair
        table = standin.settings(server.url) | settings
        given = standin.key if key == "unset" else key
        context = replace(make_context(table, given, name=name, pictures=pictures), decode=_decode)
        held.append(OpenAIProvider(context))
        return held[-1]

    yield opened
    for provider in held:
        await provider.aclose()


async def _decode(data: bytes) -> RawImage:
    try:
        image = Image.open(BytesIO(data)).convert("RGB")
    except OSError as error:
        raise PictureError("The picture can't be read.") from error
    return RawImage(width=image.width, height=image.height, data=image.tobytes())
