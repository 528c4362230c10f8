"""What the tables and indexes of a TinyDB table are called in SQL."""

from __future__ import annotations

import re
from functools import lru_cache

from silverprint.store.schema import Column

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")


@lru_cache(maxsize=256)
def base(name: str) -> str:
    """The SQL name of a table of documents.

    SQLite doesn't tell ``Fox`` from ``fox`` in names, TinyDB does; so any name but a plain one is written in hexadecimal.
    """
    return f"d_{name}" if _PLAIN.match(name) else f"x_{name.encode('utf-8', 'surrogatepass').hex()}"


@lru_cache(maxsize=256)
def quoted(name: str) -> str:
    """The SQL name of a table of documents, in quotes."""
    return f'"{base(name)}"'


@lru_cache(maxsize=256)
def words_table(name: str) -> str:
    """The SQL name of a table's word index, in quotes."""
    return f'"fts_{base(name)}"'


def many_table(name: str, column: Column) -> str:
    """The SQL name of the table of values of a column with many values, in quotes."""
    return f'"many_{base(name)}${column.name}"'


def index_name(name: str, column: str) -> str:
    """The SQL name of the index on a generated column, in quotes."""
    return f'"ix_{base(name)}${column}"'


def unbase(sql_name: str) -> str:
    """The name of the table of documents that ``base`` wrote."""
    if sql_name.startswith("d_"):
        return sql_name[2:]
    return bytes.fromhex(sql_name[2:]).decode("utf-8", "surrogatepass")
