"""Notation: the short words in which our catalogue says what a model takes, read into a JSON Schema.

One line a field, such as ``int 1..50 = 28``, ``one: jpeg | png = jpeg`` or ``files <=8 !``:

    text  int  number  bool  file  files  zip  json  list  loras  the kind; a file is a picture
    one: a | b                                                    one of these texts
    size: a | b                                                   a named size, or a width and a height
    sides: a | b                                                  one of these texts, or another such as 1024x768
    low..high   /multiple   <=most   !                            range, step, length or number at most, required
    = default                                                     to the end of the line, as JSON or as it stands
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from silverprint.core.refs import finite

_LORA = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "scale": {"type": "number", "default": 1}},
    "required": ["path"],
}
_SIDES = {
    "type": "object",
    "properties": {side: {"type": "integer", "minimum": 1} for side in ("width", "height")},
    "required": ["width", "height"],
}
_KINDS: Mapping[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "int": {"type": "integer"},
    "number": {"type": "number"},
    "bool": {"type": "boolean"},
    "file": {"type": "string", "format": "uri"},
    "zip": {"type": "string", "format": "uri", "description": "The address of a zip archive."},
    "files": {"type": "array", "items": {"type": "string", "format": "uri"}},
    "json": {"type": "object"},
    "list": {"type": "array"},
    "loras": {"type": "array", "items": _LORA},
}
_MOST = {"text": "maxLength", "files": "maxItems", "list": "maxItems", "loras": "maxItems"}


def schema_of(takes: Mapping[str, str]) -> dict[str, Any]:
    """The JSON Schema of a model's input, its fields in the order given. Raises ValueError for a line it can't read."""
    properties, required = {}, []
    for wire, line in takes.items():
        properties[wire], needed = _field(line)
        if needed:
            required.append(wire)
    return {"type": "object", "properties": properties, "required": required}


def _field(line: str) -> tuple[dict[str, Any], bool]:
    says, equals, default = line.partition(" = ")
    required = says.endswith(" !")
    says = says.removesuffix(" !")
    word, colon, listed = says.partition(": ")
    if colon:
        node = _listed(word, [value.strip() for value in listed.split(" | ")])
    else:
        node = _plain(*says.split(" "))
    if equals:
        node["default"] = default if _is_text(node) else _value(default)
    return node, required


def _listed(word: str, values: list[str]) -> dict[str, Any]:
    choices = {"type": "string", "enum": values}
    match word:
        case "one":
            return choices
        case "size":
            return {"anyOf": [_SIDES, choices]}
        case "sides":
            return {"anyOf": [{"type": "string"}, choices]}
    raise ValueError(f"no kind of list: {word}")


def _plain(kind: str, *limits: str) -> dict[str, Any]:
    if kind not in _KINDS:
        raise ValueError(f"no kind of field: {kind}")
    node = dict(_KINDS[kind])
    for limit in limits:
        low, dots, high = limit.partition("..")
        if dots:
            node |= {"minimum": _value(low)} if low else {}
            node |= {"maximum": _value(high)} if high else {}
        elif limit.startswith("/"):
            node["multipleOf"] = _value(limit[1:])
        elif limit.startswith("<=") and kind in _MOST:
            node[_MOST[kind]] = _value(limit[2:])
        else:
            raise ValueError(f"no limit: {limit}")
    return node


def _is_text(node: Mapping[str, Any]) -> bool:
    return node.get("type") == "string" or "anyOf" in node


def _value(text: str) -> Any:
    value = json.loads(text)
    return finite(value) if isinstance(value, float) else value
