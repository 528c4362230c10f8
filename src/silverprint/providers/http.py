"""Service: one service's HTTP, and the guard that every request to it passes, an SDK's as well as our own.

The guard puts the key on requests to the service's own hosts and takes it off all others, sends each request
once, and turns what goes wrong into our errors. Reading answers is left to ``answers.py``, results to
``download.py``; trying again is the queue's business, so that tries don't multiply.
"""

from __future__ import annotations

import asyncio
import contextlib
import json as json_module
import os
import ssl
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from functools import cache
from typing import Any

import httpx

from silverprint.core.errors import (
    AnswerLost,
    BadAnswer,
    KeyMissing,
    KeyRefused,
    ProviderError,
    Unreachable,
)
from silverprint.core.provider import ProviderContext
from silverprint.core.text import one_line
from silverprint.providers.address import is_public, origin
from silverprint.providers.answers import Answer, Explain, error_of, looks_like_page
from silverprint.providers.scrub import Scrub, scrub_of
from silverprint.providers.stream import TooMuch, events_in

CONNECT_S = 10.0
ANSWER_S = 60.0
WHOLE_S = 1800.0
"""How long a request and its answer may take in all, though something arrives every now and then."""
MOST_ERROR_BYTES = 1_000_000
LARGE_BYTES = 1_000_000

_KEY_HEADERS = ("authorization", "x-key", "x-goog-api-key", "x-api-key", "proxy-authorization", "cookie")
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
    httpx.InvalidURL,
    httpx.LocalProtocolError,
)


class Service:
    """A client for one service. Built at no cost; connections are made with the first request.

    ``auth`` turns the key into headers. ``bases`` are the addresses in use, checked by ``check_base``; ``hosts``
    are further hosts of the service that may have the key over https: ``api.bfl.ai``, or ``.bfl.ai`` for all below.
    ``pays`` tells whether a request makes a paid job; by default every POST does. ``answer_s`` is how long an answer
    may take, unless the settings of the provider have an ``answer_s`` of their own.
    """

    def __init__(
        self,
        context: ProviderContext,
        *,
        title: str,
        key_name: str,
        auth: Callable[[str], Mapping[str, str]],
        bases: Iterable[str],
        hosts: Iterable[str] = (),
        needs_key: bool = True,
        explain: Explain | None = None,
        pays: Callable[[httpx.Request], bool] | None = None,
        answer_s: float = ANSWER_S,
        key_page: str = "",
    ) -> None:
        self.title = title
        self._context = context
        self._key_name = key_name
        self._key_page = key_page
        self._auth = auth
        self._needs_key = needs_key
        self._origins = {origin(base) for base in bases}
        self._hosts = tuple(host.lower() for host in hosts)
        self.explain = explain
        self._pays = pays or (lambda request: request.method == "POST")
        asked = context.settings.get("answer_s")
        is_number = isinstance(asked, int | float) and not isinstance(asked, bool) and asked > 0
        self._patience_s = float(asked) if is_number and asked is not None else None
        self._answer_s = answer_s
        self.scrub = Scrub("")
        self._has_key = False
        self._guard: Guard | None = None
        self._client: httpx.AsyncClient | None = None

    # keys

    def key(self) -> str:
        """The key, or "" where none is needed and none is set. Raises KeyMissing, and KeyRefused for one that no header
        can carry, such as one that was copied with dots in place of its letters. May block (a keyring).
        """
        found = (self._context.secret(self._key_name) or "").strip()
        if not (found.isascii() and found.isprintable()):
            raise KeyRefused(
                f"The key for {self.title} holds signs that no key has.",
                fix=f"Copy it anew, and set it in Settings (5) or with `silverprint keys set {self._key_name}`.",
            )
        if not found and self._needs_key:
            raise self._no_key()
        return found

    def _no_key(self) -> KeyMissing:
        return KeyMissing(
            f"{self.title} needs a key, and none is set.",
            fix=f"Add one in Settings (5) or with `silverprint keys set {self._key_name}`"
            + (f"; get it at {self._key_page}." if self._key_page else "."),
        )

    def trusts(self, url: str) -> bool:
        """Whether the key may go to ``url``: an address in use, or over https a host of the service's own."""
        try:
            scheme, host, port = origin(url)
        except ValueError:
            return False
        if (scheme, host, port) in self._origins:
            return True
        return (
            scheme == "https"
            and port == 443
            and any(host == own or (own.startswith(".") and host.endswith(own)) for own in self._hosts)
        )

    def redact(self, text: str) -> str:
        """``text`` without the key, should it be in there."""
        key = self._context.secret(self._key_name) or ""
        for part in (key, *key.split(":")):
            if len(part) >= 6:
                text = text.replace(part, "…")
        return text

    # requests

    async def create(
        self,
        url: str,
        *,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        files: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        answer_s: float | None = None,
    ) -> Answer:
        """POST a paid request, exactly once. The answer has a status below 300.

        Raises KeyMissing; Unreachable when nothing was sent; AnswerLost when it may have been taken; and what
        ``error_of`` makes of an answer that refuses.
        """
        return await self._send(
            "POST",
            url,
            True,
            json=json,
            data=data,
            files=files,
            content=content,
            headers=headers,
            params=params,
            answer_s=answer_s,
        )

    async def ask(
        self,
        url: str,
        *,
        method: str = "GET",
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        files: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        answer_s: float | None = None,
    ) -> Answer:
        """A request that costs nothing and may be repeated: a poll, a list, a cancel, an upload.

        Sent once; raises as ``create``, but Unreachable wherever asking again is safe, and TicketLost for 404.
        """
        return await self._send(
            method,
            url,
            False,
            json=json,
            data=data,
            files=files,
            content=content,
            headers=headers,
            params=params,
            answer_s=answer_s,
        )

    @contextlib.asynccontextmanager
    async def events(
        self,
        url: str,
        *,
        method: str = "POST",
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        files: Any = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        pays: bool = True,
        answer_s: float | None = None,
    ) -> AsyncIterator[AsyncIterator[tuple[str, str]]]:
        """Server-sent events (WHATWG HTML, 9.2.6) as (event name, data). The stream ends with the connection.

        Where the service answers with plain JSON instead, there is one pair: ("", the body).
        """
        client = await self._open()
        request = client.build_request(
            method,
            url,
            json=json,
            data=data,
            files=files,
            headers=headers,
            params=params,
            timeout=self.timeout(answer_s),
            extensions={"silverprint": {"pays": pays, "stream": True}},
        )
        response = await client.send(request, stream=True)
        told = _events(response, self, pays)
        try:
            yield told
        finally:
            await told.aclose()  # one that is left early must not be closed later, by the event loop
            await response.aclose()

    async def aclose(self) -> None:
        """Close the connections. Safe to call twice."""
        client, self._client, self._guard = self._client, None, None
        if client is not None:
            await client.aclose()

    async def client(self) -> httpx.AsyncClient:
        """The guarded client itself, for an SDK that takes one. It raises our errors, never httpx's."""
        return await self._open()

    async def guard(self) -> Guard:
        """The guard, for an SDK that takes a transport."""
        await self._open()
        assert self._guard is not None
        return self._guard

    async def _send(
        self, method: str, url: str, pays: bool, *, answer_s: float | None, **parts: Any
    ) -> Answer:
        client = await self._open()
        try:
            request = client.build_request(
                method,
                url,
                timeout=self.timeout(answer_s),
                extensions={"silverprint": {"pays": pays}},
                **{name: part for name, part in parts.items() if part is not None},
            )
        except httpx.InvalidURL:
            raise BadAnswer(f"{self.title} named an address that is none.") from None
        response = await client.send(request)
        return self.answer(response)

    def answer(self, response: httpx.Response) -> Answer:
        """An httpx answer, read whole, as ours."""
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(
            status=response.status_code, content=response.content, headers=headers, title=self.title
        )

    def timeout(self, answer_s: float | None = None) -> httpx.Timeout:
        """How long to wait: as the settings say, else ``answer_s`` seconds, else as this service needs."""
        return httpx.Timeout(self._patience_s or answer_s or self._answer_s, connect=CONNECT_S)

    async def _open(self) -> httpx.AsyncClient:
        # The keyring may block, so the key is read in a thread, anew for each request: it may have been changed.
        key = await asyncio.to_thread(self.key)
        if self._client is None:
            self._guard = Guard(self)
            self._client = httpx.AsyncClient(
                transport=self._guard,
                follow_redirects=False,
                headers={"user-agent": "silverprint", "accept": "application/json"},
            )
        assert self._guard is not None
        self._guard.key_headers = dict(self._auth(key)) if key else {}
        self._has_key = bool(key)
        self.scrub = scrub_of(key)
        return self._client

    # for the guard

    @property
    def most_bytes(self) -> int:
        """The largest answer that is read: a picture may lie inside, a third larger in base64."""
        return self._context.most_bytes * 2

    def pays(self, request: httpx.Request) -> bool:
        """Whether the request makes a paid job."""
        marked = request.extensions.get("silverprint")
        return bool(marked["pays"]) if isinstance(marked, dict) else self._pays(request)

    def error_of(self, answer: Answer, *, creates: bool) -> ProviderError:
        """The error of an answer, with the key cut out of its words. Without a key none was refused: it is missing."""
        error = error_of(answer, creates=creates, explain=self.explain, now=self._context.clock())
        if isinstance(error, KeyRefused) and not self._has_key:
            return self._no_key()
        said = self.redact(str(error))
        if said != str(error):
            error.args = (said,)
        return error


class Guard(httpx.AsyncBaseTransport):
    """The transport that all requests to a service pass. It raises our errors."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.key_headers: Mapping[str, str] = {}
        self._plain: dict[tuple[str, bool], httpx.AsyncHTTPTransport] = {}
        self._seen_private: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it once. The answer has a status below 300 and is read whole, unless it is a stream."""
        service, title = self._service, self._service.title
        pays = service.pays(request)
        trusted = service.trusts(str(request.url))
        for name in _KEY_HEADERS:
            request.headers.pop(name, None)
        if trusted:
            request.headers.update(self.key_headers)
        elif pays:
            raise BadAnswer(
                f"{title} wants the job sent to {_host(request)}, which is not one of its own hosts."
            )
        await self._check_open_line(request, trusted)
        marked = request.extensions.get("silverprint")
        streams = isinstance(marked, dict) and bool(marked.get("stream"))
        try:
            async with asyncio.timeout(WHOLE_S):
                response = await self._transport(request, pays).handle_async_request(request)
                if response.status_code < 300 and streams:
                    return response
                content = await self._read(response, pays)
        except _NEVER_SENT as error:
            raise Unreachable(
                f"{title} can't be reached at {_host(request)}: {reason_of(error)}.", fix=_fix(error)
            ) from error
        except (httpx.TransportError, TimeoutError) as error:
            raise _lost(title, pays, error) from error
        if response.status_code >= 300:
            headers = {name.lower(): service.scrub.text(value) for name, value in response.headers.items()}
            answer = Answer(status=response.status_code, content=content, headers=headers, title=title)
            raise service.error_of(answer, creates=pays)
        if not pays and looks_like_page(content) and b"html" in content[:512].lower():
            raise Unreachable(
                f"A web page came instead of the answer of {title}.",
                fix="A network that asks for a login does that; else check the address in Settings (5).",
            )
        kept = httpx.Headers([(name, service.scrub.text(value)) for name, value in response.headers.items()])
        for name in ("content-encoding", "content-length", "transfer-encoding"):
            kept.pop(name, None)
        return httpx.Response(response.status_code, headers=kept, content=content, request=request)

    async def aclose(self) -> None:
        """Close the connections."""
        for transport in self._plain.values():
            await transport.aclose()
        self._plain.clear()

    async def _read(self, response: httpx.Response, pays: bool) -> bytes:
        title = self._service.title
        most = self._service.most_bytes if response.status_code < 300 else MOST_ERROR_BYTES
        parts: list[bytes] = []
        size = 0
        try:
            async for part in response.aiter_bytes():
                size += len(part)
                if size > most:
                    if response.status_code >= 300:
                        break
                    raise _too_much(self._service, pays)
                parts.append(part)
        except (httpx.TransportError, httpx.DecodingError) as error:
            if response.status_code < 300:
                raise _lost(title, pays, error) from error
        finally:
            await response.aclose()
        content = b"".join(parts)
        if size > LARGE_BYTES:  # pictures within, and the screen must not wait for the search
            return await asyncio.to_thread(self._service.scrub.content, content)
        return self._service.scrub.content(content)

    async def _check_open_line(self, request: httpx.Request, trusted: bool) -> None:
        """Plain http with a key: only where the name leads to a private address."""
        host = request.url.host
        if request.url.scheme != "http" or not trusted or not self.key_headers or host in self._seen_private:
            return
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, request.url.port or 80)
        except OSError as error:
            raise Unreachable(f"{self._service.title} can't be reached: {host} is not known.") from error
        if any(is_public(str(address[4][0])) for address in found):
            raise Unreachable(
                f"{host} is on the open internet, and the key is not sent there over plain http.",
                fix="Use an https address in Settings (5).",
            )
        self._seen_private.add(host)

    def _transport(self, request: httpx.Request, pays: bool) -> httpx.AsyncHTTPTransport:
        proxy = proxy_for(str(request.url)) or ""
        if (proxy, pays) not in self._plain:
            # A service may close an idle connection in the very moment we use it, and then nobody can tell whether
            # the request was taken. So a paid one never goes over a connection that was used before.
            limits = httpx.Limits(max_connections=256, max_keepalive_connections=0 if pays else 64)
            self._plain[proxy, pays] = httpx.AsyncHTTPTransport(
                verify=tls(), proxy=proxy or None, limits=limits
            )
        return self._plain[proxy, pays]


def tls() -> ssl.SSLContext:
    """The certificates that are believed, read once: reading them takes 40 ms, which the screen would feel."""
    return _tls(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _tls(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context()


def proxy_for(url: str) -> str | None:
    """The proxy that the environment sets for ``url``, if any."""
    scheme, host, _ = origin(url)
    proxies = urllib.request.getproxies()
    found = proxies.get(scheme) or proxies.get("all")
    if not found or urllib.request.proxy_bypass(host):
        return None
    return found if "://" in found else f"http://{found}"


async def _events(
    response: httpx.Response, service: Service, pays: bool
) -> AsyncGenerator[tuple[str, str], None]:
    told = events_in(response, most_bytes=service.most_bytes, within_s=WHOLE_S)
    try:
        async with contextlib.aclosing(told):
            async for pair in told:
                yield pair
    except TooMuch:
        raise _too_much(service, pays) from None
    except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
        raise _lost(service.title, pays, error) from error


def _too_much(service: Service, pays: bool) -> ProviderError:
    words = f"{service.title} sent more than {service.most_bytes // 1_000_000} MB."
    return AnswerLost(words) if pays else BadAnswer(words)


def _lost(title: str, pays: bool, error: Exception) -> ProviderError:
    if pays:
        return AnswerLost(f"The answer of {title} did not arrive: {reason_of(error)}.")
    return Unreachable(f"The line to {title} broke: {reason_of(error)}.")


def _host(request: httpx.Request) -> str:
    return one_line(request.url.host, most=100)


def reason_of(error: Exception) -> str:
    """Why a request failed, in words; never the request itself, for its address may be a secret link."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not valid ({one_line(cause.verify_message, most=100)})"
        if isinstance(cause, ssl.SSLError):
            return "the secure connection could not be made"
        if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused"
        if isinstance(cause, OSError) and type(cause).__name__ == "gaierror":
            return "the name is not known"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "no answer in time"
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return "the connection broke off"
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.LocalProtocolError):
        return "the address is not one"
    return "the connection could not be made"


def _fix(error: Exception) -> str:
    if "certificate" in reason_of(error):
        return "Check the clock and the address; behind a company's proxy, set SSL_CERT_FILE."
    return "Check the network or the address in Settings (5), then retry."


def dumps(value: Any) -> str:
    """JSON as it is sent and kept: compact, and the same for the same value."""
    return json_module.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
