"""Transfer: carry a recipe to another model, and say what was kept, adapted and dropped.

Nothing is invented: what arrives was in the recipe, as it was or as the nearest that the new model takes. Sizes
are compared in ``ratio``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from silverprint.core.params import Form, ParamKind, ParamSpec, check, is_multiple
from silverprint.core.ratio import nearest_size, sides_of
from silverprint.core.recipe import LoraUse, ModelRef, Recipe, Source, SourceRole

# A value of one may go on as a value of the other, where the new model has only that.
_COUSINS = {"size": "aspect_ratio", "aspect_ratio": "size"}
_STAND_INS: Mapping[SourceRole, SourceRole] = {"image": "reference", "reference": "image"}
_SAME_WORD = {"jpg": "jpeg", "tif": "tiff"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A carried recipe. ``kept``, ``adapted`` and ``dropped`` hold names; adapted maps to (old, new)."""

    recipe: Recipe
    kept: tuple[str, ...] = ()
    adapted: tuple[tuple[str, Any, Any], ...] = ()
    dropped: tuple[str, ...] = ()

    def sentence(self) -> str:
        """One line for the screen; empty when there is nothing to say."""
        parts = []
        if self.kept:
            parts.append("kept " + ", ".join(self.kept))
        if self.adapted:
            parts.append("adapted " + ", ".join(f"{name} {old} → {new}" for name, old, new in self.adapted))
        if self.dropped:
            parts.append("dropped " + ", ".join(self.dropped))
        return " · ".join(parts)


@dataclass(slots=True)
class _News:
    kept: list[str] = field(default_factory=list)
    adapted: list[tuple[str, Any, Any]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def transfer(recipe: Recipe, ref: ModelRef, form: Form) -> Transfer:
    """The recipe for model ``ref``.

    A value is kept where it is valid. Else it becomes the nearest that the model takes: a number within the range, a
    choice that differs only in case or kind, a size of about the same shape, a picture in another role where the
    model has none for its own. What has no such neighbour is dropped. The prompt is never cut.
    """
    news = _News()
    params = _params(recipe.params, form, news)
    negative = recipe.negative_prompt if form.takes_negative else ""
    if recipe.negative_prompt and not negative:
        news.dropped.append("negative prompt")
    carried = replace(
        recipe,
        ref=ref,
        params=params,
        negative_prompt=negative,
        seed=_seed(recipe.seed, form, news),
        sources=_sources(recipe.sources, form, news),
        loras=_loras(recipe.loras, form, news),
        engine=None,
    )
    return Transfer(
        recipe=carried, kept=tuple(news.kept), adapted=tuple(news.adapted), dropped=tuple(news.dropped)
    )


def _params(old: Mapping[str, Any], form: Form, news: _News) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for name, value in old.items():
        spec, goes_to = form.spec(name), name
        cousin = _COUSINS.get(name)
        if spec is None and cousin is not None and cousin not in old:
            spec, goes_to = form.spec(cousin), cousin
        if spec is None:
            news.dropped.append(name)
            continue
        try:
            if goes_to != name and spec.kind is not ParamKind.SIZE and not spec.choices:
                raise ValueError("a free text takes anything, so taking it says nothing")
            params[goes_to] = check(spec, value)
            if goes_to == name:
                news.kept.append(name)
            else:
                news.adapted.append((name, value, f"{goes_to.replace('_', ' ')} {params[goes_to]}"))
            continue
        except ValueError:
            nearest = _nearest(spec, value)
        if nearest is None:
            news.dropped.append(name)
        else:
            params[goes_to] = nearest
            said = nearest if goes_to == name else f"{goes_to.replace('_', ' ')} {nearest}"
            news.adapted.append((name, value, said))
    return params


def _seed(seed: int | None, form: Form, news: _News) -> int | None:
    if seed is None:
        return None
    if not form.takes_seed:
        news.dropped.append("seed")
        return None
    if form.seed_min <= seed <= form.seed_max:
        return seed
    carried = seed % (form.seed_max + 1) if seed > form.seed_max else seed
    carried = max(carried, form.seed_min)
    news.adapted.append(("seed", seed, carried))
    return carried


def _sources(sources: tuple[Source, ...], form: Form, news: _News) -> tuple[Source, ...]:
    carried: list[Source] = []
    left = {spec.role: spec.most for spec in form.sources}
    for source in sources:
        role = source.role
        if role not in left and left.get(_STAND_INS.get(role, role), 0) > 0:
            role = _STAND_INS[role]
            news.adapted.append((source.role, source.name or source.role, role))
        if left.get(role, 0) <= 0:
            news.dropped.append(source.role)
            continue
        left[role] -= 1
        carried.append(_with_strength(replace(source, role=role), form, news))
    return tuple(carried)


def _with_strength(source: Source, form: Form, news: _News) -> Source:
    wanted = form.source(source.role)
    spec = wanted.strength if wanted is not None else None
    if source.strength is None:
        return source
    strength = None if spec is None else _nearest(spec, source.strength)
    if strength is None:
        news.dropped.append("strength")
    elif strength != source.strength:
        news.adapted.append(("strength", source.strength, strength))
    return replace(source, strength=strength)


def _loras(loras: tuple[LoraUse, ...], form: Form, news: _News) -> tuple[LoraUse, ...]:
    room = 0 if not form.takes_loras else form.loras_most
    carried: list[LoraUse] = []
    for lora in loras:
        if room is not None and len(carried) >= room:
            news.dropped.append(f"LoRA {lora.name}")
            continue
        weight = lora.weight if form.lora_weight is None else _nearest(form.lora_weight, lora.weight)
        if weight is None:
            news.dropped.append(f"LoRA {lora.name}")
            continue
        if weight != lora.weight:
            news.adapted.append((f"LoRA {lora.name}", lora.weight, weight))
        carried.append(replace(lora, weight=weight))
    return tuple(carried)


def _nearest(spec: ParamSpec, value: Any) -> Any:
    """The value that the parameter takes instead of this one; None where there is none near."""
    if spec.name in _COUSINS or spec.kind is ParamKind.SIZE:
        found: Any = _word(spec, value) or nearest_size(spec, value)
        if found is None and spec.kind is ParamKind.TEXT and spec.name == "aspect_ratio":
            found = _plain_ratio(value)
    elif spec.kind in (ParamKind.INTEGER, ParamKind.NUMBER):
        found = _number(spec, value)
    elif spec.kind is ParamKind.CHOICE:
        found = _word(spec, value)
    else:
        return None
    try:
        return check(spec, found) if found is not None else None
    except ValueError:
        return None


def _number(spec: ParamSpec, value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    if spec.low is not None:
        value = max(value, spec.low)
    if spec.high is not None:
        value = min(value, spec.high)
    if not -1e300 < value < 1e300:
        return None
    if spec.kind is ParamKind.INTEGER:
        value = round(value)
    if spec.multiple and not is_multiple(value, spec.multiple):
        steps = round(value / spec.multiple)
        for each in (steps, steps - 1, steps + 1):
            number = float(f"{each * spec.multiple:.12g}")
            inside = (spec.low is None or number >= spec.low) and (spec.high is None or number <= spec.high)
            if inside and is_multiple(number, spec.multiple):
                return number
        return None
    return value


def _word(spec: ParamSpec, value: Any) -> Any:
    """The choice that is the same word or number: "PNG" for "png", "jpg" for "jpeg", 5 for "5"."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    wanted = _fold(value)
    return next(
        (
            choice.value
            for choice in spec.choices
            if not isinstance(choice.value, bool) and _fold(choice.value) == wanted
        ),
        None,
    )


def _fold(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    word = str(value).strip().casefold()
    return _SAME_WORD.get(word, word)


def _plain_ratio(value: Any) -> str | None:
    """A width and a height as the ratio that they are, for a model that takes any ratio as a text."""
    sides = sides_of(value)
    if sides is None:
        return None
    most = math.gcd(*sides)
    across, down = sides[0] // most, sides[1] // most
    return f"{across}:{down}" if max(across, down) <= 32 else None
