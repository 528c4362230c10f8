"""What a table's documents are sorted, filtered and searched by.

Owns ``Column`` and ``TableSchema``, the paths into a document, and the SQL text that makes them. Making and changing
the tables in a file is left to ``catalog.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from silverprint.store.words import BREAK, WORDS_VERSION, words_of

ColumnType: TypeAlias = Literal["TEXT", "INTEGER", "REAL"]

_STEP = re.compile(r"[A-Za-z0-9_-]+(\[\])?\Z")
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Column:
    """One thing that a table is sorted or filtered by.

    ``path`` leads into the document, with dots: ``"rating"``, ``"recipe.ref.model"``. A path with ``[]`` has many
    values in one document: ``"tags[]"``, ``"recipe.loras[].name"``; such a column answers ``has``, and can't be sorted by.
    ``type`` says which values are in the column: text, or numbers (``True`` and ``False`` count as 1 and 0). A value of
    another type stays in the document and is found as before, only not through the index.
    """

    name: str
    path: str
    type: ColumnType = "TEXT"
    index: bool = True

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise ValueError(f"A column's name is small letters, digits and _: {self.name!r}")
        if self.type not in ("TEXT", "INTEGER", "REAL"):
            raise ValueError(f"A column is TEXT, INTEGER or REAL, not {self.type!r}")
        split_path(self.path)

    @property
    def is_many(self) -> bool:
        """Whether one document has several values here."""
        return "[]" in self.path

    @property
    def sql_name(self) -> str:
        """The name of the generated column."""
        return f"c_{self.name}"


@dataclass(frozen=True, slots=True)
class TableSchema:
    """The columns of a table, the document fields in its word index, and the field that is its key.

    ``fts`` are paths as in ``Column``. ``key`` is the path of a text field that no two documents share, or None.
    """

    columns: tuple[Column, ...] = ()
    fts: tuple[str, ...] = ()
    key: str | None = "id"
    _by_path: Mapping[str, Column] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise ValueError(f"Two columns have the same name: {names}")
        for path in self.fts:
            split_path(path)
        if self.key is not None and (split_path(self.key) != (self.key,) or "[]" in self.key):
            raise ValueError(f"A key is a field of the document itself: {self.key!r}")
        object.__setattr__(self, "_by_path", {column.path: column for column in self.columns})

    def column_at(self, path: str) -> Column | None:
        """The column for a path, or None."""
        return self._by_path.get(path)

    def column_named(self, name: str) -> Column | None:
        """The column with a name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def signature(self) -> str:
        """A text that changes when the tables in the file have to be made anew."""
        parts = [[c.name, c.path, c.type, c.index] for c in self.columns]
        return json.dumps({"columns": parts, "fts": self.fts, "key": self.key, "words": WORDS_VERSION})

    @classmethod
    def of_signature(cls, text: str) -> TableSchema:
        """The schema that a ``signature`` was made from. Raises ``ValueError`` for a text that is none."""
        try:
            found = json.loads(text)
            columns = tuple(Column(*column) for column in found["columns"])
            return cls(columns=columns, fts=tuple(found["fts"]), key=found["key"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"Not the signature of a schema: {text!r}") from error

    def words(self, document: Mapping[str, Any]) -> tuple[str, ...]:
        """What the word index holds for ``document``: for each path of ``fts``, its words joined by spaces."""
        return tuple(" ".join(words_at(document, path)) for path in self.fts)


@lru_cache(maxsize=1024)
def split_path(path: str) -> tuple[str, ...]:
    """The steps of a dotted path. Raises ``ValueError`` for a path that SQLite and Python might read differently."""
    steps = tuple(path.split("."))
    if not all(_STEP.match(step) for step in steps) or path.count("[]") > 1:
        raise ValueError(f"Not a path into a document: {path!r}")
    return steps


def values_at(document: Any, path: str) -> Iterator[Any]:
    """The values at ``path``: none or one for a plain path, any number for one with ``[]``."""
    current: list[Any] = [document]
    for step in split_path(path):
        name = step.removesuffix("[]")
        current = [value[name] for value in current if isinstance(value, Mapping) and name in value]
        if step.endswith("[]"):
            current = [item for value in current if isinstance(value, list | tuple) for item in value]
    return iter(current)


def words_at(document: Any, path: str) -> list[str]:
    """The search words of the text, or of the list of texts, at ``path``."""
    words: list[str] = []
    for value in values_at(document, path):
        for text in value if isinstance(value, list | tuple) else (value,):
            if isinstance(text, str):
                if words:
                    words.append(BREAK)
                words.extend(words_of(text))
    return words


def json_path(path: str) -> tuple[str, str]:
    """``path`` as SQLite writes it, cut at ``[]``: ``("$.recipe.loras", "$.name")``. The second is "" without ``[]``."""
    split_path(path)
    head, many, tail = path.partition("[]")
    inner = _dollar(tail.lstrip(".")) if tail else "$"
    return _dollar(head), inner if many else ""


def value_sql(path: str, kind: ColumnType, doc: str = "doc") -> str:
    """SQL for the value at a plain ``path``, or NULL where it is missing or of another type than ``kind``."""
    where, _ = json_path(path)
    types = "'text'" if kind == "TEXT" else "'integer','real','true','false'"
    return f"CASE WHEN json_type({doc},'{where}') IN ({types}) THEN json_extract({doc},'{where}') END"


def many_sql(path: str, doc: str = "doc") -> tuple[str, str]:
    """SQL for the texts and numbers at a ``path`` with ``[]``: the value, and what stands after FROM to reach it."""
    where, inner = json_path(path)
    scalar = "('text','integer','real','true','false')"
    if inner == "$":
        value, kind = "item.value", "item.type"
    else:
        # Only an element that is an object is JSON text; CASE keeps the others from being read as such.
        value = f"CASE WHEN item.type='object' THEN json_extract(item.value,'{inner}') END"
        kind = f"CASE WHEN item.type='object' THEN json_type(item.value,'{inner}') END"
    each = f"json_each({doc},'{where}') AS item"
    return value, f"{each} WHERE json_type({doc},'{where}')='array' AND {kind} IN {scalar}"


def _dollar(path: str) -> str:
    return "$" + "".join(f'."{step}"' for step in path.split("."))
