"""Form: what pocket takes, and the check of a recipe against it.

Owns the parameters with their ranges and defaults, and the facts the picker shows. The pixels of sources are
the adapter's to read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from silverprint.core.errors import BadRecipe
from silverprint.core.params import Choice, Form, ParamKind, ParamSpec, SourceSpec, check, check_all
from silverprint.core.provider import ModelInfo, Price
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.providers.pocket.weights import concepts

REF = ModelRef("pocket", "pocket")
SIDE = 128
TITLE = "Pocket 128 · 216 flat icons"
NOTE = "Built in, offline, free. Trained on 216 flat emoji icons; it draws those at 128x128 and little else."
LICENCE = "Apache-2.0; trained on Fluent emoji (MIT) and Noto emoji (Apache-2.0)"
EXAMPLES = (
    "a red apple",
    "a cute fox in the snow",
    "a ghost on a purple background",
    "a blue cat on a yellow background",
    "rocket in space",
    "a happy penguin on a navy background",
)

_STRENGTH = ParamSpec(
    name="strength",
    kind=ParamKind.NUMBER,
    default=0.6,
    low=0.05,
    high=1.0,
    step=0.05,
    help="How far the input may change: up to 0.1 keeps shapes, up to 0.6 colours.",
)
FORM = Form(
    params=(
        ParamSpec(
            name="steps",
            kind=ParamKind.INTEGER,
            default=14,
            low=4,
            high=50,
            step=1,
            help="Steps from noise to picture. More than 20 changes little.",
        ),
        ParamSpec(
            name="guidance",
            kind=ParamKind.NUMBER,
            default=4.0,
            low=1.0,
            high=12.0,
            step=0.5,
            help="How strictly the prompt is followed; above 6 it gets harsh. 1 leaves the negative prompt unread.",
        ),
        ParamSpec(
            name="sampler",
            kind=ParamKind.CHOICE,
            default="dpm",
            choices=(
                Choice(value="dpm", title="DPM-Solver++ 2M"),
                Choice(value="ddim", title="DDIM"),
            ),
            help="How the steps are computed.",
            group="more",
        ),
        ParamSpec(
            name="size",
            kind=ParamKind.SIZE,
            default=f"{SIDE}x{SIDE}",
            choices=(Choice(value=f"{SIDE}x{SIDE}"),),
            help="The one size this model was trained for.",
            group="more",
        ),
    ),
    sources=(SourceSpec(role="image", strength=_STRENGTH), SourceSpec(role="mask")),
    takes_negative=True,
    takes_seed=True,
    prompt_required=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A recipe's checked values, as the model takes them."""

    prompt: str
    negative: str
    steps: int
    guidance: float
    solver: Literal["dpm", "ddim"]
    strength: float


def model_info() -> ModelInfo:
    """The model as the picker shows it."""
    return ModelInfo(
        ref=REF,
        title=TITLE,
        roles=frozenset({"text", "image", "inpaint"}),
        price=Price(usd=0.0),
        licence=LICENCE,
        note=NOTE,
        examples=EXAMPLES,
    )


def fits(query: str) -> bool:
    """Whether every word of ``query`` is in the model's name, its note or a thing it draws."""
    known = " ".join((str(REF), TITLE, NOTE, *concepts())).casefold()
    return all(word in known for word in query.casefold().split())


def read_recipe(recipe: Recipe) -> Wish:
    """The recipe's values as the model takes them. Raises BadRecipe with a reason for each bad field."""
    params, bad = check_all(FORM, recipe.params)
    roles = [source.role for source in recipe.sources]
    for role in sorted(set(roles)):
        if FORM.source(role) is None:
            bad[role] = "this model does not take it"
        elif roles.count(role) > 1:
            bad[role] = "one at most"
    if "mask" in roles and "image" not in roles:
        bad["mask"] = "it needs an image to paint on"
    if recipe.loras:
        bad["loras"] = "this model does not take LoRAs"
    if recipe.seed is not None and not 0 <= recipe.seed <= FORM.seed_max:
        bad["seed"] = f"a whole number from 0 to {FORM.seed_max}"
    image = recipe.source("image")
    strength = _STRENGTH.default
    if image is not None and image.strength is not None:
        try:
            strength = check(_STRENGTH, image.strength)
        except ValueError as error:
            bad["strength"] = str(error)
    if bad:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in bad.items())
        raise BadRecipe(f"The built-in model can't take this recipe. {reasons}.", fields=bad)
    return Wish(
        prompt=recipe.prompt,
        negative=recipe.negative_prompt,
        steps=params["steps"],
        guidance=params["guidance"],
        solver=params["sampler"],
        strength=strength,
    )
