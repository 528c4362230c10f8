"""Weights: the model's files beside this module, read with every length and hash checked.

Owns the manifest, the safetensors format and the identity of the model. Turning tensors into networks is
the model's work.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any

from silverprint.core.errors import ModelGone

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MANIFEST = "manifest.json"
CONCEPTS = "concepts.txt"
_PACKAGE = "silverprint.providers.pocket"
_FIX = "Install silverprint again: its own model files are not whole."


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What a file must be: its length in bytes and the SHA-256 of its contents, in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The folder of the model's files with the manifest that vouches for them."""

    folder: Traversable
    version: str
    facts: Mapping[str, FileFacts]

    @classmethod
    def open(cls, folder: Traversable | None = None) -> Weights:
        """Read the manifest of ``folder``, the shipped one if None. Raises ModelGone when it can't be used."""
        folder = files(_PACKAGE) / "weights" if folder is None else folder
        try:
            manifest = json.loads((folder / MANIFEST).read_bytes())
            facts = {
                name: FileFacts(size=entry["size"], sha256=entry["sha256"])
                for name, entry in manifest["files"].items()
            }
            return cls(folder=folder, version=manifest["version"], facts=facts)
        except OSError as error:
            raise _damaged(MANIFEST, "it can't be read") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _damaged(MANIFEST, "it is not a manifest") from error

    @property
    def sha256(self) -> str:
        """One hash over the names and contents of all files: the identity of the model."""
        lines = (f"{facts.sha256}  {name}\n" for name, facts in sorted(self.facts.items()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def read(self, name: str) -> bytes:
        """The contents of one file. Raises ModelGone when it is missing, cut short or changed."""
        facts = self.facts.get(name)
        if facts is None:
            raise _damaged(name, "the manifest does not list it")
        try:
            data = self.folder.joinpath(*name.split("/")).read_bytes()
        except OSError as error:
            raise _damaged(name, "it can't be read") from error
        if len(data) != facts.size:
            raise _damaged(name, f"it has {len(data)} of {facts.size} bytes")
        if hashlib.sha256(data).hexdigest() != facts.sha256:
            raise _damaged(name, "its contents have changed")
        return data

    def tensors(self, name: str) -> dict[str, NDArray[np.float32]]:
        """The tensors of a safetensors file. Raises ModelGone like ``read``."""
        try:
            return parse_tensors(self.read(name))
        except ValueError as error:
            raise _damaged(name, str(error)) from error

    def json(self, name: str) -> Any:
        """The value of a JSON file. Raises ModelGone like ``read``."""
        try:
            return json.loads(self.read(name))
        except ValueError as error:
            raise _damaged(name, "it is not JSON") from error


def parse_tensors(data: bytes) -> dict[str, NDArray[np.float32]]:
    """Read a safetensors file: an 8-byte header length, a JSON header, then the raw numbers.

    Half and single precision are taken; both come back as float32 in their own shape.
    The format is https://huggingface.co/docs/safetensors. Raises ValueError when the file is not whole.
    """
    import numpy as np

    kinds: dict[str, type[np.floating[Any]]] = {"F16": np.float16, "F32": np.float32}
    start = 8 + int.from_bytes(data[:8], "little")
    if len(data) < 8 or start > len(data):
        raise ValueError("its header is cut short")
    try:
        header = json.loads(data[8:start])
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        tensors = {}
        for name, entry in entries.items():
            first, last = entry["data_offsets"]
            kind = np.dtype(kinds[entry["dtype"]]).newbyteorder("<")
            if not 0 <= first <= last <= len(data) - start:
                raise ValueError(f"the tensor {name} is cut short")
            raw = np.frombuffer(data, kind, count=(last - first) // kind.itemsize, offset=start + first)
            tensors[name] = raw.reshape(entry["shape"]).astype(np.float32)
        return tensors
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("its header is not of the safetensors kind") from error


@functools.cache
def shipped() -> Weights:
    """The weights inside this package; the manifest is read once."""
    return Weights.open()


@functools.cache
def concepts() -> tuple[str, ...]:
    """The things the model was trained to draw, in the order of the training list. Raises ModelGone."""
    try:
        return tuple((files(_PACKAGE) / CONCEPTS).read_text(encoding="utf-8").splitlines())
    except OSError as error:
        raise _damaged(CONCEPTS, "it can't be read") from error


def _damaged(name: str, reason: str) -> ModelGone:
    return ModelGone(f"The built-in model can't be loaded: {name}: {reason}.", fix=_FIX)
