"""What counts as a word, in the scripts that prompts are written in."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silverprint.store.words import fold, has_run, words_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A Fox, in the snow!", ["a", "fox", "in", "the", "snow"]),
        ("film-grain_xl (1.2)", ["film", "grain", "xl", "1", "2"]),
        ("Día à Zürich", ["dia", "a", "zurich"]),
        ("Ёлка и СНЕГ", ["елка", "и", "снег"]),
        ("雪の中の狐", ["雪", "の", "中", "の", "狐"]),
        ("ガラス", ["ガ", "ラ", "ス"]),
        ("여우가 눈", ["여", "우", "가", "눈"]),
        ("ثعلب في الثَّلج", ["ثعلب", "في", "الثلج"]),
        ("שׁוּעָל", ["שועל"]),
        ("लोमड़ी", ["लोमड़ी"]),
        ("a🦊b ❤️", ["a", "🦊", "b", "❤"]),
        ("ＦＵＬＬ ﬁlm", ["full", "film"]),
        ("İstanbul straße", ["istanbul", "strasse"]),
        ("... — !", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words_of(text) == [unicodedata.normalize("NFKC", word) for word in expected]


@given(st.text())
def test_words_do_not_depend_on_case_or_on_how_accents_are_encoded(text: str) -> None:
    assert words_of(unicodedata.normalize("NFD", text)) == words_of(unicodedata.normalize("NFC", text))
    assert words_of(" ".join(words_of(text))) == words_of(text)


@given(st.text())
def test_a_word_never_holds_what_the_index_would_split_at(text: str) -> None:
    for word in words_of(text):
        assert word
        assert all(char.isalnum() for char in word if char.isascii())
        assert not any("A" <= char <= "Z" for char in word)


def test_runs_and_beginnings() -> None:
    text = ["low", "sun", "low", "sunset"]
    assert has_run(text, ["low", "sun"])
    assert not has_run(text, ["sun", "sunset"])
    assert has_run(text, ["low", "suns"], prefix=True)
    assert not has_run(text, ["lo", "sun"], prefix=True), "only the last word may be begun"
    assert not has_run([], ["low"])


def test_folding_joins_what_a_person_takes_for_the_same() -> None:
    assert fold("FLUX") == fold("flux")
    assert fold("É") == fold("e\u0301")
    assert fold("É") != fold("e")
