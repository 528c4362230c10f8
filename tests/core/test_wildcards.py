from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silverprint.core import wildcards
from silverprint.core.errors import UsageError

LISTS = {"animal": ["fox", "cat"], "pet": ["{tame|young} __animal__"], "loop": ["__loop__"], "a/b": ["deep"]}


def lookup(name: str) -> Sequence[str]:
    return LISTS.get(name, [])


def test_every_combination_in_the_order_written() -> None:
    assert wildcards.every("a {red|blue} {fox|cat}", lookup) == [
        "a red fox", "a red cat", "a blue fox", "a blue cat",
    ]  # fmt: skip


def test_lists_nest_in_choices_and_choices_in_lists() -> None:
    assert wildcards.every("{one|__pet__}", lookup) == [
        "one", "tame fox", "tame cat", "young fox", "young cat",
    ]  # fmt: skip


def test_folders_in_names() -> None:
    assert wildcards.every("__a/b__", lookup) == ["deep"]


def test_empty_choice_is_allowed() -> None:
    assert wildcards.every("a{ red|} fox", lookup) == ["a red fox", "a fox"]


def test_take_several() -> None:
    assert wildcards.every("{2$$a|b|c}", lookup) == ["a, b", "a, c", "b, c"]


def test_weights_decide_how_often() -> None:
    drawn = [wildcards.draw("{9::a|b}", lookup, Random(n)) for n in range(400)]
    assert 320 < drawn.count("a") < 395


def test_a_weight_of_zero_is_never_drawn() -> None:
    assert {wildcards.draw("{0::a|b}", lookup, Random(n)) for n in range(50)} == {"b"}


def test_backslash_keeps_the_signs() -> None:
    assert wildcards.every(r"\{a\|b\} \__x\__", lookup) == ["{a|b} __x__"]


def test_single_underscores_and_pipes_are_words() -> None:
    assert not wildcards.has_wildcards("snake_case | pipe __init")


@pytest.mark.parametrize(
    ("template", "at"),
    [("a {b|c", (2, 3)), ("a }", (2, 3)), ("x __nothing__", (2, 13)), ("{0$$a|b}", (0, 4))],
)
def test_a_mistake_tells_its_place(template: str, at: tuple[int, int]) -> None:
    with pytest.raises(UsageError) as caught:
        wildcards.draw(template, lookup, Random(1))
    assert caught.value.at == at


def test_a_circle_ends_with_an_error() -> None:
    with pytest.raises(UsageError, match="circle"):
        wildcards.draw("__loop__", lookup, Random(1))
    with pytest.raises(UsageError, match="circle"):
        wildcards.every("__loop__", lookup)


def test_too_many_combinations_are_refused_without_making_them() -> None:
    with pytest.raises(UsageError, match="more than 100"):
        wildcards.every("{a|b|c|d|e}" * 30, lookup, most=100)


@given(st.text(alphabet="ab {}|\\_:$2", max_size=40), st.integers(0, 1000))
def test_a_draw_is_one_of_all_combinations(template: str, seed: int) -> None:
    try:
        drawn = wildcards.draw(template, lookup, Random(seed))
        everything = wildcards.every(template, lookup)
    except UsageError:
        return
    assert drawn in everything or "$$" in template  # a draw of several may come in another order


@given(st.text(max_size=60), st.integers(0, 1000))
def test_same_random_source_same_words_or_the_same_marked_mistake(template: str, seed: int) -> None:
    def outcome() -> str | tuple[int, int]:
        try:
            return wildcards.draw(template, lookup, Random(seed))
        except UsageError as error:
            return error.at or (0, 1)

    once = outcome()
    assert once == outcome()
    assert isinstance(once, str) or 0 <= once[0] < once[1] <= len(template)


def test_a_mistake_in_a_list_is_marked_at_its_name() -> None:
    with pytest.raises(UsageError, match=r"In __bad__: A \{ without") as caught:
        wildcards.draw("a __bad__ fox", lambda _: ["{red"], Random(1))
    assert caught.value.at == (2, 9)


@given(st.text(alphabet=st.characters(blacklist_characters="{}|\\_"), max_size=60))
def test_text_without_signs_stays_as_it_is(text: str) -> None:
    assert wildcards.draw(text, lookup, Random(0)) == text
    assert not wildcards.has_wildcards(text)
