"""What the tests of OpenAI's jobs share: recipes, pictures, and a job done to its end."""

from __future__ import annotations

import io
from hashlib import sha256
from typing import Any

from PIL import Image

from silverprint.core.recipe import ModelRef, Recipe, Source, SourceRole
from silverprint.core.update import Finished, Update
from silverprint.providers.openai.adapter import OpenAIProvider

SUNBURST = "gpt-image-2.5-sunburst"


def asks(model: str = SUNBURST, prompt: str = "a fox", *, name: str = "openai", **parts: Any) -> Recipe:
    """A recipe for a model of the server ``name``."""
    return Recipe(ref=ModelRef(name, model), prompt=prompt, **parts)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture's file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def flat(width: int, height: int, colour: tuple[int, int, int], kind: str = "PNG") -> bytes:
    """A picture of one colour."""
    return encoded(Image.new("RGB", (width, height), colour), kind)


def source(role: SourceRole, data: bytes) -> Source:
    """An input picture by its bytes."""
    return Source(role=role, sha256=sha256(data).hexdigest())


async def develop(provider: OpenAIProvider, recipe: Recipe) -> list[Update]:
    """All the news of a job."""
    ticket = await provider.submit(recipe, job_id="0job")
    return [update async for update in provider.watch(ticket, recipe)]


async def finished(provider: OpenAIProvider, recipe: Recipe) -> Finished:
    """Its end."""
    last = (await develop(provider, recipe))[-1]
    assert isinstance(last, Finished)
    return last
