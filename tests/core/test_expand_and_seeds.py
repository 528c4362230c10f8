from __future__ import annotations

from random import Random

import pytest

from silverprint.core.errors import UsageError
from silverprint.core.expand import Spread, expand
from silverprint.core.recipe import Engine, ModelRef, Recipe
from silverprint.core.seeds import SeedMode, next_seed, seeds


def recipe(prompt: str, seed: int | None = 7) -> Recipe:
    return Recipe(ref=ModelRef("fake", "one"), prompt=prompt, seed=seed, engine=Engine(name="old"))


def test_locked_repeats_step_counts_random_differs() -> None:
    assert seeds(SeedMode.LOCKED, 5, 3, random=Random(1)) == [5, 5, 5]
    assert seeds(SeedMode.STEP, 5, 3, random=Random(1)) == [5, 6, 7]
    assert len(set(seeds(SeedMode.RANDOM, 5, 50, random=Random(1)))) == 50


def test_steps_wrap_at_the_largest_seed() -> None:
    assert seeds(SeedMode.STEP, 9, 3, random=Random(1), seed_max=10) == [9, 10, 0]
    assert next_seed(SeedMode.STEP, 9, 3, seed_max=10) == 1
    assert next_seed(SeedMode.LOCKED, 9, 3) == 9


def test_more_random_pictures_than_seeds_still_ends() -> None:
    assert sorted(set(seeds(SeedMode.RANDOM, 0, 5, random=Random(1), seed_max=1))) == [0, 1]


def test_the_lock_turns_through_three_states() -> None:
    assert SeedMode.LOCKED.following.following.following is SeedMode.LOCKED


def test_template_and_result_are_both_kept_and_old_engine_is_not() -> None:
    made = expand(
        recipe("a {red|blue} fox"), mode=SeedMode.LOCKED, count=2, lookup=lambda _: [], random=Random(3),
        spread=Spread.ALL,
    )  # fmt: skip
    assert [r.prompt for r in made] == ["a red fox", "a red fox", "a blue fox", "a blue fox"]
    assert {r.template for r in made} == {"a {red|blue} fox"}
    assert {r.seed for r in made} == {7}
    assert all(r.engine is None for r in made)


def test_plain_prompt_has_no_template() -> None:
    (made,) = expand(recipe("a fox"), mode=SeedMode.LOCKED, count=1, lookup=lambda _: [], random=Random(3))
    assert made.template is None


def test_no_seed_for_a_model_that_takes_none() -> None:
    (made,) = expand(
        recipe("a fox"), mode=SeedMode.STEP, count=1, lookup=lambda _: [], random=Random(3), seed_max=None
    )
    assert made.seed is None


def test_an_unset_seed_is_drawn_and_recorded() -> None:
    made = expand(
        recipe("a fox", None), mode=SeedMode.STEP, count=2, lookup=lambda _: [], random=Random(3), seed_max=99
    )
    assert made[0].seed is not None
    assert made[1].seed == (made[0].seed + 1) % 100


def test_a_thousand_is_the_most() -> None:
    with pytest.raises(UsageError, match="1000 at once"):
        expand(recipe("a"), mode=SeedMode.STEP, count=1001, lookup=lambda _: [], random=Random(3))
