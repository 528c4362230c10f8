from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from silverprint.core.params import Choice, Form, ParamKind, ParamSpec, SourceSpec, check
from silverprint.core.recipe import LoraUse, ModelRef, Recipe, Source
from silverprint.core.transfer import transfer

OLD = ModelRef("a", "one")
NEW = ModelRef("b", "two")
FORM = Form(
    params=(
        ParamSpec(name="steps", kind=ParamKind.INTEGER, default=8, low=1, high=20),
        ParamSpec(name="sampler", kind=ParamKind.CHOICE, choices=(Choice(value="ddim"),)),
    ),
    sources=(SourceSpec(role="image"),),
    takes_seed=True,
    seed_max=99,
)


def test_kept_adapted_dropped_are_told() -> None:
    recipe = Recipe(
        ref=OLD, prompt="fox", negative_prompt="blur", seed=107,
        params={"steps": 50, "sampler": "ddim", "hires": True},
        sources=(Source(role="image", sha256="1"), Source(role="image", sha256="2")),
        loras=(LoraUse(name="gold"),),
    )  # fmt: skip
    carried = transfer(recipe, NEW, FORM)
    assert carried.recipe.ref == NEW
    assert carried.recipe.params == {"steps": 20, "sampler": "ddim"}
    assert carried.recipe.seed == 7
    assert [source.sha256 for source in carried.recipe.sources] == ["1"]
    assert carried.kept == ("sampler",)
    assert carried.adapted == (("steps", 50, 20), ("seed", 107, 7))
    assert carried.dropped == ("hires", "negative prompt", "image", "LoRA gold")
    assert carried.sentence() == (
        "kept sampler · adapted steps 50 → 20, seed 107 → 7 · dropped hires, negative prompt, image, LoRA gold"
    )


def test_nothing_to_say_when_all_fits() -> None:
    assert transfer(Recipe(ref=OLD, prompt="fox"), NEW, FORM).sentence() == ""


values = st.one_of(
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.booleans(),
    st.none(),
    st.lists(st.integers(), max_size=2),
)


@given(st.dictionaries(st.sampled_from(["steps", "sampler", "other"]), values))
def test_nothing_is_invented_and_what_is_carried_is_valid(params: dict[str, object]) -> None:
    carried = transfer(Recipe(ref=OLD, prompt="fox", params=params), NEW, FORM)
    assert set(carried.recipe.params) <= set(params)
    for name, value in carried.recipe.params.items():
        spec = FORM.spec(name)
        assert spec is not None
        assert check(spec, value) == value
    told = {*carried.kept, *carried.dropped, *(name for name, _, _ in carried.adapted)}
    assert told == set(params)
