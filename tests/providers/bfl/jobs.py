"""Recipes, pictures and whole jobs for these tests."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.update import Finished, Update
from silverprint.providers.bfl.adapter import Bfl


def asked(model: str = "flux-2-klein-4b", *, provider: str = "bfl", **parts: Any) -> Recipe:
    """A recipe for ``model``."""
    parts.setdefault("prompt", "a fox")
    return Recipe(ref=ModelRef(provider, model), **parts)


async def all_of(provider: Bfl, recipe: Recipe) -> list[Update]:
    """Every update of a job, from its submit to its end."""
    ticket = await provider.submit(recipe, job_id="job-1")
    return [update async for update in provider.watch(ticket, recipe)]


async def end_of(provider: Bfl, recipe: Recipe) -> Finished:
    """How a job ends."""
    last = (await all_of(provider, recipe))[-1]
    assert isinstance(last, Finished)
    return last


def picture(width: int = 48, height: int = 32, *, mode: str = "RGB", colour: Any = (200, 90, 30)) -> bytes:
    """A small PNG."""
    kept = io.BytesIO()
    Image.new(mode, (width, height), colour).save(kept, "PNG")
    return kept.getvalue()
