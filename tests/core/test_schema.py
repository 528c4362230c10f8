"""What single conventions of the services become, on schemas that we wrote ourselves."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from silverprint.core.check import check_recipe
from silverprint.core.errors import BadRecipe
from silverprint.core.params import ParamKind
from silverprint.core.recipe import Recipe, Source
from silverprint.core.schema import read_shape, request_body, shape_json, shape_of
from tests.core.imitating import judged
from tests.core.making import (
    COG,
    FAL,
    PYDANTIC,
    REF,
    Pair,
    any_recipe,
    body_of,
    faults,
    plain_recipe,
    shape,
    spec_of,
)

ALL = pytest.mark.parametrize(
    "pair", [pytest.param(COG, id="cog"), pytest.param(FAL, id="fal"), pytest.param(PYDANTIC, id="pydantic")]
)


@ALL
def test_every_property_is_somewhere(pair: Pair) -> None:
    assert set(shape(pair).names()) == set(pair[0]["properties"])


@ALL
def test_bodies_satisfy_the_schema(pair: Pair) -> None:
    read = shape(pair)
    recipes = [plain_recipe(read.form), *(any_recipe(Random(seed), read.form) for seed in range(60))]
    for recipe in recipes:
        body = body_of(read, recipe)
        assert faults(judged(pair), body) == [], body


@ALL
def test_a_shape_survives_the_disk(pair: Pair) -> None:
    read = shape(pair)
    assert shape_of(json.loads(json.dumps(shape_json(read)))) == read


def test_order_is_the_services_own() -> None:
    assert [spec.name for spec in shape(COG).form.params[:4]] == [
        "aspect_ratio",
        "outputs",
        "steps",
        "megapixels",
    ]
    assert [spec.name for spec in shape(FAL).form.params[:3]] == ["size", "duration", "layers"]


def test_choices_keep_the_type_of_their_values() -> None:
    assert [choice.value for choice in spec_of(shape(FAL), "duration").choices] == ["5", "10"]
    assert [choice.value for choice in spec_of(shape(COG), "tile").choices] == [1, 2, 4]
    level = spec_of(shape(FAL), "level")
    assert [(choice.value, choice.title) for choice in level.choices] == [(1, "One"), (5, "Five")]
    assert level.default == 5


def test_ranges_are_exact() -> None:
    cut = spec_of(shape(FAL), "cut")
    assert (cut.low, cut.high, cut.low_open, cut.high_open) == (0, 1, True, True)
    grid = spec_of(shape(FAL), "grid")
    assert (grid.low, grid.high, grid.multiple) == (64, 512, 64)
    assert spec_of(shape(FAL), "old").low == 1  # OpenAPI 3.0 writes the exclusion as a truth value


def test_hidden_and_deprecated_ones_stay_and_say_so() -> None:
    for name, word in (("debug", "hides"), ("old", "Deprecated")):
        spec = spec_of(shape(FAL), name)
        assert spec.group == "more"
        assert word in spec.help


def test_what_is_not_understood_is_json() -> None:
    read = shape(FAL)
    for name in ("layers", "nowhere", "elsewhere", "threshold", "anything"):
        assert spec_of(read, name).kind is ParamKind.JSON
    assert spec_of(read, "layers").holds == "list"
    assert read.parts.left_out == ("never",)


def test_a_constant_is_its_own_default() -> None:
    read = shape(FAL)
    assert spec_of(read, "mode").default == "draw"
    assert body_of(read, Recipe(ref=REF, prompt="fox"))["mode"] == "draw"


def test_sizes() -> None:
    size = spec_of(shape(FAL), "size")
    assert size.default == "1280x720"
    assert [choice.value for choice in size.choices] == ["square_hd", "landscape_4_3"]
    assert (size.low, size.high) == (1, 2048)
    fal = shape(FAL)
    assert body_of(fal, Recipe(ref=REF, prompt="fox", params={"size": "640x480"}))["image_size"] == {
        "width": 640,
        "height": 480,
    }
    assert (
        body_of(fal, Recipe(ref=REF, prompt="fox", params={"size": "square_hd"}))["image_size"] == "square_hd"
    )
    pair = spec_of(shape(PYDANTIC), "size")
    assert (pair.default, pair.low, pair.high, pair.step) == ("1024x768", 256, 1440, 32)
    image = (Source(role="image", sha256="a"),)
    body = body_of(shape(PYDANTIC), Recipe(ref=REF, prompt="", sources=image))
    assert (body["width"], body["height"]) == (1024, 768)  # required, so even the default is sent


def test_zero_means_that_the_service_chooses() -> None:
    side = {"anyOf": [{"type": "integer", "minimum": 64}, {"type": "null"}], "default": 0}
    read = read_shape({"type": "object", "properties": {"width": side, "height": side}})
    assert spec_of(read, "size").default == "auto"
    assert body_of(read, Recipe(ref=REF, prompt="", params={"size": "auto"})) == {}
    assert body_of(read, Recipe(ref=REF, prompt="", params={"size": "640x480"})) == {
        "width": 640,
        "height": 480,
    }


@pytest.mark.parametrize(
    ("width", "height"),
    [
        ({"type": "integer", "minimum": 64}, {"type": "integer", "minimum": 128}),
        ({"type": "integer", "default": 512}, {"type": "integer"}),
        ({"type": "integer", "enum": [512, 768]}, {"type": "integer", "enum": [512, 768]}),
    ],
)
def test_sides_that_differ_stay_two_numbers(width: dict[str, Any], height: dict[str, Any]) -> None:
    read = read_shape({"type": "object", "properties": {"width": width, "height": height}})
    assert [spec.name for spec in read.form.params] == ["width", "height"]


def test_free_sizes_are_sent_with_the_services_own_cross() -> None:
    node = {"type": "string", "default": "1024*1024"}
    read = read_shape({"type": "object", "properties": {"size": node}})
    assert body_of(read, Recipe(ref=REF, prompt="", params={"size": "640x480"})) == {"size": "640*480"}
    open_ended = {
        "anyOf": [{"type": "string"}, {"type": "string", "enum": ["auto", "1024x1024"]}],
        "default": "auto",
    }
    read = read_shape({"type": "object", "properties": {"size": open_ended}})
    assert spec_of(read, "size").default == "auto"
    assert body_of(read, Recipe(ref=REF, prompt="", params={"size": "1536x864"})) == {"size": "1536x864"}


def test_resolutions_are_no_sizes() -> None:
    node = {"type": "string", "enum": ["1K", "2K"]}
    read = read_shape({"type": "object", "properties": {"imageSize": node}})
    assert spec_of(read, "resolution").wire == "imageSize"
    both = read_shape({"type": "object", "properties": {"imageSize": node, "resolution": node, "size": node}})
    assert set(both.names()) == {"imageSize", "resolution", "size"}
    assert len({spec.name for spec in both.form.params}) == 3


def test_names_are_ours_and_never_clash() -> None:
    read = shape(PYDANTIC)
    names = [spec.name for spec in read.form.params]
    assert len(set(names)) == len(names)
    assert not {"count", "strength", "seed", "image", "mask", "prompt"} & set(names)
    assert read.our_name("count") == "count_value"
    assert read.our_name("guidance") == "guidance"
    assert read.our_name("cfg") == "cfg"  # the second of two that we would call guidance keeps its own name
    assert shape(COG).our_name("num_inference_steps") == "steps"


def test_an_error_names_our_fields() -> None:
    read = shape(FAL)
    assert read.our_name("body.loras.0.path") == "loras"
    assert read.our_name("image_urls[0]") == "image"
    assert read.our_name("no\x1b[31m such") == "no\ufffd[31m such"


def test_seed_range() -> None:
    form = shape(PYDANTIC).form
    assert (form.seed_min, form.seed_max) == (1, 99)
    with pytest.raises(BadRecipe, match="from 1 to 99"):
        check_recipe(form, Recipe(ref=REF, prompt="", seed=0, sources=(Source(role="image", sha256="a"),)))
    assert shape(COG).form.seed_max == 2**31 - 1
    odd = read_shape({"type": "object", "properties": {"seed": {"type": "string"}}})
    assert not odd.form.takes_seed
    assert spec_of(odd, "seed_value").wire == "seed"


def test_prompt_length_is_checked() -> None:
    form = shape(FAL).form
    with pytest.raises(BadRecipe, match="at most 90"):
        check_recipe(form, Recipe(ref=REF, prompt="x" * 91))
    assert not read_shape({"type": "object", "properties": {"image": {"type": "string"}}}).form.takes_prompt


def test_a_secret_is_shown_and_never_sent() -> None:
    read = shape(COG)
    spec = spec_of(read, "hf_api_token")
    assert spec.secret
    assert spec.group == "more"
    with pytest.raises(BadRecipe, match="not sent"):
        request_body(read, Recipe(ref=REF, prompt="fox", params={"hf_api_token": "hf_x"}), links={})


def test_unchanged_defaults_are_left_out_and_required_ones_sent() -> None:
    read = shape(COG)
    recipe = check_recipe(read.form, Recipe(ref=REF, prompt="fox", seed=7))
    assert recipe.params["steps"] == 28
    assert request_body(read, recipe, links={}) == {"prompt": "fox", "seed": 7}
    changed = Recipe(ref=REF, prompt="fox", params={"steps": 4.0})
    body = body_of(read, changed)
    assert body["num_inference_steps"] == 4
    assert isinstance(body["num_inference_steps"], int)


def test_a_parameter_of_another_model_is_refused() -> None:
    with pytest.raises(BadRecipe) as caught:
        request_body(shape(COG), Recipe(ref=REF, prompt="fox", params={"wings": 2, "steps": 99}), links={})
    assert set(caught.value.fields) == {"wings", "steps"}


def test_skipped_fields_are_listed_and_not_in_the_form() -> None:
    read = shape(COG, skip=("seed", "archive", "not_there"))
    assert set(read.parts.left_out) == {"seed", "archive"}
    assert not read.form.takes_seed
    assert read.form.spec("archive") is None


def test_words_from_outside_are_made_safe_and_cut() -> None:
    node = {"type": "string", "title": "Col\x1b[31mour\n" * 30, "description": "a\x9b" * 4000}
    spec = spec_of(read_shape({"type": "object", "properties": {"colour": node}}), "colour")
    assert "\x1b" not in spec.title + spec.help
    assert "\x9b" not in spec.help
    assert len(spec.title) < 80
    assert len(spec.help) < 400


def test_a_text_with_examples_takes_any_text() -> None:
    node = {"anyOf": [{"type": "string"}, {"type": "string", "enum": ["a", "b"]}]}
    spec = spec_of(read_shape({"type": "object", "properties": {"checkpoint": node}}), "checkpoint")
    assert spec.kind is ParamKind.TEXT
    assert [choice.value for choice in spec.choices] == ["a", "b"]


def test_references_in_circles_end() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}, "b": {"allOf": [{"$ref": "#/properties/b"}] * 9}},
        "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}, "B": {"$ref": "#/$defs/A"}},
    }
    assert set(read_shape(schema).names()) == {"a", "b"}


def test_a_union_of_objects_has_the_fields_of_all() -> None:
    schema = {
        "anyOf": [
            {"type": "object", "properties": {"prompt": {"type": "string"}, "a": {"type": "integer"}}, "required": ["prompt", "a"]},
            {"type": "object", "properties": {"prompt": {"type": "string"}, "b": {"type": "integer"}}, "required": ["prompt"]},
        ]
    }  # fmt: skip
    read = read_shape(schema)
    assert set(read.names()) == {"prompt", "a", "b"}
    assert not spec_of(read, "a").required


@pytest.mark.parametrize("value", [None, 3, "x", [], {"version": 1}, {"version": 9, "form": {}, "parts": {}},
                                   {"version": 1, "form": {"wings": 1}, "parts": {}}, {"version": 1, "form": {"params": [{}]}, "parts": {}}])  # fmt: skip
def test_a_damaged_shape_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="shape"):
        shape_of(value)
