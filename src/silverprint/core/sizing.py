"""Sizing: which fields of a schema say how large a picture is, as one parameter named ``size``.

A size may be a name (``square_hd``), a text (``1024x768``), an object, or a width and a height. Ratios and plain
resolutions (``2K``) are choices of their own and are left to ``fields``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from silverprint.core.fields import (
    choices_of,
    default_of,
    field_of,
    range_of,
    with_default,
)
from silverprint.core.names import plain
from silverprint.core.params import Choice, ParamKind, ParamSpec
from silverprint.core.refs import Node, Resolver
from silverprint.core.shape import SizePart

AUTO = "auto"
_SINGLE = ("image_size", "size", "output_size", "output_image_size", "dimensions")
_PAIRS = (("width", "height"), ("image_width", "image_height"), ("output_width", "output_height"))
_RESOLUTION = re.compile(r"\d+(\.\d+)?\s*(k|mp|p|sq)?", re.I)
_SIDES = re.compile(r"\d+\s*([x×*])\s*\d+", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """The size parameter, how it is sent, and the fields that it stands for."""

    spec: ParamSpec
    part: SizePart
    wires: tuple[str, ...]


def size_of(nodes: Mapping[str, Node], required: Sequence[str], resolver: Resolver) -> Sized | None:
    """The size that these fields make together, or None."""
    by_name = {plain(wire): wire for wire in reversed(list(nodes))}
    for name in _SINGLE:
        wire = by_name.get(name)
        if wire is not None and (found := _single(wire, nodes[wire], wire in required, resolver)):
            return found
    for names in _PAIRS:
        wide, tall = by_name.get(names[0]), by_name.get(names[1])
        if (
            wide is not None
            and tall is not None
            and (found := _pair(wide, tall, nodes, [wide in required, tall in required]))
        ):
            return found
    return None


def is_resolution(node: Node) -> bool:
    """Whether these are choices such as 1K, 2K and 4K rather than sizes."""
    values = [choice.value for choice in choices_of(node)]
    return bool(values) and all(isinstance(value, str) and _RESOLUTION.fullmatch(value) for value in values)


def _single(wire: str, node: Node, required: bool, resolver: Resolver) -> Sized | None:
    base = field_of("size", wire, {**node, "default": None}, required=required)
    base = replace(base, kind=ParamKind.SIZE, choices=(), longest=None, shortest=None, holds="")
    branches = node.get("anyOf") if isinstance(node.get("anyOf"), list) else None
    objects = [branch for branch in (branches or [node]) if _has_sides(branch)]
    listed = [branch for branch in (branches or [node]) if "enum" in branch]
    free = [
        branch
        for branch in (branches or [node])
        if branch.get("type") == "string" and "enum" not in branch and not _limited(branch)
    ]
    if len(objects) + len(listed) + len(free) != len(branches or [node]) or len(objects) > 1:
        return None
    choices = choices_of({"anyOf": listed}) if listed else ()
    if listed and (not choices or not all(_is_word(choice.value) for choice in choices)):
        return None
    if is_resolution(node) or (objects and free):
        return None
    part = SizePart(style="object" if objects else "text", keeps=required)
    spec = replace(base, choices=choices)
    if objects:
        ranges = _sides(objects[0], resolver)
        if ranges is None:
            return None
        spec = replace(spec, **ranges)
    elif free:
        samples = [default_of(node), *(choice.value for choice in choices)]
        crosses = [
            match[1] for text in samples if isinstance(text, str) and (match := _SIDES.fullmatch(text))
        ]
        if not crosses:
            return None
        part = replace(part, cross=crosses[0])
        spec = replace(spec, low=1)
    return Sized(spec=with_default(spec, _as_text(default_of(node))), part=part, wires=(wire,))


def _pair(wide: str, tall: str, nodes: Mapping[str, Node], required: Sequence[bool]) -> Sized | None:
    width, height = nodes[wide], nodes[tall]
    if any(node.get("type") != "integer" or "enum" in node or "anyOf" in node for node in (width, height)):
        return None
    ranges = range_of(width, whole=True)
    if ranges is None or ranges != range_of(height, whole=True) or required[0] != required[1]:
        return None
    multiple = ranges["multiple"]
    if multiple is not None and not float(multiple).is_integer():
        return None
    defaults = [default_of(width), default_of(height)]
    auto = all(value == 0 and value is not None for value in defaults)
    if not auto and any((value is None) != (defaults[0] is None) for value in defaults):
        return None
    spec = field_of("size", "", {**width, "default": None, "title": ""}, required=required[0])
    spec = replace(
        spec,
        kind=ParamKind.SIZE,
        help=_pair_help(width, height, spec.help),
        low=max(1, ranges["low"] or 1),
        high=ranges["high"],
        step=multiple,
        multiple=None,
        choices=(Choice(value=AUTO, title="Auto"),) if auto else (),
    )
    spec = with_default(spec, AUTO if auto else _as_text({"width": defaults[0], "height": defaults[1]}))
    if not auto and defaults[0] is not None and spec.default is None:
        return None  # a default that is no size: the two numbers stay as they are
    if auto and required[0]:
        return None
    part = SizePart(style="pair", width=wide, height=tall, unset=AUTO if auto else "", keeps=required[0])
    return Sized(spec=spec, part=part, wires=(wide, tall))


def _has_sides(node: Any) -> bool:
    if not isinstance(node, Mapping):
        return False
    properties = node.get("properties")
    return isinstance(properties, Mapping) and set(properties) == {"width", "height"}


def _sides(node: Node, resolver: Resolver) -> dict[str, Any] | None:
    """The range that both sides share."""
    sides = [resolver.resolve(node["properties"][key]) for key in ("width", "height")]
    if any(side.get("type") not in ("integer", "number") or "enum" in side for side in sides):
        return None
    ranges = [range_of(side, whole=True) for side in sides]
    if ranges[0] is None or ranges[1] is None:
        return None
    lows = [each["low"] for each in ranges if each and each["low"] is not None]
    highs = [each["high"] for each in ranges if each and each["high"] is not None]
    steps = [each["multiple"] for each in ranges if each and each["multiple"] is not None]
    if not all(float(step).is_integer() for step in steps):
        return None
    low, high = max([1, *lows]), min(highs, default=None)
    if high is not None and low > high:
        return None
    return {"low": low, "high": high, "step": math.lcm(*(int(step) for step in steps)) if steps else None}


def _pair_help(width: Node, height: Node, fallback: str) -> str:
    says = [node.get("description") for node in (width, height)]
    return fallback if says[0] == says[1] else ""


def _limited(node: Node) -> bool:
    return bool({"minLength", "maxLength", "pattern"} & node.keys())


def _is_word(value: object) -> bool:
    return isinstance(value, str) and value == value.strip()


def _as_text(value: Any) -> Any:
    if isinstance(value, Mapping):
        sides = [value.get("width"), value.get("height")]
        return f"{sides[0]}x{sides[1]}" if all(type(side) is int and side > 0 for side in sides) else None
    return value
