"""The tokenizer against ids recorded from transformers' CLIPTokenizer, and against the plain form of its merges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silverprint.providers.pocket.tokenizer import Tokenizer, split
from silverprint.providers.pocket.weights import Weights

FOLDER = "diffusers/tokenizer"
START, END = 2558, 2559

# Recorded with transformers 5.x: CLIPTokenizer(text, padding="max_length", truncation=True, max_length=24).
RECORDED = {
    "a red apple": [320, 561, 1341],
    "A Red\t\n Apple ": [320, 561, 1341],
    "it's 42!": [729, 856, 275, 273, 256],
    "naïve café": [884, 127, 107, 664, 619, 69, 127, 358],
    "nai\u0308ve cafe\u0301": [884, 127, 107, 664, 619, 69, 127, 358],
    "½ ² ᾳ": [126, 377, 126, 366, 157, 122, 367],
    "תפוח אדום": [147, 103, 147, 97, 147, 243, 147, 501, 147, 238, 147, 241, 147, 243, 147, 507],
    "りんご 🍎": [159, 224, 232, 159, 224, 241, 159, 223, 498, 172, 253, 235, 492],
    "красное яблоко": [
        *(140, 118, 141, 222, 140, 108, 141, 223, 140, 121, 140),
        *(122, 140, 369, 141, 237, 140, 109, 140, 119, 140, 122),
    ],
    "": [],
}


def shipped() -> Tokenizer:
    weights = Weights.open()
    return Tokenizer.parse(weights.read(f"{FOLDER}/vocab.json"), weights.read(f"{FOLDER}/merges.txt"))


TOKENIZER = shipped()


@pytest.mark.parametrize("text", RECORDED)
def test_ids_are_those_of_the_reference(text: str) -> None:
    words = RECORDED[text]
    assert TOKENIZER.encode(text) == [START, *words, *[END] * (23 - len(words))]


@given(st.text())
def test_any_text_gives_a_full_row_of_known_ids(text: str) -> None:
    ids = TOKENIZER.encode(text)
    assert len(ids) == 24
    assert ids[0] == START
    assert ids[-1] == END
    assert set(ids) <= set(TOKENIZER.vocabulary.values())


@given(st.lists(st.sampled_from(["cat", "яблоко", "🍎", "naïve", "42", "it's", "a_b", "ünï!"]), max_size=3))
def test_what_fits_comes_back(words: list[str]) -> None:
    text = " ".join(words)
    spoken = list(split(text))
    ids = TOKENIZER.encode(text)
    if ids[-2] == END:  # nothing was cut off
        assert TOKENIZER.decode(ids) == " ".join(spoken)


@given(st.text(alphabet="abcdeilnoprst'!", min_size=1, max_size=24))
def test_merges_follow_the_ranks(word: str) -> None:
    """Against the plain way to say it: join the best pair, leftmost first, until there is none."""
    long = Tokenizer(vocabulary=TOKENIZER.vocabulary, ranks=TOKENIZER.ranks, length=40)
    expected = []
    for part in split(word):
        pieces = [*part[:-1], part[-1] + "</w>"]
        while ranked := [
            (TOKENIZER.ranks[pair], at)
            for at in range(len(pieces) - 1)
            if (pair := (pieces[at], pieces[at + 1])) in TOKENIZER.ranks
        ]:
            at = min(ranked)[1]
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
        expected += [TOKENIZER.vocabulary[piece] for piece in pieces]
    assert long.encode(word)[1 : 1 + len(expected)] == expected


def test_words_are_split_by_kind() -> None:
    assert list(split("It's 3 dogs_!, 日本 x²")) == ["it", "'s", "3", "dogs", "_!,", "日本", "x", "²"]


def test_a_typed_mark_is_plain_text() -> None:
    ids = TOKENIZER.encode("<|endoftext|> cat")
    assert ids[1] != END
    assert "endoftext" in TOKENIZER.decode(ids)


def test_long_texts_are_cut_at_the_last_place() -> None:
    assert TOKENIZER.encode("red apple " * 1000) == TOKENIZER.encode("red apple " * 11)
    wall = TOKENIZER.encode("x" * 10_000)
    assert len(wall) == 24
    assert wall[-1] == END
    assert wall[-2] != END


def test_half_a_surrogate_pair_is_taken() -> None:
    assert TOKENIZER.encode("cat \udcff")[:2] == TOKENIZER.encode("cat")[:2]


@pytest.mark.parametrize(
    ("vocabulary", "merges"),
    [
        (b"[]", b"#\n"),
        (b"{}", b"#\n"),
        (b"{", b"#\n"),
        (b'{"<|startoftext|>":0,"<|endoftext|>":1}', b"#\na b c\n"),
    ],
)
def test_broken_files_are_refused(vocabulary: bytes, merges: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Tokenizer.parse(vocabulary, merges)
