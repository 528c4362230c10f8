from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silverprint.core.params import Choice, Form, ParamKind, ParamSpec, check, check_all, parse, to_text

STEPS = ParamSpec(name="steps", kind=ParamKind.INTEGER, default=12, low=4, high=50)
GUIDANCE = ParamSpec(name="guidance", kind=ParamKind.NUMBER, default=4.0, low=1, high=12)
SOLVER = ParamSpec(
    name="solver", kind=ParamKind.CHOICE, choices=(Choice(value="dpm", title="DPM++"), Choice(value=3))
)
TILED = ParamSpec(name="tiled", kind=ParamKind.SWITCH, default=False)
SIZE = ParamSpec(name="size", kind=ParamKind.SIZE, low=64, high=2048, step=8)
RATIO = ParamSpec(name="size", kind=ParamKind.SIZE, choices=(Choice(value="1:1"), Choice(value="16:9")))
EXTRA = ParamSpec(name="extra", kind=ParamKind.JSON)
FORM = Form(params=(STEPS, GUIDANCE, SOLVER, TILED))


@pytest.mark.parametrize(
    ("spec", "text", "value"),
    [
        (STEPS, " 12 ", 12), (GUIDANCE, "3,5", 3.5), (SOLVER, "DPM", "dpm"), (SOLVER, "dpm++", "dpm"),
        (SOLVER, "3", 3), (TILED, "Yes", True), (SIZE, "512 × 768", "512x768"), (RATIO, "16:9", "16:9"),
        (EXTRA, '{"a": [1]}', {"a": [1]}),
    ],
)  # fmt: skip
def test_typed_text_becomes_the_value(spec: ParamSpec, text: str, value: Any) -> None:
    assert parse(spec, text) == value


@pytest.mark.parametrize(
    ("spec", "text", "reason"),
    [
        (STEPS, "51", "a whole number from 4 to 50"), (STEPS, "4.5", "whole number"), (STEPS, "", "whole number"),
        (GUIDANCE, "nan", "from 1 to 12"), (GUIDANCE, "inf", "from 1 to 12"), (SOLVER, "euler", "one of dpm, 3"),
        (TILED, "maybe", "on or off"), (SIZE, "510x512", "multiple of 8"), (SIZE, "8x8", "from 64 to 2048"),
        (SIZE, "wide", "1024x768"), (RATIO, "2:1", "one of 1:1, 16:9"), (EXTRA, "{", "not JSON"),
    ],
)  # fmt: skip
def test_a_bad_value_gets_its_reason(spec: ParamSpec, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(spec, text)


def test_whole_floats_are_integers_and_booleans_are_not() -> None:
    assert check(STEPS, 12.0) == 12
    assert isinstance(check(STEPS, 12.0), int)
    with pytest.raises(ValueError, match="whole number"):
        check(STEPS, True)


def test_a_number_that_is_a_word_is_not_the_number() -> None:
    with pytest.raises(ValueError, match="one of"):
        check(SOLVER, "3")


def test_all_bad_fields_are_named_at_once_and_defaults_filled() -> None:
    good, bad = check_all(FORM, {"steps": 1, "wings": 2, "guidance": 2})
    assert good == {"guidance": 2.0, "tiled": False}
    assert bad == {"wings": "this model does not take it", "steps": "a whole number from 4 to 50"}


def test_a_required_value_is_asked_for() -> None:
    form = Form(params=(ParamSpec(name="who", kind=ParamKind.TEXT, required=True),))
    assert check_all(form, {})[1] == {"who": "needed"}


@given(st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none(), st.lists(st.integers())))
def test_any_value_is_taken_or_refused_with_words(value: Any) -> None:
    for spec in (STEPS, GUIDANCE, SOLVER, TILED, SIZE, RATIO):
        try:
            taken = check(spec, value)
        except ValueError as error:
            reason = str(error)
        else:
            reason = "taken"
            assert parse(spec, to_text(spec, taken)) == pytest.approx(taken)
        assert reason
