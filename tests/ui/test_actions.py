"""The table of actions: what is made from it can't drift from it."""

from __future__ import annotations

import os
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

from silverprint.ui.actions import ACTIONS, Where, actions, as_markdown, bindings, key_word
from silverprint.ui.places import PLACES

PAGE = Path(__file__).parents[2] / "docs" / "keys.md"
NARROWEST_HELP = 48
"""What is left for the words at 80 columns beside the longest keys."""


def test_every_action_has_a_name_of_its_own() -> None:
    names = Counter(action.name for place in Where for action in ACTIONS[place])
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("place", list(Where))
def test_a_key_means_one_thing_in_one_place(place: Where) -> None:
    keys = Counter(chain.from_iterable(action.keys.split(",") for action in ACTIONS[place]))
    assert [key for key, times in keys.items() if times > 1] == []


def test_a_priority_key_of_a_screen_is_no_other_priority_key() -> None:
    for places in PLACES.values():
        keys = Counter(
            key
            for place in (*places, Where.EVERYWHERE)
            for action in ACTIONS[place]
            if action.priority
            for key in action.keys.split(",")
        )
        assert [key for key, times in keys.items() if times > 1] == []


def test_every_place_but_the_dialogs_is_in_some_screens_help() -> None:
    shown = {place for places in PLACES.values() for place in places} | {Where.EVERYWHERE}
    assert set(Where) - shown == {Where.DIALOG}


def test_help_fits_a_narrow_terminal() -> None:
    long = [action.name for place in Where for action in ACTIONS[place] if len(action.help) > NARROWEST_HELP]
    assert long == []


def test_a_digit_types_in_a_text_field_and_alt_digit_goes_even_there() -> None:
    made = {key: binding for binding in bindings(Where.EVERYWHERE) for key in binding.key.split(",")}
    assert made["1"].priority is False
    assert made["alt+1"].priority is True
    assert made["1"].id == made["alt+1"].id == "app.studio"


def test_own_keys_take_the_place_of_the_defaults() -> None:
    (develop,) = [
        action
        for action in actions(Where.STUDIO, keys={"studio.develop": "f9"})
        if action.name == "studio.develop"
    ]
    assert develop.key_words == "f9"


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("ctrl+g", "ctrl+g"),
        ("escape", "esc"),
        ("slash", "/"),
        ("shift+t", "T"),
        ("ctrl+pageup", "ctrl+page up"),
    ],
)
def test_keys_read_as_people_say_them(key: str, word: str) -> None:
    assert key_word(key) == word


def test_the_page_of_keys_is_not_stale() -> None:
    """Run with ``UPDATE_DOCS=1`` to write it."""
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(as_markdown(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == as_markdown(), (
        "run: UPDATE_DOCS=1 pytest tests/ui/test_actions.py"
    )
