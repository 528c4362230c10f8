"""Catalog: the models that we ship the facts of, with their forms and prices, dated.

The facts are in ``catalogue.json``; what they do not say stays unknown. It serves without a network and without a
key. What a service tells at run time comes before it, and is kept on a ``Shelf``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from silverprint.core.provider import ModelInfo, Price
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.schema import Shape, read_shape
from silverprint.providers.notation import schema_of
from silverprint.providers.prices import price_by, price_each
from silverprint.providers.shelf import Shelf

__all__ = ["SKIPPED", "CatalogModel", "Shelf", "find", "price_of", "shipped"]

# Fields of a request that are ours to set and no person's: ``read_shape``'s ``skip``.
SKIPPED: Mapping[str, frozenset[str]] = {
    "bfl": frozenset({"webhook_url", "webhook_secret"}),
    "fal": frozenset({"sync_mode"}),
    "openai": frozenset({"model", "stream", "partial_images", "response_format", "user"}),
}
_PICTURES = frozenset({"text", "image", "inpaint", "reference", "upscale"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogModel:
    """One shipped model. ``service`` is whose model it is; ``as_of`` the date of the facts (``2026-11-22``)."""

    service: str
    info: ModelInfo
    as_of: str

    @property
    def shape(self) -> Shape | None:
        """What it takes, as far as we know; None where only the service can tell."""
        return _shape(self.service, self.info.ref.model)

    @property
    def takes(self) -> Mapping[str, str] | None:
        """Its fields in the words of ``notation``, by the service's own names."""
        takes: Mapping[str, str] | None = _lines(self.service)[self.info.ref.model].get("takes")
        return takes

    @property
    def makes_pictures(self) -> bool:
        """Whether it answers with pictures: not a trainer, nor a model that describes."""
        return bool(self.info.roles & _PICTURES)


def shipped(service: str, *, under: str | None = None, every: bool = False) -> tuple[CatalogModel, ...]:
    """The models of a service that make pictures; with ``every`` also trainers and describers.

    ``under`` is the name of a person's own server of this kind, for the models' references.
    """
    models = _models(service) if every else tuple(model for model in _models(service) if model.makes_pictures)
    if under is None or under == service:
        return models
    return tuple(
        replace(model, info=replace(model.info, ref=ModelRef(under, model.info.ref.model)))
        for model in models
    )


def find(service: str, model: str) -> CatalogModel | None:
    """The shipped model with this id; a version after a colon (``owner/name:version``) is not looked at."""
    wanted = model.partition(":")[0]
    return next((each for each in _models(service) if each.info.ref.model == wanted), None)


def price_of(service: str, model: str, recipe: Recipe) -> Price | None:
    """What the whole recipe costs by our own table; None where the table does not say."""
    found = find(service, model)
    if found is None:
        return None
    line = _lines(service)[found.info.ref.model].get("price")
    return price_by(line, recipe, _defaults(found.shape)) if line is not None else None


@cache
def _catalogue() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(
        files("silverprint.providers").joinpath("catalogue.json").read_text(encoding="utf-8")
    )
    return loaded


@cache
def _lines(service: str) -> dict[str, dict[str, Any]]:
    return {line["id"]: line for line in _catalogue()["models"].get(service, ())}


@cache
def _models(service: str) -> tuple[CatalogModel, ...]:
    as_of = _catalogue()["as_of"]
    return tuple(
        CatalogModel(service=service, info=_info(service, line), as_of=as_of)
        for line in _lines(service).values()
    )


def _info(service: str, line: Mapping[str, Any]) -> ModelInfo:
    price = line.get("price")
    # Reading a form only to know a default is for the few prices that go by one.
    defaults = _defaults(_shape(service, line["id"])) if price is not None and "by" in price else {}
    return ModelInfo(
        ref=ModelRef(service, line["id"]),
        title=line["title"],
        roles=frozenset(line["does"]) - {"train"},
        price=price_each(price, defaults),
        note=line.get("note", ""),
    )


@cache
def _shape(service: str, model: str) -> Shape | None:
    takes = _lines(service).get(model, {}).get("takes")
    return read_shape(schema_of(takes), skip=SKIPPED.get(service, ())) if takes is not None else None


def _defaults(shape: Shape | None) -> dict[str, Any]:
    return shape.form.defaults() if shape is not None else {}
