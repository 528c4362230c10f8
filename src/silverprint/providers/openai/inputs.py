"""The input pictures of an edit as the parts of a multipart form: pictures first, then the mask.

Owns their order, names and limits, and that the mask fits the picture. The mask's PNG is written by ``png.py``.
"""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from silverprint.core.errors import BadRecipe, NotFound, PictureError
from silverprint.core.provider import ProviderContext
from silverprint.core.recipe import Recipe
from silverprint.providers.media import media_type_of
from silverprint.providers.openai.png import mask_png, may_be_turned, rgb_png

FILE_MOST = 50_000_000
MASK_MOST = 4_000_000

Files: TypeAlias = list[tuple[str, tuple[str, bytes, str]]]

_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


async def form_files(recipe: Recipe, context: ProviderContext) -> Files:
    """(part, (file name, bytes, media type)) of the image, the references in their order, and the mask.

    Raises BadRecipe for what can't be read, is of another type, or is too large.
    """
    shown = [source for source in recipe.sources if source.role == "image"]
    shown += [source for source in recipe.sources if source.role == "reference"]
    mask = recipe.source("mask")
    pictures: list[bytes] = []
    drawn = b""
    role = "image"
    try:
        for source in shown:
            role = source.role
            pictures.append(await context.read_source(source.sha256))
        if mask is not None and recipe.source("image") is not None:
            role = "image"
            upright = await context.read_pixels(shown[0].sha256)
            role = "mask"
            light = await context.read_pixels(mask.sha256, size=upright.size, mode="L")
            drawn = await asyncio.to_thread(mask_png, light)
            if may_be_turned(pictures[0]):
                # The mask must fit the picture as the service sees it, and not every service turns it upright.
                pictures[0] = await asyncio.to_thread(rgb_png, upright)
    except (NotFound, PictureError) as error:
        raise BadRecipe(f"The {role} can't be used: {error}", fields={role: str(error)}) from error
    part = "image" if len(pictures) == 1 else "image[]"
    files: Files = []
    for number, (source, data) in enumerate(zip(shown, pictures, strict=True), 1):
        kind = media_type_of(data)
        if kind not in _ENDINGS:
            raise _unfit(source.role, "not a PNG, JPEG or WebP")
        if len(data) >= FILE_MOST:
            raise _unfit(source.role, f"not under {FILE_MOST // 1_000_000} MB")
        files.append((part, (f"image{number}.{_ENDINGS[kind]}", data, kind)))
    if drawn:
        if len(drawn) >= MASK_MOST:
            raise _unfit("mask", f"too detailed: as a PNG it is not under {MASK_MOST // 1_000_000} MB")
        files.append(("mask", ("mask.png", drawn, "image/png")))
    return files


def _unfit(role: str, reason: str) -> BadRecipe:
    return BadRecipe(f"The {role} is {reason}.", fields={role: reason})
