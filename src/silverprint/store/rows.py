"""One document as one row: to JSON text and back, and the word index that is written with it.

Used inside a transaction that the caller holds. What TinyDB means by insert and update is left to ``table.py``.
"""

# ruff: noqa: S608 - the names in these statements come from code and values are always bound

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from silverprint.store import names
from silverprint.store.schema import TableSchema

if TYPE_CHECKING:
    from silverprint.store.storage import SqliteStorage


def to_text(document: Mapping[Any, Any]) -> str:
    """The document as JSON. Raises ``TypeError`` or ``ValueError`` for what JSON can't say (NaN and infinity too)."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        # Half a surrogate pair, from a file name or a broken terminal: SQLite takes it only as an escape.
        text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    return text


def from_text(text: str) -> dict[str, Any]:
    """The document of a row."""
    document: dict[str, Any] = json.loads(text)
    return document


def insert(
    storage: SqliteStorage, name: str, schema: TableSchema, number: int, document: Mapping[Any, Any]
) -> None:
    """Write a new row. Raises ``Taken`` when the id or the key is taken."""
    storage.execute(f"INSERT INTO {names.quoted(name)} (id, doc) VALUES (?, ?)", (number, to_text(document)))
    if schema.fts:
        _write_words(storage, name, number, schema.words(document), "INSERT")


def update(
    storage: SqliteStorage,
    name: str,
    schema: TableSchema,
    number: int,
    document: Mapping[Any, Any],
    old_words: tuple[str, ...],
) -> None:
    """Write an existing row anew. ``old_words`` is what the word index holds for it: the same words aren't written again."""
    storage.execute(f"UPDATE {names.quoted(name)} SET doc=? WHERE id=?", (to_text(document), number))
    if schema.fts:
        words = schema.words(document)
        if words != old_words:
            _write_words(storage, name, number, words, "REPLACE")


def delete(storage: SqliteStorage, name: str, schema: TableSchema, number: int) -> None:
    """Remove a row."""
    storage.execute(f"DELETE FROM {names.quoted(name)} WHERE id=?", (number,))
    if schema.fts:
        storage.execute(f"DELETE FROM {names.words_table(name)} WHERE rowid=?", (number,))


def fill_words(storage: SqliteStorage, name: str, schema: TableSchema) -> None:
    """Fill an empty word index from all documents."""
    for number, text in storage.stream(f"SELECT id, doc FROM {names.quoted(name)}"):
        _write_words(storage, name, number, schema.words(from_text(text)), "INSERT")


def _write_words(storage: SqliteStorage, name: str, number: int, words: tuple[str, ...], verb: str) -> None:
    fields = ", ".join(f"w{index}" for index in range(len(words)))
    marks = ", ".join("?" * (len(words) + 1))
    storage.execute(
        f"{verb} INTO {names.words_table(name)} (rowid, {fields}) VALUES ({marks})", (number, *words)
    )
