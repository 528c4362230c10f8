"""Schema: a JSON Schema of a request body, as services publish it, read into a Shape without losing a field.

Owns what each field is for and their order. A field that is not understood becomes raw JSON. Reads what Cog
(Replicate), fal, pydantic (Black Forest Labs) and OpenAI write, and never raises on anything else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from silverprint.core.body import request_body
from silverprint.core.fields import default_of, field_of, range_of
from silverprint.core.inputs import lora_weight_node, loras_of, pictures_of, strength_of
from silverprint.core.names import name_all, plain
from silverprint.core.params import Form, ParamKind, ParamSpec, SourceSpec
from silverprint.core.recipe import SourceRole
from silverprint.core.refs import Node, Resolver, finite
from silverprint.core.shape import LoraPart, Parts, PicturePart, SeedPart, Shape, TextPart
from silverprint.core.shape_codec import shape_json, shape_of
from silverprint.core.sizing import Sized, is_resolution, size_of

__all__ = ["Parts", "Shape", "read_shape", "request_body", "shape_json", "shape_of"]

_PROMPTS = ("prompt", "text_prompt", "positive_prompt", "prompt_text", "instruction", "instructions")
_NEGATIVES = ("negative_prompt", "negative", "neg_prompt")
_SEEDS = ("seed", "random_seed", "noise_seed")
_SAFE_SEED = 2**31 - 1  # where a service names no maximum: every integer that one may use holds this
_ROLES: tuple[SourceRole, ...] = ("image", "mask", "reference", "control")


def read_shape(
    schema: Mapping[str, Any], *, document: Mapping[str, Any] | None = None, skip: Collection[str] = ()
) -> Shape:
    """The form and the parts of a request whose body is an object of this JSON Schema. Never raises.

    ``document`` is the whole document that ``$ref`` points into; without it, the schema itself. ``skip`` names
    fields that are ours to set and no person's, such as a webhook; they are listed in ``parts.left_out``.
    """
    resolver = Resolver(schema if document is None else document)
    top = _object_of(resolver.resolve(schema))
    required = _required(top)
    nodes = _nodes(top, required, resolver)
    left_out = [wire for wire, node in nodes.items() if wire in skip or node is False]
    open_nodes: dict[str, Node] = {
        wire: node for wire, node in nodes.items() if wire not in left_out and isinstance(node, Mapping)
    }
    return _shape(open_nodes, required, resolver, tuple(left_out))


def _shape(
    nodes: dict[str, Node], required: Sequence[str], resolver: Resolver, left_out: tuple[str, ...]
) -> Shape:
    prompt, negative = _text(nodes, _PROMPTS, required), _text(nodes, _NEGATIVES, required)
    seed, seed_range = _seed(nodes, required)
    loras = loras_of(nodes, required, resolver)
    used = {part.wire for part in (prompt, negative, seed) if part is not None}
    used |= {wire for lora in loras for wire in (lora.wire, lora.path, lora.weight) if wire and wire in nodes}
    pictures = pictures_of(_without(nodes, used), required, resolver)
    used |= {part.wire for part in pictures}
    strength = strength_of(_without(nodes, used)) if any("image" in part.roles for part in pictures) else ""
    if strength in required and default_of(nodes[strength]) is None:
        strength = ""  # it is owed with or without a picture, so it has to be a parameter of its own
    used |= {strength} - {""}
    sized = size_of(_without(nodes, used), required, resolver)
    params = _params(_without(nodes, used), required, sized)
    strength_spec = field_of("strength", strength, nodes[strength], required=False) if strength else None
    weight = lora_weight_node(loras[0], nodes, resolver) if loras else {}
    prompt_node = nodes[prompt.wire] if prompt is not None else {}
    form = Form(
        params=params,
        sources=_sources(pictures, strength_spec),
        takes_negative=negative is not None,
        takes_seed=seed is not None,
        takes_loras=bool(loras),
        seed_min=seed_range[0],
        seed_max=seed_range[1],
        prompt_required=prompt is not None and prompt.required and not prompt.default,
        takes_prompt=prompt is not None,
        prompt_most=_whole(prompt_node.get("maxLength")),
        loras_least=_least_loras(loras, nodes),
        loras_most=sum(part.most for part in loras if part.most)
        if all(part.most for part in loras)
        else None,
        lora_weight=_lora_weight(weight),
    )
    parts = Parts(
        prompt=prompt,
        negative=negative,
        seed=seed,
        pictures=pictures,
        strength=strength,
        strength_required=strength in required,
        loras=loras,
        size=sized.part if sized is not None else None,
        left_out=left_out,
    )
    return Shape(form=form, parts=parts)


def _object_of(top: dict[str, Any]) -> dict[str, Any]:
    """A union of objects as one object: every branch's fields, and as required what all of them require."""
    branches = top.get("anyOf")
    if isinstance(top.get("properties"), Mapping) or not isinstance(branches, list):
        return top
    objects = [branch for branch in branches if isinstance(branch.get("properties"), Mapping)]
    if not objects:
        return top
    properties: dict[str, Any] = {}
    for branch in objects:
        for wire, node in branch["properties"].items():
            properties.setdefault(wire, node)
    needed = [wire for wire in _required(objects[0]) if all(wire in _required(each) for each in objects)]
    return {**objects[0], "properties": properties, "required": needed}


def _required(top: Node) -> list[str]:
    needed = top.get("required")
    return [wire for wire in needed if isinstance(wire, str)] if isinstance(needed, list) else []


def _nodes(top: Node, required: Sequence[str], resolver: Resolver) -> dict[str, Node | bool]:
    """Every field by its name, resolved and in the service's own order; False for one that must not be sent."""
    raw = top.get("properties")
    properties: dict[str, Any] = dict(raw) if isinstance(raw, Mapping) else {}
    for wire in required:
        properties.setdefault(wire, {})
    listed = top.get("x-fal-order-properties")
    order = (
        {wire: place for place, wire in enumerate(listed) if isinstance(wire, str)}
        if isinstance(listed, list)
        else {}
    )

    def place(wire: str) -> tuple[float, float]:
        node = properties[wire]
        number = finite(node.get("x-order")) if isinstance(node, Mapping) else None
        return order.get(wire, len(order)), number if number is not None else float("inf")

    return {
        wire: False if properties[wire] is False else resolver.resolve(properties[wire])
        for wire in sorted(properties, key=place)
    }


def _without(nodes: Mapping[str, Node], used: Collection[str]) -> dict[str, Node]:
    return {wire: node for wire, node in nodes.items() if wire not in used}


def _find(nodes: Mapping[str, Node], names: Sequence[str]) -> str | None:
    by_name = {plain(wire): wire for wire in reversed(list(nodes))}
    return next((by_name[name] for name in names if name in by_name), None)


def _text(nodes: Mapping[str, Node], names: Sequence[str], required: Sequence[str]) -> TextPart | None:
    wire = _find(nodes, names)
    if wire is None or nodes[wire].get("type") != "string" or {"enum", "anyOf"} & nodes[wire].keys():
        return None
    default = default_of(nodes[wire])
    return TextPart(wire=wire, required=wire in required, default=default if isinstance(default, str) else "")


def _seed(nodes: Mapping[str, Node], required: Sequence[str]) -> tuple[SeedPart | None, tuple[int, int]]:
    wire = _find(nodes, _SEEDS)
    none = (None, (0, 2**32 - 1))
    if wire is None or nodes[wire].get("type") not in ("integer", "number") or "enum" in nodes[wire]:
        return none
    bounds = range_of(nodes[wire], whole=True)
    if bounds is None or bounds["multiple"] is not None:
        return none
    low = max(0, bounds["low"] or 0)
    high = bounds["high"] if bounds["high"] is not None else max(_SAFE_SEED, low)
    if high < low:
        return none
    default = default_of(nodes[wire])
    sent = default if type(default) is int else None
    return SeedPart(wire=wire, required=wire in required, default=sent), (low, min(high, 2**63 - 1))


def _params(nodes: Mapping[str, Node], required: Sequence[str], sized: Sized | None) -> tuple[ParamSpec, ...]:
    """The parameters in the order of the schema, the size in the place of its first field."""
    hidden = sized.wires if sized is not None else ()
    aliases = {
        wire: "resolution"
        for wire, node in nodes.items()
        if plain(wire) in ("image_size", "size") and wire not in hidden and is_resolution(node)
    }
    taken = {"size", "resolution"} if aliases else {"size"}
    named = name_all(
        [wire for wire in nodes if wire not in hidden and wire not in list(aliases)[:1]], taken=taken
    ) | dict(list(aliases.items())[:1])
    params = []
    for wire, node in nodes.items():
        if sized is not None and wire == sized.wires[0]:
            params.append(sized.spec)
        elif wire not in hidden:
            params.append(field_of(named[wire], wire, node, required=wire in required))
    return tuple(params)


def _sources(pictures: Sequence[PicturePart], strength: ParamSpec | None) -> tuple[SourceSpec, ...]:
    sources = []
    for role in _ROLES:
        mine = [part for part in pictures if role in part.roles]
        if not mine:
            continue
        # In a shared field the image has the first place, so one place fewer is left for references.
        room = sum(part.most - (1 if role == "reference" and "image" in part.roles else 0) for part in mine)
        shared = [part for part in mine if len(part.roles) > 1]
        most = 1 if role == "image" and shared else room
        needed = [part for part in mine if part.required]
        others: tuple[SourceRole, ...] = ("reference",) if role == "image" and shared else ()
        if most < 1:
            continue
        sources.append(
            SourceSpec(
                role=role,
                most=most,
                required=any(part.roles[0] == role for part in needed),
                instead=others,
                strength=strength if role == "image" else None,
            )
        )
    return tuple(sources)


def _lora_weight(node: Node) -> ParamSpec | None:
    if node.get("type") not in ("integer", "number"):
        return None
    spec = field_of("weight", "", node, required=False)
    return replace(spec, title="Weight") if spec.kind in (ParamKind.NUMBER, ParamKind.INTEGER) else None


def _least_loras(loras: Sequence[LoraPart], nodes: Mapping[str, Node]) -> int:
    if not loras or not loras[0].required:
        return 0
    if loras[0].style == "single":
        return 1
    return _whole(nodes.get(loras[0].wire or loras[0].path, {}).get("minItems")) or 0


def _whole(value: object) -> int | None:
    number = finite(value)
    return int(number) if number is not None and number >= 0 else None
