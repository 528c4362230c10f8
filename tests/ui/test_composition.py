"""A draft as a recipe, and what models and pictures change in it."""

from __future__ import annotations

from dataclasses import replace

from silverprint.core.params import Form, ParamKind, ParamSpec, SourceSpec
from silverprint.core.recipe import ModelRef, Source
from silverprint.core.seeds import SeedMode
from silverprint.settings.draft import Draft
from silverprint.ui import composition
from tests.ui import samples

OLD, NEW = ModelRef("old", "old"), ModelRef("new", "new")
STEPS = ParamSpec(name="steps", kind=ParamKind.INTEGER, default=4, low=1, high=8)
STRENGTH = ParamSpec(name="strength", kind=ParamKind.NUMBER, default=0.6, low=0, high=1)
BARE = Form(params=(STEPS,))
RICH = Form(
    params=(STEPS,),
    sources=(SourceSpec(role="image", strength=STRENGTH), SourceSpec(role="mask")),
    takes_negative=True,
    takes_seed=True,
)
IMAGE = Source(role="image", sha256="aa", strength=0.5)
MASK = Source(role="mask", sha256="bb")
DRAFT = Draft(
    prompt="a fox",
    negative="blur",
    model="old:old",
    seed=7,
    seed_mode=SeedMode.LOCKED,
    params={"old:old": {"steps": 20, "odd": 1}},
    sources=(IMAGE, MASK),
)


def test_only_what_the_model_takes_is_sent() -> None:
    sent = composition.recipe_of(DRAFT, OLD, BARE)
    assert (sent.negative_prompt, sent.seed, sent.sources) == ("", None, ())
    assert dict(sent.params) == {"steps": 20}
    rich = composition.recipe_of(DRAFT, OLD, RICH)
    assert (rich.negative_prompt, rich.seed, rich.sources) == ("blur", 7, (IMAGE, MASK))


def test_a_random_lock_sends_no_seed_and_the_others_do() -> None:
    for mode, seed in ((SeedMode.RANDOM, None), (SeedMode.LOCKED, 7), (SeedMode.STEP, 7)):
        assert composition.recipe_of(replace(DRAFT, seed_mode=mode), OLD, RICH).seed == seed


def test_a_mask_alone_is_kept_but_not_sent() -> None:
    alone = replace(DRAFT, sources=(MASK,))
    assert composition.recipe_of(alone, OLD, RICH).sources == ()


def test_no_more_inputs_than_the_model_takes() -> None:
    two = replace(DRAFT, sources=(IMAGE, replace(IMAGE, sha256="cc")))
    assert composition.recipe_of(two, OLD, RICH).sources == (IMAGE,)


def test_carrying_to_another_model_says_what_changed_and_loses_nothing_typed() -> None:
    carried, sentence = composition.with_model(DRAFT, OLD, NEW, BARE)
    assert carried.model == "new:new"
    assert carried.params["new:new"] == {"steps": 8}
    assert "adapted steps 20 → 8" in sentence
    assert "dropped" in sentence
    assert (carried.prompt, carried.negative, carried.seed) == ("a fox", "blur", 7)
    assert carried.sources == DRAFT.sources
    back, _ = composition.with_model(carried, NEW, OLD, RICH)
    assert composition.recipe_of(back, OLD, RICH).negative_prompt == "blur"


def test_a_parameter_goes_back_to_the_models_own() -> None:
    changed = composition.with_param(DRAFT, OLD, "steps", 5)
    assert changed.params["old:old"]["steps"] == 5
    assert "steps" not in composition.with_param(changed, OLD, "steps", None).params["old:old"]
    assert DRAFT.params["old:old"]["steps"] == 20


def test_parts_of_a_picture() -> None:
    picture = samples.picture(3)
    seeded = composition.with_seed_of(DRAFT, picture)
    assert (seeded.seed, seeded.seed_mode, seeded.prompt) == (3, SeedMode.LOCKED, "a fox")
    assert composition.with_prompt_of(DRAFT, picture).prompt == picture.recipe.prompt
    whole = composition.with_all_of(DRAFT, picture)
    again = composition.recipe_of(
        whole, picture.recipe.ref, replace(RICH, params=(STEPS, replace(STEPS, name="guidance")))
    )
    assert again == replace(picture.recipe, engine=None)


def test_editing_from_a_picture_takes_it_as_the_image_and_keeps_the_words() -> None:
    picture = samples.picture(3)
    edited = composition.with_image(DRAFT, picture, RICH)
    assert edited.prompt == "a fox"
    assert edited.sources == (
        Source(role="image", sha256=picture.file.sha256, strength=0.6, name="0003.png"),
    )
    assert composition.with_image(replace(DRAFT, prompt=" "), picture, RICH).prompt == picture.recipe.prompt


def test_a_model_that_can_not_be_read_falls_back() -> None:
    assert composition.reference(Draft(model="nonsense"), "pocket:pocket") == ModelRef("pocket", "pocket")
