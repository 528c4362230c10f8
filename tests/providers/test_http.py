"""The guard every request passes: where the key goes, how often a request is sent, and what failures become."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from silverprint.core.errors import (
    AnswerLost,
    BadAnswer,
    BadRecipe,
    KeyMissing,
    KeyRefused,
    ProviderError,
    RateLimited,
    TicketLost,
    Unreachable,
)
from silverprint.core.image import Mode, RawImage
from silverprint.core.provider import ProviderContext
from silverprint.providers.download import Downloads, Refused
from silverprint.providers.http import Service, proxy_for, tls
from silverprint.providers.poll import Pace, pace_of, poll
from tests.standins.faults import HTML, PAGE, Fault, Line, Stage, Way, free_port
from tests.standins.server import Running, StandIn

KEY = "sk-marked-4711-never-tell"


def make_context(folder: Path, key: str | None = KEY, **settings: Any) -> ProviderContext:
    async def read_source(_sha256: str) -> bytes:
        raise AssertionError("not asked for")

    async def read_pixels(
        sha256: str, *, size: tuple[int, int] | None = None, mode: Mode = "RGB"
    ) -> RawImage:
        raise AssertionError("not asked for")

    return ProviderContext(
        read_source=read_source,
        read_pixels=read_pixels,
        clock=lambda: datetime.now(UTC),
        cache=folder,
        settings=settings,
        secret=lambda _name: key,
        most_bytes=1_000_000,
    )


def make_service(context: ProviderContext, *bases: str, **options: Any) -> Service:
    return Service(
        context,
        title="Cloud",
        key_name="cloud",
        auth=lambda key: {"authorization": f"Bearer {key}"},
        bases=bases,
        hosts=("api.cloud.example", ".cloud.example"),
        **options,
    )


async def _api(request: Request) -> Response:
    match request.url.path:
        case "/job":
            return JSONResponse({"id": "1"}, status_code=201)
        case "/echo":
            return JSONResponse({"detail": f"bad {request.headers.get('authorization')}"}, status_code=422)
        case "/away":
            return RedirectResponse("http://localhost:1/elsewhere")
        case "/list":
            return JSONResponse([1])
        case "/closed":
            return JSONResponse(
                {"detail": "Not authenticated"}, status_code=401 if request.query_params else 403
            )
        case "/large":
            return Response(b"x" * 3_000_000)
        case "/events":

            async def lines() -> AsyncIterator[bytes]:
                for number in range(3):
                    yield f": a comment\nevent: step\ndata: {number}\ndata: more\n\n".encode()
                yield b"data: last"

            return StreamingResponse(lines(), media_type="text/event-stream")
        case "/picture":
            return Response(b"\x89PNG" + b"p" * 5000, media_type="image/png")
        case "/page":
            return Response(PAGE, media_type="text/html")
        case "/circle":
            return RedirectResponse("/circle")
        case "/moved":
            return RedirectResponse(f"http://localhost:{request.url.port}/picture")
        case "/nowhere":
            return Response(status_code=302, headers={"location": "http://[no/address"})
        case "/inside":
            return RedirectResponse("http://169.254.169.254/latest")
        case "/empty":
            return Response(b"")
        case "/expired":
            return JSONResponse({}, status_code=403)
    return JSONResponse({"detail": "no such thing"}, status_code=404)


def build() -> StandIn:
    routes = [Route("/{rest:path}", _api, methods=["GET", "POST", "PUT"])]
    return StandIn(
        name="cloud",
        app=Starlette(routes=routes),
        key=KEY,
        settings=lambda url: {"url": url},
        is_submit=lambda seen: seen.method == "POST" and seen.path == "/job",
    )


@pytest.fixture
def standin() -> StandIn:
    return build()


@pytest.fixture
def server(standin: StandIn) -> Iterator[Running]:
    with Running(standin.wrapped()) as running:
        yield running


@pytest.fixture
def line(standin: StandIn, server: Running) -> Iterator[Line]:
    with Line(standin, server.url) as bad:
        yield bad


@pytest.fixture
async def service(tmp_path: Path, line: Line) -> AsyncIterator[Service]:
    made = make_service(make_context(tmp_path), line.url, answer_s=2.0)
    yield made
    await made.aclose()


async def test_a_request_carries_the_key_to_the_address_in_use(
    service: Service, line: Line, standin: StandIn
) -> None:
    answer = await service.create(line.url + "/job", json={"prompt": "ä"})
    assert answer.status == 201
    assert answer.object() == {"id": "1"}
    assert standin.seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert standin.seen[0].json == {"prompt": "ä"}


async def test_another_host_never_gets_the_key(service: Service, line: Line, standin: StandIn) -> None:
    other = line.url.replace("127.0.0.1", "localhost")
    assert (await service.ask(other + "/list")).json() == [1]
    assert "authorization" not in standin.seen[0].headers
    with pytest.raises(BadAnswer, match="not one of its own"):
        await service.create(other + "/job", json={})
    assert standin.submits == 0


async def test_headers_that_an_sdk_sets_itself_are_taken_off(
    service: Service, line: Line, standin: StandIn
) -> None:
    client = await service.client()
    other = line.url.replace("127.0.0.1", "localhost")
    await client.get(other + "/list", headers={"Authorization": f"Bearer {KEY}", "x-key": KEY, "Cookie": KEY})
    assert KEY not in json.dumps(standin.seen[0].headers)
    await client.get(line.url + "/list", headers={"Authorization": "Bearer stale"})
    assert standin.seen[1].headers["authorization"] == f"Bearer {KEY}"


def test_hosts_that_are_trusted(tmp_path: Path) -> None:
    service = make_service(make_context(tmp_path), "https://api.cloud.example", "http://127.0.0.1:9001")
    for url in ("https://api.cloud.example/v1", "https://eu.cloud.example/x", "http://127.0.0.1:9001/y"):
        assert service.trusts(url), url
    for url in (
        "http://api.cloud.example/v1",
        "https://cloud.example.evil.com",
        "https://evilcloud.example",
        "https://api.cloud.example:8443/",
        "https://api.cloud.example@evil.com/",
        "http://127.0.0.1:9002/",
        "http://127.0.0.1/",
        "/relative",
        "",
    ):
        assert not service.trusts(url), url


async def test_a_redirect_is_not_followed_with_the_key(
    service: Service, line: Line, standin: StandIn
) -> None:
    with pytest.raises(Unreachable, match="another address"):
        await service.ask(line.url + "/away")
    assert len(standin.seen) == 1


async def test_without_a_key_nothing_is_sent(tmp_path: Path, line: Line, standin: StandIn) -> None:
    service = make_service(make_context(tmp_path, key=None), line.url, key_page="https://cloud.example/keys")
    with pytest.raises(KeyMissing) as caught:
        await service.create(line.url + "/job", json={})
    assert "silverprint keys set cloud" in caught.value.fix
    assert "https://cloud.example/keys" in caught.value.fix
    assert standin.seen == []


@pytest.mark.parametrize("key", ["••••••••6789", "schlüssel-4711", "sk-4711\nx: y", "sk-\x1b[31m4711"])
async def test_a_key_that_no_header_can_carry_is_refused_before_anything_is_sent(
    tmp_path: Path, line: Line, standin: StandIn, key: str
) -> None:
    service = make_service(make_context(tmp_path, key=key), line.url)
    try:
        for ask in (service.create, service.ask):
            with pytest.raises(KeyRefused) as caught:
                await ask(f"{line.url}/job")
            assert key not in f"{caught.value} {caught.value.fix}"
    finally:
        await service.aclose()
    assert standin.seen == []


@pytest.mark.parametrize("path", ["/closed", "/closed?a=1"])
async def test_a_server_that_wants_a_key_where_none_is_set_refused_no_key(
    tmp_path: Path, line: Line, path: str
) -> None:
    for key, kind in ((None, KeyMissing), (KEY, KeyRefused)):
        service = make_service(make_context(tmp_path, key=key), line.url, needs_key=False)
        try:
            for ask in (service.create, service.ask):
                with pytest.raises(kind) as caught:
                    await ask(line.url + path)
                assert type(caught.value) is kind
        finally:
            await service.aclose()


async def test_spaces_around_a_key_are_not_sent(tmp_path: Path, line: Line, standin: StandIn) -> None:
    service = make_service(make_context(tmp_path, key=f" {KEY}\n"), line.url)
    try:
        await service.create(f"{line.url}/job")
    finally:
        await service.aclose()
    assert standin.seen[0].headers["authorization"] == f"Bearer {KEY}"


async def test_a_key_that_the_service_echoes_is_not_told(service: Service, line: Line) -> None:
    with pytest.raises(BadRecipe) as caught:
        await service.create(line.url + "/echo", json={})
    assert KEY not in str(caught.value)
    assert "bad Bearer hidden-key" in str(caught.value)


async def test_a_changed_key_is_used_at_once(tmp_path: Path, line: Line, standin: StandIn) -> None:
    keys = ["first-key"]
    context = make_context(tmp_path)
    service = make_service(
        ProviderContext(
            read_source=context.read_source,
            read_pixels=context.read_pixels,
            clock=context.clock,
            cache=tmp_path,
            secret=lambda _name: keys[-1],
        ),
        line.url,
    )
    await service.ask(line.url + "/list")
    keys.append("second-key")
    await service.ask(line.url + "/list")
    await service.aclose()
    assert [seen.headers["authorization"] for seen in standin.seen] == [
        "Bearer first-key",
        "Bearer second-key",
    ]


_SPOILT: Mapping[str, tuple[Fault, type[ProviderError], type[ProviderError], int]] = {
    # fault: what a paid request becomes, what a free one becomes, how often the paid one arrived
    "429": (
        Fault(name="429", way=Way.STATUS, status=429, body={}, headers=(("Retry-After", "3"),), times=0),
        RateLimited,
        RateLimited,
        0,
    ),
    "500": (Fault(name="500", way=Way.STATUS, status=500, body={}, times=0), AnswerLost, Unreachable, 0),
    "503": (
        Fault(name="503", way=Way.STATUS, status=503, body=PAGE, headers=HTML, times=0),
        RateLimited,
        RateLimited,
        0,
    ),
    "401": (Fault(name="401", way=Way.STATUS, status=401, body={}, times=0), KeyRefused, KeyRefused, 0),
    "404": (Fault(name="404", way=Way.STATUS, status=404, body={}, times=0), ProviderError, TicketLost, 0),
    "reset": (Fault(name="reset", way=Way.DROP_BEFORE, times=0), AnswerLost, Unreachable, 0),
    "lost": (Fault(name="lost", way=Way.DROP_AFTER, times=0), AnswerLost, Unreachable, 1),
    "silence": (Fault(name="silence", way=Way.HANG_AFTER, times=0), AnswerLost, Unreachable, 1),
    "cut": (Fault(name="cut", way=Way.CUT, times=0), AnswerLost, Unreachable, 1),
    "cut by reset": (Fault(name="cut by reset", way=Way.RESET, times=0), AnswerLost, Unreachable, 1),
    "too short": (Fault(name="too short", way=Way.SHORT, times=0), AnswerLost, Unreachable, 1),
}


@pytest.mark.parametrize("name", list(_SPOILT))
async def test_what_goes_wrong_with_a_paid_request(
    service: Service, line: Line, standin: StandIn, name: str
) -> None:
    fault, kind, _, arrived = _SPOILT[name]
    line.spoil(Stage.SUBMIT, fault)
    with pytest.raises(kind) as caught:
        await service.create(line.url + "/job", json={}, answer_s=0.3)
    assert line.struck == 1, "it was sent more than once"
    assert standin.submits == arrived
    if isinstance(caught.value, RateLimited) and name == "429":
        assert caught.value.retry_after_s == 3.0


@pytest.mark.parametrize("name", list(_SPOILT))
async def test_what_goes_wrong_with_a_free_one(service: Service, line: Line, name: str) -> None:
    fault, _, kind, _ = _SPOILT[name]
    line.spoil(Stage.WATCH, fault)
    with pytest.raises(kind):
        await service.ask(line.url + "/job", answer_s=0.3)
    assert line.struck == 1


async def test_a_paid_request_goes_over_a_connection_of_its_own(tmp_path: Path) -> None:
    """A service that says a connection may be kept, and closes it when the next request comes."""
    open_ones: list[asyncio.Task[None] | None] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.append(asyncio.current_task())
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        await reader.read(1)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    service = make_service(make_context(tmp_path), url)
    for _ in range(20):
        assert (await service.create(url + "/job", json={})).status == 200
    await service.aclose()
    await asyncio.gather(*(task for task in open_ones if task is not None))
    server.close()
    await server.wait_closed()
    assert len(open_ones) == 20


async def test_a_page_in_place_of_json(service: Service, line: Line) -> None:
    line.spoil(Stage.SUBMIT, Fault(name="html", way=Way.BODY, body=PAGE, headers=HTML))
    answer = await service.create(line.url + "/job", json={})
    with pytest.raises(BadAnswer, match="web page"):
        answer.object()
    with pytest.raises(Unreachable, match="web page"):
        await service.ask(line.url + "/page")


async def test_nothing_listens(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    service = make_service(make_context(tmp_path), url)
    for send in (service.create, service.ask):
        with pytest.raises(Unreachable, match="refused"):
            await send(url + "/job")
    await service.aclose()


async def test_a_name_that_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **more: Any) -> Any:
        if "nowhere" in str(host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for url in ("https://nowhere.cloud.example", "http://nowhere.local:9001"):
        service = make_service(make_context(tmp_path), url)
        with pytest.raises(Unreachable, match="not known"):
            await service.create(url + "/job", json={})
        await service.aclose()


async def test_a_line_that_is_not_secure(tmp_path: Path, server: Running, standin: StandIn) -> None:
    url = server.url.replace("http://", "https://")
    service = make_service(make_context(tmp_path), url)
    with pytest.raises(Unreachable, match="secure connection"):
        await service.create(url + "/job", json={})
    await service.aclose()
    assert standin.seen == []


async def test_plain_http_to_a_public_address_carries_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_a, **_k: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 80))],
    )
    service = make_service(make_context(tmp_path), "http://box.local")
    with pytest.raises(Unreachable, match="open internet"):
        await service.ask("http://box.local/list")
    await service.aclose()


async def test_an_answer_that_never_ends(service: Service, line: Line) -> None:
    with pytest.raises(BadAnswer, match="more than 2 MB"):
        await service.ask(line.url + "/large")


async def test_events(service: Service, line: Line) -> None:
    async with service.events(line.url + "/events", method="GET", pays=False) as events:
        assert [pair async for pair in events] == [
            ("step", "0\nmore"),
            ("step", "1\nmore"),
            ("step", "2\nmore"),
            ("", "last"),
        ]
    async with service.events(line.url + "/list", method="GET", pays=False) as events:
        assert [json.loads(data) async for _, data in events] == [[1]]
    with pytest.raises(TicketLost):
        async with service.events(line.url + "/none", method="GET", pays=False):
            pass


async def test_no_task_is_left_behind(service: Service, line: Line) -> None:
    before = asyncio.all_tasks()
    await service.ask(line.url + "/list")
    await service.aclose()
    await service.aclose()
    assert asyncio.all_tasks() == before


# downloads


@pytest.fixture
async def downloads() -> AsyncIterator[Downloads]:
    made = Downloads(title="Cloud", most_bytes=1_000_000, private=("127.0.0.1", "localhost"))
    yield made
    await made.aclose()


async def test_a_result_is_fetched_without_a_key(downloads: Downloads, line: Line, standin: StandIn) -> None:
    assert await downloads.fetch(line.url + "/picture") == b"\x89PNG" + b"p" * 5000
    assert (
        await downloads.fetch(line.url + "/moved", headers={"authorization": KEY}) == b"\x89PNG" + b"p" * 5000
    )
    assert [seen.headers.get("authorization") for seen in standin.seen] == [None, KEY, None]
    assert standin.seen[2].headers["host"].startswith("localhost")


@pytest.mark.parametrize(
    "url",
    [
        "http://[no/address",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/x",
        "http://[::1]/x",
        "http://[::ffff:10.0.0.1]/x",
        "http://0.0.0.0/",
        "file:///etc/passwd",
        "ftp://example.com/x",
        "//example.com/x",
        "javascript:alert(1)",
        "http://",
    ],
)
async def test_links_that_are_not_followed(url: str) -> None:
    downloads = Downloads(title="Cloud", most_bytes=1000)
    with pytest.raises(Refused):
        await downloads.fetch(url)
    await downloads.aclose()


async def test_a_redirect_into_the_private_network_is_refused(downloads: Downloads, line: Line) -> None:
    with pytest.raises(Refused, match="private network"):
        await downloads.fetch(line.url + "/inside")
    strict = Downloads(title="Cloud", most_bytes=1000, private=("127.0.0.1",))
    with pytest.raises(Refused, match="localhost"):
        await strict.fetch(line.url + "/moved")
    await strict.aclose()


async def test_a_redirect_that_is_no_address_is_refused(downloads: Downloads, line: Line) -> None:
    with pytest.raises(Refused, match="no web address"):
        await downloads.fetch(line.url + "/nowhere")


async def test_what_was_checked_is_what_is_dialled(monkeypatch: pytest.MonkeyPatch, line: Line) -> None:
    """A name that leads outside when it is checked and inside when it is dialled gets nowhere."""
    answers = iter(["93.184.216.34", "127.0.0.1"])
    dialled: list[Any] = []

    def resolve(_host: Any, port: Any, *_rest: Any, **_more: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def connect(_self: Any, address: Any) -> None:
        dialled.append(address)
        raise ConnectionRefusedError

    real_handle = httpx.AsyncHTTPTransport.handle_async_request
    hosts: list[str] = []

    async def handle(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        raise httpx.ConnectError("not here")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle)
    downloads = Downloads(title="Cloud", most_bytes=1000)
    with pytest.raises(Unreachable):
        await downloads.fetch("https://changing.example/x")
    assert hosts == ["93.184.216.34"]
    assert real_handle is not handle


_RESULTS: Mapping[str, type[ProviderError]] = {
    "/page": Unreachable,
    "/circle": Unreachable,
    "/empty": Unreachable,
    "/expired": TicketLost,
    "/nothing": TicketLost,
    "/large": Refused,
}


@pytest.mark.parametrize("path", list(_RESULTS))
async def test_results_that_are_none(downloads: Downloads, line: Line, path: str) -> None:
    with pytest.raises(_RESULTS[path]):
        await downloads.fetch(line.url + path)


@pytest.mark.parametrize("way", [Way.CUT, Way.RESET, Way.SHORT, Way.DROP_AFTER])
async def test_a_cut_download_is_no_picture(downloads: Downloads, line: Line, way: Way) -> None:
    line.spoil(Stage.RESULT, Fault(name="cut", way=way))
    with pytest.raises(Unreachable):
        await downloads.fetch(line.url + "/picture")
    assert line.struck == 1
    assert len(await downloads.fetch(line.url + "/picture")) == 5004


async def test_data_links(downloads: Downloads) -> None:
    assert await downloads.fetch("data:image/png;base64,iVBORw==") == b"\x89PNG"
    assert await downloads.fetch("data:,a%20b") == b"a b"
    with pytest.raises(BadAnswer):
        await downloads.fetch("data:nothing")
    with pytest.raises(BadAnswer):
        await downloads.fetch("data:image/png;base64,A")


# polling


async def test_polling_grows_its_pauses() -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    asked = 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        return asked

    async for number in poll(ask, pace=Pace(first_s=1.0, growth=2.0, most_s=5.0), sleep=sleep):
        if number == 5:
            break
    assert pauses == [1.0, 2.0, 4.0, 5.0]


@pytest.mark.parametrize(
    ("settings", "first"),
    [({}, 0.5), ({"poll_s": 2}, 2.0), ({"poll_s": True}, 0.5), ({"poll_s": -1}, 0.5), ({"poll_s": "x"}, 0.5)],
)
def test_the_pace_of_the_settings(settings: dict[str, Any], first: float) -> None:
    assert pace_of(settings, Pace()).pause_s(0) == first


def test_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert proxy_for("https://api.cloud.example") is None
    monkeypatch.setenv("HTTPS_PROXY", "proxy.corp:3128")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    assert proxy_for("https://api.cloud.example") == "http://proxy.corp:3128"
    assert proxy_for("https://127.0.0.1:9001") is None


def test_certificates_are_read_once_and_anew_when_the_person_names_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    usual = tls()
    assert tls() is usual
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    assert tls() is not usual
    monkeypatch.delenv("SSL_CERT_FILE")
    assert tls() is usual
    assert usual.verify_mode is ssl.CERT_REQUIRED
    assert usual.check_hostname
