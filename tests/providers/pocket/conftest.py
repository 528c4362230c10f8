"""The loaded model, once for all tests of a process, and a copy of its files to damage."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.resources import as_file
from pathlib import Path

import pytest

from silverprint.providers.pocket.model import Model
from silverprint.providers.pocket.weights import Weights


@pytest.fixture(scope="session")
def model() -> Iterator[Model]:
    """The shipped model, in one thread."""
    loaded = Model(threads=1)
    yield loaded
    loaded.close()


@pytest.fixture
def copied_weights(tmp_path: Path) -> Path:
    """A folder with the model's files, to be damaged."""
    folder = tmp_path / "weights"
    with as_file(Weights.open().folder) as shipped:
        shutil.copytree(shipped, folder)
    return folder
