"""The tables in the file: their names, how they are made, and how they follow a changed schema.

Owns all CREATE and DROP statements. A document table is ``(id, doc, generated columns)``; beside it may stand a word
index (FTS5) and, for each column of many values, a table of values kept by triggers.
"""

# ruff: noqa: S608 - the names in these statements come from code and values are always bound

from __future__ import annotations

from typing import TYPE_CHECKING

from silverprint.core.errors import LibraryError
from silverprint.store import rows
from silverprint.store.faults import Taken
from silverprint.store.names import base, index_name, many_table, quoted, unbase, words_table
from silverprint.store.schema import Column, TableSchema, many_sql, value_sql

if TYPE_CHECKING:
    from silverprint.store.storage import SqliteStorage

NO_SCHEMA = TableSchema(key=None)
"""What a table has that was opened as TinyDB opens one: documents only."""

_META = "silverprint_meta"


def exists(storage: SqliteStorage, name: str) -> bool:
    """Whether the table is in the file."""
    return storage.row("SELECT 1 FROM sqlite_master WHERE type='table' AND name=?", (base(name),)) is not None


def table_names(storage: SqliteStorage) -> list[str]:
    """The names of all tables of documents in the file, sorted."""
    found = storage.rows(
        "SELECT name FROM sqlite_master WHERE type='table' AND substr(name,1,2) IN ('d_','x_')"
    )
    return sorted(unbase(str(name)) for (name,) in found)


def load_schemas(storage: SqliteStorage) -> None:
    """Take over the schemas in the file for the tables that were opened without one, so that their indexes stay right."""
    if not _has_meta(storage):
        return
    for key, text in storage.rows(f"SELECT key, value FROM {_META} WHERE substr(key,1,7)='schema:'"):
        name = str(key)[7:]
        if name not in storage.schemas:
            try:
                storage.schemas[name] = TableSchema.of_signature(text)
            except ValueError as error:
                raise LibraryError(
                    "This library was written by a newer silverprint.",
                    path=storage.path,
                    fix="Update silverprint, then open it again.",
                ) from error
            storage.borrowed.add(name)


def ensure(storage: SqliteStorage, name: str) -> TableSchema:
    """Make the table if it is missing, or make it anew around the same documents if its schema changed.

    Gives the table's schema. One number is read when there is nothing to do.
    """
    # SQLite counts every CREATE and DROP in the file, whoever does it.
    if storage.ensured.get(name) != _schema_version(storage):
        load_schemas(storage)
        if not _is_current(storage, name):
            with storage.transaction():
                # Another program may have done it between the look and the lock.
                if not _is_current(storage, name):
                    _make(storage, name)
        storage.ensured[name] = _schema_version(storage)
    return _schema(storage, name)


def _schema(storage: SqliteStorage, name: str) -> TableSchema:
    return storage.schemas.get(name, NO_SCHEMA)


def _schema_version(storage: SqliteStorage) -> int:
    return int(storage.rows("PRAGMA schema_version")[0][0])


def _make(storage: SqliteStorage, name: str) -> None:
    schema = _schema(storage, name)
    if exists(storage, name):
        _remake(storage, name, schema)
    else:
        _make_table(storage, name, schema, quoted(name))
        _make_indexes(storage, name, schema)
    if schema is not NO_SCHEMA:
        storage.execute(
            f"CREATE TABLE IF NOT EXISTS {_META} (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID"
        )
        storage.execute(f"REPLACE INTO {_META} VALUES (?, ?)", (f"schema:{name}", schema.signature()))


def empty(storage: SqliteStorage, name: str) -> None:
    """Remove all documents of the table, which is made if it is missing."""
    with storage.transaction():
        ensure(storage, name)
        _drop_beside(storage, name)
        storage.execute(f"DROP TABLE {quoted(name)}")
        _make(storage, name)


def drop(storage: SqliteStorage, name: str) -> None:
    """Remove the table, its documents and what stands beside it. Nothing happens when it isn't there."""
    with storage.transaction():
        if exists(storage, name):
            _drop_beside(storage, name)
            storage.execute(f"DROP TABLE {quoted(name)}")
            if _has_meta(storage):
                storage.execute(f"DELETE FROM {_META} WHERE key=?", (f"schema:{name}",))
    if name in storage.borrowed:
        storage.borrowed.discard(name)
        storage.schemas.pop(name, None)


def _is_current(storage: SqliteStorage, name: str) -> bool:
    schema = _schema(storage, name)
    if schema is NO_SCHEMA:
        return exists(storage, name)
    if not exists(storage, name) or not _has_meta(storage):
        return False
    found = storage.row(f"SELECT value FROM {_META} WHERE key=?", (f"schema:{name}",))
    return found is not None and found[0] == schema.signature()


def _has_meta(storage: SqliteStorage) -> bool:
    return storage.row("SELECT 1 FROM sqlite_master WHERE type='table' AND name=?", (_META,)) is not None


def _make_table(storage: SqliteStorage, name: str, schema: TableSchema, sql_name: str) -> None:
    parts = ["id INTEGER PRIMARY KEY", "doc TEXT NOT NULL"]
    if schema.key is not None:
        parts.append(f"k AS ({value_sql(schema.key, 'TEXT')}) VIRTUAL")
    for column in schema.columns:
        if not column.is_many:
            parts.append(f"{column.sql_name} AS ({value_sql(column.path, column.type)}) VIRTUAL")
    storage.execute(f"CREATE TABLE {sql_name} ({', '.join(parts)})")


def _make_indexes(storage: SqliteStorage, name: str, schema: TableSchema) -> None:
    table = quoted(name)
    if schema.key is not None:
        storage.execute(f"CREATE UNIQUE INDEX {index_name(name, 'k')} ON {table} (k)")
    for column in schema.columns:
        if column.is_many:
            _make_many(storage, name, column)
        elif column.index:
            storage.execute(f"CREATE INDEX {index_name(name, column.name)} ON {table} ({column.sql_name})")
    if schema.fts:
        fields = ", ".join(f"w{number}" for number in range(len(schema.fts)))
        # Words come ready made and joined by spaces; the ascii tokenizer splits there and nowhere else.
        storage.execute(
            f"CREATE VIRTUAL TABLE {words_table(name)} USING fts5({fields}, tokenize='ascii', prefix='2 3')"
        )


def _make_many(storage: SqliteStorage, name: str, column: Column) -> None:
    table, values = quoted(name), many_table(name, column)
    storage.execute(f"CREATE TABLE {values} (value, id INTEGER, PRIMARY KEY (value, id)) WITHOUT ROWID")
    storage.execute(f"CREATE INDEX {_trigger(name, column, 'id')} ON {values} (id)")
    value, source = many_sql(column.path, "new.doc")
    add = f"INSERT INTO {values} SELECT DISTINCT {value}, new.id FROM {source};"
    clear = f"DELETE FROM {values} WHERE id=old.id;"
    storage.execute(f"CREATE TRIGGER {_trigger(name, column, 'add')} AFTER INSERT ON {table} BEGIN {add} END")
    storage.execute(
        f"CREATE TRIGGER {_trigger(name, column, 'cut')} AFTER DELETE ON {table} BEGIN {clear} END"
    )
    storage.execute(
        f"CREATE TRIGGER {_trigger(name, column, 'set')} AFTER UPDATE OF doc ON {table} BEGIN {clear} {add} END"
    )


def _trigger(name: str, column: Column, what: str) -> str:
    return f'"many_{base(name)}${column.name}${what}"'


def _remake(storage: SqliteStorage, name: str, schema: TableSchema) -> None:
    """Copy the documents into a table with the new columns, and fill every index from them."""
    _drop_beside(storage, name)
    table, fresh = quoted(name), f'"new_{base(name)}"'
    _make_table(storage, name, schema, fresh)
    storage.execute(f"INSERT INTO {fresh} (id, doc) SELECT id, doc FROM {table}")
    storage.execute(f"DROP TABLE {table}")
    storage.execute(f"ALTER TABLE {fresh} RENAME TO {table}")
    try:
        _make_indexes(storage, name, schema)
    except Taken as error:
        raise LibraryError(f"Two records of {name} have the same {schema.key}.", path=storage.path) from error
    for column in schema.columns:
        if column.is_many:
            value, source = many_sql(column.path, "t.doc")
            pairs = f"SELECT DISTINCT {value}, t.id FROM {table} AS t, {source}"
            storage.execute(f"INSERT INTO {many_table(name, column)} {pairs}")
    if schema.fts:
        rows.fill_words(storage, name, schema)


def _drop_beside(storage: SqliteStorage, name: str) -> None:
    """Drop the word index and the tables of values; indexes and triggers go with their table."""
    own = base(name)
    beside = storage.rows(
        "SELECT name FROM sqlite_master WHERE type='table' AND (name=? OR substr(name,1,?)=?)",
        (f"fts_{own}", len(own) + 6, f"many_{own}$"),
    )
    triggers = storage.rows("SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name=?", (own,))
    for (trigger,) in triggers:
        storage.execute(f'DROP TRIGGER "{trigger}"')
    for (table,) in beside:
        storage.execute(f'DROP TABLE "{table}"')
