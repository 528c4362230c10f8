"""Catalog: which models Replicate has, and what each takes: our dated list, its search and collections, its models.

What was learnt lies on the shelf and serves offline. Reading a model's document is left to ``schema.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from silverprint.core.errors import ModelGone, ProviderError, SettingsError, TicketLost
from silverprint.core.provider import Ability, ModelInfo, ProviderContext
from silverprint.core.recipe import ModelRef
from silverprint.core.text import one_line
from silverprint.providers.answers import Answer
from silverprint.providers.catalog import CatalogModel, Shelf, shipped
from silverprint.providers.http import Service
from silverprint.providers.replicate.places import TITLE, ModelName, Places, name_of, version_id
from silverprint.providers.replicate.schema import (
    Entry,
    Version,
    makes_pictures,
    merge,
    shape_of_document,
    slim,
    unknown_shape,
)
from silverprint.providers.replicate.sdk import ask_sdk

FRESH = timedelta(days=1)
SEARCH_FRESH = timedelta(hours=1)
REST = timedelta(seconds=30)
_FOUND_MOST = 50
_ANSWER_S = 15.0
_COLLECTION = "collection:"

# The service's tags and collections in our words for what a model can be given.
_ROLES: Mapping[str, Ability] = {
    "text-to-image": "text",
    "image-to-image": "image",
    "image-editing": "image",
    "image-edit": "image",
    "inpainting": "inpaint",
    "super-resolution": "upscale",
    "upscaling": "upscale",
    "image-upscaling": "upscale",
    "image-restoration": "image",
    "style-transfer": "reference",
}

_log = logging.getLogger(__name__)


class Catalog:
    """The models of one service. ``name`` is the provider's."""

    def __init__(
        self, context: ProviderContext, *, name: str, places: Places, service: Service, shelf: Shelf
    ) -> None:
        self._context = context
        self._name = name
        self._places = places
        self._service = service
        self._shelf = shelf
        self._entries: dict[str, tuple[Entry, datetime]] = {}
        self._asking = asyncio.Lock()
        self._rests_until: datetime | None = None

    # what there is

    async def models(self, query: str) -> Sequence[ModelInfo]:
        """Our own list at once, without the network; for words also what the service's search finds.

        ``collection:text-to-image`` gives one of its collections. Never raises: what can't be asked is left out.
        """
        words = query.strip()
        has_key = await asyncio.to_thread(self._has_key)
        known = {model.info.ref.model: model.info for model in shipped("replicate")}
        if words.lower().startswith(_COLLECTION):
            found = await self._kept_search(words.lower(), has_key)
            chosen = {model: known.get(model, info) for model, info in found.items()}
        else:
            wanted = words.lower().split()
            chosen = {model: info for model, info in known.items() if _fits(info, wanted)}
            if words:
                for model, info in (await self._kept_search(words, has_key)).items():
                    chosen.setdefault(model, info)
                chosen |= await self._by_name(words, chosen, has_key)
        missing = "" if has_key else "needs a key"
        return [
            replace(info, ref=ModelRef(self._name, model), missing=missing) for model, info in chosen.items()
        ]

    async def _kept_search(self, words: str, has_key: bool) -> dict[str, ModelInfo]:
        place = f"search/{words.lower()}"
        kept = await asyncio.to_thread(self._shelf.get, place)
        rows = kept[0] if kept is not None else []
        is_fresh = kept is not None and self._is_fresh(kept[1], SEARCH_FRESH)
        if not is_fresh and has_key and not self._rests:
            try:
                rows = await self._search(words)
                await asyncio.to_thread(self._shelf.put, place, rows)
            except ProviderError as error:
                self._note(error)
        infos = (
            (self._info(row) for row in rows if isinstance(row, Mapping)) if isinstance(rows, list) else ()
        )
        return {info.ref.model: info for info in infos if info is not None}

    async def _search(self, words: str) -> list[dict[str, Any]]:
        if words.startswith(_COLLECTION):
            slug = words.removeprefix(_COLLECTION).strip()
            try:
                # The package's collections drop is_official and raise where a field is missing.
                answer = await self._ask(f"/collections/{quote(slug, safe='')}")
            except TicketLost:
                return []
            return [_row(model, [slug]) for model in _list(answer.object().get("models")) if _is_open(model)]
        try:
            # The package does not know this search.
            answer = await self._ask("/search", {"query": words, "limit": _FOUND_MOST})
        except TicketLost:
            return await self._older_search(words)
        rows = []
        for item in _list(answer.object().get("models")):
            model, about = item.get("model"), item.get("metadata")
            if isinstance(model, Mapping) and _is_open(model):
                tags = about.get("tags") if isinstance(about, Mapping) else None
                rows.append(_row(model, tags if isinstance(tags, list) else []))
        return rows

    async def _older_search(self, words: str) -> list[dict[str, Any]]:
        base, url = self._places.base, self._places.api("/models")
        answer = await ask_sdk(
            self._service,
            base,
            lambda client: client.models.async_search(words),
            pays=False,
            answer_s=_ANSWER_S,
        ) or await self._service.ask(
            url,
            method="QUERY",
            content=words.encode(),
            headers={"content-type": "text/plain"},
            answer_s=_ANSWER_S,
        )
        return [_row(model, []) for model in _list(answer.object().get("results")) if _is_open(model)]

    async def _by_name(
        self, words: str, chosen: Mapping[str, ModelInfo], has_key: bool
    ) -> dict[str, ModelInfo]:
        """A model that was typed by its name, which the search does not find when it is private."""
        try:
            name = name_of(words)
        except ModelGone:
            return {}
        if words in chosen or not has_key or self._rests:
            return {}
        try:
            await self.entry(name)
        except ProviderError as error:
            if not isinstance(error, ModelGone):
                self._note(error)
            return {}
        return {words: ModelInfo(ref=ModelRef(self._name, words), title=words)}

    def _info(self, row: Mapping[str, Any]) -> ModelInfo | None:
        model, tags = row.get("model"), row.get("tags")
        try:
            name_of(model if isinstance(model, str) else "")
        except ModelGone:
            return None
        assert isinstance(model, str)
        roles = (
            {_ROLES[tag] for tag in tags if isinstance(tag, str) and tag in _ROLES}
            if isinstance(tags, list)
            else ()
        )
        return ModelInfo(
            ref=ModelRef(self._name, model),
            title=model,
            roles=frozenset(roles or {"text"}),
            note=one_line(str(row.get("about") or ""), most=200),
            licence=one_line(str(row.get("licence") or ""), most=200),
        )

    # what one takes

    async def entry(self, name: ModelName) -> Entry:
        """A model and what it takes: as asked within a day, else from the service, else as it was, else our list.

        A version that is named never changes, so it is asked for once. Raises ModelGone where the service does not
        have it, and KeyMissing, Unreachable or another kind where it can't be asked and nobody else knows.
        """
        key = f"{name.plain}:{name.version}" if name.version else name.plain
        held = self._entries.get(key)
        if held is not None and (name.version or self._is_fresh(held[1], FRESH)):
            return held[0]
        async with self._asking:  # twenty jobs with one model ask once
            held = self._entries.get(key)
            if held is not None and (name.version or self._is_fresh(held[1], FRESH)):
                return held[0]
            found = await self._find(name)
            self._entries[key] = found
            return found[0]

    def known_entry(self, name: ModelName) -> Entry | None:
        """The same, as far as it is known without asking."""
        key = f"{name.plain}:{name.version}" if name.version else name.plain
        return self._entries[key][0] if key in self._entries else None

    async def _find(self, name: ModelName) -> tuple[Entry, datetime]:
        place = f"version/{name.plain}/{name.version}" if name.version else f"model/{name.plain}"
        kept = await asyncio.to_thread(self._shelf.get, place)
        old = await asyncio.to_thread(_entry_of, kept[0], name) if kept is not None else None
        if kept is not None and old is not None and (name.version or self._is_fresh(kept[1], FRESH)):
            return old, kept[1]
        try:
            row = await (self._ask_version(name) if name.version else self._ask_model(name))
        except ModelGone:
            raise
        except ProviderError as error:
            self._note(error)
            long_ago = datetime.min.replace(tzinfo=self._context.clock().tzinfo)
            if old is not None:
                return old, long_ago
            ours = self._ours(name)
            if ours is None:
                raise
            return ours, long_ago
        if not name.version:
            row["known"] = await self._remember(name, row)
        await asyncio.to_thread(self._shelf.put, place, row)
        entry = await asyncio.to_thread(_entry_of, row, name)
        assert entry is not None
        if not row.get("schema") and (ours := self._ours(name)) is not None:
            entry = replace(entry, shape=ours.shape)
        return entry, self._context.clock()

    async def _ask_model(self, name: ModelName) -> dict[str, Any]:
        # The package's models.get drops is_official and raises where a field is missing.
        try:
            model = (await self._ask(f"/models/{name.plain}")).object()
        except TicketLost as error:
            raise ModelGone(f"{TITLE} has no model {name.plain}.") from error
        latest = model.get("latest_version")
        latest = latest if isinstance(latest, Mapping) else {}
        document = latest.get("openapi_schema")
        official = model.get("is_official")
        return {
            "official": official if isinstance(official, bool) else None,
            "version": version_id(latest.get("id")),
            "made": str(latest.get("created_at") or "")[:10],
            "schema": slim(document) if shape_of_document(document) is not None else None,
        }

    async def _ask_version(self, name: ModelName) -> dict[str, Any]:
        try:
            found = (await self._ask(f"/models/{name.plain}/versions/{name.version}")).object()
        except TicketLost as error:
            raise ModelGone(f"{TITLE} has no such version of {name.plain}.") from error
        document = found.get("openapi_schema")
        return {
            "version": name.version,
            "made": str(found.get("created_at") or "")[:10],
            "schema": slim(document) if shape_of_document(document) is not None else None,
        }

    async def _remember(self, name: ModelName, row: Mapping[str, Any]) -> list[list[str]]:
        """The versions seen by now. A picture's version stays a choice when the model has moved on."""
        if not row["version"]:
            return []
        place = f"versions/{name.plain}"
        kept = await asyncio.to_thread(self._shelf.get, place)
        seen = merge(Version(id=row["version"], made=row["made"]), _versions(kept[0] if kept else None))
        rows = [[one.id, one.made] for one in seen]
        await asyncio.to_thread(self._shelf.put, place, rows)
        return rows

    def _ours(self, name: ModelName) -> Entry | None:
        model = _shipped().get(name.plain)
        if model is None or model.shape is None:
            return None
        return Entry(shape=model.shape, version=name.version, pinned=bool(name.version))

    # shared

    async def _ask(self, path: str, params: Mapping[str, Any] | None = None) -> Answer:
        return await self._service.ask(self._places.api(path), params=params, answer_s=_ANSWER_S)

    @property
    def _rests(self) -> bool:
        """Whether the service was found out of reach a moment ago, so that asking again would only take time."""
        return self._rests_until is not None and self._context.clock() < self._rests_until

    def _note(self, error: ProviderError) -> None:
        _log.info("%s can't be asked about its models (%s)", TITLE, type(error).__name__)
        if error.can_retry:
            self._rests_until = self._context.clock() + REST

    def _is_fresh(self, when: datetime, span: timedelta) -> bool:
        return timedelta(0) <= self._context.clock() - when < span

    def _has_key(self) -> bool:
        try:
            return bool(self._service.key())
        except (ProviderError, SettingsError):
            return False


def _shipped() -> dict[str, CatalogModel]:
    return {model.info.ref.model: model for model in shipped("replicate")}


def _fits(info: ModelInfo, words: Sequence[str]) -> bool:
    text = f"{info.ref.model} {info.title} {info.note} {' '.join(info.roles)}".lower()
    return all(word in text for word in words)


def _entry_of(row: Any, name: ModelName) -> Entry | None:
    """An entry as the shelf keeps it; None for what is none."""
    if not isinstance(row, Mapping):
        return None
    shape = shape_of_document(row.get("schema"))
    official = row.get("official")
    version = version_id(row.get("version"))
    return Entry(
        shape=shape or unknown_shape(),
        official=official if isinstance(official, bool) else None,
        version=version,
        pinned=bool(name.version),
        known=_versions(row.get("known")) or ((Version(id=version),) if version else ()),
    )


def _versions(value: Any) -> tuple[Version, ...]:
    rows = value if isinstance(value, list) else []
    return tuple(
        Version(id=row[0], made=one_line(str(row[1]), most=10))
        for row in rows
        if isinstance(row, list) and len(row) == 2 and version_id(row[0])
    )


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _is_open(model: Mapping[str, Any]) -> bool:
    latest = model.get("latest_version")
    return makes_pictures(latest.get("openapi_schema") if isinstance(latest, Mapping) else None)


def _row(model: Mapping[str, Any], tags: Sequence[Any]) -> dict[str, Any]:
    """Of a model, what a search keeps."""
    return {
        "model": f"{model.get('owner')}/{model.get('name')}",
        "about": one_line(str(model.get("description") or ""), most=200),
        "licence": model.get("license_url") if isinstance(model.get("license_url"), str) else "",
        "tags": [tag for tag in tags if isinstance(tag, str)][:20],
    }
