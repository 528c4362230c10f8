"""Endpoints: a Gradio Space's published API as forms, a recipe as the arguments of one, and its outputs as links.

Works on what ``/gradio_api/info`` says (parameters with a name, a component, a type and a default) and never looks at
the network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from silverprint.core.errors import BadRecipe
from silverprint.core.recipe import Recipe
from silverprint.core.schema import Shape, read_shape, request_body

_PICTURES = {
    "image",
    "gallery",
    "imageeditor",
    "imageslider",
    "annotatedimage",
    "imagemask",
    "paint",
    "sketchpad",
}
_RANGE = re.compile(r"between (-?\d+(?:\.\d+)?) and (-?\d+(?:\.\d+)?)")
_WHOLE = re.compile(r"(^|_)(width|height|seed|steps?|num|number|count|n)(_|$)")
_NAME = re.compile(r"/[\w.~-]{1,80}", re.ASCII)
_PROMPTS = ("prompt", "text_prompt", "positive_prompt", "prompt_text", "instruction", "instructions")
_RANDOM = re.compile(r"random(ize|ise)?_?seed|seed_?random")
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".bmp", ".tif", ".tiff")
_LINK = "silverprint-input:"
FILES_MOST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One argument: the field of the body it is taken from, its component, and what is sent without one."""

    wire: str
    component: str
    default: Any = None
    has_default: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint as a model. ``name`` begins with a slash. ``seed_at``: the output that is the seed, if any."""

    name: str
    slots: tuple[Slot, ...]
    shape: Shape
    makes_pictures: bool
    seed_at: int | None = None
    randomise: str = ""

    @property
    def roles(self) -> frozenset[str]:
        """What the model picker says of it."""
        sources = self.shape.form.sources
        roles = {"image" for source in sources if source.role == "image"}
        if not any(source.required for source in sources):
            roles.add("text")
        return frozenset(roles)


def endpoints_of(info: Any) -> dict[str, Endpoint]:
    """The named endpoints, in the Space's own order. Never raises on odd shapes."""
    named = info.get("named_endpoints") if isinstance(info, Mapping) else None
    found = {}
    for name, told in named.items() if isinstance(named, Mapping) else ():
        if isinstance(name, str) and _NAME.fullmatch(name) and isinstance(told, Mapping):
            found[name] = _endpoint(name, told)
    return found


def first_image(endpoints: Mapping[str, Endpoint]) -> Endpoint | None:
    """The endpoint that a Space's bare name means: the first that makes pictures, one with a prompt before others."""
    makers = [endpoint for endpoint in endpoints.values() if endpoint.makes_pictures]
    with_prompt = [endpoint for endpoint in makers if endpoint.shape.form.takes_prompt]
    return next(iter(with_prompt or makers), None)


def arguments(endpoint: Endpoint, recipe: Recipe, files: Mapping[str, Any]) -> list[Any]:
    """The arguments in their order. ``files`` maps each input's sha256 to what stands for its file.

    Raises BadRecipe for an argument that is needed and not given.
    """
    links = {sha256: f"{_LINK}{sha256}" for sha256 in files}
    body = request_body(endpoint.shape, recipe, links=links)
    if endpoint.randomise and recipe.seed is not None:
        body[endpoint.randomise] = False
    given: list[Any] = []
    for slot in endpoint.slots:
        if slot.wire in body:
            given.append(_value(slot, body[slot.wire], files))
        elif slot.has_default:
            given.append(slot.default)
        elif slot.component == "textbox":
            given.append("")
        elif slot.component in _PICTURES:
            given.append(None)
        else:
            name = endpoint.shape.our_name(slot.wire)
            raise BadRecipe(f"{slot.label or name}: needed.", fields={name: "needed"})
    return given


def files_in(value: Any, *, depth: int = 0) -> list[str]:
    """The paths or links of all pictures in an output, in their order: files, galleries, plain links, data URIs."""
    if depth > 6:
        return []
    if isinstance(value, str):
        return [value] if _is_picture(value) else []
    if isinstance(value, Mapping):
        path = value.get("path")
        if isinstance(path, str):
            kind = value.get("mime_type")
            is_other = isinstance(kind, str) and not kind.startswith("image/")
            return [] if is_other or not (_is_picture(path) or isinstance(kind, str)) else [path]
        parts: list[Any] = [value["composite"]] if value.get("composite") else list(value.values())
    elif isinstance(value, list | tuple):
        parts = list(value)
    else:
        return []
    return [found for part in parts for found in files_in(part, depth=depth + 1)][:FILES_MOST]


def _endpoint(name: str, told: Mapping[str, Any]) -> Endpoint:
    given, returns = told.get("parameters"), told.get("returns")
    rows = [row for row in given if isinstance(row, Mapping)] if isinstance(given, list) else []
    outs = [row for row in returns if isinstance(row, Mapping)] if isinstance(returns, list) else []
    slots: list[Slot] = []
    properties: dict[str, Any] = {}
    required: list[str] = []
    taken: set[str] = set()
    has_prompt = any(_name(row, 0) in _PROMPTS for row in rows)
    for number, row in enumerate(rows):
        component = str(row.get("component", "")).lower()
        wire = _name(row, number)
        if component in _PICTURES:
            wire, node = _picture(wire, component, taken)
        else:
            if not has_prompt and component == "textbox":
                wire, has_prompt = "prompt", True
            node = _node(wire, row)
        while wire in taken:
            wire += "_"
        taken.add(wire)
        has_default = bool(row.get("parameter_has_default"))
        default = row.get("parameter_default")
        label = str(row.get("label") or wire)
        slots.append(
            Slot(wire=wire, component=component, default=default, has_default=has_default, label=label)
        )
        properties[wire] = node
        if not has_default and component not in ("textbox", *_PICTURES):
            required.append(wire)
        if not has_default and (component in _PICTURES or wire == "prompt"):
            required.append(wire)
    randomise = next((slot.wire for slot in slots if _RANDOM.search(slot.wire)), "")
    shape = read_shape(
        {"type": "object", "required": required, "properties": properties},
        skip=(randomise,) if randomise else (),
    )
    if not shape.form.takes_seed and randomise:
        shape = read_shape({"type": "object", "required": required, "properties": properties})
        randomise = ""
    seed_at = next(
        (
            number
            for number, row in enumerate(outs)
            if "seed" in str(row.get("label", "")).lower()
            and str(row.get("component", "")).lower() not in _PICTURES
        ),
        None,
    )
    makes = any(str(row.get("component", "")).lower() in _PICTURES for row in outs)
    return Endpoint(
        name=name,
        slots=tuple(slots),
        shape=_named(shape, slots),
        makes_pictures=makes,
        seed_at=seed_at,
        randomise=randomise,
    )


def _name(row: Mapping[str, Any], number: int) -> str:
    name = row.get("parameter_name") or row.get("label") or ""
    plain = re.sub(r"\W+", "_", str(name)).strip("_").lower()
    return plain or f"parameter_{number + 1}"


def _picture(name: str, component: str, taken: set[str]) -> tuple[str, dict[str, Any]]:
    """A name that the reading of schemas takes for a picture; the first one is the image."""
    one = {"type": "string", "format": "binary"}
    if component == "gallery":
        many = {"type": "array", "items": one}
        return ("reference_images" if "image" in taken else "images"), many
    if "mask" in name and component == "image":
        return "mask", one
    return ("image" if "image" not in taken else "reference_image"), one


def _node(wire: str, row: Mapping[str, Any]) -> dict[str, Any]:
    type_ = row.get("type")
    node: dict[str, Any] = dict(type_) if isinstance(type_, Mapping) else {}
    python_type = row.get("python_type")
    told = node.get("description") or (
        python_type.get("description") if isinstance(python_type, Mapping) else ""
    )
    found = _RANGE.search(str(told))
    if node.get("type") in ("number", "integer"):
        if found:
            node["minimum"], node["maximum"] = float(found[1]), float(found[2])
        if _WHOLE.search(wire) and _is_whole(row.get("parameter_default")):
            node["type"] = "integer"
    default = row.get("parameter_default")
    if row.get("parameter_has_default") and default is not None:
        node["default"] = default
    if isinstance(row.get("label"), str):
        node["title"] = row["label"]
    return node


def _is_whole(value: Any) -> bool:
    return value is None or (
        not isinstance(value, bool) and isinstance(value, int | float) and float(value).is_integer()
    )


def _named(shape: Shape, slots: list[Slot]) -> Shape:
    """The form without what can't be filled in: a Space's own sentence is no help where it only repeats a type."""
    params = tuple(
        replace(spec, help="" if _RANGE.search(spec.help) else spec.help) for spec in shape.form.params
    )
    return replace(shape, form=replace(shape.form, params=params)) if slots else shape


def _value(slot: Slot, value: Any, files: Mapping[str, Any]) -> Any:
    """A value as the component takes it."""
    if isinstance(value, str) and value.startswith(_LINK):
        file = files[value.removeprefix(_LINK)]
        if slot.component in ("imageeditor", "imagemask", "paint", "sketchpad"):
            return {"background": file, "layers": [], "composite": file}
        return file
    if isinstance(value, list):
        shown = [_value(slot, item, files) for item in value]
        return [{"image": item, "caption": None} for item in shown] if slot.component == "gallery" else shown
    if isinstance(value, float) and value.is_integer():
        return int(value)  # a slider's 20.0 would break a range() on the other side
    return value


def _is_picture(text: str) -> bool:
    if text[:11].lower() == "data:image/":
        return True
    return text.partition("?")[0].lower().endswith(_SUFFIXES)
