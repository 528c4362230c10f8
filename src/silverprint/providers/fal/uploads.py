"""Uploads: input pictures as links that fal can read: a data URI for a small one, fal's own CDN for a large one.

Owns the CDN's short-lived token, which is no key of ours and goes to the CDN alone. Which field of a request a link
belongs in is left to ``core/schema.py``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from silverprint.core.errors import (
    BadAnswer,
    BadRecipe,
    KeyRefused,
    NotFound,
    PictureError,
    ProviderError,
    TicketLost,
    Unreachable,
)
from silverprint.core.provider import ProviderContext
from silverprint.core.recipe import Source
from silverprint.providers.address import may_be_private, origin
from silverprint.providers.fal.places import Places
from silverprint.providers.http import Service
from silverprint.providers.media import media_type_of

INLINE_MOST = 256_000
UPLOAD_MOST = 100_000_000
LINK_KEPT = timedelta(hours=1)
_UPLOAD_S = 300.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    service: Service
    base: str
    until: datetime


class Uploads:
    """Turns inputs into links. ``keyed`` is the service with the key, ``anonymous`` the one that never sends it.

    ``keep_s``: how long fal shall keep what is uploaded, None for its own default.
    """

    def __init__(
        self,
        context: ProviderContext,
        *,
        places: Places,
        keyed: Service,
        anonymous: Service,
        keep_s: int | None = None,
    ) -> None:
        self._context = context
        self._places = places
        self._keyed = keyed
        self._anonymous = anonymous
        self._headers = (
            {
                "x-fal-object-lifecycle": (life := json.dumps({"expiration_duration_seconds": keep_s})),
                "x-fal-object-lifecycle-preference": life,
            }
            if keep_s
            else {}
        )
        self._kept = min(LINK_KEPT, timedelta(seconds=keep_s / 2)) if keep_s else LINK_KEPT
        self._token: _Token | None = None
        self._sent: dict[str, tuple[str, datetime]] = {}
        self._turn = asyncio.Lock()

    async def links(self, sources: Sequence[Source]) -> dict[str, str]:
        """A link for each input, by its hash. Raises BadRecipe for one that can't be read, and ProviderError.

        Nothing paid has been sent by then, so an odd answer is Unreachable here: sending it again is safe.
        """
        found: dict[str, str] = {}
        for source in sources:
            if source.sha256 not in found:
                found[source.sha256] = await self._link(source)
        return found

    async def aclose(self) -> None:
        """Close the connections to the CDN. Safe to call twice."""
        token, self._token = self._token, None
        if token is not None:
            await token.service.aclose()

    async def _link(self, source: Source) -> str:
        try:
            data = await self._context.read_source(source.sha256)
        except (PictureError, NotFound) as error:
            raise BadRecipe(
                f"The {source.role} can't be used: {error}", fields={source.role: str(error)}
            ) from error
        kind = media_type_of(data)
        if len(data) <= INLINE_MOST:
            return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
        if len(data) > UPLOAD_MOST:
            reason = f"larger than {UPLOAD_MOST // 1_000_000} MB"
            raise BadRecipe(f"The {source.role} is {reason}.", fields={source.role: reason})
        async with self._turn:  # twenty jobs with one input upload it once
            now = self._context.clock()
            known = self._sent.get(source.sha256)
            if known is not None and known[1] > now:
                return known[0]
            name = f"{source.sha256[:16]}.{kind.rpartition('/')[2]}"
            try:
                link = await self._upload(data, kind, name)
            except (BadAnswer, TicketLost) as error:
                raise Unreachable(f"fal did not take the {source.role}: {error}", fix=error.fix) from error
            self._sent[source.sha256] = (link, now + self._kept)
            return link

    async def _upload(self, data: bytes, kind: str, name: str) -> str:
        try:
            return await self._to_cdn(data, kind, name)
        except ProviderError as error:
            if isinstance(error, KeyRefused) and self._token is None:
                raise  # fal itself refused the key, and would refuse it again
            _log.info("fal's CDN did not take an input (%s); trying its storage", type(error).__name__)
            await self.aclose()
            return await self._to_storage(data, kind, name)

    async def _to_cdn(self, data: bytes, kind: str, name: str) -> str:
        token = await self._fresh_token()
        answer = await token.service.ask(
            f"{token.base}/files/upload",
            method="POST",
            content=data,
            headers={"content-type": kind, "x-fal-file-name": name, **self._headers},
            answer_s=_UPLOAD_S,
        )
        return _text(answer.object(), "access_url")

    async def _fresh_token(self) -> _Token:
        now = self._context.clock()
        if self._token is not None and self._token.until > now:
            return self._token
        await self.aclose()
        answer = await self._keyed.ask(
            f"{self._places.rest}/storage/auth/token",
            method="POST",
            params={"storage_type": "fal-cdn-v3"},
            json={},
        )
        said = answer.object()
        value = f"{_text(said, 'token_type')} {_text(said, 'token')}"
        base = self._cdn(said.get("base_url"))
        try:
            until = datetime.fromisoformat(_text(said, "expires_at")) - timedelta(minutes=1)
            until = until if until.tzinfo else until.replace(tzinfo=now.tzinfo)
        except ValueError:
            until = now
        service = Service(
            replace(self._context, secret=lambda _name: value),
            title="fal's CDN",
            key_name="fal-cdn",
            auth=lambda token: {"authorization": token},
            bases=[base],
        )
        self._token = _Token(service=service, base=base, until=until)
        return self._token

    def _cdn(self, base: object) -> str:
        """Where uploads go: the host that came with the token if it is one of fal's CDN, else the configured one."""
        try:
            if isinstance(base, str):
                scheme, host, _ = origin(base)
                if scheme == "https" and host.endswith(".fal.media"):
                    return base.rstrip("/")
        except ValueError:
            pass
        return self._places.cdn

    async def _to_storage(self, data: bytes, kind: str, name: str) -> str:
        answer = await self._keyed.ask(
            f"{self._places.rest}/storage/upload/initiate",
            method="POST",
            params={"storage_type": "gcs"},
            json={"file_name": name, "content_type": kind},
            headers=self._headers,
        )
        said = answer.object()
        target, link = _text(said, "upload_url"), _text(said, "file_url")
        try:
            host = origin(target)[1]
        except ValueError:
            raise BadAnswer("fal named an upload address that is none.") from None
        if may_be_private(host) and host not in self._places.all_hosts:
            raise BadAnswer(f"fal wants an input sent into a private network ({host}); it was not.")
        # The address is signed and needs no key; the SDK would send it ours.
        await self._anonymous.ask(
            target, method="PUT", content=data, headers={"content-type": kind}, answer_s=_UPLOAD_S
        )
        return link


def _text(said: Mapping[str, object], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value:
        raise BadAnswer("fal answered about an upload in a shape that was not agreed.")
    return value
