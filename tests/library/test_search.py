"""What each part of the search language asks for, tested on documents as the library keeps them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silverprint.core.errors import UsageError
from silverprint.core.picture import Picture
from silverprint.core.recipe import LoraUse, ModelRef, Source
from silverprint.library.record import SCHEMA, document_of
from silverprint.library.search import FIELDS, parse, read
from tests.library.conftest import START, Clock, Maker

NOW = START + timedelta(days=1)


def fits(text: str, picture: Picture) -> bool:
    condition = parse(text, now=NOW, zone=UTC)
    return condition.node.matches(document_of(picture, now=NOW), SCHEMA)


CASES: list[tuple[str, dict[str, object], bool]] = [
    ("", {}, True),
    ("fox", {"prompt": "a red FOX, snow"}, True),
    ("fox snow", {"prompt": "snow and a fox"}, True),
    ("fox rain", {"prompt": "snow and a fox"}, False),
    ("fo", {"prompt": "a red fox"}, True),  # still being typed
    ("fo ", {"prompt": "a red fox"}, False),  # typed to its end
    ("fo red", {"prompt": "a red fox"}, False),  # only the last may be begun
    ("dia", {"prompt": "el día azul"}, True),
    ("лис", {"prompt": "рыжая лисица в снегу"}, True),
    ("狐", {"prompt": "雪の中の狐"}, True),
    ("🦊", {"prompt": "portrait of a 🦊"}, True),
    ('"red fox"', {"prompt": "a red fox"}, True),
    ('"fox red"', {"prompt": "a red fox"}, False),
    ("“red fox”", {"prompt": "a red fox"}, True),
    ("-fox", {"prompt": "a red fox"}, False),
    ("-fo", {"prompt": "a red fox"}, True),  # what is excluded is excluded as it stands
    ('-"red fox"', {"prompt": "a red fox"}, False),
    ("red -snow", {"prompt": "a red fox"}, True),
    ("-...", {"prompt": "a red fox"}, True),
    ("16:9", {"prompt": "format 16:9"}, True),
    ("blurry", {"recipe_negative_prompt": "blurry"}, False),
    ("negative:blurry", {"recipe_negative_prompt": "very blurry"}, True),
    ("winter", {"tags": frozenset({"winter"})}, True),
    ("model:klein", {"recipe_ref": ModelRef("bfl", "flux-2-KLEIN-4b")}, True),
    ("model:klein", {}, False),
    ("provider:bfl", {"recipe_ref": ModelRef("bfl", "flux-2")}, True),
    ("PROVIDER:Pocket", {}, True),
    ("provider:poc", {}, False),
    ("seed:12345", {"seed": 12345}, True),
    ("seed:12345", {"seed": 123456}, False),
    ("seed:10..20", {"seed": 20}, True),
    ("rating:>=3", {"rating": 3}, True),
    ("rating:>3", {"rating": 3}, False),
    ("rating:<3", {"rating": 2}, True),
    ("rating:<=2", {"rating": 3}, False),
    ("rating:3", {"rating": 3}, True),
    ("rating:=3", {"rating": 4}, False),
    ("rating:2..4", {"rating": 5}, False),
    ("-rating:5", {"rating": 5}, False),
    ("tag:fox", {"tags": frozenset({"fox"})}, True),
    ("tag:FOX", {"tags": frozenset({"fox"})}, True),
    ("tag:fo", {"tags": frozenset({"fox"})}, False),
    ('tag:"golden hour"', {"tags": frozenset({"golden hour"})}, True),
    ("-tag:fox", {"tags": frozenset({"fox"})}, False),
    ("board:covers", {"boards": frozenset({"Covers"})}, True),
    ("board:cover", {"boards": frozenset({"Covers"})}, False),
    ("after:2026-10", {"made": datetime(2026, 10, 1, tzinfo=UTC)}, True),
    ("after:2026-10", {"made": datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC)}, False),
    ("before:2026-10", {"made": datetime(2026, 10, 1, tzinfo=UTC)}, False),
    ("before:2026-10-05", {"made": datetime(2026, 10, 4, 23, tzinfo=UTC)}, True),
    ("on:2026-12", {"made": datetime(2026, 12, 31, 23, tzinfo=UTC)}, True),
    ("on:2026-12", {"made": datetime(2027, 1, 1, tzinfo=UTC)}, False),
    ("on:today", {"made": NOW}, True),
    ("on:yesterday", {"made": NOW}, False),
    ("after:3d", {"made": NOW - timedelta(days=2, hours=23)}, True),
    ("after:3d", {"made": NOW - timedelta(days=3, hours=1)}, False),
    ("after:2026-10-05T13:30", {"made": datetime(2026, 10, 5, 13, 29, tzinfo=UTC)}, False),
    ("task:text", {}, True),
    ("task:image", {"recipe_sources": (Source(role="image", sha256="0" * 64),)}, True),
    ("task:image", {}, False),
    ("is:starred", {"starred": True}, True),
    ("is:starred", {}, False),
    ("-is:starred", {}, True),
    ("is:trashed", {"trashed": NOW}, True),
    ("is:rated", {"rating": 1}, True),
    ("has:lora", {"recipe_loras": (LoraUse(name="film"),)}, True),
    ("has:lora", {}, False),
    ("lora:FIL", {"recipe_loras": (LoraUse(name="film-grain"),)}, True),
    ("has:mask", {"recipe_sources": (Source(role="mask", sha256="0" * 64),)}, True),
    ("has:wildcards", {"recipe_template": "a {red|blue} fox"}, True),
    ("model:pocket rating:>=2 tag:a fox", {"rating": 2, "tags": frozenset({"a"})}, True),
    ("model:pocket rating:>=2 tag:b fox", {"rating": 2, "tags": frozenset({"a"})}, False),
]


@pytest.mark.parametrize(("text", "fields", "expected"), CASES, ids=lambda value: str(value)[:60])
def test_a_search_fits(text: str, fields: dict[str, object], expected: bool) -> None:
    picture = Maker(Clock())(**fields)  # type: ignore[arg-type]
    assert fits(text, picture) is expected


MISTAKES: list[tuple[str, str]] = [
    ("fox rating:>=9", ">=9"),
    ("rating:many fox", "many"),
    ("seed:-4", "-4"),
    ("fox colour:red", "colour:"),
    ("fox -modle:klein", "modle:"),
    ("tag: fox", "tag:"),
    ('fox "low sun', '"low sun'),
    ("after:soon", "soon"),
    ("after:2026-13", "2026-13"),
    ("before:2026-02-30", "2026-02-30"),
    ("task:video fox", "video"),
    ("fox is:nice", "nice"),
    ("has:wings", "wings"),
    ("rating:1..9", "1..9"),
]


@pytest.mark.parametrize(("text", "place"), MISTAKES)
def test_a_mistake_is_marked_at_its_place(text: str, place: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, now=NOW, zone=UTC)
    assert caught.value.at is not None
    start, end = caught.value.at
    assert text[start:end] == place


def test_an_unknown_field_names_the_near_one() -> None:
    with pytest.raises(UsageError, match="did you mean rating:"):
        parse("raitng:3")


def test_dates_are_read_in_the_given_zone() -> None:
    picture = Maker(Clock())(made=datetime(2026, 10, 4, 23, 0, tzinfo=UTC))
    east = timezone(timedelta(hours=2))
    document = document_of(picture, now=NOW)
    assert parse("after:2026-10-05", now=NOW, zone=east).node.matches(document, SCHEMA)
    assert not parse("after:2026-10-05", now=NOW, zone=UTC).node.matches(document, SCHEMA)


@pytest.mark.parametrize(("text", "expected"), [("is:trashed", True), ("-is:trashed", True), ("fox", False)])
def test_a_search_that_names_the_trash_says_so(text: str, expected: bool) -> None:
    assert read(text).names_trash is expected


_pieces = st.one_of(
    st.text(max_size=12),
    st.builds(str.__add__, st.sampled_from(FIELDS), st.text(max_size=8)),
    st.sampled_from(
        ['"', "-", "..", ">=", "“", " ", "after:9999", "seed:9223372036854775808", "after:0001-01-01"]
    ),
)


@given(st.lists(_pieces, max_size=6).map(" ".join))
def test_any_text_is_understood_or_refused_with_a_place(text: str) -> None:
    refused: UsageError | None = None
    try:
        parse(text)
    except UsageError as error:
        refused = error
    if refused is not None:
        assert refused.at is not None
        start, end = refused.at
        assert 0 <= start < end <= len(text)
        assert str(refused)


@given(st.text(alphabet="abxy ", min_size=1, max_size=20), st.data())
def test_the_last_word_is_found_while_it_is_typed(prompt: str, data: st.DataObject) -> None:
    """Every beginning of a prompt finds the picture with that prompt."""
    length = data.draw(st.integers(1, len(prompt)))
    assert fits(prompt[:length], Maker(Clock())(prompt))


def test_every_field_has_an_example_that_is_understood(make: Callable[..., Picture]) -> None:
    for name in FIELDS:
        with pytest.raises(UsageError) as caught:
            parse(name)
        example = str(caught.value).rpartition(" ")[2]
        parse(example)
