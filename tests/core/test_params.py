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


OPEN = ParamSpec(name="cut", kind=ParamKind.NUMBER, low=0, high=1, low_open=True)
GRID = ParamSpec(name="grid", kind=ParamKind.INTEGER, low=64, high=512, multiple=64)
TENTHS = ParamSpec(name="tenths", kind=ParamKind.NUMBER, multiple=0.1)
TEXT = ParamSpec(name="word", kind=ParamKind.TEXT, shortest=2, longest=4)
LIST = ParamSpec(name="list", kind=ParamKind.JSON, holds="list")
SECRET = ParamSpec(name="token", kind=ParamKind.TEXT, secret=True)
TWINS = ParamSpec(
    name="twins",
    kind=ParamKind.CHOICE,
    choices=(Choice(value="5"), Choice(value=5), Choice(value="a"), Choice(value="A")),
)


@pytest.mark.parametrize(
    ("spec", "value", "reason"),
    [
        (OPEN, 0, "above 0, at most 1"), (GRID, 100, "from 64 to 512, a multiple of 64"), (TENTHS, 0.25, "a multiple of 0.1"),
        (TEXT, "a", "at least 2"), (TEXT, "abcde", "at most 4"), (LIST, {}, "a JSON list"), (SECRET, "x", "not sent"),
        (STEPS, 10**400, "whole number"), (GUIDANCE, 10**400, "number"), (EXTRA, float("nan"), "JSON"), (TWINS, 5.0, "one of"),
    ],
)  # fmt: skip
def test_what_a_schema_may_ask_for_is_checked(spec: ParamSpec, value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check(spec, value)


def test_a_multiple_is_one_as_it_is_written() -> None:
    assert check(TENTHS, 0.3) == 0.3
    assert check(GRID, 128.0) == 128


def test_choices_that_look_alike_are_told_apart_by_their_quotes() -> None:
    for choice in TWINS.choices:
        again = parse(TWINS, to_text(TWINS, choice.value))
        assert again == choice.value
        assert type(again) is type(choice.value)


def test_a_number_keeps_all_its_digits_as_text() -> None:
    spec = ParamSpec(name="rate", kind=ParamKind.NUMBER)
    for value in (5e-05, 0.1234567891, 3.0, 1234567.5):
        assert parse(spec, to_text(spec, value)) == value


def test_a_text_keeps_the_blanks_at_its_ends() -> None:
    spec = ParamSpec(name="suffix", kind=ParamKind.TEXT)
    assert parse(spec, " high quality ") == " high quality "


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "[" * 100_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        parse(EXTRA, text)
