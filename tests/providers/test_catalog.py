"""The shipped catalogue, its prices and the shelf: what they say, what they leave unknown, and that nothing hurts them."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silverprint.core.recipe import ModelRef, Recipe, Source
from silverprint.core.schema import request_body
from silverprint.providers.catalog import CatalogModel, find, price_of, shipped
from silverprint.providers.notation import schema_of
from silverprint.providers.shelf import Shelf

SERVICES = ("bfl", "fal", "gemini", "hf", "openai", "replicate")
RAW = json.loads(files("silverprint.providers").joinpath("catalogue.json").read_text(encoding="utf-8"))
EVERY = [model for service in SERVICES for model in shipped(service, every=True)]


def recipe(service: str, model: str, *, sources: tuple[Source, ...] = (), **params: Any) -> Recipe:
    return Recipe(ref=ModelRef(service, model), prompt="fox", params=params, sources=sources)


def usd(service: str, model: str, **params: Any) -> float | None:
    price = price_of(service, model, recipe(service, model, **params))
    return price.usd if price is not None else None


def test_the_file_says_when_it_was_written_and_holds_each_model_once() -> None:
    assert datetime.fromisoformat(RAW["as_of"])
    assert set(RAW["models"]) == set(SERVICES)
    for lines in RAW["models"].values():
        ids = [line["id"] for line in lines]
        assert len(set(ids)) == len(ids)
        assert all(set(line) <= {"id", "title", "does", "note", "price", "takes"} for line in lines)


@pytest.mark.parametrize("model", EVERY, ids=lambda model: str(model.info.ref))
def test_a_model_has_a_title_of_its_own_and_a_form_that_works(model: CatalogModel) -> None:
    same = [each for each in shipped(model.service, every=True) if each.info.title == model.info.title]
    assert same == [model]
    assert model.as_of == RAW["as_of"]
    if model.shape is None:
        return
    given = [one.role for one in model.shape.form.sources if one.required]
    sources = tuple(Source(role=role, sha256=role) for role in given)
    owed = {spec.name: "zip" for spec in model.shape.form.params if spec.required and spec.default is None}
    body = request_body(
        model.shape,
        recipe(model.service, model.info.ref.model, sources=sources, **owed),
        links={role: "https://x.org/a.png" for role in given},
    )
    if model.shape.form.takes_prompt:
        assert body["prompt"] == "fox"


def test_only_models_that_make_pictures_are_shown() -> None:
    shown, every = shipped("fal"), shipped("fal", every=True)
    hidden = {model.info.ref.model for model in every} - {model.info.ref.model for model in shown}
    assert "fal-ai/flux-lora-fast-training" in hidden
    assert "fal-ai/moondream3-preview/query" in hidden
    assert all(model.info.roles for model in shown)
    assert shipped("no-such-service") == ()


def test_a_persons_own_server_has_its_own_name() -> None:
    assert {model.info.ref.provider for model in shipped("bfl", under="lab")} == {"lab"}
    assert shipped("bfl", under="lab")[0].shape == shipped("bfl")[0].shape


def test_what_nobody_told_is_unknown() -> None:
    schnell = find("replicate", "black-forest-labs/flux-schnell")
    assert schnell is not None
    assert schnell.shape is None
    assert schnell.info.price is None
    assert usd("replicate", "black-forest-labs/flux-schnell") is None
    assert usd("bfl", "flux-3-image") is None
    assert usd("gemini", "gemini-nano-banana-2.1") is None
    assert usd("bfl", "no-such-model") is None


def test_a_version_is_the_same_model() -> None:
    assert find("replicate", "black-forest-labs/flux-dev:" + "a" * 64) == find(
        "replicate", "black-forest-labs/flux-dev"
    )


def test_a_price_is_for_all_pictures_of_the_request() -> None:
    assert usd("replicate", "black-forest-labs/flux-dev") == 0.025
    assert usd("replicate", "black-forest-labs/flux-dev", outputs=4) == 0.1
    assert usd("replicate", "black-forest-labs/flux-dev", outputs="many") is None


def test_a_megapixel_price_needs_a_size() -> None:
    assert usd("bfl", "flux-2-pro", size="1024x1024") == 0.03
    assert usd("bfl", "flux-2-pro", size="2048x2048") == pytest.approx(0.03 + 3 * 0.015)
    assert usd("bfl", "flux-2-klein-4b", size="1024x1040") == pytest.approx(0.015)
    assert usd("bfl", "flux-2-pro") is None  # the service chooses the size
    image = (Source(role="image", sha256="a"),)  # whose own megapixels count too
    assert price_of("bfl", "flux-2-pro", recipe("bfl", "flux-2-pro", sources=image, size="1024x1024")) is None
    assert usd("fal", "fal-ai/flux-2/klein/4b", size="square_hd", outputs=2) == pytest.approx(0.01)
    price = price_of("bfl", "flux-2-pro", recipe("bfl", "flux-2-pro", size="1024x1024"))
    assert price is not None
    assert (price.about, price.source) == (True, "table")


def test_a_price_by_size_or_quality_goes_by_what_is_asked() -> None:
    assert usd("gemini", "gemini-3.1-flash-image") == 0.067  # 1K is what it makes unasked
    assert usd("gemini", "gemini-3.1-flash-image", resolution="4K") == 0.151
    assert usd(
        "openai", "gpt-image-2.5-sunburst", quality="high", size="1024x1024", outputs=2
    ) == pytest.approx(0.1054)
    assert usd("openai", "gpt-image-2.5-sunburst", quality="auto", size="1024x1024") is None
    assert usd("openai", "gpt-image-2.5-sunburst", quality="high", size="1536x1024") is None
    assert usd("fal", "fal-ai/nano-banana-2/edit", resolution="2K") is None
    assert usd("replicate", "google/nano-banana-2") is None
    assert usd("replicate", "google/nano-banana-2", resolution="2K") == 0.101


@pytest.mark.parametrize(
    "model", [model for model in EVERY if model.info.price], ids=lambda model: str(model.info.ref)
)
def test_every_price_has_its_date(model: CatalogModel) -> None:
    price = model.info.price
    assert price is not None
    assert price.usd > 0
    assert price.as_of[:4].isdecimal()
    assert price.source == "table"


def test_the_notation() -> None:
    schema = schema_of(
        {
            "prompt": "text <=90 !", "steps": "int 1..50 = 28", "rate": "number 0.5.. /0.5 = 1.5", "words": "text = a = b",
            "kind": "one: a b | c = a b", "at": "size: x | y = x", "files": "files <=3", "blank": "text = ",
        }
    )  # fmt: skip
    assert schema["required"] == ["prompt"]
    nodes = schema["properties"]
    assert nodes["prompt"] == {"type": "string", "maxLength": 90}
    assert nodes["steps"] == {"type": "integer", "minimum": 1, "maximum": 50, "default": 28}
    assert nodes["rate"] == {"type": "number", "minimum": 0.5, "multipleOf": 0.5, "default": 1.5}
    assert nodes["words"]["default"] == "a = b"
    assert nodes["kind"] == {"type": "string", "enum": ["a b", "c"], "default": "a b"}
    assert nodes["at"]["anyOf"][1]["enum"] == ["x", "y"]
    assert nodes["files"]["maxItems"] == 3
    assert nodes["blank"]["default"] == ""


@pytest.mark.parametrize("line", ["", "colour", "int 1..x", "text 5", "some: a | b", "int = x"])
def test_a_line_that_says_nothing_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        schema_of({"x": line})


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_the_shelf_gives_back_what_was_put_and_when(tmp_path: Path) -> None:
    clock = Clock()
    shelf = Shelf(tmp_path / "new" / "folder", clock)
    assert shelf.get("models") is None
    shelf.put("models", {"a": [1, None, "ü"]})
    clock.now += timedelta(hours=3)
    shelf.put("form/../../etc/passwd", [])
    kept = shelf.get("models")
    assert kept == ({"a": [1, None, "ü"]}, datetime(2026, 11, 22, 12, tzinfo=UTC))
    assert Shelf(tmp_path / "new" / "folder", clock).get("form/../../etc/passwd") is not None
    assert {path.parent for path in tmp_path.rglob("*.json")} == {tmp_path / "new" / "folder"}
    shelf.put("models", 5)
    assert shelf.get("models") == (5, clock.now)


@given(st.binary(max_size=60) | st.sampled_from([b"{}", b"[]", b"\xff", b'{"key": "k", "when": "yesterday", "value": 1}', b'{"key": "k", "when": 3, "value": 1}', b"[" * 100_000]))  # fmt: skip
def test_a_damaged_entry_is_no_entry(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("shelf")
    shelf = Shelf(folder, Clock())
    shelf.put("k", 1)
    (path,) = folder.glob("*.json")
    path.write_bytes(data)
    assert shelf.get("k") is None
    shelf.put("k", 2)
    kept = shelf.get("k")
    assert kept is not None
    assert kept[0] == 2


def test_an_entry_under_another_key_is_not_taken_for_it(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, Clock())
    shelf.put("a", 1)
    (path,) = tmp_path.glob("*.json")
    shelf.put("b", 2)
    other = next(each for each in tmp_path.glob("*.json") if each != path)
    other.write_bytes(path.read_bytes())
    assert shelf.get("b") is None


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, "x" * 9_000_000])
def test_what_can_not_be_kept_is_not_an_error(tmp_path: Path, value: Any) -> None:
    shelf = Shelf(tmp_path / "shelf", Clock())
    shelf.put("k", value)
    assert shelf.get("k") is None
    assert list(tmp_path.rglob("shelf/*")) == []


def test_a_folder_that_can_not_be_written_is_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shelf = Shelf(tmp_path / "file" / "inside", Clock())
    shelf.put("k", 1)
    assert shelf.get("k") is None


def test_the_oldest_entries_go(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, Clock(), most=3)
    for number in range(5):
        shelf.put(f"k{number}", number)
        for path in tmp_path.glob(
            "*.json"
        ):  # the file system may not tell apart what was written in one moment
            moment = json.loads(path.read_bytes())["value"] + 1
            os.utime(path, (moment, moment))
    assert [shelf.get(f"k{number}") is not None for number in range(5)] == [False, False, True, True, True]
