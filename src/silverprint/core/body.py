"""Body: a recipe as the body of a model's request, told by its shape.

Owns what is sent and what is left out: nothing is null, and a default that nobody changed is not sent unless the
service requires it. Reading pictures and making links of them is the adapter's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from silverprint.core.errors import BadRecipe
from silverprint.core.params import ParamKind, ParamSpec, check, same
from silverprint.core.recipe import LoraUse, Recipe, Source
from silverprint.core.shape import LoraPart, PicturePart, Shape, SizePart, TextPart
from silverprint.core.text import storable


def request_body(shape: Shape, recipe: Recipe, *, links: Mapping[str, str]) -> dict[str, Any]:
    """The JSON object that asks for this recipe.

    ``links`` maps each input picture's sha256 to what the body shall carry for it: a URL, a data URI or base64.
    Raises BadRecipe for a value that the form does not take, for a picture that finds no place and for one
    without a link.
    """
    body: dict[str, Any] = {}
    bad: dict[str, str] = {}
    parts = shape.parts
    _put_text(body, parts.prompt, recipe.prompt)
    _put_text(body, parts.negative, recipe.negative_prompt)
    if parts.seed is not None:
        seed = recipe.seed
        if seed is None and parts.seed.required:
            seed = parts.seed.default
        if seed is not None:
            body[parts.seed.wire] = int(seed)
    for name in recipe.params:
        if shape.form.spec(name) is None and recipe.params[name] is not None:
            bad[name] = "this model does not take it"
    for spec in shape.form.params:
        _put_param(body, bad, shape, spec, recipe.params.get(spec.name))
    _put_pictures(body, bad, parts.pictures, recipe.sources, links)
    _put_strength(body, bad, shape, recipe)
    _put_loras(body, bad, parts.loras, recipe.loras)
    if bad:
        words = "; ".join(f"{name.replace('_', ' ')}: {reason}" for name, reason in bad.items())
        raise BadRecipe(words, fields=bad)
    return body


def _put_text(body: dict[str, Any], part: TextPart | None, text: str) -> None:
    if part is None:
        return
    if text.strip():
        body[part.wire] = storable(text)
    elif part.required:
        body[part.wire] = part.default


def _put_param(body: dict[str, Any], bad: dict[str, str], shape: Shape, spec: ParamSpec, value: Any) -> None:
    if value is None:
        value = spec.default if spec.required else None
    if value is None:
        return
    try:
        value = check(spec, value)
    except ValueError as error:
        bad[spec.name] = str(error)
        return
    if not spec.required and same(value, spec.default):
        return
    size = shape.parts.size
    if size is not None and spec.kind is ParamKind.SIZE and spec.name == size.name:
        _put_size(body, spec, size, value)
    else:
        body[spec.wire] = value


def _put_size(body: dict[str, Any], spec: ParamSpec, part: SizePart, value: str) -> None:
    if part.style == "pair" and value == part.unset:
        return
    if any(value == choice.value for choice in spec.choices):
        body[spec.wire] = value
        return
    width, _, height = value.partition("x")
    match part.style:
        case "pair":
            body[part.width], body[part.height] = int(width), int(height)
        case "object":
            body[spec.wire] = {part.width: int(width), part.height: int(height)}
        case "text":
            body[spec.wire] = f"{width}{part.cross}{height}"


def _put_pictures(
    body: dict[str, Any],
    bad: dict[str, str],
    parts: tuple[PicturePart, ...],
    sources: tuple[Source, ...],
    links: Mapping[str, str],
) -> None:
    filled: dict[str, list[Any]] = {}
    # The image has the first place in a field that it shares with references.
    for source in sorted(sources, key=lambda source: source.role != "image"):
        if source.sha256 not in links:
            bad[source.role] = "its file is missing"
            continue
        part = next(
            (
                part
                for part in parts
                if source.role in part.roles and len(filled.get(part.wire, ())) < part.most
            ),
            None,
        )
        if part is None:
            bad[source.role] = "this model does not take so many"
            continue
        link = links[source.sha256]
        filled.setdefault(part.wire, []).append({part.wrap: link} if part.wrap else link)
    for part in parts:
        if part.wire in filled:
            body[part.wire] = filled[part.wire] if part.many else filled[part.wire][0]


def _put_strength(body: dict[str, Any], bad: dict[str, str], shape: Shape, recipe: Recipe) -> None:
    wanted = shape.form.source("image")
    if not shape.parts.strength or wanted is None or wanted.strength is None:
        return
    spec, image = wanted.strength, recipe.source("image")
    value = image.strength if image is not None else None
    if value is None:
        value = spec.default if shape.parts.strength_required else None
    if value is None:
        return
    try:
        value = check(spec, value)
    except ValueError as error:
        bad["strength"] = str(error)
        return
    if shape.parts.strength_required or not same(value, spec.default):
        body[shape.parts.strength] = value


def _put_loras(
    body: dict[str, Any], bad: dict[str, str], parts: tuple[LoraPart, ...], loras: tuple[LoraUse, ...]
) -> None:
    room = len(parts) if parts and parts[0].style == "single" else parts[0].most if parts else 0
    if room is not None and len(loras) > room:
        bad["loras"] = f"at most {room}" if room else "this model does not take LoRAs"
        return
    if not parts:
        return
    first = parts[0]
    if first.style == "single":
        for part, lora in zip(parts, loras, strict=False):
            body[part.path] = lora.name
            if part.weight:
                body[part.weight] = lora.weight
    elif not loras and not first.required:
        return
    elif first.style == "objects":
        body[first.wire] = [
            {first.path: lora.name} | ({first.weight: lora.weight} if first.weight else {}) for lora in loras
        ]
    else:
        body[first.path] = [lora.name for lora in loras]
        if first.weight:
            body[first.weight] = [lora.weight for lora in loras]
