"""Recipes, pictures and whole jobs for these tests."""

from __future__ import annotations

import hashlib
import io
from typing import Any

from PIL import Image

from silverprint.core.recipe import ModelRef, Recipe, Source
from silverprint.core.update import Finished, Update
from silverprint.providers.hf.adapter import HuggingFace
from tests.standins.hf import SPACE

DEV = "black-forest-labs/FLUX.1-dev"
KONTEXT = "black-forest-labs/FLUX.1-Kontext-dev"
LORA = "someone/pixel-lora"
LAB = f"spaces/{SPACE}"


def asked(model: str = DEV, **parts: Any) -> Recipe:
    """A recipe for ``model``."""
    parts.setdefault("prompt", "a fox")
    return Recipe(ref=ModelRef("hf", model), **parts)


async def all_of(provider: HuggingFace, recipe: Recipe) -> list[Update]:
    """Every update of a job, from its submit to its end."""
    ticket = await provider.submit(recipe, job_id="job-1")
    return [update async for update in provider.watch(ticket, recipe)]


async def end_of(provider: HuggingFace, recipe: Recipe) -> Finished:
    """How a job ends."""
    last = (await all_of(provider, recipe))[-1]
    assert isinstance(last, Finished)
    return last


def picture(colour: Any = (200, 90, 30)) -> bytes:
    """A small PNG."""
    kept = io.BytesIO()
    Image.new("RGB", (48, 32), colour).save(kept, "PNG")
    return kept.getvalue()


def source(data: bytes, role: Any = "image") -> Source:
    """An input picture by its hash."""
    return Source(role=role, sha256=hashlib.sha256(data).hexdigest())
