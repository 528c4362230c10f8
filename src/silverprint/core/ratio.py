"""Ratio: what a size says, whether as ``1024x768``, ``4:3`` or a name, and the nearest one that another model takes.

Only shapes are compared. A size that a service chooses itself (``auto``) has no shape and is never chosen for one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from silverprint.core.params import ParamKind, ParamSpec, check

_SIDES = re.compile(r"\s*(\d{1,6})\s*[x×*]\s*(\d{1,6})\s*", re.I)
_RATIO = re.compile(r"\s*(\d{1,4}(?:\.\d{1,4})?)\s*:\s*(\d{1,4}(?:\.\d{1,4})?)\s*")
_NAMED = re.compile(r"(portrait|landscape)_(\d{1,2})_(\d{1,2})")
_FURTHEST = math.log(1.35)  # a picture of quite another shape is no nearest one


def sides_of(value: object) -> tuple[int, int] | None:
    """Width and height in pixels of ``1024x768``, None for anything else."""
    match = _SIDES.fullmatch(value) if isinstance(value, str) else None
    sides = (int(match[1]), int(match[2])) if match else (0, 0)
    return sides if all(sides) else None


def ratio_of(value: object) -> float | None:
    """Width over height of a size, a ratio or one of fal's names; None where it has no shape."""
    if not isinstance(value, str):
        return None
    sides = sides_of(value)
    if sides is not None:
        return sides[0] / sides[1]
    if match := _RATIO.fullmatch(value):
        across, down = float(match[1]), float(match[2])
        return across / down if across and down else None
    if match := _NAMED.fullmatch(value.lower()):
        # fal writes the longer side second: portrait_4_3 is 3:4, portrait_16_9 is 9:16.
        long, short = float(match[2]), float(match[3])
        if not (long and short):
            return None
        return short / long if match[1] == "portrait" else long / short
    return 1.0 if value.lower() in ("square", "square_hd") else None


def nearest_size(spec: ParamSpec, value: object) -> str | None:
    """The size or ratio that this parameter takes nearest to ``value``, or None where none is near.

    A free size keeps the pixels of ``value``, brought within the range and to the step; where ``value`` is only
    a ratio, it has as many pixels as the parameter's default.
    """
    ratio = ratio_of(value)
    if ratio is None:
        return None
    # A width and a height stay one where the model takes any.
    if spec.kind is ParamKind.SIZE and spec.low is not None:
        sides = sides_of(value)
        if sides is None and (default := sides_of(spec.default)) is not None:
            area = default[0] * default[1]
            sides = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if sides is not None and (fitted := _fit(spec, *sides)) is not None:
            return fitted
    return _nearest_choice([choice.value for choice in spec.choices], value, ratio)


def _nearest_choice(choices: Sequence[object], value: object, ratio: float) -> str | None:
    sides = sides_of(value)
    area = sides[0] * sides[1] if sides else None
    best: tuple[float, float, int] | None = None
    found = None
    for place, choice in enumerate(choices):
        other = ratio_of(choice)
        if other is None or not isinstance(choice, str):
            continue
        apart = round(abs(math.log(other / ratio)), 6)
        theirs = sides_of(choice)
        larger = abs(math.log(theirs[0] * theirs[1] / area)) if theirs and area else 0.0
        key = (apart, larger, place)
        if apart <= _FURTHEST and (best is None or key < best):
            best, found = key, choice
    return found


def _fit(spec: ParamSpec, width: int, height: int) -> str | None:
    low, high = spec.low or 1, spec.high
    scale = 1.0
    if high is not None and max(width, height) > high:
        scale = high / max(width, height)
    if min(width, height) * scale < low:
        scale = low / min(width, height)
    step = int(spec.step or 1)
    sides = []
    for side in (width, height):
        steps = max(1, round(side * scale / step))
        if high is not None and steps * step > high:
            steps = int(high // step)
        if steps * step < low:
            steps = math.ceil(low / step)
        sides.append(steps * step)
    try:
        fitted = check(spec, f"{sides[0]}x{sides[1]}")
    except ValueError:
        return None
    if abs(math.log(sides[0] / sides[1] / (width / height))) > _FURTHEST:
        return None
    return str(fitted)
