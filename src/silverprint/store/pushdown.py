"""Conditions as SQL: which rows of a table can match, and whether the SQL says it all.

Owns the translation of nodes for one table with its schema. A part without SQL lets every row through (``exact`` is
then False) and the caller tests the rows in Python.
"""

# ruff: noqa: S608 - the names in these statements come from code and values are always bound

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from silverprint.store import names
from silverprint.store.condition import (
    INT64,
    Both,
    Compare,
    Contains,
    Either,
    Everything,
    Exists,
    Node,
    Not,
    Scalar,
    Words,
    as_number,
    is_clean,
)
from silverprint.store.schema import Column, ColumnType, TableSchema, json_path, many_sql, value_sql


@dataclass(frozen=True, slots=True)
class IdSet:
    """A query for the ids, in a column of that name, of rows that all matches are among. An id may come twice."""

    sql: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Pushed:
    """An SQL test of a row and its arguments. NULL counts as no. ``exact``: it holds for just the rows that match.

    ``sets`` are the queries for ids that every match is in; the test itself stands in ``sql`` as well.
    """

    sql: str
    args: tuple[Any, ...] = ()
    exact: bool = True
    sets: tuple[IdSet, ...] = ()

    @property
    def only_set(self) -> IdSet | None:
        """The one set that says it all, if there is one."""
        return self.sets[0] if self.exact and len(self.sets) == 1 and self.sql == _in(self.sets[0]) else None


_ALL = Pushed("1")
_NONE = Pushed("0")
_UNKNOWN = Pushed("1", exact=False)


@dataclass(frozen=True, slots=True)
class Target:
    """The table that a condition is written for."""

    name: str
    schema: TableSchema


def push(node: Node, target: Target) -> Pushed:
    """``node`` as SQL over the row ``id, doc`` of ``target``."""
    match node:
        case Everything():
            return _ALL
        case Compare():
            return _compare(node, target)
        case Exists():
            return Pushed(_exists(node.path))
        case Contains():
            return _contains(node, target)
        case Words():
            return _words(node, target)
        case Both():
            left, right = push(node.left, target), push(node.right, target)
            exact, sets = left.exact and right.exact, left.sets + right.sets
            if left.sql == "1" or right.sql == "1":
                kept = right if left.sql == "1" else left
                return Pushed(kept.sql, kept.args, exact, sets)
            return Pushed(f"({left.sql} AND {right.sql})", left.args + right.args, exact, sets)
        case Either():
            left, right = push(node.left, target), push(node.right, target)
            return Pushed(f"({left.sql} OR {right.sql})", left.args + right.args, left.exact and right.exact)
        case Not():
            inner = push(node.inner, target)
            # The opposite of "these and maybe more" is not known.
            return Pushed(f"NOT ifnull({inner.sql},0)", inner.args) if inner.exact else _UNKNOWN
        case _:
            return _UNKNOWN


def walked(pushed: Pushed) -> Pushed:
    """The same test, written so that SQLite doesn't start from the sets but walks the index that the rows are sorted by."""
    sql = pushed.sql
    for ids in pushed.sets:
        sql = sql.replace(_in(ids), f"+{_in(ids)}")
    return Pushed(sql, pushed.args, pushed.exact)


def order_sql(name: str, schema: TableSchema) -> str:
    """SQL for what a page is sorted by: ``doc_id``, the name of a column, or a plain path. Raises ``ValueError``."""
    if name == "doc_id":
        return "id"
    column = schema.column_named(name) or schema.column_at(name)
    if column is None and schema.key == name:
        return "k"
    if (column is not None and column.is_many) or "[]" in name:
        raise ValueError(f"A page can't be sorted by many values: {name!r}")
    if column is not None:
        return column.sql_name
    return f"json_extract(doc,'{json_path(name)[0]}')"


def _compare(node: Compare, target: Target) -> Pushed:
    value = node.value
    if value is None:
        return Pushed(_null(node.path)) if node.test == "==" else _NONE
    test = "=" if node.test == "==" else node.test
    if isinstance(value, str):
        if not is_clean(value):
            return _NONE
        return _on_values(node.path, "TEXT", target, lambda v: f"{v}{test}?", (value,))
    if isinstance(value, int) and not -INT64 <= value < INT64 and node.test == "==":
        return _same_large(node.path, value, target)
    number = int(value) if isinstance(value, bool) else as_number(value)
    return _on_values(node.path, "REAL", target, lambda v: f"{v}{test}?", (number,))


def _same_large(path: str, value: int, target: Target) -> Pushed:
    """Equality with a whole number beyond 64 bits: SQLite would read it as a float, so its digits are compared."""
    where, inner = json_path(path)
    if inner:
        return _UNKNOWN
    near = _on_values(path, "REAL", target, lambda v: f"{v}=?", (as_number(value),))
    # Two paths give a JSON list, in which the number stands as it was written.
    return Pushed(
        f"({near.sql} AND json_extract(doc,'{where}','{where}')=?)", (*near.args, f"[{value},{value}]")
    )


def _on_values(
    path: str, kind: ColumnType, target: Target, test: Callable[[str], str], args: tuple[Scalar, ...]
) -> Pushed:
    """``test`` of the value at a plain path, or of any of the values at a path with ``[]``."""
    column = target.schema.column_at(path)
    if "[]" not in path:
        if column is not None and _holds(column, kind):
            return Pushed(test(column.sql_name), args)
        if target.schema.key == path and kind == "TEXT":
            return Pushed(test("k"), args)
        return Pushed(test(f"({value_sql(path, kind)})"), args)
    types = "('text')" if kind == "TEXT" else "('integer','real')"
    guarded = f"typeof(value) IN {types} AND {test('value')}"
    if column is not None:
        return _among(f"SELECT id FROM {names.many_table(target.name, column)} WHERE {guarded}", args)
    value, source = many_sql(path)
    return Pushed(f"EXISTS (SELECT 1 FROM (SELECT {value} AS value FROM {source}) WHERE {guarded})", args)


def _holds(column: Column, kind: ColumnType) -> bool:
    return (column.type == "TEXT") == (kind == "TEXT")


def _contains(node: Contains, target: Target) -> Pushed:
    if not is_clean(node.text):
        # Half a surrogate pair in a document comes out of SQLite changed.
        return _UNKNOWN
    column = target.schema.column_at(node.path)
    if column is not None and not column.is_many and column.type == "TEXT" and column.index:
        # The index alone answers this, without opening a document; and each different value is looked at once.
        table, index, name = (
            names.quoted(target.name),
            names.index_name(target.name, column.name),
            column.sql_name,
        )
        different = f"WITH d AS MATERIALIZED (SELECT DISTINCT {name} AS v FROM {table} INDEXED BY {index})"
        values = f"{different} SELECT v FROM d WHERE sp_contains(CAST(v AS BLOB),?)"
        inside = f"SELECT id FROM {table} INDEXED BY {index} WHERE {name} IN ({values})"
        return _among(inside, (node.text,))
    return _on_values(node.path, "TEXT", target, lambda v: f"sp_contains(CAST({v} AS BLOB),?)", (node.text,))


def _words(node: Words, target: Target) -> Pushed:
    indexed = target.schema.fts
    if not indexed or not set(node.fields) <= set(indexed):
        return _UNKNOWN
    phrases = ['"' + " ".join(run) + '"' for run in node.runs]
    asked = " AND ".join(phrases) + (" *" if node.prefix else "")
    if node.fields:
        columns = " ".join(f"w{indexed.index(path)}" for path in node.fields)
        asked = f"{{{columns}}} : ({asked})"
    table = names.words_table(target.name)
    return _among(f"SELECT rowid AS id FROM {table} WHERE {table} MATCH ?", (asked,))


def _among(sql: str, args: tuple[Any, ...]) -> Pushed:
    ids = IdSet(sql, args)
    return Pushed(_in(ids), args, sets=(ids,))


def _in(ids: IdSet) -> str:
    return f"id IN ({ids.sql})"


def _exists(path: str) -> str:
    where, inner = json_path(path)
    if not inner:
        return f"json_type(doc,'{where}') IS NOT NULL"
    return _any_item(where, "1" if inner == "$" else _inside(inner, "IS NOT NULL"))


def _null(path: str) -> str:
    where, inner = json_path(path)
    if not inner:
        return f"json_type(doc,'{where}')='null'"
    return _any_item(where, "item.type='null'" if inner == "$" else _inside(inner, "='null'"))


def _inside(inner: str, test: str) -> str:
    return f"CASE WHEN item.type='object' THEN json_type(item.value,'{inner}') {test} END"


def _any_item(where: str, test: str) -> str:
    is_list = f"json_type(doc,'{where}')='array'"
    return f"({is_list} AND EXISTS (SELECT 1 FROM json_each(doc,'{where}') AS item WHERE {test}))"
