"""The table: the same answers as TinyDB's own, step by step, and our pages and keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinydb import TinyDB, where
from tinydb.operations import increment
from tinydb.storages import MemoryStorage
from tinydb.table import Document

from silverprint.store.condition import everything, field, words
from silverprint.store.database import Database
from silverprint.store.schema import Column, TableSchema
from silverprint.store.table import Table

SCHEMA = TableSchema(
    columns=(Column("rating", "rating", "INTEGER"), Column("made", "made"), Column("tags", "tags[]")),
    fts=("prompt",),
)

small = st.integers(0, 3)
plain = st.fixed_dictionaries(
    {"n": small}, optional={"c": st.sampled_from("abc"), "list": st.lists(small, max_size=2)}
)
queries = st.one_of(
    small.map(lambda n: where("n") == n),
    small.map(lambda n: where("n") > n),
    st.sampled_from("abc").map(lambda c: where("c") == c),
    small.map(lambda n: where("list").any([n])),
    small.map(lambda n: ~(where("n") == n)),
    st.just(where("c").exists()),
)
ids = st.lists(st.integers(1, 12), max_size=3, unique=True)
steps = st.one_of(
    st.tuples(st.just("insert"), plain),
    st.tuples(st.just("insert_multiple"), st.lists(plain, max_size=3)),
    st.tuples(st.just("insert_id"), plain, st.integers(1, 15)),
    st.tuples(st.just("update"), plain, queries),
    st.tuples(st.just("update_ids"), plain, ids),
    st.tuples(st.just("increment"), queries),
    st.tuples(st.just("update_multiple"), st.lists(st.tuples(plain, queries), max_size=2)),
    st.tuples(st.just("upsert"), plain, queries),
    st.tuples(st.just("upsert_id"), plain, st.integers(1, 15)),
    st.tuples(st.just("remove"), queries),
    st.tuples(st.just("remove_ids"), ids),
    st.tuples(st.just("truncate")),
    st.tuples(st.just("search"), queries),
    st.tuples(st.just("get"), queries),
    st.tuples(st.just("get_ids"), ids),
    st.tuples(st.just("count"), queries),
    st.tuples(st.just("contains"), st.integers(0, 15)),
)


def take(table: Any, step: tuple[Any, ...]) -> Any:
    """One step on a table; what it gave, or the kind of error."""
    what, *rest = step
    try:
        match what:
            case "insert_id":
                return table.insert(Document(rest[0], doc_id=rest[1]))
            case "update_ids":
                return table.update(rest[0], doc_ids=rest[1])
            case "increment":
                return sorted(table.update(increment("n"), rest[0]))
            case "upsert_id":
                return table.upsert(Document(rest[0], doc_id=rest[1]))
            case "remove_ids":
                return table.remove(doc_ids=rest[0])
            case "get_ids":
                return sorted(table.get(doc_ids=rest[0]), key=lambda document: document.doc_id)
            case "contains":
                return table.contains(doc_id=rest[0])
            case "get" | "search":
                found = getattr(table, what)(*rest)
                by_id = sorted(found, key=lambda each: each.doc_id) if what == "search" else None
                # Which of several is the first depends on the order of inserts there and of ids here.
                return found is None if what == "get" else [(each.doc_id, each) for each in by_id or []]
            case "update" | "remove" | "update_multiple" | "upsert":
                return sorted(getattr(table, what)(*rest))
            case _:
                return getattr(table, what)(*rest)
    except ValueError as error:
        return str(error)


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, max_size=25))
def test_every_step_gives_what_tinydb_gives(taken: list[tuple[Any, ...]]) -> None:
    stock: Any = TinyDB(storage=MemoryStorage).table("t")
    with Database(None) as db:
        ours = db.table("t")
        for step in taken:
            # TinyDB hands out its own documents, so each side gets its own copy of what is written.
            assert take(ours, step) == take(stock, _copied(step)), step
            assert len(ours) == len(stock)
            assert {each.doc_id: dict(each) for each in ours} == {each.doc_id: dict(each) for each in stock}


def _copied(step: tuple[Any, ...]) -> tuple[Any, ...]:
    def copy(value: Any) -> Any:
        if type(value) is dict:
            return {key: copy(item) for key, item in value.items()}
        if type(value) is list:
            return [copy(item) for item in value]
        return tuple(copy(item) for item in value) if type(value) is tuple else value

    return tuple(copy(part) for part in step)


@pytest.fixture
def table() -> Iterator[Table]:
    with Database(None, schemas={"pictures": SCHEMA}) as db:
        yield db.table("pictures")


def picture(key: str, **more: Any) -> dict[str, Any]:
    return {"id": key, "rating": 0, "made": f"2026-{key}", "tags": [], "prompt": "", **more}


def keys(found: list[Document]) -> list[str]:
    return [each["id"] for each in found]


def test_pages_are_sorted_cut_and_whole(table: Table) -> None:
    table.insert_multiple(picture(f"{number:03}", rating=number % 4) for number in range(25))
    newest = [f"{number:03}" for number in reversed(range(25))]
    got = [keys(table.page(order="made", descending=True, limit=10, offset=at)) for at in (0, 10, 20, 30)]
    assert got == [newest[:10], newest[10:20], newest[20:], []]
    best = table.page(order=[("rating", True), ("made", False)], limit=8)
    assert [(each["rating"], each["id"]) for each in best[:7]] == [
        (3, "003"),
        (3, "007"),
        (3, "011"),
        (3, "015"),
        (3, "019"),
        (3, "023"),
        (2, "002"),
    ]
    assert keys(table.page(field("rating") == 1, order="doc_id", limit=2)) == ["001", "005"]
    assert table.page(limit=0) == []
    assert len(table.page(limit=None, offset=5)) == 20
    assert keys(table.page(order="id", descending=True, limit=1)) == ["024"]


@pytest.mark.parametrize("share", [3, 40, 1])
def test_a_page_of_a_word_is_the_same_whichever_way_it_is_found(table: Table, share: int) -> None:
    # Few matches are read and sorted; many are met while walking the index.
    table.insert_multiple(
        picture(
            f"{number:04}",
            made=f"{number * 7919 % 3000:04}",
            rating=number % 5,
            prompt="fox" if number % share == 0 else "",
        )
        for number in range(3000)
    )
    asked = words("fox") & (field("rating") >= 2)
    expected = sorted(
        (each for each in table if each["prompt"] == "fox" and each["rating"] >= 2),
        key=lambda each: str(each["made"]),
        reverse=True,
    )
    assert table.page(asked, order="made", descending=True, limit=60, offset=7) == expected[7:67]
    assert table.ids(asked, order="made", descending=True, limit=3) == [each.doc_id for each in expected[:3]]
    assert table.page(words("fox"), order="made", limit=5) == table.page(
        where("prompt") == "fox", order="made", limit=5
    )


def test_what_cannot_be_sorted_by_is_refused(table: Table) -> None:
    for name in ("tags", "tags[]", "made; DROP TABLE", ""):
        with pytest.raises(ValueError, match=r"path|sorted"):
            table.page(order=name, limit=1)


def test_put_inserts_then_replaces_by_key(table: Table) -> None:
    first = table.put("a", picture("a", prompt="snow", tags=["x"]))
    table.put("b", picture("b"))
    assert table.put("a", picture("a", prompt="fox", rating=4)) == first
    assert len(table) == 2
    found = table.by_key("a")
    assert found is not None
    assert (found.doc_id, found["rating"], found["prompt"]) == (first, 4, "fox")
    assert table.ids(words("snow")) == []
    assert table.ids(words("fox")) == [first]
    assert table.ids(field("tags").has("x")) == []
    assert table.by_key("nobody") is None


def test_put_writes_the_key_and_minds_a_wrong_one(table: Table) -> None:
    table.put("a", {"rating": 1})
    assert table.by_key("a") == {"id": "a", "rating": 1}
    with pytest.raises(ValueError, match="not 'b'"):
        table.put("b", {"id": "a"})


def test_remove_key_also_leaves_the_indexes(table: Table) -> None:
    table.put("a", picture("a", prompt="fox", tags=["x"]))
    assert table.remove_key("a") is True
    assert table.remove_key("a") is False
    assert table.ids(words("fox")) == table.ids(field("tags").has("x")) == table.ids(everything()) == []


def test_two_documents_cannot_have_one_key(table: Table) -> None:
    table.insert_multiple([picture("a"), picture("b")])
    with pytest.raises(ValueError, match="'a' already exists"):
        table.insert(picture("a"))
    with pytest.raises(ValueError, match="'a' already exists"):
        table.update({"id": "a"}, doc_ids=[2])
    assert keys(table.all()) == ["a", "b"]


def test_a_table_without_a_key_says_so() -> None:
    with Database(None) as db, pytest.raises(ValueError, match="without a key"):
        db.table("plain").put("a", {})


def test_indexes_follow_every_way_of_writing(table: Table) -> None:
    table.insert_multiple([picture("a", prompt="fox", tags=["x"]), picture("b", prompt="owl", tags=["y"])])
    table.update({"prompt": "snow", "tags": ["y", "z"], "rating": 5}, field("id") == "a")
    assert table.ids(words("fox")) == table.ids(field("tags").has("x")) == []
    assert (
        table.ids(words("snow"))
        == table.ids(field("tags").has("z"))
        == table.ids(field("rating") == 5)
        == [1]
    )

    def shout(document: Any) -> None:
        document["prompt"] = "loud"

    table.update_multiple([(shout, where("id") == "b"), ({"tags": []}, where("id") == "a")])
    assert table.ids(words("loud")) == table.ids(field("tags").has("y")) == [2]
    table.upsert({"prompt": "both"}, everything())
    assert table.count(words("both")) == 2
    table.truncate()
    assert table.count(words("both")) == table.count(field("tags").has("y")) == len(table) == 0
    assert table.insert(picture("c", prompt="again")) == 1
    assert table.ids(words("again")) == [1]


def test_a_failed_insert_of_many_leaves_nothing(table: Table) -> None:
    with pytest.raises(TypeError):
        table.insert_multiple([picture("a", prompt="fox"), picture("b", rating=object())])
    with pytest.raises(ValueError, match="JSON"):
        table.insert(picture("c", rating=float("nan")))
    assert len(table) == table.count(words("fox")) == 0


def test_a_failed_update_leaves_all_as_it_was(table: Table) -> None:
    table.insert_multiple([picture("a"), picture("b")])

    def fail_at_b(document: Any) -> None:
        document["rating"] = 9
        if document["id"] == "b":
            raise KeyError("b")

    with pytest.raises(KeyError):
        table.update(fail_at_b)
    assert [each["rating"] for each in table] == [0, 0]


def test_a_table_may_be_changed_while_it_is_read(table: Table) -> None:
    table.insert_multiple(picture(f"{number:04}") for number in range(600))
    seen = 0
    for document in table:
        seen += 1
        table.insert(picture(f"new-{document['id']}"))
        table.remove(doc_ids=[document.doc_id])
    assert seen == 600
    assert len(table) == 600


def test_a_cached_search_sees_what_another_connection_wrote(tmp_path: Any) -> None:
    query = where("n") == 1
    with Database(tmp_path / "a.db") as ours, Database(tmp_path / "a.db") as theirs:
        ours.table("t").insert({"n": 1})
        assert len(ours.table("t").search(query)) == 1
        theirs.table("t").insert({"n": 1})
        assert len(ours.table("t").search(query)) == 2


def test_a_search_inside_a_transaction_that_is_undone_is_not_remembered() -> None:
    query = where("n") == 1
    with Database(None) as db:
        table = db.table("t")

        def search_then_fail() -> None:
            with db.transaction():
                table.insert({"n": 1})
                assert len(table.search(query)) == 1
                raise RuntimeError

        with pytest.raises(RuntimeError):
            search_then_fail()
        assert table.search(query) == []


def test_names_that_sqlite_would_take_for_one_are_two_tables() -> None:
    with Database(None) as db:
        for name in ("Fox", "fox", 'a"b', "雪", "d_fox", ""):
            db.table(name).insert({"name": name})
        assert db.tables() == {"Fox", "fox", 'a"b', "雪", "d_fox", ""}
        assert all(db.table(name).all() == [{"name": name}] for name in db.tables())
        db.drop_table("Fox")
        assert "fox" in db.tables()
        assert "Fox" not in db.tables()


def test_reading_all_tables_at_once_and_writing_them_back() -> None:
    with Database(None, schemas={"pictures": SCHEMA}) as db:
        assert db.storage.read() == {"pictures": {}}
        db.table("pictures").put("a", picture("a", prompt="fox"))
        db.table("other").insert({"n": 1})
        everything_in_it = db.storage.read()
        assert everything_in_it == {"pictures": {"1": picture("a", prompt="fox")}, "other": {"1": {"n": 1}}}
        db.drop_tables()
        assert db.storage.read() is None
        db.storage.write(everything_in_it)
        assert db.table("pictures").ids(words("fox")) == [1]
        assert db.storage.read() == everything_in_it
