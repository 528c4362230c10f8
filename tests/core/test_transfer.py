from __future__ import annotations

import pytest
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


def size(**more: object) -> Form:
    return Form(params=(ParamSpec(name="size", kind=ParamKind.SIZE, **more),))  # type: ignore[arg-type]


def choice(name: str, *values: object) -> ParamSpec:
    return ParamSpec(name=name, kind=ParamKind.CHOICE, choices=tuple(Choice(value=value) for value in values))


NAMED = size(
    low=1,
    high=14142,
    choices=tuple(Choice(value=v) for v in ("square_hd", "portrait_16_9", "landscape_4_3", "auto")),
)
ONLY_NAMED = size(
    choices=tuple(Choice(value=v) for v in ("auto", "square_hd", "portrait_16_9", "landscape_4_3"))
)
PIXELS = size(low=256, high=1440, step=32, default="1024x768")
THREE = size(choices=tuple(Choice(value=v) for v in ("1024x1024", "1536x1024", "1024x1536")))
RATIOS = Form(params=(choice("aspect_ratio", "match_input_image", "1:1", "16:9", "9:16", "4:3"),))


@pytest.mark.parametrize(
    ("form", "old", "new"),
    [
        (RATIOS, {"size": "1024x1024"}, {"aspect_ratio": "1:1"}),
        (RATIOS, {"size": "landscape_4_3"}, {"aspect_ratio": "4:3"}),
        (RATIOS, {"size": "1344x768"}, {"aspect_ratio": "16:9"}),
        (RATIOS, {"size": "auto"}, {}),  # nobody says what shape that is
        (RATIOS, {"size": "4096x512"}, {}),  # nothing near
        (ONLY_NAMED, {"size": "1024x1024"}, {"size": "square_hd"}),
        (ONLY_NAMED, {"aspect_ratio": "9:16"}, {"size": "portrait_16_9"}),
        (NAMED, {"size": "1024x1024"}, {"size": "1024x1024"}),
        (PIXELS, {"size": "2048x2048"}, {"size": "1440x1440"}),
        (PIXELS, {"size": "1000x700"}, {"size": "992x704"}),
        (PIXELS, {"size": "128x128"}, {"size": "256x256"}),
        (PIXELS, {"aspect_ratio": "1:1"}, {"size": "896x896"}),  # as many pixels as its own default
        (PIXELS, {"size": "square_hd"}, {"size": "896x896"}),
        (THREE, {"aspect_ratio": "3:2"}, {"size": "1536x1024"}),
        (THREE, {"size": "512x512"}, {"size": "1024x1024"}),
        (Form(params=(ParamSpec(name="aspect_ratio", kind=ParamKind.TEXT),)), {"size": "1344x768"}, {"aspect_ratio": "7:4"}),
    ],
)  # fmt: skip
def test_sizes_go_on_as_the_nearest_shape(form: Form, old: dict[str, str], new: dict[str, str]) -> None:
    carried = transfer(Recipe(ref=OLD, prompt="fox", params=old), NEW, form)
    assert carried.recipe.params == new
    name, value = next(iter(old.items()))
    if not new:
        assert carried.dropped == (name,)
    elif new == old:
        assert carried.kept == (name,)
    else:
        assert [(told, was) for told, was, _ in carried.adapted] == [(name, value)]


def test_a_size_does_not_push_out_a_ratio() -> None:
    recipe = Recipe(ref=OLD, prompt="fox", params={"size": "512x512", "aspect_ratio": "16:9"})
    carried = transfer(recipe, NEW, RATIOS)
    assert carried.recipe.params == {"aspect_ratio": "16:9"}
    assert carried.dropped == ("size",)


@pytest.mark.parametrize(
    ("spec", "old", "new"),
    [
        (choice("output_format", "PNG", "JPEG"), "png", "PNG"), (choice("output_format", "jpeg"), "jpg", "jpeg"),
        (choice("tolerance", "1", "5"), 5, "5"), (choice("tolerance", 1, 5), "5", 5), (choice("tolerance", 1, 5), 5.0, 5),
        (ParamSpec(name="tolerance", kind=ParamKind.INTEGER, low=0, high=5), "4", 4),
        (ParamSpec(name="grid", kind=ParamKind.INTEGER, low=64, high=512, multiple=64), 200, 192),
        (ParamSpec(name="grid", kind=ParamKind.INTEGER, low=64, high=500, multiple=64), 9000, 448),
        (ParamSpec(name="cut", kind=ParamKind.NUMBER, low=0, low_open=True), -1, None),
        (choice("tolerance", True, 1), "True", None), (choice("quality", "low"), "high", None),
        (ParamSpec(name="word", kind=ParamKind.TEXT, longest=3), "longer", None),
    ],
)  # fmt: skip
def test_other_values_go_on_as_the_same_word_or_the_nearest_number(
    spec: ParamSpec, old: object, new: object
) -> None:
    carried = transfer(Recipe(ref=OLD, prompt="fox", params={spec.name: old}), NEW, Form(params=(spec,)))
    assert carried.recipe.params == ({} if new is None else {spec.name: new})
    if new is None:
        assert carried.dropped == (spec.name,)
    else:
        assert carried.adapted == ((spec.name, old, new),)
        assert type(carried.recipe.params[spec.name]) is type(new)


def test_a_strength_is_brought_within_the_range() -> None:
    strength = ParamSpec(name="strength", kind=ParamKind.NUMBER, low=0.2, high=0.8)
    image = Source(role="image", sha256="1", strength=0.95)
    form = Form(sources=(SourceSpec(role="image", strength=strength),))
    carried = transfer(Recipe(ref=OLD, prompt="", sources=(image,)), NEW, form)
    assert carried.recipe.sources[0].strength == 0.8
    assert carried.adapted == (("strength", 0.95, 0.8),)
    plain = transfer(
        Recipe(ref=OLD, prompt="", sources=(image,)), NEW, Form(sources=(SourceSpec(role="image"),))
    )
    assert plain.recipe.sources[0].strength is None
    assert plain.dropped == ("strength",)


def test_a_picture_takes_another_role_only_where_its_own_is_not_taken() -> None:
    sources = (
        Source(role="image", sha256="1", name="fox.png"),
        Source(role="reference", sha256="2"),
        Source(role="mask", sha256="3"),
    )
    recipe = Recipe(ref=OLD, prompt="", sources=sources)
    carried = transfer(recipe, NEW, Form(sources=(SourceSpec(role="reference", most=2),)))
    assert [(one.role, one.sha256) for one in carried.recipe.sources] == [
        ("reference", "1"),
        ("reference", "2"),
    ]
    assert carried.adapted == (("image", "fox.png", "reference"),)
    assert carried.dropped == ("mask",)
    one = transfer(recipe, NEW, Form(sources=(SourceSpec(role="image"),)))
    assert [source.sha256 for source in one.recipe.sources] == ["1"]
    assert one.dropped == ("reference", "mask")


def test_loras_are_counted_and_weighed() -> None:
    loras = tuple(LoraUse(name=name, weight=weight) for name, weight in (("a", 1.0), ("b", 9.0), ("c", 1.0)))
    weight = ParamSpec(name="weight", kind=ParamKind.NUMBER, low=-1, high=3)
    form = Form(takes_loras=True, loras_most=2, lora_weight=weight)
    carried = transfer(Recipe(ref=OLD, prompt="", loras=loras), NEW, form)
    assert [(lora.name, lora.weight) for lora in carried.recipe.loras] == [("a", 1.0), ("b", 3)]
    assert carried.adapted == (("LoRA b", 9.0, 3),)
    assert carried.dropped == ("LoRA c",)


SIZES = st.sampled_from(
    ["1024x1024", "640x1100", "16:9", "4:5", "square_hd", "portrait_4_3", "auto", "0x9", "9:0", "99999x1", ""]
)
FORMS = st.sampled_from([NAMED, ONLY_NAMED, PIXELS, THREE, RATIOS])


@given(
    st.fixed_dictionaries(
        {}, optional={"size": SIZES | values, "aspect_ratio": SIZES | values, "steps": values}
    ),
    FORMS,
)
def test_every_carried_size_is_valid_and_told(params: dict[str, object], form: Form) -> None:
    carried = transfer(Recipe(ref=OLD, prompt="fox", params=params), NEW, form)
    for name, value in carried.recipe.params.items():
        spec = form.spec(name)
        assert spec is not None
        assert check(spec, value) == value
    told = [*carried.kept, *carried.dropped, *(name for name, _, _ in carried.adapted)]
    assert sorted(told) == sorted(params)
    assert len(carried.recipe.params) <= len(params) - len(carried.dropped)
