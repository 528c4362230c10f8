"""The ``parameters`` text that the AUTOMATIC1111 web UI writes and most tools read: a recipe as three lines.

Format (its ``infotext_utils.py``): the prompt; ``Negative prompt: …``; then ``Steps: 12, Sampler: …, Size: WxH``.
It is for other tools. Our own record is the truth.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from silverprint._version import __version__
from silverprint.core.recipe import LoraUse, ModelRef, Recipe

PROVIDER = "elsewhere"

_NAMES = {
    "steps": "Steps",
    "solver": "Sampler",
    "sampler": "Sampler",
    "scheduler": "Schedule type",
    "guidance": "CFG scale",
    "strength": "Denoising strength",
    "clip_skip": "Clip skip",
}
_OURS = {"Steps": "steps", "Sampler": "sampler", "Schedule type": "scheduler", "CFG scale": "guidance"}
_OURS |= {"Denoising strength": "strength", "Clip skip": "clip_skip"}
_SAMPLERS = {
    "dpm": "DPM++ 2M",
    "dpmpp_2m": "DPM++ 2M",
    "ddim": "DDIM",
    "euler": "Euler",
    "euler_a": "Euler a",
}
_PAIR = re.compile(r'\s*(\w[\w \-/]{0,40}):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_LORA = re.compile(r"<lora:([^:<>]+):(-?\d+(?:\.\d+)?)>")
_NEGATIVE = "Negative prompt:"
_MOST = 2_000_000


def parameters_text(recipe: Recipe, width: int, height: int) -> str:
    """The recipe as other tools read it. ``width`` and ``height`` are the picture's, in pixels."""
    loras = "".join(f" <lora:{lora.name}:{lora.weight:g}>" for lora in recipe.loras)
    lines = [recipe.prompt + loras]
    if recipe.negative_prompt:
        lines.append(f"{_NEGATIVE} {recipe.negative_prompt}")
    values: dict[str, Any] = {}
    for name in (*_NAMES, *recipe.params):
        if name in recipe.params and name != "size":
            value = recipe.params[name]
            if _NAMES.get(name) == "Sampler":
                value = _SAMPLERS.get(str(value), value)
            values.setdefault(_NAMES.get(name, name.replace("_", " ").capitalize()), value)
    image = recipe.source("image")
    if image is not None and image.strength is not None:
        values.setdefault("Denoising strength", image.strength)
    if recipe.seed is not None:
        values["Seed"] = recipe.seed
    values["Size"] = f"{width}x{height}"
    values["Model"] = recipe.ref.model
    values["Version"] = f"silverprint {__version__}"
    order = ["Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model"]
    names = [name for name in order if name in values] + [name for name in values if name not in order]
    names.append(names.pop(names.index("Version")))
    lines.append(", ".join(f"{name}: {_quoted(values[name])}" for name in names))
    return "\n".join(lines)


def recipe_of_parameters(text: str) -> Recipe | None:
    """What can be read from another tool's text, as a recipe of the provider ``elsewhere``.

    Numbers become numbers; unknown values are left out. None when it does not look like such a text.
    """
    if len(text) > _MOST:
        return None
    head, values = _split(text)
    if not values:
        return None
    prompt, _, negative = head.partition(f"\n{_NEGATIVE}")
    if head.startswith(_NEGATIVE):
        prompt, negative = "", head[len(_NEGATIVE) :]
    loras = tuple(LoraUse(name=name, weight=float(weight)) for name, weight in _LORA.findall(prompt))
    params: dict[str, Any] = {ours: _number(values[name]) for name, ours in _OURS.items() if name in values}
    if re.fullmatch(r"\d{1,5}x\d{1,5}", values.get("Size", "")):
        params["size"] = values["Size"]
    seed = values.get("Seed", "")
    return Recipe(
        ref=ModelRef(PROVIDER, values.get("Model") or "unknown"),
        prompt=_LORA.sub("", prompt).strip(),
        negative_prompt=negative.strip(),
        seed=int(seed) if seed.isascii() and seed.isdecimal() and len(seed) < 20 else None,
        params=params,
        loras=loras,
    )


def _split(text: str) -> tuple[str, Mapping[str, str]]:
    head, _, last = text.strip().rpartition("\n")
    pairs = {name.strip(): _unquoted(value) for name, value in _PAIR.findall(last)}
    # A picture of a service may have no steps; a version and a size are proof enough.
    is_such = len(pairs) >= 3 and ("Steps" in pairs or ("Version" in pairs and "Size" in pairs))
    return (head, pairs) if is_such else (text, {})


def _quoted(value: Any) -> str:
    if isinstance(value, float):
        text = f"{value:g}"
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return json.dumps(text, ensure_ascii=False) if re.search(r'[,:\n\r"]', text) else text


def _unquoted(text: str) -> str:
    text = text.strip()
    if text.startswith('"'):
        try:
            return str(json.loads(text))
        except ValueError:
            return text.strip('"')
    return text


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text[:40])
        except ValueError:
            continue
    return text
