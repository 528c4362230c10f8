"""Inputs: which fields of a schema take pictures and LoRAs, told by their names, formats and words.

Works on resolved nodes and decides from what a service calls things; it never looks at a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from silverprint.core.names import plain
from silverprint.core.recipe import SourceRole
from silverprint.core.refs import Node, Resolver, finite
from silverprint.core.shape import LoraPart, PicturePart

MANY = 16  # pictures in a list whose length the service does not tell

_PICTURE = {"image", "images", "img", "imgs", "photo", "photos", "picture", "pictures"}
_MASK = {"mask", "masks"}
_CARRIER = {
    "url",
    "urls",
    "uri",
    "uris",
    "file",
    "files",
    "base64",
    "b64",
    "input",
    "inputs",
    "prompt",
    "prompts",
}
_ROLE_WORDS: Mapping[str, SourceRole] = {
    **dict.fromkeys(
        ("control", "controlnet", "canny", "depth", "pose", "openpose", "scribble", "lineart", "softedge", "sketch", "normal"),
        "control",
    ),
    **dict.fromkeys(
        ("reference", "references", "ref", "style", "styles", "ip", "adapter", "face", "redux", "character", "subject",
         "garment", "ic", "light", "background", "pulid", "composition"),
        "reference",
    ),
}  # fmt: skip
_SHORTEST_LINK = 60
_REFERS = {"reference", "references", "ref", "refs"}
_FIRST = (
    "image", "image_url", "input_image", "input_image_url", "init_image", "init_image_url", "source_image", "img",
    "base_image", "image_urls", "input_images", "images", "image_input", "image_prompt",
)  # fmt: skip
_OTHER_MEDIA = re.compile(
    r"\b(zip|archive|tar|video|audio|safetensors|weights?|lora|checkpoint|model file|pdf)\b", re.I
)
_SAYS_PICTURE = re.compile(r"\b(image|photo|picture)s?\b", re.I)
_LINK_FORMATS = {"uri", "url", "uri-reference", "binary", "byte", "base64", "data-url", "image", "file", ""}
_STRENGTHS = (
    "strength", "prompt_strength", "image_strength", "image_prompt_strength", "denoising_strength", "denoise_strength",
    "denoise",
)  # fmt: skip
_LORA_PAIRS = (
    ("lora_weights", "lora_scale"),
    ("lora_url", "lora_scale"),
    ("hf_lora", "lora_scale"),
    ("lora", "lora_scale"),
    ("lora", "lora_strength"),
    ("lora_path", "lora_scale"),
    ("replicate_weights", "replicate_weights_scale"),
    ("extra_lora", "extra_lora_scale"),
    ("additional_lora_url", "additional_lora_scale"),
)
_LORA_LISTS = (("hf_loras", "lora_scales"), ("lora_urls", "lora_scales"), ("loras", "lora_scales"))
_LORA_PATHS, _LORA_WEIGHTS = ("path", "url", "lora_url", "id", "name"), ("scale", "weight", "strength")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    wire: str
    role: SourceRole
    many: bool
    most: int
    wrap: str
    required: bool


def pictures_of(
    nodes: Mapping[str, Node], required: Sequence[str], resolver: Resolver
) -> tuple[PicturePart, ...]:
    """The fields for input pictures, in the order in which a recipe's pictures fill them."""
    found = [
        field for wire, node in nodes.items() if (field := _field_of(wire, node, wire in required, resolver))
    ]
    masks = [field for field in found if field.role == "mask" and not field.many][:1]
    found = [field for field in found if field.role != "mask"]
    plainly = [field for field in found if field.role == "image"]
    if plainly:
        first = min(plainly, key=lambda field: (_rank(field), found.index(field)))
        return (*_around(first, found), *(_part(field, ("mask",)) for field in masks))
    return tuple(_part(field, (field.role,)) for field in (*found, *masks))


def strength_of(nodes: Mapping[str, Node]) -> str:
    """The field that says how far an input picture may change; empty where there is none."""
    by_name = {plain(wire): wire for wire in nodes}
    for name in _STRENGTHS:
        wire = by_name.get(name)
        if (
            wire is not None
            and nodes[wire].get("type") in ("number", "integer")
            and "enum" not in nodes[wire]
        ):
            return wire
    return ""


def loras_of(nodes: Mapping[str, Node], required: Sequence[str], resolver: Resolver) -> tuple[LoraPart, ...]:
    """Where LoRAs go: one list, or one or more pairs of a name and a weight."""
    for wire, node in nodes.items():
        if plain(wire) in ("loras", "lora_list", "lora_weights", "lora") and node.get("type") == "array":
            part = _lora_list(wire, node, resolver)
            if part is not None:
                return (replace(part, required=wire in required),)
    by_name = {plain(wire): wire for wire in nodes}
    for path, weight in _LORA_LISTS:
        if _is_list_of(nodes.get(by_name.get(path, "")), ("string",), resolver):
            scales = by_name.get(weight, "")
            known = scales not in required and _is_list_of(nodes.get(scales), ("number", "integer"), resolver)
            most = _most_items(nodes[by_name[path]])
            needed = by_name[path] in required
            return (
                LoraPart(
                    style="lists",
                    path=by_name[path],
                    weight=scales if known else "",
                    most=most,
                    required=needed,
                ),
            )
    return _lora_pairs(nodes, by_name, required)


def lora_weight_node(part: LoraPart, nodes: Mapping[str, Node], resolver: Resolver) -> Node:
    """The node of a LoRA's weight, empty where it takes none."""
    if part.style == "single":
        return nodes.get(part.weight, {})
    holder = part.wire if part.style == "objects" else part.weight
    item = resolver.resolve(nodes.get(holder, {}).get("items"))
    if part.style == "lists":
        return item
    properties = item.get("properties")
    return resolver.resolve(properties.get(part.weight)) if isinstance(properties, Mapping) else {}


def _around(first: _Field, found: Sequence[_Field]) -> list[PicturePart]:
    """The main picture's field, and what may stand beside it: the rest of its list, further fields, controls."""
    # Where references have a field of their own, none of them goes into the list of images.
    apart = any(field.role == "reference" for field in found)
    shares = first.many and first.most > 1 and not apart
    roles: tuple[SourceRole, ...] = ("image", "reference") if shares else ("image",)
    stem = re.sub(r"_?1$", "", plain(first.wire))
    twins = [
        field
        for field in found
        if field is not first
        and field.role == "image"
        and re.fullmatch(re.escape(stem) + r"_?\d+", plain(field.wire))
    ]
    if twins and not apart:
        roles = ("image", "reference")
    parts = [_part(first, roles)]
    parts += [_part(field, ("reference",)) for field in twins]
    rest = [field for field in found if field is not first and field not in twins]
    parts += [_part(field, ("control",) if field.role == "control" else ("reference",)) for field in rest]
    return parts


def _part(field: _Field, roles: tuple[SourceRole, ...]) -> PicturePart:
    return PicturePart(
        wire=field.wire,
        roles=roles,
        many=field.many,
        most=field.most,
        wrap=field.wrap,
        required=field.required,
    )


def _rank(field: _Field) -> int:
    name = plain(field.wire)
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def _field_of(wire: str, node: Node, required: bool, resolver: Resolver) -> _Field | None:
    role = _role_of(wire, node)
    if role is None:
        return None
    shape = _carrier_of(node, resolver)
    if shape is None:
        return None
    many, most, wrap = shape
    return _Field(wire=wire, role=role, many=many, most=most, wrap=wrap, required=required)


def _role_of(wire: str, node: Node) -> SourceRole | None:
    says = " ".join(text for key in ("title", "description") if isinstance(text := node.get(key), str))
    words = [word for word in re.sub(r"\d+", "", plain(wire)).split("_") if word]
    core = list(words)
    while core and core[-1] in _CARRIER:
        core.pop()
    by_format = node.get("format") in ("uri", "binary") and _SAYS_PICTURE.search(says) is not None
    named = bool(core) and bool(
        core[-1] in _PICTURE | _MASK or (core[-1] in _REFERS and _PICTURE & set(words))
    )
    if not named and not (by_format and not {"lora", "weights", "model", "webhook"} & set(words)):
        return None
    if _is_other_media(words, says):
        return None
    if _MASK & set(words):
        return None if "reference" in words else "mask"
    for word in words:
        if word in _ROLE_WORDS:
            return _ROLE_WORDS[word]
    return "image"


def _is_other_media(words: Sequence[str], says: str) -> bool:
    if {"video", "audio", "zip", "archive", "data", "model", "encoder", "blob", "size", "format"} & set(
        words
    ):
        return True
    # "image" in the words of an image field says nothing; "zip" or "video" without it does.
    other = _OTHER_MEDIA.search(says)
    return other is not None and (
        other.group().lower() in ("zip", "archive", "tar") or not _SAYS_PICTURE.search(says)
    )


def _carrier_of(node: Node, resolver: Resolver) -> tuple[bool, int, str] | None:
    """Whether the field is a list, how many it takes, and under which key a picture is wrapped; None: no such field."""
    branches = node.get("anyOf")
    if isinstance(branches, list) and "properties" not in node:
        shapes = [
            _carrier_of(branch, resolver) if isinstance(branch, Mapping) else None for branch in branches
        ]
        if any(shape is None for shape in shapes):
            return None
        return next((shape for shape in shapes if shape and shape[0]), shapes[0] if shapes else None)
    if "enum" in node:
        return None
    if node.get("type") == "string":
        fits = str(node.get("format") or "") in _LINK_FORMATS and _holds_link(node)
        return (False, 1, "") if fits else None
    if node.get("type") == "array":
        inner = _carrier_of(resolver.resolve(node.get("items")), resolver)
        if inner is None or inner[0]:
            return None
        return (True, _most_items(node) or MANY, inner[2])
    return _wrapped(node)


def _holds_link(node: Node) -> bool:
    most = finite(node.get("maxLength"))
    return "enum" not in node and (most is None or most >= _SHORTEST_LINK)


def _wrapped(node: Node) -> tuple[bool, int, str] | None:
    """An object that holds nothing but a link."""
    properties = node.get("properties")
    if (
        not isinstance(properties, Mapping)
        or not properties
        or not set(properties) <= {"image_url", "url", "file_id"}
    ):
        return None
    key = "image_url" if "image_url" in properties else "url"
    needed = node.get("required")
    others = [name for name in needed if name != key] if isinstance(needed, list) else []
    return (False, 1, key) if key in properties and not others else None


def _most_items(node: Node) -> int | None:
    most = finite(node.get("maxItems"))
    return max(1, int(most)) if most is not None else None


def _is_list_of(node: Node | None, kinds: Sequence[str], resolver: Resolver) -> bool:
    if node is None or node.get("type") != "array":
        return False
    return resolver.resolve(node.get("items")).get("type") in kinds


def _lora_list(wire: str, node: Node, resolver: Resolver) -> LoraPart | None:
    item = resolver.resolve(node.get("items"))
    properties: Any = item.get("properties")
    if not isinstance(properties, Mapping):
        return None
    path = next((key for key in _LORA_PATHS if key in properties), None)
    if path is None:
        return None
    weight = next((key for key in _LORA_WEIGHTS if key in properties), "")
    needed = item.get("required")
    if isinstance(needed, list) and any(name not in (path, weight) for name in needed):
        return None
    return LoraPart(style="objects", wire=wire, path=path, weight=weight, most=_most_items(node))


def _lora_pairs(
    nodes: Mapping[str, Node], by_name: Mapping[str, str], required: Sequence[str]
) -> tuple[LoraPart, ...]:
    parts: list[LoraPart] = []
    used: set[str] = set()
    for path, weight in _LORA_PAIRS:
        wire, scale = by_name.get(path, ""), by_name.get(weight, "")
        node = nodes.get(wire)
        if node is None or wire in used or node.get("type") != "string" or not _holds_link(node):
            continue
        # A weight that is owed even without a LoRA stays a parameter of its own.
        numeric = nodes.get(scale, {}).get("type") in ("number", "integer")
        if scale in used or scale in required or not numeric:
            scale = ""
        parts.append(LoraPart(style="single", path=wire, weight=scale, most=1, required=wire in required))
        used |= {wire, scale} - {""}
    return tuple(parts)
