"""The model's files: whole ones are read, and every kind of damage is told in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from silverprint.core.errors import ModelGone
from silverprint.providers.pocket.weights import MANIFEST, Weights, concepts, parse_tensors

VAE = "diffusers/vae/diffusion_pytorch_model.safetensors"


def packed(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def test_every_listed_file_is_whole() -> None:
    weights = Weights.open()
    assert len(weights.facts) >= 13
    for name, facts in weights.facts.items():
        assert len(weights.read(name)) == facts.size


def test_every_file_that_decides_pixels_is_listed() -> None:
    folder = Weights.open().folder
    graphs = {f"graphs/{file.name}" for file in (folder / "graphs").iterdir()}
    assert graphs <= set(Weights.open().facts)


def test_the_list_of_things_is_whole() -> None:
    assert len(concepts()) == 216
    assert len(set(concepts())) == 216
    assert {"red apple", "fox", "castle"} <= set(concepts())


def test_a_truncated_file_is_told(copied_weights: Path) -> None:
    file = copied_weights / VAE
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ModelGone, match=r"727269 of 727270 bytes") as caught:
        Weights.open(copied_weights).tensors(VAE)
    assert "Install silverprint again" in caught.value.fix


def test_a_changed_byte_is_told(copied_weights: Path) -> None:
    file = copied_weights / VAE
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(ModelGone, match="contents have changed"):
        Weights.open(copied_weights).read(VAE)


def test_a_missing_file_is_told(copied_weights: Path) -> None:
    (copied_weights / VAE).unlink()
    with pytest.raises(ModelGone, match="can't be read"):
        Weights.open(copied_weights).read(VAE)


def test_a_file_outside_the_manifest_is_not_read() -> None:
    with pytest.raises(ModelGone, match="does not list"):
        Weights.open().read("../adapter.py")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": "1", "files": {"a": 3}}', '{"files": 1, "version": "1"}']
)
def test_a_broken_manifest_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(ModelGone, match="not a manifest"):
        Weights.open(tmp_path)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelGone, match="can't be read"):
        Weights.open(tmp_path / "gone")


def test_the_identity_follows_the_contents(copied_weights: Path) -> None:
    assert Weights.open(copied_weights).sha256 == Weights.open().sha256
    manifest = json.loads((copied_weights / MANIFEST).read_text())
    manifest["files"][VAE]["sha256"] = "0" * 64
    (copied_weights / MANIFEST).write_text(json.dumps(manifest))
    assert Weights.open(copied_weights).sha256 != Weights.open().sha256


def test_tensors_keep_shape_and_value() -> None:
    halves = np.array([[1, -2, 0.5]], "<f2")
    singles = np.array([3.25], "<f4")
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F16", "shape": [1, 3], "data_offsets": [0, 6]},
        "b": {"dtype": "F32", "shape": [1], "data_offsets": [6, 10]},
    }
    tensors = parse_tensors(packed(header, halves.tobytes() + singles.tobytes()))
    assert set(tensors) == {"a", "b"}
    assert tensors["a"].dtype == tensors["b"].dtype == np.float32
    assert tensors["a"].tolist() == [[1, -2, 0.5]]
    assert tensors["b"].tolist() == [3.25]


def test_no_cut_of_a_tensor_file_is_taken() -> None:
    header = {"a": {"dtype": "F16", "shape": [4], "data_offsets": [0, 8]}}
    whole = packed(header, bytes(8))
    assert parse_tensors(whole)["a"].shape == (4,)
    for length in range(len(whole)):
        with pytest.raises(ValueError, match=r"."):
            parse_tensors(whole[:length])


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]},
        {"dtype": "F16", "shape": [3], "data_offsets": [0, 8]},
        {"dtype": "F16", "shape": [4], "data_offsets": [4, 0]},
        {"dtype": "F16", "shape": [4], "data_offsets": [-8, 0]},
        {"dtype": "F16", "shape": [4], "data_offsets": [0, 1 << 40]},
        {"dtype": "F16", "shape": [4]},
        [1],
    ],
)
def test_a_wrong_header_is_refused(entry: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_tensors(packed({"a": entry}, bytes(8)))
