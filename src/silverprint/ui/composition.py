"""Composition: a draft as a recipe, and what a model or a picture changes in it.

Pure functions over the Draft, which is the one truth of the Studio's left side. Nothing that was typed is dropped
from the draft: what a model does not take is only left out of the recipe.
"""

from __future__ import annotations

from dataclasses import replace

from silverprint.core.params import Form
from silverprint.core.picture import Picture
from silverprint.core.recipe import ModelRef, Recipe, Source
from silverprint.core.seeds import SeedMode
from silverprint.core.transfer import transfer
from silverprint.settings.draft import Draft


def reference(draft: Draft, fallback: str) -> ModelRef:
    """The draft's model, or ``fallback`` where it names none."""
    try:
        return ModelRef.parse(draft.model)
    except ValueError:
        return ModelRef.parse(fallback)


def recipe_of(draft: Draft, ref: ModelRef, form: Form) -> Recipe:
    """What would be sent: only what the model takes, and a seed only where the lock has one."""
    room = {spec.role: spec.most for spec in form.sources}
    sources = []
    for source in draft.sources:
        if room.get(source.role, 0) > 0:
            room[source.role] -= 1
            sources.append(source)
    # A mask belongs to its image; alone it is kept in the draft for the next image.
    if not any(source.role == "image" for source in sources):
        sources = [source for source in sources if source.role != "mask"]
    return Recipe(
        ref=ref,
        prompt=draft.prompt,
        negative_prompt=draft.negative if form.takes_negative else "",
        seed=draft.seed if form.takes_seed and draft.seed_mode is not SeedMode.RANDOM else None,
        params={name: value for name, value in draft.params.get(str(ref), {}).items() if form.spec(name)},
        sources=tuple(sources),
        loras=draft.loras if form.takes_loras else (),
    )


def lacking(draft: Draft, form: Form) -> str:
    """The role of an input that the model needs and the draft has not; empty when nothing is lacking."""
    roles = {source.role for source in draft.sources}
    for spec in form.sources:
        if spec.required and not roles & {spec.role, *spec.instead}:
            return spec.role
    return ""


def with_model(draft: Draft, old: ModelRef, ref: ModelRef, form: Form) -> tuple[Draft, str]:
    """The draft carried to the model ``ref``, and one line on what was kept, adapted and dropped."""
    whole = Recipe(
        ref=old,
        prompt=draft.prompt,
        negative_prompt=draft.negative,
        seed=draft.seed,
        params=draft.params.get(str(old), {}),
        sources=draft.sources,
        loras=draft.loras,
    )
    carried = transfer(whole, ref, form)
    params = {**draft.params.get(str(ref), {}), **carried.recipe.params}
    seed = carried.recipe.seed if form.takes_seed else draft.seed
    fresh = replace(draft, model=str(ref), seed=seed, params={**draft.params, str(ref): params})
    return fresh, carried.sentence()


def with_param(draft: Draft, ref: ModelRef, name: str, value: object) -> Draft:
    """The draft with one parameter set; None takes it back to the model's default."""
    params = dict(draft.params.get(str(ref), {}))
    if value is None:
        params.pop(name, None)
    else:
        params[name] = value
    return replace(draft, params={**draft.params, str(ref): params})


def with_seed_of(draft: Draft, picture: Picture) -> Draft:
    """The picture's seed, locked."""
    return replace(draft, seed=picture.seed, seed_mode=SeedMode.LOCKED)


def with_prompt_of(draft: Draft, picture: Picture) -> Draft:
    """The picture's words."""
    recipe = picture.recipe
    return replace(draft, prompt=recipe.prompt, negative=recipe.negative_prompt or draft.negative)


def with_all_of(draft: Draft, picture: Picture) -> Draft:
    """The picture's whole recipe, its seed locked."""
    recipe = picture.recipe
    return replace(
        draft,
        prompt=recipe.prompt,
        negative=recipe.negative_prompt,
        model=str(recipe.ref),
        params={**draft.params, str(recipe.ref): dict(recipe.params)},
        sources=recipe.sources,
        loras=recipe.loras,
        seed=picture.seed if picture.seed is not None else draft.seed,
        seed_mode=SeedMode.LOCKED if picture.seed is not None else draft.seed_mode,
    )


def with_image(draft: Draft, picture: Picture, form: Form) -> Draft:
    """The picture as the image to start from, with its prompt where the editor is empty."""
    wanted = form.source("image")
    strength = wanted.strength.default if wanted and wanted.strength else None
    name = picture.file.path.rpartition("/")[2]
    source = Source(role="image", sha256=picture.file.sha256, strength=strength, name=name)
    others = tuple(kept for kept in draft.sources if kept.role not in ("image", "mask"))
    prompt = draft.prompt if draft.prompt.strip() else picture.recipe.prompt
    return replace(draft, sources=(source, *others), prompt=prompt)
