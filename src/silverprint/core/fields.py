"""Fields: one resolved schema node as a ParamSpec, with ranges, steps, choices, default and words.

What is no plain value becomes a JSON field. Which fields are pictures, LoRAs or sizes is decided in ``inputs``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from silverprint.core.names import MAIN, our_name
from silverprint.core.params import Choice, ParamKind, ParamSpec, check
from silverprint.core.refs import Node, finite
from silverprint.core.text import one_line

_MOST_HELP = 300
_MOST_TITLE = 60


def field_of(name: str, wire: str, node: Node, *, required: bool) -> ParamSpec:
    """The parameter that a resolved node describes. Never raises."""
    known = our_name(wire) is not None or name == "size"
    hidden, deprecated = is_hidden(node), node.get("deprecated") is True
    spec = _kind_of(ParamSpec(name=name, wire=wire, kind=ParamKind.JSON, required=required), node)
    main = name in MAIN or required or _is_important(node)
    spec = replace(
        spec,
        title="" if known else words_of(node, "title", most=_MOST_TITLE),
        help=help_of(node, hidden=hidden, deprecated=deprecated, secret=spec.secret),
        group="main" if main and not (hidden or deprecated or spec.secret) else "more",
    )
    return with_default(spec, default_of(node))


def with_default(spec: ParamSpec, value: Any) -> ParamSpec:
    """The parameter with this default, or with none where it would not take the value itself."""
    if value is None:
        return spec
    try:
        return replace(spec, default=check(spec, value))
    except ValueError:
        return spec


def default_of(node: Node) -> Any:
    """The default; a value that is the only one allowed is its own default."""
    if node.get("default") is not None:
        return node["default"]
    choices = node.get("enum")
    return choices[0] if "const" in node and isinstance(choices, list) and len(choices) == 1 else None


def words_of(node: Node, key: str, *, most: int) -> str:
    """A text of the schema on one line, safe to show."""
    found = node.get(key)
    return one_line(found, most=most) if isinstance(found, str) else ""


def help_of(node: Node, *, hidden: bool = False, deprecated: bool = False, secret: bool = False) -> str:
    """The description, and what else there is to know."""
    says = [words_of(node, "description", most=_MOST_HELP)]
    if deprecated:
        says.append("Deprecated.")
    if hidden:
        says.append("The service hides it from its own page.")
    if secret:
        says.append("A secret: it is not sent, because a recipe is written into its pictures.")
    return " ".join(word for word in says if word)


def is_hidden(node: Node) -> bool:
    """Whether the service keeps this field off its own pages."""
    hints = node.get("ui")
    return any(node.get(key) is True for key in ("hidden", "x-hidden", "x-fal-hidden")) or (
        isinstance(hints, Mapping) and hints.get("hidden") is True
    )


def range_of(node: Node, *, whole: bool) -> dict[str, Any] | None:
    """``low``, ``high``, ``low_open``, ``high_open``, ``multiple`` and ``step``; None where nothing can satisfy them."""
    low, low_open = _bound(node, "minimum", "exclusiveMinimum", max)
    high, high_open = _bound(node, "maximum", "exclusiveMaximum", min)
    multiple = finite(node.get("multipleOf"))
    if multiple is not None and multiple <= 0:
        multiple = None
    if whole:
        if low is not None:
            low, low_open = (math.floor(low) + 1 if low_open else math.ceil(low)), False
        if high is not None:
            high, high_open = (math.ceil(high) - 1 if high_open else math.floor(high)), False
        if multiple == 1:
            multiple = None
    if low is not None and high is not None and (low > high or (low == high and (low_open or high_open))):
        return None
    return {
        "low": low,
        "high": high,
        "low_open": low_open,
        "high_open": high_open,
        "multiple": multiple,
        "step": multiple,
    }


def choices_of(node: Node) -> tuple[Choice, ...]:
    """The values of an enum, or of a union in which every branch is one; empty for anything else."""
    found: list[Choice] = []
    if isinstance(node.get("enum"), list):
        titles = node.get("enumNames") or node.get("x-enum-varnames")
        for place, value in enumerate(node["enum"]):
            title = titles[place] if isinstance(titles, list) and len(titles) > place else ""
            found.append(_choice(value, title))
    elif isinstance(node.get("anyOf"), list):
        for branch in node["anyOf"]:
            values = branch.get("enum")
            if not isinstance(values, list):
                return ()
            title = branch.get("title") if len(values) == 1 else ""
            found += [_choice(value, title) for value in values]
    if not all(isinstance(choice.value, str | int | float | bool) for choice in found):
        return ()
    if any(isinstance(choice.value, float) and not math.isfinite(choice.value) for choice in found):
        return ()
    unique: dict[tuple[type, Any], Choice] = {}
    for choice in found:
        unique.setdefault((type(choice.value), choice.value), choice)
    return tuple(unique.values())


def _choice(value: Any, title: object) -> Choice:
    shown = one_line(title, most=_MOST_TITLE) if isinstance(title, str) else ""
    if not shown and isinstance(value, str) and one_line(value) != value:
        shown = one_line(value, most=_MOST_TITLE)
    return Choice(value=value, title="" if shown == value else shown)


def _kind_of(spec: ParamSpec, node: Node) -> ParamSpec:
    choices = choices_of(node)
    if choices:
        return replace(spec, kind=ParamKind.CHOICE, choices=choices)
    if "enum" in node:
        return spec
    if "anyOf" in node:
        return _union(spec, node)
    match node.get("type"):
        case "boolean":
            return replace(spec, kind=ParamKind.SWITCH)
        case "integer" | "number" as kind:
            whole = kind == "integer"
            bounds = range_of(node, whole=whole)
            if bounds is None:
                return spec
            return replace(spec, kind=ParamKind.INTEGER if whole else ParamKind.NUMBER, **bounds)
        case "string":
            return _text(spec, node)
        case "array":
            return replace(spec, holds="list")
        case "object":
            return replace(spec, holds="object")
        case _:
            return replace(spec, holds=_unsaid(node))


def _text(spec: ParamSpec, node: Node) -> ParamSpec:
    secret = node.get("format") == "password" or node.get("x-cog-secret") is True
    shortest, longest = _count(node.get("minLength")), _count(node.get("maxLength"))
    return replace(spec, kind=ParamKind.TEXT, shortest=shortest or None, longest=longest, secret=secret)


def _union(spec: ParamSpec, node: Node) -> ParamSpec:
    """A text with examples where a union says "one of these, or any text"; a number for two kinds of number."""
    branches = [branch for branch in node["anyOf"] if isinstance(branch, Mapping)]
    free = [branch for branch in branches if branch.get("type") == "string" and "enum" not in branch]
    listed = [branch for branch in branches if "enum" in branch]
    if free and len(free) + len(listed) == len(branches) and not any(_limits(branch) for branch in free):
        examples = choices_of({"anyOf": listed}) if listed else ()
        if all(isinstance(choice.value, str) for choice in examples):
            return replace(_text(spec, free[0]), choices=examples)
    # A union beside a type of its own says only what must go together.
    kinds = {node["type"]} if "type" in node else {branch.get("type") for branch in branches}
    if kinds == {"integer", "number"} and not any(_limits(branch) for branch in branches):
        return replace(spec, kind=ParamKind.NUMBER)
    holds = {"array": "list", "object": "object"}.get(str(next(iter(kinds)))) if len(kinds) == 1 else None
    found: Literal["", "list", "object"] = (
        "list" if holds == "list" else "object" if holds == "object" else ""
    )
    return replace(spec, holds=found)


def _limits(node: Node) -> bool:
    keys = {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
    }
    return bool(keys & node.keys())


def _unsaid(node: Node) -> Literal["", "list", "object"]:
    if isinstance(node.get("properties"), Mapping):
        return "object"
    return "list" if "items" in node else ""


def _bound(node: Node, key: str, open_key: str, tighter: Any) -> tuple[float | None, bool]:
    bound, opened = finite(node.get(key)), node.get(open_key)
    if opened is True:  # OpenAPI 3.0 says of the bound itself that it is excluded
        return bound, bound is not None
    other = finite(opened)
    if other is None:
        return bound, False
    if bound is None or tighter(bound, other) == other:
        return other, True
    return bound, False


def _count(value: object) -> int | None:
    number = finite(value)
    return int(number) if number is not None and number >= 0 else None


def _is_important(node: Node) -> bool:
    hints = node.get("ui")
    return isinstance(hints, Mapping) and hints.get("important") is True
