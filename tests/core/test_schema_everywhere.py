"""Every schema at hand, read without loss: the services' own documents, and those of all models we ship."""

from __future__ import annotations

import json
from functools import cache
from random import Random
from typing import Any

import pytest

from silverprint.core.check import check_recipe
from silverprint.core.params import check_all, parse, to_text
from silverprint.core.recipe import Recipe
from silverprint.core.schema import Shape, read_shape, shape_json, shape_of
from silverprint.providers.catalog import SKIPPED, shipped
from tests.core.imitating import cog_document, fal_document, judged
from tests.core.making import (
    Pair,
    any_recipe,
    any_value,
    body_of,
    faults,
    full_recipe,
    is_known,
    plain_recipe,
)
from tests.standins.spec import document

CATALOGUE = {
    f"{service}:{model.info.ref.model}": (service, dict(model.takes))
    for service in ("fal", "replicate", "bfl", "openai", "gemini", "hf")
    for model in shipped(service, every=True)
    if model.takes is not None
}


@cache
def pair_of(name: str) -> Pair:
    service, takes = CATALOGUE[name]
    return (cog_document if service == "replicate" else fal_document)(takes)


def assert_nothing_is_lost(
    shape: Shape, schema: dict[str, Any], whole: dict[str, Any], *, rounds: int
) -> None:
    """The law of this file: every property in the shape, and every body as the validator wants it."""
    form = shape.form
    wires = set(schema["properties"])
    assert set(shape.names()) == wires
    names = [spec.name for spec in form.params]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name == name.lower() for name in names)
    required = {spec.name for spec in form.params if spec.required and spec.default is None}
    assert set(check_all(form, form.defaults())[1]) <= required
    for spec in form.params:
        if spec.default is not None:
            assert parse(spec, to_text(spec, spec.default)) == spec.default
    plain = plain_recipe(form)
    assert faults(whole, body_of(shape, plain)) == []
    # With all defaults filled in, the same is sent as without: nothing that nobody changed.
    assert body_of(shape, check_recipe(form, plain)) == body_of(shape, plain)
    sent: set[str] = set()
    for seed in range(rounds):
        random = Random(seed)
        recipe = any_recipe(random, form)
        body = body_of(shape, recipe)
        assert faults(whole, body) == [], body
        sent |= set(body)
    full = full_recipe(form)
    assert faults(whole, body_of(shape, full)) == []
    sent |= set(body_of(shape, full))
    unsent: set[str] = set()
    for spec in form.params:  # each one alone reaches the body
        if not is_known(spec):
            unsent.add(spec.wire)
            continue
        values = [any_value(Random(seed), spec) for seed in range(12)]
        changed = [value for value in values if value != spec.default]
        if changed:
            body = body_of(
                shape, Recipe(**{**_members(plain), "params": {**plain.params, spec.name: changed[0]}})
            )
            assert faults(whole, body) == [], body
            sent |= set(body)
        else:
            unsent.add(spec.wire)
    assert sent >= wires - set(shape.parts.left_out) - unsent


def _members(recipe: Recipe) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in Recipe.__dataclass_fields__}


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_the_models_we_ship_lose_nothing(name: str) -> None:
    schema, whole = pair_of(name)
    shape = read_shape(schema, document=whole, skip=SKIPPED.get(CATALOGUE[name][0], ()))
    assert_nothing_is_lost(shape, schema, judged((schema, whole)), rounds=8)
    assert shape_of(json.loads(json.dumps(shape_json(shape)))) == shape


@pytest.mark.parametrize(
    "name", sorted(name for name in CATALOGUE if name.startswith(("fal:", "replicate:")))
)
def test_the_order_is_kept(name: str) -> None:
    schema, whole = pair_of(name)
    shape = read_shape(schema, document=whole)
    listed = list(CATALOGUE[name][1])
    places = [listed.index(spec.wire or "width") for spec in shape.form.params]
    assert places == sorted(places)


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_one_notation_makes_the_same_form_as_the_services_schema(name: str) -> None:
    service, _ = CATALOGUE[name]
    ours = next(m.shape for m in shipped(service, every=True) if f"{service}:{m.info.ref.model}" == name)
    schema, whole = pair_of(name)
    theirs = read_shape(schema, document=whole, skip=SKIPPED.get(service, ()))
    assert ours is not None
    assert [(spec.name, spec.kind, spec.default) for spec in ours.form.params] == [
        (spec.name, spec.kind, spec.default) for spec in theirs.form.params
    ]
    assert [(one.role, one.most, one.required) for one in ours.form.sources] == [
        (one.role, one.most, one.required) for one in theirs.form.sources
    ]


def official(file: str) -> list[tuple[str, dict[str, Any]]]:
    """Every JSON body that the service's own document asks for, by method and path."""
    whole = document(file)
    if whole is None:
        return []
    found = []
    for path, item in whole["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict) and method in ("post", "put", "patch"):
                for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                    if "schema" in content and "octet" not in kind:
                        found.append((f"{method} {path} {kind}", content["schema"]))
    return found


FILES = (
    "bfl.openapi.json",
    "openai-images.openapi.json",
    "replicate.openapi.json",
    "fal-platform.openapi.json",
)


@pytest.mark.parametrize("file", FILES)
def test_the_services_own_documents_lose_nothing(file: str) -> None:
    whole = document(file)
    if whole is None:
        pytest.skip(f"{file} is not beside the checkout")
    bodies = official(file)
    assert bodies
    for name, schema in bodies:
        resolved = _resolved(schema, whole)
        if "properties" not in resolved:
            continue
        shape = read_shape(schema, document=whole, skip=("webhook_url", "webhook_secret"))
        # Multipart bodies carry bytes where we carry links; the rules are the same.
        try:
            assert_nothing_is_lost(shape, resolved, {**whole, **schema}, rounds=12)
        except AssertionError as error:
            raise AssertionError(f"{file} {name}") from error


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    found: Any = schema
    while "$ref" in found:
        target: Any = whole
        for step in found["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        found = target
    return dict(found)
