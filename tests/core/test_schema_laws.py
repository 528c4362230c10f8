"""Laws: reading a schema never raises and loses nothing, and what a form lets through the schema lets through."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from silverprint.core.params import ParamKind, check, parse, to_text
from silverprint.core.schema import read_shape, shape_json, shape_of
from tests.core.making import any_recipe, any_value, body_of, faults, is_known

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
WIRES = st.sampled_from(
    [
        "prompt", "negative_prompt", "seed", "image", "image_url", "image_urls", "mask_url", "control_image", "loras", "lora_weights",
        "lora_scale", "width", "height", "size", "image_size", "aspect_ratio", "num_images", "n", "steps", "strength", "count",
        "style_image", "input_image", "input_image_2", "reference_images", "scheduler", "Größe", "a b", "", "__", "numImages",
    ]
)  # fmt: skip
KEYWORDS = st.sampled_from(
    ["type", "enum", "const", "default", "anyOf", "oneOf", "allOf", "$ref", "items", "properties", "required", "minimum",
     "maximum", "exclusiveMinimum", "multipleOf", "format", "nullable", "title", "description", "x-order", "ui", "maxItems",
     "minLength", "maxLength", "deprecated", "hidden"]
)  # fmt: skip
REFS = st.sampled_from(
    ["#", "#/properties/image", "#/$defs/A", "#/$defs/B", "#/nowhere/0", "http://x/y", "#/%24defs/A"]
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null", "file"])
# Nodes that look like a schema and are as wrong as they like.
wild_nodes = st.recursive(
    json_values | st.fixed_dictionaries({"$ref": REFS}) | st.fixed_dictionaries({"type": TYPES}),
    lambda inner: st.dictionaries(
        KEYWORDS,
        json_values
        | inner
        | st.lists(inner, max_size=3)
        | st.dictionaries(WIRES, inner, max_size=3)
        | REFS
        | TYPES,
        max_size=5,
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(WIRES | st.text(max_size=8), wild_nodes, max_size=6),
    st.lists(WIRES, max_size=3) | json_values,
    st.dictionaries(st.sampled_from("AB"), wild_nodes),
    st.dictionaries(
        st.sampled_from(["x-fal-order-properties", "allOf", "anyOf", "type"]), wild_nodes, max_size=2
    ),
)
def test_no_schema_is_too_odd(
    properties: dict[str, Any], required: Any, defs: dict[str, Any], more: dict[str, Any]
) -> None:
    schema = {**more, "properties": properties, "required": required, "$defs": defs}
    shape = read_shape(schema)
    assert set(shape.names()) >= set(properties)
    names = [spec.name for spec in shape.form.params]
    assert len(set(names)) == len(names)
    assert all(name and "-" not in name and "=" not in name and name == name.strip() for name in names)
    assert shape_of(json.loads(json.dumps(shape_json(shape)))) == shape


@settings(max_examples=150, deadline=None)
@given(json_values, json_values)
def test_no_json_is_too_odd(schema: Any, document: Any) -> None:
    read_shape(schema, document=document)


def test_a_million_branches_end() -> None:
    wide: dict[str, Any] = {"allOf": [{"$ref": "#/$defs/A"}] * 60}
    assert read_shape({"type": "object", "properties": {"a": wide}, "$defs": {"A": wide}}).names() == {
        "a": "a"
    }


def test_numbers_too_large_for_a_machine_are_no_bounds() -> None:
    huge = {
        "type": "number",
        "minimum": -(10**400),
        "maximum": 10**400,
        "multipleOf": 10**400,
        "default": 10**400,
    }
    spec = read_shape({"properties": {"x": huge}}).form.params[0]
    assert (spec.kind, spec.low, spec.high, spec.multiple) == (ParamKind.NUMBER, None, None, None)


def _numbers(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Ranges with something in them; steps are binary fractions, so that every validator divides exactly."""
    bound = st.integers(-64, 64)

    def build(
        low: int, span: int, opened: tuple[bool, bool], step: float | None, given: tuple[bool, bool]
    ) -> dict[str, Any]:
        node: dict[str, Any] = {"type": kind}
        if step is not None:
            node["multipleOf"] = step
        node |= {"exclusiveMinimum" if opened[0] else "minimum": low} if given[0] else {}
        node |= {"exclusiveMaximum" if opened[1] else "maximum": low + span} if given[1] else {}
        return node

    steps = st.sampled_from([None, None, 1, 2, 4] if kind == "integer" else [None, None, 0.25, 0.5, 2])
    pairs = st.tuples(st.booleans(), st.booleans())
    return st.builds(build, bound, st.integers(10, 60), pairs, steps, pairs)


_enums = st.lists(
    st.integers(-9, 9) | st.text("ab5 ", min_size=1, max_size=3) | st.booleans(), min_size=1, max_size=5
).map(lambda values: {"enum": list({(type(value), value): value for value in values}.values())})
_texts = st.fixed_dictionaries(
    {"type": st.just("string")}, optional={"minLength": st.integers(0, 3), "maxLength": st.integers(3, 9)}
)
_plain = st.one_of(
    _numbers("integer"),
    _numbers("number"),
    _enums,
    _texts,
    st.just({"type": "boolean"}),
    st.just({"type": "array"}),
)


@st.composite
def good_nodes(draw: st.DrawFn) -> dict[str, Any]:
    """Nodes that a service could write: plain ones, nullable ones, and references, with a default or without."""
    node: dict[str, Any] = draw(_plain)
    style = draw(st.sampled_from(["plain", "null", "allOf", "type list"]))
    if style == "null":
        node = {"anyOf": [node, {"type": "null"}]}
    elif style == "allOf":
        node = {"allOf": [node], "title": "Some title"}
    elif style == "type list" and "type" in node:
        node = {**node, "type": [node["type"], "null"]}
    return node


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(WIRES | st.text("abcXY_1", min_size=1, max_size=5), good_nodes(), max_size=7), st.data()
)
def test_what_the_form_takes_the_schema_takes(properties: dict[str, Any], data: st.DataObject) -> None:
    required = data.draw(
        st.lists(st.sampled_from(sorted(properties)), unique=True, max_size=3) if properties else st.just([])
    )
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    shape = read_shape(schema)
    assert set(shape.names()) == set(properties)
    for seed in range(3):
        recipe = any_recipe(Random(seed), shape.form)
        body = body_of(shape, recipe)
        # A seed or a negative prompt that the service insists on is the person's to give.
        owed = {
            part.wire
            for part in (shape.parts.seed, shape.parts.negative, shape.parts.prompt)
            if part is not None
        }
        rest = {**schema, "required": [wire for wire in required if wire not in owed - set(body)]}
        assert faults(rest, _without_odd_texts(body, shape.parts)) == []


def _without_odd_texts(body: dict[str, Any], parts: Any) -> dict[str, Any]:
    """The body without the prompts, whose least length belongs to the words a person types."""
    texts = {part.wire for part in (parts.prompt, parts.negative) if part is not None}
    return {wire: ("abcd"[:3] if wire in texts else value) for wire, value in body.items()}


@settings(max_examples=200, deadline=None)
@given(good_nodes(), st.integers(0, 1000))
def test_a_value_survives_being_typed(node: dict[str, Any], seed: int) -> None:
    spec = read_shape({"type": "object", "properties": {"some": node}}).form.params[0]
    if is_known(spec):
        value = check(spec, any_value(Random(seed), spec))
        again = parse(spec, to_text(spec, value))
        assert again == value
        assert type(again) is type(value)
