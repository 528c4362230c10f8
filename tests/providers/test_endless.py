"""Answers that never end, in each of the ways in which one can: too large, too slow, and events without an end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from silverprint.core.errors import AnswerLost, BadAnswer, Unreachable
from silverprint.core.image import Mode, RawImage
from silverprint.core.provider import ProviderContext
from silverprint.providers import http
from silverprint.providers.http import Service
from tests.standins.server import Running

PARTS: dict[str, list[bytes]] = {
    "line": [b"data: ", *[b"A" * 100_000] * 30],
    "lines": [b"data: " + b"A" * 100_000 + b"\n"] * 30,
    "comments": [b": " + b"A" * 100_000 + b"\n"] * 30,
    "many": [b"data: " + b"A" * 100_000 + b"\n\n"] * 60,
    "ends": [
        b"data: 1\r",
        b"\ndata: 2\r\n",
        b"\r\n",
        b"event: e\rdata: 3\r\rdata: 4\n",
        b"\n",
        b"da",
        b"ta: 5",
    ],
}


async def _api(request: Request) -> StreamingResponse:
    name = request.path_params["name"]

    async def parts() -> AsyncIterator[bytes]:
        for part in PARTS.get(name, []):
            yield part
        while name in ("drip", "alive"):
            yield b" " if name == "drip" else b": still here\n\n"
            await asyncio.sleep(0.01)  # the pace of a slow server; nothing waits for it

    return StreamingResponse(
        parts(), media_type="application/json" if name == "drip" else "text/event-stream"
    )


@pytest.fixture
def server() -> Iterator[Running]:
    with Running(Starlette(routes=[Route("/{name}", _api, methods=["GET", "POST"])])) as running:
        yield running


@pytest.fixture
async def service(tmp_path: Path, server: Running) -> AsyncIterator[Service]:
    async def read_source(_sha256: str) -> bytes:
        raise AssertionError("not asked for")

    async def read_pixels(
        sha256: str, *, size: tuple[int, int] | None = None, mode: Mode = "RGB"
    ) -> RawImage:
        raise AssertionError("not asked for")

    context = ProviderContext(
        read_source=read_source,
        read_pixels=read_pixels,
        clock=lambda: datetime.now(UTC),
        cache=tmp_path,
        most_bytes=1_000_000,
    )
    made = Service(
        context, title="Cloud", key_name="cloud", auth=lambda _key: {}, bases=[server.url], needs_key=False
    )
    yield made
    await made.aclose()


async def all_events(service: Service, url: str, *, pays: bool = True) -> list[tuple[str, str]]:
    async with service.events(url, pays=pays) as events:
        return [pair async for pair in events]


@pytest.mark.parametrize("name", ["line", "lines", "comments"])
async def test_an_event_that_never_ends_is_cut_off(service: Service, server: Running, name: str) -> None:
    with pytest.raises(AnswerLost, match="more than 2 MB"):
        await all_events(service, f"{server.url}/{name}")
    with pytest.raises(BadAnswer, match="more than 2 MB"):
        await all_events(service, f"{server.url}/{name}", pays=False)


async def test_many_events_may_be_more_together_than_one_may_be(service: Service, server: Running) -> None:
    found = await all_events(service, f"{server.url}/many")
    assert found == [("", "A" * 100_000)] * 60


async def test_lines_may_end_in_three_ways_and_be_cut_anywhere(service: Service, server: Running) -> None:
    assert await all_events(service, f"{server.url}/ends") == [("", "1\n2"), ("e", "3"), ("", "4"), ("", "5")]


@pytest.mark.parametrize("name", ["alive", "drip"])
async def test_what_comes_in_drops_for_ever_is_given_up(
    service: Service, server: Running, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(http, "WHOLE_S", 0.2)
    with pytest.raises(AnswerLost, match="no answer in time"):
        await all_events(service, f"{server.url}/{name}")
    with pytest.raises(AnswerLost, match="no answer in time"):
        await service.create(f"{server.url}/{name}")
    with pytest.raises(Unreachable, match="no answer in time"):
        await service.ask(f"{server.url}/{name}")


async def test_leaving_a_stream_early_leaves_no_task(service: Service, server: Running) -> None:
    before = asyncio.all_tasks()
    async with service.events(f"{server.url}/alive") as events:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(aiter(events))
    await service.aclose()
    assert asyncio.all_tasks() == before
