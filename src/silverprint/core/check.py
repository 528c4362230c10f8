"""Check: a whole recipe against what its model takes, before anything is sent."""

from __future__ import annotations

from dataclasses import replace

from silverprint.core.errors import BadRecipe
from silverprint.core.params import Form, check, check_all
from silverprint.core.recipe import Recipe
from silverprint.core.text import storable


def check_recipe(form: Form, recipe: Recipe) -> Recipe:
    """The recipe with its parameters checked and defaults filled in. Raises BadRecipe naming every bad field."""
    params, bad = check_all(form, recipe.params)
    if recipe.negative_prompt and not form.takes_negative:
        bad["negative_prompt"] = "this model does not take one"
    bad |= _bad_loras(form, recipe)
    roles: dict[str, int] = {}
    for source in recipe.sources:
        roles[source.role] = roles.get(source.role, 0) + 1
        spec = form.source(source.role)
        if spec is None:
            bad[source.role] = "this model does not take one"
        elif roles[source.role] > spec.most:
            bad[source.role] = f"at most {spec.most}"
    for wanted in form.sources:
        if wanted.required and not roles.keys() & {wanted.role, *wanted.instead}:
            bad[wanted.role] = "needed"
    bad |= _bad_strengths(form, recipe)
    if "mask" in roles and "image" not in roles and form.source("image") is not None:
        bad["image"] = "a mask needs its image"
    if form.takes_prompt and form.prompt_required and not recipe.prompt.strip():
        bad["prompt"] = "type what the picture should show"
    if form.takes_prompt and form.prompt_most is not None and len(recipe.prompt) > form.prompt_most:
        bad["prompt"] = f"at most {form.prompt_most} characters; it has {len(recipe.prompt)}"
    if recipe.seed is not None and not form.seed_min <= recipe.seed <= form.seed_max:
        bad["seed"] = f"a whole number from {form.seed_min} to {form.seed_max}"
    if bad:
        words = "; ".join(f"{name.replace('_', ' ')}: {reason}" for name, reason in bad.items())
        raise BadRecipe(words, fields=bad)
    strengths = {spec.role: spec.strength.default for spec in form.sources if spec.strength is not None}
    return replace(
        recipe,
        params=params,
        sources=tuple(
            replace(source, strength=strengths.get(source.role)) if source.strength is None else source
            for source in recipe.sources
        ),
        prompt=storable(recipe.prompt),
        negative_prompt=storable(recipe.negative_prompt),
    )


def _bad_loras(form: Form, recipe: Recipe) -> dict[str, str]:
    count = len(recipe.loras)
    if count and not form.takes_loras:
        return {"loras": "this model does not take LoRAs"}
    if form.loras_most is not None and count > form.loras_most:
        return {"loras": f"at most {form.loras_most}"}
    if count < form.loras_least:
        return {"loras": "needed"}
    if form.lora_weight is not None:
        for lora in recipe.loras:
            try:
                check(form.lora_weight, lora.weight)
            except ValueError as error:
                return {"loras": f"the weight of {lora.name}: {error}"}
    return {}


def _bad_strengths(form: Form, recipe: Recipe) -> dict[str, str]:
    for source in recipe.sources:
        spec = form.source(source.role)
        if source.strength is not None and spec is not None and spec.strength is not None:
            try:
                check(spec.strength, source.strength)
            except ValueError as error:
                return {"strength": str(error)}
    return {}
