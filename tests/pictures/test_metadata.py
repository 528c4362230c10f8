"""The recipe goes into a file and comes back, in any script; other tools read it, and theirs is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

from silverprint.core.errors import NotFound, PictureError
from silverprint.core.recipe import Engine, LoraUse, ModelRef, Recipe, Source
from silverprint.pictures.a1111 import recipe_of_parameters
from silverprint.pictures.metadata import embed, parameters_text, read
from silverprint.store.codec import recipe_json

Encode = Callable[..., bytes]

TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
RECIPE = Recipe(
    ref=ModelRef("pocket", "pocket"),
    prompt="雪の狐, a fox\nغروب الشمس 🦊",
    negative_prompt="blur, text",
    seed=7,
    params={"steps": 12, "guidance": 4.0, "solver": "dpm", "size": "128x128", "raw": {"a": [1, None, True]}},
    sources=(Source(role="image", sha256="ab" * 32, strength=0.6, name="a.png"),),
    loras=(LoraUse(name="film", weight=0.8),),
    template="{雪の狐|fox}",
    engine=Engine(name="onnxruntime", versions={"numpy": "2"}, device="cpu", model_sha256="cd" * 32),
)

texts = st.text(max_size=200)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
recipes = st.builds(
    Recipe,
    ref=st.builds(ModelRef, st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=40)),
    prompt=texts,
    negative_prompt=texts,
    seed=st.none() | st.integers(0, 2**63),
    params=st.dictionaries(texts, json_values, max_size=4),
    sources=st.lists(
        st.builds(
            Source,
            role=st.sampled_from(["image", "mask", "reference", "control"]),
            sha256=texts,
            strength=st.none() | st.floats(0, 1),
            name=texts,
        ),
        max_size=3,
    ).map(tuple),
    loras=st.lists(st.builds(LoraUse, name=texts, weight=st.floats(-2, 2)), max_size=2).map(tuple),
    template=st.none() | texts,
    engine=st.none() | st.builds(Engine, name=texts, versions=st.dictionaries(texts, texts, max_size=2)),
)


def record_of(recipe: Recipe) -> dict[str, Any]:
    return {"v": 1, "recipe": recipe_json(recipe), "id": "x-1", "seed": recipe.seed}


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recipe=recipes, kind=st.sampled_from(list(TYPES)))
def test_any_recipe_comes_back(encoded: Encode, recipe: Recipe, kind: str) -> None:
    data = encoded(kind, size=(8, 8))
    whole = embed(data, TYPES[kind], record_of(recipe), parameters_text(recipe, 8, 8))
    note = read(whole)
    assert note is not None
    assert note.problem == ""
    assert note.recipe == recipe
    assert note.record == record_of(recipe)
    with Image.open(BytesIO(whole)) as made, Image.open(BytesIO(data)) as sent:
        assert made.tobytes() == sent.tobytes()


@pytest.mark.parametrize("kind", TYPES)
def test_embedding_again_replaces(encoded: Encode, kind: str) -> None:
    data = encoded(kind)
    once = embed(data, TYPES[kind], record_of(RECIPE), "one")
    other = replace(RECIPE, prompt="another")
    twice = embed(embed(once, TYPES[kind], record_of(RECIPE), "one"), TYPES[kind], record_of(other), "two")
    note = read(twice)
    assert note is not None
    assert (note.recipe, note.parameters) == (other, "two")
    assert twice == embed(data, TYPES[kind], record_of(other), "two")


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("prompt", ["half \ud83d a pair", "a \0 zero", "x" * 300_000, "雪" * 100_000])
def test_long_and_odd_prompts_come_back(encoded: Encode, kind: str, prompt: str) -> None:
    recipe = replace(RECIPE, prompt=prompt)
    whole = embed(encoded(kind), TYPES[kind], record_of(recipe), parameters_text(recipe, 40, 24))
    note = read(whole)
    assert note is not None
    assert note.recipe == recipe
    with Image.open(BytesIO(whole)) as image:
        image.load()


def test_pillow_sees_both_texts_of_a_png(encoded: Encode) -> None:
    text = parameters_text(RECIPE, 128, 128)
    with Image.open(BytesIO(embed(encoded(), "image/png", record_of(RECIPE), text))) as image:
        assert image.info["parameters"] == text
        assert json.loads(image.info["silverprint"]) == record_of(RECIPE)
    plain = replace(RECIPE, prompt="a fox", template=None)
    text = parameters_text(plain, 128, 128)
    whole = embed(encoded(), "image/png", record_of(plain), text)
    assert b"tEXtparameters\0" in whole
    with Image.open(BytesIO(whole)) as image:
        assert image.info["parameters"] == text


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_other_tools_find_the_comment_in_exif(encoded: Encode, kind: str) -> None:
    text = parameters_text(RECIPE, 128, 128)
    with Image.open(BytesIO(embed(encoded(kind), TYPES[kind], record_of(RECIPE), text))) as image:
        comment = image.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
    assert comment == b"UNICODE\0" + text.encode("utf-16-be")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_files_own_exif_stays(encoded: Encode, kind: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Artist] = "someone"
    data = encoded(kind, exif=exif.tobytes())
    with Image.open(BytesIO(embed(data, TYPES[kind], record_of(RECIPE), "text"))) as image:
        found = image.getexif()
        assert (found[ExifTags.Base.Orientation], found[ExifTags.Base.Artist]) == (6, "someone")
        assert found.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment].endswith(
            "text".encode("utf-16-be")
        )


def test_an_exif_block_that_cannot_be_understood_stays(encoded: Encode) -> None:
    data = encoded("JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff nonsense")
    whole = embed(data, "image/jpeg", record_of(RECIPE), "text")
    note = read(whole)
    assert note is not None
    assert note.recipe == RECIPE
    assert b"nonsense" in whole or note.parameters == "text"


@pytest.mark.parametrize(
    ("mode", "words", "flags"),
    [
        ("RGB", {"lossless": True}, 0x08),
        ("RGBA", {"lossless": True}, 0x18),
        ("RGB", {"quality": 80}, 0x08),
        ("RGBA", {"quality": 80}, 0x18),
    ],
)
def test_a_webp_says_what_is_in_it(encoded: Encode, mode: str, words: dict[str, Any], flags: int) -> None:
    whole = embed(encoded("WEBP", mode=mode, **words), "image/webp", record_of(RECIPE), "text")
    assert whole[12:16] == b"VP8X"
    assert whole[20] == flags  # RFC 9649, section 2.7.1: alpha 0x10, EXIF 0x08
    assert int.from_bytes(whole[4:8], "little") == len(whole) - 8


def test_other_texts_of_a_png_stay(encoded: Encode) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "{}")
    info.add_itxt("parameters", "old 雪", zip=True)
    with Image.open(
        BytesIO(embed(encoded("PNG", pnginfo=info), "image/png", record_of(RECIPE), "new"))
    ) as image:
        assert image.info["workflow"] == "{}"
        assert image.info["parameters"] == "new"


def test_the_text_is_what_other_tools_expect() -> None:
    recipe = Recipe(
        ref=ModelRef("pocket", "pocket"),
        prompt="a fox",
        negative_prompt="blur",
        seed=7,
        params={"solver": "dpm", "guidance": 4.0, "steps": 12, "size": "128x128", "odd": 'a, "b": c'},
        loras=(LoraUse(name="film", weight=0.8),),
    )
    assert parameters_text(recipe, 128, 96) == (
        "a fox <lora:film:0.8>\nNegative prompt: blur\n"
        "Steps: 12, Sampler: DPM++ 2M, CFG scale: 4, Seed: 7, Size: 128x96, Model: pocket, "
        'Odd: "a, \\"b\\": c", Version: silverprint 0.1.0'
    )


def test_what_another_tool_wrote_is_read() -> None:
    recipe = recipe_of_parameters(
        "masterpiece, 雪の狐,\nsecond line <lora:film:0.75>\nNegative prompt: lowres,\nbad\n"
        "Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 1234567890, Size: 512x768, "
        'Model hash: abc, Model: anything-v4, Denoising strength: 0.4, Lora hashes: "film: 12, x: 3", Version: v1.9.4'
    )
    assert recipe == Recipe(
        ref=ModelRef("elsewhere", "anything-v4"),
        prompt="masterpiece, 雪の狐,\nsecond line",
        negative_prompt="lowres,\nbad",
        seed=1234567890,
        params={
            "steps": 28,
            "sampler": "DPM++ 2M Karras",
            "guidance": 7.5,
            "strength": 0.4,
            "size": "512x768",
        },
        loras=(LoraUse(name="film", weight=0.75),),
    )


def test_our_own_text_is_read_back_by_the_other_reader() -> None:
    plain = replace(RECIPE, sources=(), params={"steps": 12, "guidance": 4.5})
    found = recipe_of_parameters(parameters_text(plain, 128, 96))
    assert found is not None
    assert (found.prompt, found.negative_prompt, found.seed) == (plain.prompt, plain.negative_prompt, 7)
    assert found.params == {"steps": 12, "guidance": 4.5, "size": "128x96"}
    assert found.loras == plain.loras


@settings(deadline=None, max_examples=150)
@given(text=st.text(max_size=400) | st.text(alphabet='Steps: 1,"\\\n', max_size=400))
def test_no_text_upsets_the_reader(text: str) -> None:
    recipe_of_parameters(text)
    recipe_of_parameters(text + "\nSteps: 1, Sampler: x, Seed: " + text)


def test_pictures_without_a_word() -> None:
    assert read(b"") is None
    assert read(b"not a picture") is None


@pytest.mark.parametrize("kind", TYPES)
def test_a_bare_picture_says_nothing(encoded: Encode, kind: str) -> None:
    assert read(encoded(kind)) is None


def test_another_tools_picture(encoded: Encode) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a fox\nSteps: 5, Sampler: Euler, Seed: 3, Size: 8x8")
    note = read(encoded("PNG", pnginfo=info))
    assert note is not None
    assert (note.source, note.record) == ("other", None)
    assert note.recipe is not None
    assert (note.recipe.prompt, note.recipe.seed) == ("a fox", 3)
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "just words")
    note = read(encoded("PNG", pnginfo=info))
    assert note is not None
    assert note.recipe is None
    assert note.problem


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "7", '{"v": 1}', '{"v": 1, "recipe": 7}', '{"v": 1, "recipe": {"prompt": 3}}',
        '{"v": "1"}', '{"v": 99, "recipe": {}}', "[" * 100_000, '{"v": 1, "recipe": ' + "9" * 5_000 + "}",
    ],
)  # fmt: skip
def test_a_damaged_record_says_so_and_the_other_text_helps(encoded: Encode, text: str) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("silverprint", text)
    info.add_text("parameters", "a fox\nSteps: 5, Sampler: Euler, Seed: 3, Size: 8x8")
    note = read(encoded("PNG", pnginfo=info))
    assert note is not None
    assert note.source == "silverprint"
    assert note.problem
    assert note.recipe is None or note.recipe.prompt == "a fox"


def test_a_text_after_the_pixels_is_found_even_in_a_cut_file(encoded: Encode) -> None:
    whole = embed(encoded(), "image/png", record_of(RECIPE), "text")
    note = read(whole[:-20])
    assert note is not None
    assert note.recipe == RECIPE


def test_files_and_wrong_types(tmp_path: Path, encoded: Encode) -> None:
    with pytest.raises(NotFound):
        read(tmp_path / "none.png")
    with pytest.raises(PictureError):
        read(tmp_path)
    with pytest.raises(PictureError, match="JSON"):
        embed(b'{"error": 1}', "image/png", {}, "")
    with pytest.raises(PictureError):
        embed(encoded("JPEG"), "image/png", {}, "")
    with pytest.raises(PictureError):
        embed(encoded("PNG")[:-5], "image/png", {}, "")
