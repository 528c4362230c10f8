"""Conditions: what they find, and that the SQL and the Python test of each give the same answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinydb import where

from silverprint.store.condition import (
    Condition,
    all_of,
    any_of,
    everything,
    field,
    phrase,
    words,
)
from silverprint.store.database import Database
from silverprint.store.pushdown import Target, push
from silverprint.store.schema import Column, TableSchema
from silverprint.store.table import Table

SCHEMA = TableSchema(
    columns=(
        Column("rating", "rating", "INTEGER"),
        Column("model", "model"),
        Column("made", "made", "TEXT", index=False),
        Column("tags", "tags[]"),
        Column("loras", "loras[].name"),
    ),
    fts=("prompt", "tags"),
    key=None,
)
PATHS = ["rating", "model", "made", "deep.er", "loose"]
MANY = ["tags[]", "loras[].name", "deep.list[]", "loose[].name"]

# SQLite reads the text of a float to fifteen digits, and a text up to its first NUL; see the decision.
numbers = st.one_of(
    st.integers(-3, 3),
    st.integers(),
    st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 10**400]),
    st.integers(-1000, 1000).map(lambda number: number / 8),
)
texts = st.one_of(
    st.sampled_from(
        ["fox", "Fox", "fóx", "snow fox", "FLUX.2 Klein", "雪の狐", "лиса", "", "3", "ſnow", "İ", "K", "ß"]
    ),
    st.text(st.characters(exclude_characters="\0"), max_size=6),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["er", "list", "name", "x"]), inner, max_size=3),
    ),
    max_leaves=6,
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "rating": values,
        "model": values,
        "made": values,
        "tags": st.one_of(st.lists(scalars, max_size=3), values),
        "loras": st.one_of(st.lists(st.fixed_dictionaries({"name": scalars}), max_size=3), values),
        "deep": values,
        "loose": values,
        "prompt": values,
        "other": values,
    },
)
asked_words = st.lists(
    st.sampled_from(["fox", "snow", "fo", "雪", "の狐", "лис", "fóx-snow", "3", "..."]), max_size=3
).map(" ".join)


@st.composite
def leaves(draw: st.DrawFn) -> Condition:
    path = draw(st.sampled_from(PATHS + MANY))
    place = field(path)
    value = draw(scalars)
    match draw(st.integers(0, 11)):
        case 0:
            return place == value
        case 1:
            return place != value
        case 2:
            return place < draw(st.one_of(numbers, texts))
        case 3:
            return place <= draw(st.one_of(numbers, texts))
        case 4:
            return place > draw(st.one_of(numbers, texts))
        case 5:
            return place >= draw(st.one_of(numbers, texts))
        case 6:
            return place.contains_text(draw(texts))
        case 7:
            return place.has(value)
        case 8:
            return place.exists()
        case 9:
            return words(
                draw(asked_words), prefix=draw(st.booleans()), fields=draw(st.sampled_from([(), ("prompt",)]))
            )
        case 10:
            return phrase(draw(asked_words), prefix=draw(st.booleans()))
        case _:
            return place.has_any()


conditions = st.recursive(
    st.one_of(leaves(), st.just(everything())),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1]),
        inner.map(lambda condition: ~condition),
    ),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(documents, max_size=6), st.lists(conditions, min_size=1, max_size=8))
def test_sql_and_python_agree(docs: list[dict[str, Any]], asked: list[Condition]) -> None:
    with Database(None, schemas={"with": SCHEMA}) as db:
        for name, schema in (("with", SCHEMA), ("without", None)):
            table = db.table(name)
            table.insert_multiple(docs)
            for condition in asked:
                expected = [
                    number for number, doc in enumerate(docs, 1) if condition.node.matches(doc, schema)
                ]
                assert [found.doc_id for found in table.search(condition)] == expected
                assert table.count(condition) == len(expected)
                assert sorted(table.ids(condition, order="rating", limit=100)) == expected
                assert table.contains(condition) == bool(expected)


@settings(max_examples=150, deadline=None)
@given(st.lists(documents, max_size=6), conditions, st.sampled_from(["fox", "Fox", 3]))
def test_mixed_with_a_plain_query_the_answer_stays_right(
    docs: list[dict[str, Any]], condition: Condition, value: Any
) -> None:
    query = where("model") == value
    with Database(None, schemas={"with": SCHEMA}) as db:
        table = db.table("with")
        table.insert_multiple(docs)
        for mixed, expected in (
            (condition & query, [d for d in docs if condition.node.matches(d, SCHEMA) and query(d)]),
            (query & condition, [d for d in docs if condition.node.matches(d, SCHEMA) and query(d)]),
            (condition | query, [d for d in docs if condition.node.matches(d, SCHEMA) or query(d)]),
            (query | condition, [d for d in docs if condition.node.matches(d, SCHEMA) or query(d)]),
            (~(condition & query), [d for d in docs if not (condition.node.matches(d, SCHEMA) and query(d))]),
        ):
            assert table.search(mixed) == expected
            assert table.count(mixed) == len(expected)
            assert len(table.page(mixed, order="rating", limit=2)) == min(2, len(expected))


@pytest.fixture
def table() -> Any:
    with Database(None, schemas={"pictures": SCHEMA}) as db:
        pictures: Table = db.table("pictures")
        pictures.insert_multiple(
            [
                {
                    "rating": 5,
                    "model": "FLUX.2 Klein",
                    "tags": ["fox", "snow"],
                    "prompt": "A Fox in the low sun",
                },
                {"rating": 3, "model": "pocket", "tags": [], "prompt": "雪の中の狐"},
                {"rating": 0, "model": "pocket", "tags": ["лиса"], "prompt": "Рыжая ЛИСА, ёлка 🦊"},
                {
                    "rating": 0,
                    "loras": [{"name": "film"}],
                    "tags": ["low"],
                    "prompt": "sunfox; film-grain, café",
                },
            ]
        )
        yield pictures


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (field("rating") >= 3, [1, 2]),
        (field("rating").one_of([0, 5]), [1, 3, 4]),
        (field("model") == "pocket", [2, 3]),
        (field("model") != "pocket", [1]),
        (~(field("model") == "pocket"), [1, 4]),
        (field("model").contains_text("kLEIN"), [1]),
        (field("tags").has("fox"), [1]),
        (field("tags").has_any(), [1, 3, 4]),
        (field("tags[]").contains_text("FO"), [1]),
        (field("loras[].name").has("film"), [4]),
        (field("loras[].name") == "film", [4]),
        (words("fox"), [1]),
        (words("sun low"), [1]),
        (words("fo", prefix=True), [1]),
        (words("fo"), []),
        (words("狐"), [2]),
        (words("雪"), [2]),
        (words("中の狐"), [2]),
        (words("狐の中"), []),
        (words("лиса"), [3]),
        (words("Рыж", prefix=True), [3]),
        (words("елка"), [3]),
        (words("🦊"), [3]),
        (words("cafe"), [4]),
        (words("film-grain"), [4]),
        (phrase("low sun"), [1]),
        (phrase("sun low"), []),
        (phrase("fox snow"), []),
        (words("fox", fields=("prompt",)), [1]),
        (words("snow", fields=("prompt",)), []),
        (words("..."), [1, 2, 3, 4]),
        (all_of([]), [1, 2, 3, 4]),
        (any_of([]), []),
        (words("fox") & (field("rating") > 4), [1]),
        (words('"fox" OR NEAR(a b) *'), []),
    ],
)
def test_what_is_found(table: Table, condition: Condition, expected: list[int]) -> None:
    assert table.ids(condition) == expected
    pushed = push(condition.node, Target("pictures", SCHEMA))
    assert pushed.exact, "answered by the database alone"


def test_a_condition_is_a_tinydb_query(table: Table) -> None:
    condition = field("rating") >= 3
    assert condition({"rating": 4})
    assert not condition({"rating": 2})
    assert table.update({"seen": True}, condition) == [1, 2]
    assert table.remove(condition) == [1, 2]
    assert words("fox")({"anything": {"at": ["all: Fox"]}})


def test_two_seeds_beyond_64_bits_are_not_mistaken_for_each_other() -> None:
    with Database(None, schemas={"with": SCHEMA}) as db:
        table = db.table("with")
        table.insert_multiple([{"rating": 2**64 - 1}, {"rating": 2**64 - 2}])
        assert table.ids(field("rating") == 2**64 - 1) == [1]


def test_a_thousand_pasted_words_are_a_search(table: Table) -> None:
    pasted = " ".join(f"word{number}" for number in range(1000))
    assert table.ids(words(pasted)) == []
    table.insert({"prompt": pasted})
    assert table.ids(words(pasted)) == [5]


def test_half_a_surrogate_pair_is_kept_and_matches_nothing_by_accident() -> None:
    with Database(None, schemas={"with": SCHEMA}) as db:
        table = db.table("with")
        broken = {"model": "name\udce9.png", "prompt": "fox \udce9"}
        table.insert(broken)
        assert table.all() == [broken]
        assert table.ids(words("fox \udce9")) == [1]
        assert table.ids(field("model") == "name\udce9.png") == []
        assert table.ids(field("model").contains_text("NAME")) == [1]


@pytest.mark.parametrize("path", ["", "a..b", "a[0]", 'a"b', "a.b'--", "a[].b[]", "é"])
def test_a_path_that_sql_might_read_otherwise_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        field(path)


def test_only_values_that_json_has_are_compared() -> None:
    with pytest.raises(TypeError):
        field("tags").has(["fox"])  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        everything() & 3
