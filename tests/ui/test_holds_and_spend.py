"""Words about money and held providers: what fits, what is said, and that nothing from outside is more than words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from silverprint.core.budget import LIFT_WAYS, Standing
from silverprint.core.job import Job, JobState
from silverprint.core.provider import Price
from silverprint.ui.holds import Hold, Way, holds
from silverprint.ui.spend_words import cost_words, exact_money, spend_notes
from silverprint.ui.widgets.lora_list import read_lora
from tests.ui import samples


def test_nothing_is_said_where_nothing_was_spent_and_no_limit_is_set() -> None:
    assert spend_notes(None) == ()
    assert spend_notes(Standing()) == ()


@pytest.mark.parametrize(
    ("standing", "fullest"),
    [
        (Standing(day_usd=0.42, month_usd=3.1, day_limit_usd=5.0), "today $0.42 of $5.00"),
        (Standing(day_usd=0.42, month_usd=3.1), "today $0.42"),
        (Standing(month_usd=3.1), "today $0.00"),
        (Standing(day_limit_usd=5.0), "today $0.00 of $5.00"),
        (Standing(day_unknown=2, month_unknown=2), "today $0.00 + ?"),
        (Standing(day_usd=1, month_usd=9, month_limit_usd=20.0), "today $1.00, month $9.00 of $20.00"),
        (Standing(day_usd=6, month_usd=6, day_limit_usd=5.0, lifted=True), "today $6.00 of $5.00, lifted"),
    ],
)
def test_what_was_spent_from_the_fullest_words_to_the_shortest(standing: Standing, fullest: str) -> None:
    notes = spend_notes(standing)
    assert notes[0] == fullest
    assert [len(note) for note in notes] == sorted((len(note) for note in notes), reverse=True)
    assert notes[-1].startswith("$") or notes[-1].startswith("today")


@pytest.mark.parametrize(
    ("price", "number", "words"),
    [
        (Price(usd=0.014), 4, "$0.056"),
        (Price(usd=0.003, about=True), 1, "about $0.003"),
        (Price(usd=0.0), 4, ""),
        (None, 4, "price unknown"),
        (Price(usd=2.5), 4, "$10"),
        (Price(usd=1.25), 10, "$12.50"),
    ],
)
def test_the_price_of_a_press(price: Price | None, number: int, words: str) -> None:
    assert cost_words(price, number) == words


def test_tiny_prices_are_not_nothing() -> None:
    assert exact_money(0.00002) == "under $0.0001"
    assert exact_money(0.0004) == "$0.0004"


def waiting(kind: str, message: str, ref: str = "fal:dev") -> Job:
    return samples.job(
        1, JobState.WAITING, recipe=samples.recipe(ref=ref), error=samples.note(kind, message=message)
    )


@pytest.mark.parametrize(
    ("kind", "way", "words"),
    [
        ("KeyMissing", Way.ADD_KEY, "fal: no key · 5 to add one · 1 waiting"),
        ("KeyRefused", Way.MEND_KEY, "fal: fal does not accept it · 5 to correct the key · 1 waiting"),
        ("OutOfCredit", Way.GO_ON, "fal: fal does not accept it · o goes on · 1 waiting"),
    ],
)
def test_the_way_on_follows_from_what_the_waiting_job_met(kind: str, way: Way, words: str) -> None:
    (hold,) = holds({"fal": "fal does not accept it. Do this."}, [waiting(kind, "fal does not accept it.")])
    assert hold.way is way
    assert hold.words() == words


def test_the_budget_is_known_by_its_way_out() -> None:
    reason = f"Today's budget of $5.00 is reached: $4.99 spent, this picture costs $0.05. {LIFT_WAYS}"
    (hold,) = holds({"fal": reason}, [replace(waiting("", ""), error=None)])
    assert hold.way is Way.LIFT
    assert hold.words(room=200).startswith("fal: Today's budget of $5.00 is reached")
    assert hold.words(room=64) == "fal: the budget is reached · b lifts it for today · 1 waiting"


@pytest.mark.parametrize("room", [50, 80, 120])
def test_the_key_that_helps_is_never_cut_off(room: int) -> None:
    hold = Hold(provider="a-service", reason="words " * 60, way=Way.GO_ON, jobs=12)
    assert hold.words(room=room).endswith("· o goes on · 12 waiting")
    assert cell_len(hold.words(room=room)) <= room


def test_reasons_from_outside_are_one_clean_line() -> None:
    words = Hold(provider=samples.HOSTILE, reason=f"{samples.HOSTILE}\nmore", way=Way.GO_ON, jobs=0).words()
    assert "\x1b" not in words
    assert "\n" not in words
    assert "\u202e" not in words


@pytest.mark.parametrize(
    ("text", "name", "weight"),
    [
        ("detail", "detail", 1.0),
        ("detail:0.8", "detail", 0.8),
        (" detail:0,8 ", "detail", 0.8),
        ("https://hf.co/a/b.safetensors", "https://hf.co/a/b.safetensors", 1.0),
        ("https://hf.co/a/b.safetensors:-0.5", "https://hf.co/a/b.safetensors", -0.5),
        ("owner/name:style", "owner/name:style", 1.0),
    ],
)
def test_a_lora_as_it_is_typed(text: str, name: str, weight: float) -> None:
    lora = read_lora(text)
    assert (lora.name, lora.weight) == (name, weight)


@pytest.mark.parametrize("text", ["detail:99", "", "detail:nan"])
def test_a_lora_that_can_t_be(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|name"):
        read_lora(text)
