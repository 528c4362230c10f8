"""Market: which models fal has and what each takes: our dated list, fal's search, and the endpoints' own documents.

What was learnt is kept on the shelf and serves offline. What a model costs is left to ``tariff.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from silverprint.core.errors import ModelGone, ProviderError, SettingsError, TicketLost
from silverprint.core.provider import ModelInfo, ProviderContext
from silverprint.core.recipe import ModelRef
from silverprint.core.schema import Shape, read_shape
from silverprint.core.text import one_line
from silverprint.providers.catalog import SKIPPED, Shelf, find, shipped
from silverprint.providers.fal.places import Places, endpoint_of
from silverprint.providers.http import Service

FRESH = timedelta(days=1)
SEARCH_FRESH = timedelta(hours=1)
REST = timedelta(seconds=30)
_PAGES_MOST = 3
_PAGE = 50
_ANSWER_S = 15.0

_log = logging.getLogger(__name__)


class Market:
    """The models of fal. ``browsing`` sends the key if there is one, ``anonymous`` never does."""

    def __init__(
        self,
        context: ProviderContext,
        *,
        name: str,
        places: Places,
        browsing: Service,
        anonymous: Service,
        shelf: Shelf,
        has_key: Callable[[], bool],
    ) -> None:
        self._context = context
        self._name = name
        self._places = places
        self._browsing = browsing
        self._anonymous = anonymous
        self._shelf = shelf
        self._has_key = has_key
        self._shapes: dict[str, tuple[Shape, datetime]] = {}
        self._rests_until: datetime | None = None

    # what there is

    async def models(self, query: str = "") -> Sequence[ModelInfo]:
        """Our own list at once, without the network; for words also what fal's search finds. Never raises."""
        words = query.lower().split()
        known = [model.info for model in shipped("fal", under=self._name)]
        found = {info.ref.model: info for info in known if all(word in _text_of(info) for word in words)}
        if words:
            for entry in await self._search(" ".join(words)):
                info = self._info(entry)
                if info is not None:
                    found.setdefault(info.ref.model, info)
        missing = "" if await asyncio.to_thread(self._keyed) else "needs a key"
        return [replace(info, missing=missing) for info in found.values()]

    async def _search(self, words: str) -> Sequence[Mapping[str, Any]]:
        place = f"search/{words}"
        kept = await asyncio.to_thread(self._shelf.get, place)
        if kept is not None and self._is_fresh(kept[1], SEARCH_FRESH):
            return _entries(kept[0])
        try:
            entries = await self._ask_search(words)
        except ProviderError as error:
            self._note(error)
            return _entries(kept[0]) if kept is not None else ()
        await asyncio.to_thread(self._shelf.put, place, entries)
        return entries

    async def _ask_search(self, words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        for _ in range(_PAGES_MOST):
            params: dict[str, Any] = {"q": words, "status": "active", "limit": _PAGE}
            if cursor:
                params["cursor"] = cursor
            page = await self._ask("/v1/models", params)
            found += [_cut(entry) for entry in _entries(page.get("models"))]
            cursor = page.get("next_cursor") if page.get("has_more") else None
            if not isinstance(cursor, str) or not cursor:
                break
        return found

    def _info(self, entry: Mapping[str, Any]) -> ModelInfo | None:
        """A model of fal's list, if it makes pictures."""
        endpoint, about = entry.get("endpoint_id"), entry.get("metadata")
        about = about if isinstance(about, Mapping) else {}
        category = str(about.get("category") or "")
        if not isinstance(endpoint, str) or about.get("kind") == "training":
            return None
        if category and not category.endswith("-to-image"):
            return None
        try:
            endpoint_of(endpoint)
        except ModelGone:
            return None
        licence = about.get("license_type")
        return ModelInfo(
            ref=ModelRef(self._name, endpoint),
            title=one_line(str(about.get("display_name") or ""), most=80) or endpoint,
            roles=frozenset({"text" if category in ("", "text-to-image") else "image"}),
            licence=licence if isinstance(licence, str) else "",
            note=one_line(str(about.get("description") or ""), most=200),
        )

    # what one takes

    async def shape(self, model: str) -> Shape:
        """What an endpoint takes: from the shelf when younger than a day, else from fal, with its key or without;
        else as last seen; else from our own list. Raises ModelGone when nobody knows it.
        """
        endpoint = endpoint_of(model)
        known = self._shapes.get(endpoint)
        if known is not None and self._is_fresh(known[1], FRESH):
            return known[0]
        place = f"schema/{endpoint}"
        kept = await asyncio.to_thread(self._shelf.get, place)
        old = _shape(kept[0], endpoint) if kept is not None else None
        if kept is not None and old is not None and self._is_fresh(kept[1], FRESH):
            self._shapes[endpoint] = (old, kept[1])
            return old
        document = await self._document(endpoint)
        shape = _shape(document, endpoint)
        if shape is not None:
            await asyncio.to_thread(self._shelf.put, place, document)
            self._shapes[endpoint] = (shape, self._context.clock())
            return shape
        ours = find("fal", endpoint)
        shape = old or (ours.shape if ours is not None else None)
        if shape is None:
            raise ModelGone(f"fal does not tell what {endpoint} takes, or has no such model.")
        return shape

    def known_shape(self, model: str) -> Shape | None:
        """What an endpoint takes as far as it is known without asking."""
        if model in self._shapes:
            return self._shapes[model][0]
        ours = find("fal", model)
        return ours.shape if ours is not None else None

    async def _document(self, endpoint: str) -> Any:
        """The endpoint's OpenAPI document: from the platform, else from the site, which asks for no key."""
        if self.rests:
            return None
        try:
            page = await self._ask("/v1/models", {"endpoint_id": endpoint, "expand": "openapi-3.0"})
            for entry in _entries(page.get("models")):
                if entry.get("endpoint_id") == endpoint and _input(entry.get("openapi"), endpoint):
                    return entry["openapi"]
        except ProviderError as error:
            _log.info("fal's list did not tell a schema (%s)", type(error).__name__)
        try:
            answer = await self._anonymous.ask(
                f"{self._places.site}/api/openapi/queue/openapi.json",
                params={"endpoint_id": endpoint},
                answer_s=_ANSWER_S,
            )
            return answer.json()
        except TicketLost:
            return None
        except ProviderError as error:
            self._note(error)
            return None

    # shared

    @property
    def rests(self) -> bool:
        """Whether fal was found out of reach a moment ago, so that asking again would only take time."""
        return self._rests_until is not None and self._context.clock() < self._rests_until

    def _note(self, error: ProviderError) -> None:
        _log.info("fal can't be asked about its models (%s)", type(error).__name__)
        if error.can_retry:
            self._rests_until = self._context.clock() + REST

    async def _ask(self, path: str, params: Mapping[str, Any]) -> dict[str, Any]:
        answer = await self._browsing.ask(f"{self._places.api}{path}", params=params, answer_s=_ANSWER_S)
        return answer.object()

    def _is_fresh(self, when: datetime, span: timedelta) -> bool:
        return timedelta(0) <= self._context.clock() - when < span

    def _keyed(self) -> bool:
        try:
            return self._has_key()
        except SettingsError:
            return False


def _text_of(info: ModelInfo) -> str:
    return f"{info.ref.model} {info.title} {info.note} {' '.join(info.roles)}".lower()


def _entries(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _cut(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Of an entry, what we keep."""
    about = entry.get("metadata")
    names = ("display_name", "category", "description", "kind", "license_type")
    kept = {name: about[name] for name in names if name in about} if isinstance(about, Mapping) else {}
    return {"endpoint_id": entry.get("endpoint_id"), "metadata": kept}


def _input(document: Any, endpoint: str) -> Mapping[str, Any] | None:
    """The schema of the request's body: under the endpoint's own path, never by the name of a schema."""
    step: Any = document
    for name in ("paths", f"/{endpoint}", "post", "requestBody", "content", "application/json", "schema"):
        step = step.get(name) if isinstance(step, Mapping) else None
    return step if isinstance(step, Mapping) else None


def _shape(document: Any, endpoint: str) -> Shape | None:
    schema = _input(document, endpoint)
    return read_shape(schema, document=document, skip=SKIPPED["fal"]) if schema is not None else None
