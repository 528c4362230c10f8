"""Schema: what a version of a model takes, out of the OpenAPI document that Cog writes for it.

Reading fields is left to ``core/schema``; here is what Replicate adds: the version as a parameter that a recipe keeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from silverprint.core.params import Choice, Form, ParamKind, ParamSpec
from silverprint.core.recipe import Recipe
from silverprint.core.schema import Shape, read_shape
from silverprint.providers.replicate.places import version_id

VERSION_PARAM = "model_version"
_UNKNOWN = {"type": "object", "properties": {"prompt": {"type": "string"}, "seed": {"type": "integer"}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version's id and its date as text (``2026-06-01``), empty where unknown."""

    id: str
    made: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of a model. ``official``: None when nobody said. ``pinned``: the reference names the version.

    ``version`` is the one that ``shape`` belongs to, empty where the model names none; ``known`` are the versions
    that were seen, the newest first.
    """

    shape: Shape
    official: bool | None = None
    version: str = ""
    pinned: bool = False
    known: tuple[Version, ...] = ()

    @property
    def takes_version(self) -> bool:
        """Whether the version is a parameter: not for official models, which have one way to be asked."""
        return not self.pinned and self.official is not True and bool(self.version)

    def form(self) -> Form:
        """The form, with the version among the further parameters where it is one."""
        form = self.shape.form
        if not self.takes_version:
            return form
        spec = ParamSpec(
            name=VERSION_PARAM,
            kind=ParamKind.CHOICE,
            default=self.version,
            choices=tuple(Choice(value=one.id, title=_title(one, self.version)) for one in self.known),
            title="Version",
            help="The model's version. It is kept in the picture, so that redo asks for the same one.",
            group="more",
        )
        return replace(form, params=(*form.params, spec))


def shape_of_document(document: object) -> Shape | None:
    """The shape of a version's ``openapi_schema``; None where it names no inputs."""
    schema = _schemas(document).get("Input")
    if not isinstance(schema, Mapping) or not isinstance(schema.get("properties"), Mapping):
        return None
    assert isinstance(document, Mapping)
    return read_shape(schema, document=document)


def unknown_shape() -> Shape:
    """For a model that tells nothing of its inputs: a prompt, and a seed of our choice."""
    return read_shape(_UNKNOWN)


def slim(document: object) -> dict[str, Any]:
    """The part of a document that is kept on disk: its schemas, without paths and examples."""
    return {"components": {"schemas": dict(_schemas(document))}}


def makes_pictures(document: object) -> bool:
    """Whether the output may be pictures, as far as the document tells: links, or something it does not say."""
    output = _schemas(document).get("Output")
    if not isinstance(output, Mapping):
        return True
    item = output.get("items") if output.get("type") == "array" else output
    if not isinstance(item, Mapping) or item.get("type") != "string":
        return not isinstance(item, Mapping) or item.get("type") not in ("number", "integer", "boolean")
    return item.get("format") == "uri"


def asked_version(recipe: Recipe) -> tuple[str, Recipe]:
    """The version that a recipe names, "" for none, and the recipe without it."""
    params = dict(recipe.params)
    return version_id(params.pop(VERSION_PARAM, None)), replace(recipe, params=params)


def merge(newest: Version, known: Sequence[Version], *, most: int = 8) -> tuple[Version, ...]:
    """The versions seen by now, the newest first."""
    rest = [one for one in known if one.id != newest.id]
    return (newest, *rest)[:most]


def _title(one: Version, newest: str) -> str:
    words = f"{one.made} ({one.id[:7]})" if one.made else one.id[:7]
    return words + (", newest" if one.id == newest else "")


def _schemas(document: object) -> Mapping[str, Any]:
    parts = document.get("components") if isinstance(document, Mapping) else None
    schemas = parts.get("schemas") if isinstance(parts, Mapping) else None
    return schemas if isinstance(schemas, Mapping) else {}
