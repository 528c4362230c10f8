"""Refs: a JSON Schema node with its references, unions and composition resolved into one flat mapping.

Schemas come from outside: a reference may lead nowhere or round in circles, and any member may be of any type.
Nothing here raises on one. What a field is for is decided elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import unquote

Node: TypeAlias = Mapping[str, Any]

_DEEPEST = 12
_MOST_BRANCHES = 64
_MOST_NODES = 2_000


class Resolver:
    """Resolves nodes against one document. How deep, how wide and how much it reads for one node is bounded."""

    def __init__(self, document: object) -> None:
        self._document = document
        self._left = _MOST_NODES

    def resolve(self, node: object, *, depth: int = 0) -> dict[str, Any]:
        """The node as a plain mapping of its own.

        ``$ref`` and ``allOf`` are merged in, members of the node itself winning. A union with null becomes
        ``nullable: True``; one with a single other branch becomes that branch; more stay as a list of resolved nodes
        under ``anyOf``. ``const`` becomes an ``enum`` of one value, and null in an enum ``nullable``.
        """
        if depth == 0:
            self._left = _MOST_NODES
        self._left -= 1
        if not isinstance(node, Mapping) or depth > _DEEPEST or self._left < 0:
            return {}
        made = {key: value for key, value in node.items() if key not in ("$ref", "allOf", "anyOf", "oneOf")}
        for piece in self._pieces(node, depth):
            made = _merge(made, piece)
        _drop_nonsense(made)
        _read_const(made)
        _read_types(made)
        for key in ("anyOf", "oneOf"):
            branches = node.get(key)
            if isinstance(branches, Sequence) and not isinstance(branches, str):
                made = self._join(made, branches, depth)
        return made

    def _pieces(self, node: Node, depth: int) -> list[dict[str, Any]]:
        pieces = []
        if "$ref" in node:
            pieces.append(self.resolve(self._target(node["$ref"]), depth=depth + 1))
        parts = node.get("allOf")
        if isinstance(parts, list):
            pieces += [self.resolve(part, depth=depth + 1) for part in parts[:_MOST_BRANCHES]]
        return pieces

    def _join(self, made: dict[str, Any], branches: Sequence[Any], depth: int) -> dict[str, Any]:
        resolved = [self.resolve(branch, depth=depth + 1) for branch in branches[:_MOST_BRANCHES]]
        real = [branch for branch in resolved if branch.get("type") != "null"]
        if len(real) < len(resolved) or any(branch.get("nullable") is True for branch in real):
            made["nullable"] = True
        if len(real) == 1:
            return _merge(made, real[0])
        if real and "anyOf" not in made:
            made["anyOf"] = real
        elif real:
            made["anyOf"] = [*made["anyOf"], {}]  # two unions at once: nothing we can promise a form for
        return made

    def _target(self, ref: object) -> object:
        if not isinstance(ref, str) or not ref.startswith("#"):
            return None
        found: object = self._document
        for step in ref[1:].split("/")[1:]:
            step = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping):
                found = found.get(step)
            elif isinstance(found, list) and step.isascii() and step.isdecimal() and len(step) < 10:
                found = found[int(step)] if int(step) < len(found) else None
            else:
                return None
        return found


def finite(value: object) -> float | None:
    """A number of a schema that can be computed with, an int as an int; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return value if abs(value) < 10**300 else None
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _merge(mine: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """``other`` under ``mine``: what both say is mine, but objects' properties, and bounds, count together."""
    made = {**other, **mine}
    for key in ("properties", "$defs"):
        if isinstance(mine.get(key), Mapping) and isinstance(other.get(key), Mapping):
            made[key] = {**other[key], **mine[key]}
    if isinstance(mine.get("required"), list) and isinstance(other.get("required"), list):
        made["required"] = [*other["required"], *mine["required"]]
    for key, tighter in (("minimum", max), ("minLength", max), ("maximum", min), ("maxLength", min)):
        pair = [bound for bound in (finite(mine.get(key)), finite(other.get(key))) if bound is not None]
        if len(pair) == 2:
            made[key] = tighter(pair)
    return made


_WANTED: Mapping[str, tuple[type, ...]] = {
    "type": (str, list),
    "enum": (list,),
    "properties": (Mapping,),
    "required": (list,),
}


def _drop_nonsense(made: dict[str, Any]) -> None:
    """Without members of a type that no schema has, so that readers need not ask again."""
    for key, kinds in _WANTED.items():
        if key in made and not isinstance(made[key], kinds):
            del made[key]


def _read_const(made: dict[str, Any]) -> None:
    if "const" in made:
        made.setdefault("enum", [made["const"]])
    if isinstance(made.get("enum"), list):
        values = [value for value in made["enum"] if value is not None]
        if len(values) < len(made["enum"]):
            made["nullable"] = True
        if values:
            made["enum"] = values
        else:
            del made["enum"]


def _read_types(made: dict[str, Any]) -> None:
    kinds = made.get("type")
    if isinstance(kinds, list):
        real = [kind for kind in kinds if isinstance(kind, str) and kind != "null"]
        if len(real) < len(kinds):
            made["nullable"] = True
        if len(real) == 1:
            made["type"] = real[0]
        else:
            del made["type"]
            if real:
                made["anyOf"] = [{"type": kind} for kind in real]
