"""Inputs: input pictures as Replicate takes them: a data URI for a small one, an upload of its own for a large one.

Which field a link goes into is left to ``core/schema``. Uploads cost nothing and are kept for the hour they live.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import logging
import struct
import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from silverprint.core.errors import BadAnswer, BadRecipe, NotFound, PictureError
from silverprint.core.image import RawImage
from silverprint.core.provider import ProviderContext
from silverprint.core.recipe import Recipe, Source
from silverprint.providers.catalog import Shelf
from silverprint.providers.http import Service
from silverprint.providers.media import media_type_of
from silverprint.providers.replicate.places import TITLE, Places
from silverprint.providers.replicate.prediction import moment_of
from silverprint.providers.replicate.sdk import ask_sdk

INLINE_MOST = 256_000
UPLOAD_MOST = 100_000_000
LINK_KEPT = timedelta(hours=1)
_UPLOAD_S = 300.0
_ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif"}

_log = logging.getLogger(__name__)


class Inputs:
    """Turns a recipe's inputs into links."""

    def __init__(self, context: ProviderContext, *, places: Places, service: Service, shelf: Shelf) -> None:
        self._context = context
        self._places = places
        self._service = service
        self._shelf = shelf
        self._turn = asyncio.Lock()

    async def links(self, recipe: Recipe) -> dict[str, str]:
        """A link for each input by its hash, uploading what is large.

        Raises BadRecipe for one that can't be read or is too large, and what the Service raises.
        """
        found: dict[str, str] = {}
        for source in recipe.sources:
            if source.sha256 not in found:
                found[source.sha256] = await self._link(recipe, source)
        return found

    async def known_links(self, recipe: Recipe) -> dict[str, str]:
        """The same without sending anything: "" for an upload that is not known any more."""
        found: dict[str, str] = {}
        for source in recipe.sources:
            try:
                data = await self._data(recipe, source)
            except BadRecipe:
                found[source.sha256] = ""
                continue
            if len(data) <= INLINE_MOST:
                found[source.sha256] = _inline(data)
            else:
                place = await asyncio.to_thread(self._place, data)
                kept = await asyncio.to_thread(self._shelf.get, place)
                found[source.sha256] = _url_of(kept[0]) if kept is not None else ""
        return found

    async def _link(self, recipe: Recipe, source: Source) -> str:
        data = await self._data(recipe, source)
        if len(data) <= INLINE_MOST:
            return _inline(data)
        if len(data) > UPLOAD_MOST:
            reason = f"larger than {UPLOAD_MOST // 1_000_000} MB"
            raise BadRecipe(f"The {source.role} is {reason}.", fields={source.role: reason})
        async with self._turn:  # twenty jobs with one input upload it once
            place = await asyncio.to_thread(self._place, data)
            kept = await asyncio.to_thread(self._shelf.get, place)
            if kept is not None and (link := self._alive(kept[0])):
                return link
            link, until = await self._upload(data, source)
            await asyncio.to_thread(self._shelf.put, place, {"url": link, "until": until.isoformat()})
            return link

    async def _data(self, recipe: Recipe, source: Source) -> bytes:
        try:
            if source.role == "mask":
                return await self._mask(recipe, source)
            return await self._context.read_source(source.sha256)
        except (PictureError, NotFound) as error:
            raise BadRecipe(
                f"The {source.role} can't be used: {error}", fields={source.role: str(error)}
            ) from error

    async def _mask(self, recipe: Recipe, source: Source) -> bytes:
        """The mask in grey, of the image's size: white is what to repaint, as Replicate's models read it too."""
        image = recipe.source("image")
        size = (await self._context.read_pixels(image.sha256)).size if image is not None else None
        mask = await self._context.read_pixels(source.sha256, size=size, mode="L")
        return await asyncio.to_thread(grey_png, mask)

    def _place(self, data: bytes) -> str:
        """Where the shelf keeps an upload: by its bytes, and by the account, for another one can't read it."""
        account = hashlib.sha256(f"{self._places.base}\n{self._service.key()}".encode()).hexdigest()[:8]
        return f"upload/{account}/{hashlib.sha256(data).hexdigest()}"

    def _alive(self, kept: object) -> str:
        until = moment_of(kept.get("until")) if isinstance(kept, Mapping) else None
        return _url_of(kept) if until is not None and until > self._context.clock() else ""

    async def _upload(self, data: bytes, source: Source) -> tuple[str, datetime]:
        kind = media_type_of(data)
        name = f"{source.sha256[:16]}{_ENDINGS.get(kind, '')}"

        async def by_sdk(client: object) -> object:
            files = client.files  # type: ignore[attr-defined]  # the package has no types here
            return await files.async_create(io.BytesIO(data), filename=name, content_type=kind)

        # The package sets no time-out for uploads; the line does.
        answer = await ask_sdk(
            self._service, self._places.base, by_sdk, pays=False, answer_s=_UPLOAD_S
        ) or await self._service.ask(
            self._places.api("/files"),
            method="POST",
            files={"content": (name, data, kind)},
            answer_s=_UPLOAD_S,
        )
        said = answer.object()
        urls = said.get("urls")
        link = urls.get("get") if isinstance(urls, Mapping) else None
        if not isinstance(link, str) or not link.startswith(("https://", "http://")):
            raise BadAnswer(f"{TITLE} answered about an upload in a shape that was not agreed.")
        _log.info("an input of %d bytes was uploaded", len(data))
        now = self._context.clock()
        expires = moment_of(said.get("expires_at"))
        until = now + LINK_KEPT if expires is None else min(expires - timedelta(minutes=10), now + LINK_KEPT)
        return link, until


def grey_png(image: RawImage) -> bytes:
    """A PNG of pixels of mode L (PNG specification, third edition, colour type 0)."""
    if image.mode != "L":
        raise ValueError("a mask has mode L")
    rows = b"".join(
        b"\0" + image.data[at : at + image.width] for at in range(0, len(image.data), image.width)
    )
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in parts)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _inline(data: bytes) -> str:
    return f"data:{media_type_of(data)};base64,{base64.b64encode(data).decode('ascii')}"


def _place(data: bytes) -> str:
    return f"upload/{hashlib.sha256(data).hexdigest()}"


def _url_of(kept: object) -> str:
    url = kept.get("url") if isinstance(kept, Mapping) else None
    return url if isinstance(url, str) else ""
