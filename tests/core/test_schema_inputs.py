"""Which fields take pictures and LoRAs, and how the inputs of a recipe fill them."""

from __future__ import annotations

from typing import Any

import pytest

from silverprint.core.check import check_recipe
from silverprint.core.errors import BadRecipe
from silverprint.core.params import ParamKind
from silverprint.core.recipe import LoraUse, Recipe, Source
from silverprint.core.schema import read_shape, request_body
from tests.core.making import COG, FAL, REF, body_of, shape, spec_of


def test_roles_of_pictures() -> None:
    roles = {part.wire: part.roles for part in shape(FAL).parts.pictures}
    assert roles == {
        "image_urls": ("image",),  # references have a field of their own here
        "style_image_url": ("reference",),
        "control_image_url": ("control",),
        "mask_image_url": ("mask",),
    }
    cog = shape(COG)
    assert [part.wire for part in cog.parts.pictures] == ["image", "guide_file"]
    assert spec_of(cog, "archive").kind is ParamKind.TEXT
    strength = cog.form.sources[0].strength
    assert strength is not None
    assert (strength.wire, strength.default, strength.high) == ("prompt_strength", 0.8, 1)


@pytest.mark.parametrize(
    ("wire", "node"),
    [
        ("num_images", {"type": "integer"}), ("image_style", {"type": "string"}), ("video_url", {"type": "string"}),
        ("image_size", {"type": "string"}), ("images_data_url", {"type": "string"}), ("create_masks", {"type": "boolean"}),
        ("image_encoder_path", {"type": "string"}), ("image_format", {"type": "string", "enum": ["png"]}),
        ("input_images", {"type": "string", "format": "uri", "description": "A zip of images."}),
        ("audio", {"type": "string", "format": "uri"}), ("lora_url", {"type": "string", "format": "uri"}),
        ("image_style_references", {"type": "array", "items": {"type": "object", "properties": {"image_url": {}, "strength": {}}}}),
    ],
)  # fmt: skip
def test_what_is_no_picture(wire: str, node: dict[str, Any]) -> None:
    read = read_shape({"type": "object", "properties": {wire: node}})
    assert read.parts.pictures == ()
    assert wire in read.names()


def _sources(*roles: str) -> tuple[Source, ...]:
    return tuple(Source(role=role, sha256=f"{role}{n}") for n, role in enumerate(roles))  # type: ignore[arg-type]


def _links(sources: tuple[Source, ...]) -> dict[str, str]:
    return {source.sha256: f"link:{source.sha256}" for source in sources}


def test_a_list_takes_the_image_first_and_then_references() -> None:
    node = {"type": "array", "items": {"type": "string"}, "maxItems": 3}
    read = read_shape({"type": "object", "properties": {"image_urls": node}, "required": ["image_urls"]})
    assert [(spec.role, spec.most, spec.required) for spec in read.form.sources] == [
        ("image", 1, True),
        ("reference", 2, False),
    ]
    sources = _sources("reference", "image", "reference")
    body = request_body(read, Recipe(ref=REF, prompt="", sources=sources), links=_links(sources))
    assert body == {"image_urls": ["link:image1", "link:reference0", "link:reference2"]}
    only = _sources("reference")
    check_recipe(read.form, Recipe(ref=REF, prompt="", sources=only))  # any of them satisfies the list
    assert request_body(read, Recipe(ref=REF, prompt="", sources=only), links=_links(only)) == {
        "image_urls": ["link:reference0"]
    }
    with pytest.raises(BadRecipe, match="image: needed"):
        check_recipe(read.form, Recipe(ref=REF, prompt=""))


def test_numbered_fields_take_the_image_first_and_then_references() -> None:
    names = ["input_image", "input_image_2", "input_image_3"]
    read = read_shape({"type": "object", "properties": {name: {"type": "string"} for name in names}})
    sources = _sources("reference", "image")
    body = request_body(read, Recipe(ref=REF, prompt="", sources=sources), links=_links(sources))
    assert body == {"input_image": "link:image1", "input_image_2": "link:reference0"}
    assert [(spec.role, spec.most) for spec in read.form.sources] == [("image", 1), ("reference", 2)]
    only = _sources("reference", "reference")
    body = request_body(read, Recipe(ref=REF, prompt="", sources=only), links=_links(only))
    assert body == {"input_image": "link:reference0", "input_image_2": "link:reference1"}


def test_a_string_or_a_list_is_sent_as_a_list() -> None:
    node = {
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 10},
        ]
    }
    read = read_shape({"type": "object", "properties": {"images": node}})
    sources = _sources("image")
    assert request_body(read, Recipe(ref=REF, prompt="", sources=sources), links=_links(sources)) == {
        "images": ["link:image0"]
    }
    assert [spec.most for spec in read.form.sources] == [1, 9]


def test_pictures_in_objects_are_wrapped() -> None:
    ref = {"type": "object", "properties": {"image_url": {"type": "string"}, "file_id": {"type": "string"}}}
    schema = {
        "type": "object",
        "properties": {
            "images": {"type": "array", "items": {"$ref": "#/$defs/Ref"}},
            "mask": {"$ref": "#/$defs/Ref"},
        },
        "$defs": {"Ref": ref},
    }
    sources = _sources("image", "mask")
    body = request_body(
        read_shape(schema), Recipe(ref=REF, prompt="", sources=sources), links=_links(sources)
    )
    assert body == {"images": [{"image_url": "link:image0"}], "mask": {"image_url": "link:mask1"}}


def test_a_picture_without_a_link_or_a_place_is_an_error() -> None:
    read = read_shape({"type": "object", "properties": {"image": {"type": "string"}}})
    with pytest.raises(BadRecipe, match="missing"):
        request_body(read, Recipe(ref=REF, prompt="", sources=_sources("image")), links={})
    two = _sources("image", "image")
    with pytest.raises(BadRecipe, match="so many"):
        request_body(read, Recipe(ref=REF, prompt="", sources=two), links=_links(two))


def test_loras_in_objects_in_pairs_and_in_lists() -> None:
    loras = (LoraUse(name="a", weight=0.5), LoraUse(name="b"))
    fal = shape(FAL)
    assert (fal.form.takes_loras, fal.form.loras_most) == (True, 3)
    body = body_of(fal, Recipe(ref=REF, prompt="fox", loras=loras))
    assert body["loras"] == [{"path": "a", "scale": 0.5}, {"path": "b", "scale": 1.0}]
    cog = shape(COG)
    assert cog.form.loras_most == 2
    body = body_of(cog, Recipe(ref=REF, prompt="fox", loras=loras))
    assert (body["lora_weights"], body["lora_scale"]) == ("a", 0.5)
    assert (body["extra_lora"], body["extra_lora_scale"]) == ("b", 1.0)
    with pytest.raises(BadRecipe, match="from -1 to 3"):
        check_recipe(cog.form, Recipe(ref=REF, prompt="fox", loras=(LoraUse(name="a", weight=4),)))
    lists = {
        "hf_loras": {"type": "array", "items": {"type": "string"}},
        "lora_scales": {"type": "array", "items": {"type": "number"}},
    }
    body = body_of(
        read_shape({"type": "object", "properties": lists}), Recipe(ref=REF, prompt="", loras=loras)
    )
    assert body == {"hf_loras": ["a", "b"], "lora_scales": [0.5, 1.0]}
