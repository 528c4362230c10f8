"""Download: fetches results by their links, without any key, and never from inside a private network.

Only http and https, with a cap on size and time; the address is checked where it is dialled, so that a name that
changes its mind between the check and the call gets nowhere. What the bytes are is checked by the intake.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import socket
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import unquote_to_bytes

import httpx

from silverprint.core.errors import BadAnswer, ProviderError, RateLimited, TicketLost, Unreachable
from silverprint.providers.address import is_public, origin, resolved
from silverprint.providers.answers import Answer, looks_like_page, retry_after_s
from silverprint.providers.http import proxy_for, reason_of, tls

CONNECT_S = 10.0
READ_S = 60.0
WHOLE_S = 600.0
REDIRECTS_MOST = 5


class Refused(BadAnswer):
    """A link that leads where we don't go."""

    can_retry = False
    fix = "If the address is your own server's, name it in the settings; else report it to the service."


class LinkGone(TicketLost):
    """A link that gives nothing any more, or not without a key. ``status`` is 401, 403, 404 or 410."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class Downloads:
    """Fetches links. Built at no cost. ``private`` are hosts that the person configured, where private addresses are right."""

    def __init__(self, *, title: str, most_bytes: int, private: Iterable[str] = ()) -> None:
        self._title = title
        self._most = most_bytes
        self._private = frozenset(host.rstrip(".").lower() for host in private)
        self._client: httpx.AsyncClient | None = None

    async def fetch(self, url: str, *, headers: Mapping[str, str] | None = None) -> bytes:
        """The bytes behind ``url``, which may be a data URI.

        ``headers`` go to the host of ``url`` only, never along a redirect. Raises LinkGone when the link has
        expired, Refused for one that leads to a private address or is no http, RateLimited, and Unreachable for
        all that asking again may mend: a cut download, a page instead of a picture, a service in trouble.
        """
        if url[:5].lower() == "data:":
            return self._inline(url)
        try:
            async with asyncio.timeout(WHOLE_S):
                return await self._follow(url, headers or {})
        except TimeoutError as error:
            raise Unreachable(
                f"The result of {self._title} did not come within {WHOLE_S / 60:g} minutes."
            ) from error

    async def aclose(self) -> None:
        """Close the connections. Safe to call twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _follow(self, url: str, headers: Mapping[str, str]) -> bytes:
        for _ in range(REDIRECTS_MOST + 1):
            try:
                first = origin(url)
            except ValueError:
                raise Refused(f"{self._title} gave a link that is no web address.") from None
            found = await self._get(url, headers)
            if isinstance(found, bytes):
                return found
            url = resolved(url, found)
            try:
                same = origin(url) == first
            except ValueError:
                same = False
            headers = headers if same else {}
        raise Unreachable(f"The link to the result of {self._title} leads in a circle.")

    async def _get(self, url: str, headers: Mapping[str, str]) -> bytes | str:
        if self._client is None:
            self._client = httpx.AsyncClient(
                transport=_Dial(self._private, self._title),
                timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
                headers={"user-agent": "silverprint", "accept": "image/*,*/*;q=0.5"},
                follow_redirects=False,
            )
        try:
            async with self._client.stream("GET", url, headers=dict(headers)) as response:
                if response.is_redirect and response.headers.get("location"):
                    return str(response.headers["location"])
                if response.status_code != 200:
                    raise self._error(response)
                return await self._read(response)
        except httpx.InvalidURL:
            raise Refused(f"{self._title} gave a link that is no web address.") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Unreachable(
                f"The result of {self._title} could not be fetched: {reason_of(error)}."
            ) from error

    async def _read(self, response: httpx.Response) -> bytes:
        self._check_size(
            int(length) if (length := response.headers.get("content-length", "")).isdecimal() else 0
        )
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_bytes():
            size += len(part)
            self._check_size(size)
            parts.append(part)
        data = b"".join(parts)
        if not data:
            raise Unreachable(f"The result of {self._title} came empty.")
        if looks_like_page(data) and b"<svg" not in data[:1024]:
            raise Unreachable(
                f"A web page came instead of the result of {self._title}.",
                fix="A network that asks for a login does that; then retry.",
            )
        return data

    def _check_size(self, size: int) -> None:
        if size > self._most:
            raise Refused(
                f"The result of {self._title} is larger than {self._most // 1_000_000} MB.",
                fix="Raise limits.max_download_mb in the settings if you want it.",
            )

    def _error(self, response: httpx.Response) -> ProviderError:
        status = response.status_code
        headers = {name.lower(): value for name, value in response.headers.items()}
        if status in (429, 503):
            asked = retry_after_s(Answer(status=status, headers=headers, title=self._title))
            return RateLimited(f"The result of {self._title} can't be fetched yet.", retry_after_s=asked)
        if status in (401, 403, 404, 410):
            return LinkGone(f"The link to the result of {self._title} has expired ({status}).", status=status)
        return Unreachable(f"The result of {self._title} can't be fetched now ({status}).")

    def _inline(self, url: str) -> bytes:
        head, comma, body = url.partition(",")
        if not comma:
            raise BadAnswer(f"{self._title} sent a data link without data.")
        self._check_size(len(body) * 3 // 4)
        try:
            if head.lower().endswith(";base64"):
                return base64.b64decode(unquote_to_bytes(body), validate=False)
        except (binascii.Error, ValueError):
            raise BadAnswer(f"{self._title} sent a picture that can't be decoded.") from None
        return unquote_to_bytes(body)


class _Dial(httpx.AsyncBaseTransport):
    """Resolves a name once, refuses private addresses, and dials exactly what it checked.

    Through a proxy it is the proxy that dials, so names are only checked as far as they are addresses.
    """

    def __init__(self, private: Collection[str], title: str) -> None:
        self._private = private
        self._title = title
        self._plain: dict[str, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host.rstrip(".").lower()
        proxy = proxy_for(str(request.url)) or ""
        if proxy not in self._plain:
            self._plain[proxy] = httpx.AsyncHTTPTransport(verify=tls(), proxy=proxy or None)
        inner = self._plain[proxy]
        if proxy:
            self._check(host, [host])
            return await inner.handle_async_request(request)
        addresses = await self._resolve(
            host, request.url.port or (443 if request.url.scheme == "https" else 80)
        )
        self._check(host, addresses)
        original = request.url
        request.extensions = {**request.extensions, "sni_hostname": request.url.host}
        last: httpx.TransportError | None = None
        for address in addresses:
            request.url = original.copy_with(host=address)
            try:
                return await inner.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                last = error
            finally:
                request.url = original
        raise last or httpx.ConnectError("no address")

    async def aclose(self) -> None:
        for transport in self._plain.values():
            await transport.aclose()

    async def _resolve(self, host: str, port: int) -> list[str]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError("the name is not known") from error
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def _check(self, host: str, addresses: Iterable[str]) -> None:
        if host in self._private:
            return
        for address in addresses:
            try:
                public = is_public(address)
            except ValueError:
                public = True  # a name, which the proxy will resolve
            if not public:
                raise Refused(
                    f"{self._title} gave a link into a private network ({host}); it was not followed."
                )
