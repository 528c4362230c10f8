"""Names: our parameter names for the services' own, so that one recipe travels between models.

Owns the table of names and the making of a name that a person can type. What a value means is not its business.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

# Our name, and what the services call it; the earlier one wins where a model has two of them.
_OURS: Mapping[str, tuple[str, ...]] = {
    "steps": (
        "num_inference_steps", "inference_steps", "num_steps", "n_steps", "sampling_steps",
        "number_of_steps", "sample_steps", "steps",
    ),
    "guidance": (
        "guidance_scale", "guidance", "cfg_scale", "cfg", "true_cfg_scale", "true_guidance_scale", "scale_guidance",
    ),
    "outputs": (
        "num_images", "num_outputs", "number_of_images", "num_images_per_prompt", "n", "images_per_prompt",
        "num_samples", "max_images",
    ),
    "output_format": ("output_format", "outputformat", "image_format", "format", "output_type", "file_format"),
    "output_quality": ("output_quality", "jpeg_quality", "compression_quality"),
    "aspect_ratio": ("aspect_ratio", "aspectratio", "ratio", "image_aspect_ratio"),
    "resolution": ("resolution", "output_resolution", "target_resolution", "image_resolution"),
    "scheduler": ("scheduler", "sampler_name", "sampler", "sample_method", "sampling_method"),
    "enhance_prompt": (
        "enhance_prompt", "prompt_upsampling", "enable_prompt_expansion", "expand_prompt", "prompt_enhance",
        "magic_prompt", "prompt_extend",
    ),
    "upscale_factor": ("upscale_factor", "scale_factor", "upscale_by", "upscaling_factor"),
}  # fmt: skip

# Shown first, in the order of the schema; everything else waits under "more".
MAIN = frozenset(
    {
        "size", "aspect_ratio", "resolution", "steps", "guidance", "outputs", "quality", "style", "upscale_factor",
        "creativity", "resemblance", "scale", "model", "rendering_speed", "style_preset",
    }
)  # fmt: skip

# Words that stand for a part of the recipe itself or for an option of the command line.
RESERVED = frozenset(
    {
        "prompt", "negative", "negative_prompt", "seed", "image", "mask", "reference", "control", "strength", "count",
        "loras", "lora", "sources", "template", "size", "out", "all",
    }
)  # fmt: skip

_BY_WIRE = {wire: (name, place) for name, wires in _OURS.items() for place, wire in enumerate(wires)}


def our_name(wire: str) -> str | None:
    """Our name for a service's parameter, or None where we have none of our own."""
    found = _BY_WIRE.get(plain(wire))
    return found[0] if found else None


def plain(wire: str) -> str:
    """A name as a person types it: lower case with underscores, ``aspectRatio`` as ``aspect_ratio``; may be empty."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", wire)
    return re.sub(r"[^0-9a-z]+", "_", words.lower()).strip("_")[:60]


def name_all(wires: Collection[str], *, taken: Collection[str] = ()) -> dict[str, str]:
    """A name for each wire name, no two alike, none of the reserved or ``taken`` ones.

    Where two wires have the same name of ours, the one that our table names first gets it, and the other keeps
    its own. Wires are given in the order of the form.
    """
    free = set(wires)
    named: dict[str, str] = {}
    used = set(RESERVED) | set(taken)
    for wire in sorted(free & {wire for wire in free if plain(wire) in _BY_WIRE}, key=_place):
        name = _BY_WIRE[plain(wire)][0]
        if name not in used:
            named[wire] = name
            used.add(name)
    for wire in wires:
        if wire not in named:
            named[wire] = _unused(plain(wire), used)
            used.add(named[wire])
    return named


def _place(wire: str) -> tuple[int, str]:
    return _BY_WIRE[plain(wire)][1], wire


def _unused(name: str, used: Collection[str]) -> str:
    name = name or "parameter"
    if name in RESERVED:
        name += "_value"
    if name not in used:
        return name
    number = 2
    while f"{name}_{number}" in used:
        number += 1
    return f"{name}_{number}"
