"""Transfer: carry a recipe to another model, and say what was kept, adapted and dropped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from silverprint.core.params import Form, ParamKind, ParamSpec, check
from silverprint.core.recipe import ModelRef, Recipe


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


def transfer(recipe: Recipe, ref: ModelRef, form: Form) -> Transfer:
    """The recipe for model ``ref``. A value is kept where it is valid, clamped where it is a number out of
    range, and dropped otherwise; nothing is invented.
    """
    params: dict[str, Any] = {}
    kept: list[str] = []
    adapted: list[tuple[str, Any, Any]] = []
    dropped: list[str] = []
    for name, value in recipe.params.items():
        spec = form.spec(name)
        if spec is None:
            dropped.append(name)
            continue
        try:
            params[name] = check(spec, value)
            kept.append(name)
        except ValueError:
            nearest = _nearest(spec, value)
            if nearest is None:
                dropped.append(name)
            else:
                params[name] = nearest
                adapted.append((name, value, nearest))
    negative = recipe.negative_prompt if form.takes_negative else ""
    if recipe.negative_prompt and not negative:
        dropped.append("negative prompt")
    seed = recipe.seed if form.takes_seed else None
    if recipe.seed is not None and seed is None:
        dropped.append("seed")
    elif seed is not None and seed > form.seed_max:
        adapted.append(("seed", seed, seed % (form.seed_max + 1)))
        seed %= form.seed_max + 1
    sources = []
    left = {spec.role: spec.most for spec in form.sources}
    for source in recipe.sources:
        if left.get(source.role, 0) > 0:
            left[source.role] -= 1
            sources.append(source)
        else:
            dropped.append(source.role)
    loras = recipe.loras if form.takes_loras else ()
    dropped.extend(f"LoRA {lora.name}" for lora in recipe.loras if lora not in loras)
    carried = replace(
        recipe,
        ref=ref,
        params=params,
        negative_prompt=negative,
        seed=seed,
        sources=tuple(sources),
        loras=loras,
        engine=None,
    )
    return Transfer(recipe=carried, kept=tuple(kept), adapted=tuple(adapted), dropped=tuple(dropped))


def _nearest(spec: ParamSpec, value: Any) -> Any:
    if spec.kind not in (ParamKind.INTEGER, ParamKind.NUMBER):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    if spec.low is not None:
        value = max(value, spec.low)
    if spec.high is not None:
        value = min(value, spec.high)
    if spec.kind is ParamKind.INTEGER:
        value = round(value)
    try:
        return check(spec, value)
    except ValueError:
        return None
