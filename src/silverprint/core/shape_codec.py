"""Shape codec: a Shape as plain JSON and back, for the caches on disk.

What was kept by an older or newer silverprint, or is damaged, is refused as a whole with a ValueError.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from silverprint.core.params import Choice, Form, ParamKind, ParamSpec, SourceSpec
from silverprint.core.shape import LoraPart, Parts, PicturePart, SeedPart, Shape, SizePart, TextPart

_VERSION = 1


def shape_json(shape: Shape) -> dict[str, Any]:
    """The shape as JSON values; what equals its default is left out."""
    return {"version": _VERSION, "form": _plain(shape.form), "parts": _plain(shape.parts)}


def shape_of(value: object) -> Shape:
    """The shape that ``shape_json`` wrote. Raises ValueError for anything else."""
    if not isinstance(value, Mapping) or value.get("version") != _VERSION:
        raise ValueError("no shape of this version")
    try:
        return Shape(form=_form(value["form"]), parts=_parts(value["parts"]))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"a damaged shape: {error}") from error


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(found)
            for field in dataclasses.fields(value)
            if (found := getattr(value, field.name)) != field.default or isinstance(found, bool)
        }
    if isinstance(value, ParamKind):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _form(value: Mapping[str, Any]) -> Form:
    rest = dict(value)
    weight = rest.pop("lora_weight", None)
    return Form(
        params=tuple(_spec(item) for item in rest.pop("params", ())),
        sources=tuple(_source(item) for item in rest.pop("sources", ())),
        lora_weight=_spec(weight) if weight is not None else None,
        **rest,
    )


def _spec(value: Mapping[str, Any]) -> ParamSpec:
    rest = dict(value)
    choices = tuple(Choice(**item) for item in rest.pop("choices", ()))
    return ParamSpec(kind=ParamKind(rest.pop("kind")), choices=choices, **rest)


def _source(value: Mapping[str, Any]) -> SourceSpec:
    rest = dict(value)
    strength, instead = rest.pop("strength", None), tuple(rest.pop("instead", ()))
    return SourceSpec(strength=_spec(strength) if strength is not None else None, instead=instead, **rest)


def _parts(value: Mapping[str, Any]) -> Parts:
    rest = dict(value)
    prompt, negative = rest.pop("prompt", None), rest.pop("negative", None)
    seed, size = rest.pop("seed", None), rest.pop("size", None)
    return Parts(
        prompt=TextPart(**prompt) if prompt is not None else None,
        negative=TextPart(**negative) if negative is not None else None,
        seed=SeedPart(**seed) if seed is not None else None,
        size=SizePart(**size) if size is not None else None,
        pictures=tuple(
            PicturePart(**{**item, "roles": tuple(item["roles"])}) for item in rest.pop("pictures", ())
        ),
        loras=tuple(LoraPart(**item) for item in rest.pop("loras", ())),
        left_out=tuple(rest.pop("left_out", ())),
        **rest,
    )
