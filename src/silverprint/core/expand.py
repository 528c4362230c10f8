"""From what a person composed to the recipes of a batch: wildcards first, then seeds."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from silverprint.core.errors import UsageError
from silverprint.core.recipe import Recipe
from silverprint.core.seeds import SeedMode, Spread, seeds
from silverprint.core.wildcards import Lookup, draw, every, has_wildcards

__all__ = ["MOST", "Spread", "expand"]

MOST = 1_000


def expand(
    recipe: Recipe,
    *,
    mode: SeedMode,
    count: int,
    lookup: Lookup,
    random: Random,
    spread: Spread = Spread.RANDOM,
    seed_max: int | None = 2**32 - 1,
) -> list[Recipe]:
    """The recipes of one batch, in order.

    With ``Spread.ALL`` each combination of the prompt is made ``count`` times. ``seed_max`` is None for a
    model that takes no seed. A prompt with wildcards keeps its template in the recipe.
    Raises UsageError for a broken template, or for more than 1,000 pictures.
    """
    template = recipe.prompt
    if not has_wildcards(template):
        prompts = [template] * count
    elif spread is Spread.ALL:
        prompts = [prompt for prompt in every(template, lookup, most=MOST) for _ in range(count)]
    else:
        prompts = [draw(template, lookup, random) for _ in range(count)]
    if len(prompts) > MOST:
        raise UsageError(
            f"That would be {len(prompts)} pictures; {MOST} at once is the most.", fix="Use a smaller count."
        )
    kept = template if has_wildcards(template) else None
    numbers: list[int | None] = [None] * len(prompts)
    if seed_max is not None:
        start = recipe.seed if recipe.seed is not None else random.randint(0, seed_max)
        numbers = list(seeds(mode, start, len(prompts), random=random, seed_max=seed_max))
    return [
        replace(recipe, prompt=prompt, template=kept, seed=number, engine=None)
        for prompt, number in zip(prompts, numbers, strict=True)
    ]
