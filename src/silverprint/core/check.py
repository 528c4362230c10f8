"""Check: a whole recipe against what its model takes, before anything is sent."""

from __future__ import annotations

from dataclasses import replace

from silverprint.core.errors import BadRecipe
from silverprint.core.params import Form, check_all
from silverprint.core.recipe import Recipe
from silverprint.core.text import storable


def check_recipe(form: Form, recipe: Recipe) -> Recipe:
    """The recipe with its parameters checked and defaults filled in. Raises BadRecipe naming every bad field."""
    params, bad = check_all(form, recipe.params)
    if recipe.negative_prompt and not form.takes_negative:
        bad["negative_prompt"] = "this model does not take one"
    if recipe.loras and not form.takes_loras:
        bad["loras"] = "this model does not take LoRAs"
    roles: dict[str, int] = {}
    for source in recipe.sources:
        roles[source.role] = roles.get(source.role, 0) + 1
        spec = form.source(source.role)
        if spec is None:
            bad[source.role] = "this model does not take one"
        elif roles[source.role] > spec.most:
            bad[source.role] = f"at most {spec.most}"
    for wanted in form.sources:
        if wanted.required and wanted.role not in roles:
            bad[wanted.role] = "needed"
    if "mask" in roles and "image" not in roles:
        bad["image"] = "a mask needs its image"
    if form.prompt_required and not recipe.prompt.strip():
        bad["prompt"] = "type what the picture should show"
    if recipe.seed is not None and not 0 <= recipe.seed <= form.seed_max:
        bad["seed"] = f"a whole number from 0 to {form.seed_max}"
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
