"""What the tests of pictures share: a job, an intake in a temporary folder, and encoded pictures of every kind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from silverprint.core.job import Job, JobState
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.pictures.intake import Intake, Limits

NOW = datetime(2026, 11, 22, 16, 1, 2, 345678, tzinfo=UTC)


def painted(mode: str = "RGB", size: tuple[int, int] = (40, 24)) -> Image.Image:
    """A picture in which every pixel differs from its neighbours."""
    width, height = size
    data = bytes(
        (x * 7 + y * 13 + c * 91 + x * y) % 256 for y in range(height) for x in range(width) for c in range(3)
    )
    image = Image.frombytes("RGB", size, data)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.linear_gradient("L").resize(size))
    if mode == "I;16":
        wide = bytes(v for n in range(width * height) for v in ((n * 37) % 256, (n * 11) % 256))
        return Image.frombytes("I;16", size, wide)
    return image if image.mode == mode else image.convert(mode)


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """Encodes a painted picture: ``encoded("PNG", mode="P", size=(8, 8))``; further words go to the encoder."""

    def encode(
        kind: str = "PNG", *, mode: str = "RGB", size: tuple[int, int] = (40, 24), **words: Any
    ) -> bytes:
        file = BytesIO()
        painted(mode, size).save(file, kind, **words)
        return file.getvalue()

    return encode


@pytest.fixture
def job() -> Job:
    recipe = Recipe(
        ref=ModelRef("pocket", "pocket"),
        prompt="雪の狐, a fox\nغروب الشمس 🦊",
        negative_prompt="blur",
        seed=7,
        params={"steps": 12, "guidance": 4.5, "solver": "dpm"},
    )
    return Job(
        id="06ev0a1bc2d3e4f5", batch="b1", recipe=recipe, state=JobState.RUNNING, created=NOW, changed=NOW
    )


@pytest.fixture
def intake(tmp_path: Path) -> Intake:
    return Intake(tmp_path / "pictures", tmp_path / "incoming", limits=Limits(), clock=lambda: NOW)
