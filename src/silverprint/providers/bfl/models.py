"""Models: which models a server has and what each takes.

From the server's own OpenAPI document (public, kept for a day), from our shipped catalogue, and for other makers'
servers from the settings, with a form of the usual parameters where the server describes none. What is sent is left to
``adapter.py``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from silverprint.core.errors import ModelGone, ProviderError
from silverprint.core.params import ParamKind
from silverprint.core.provider import ModelInfo, ProviderContext
from silverprint.core.recipe import ModelRef
from silverprint.core.schema import Shape, read_shape
from silverprint.core.text import one_line
from silverprint.providers.catalog import SKIPPED, CatalogModel, Shelf, shipped
from silverprint.providers.download import Downloads

FRESH = timedelta(days=1)
QUIET = timedelta(minutes=10)
DOCUMENT_S = 8.0

_PATH = "/v1/"
_JSON = {"accept": "application/json"}
_INPUTS = ("prompt", "image", "images", "input_image", "image_prompt")
_NO_PICTURE = ("video", "finetune", "audio", "images/", "chat/", "completions", "embeddings")

GENERIC: Mapping[str, Any] = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string"},
        "input_image": {"type": "string", "description": "A picture to begin with, in base64"},
        "width": {"type": "integer", "minimum": 64, "maximum": 8192},
        "height": {"type": "integer", "minimum": 64, "maximum": 8192},
        "aspect_ratio": {"type": "string", "description": "Such as 16:9, in place of a size"},
        "seed": {"type": "integer", "minimum": 0},
        "steps": {"type": "integer", "minimum": 1, "maximum": 200},
        "guidance": {"type": "number", "minimum": 0, "maximum": 100},
        "output_format": {"type": "string", "enum": ["jpeg", "png", "webp"]},
        "safety_tolerance": {"type": "integer", "minimum": 0, "maximum": 6},
    },
}
"""What servers of this protocol usually take. Nothing has a default, so what a person leaves alone is not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Described:
    """A model in a server's document."""

    schema: Mapping[str, Any]
    summary: str


class Models:
    """The models of one server. ``own``: another maker's, which our catalogue knows nothing of."""

    def __init__(
        self, context: ProviderContext, *, name: str, title: str, base: str, own: bool, downloads: Downloads
    ) -> None:
        self._context = context
        self._name = name
        self._title = title
        self._base = base
        self._own = own
        self._downloads = downloads
        self._shelf = Shelf(context.cache, context.clock)
        self._shipped: dict[str, CatalogModel] = (
            {} if own else {model.info.ref.model: model for model in shipped("bfl")}
        )
        self._document: Mapping[str, Any] | None = None
        self._read_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._asking = asyncio.Lock()
        self._shapes: dict[str, Shape] = {}

    async def listing(self, query: str) -> list[ModelInfo]:
        """The models that fit all words of ``query``. Without words our catalogue answers, with no network."""
        document = await self._read(ask=self._own or bool(query.strip()))
        found = [model.info for model in self._shipped.values()]
        known = set(self._shipped)
        for name in self._named():
            if name not in known:
                known.add(name)
                found.append(self._info(name, ""))
        for name, described in _described(document).items():
            is_model = _is_path(name) and "{" not in name and _makes_pictures(name, described.schema)
            if is_model and name not in known:
                found.append(self._info(name, described.summary))
        words = query.lower().split()
        return [info for info in found if all(word in _words(info) for word in words)]

    async def shape(self, model: str) -> Shape:
        """What ``model`` takes and how it is sent. Raises ModelGone."""
        document = await self._read(ask=True)
        if model in self._shapes:
            return self._shapes[model]
        shape = await asyncio.to_thread(self._shape, model, document)
        if shape is None:
            fix = (
                f'Add it to models = ["…"] under providers.{self._name} in the settings.'
                if self._own
                else None
            )
            raise ModelGone(f"{self._title} has no model {one_line(model, most=80)}.", fix=fix)
        self._shapes[model] = shape
        return shape

    def _shape(self, model: str, document: Mapping[str, Any] | None) -> Shape | None:
        described = _described(document)
        if (own := described.get(model)) is not None and _makes_pictures(model, own.schema):
            return _tightened(model, read_shape(own.schema, document=document, skip=SKIPPED["bfl"]))
        if (kept := self._shipped.get(model)) is not None and kept.shape is not None:
            return kept.shape
        if not self._own or not _is_path(model):
            return None
        any_model = next(
            (
                found
                for name, found in described.items()
                if _is_variable(name) and _takes_pictures(found.schema)
            ),
            None,
        )
        named = self._named()
        if model not in named and (named or (described and any_model is None)):
            return None
        if any_model is None:
            return read_shape(GENERIC)
        return read_shape(any_model.schema, document=document, skip=SKIPPED["bfl"])

    def _named(self) -> list[str]:
        """The models that the person named in the settings."""
        named = self._context.settings.get("models")
        if not isinstance(named, list | tuple):
            return []
        return [name.strip() for name in named if isinstance(name, str) and _is_path(name.strip())]

    def _info(self, model: str, summary: str) -> ModelInfo:
        return ModelInfo(
            ref=ModelRef(self._name, model),
            title=one_line(model, most=80),
            note=one_line(summary, most=120) or (f"At {self._base}" if self._own else ""),
            roles=frozenset({"text", "image"}),
        )

    # the server's document

    async def _read(self, *, ask: bool) -> Mapping[str, Any] | None:
        """The document: the one kept when it is of today, else the server's, else an old one, else None."""
        async with self._asking:
            now = self._context.clock()
            if self._read_at is None:
                await self._take_kept()
            if not ask or (self._read_at is not None and timedelta(0) <= now - self._read_at < FRESH):
                return self._document
            if self._asked_at is not None and timedelta(0) <= now - self._asked_at < QUIET:
                return self._document
            self._asked_at = now
            if (told := await self._ask()) is not None:
                await asyncio.to_thread(self._shelf.put, self._key, told)
                self._document, self._read_at = told, now
                self._shapes.clear()
            return self._document

    @property
    def _key(self) -> str:
        return f"openapi {self._base}"

    async def _take_kept(self) -> None:
        kept = await asyncio.to_thread(self._shelf.get, self._key)
        if kept is not None and isinstance(kept[0], Mapping):
            self._document, self._read_at = kept[0], kept[1]

    async def _ask(self) -> Mapping[str, Any] | None:
        try:
            async with asyncio.timeout(DOCUMENT_S):
                content = await self._downloads.fetch(f"{self._base}/openapi.json", headers=_JSON)
            told = json.loads(content)
        except (ProviderError, TimeoutError, ValueError, RecursionError):
            return None  # what is kept or shipped serves
        if not isinstance(told, Mapping) or not isinstance(told.get("paths"), Mapping):
            return None
        return told


def _described(document: Mapping[str, Any] | None) -> dict[str, _Described]:
    """The POST paths below /v1/ that take a JSON object, by model name."""
    found: dict[str, _Described] = {}
    paths = document.get("paths") if document else None
    for path, item in paths.items() if isinstance(paths, Mapping) else ():
        post = item.get("post") if isinstance(item, Mapping) else None
        if not isinstance(path, str) or not path.startswith(_PATH) or not isinstance(post, Mapping):
            continue
        schema = _at(post, "requestBody", "content", "application/json", "schema")
        schema = _resolved(schema, document or {})
        properties = schema.get("properties")
        if isinstance(properties, Mapping):
            summary = post.get("summary")
            found[path.removeprefix(_PATH)] = _Described(
                schema=schema, summary=summary if isinstance(summary, str) else ""
            )
    return found


def _at(value: Any, *steps: str) -> Any:
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _resolved(schema: Any, document: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(8):
        if not isinstance(schema, Mapping):
            return {}
        ref = schema.get("$ref")
        if not isinstance(ref, str) or not ref.startswith("#/"):
            return schema
        schema = _at(document, *(step.replace("~1", "/").replace("~0", "~") for step in ref[2:].split("/")))
    return {}


def _takes_pictures(schema: Mapping[str, Any]) -> bool:
    return any(name in schema.get("properties", {}) for name in _INPUTS)


def _makes_pictures(name: str, schema: Mapping[str, Any]) -> bool:
    """Whether a path is a model that makes pictures. Video, and models that a person trained there, are left out."""
    if any(part in name for part in _NO_PICTURE) or "finetune_id" in schema.get("properties", {}):
        return False
    return _takes_pictures(schema)


def _tightened(model: str, shape: Shape) -> Shape:
    """The shape with what FLUX.2's documents say in words only: sides are multiples of 16."""
    spec = shape.form.spec("size")
    if not model.startswith("flux-2-") or spec is None or spec.kind is not ParamKind.SIZE or spec.step:
        return shape
    params = tuple(replace(each, step=16) if each is spec else each for each in shape.form.params)
    return replace(shape, form=replace(shape.form, params=params))


def _is_variable(name: str) -> bool:
    return name.startswith("{") and name.endswith("}")


def _is_path(model: str) -> bool:
    """Whether a name can stand in a path without leading elsewhere."""
    parts = model.split("/")
    return model.isprintable() and all(part.strip() and part not in (".", "..") for part in parts)


def _words(info: ModelInfo) -> str:
    return f"{info.ref.model} {info.title} {info.note} {' '.join(sorted(info.roles))}".lower()
