"""Conditions: TinyDB queries that also know their SQL.

Owns what can be asked of a document and how that is tested in Python. Each question is a small frozen node; its SQL is
written by ``pushdown.py``, and both must give the same answer for every document.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal, TypeAlias

from tinydb.queries import QueryInstance

from silverprint.store.schema import TableSchema, split_path, values_at, words_at
from silverprint.store.words import fold, has_run, words_of

Operator: TypeAlias = Literal["==", "<", "<=", ">", ">="]
Scalar: TypeAlias = str | int | float | bool | None

INT64 = 2**63
_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Everything:
    """True of every document."""

    def matches(self, document: Mapping[str, Any], schema: TableSchema | None) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Compare:
    """A value at ``path`` compared with one of its own type; a value of another type doesn't match."""

    path: str
    test: Operator
    value: Scalar

    def matches(self, document: Mapping[str, Any], schema: TableSchema | None) -> bool:
        return any(compare(found, self.test, self.value) for found in values_at(document, self.path))


@dataclass(frozen=True, slots=True)
class Exists:
    """There is something at ``path``, be it null."""

    path: str

    def matches(self, document: Mapping[str, Any], schema: TableSchema | None) -> bool:
        return any(True for _ in values_at(document, self.path))


@dataclass(frozen=True, slots=True)
class Contains:
    """A text at ``path`` has ``text`` in it, without regard to case. ``text`` is folded already."""

    path: str
    text: str

    def matches(self, document: Mapping[str, Any], schema: TableSchema | None) -> bool:
        return any(
            isinstance(found, str) and self.text in fold(found) for found in values_at(document, self.path)
        )


@dataclass(frozen=True, slots=True)
class Words:
    """All ``runs`` of words stand in the document's text fields, each run as neighbours in one field."""

    runs: tuple[tuple[str, ...], ...]
    prefix: bool
    fields: tuple[str, ...]

    def matches(self, document: Mapping[str, Any], schema: TableSchema | None) -> bool:
        fields = self.fields or (schema.fts if schema is not None else ())
        texts = (
            [words_at(document, path) for path in fields]
            if fields
            else [words_of(t) for t in _texts(document)]
        )
        last = len(self.runs) - 1
        return all(
            any(has_run(words, run, prefix=self.prefix and number == last) for words in texts)
            for number, run in enumerate(self.runs)
        )


@dataclass(frozen=True, slots=True)
class Both:
    left: Node
    right: Node

    def matches(self, document: Mapping[str, Any], schema: TableSchema | None) -> bool:
        return self.left.matches(document, schema) and self.right.matches(document, schema)


@dataclass(frozen=True, slots=True)
class Either:
    left: Node
    right: Node

    def matches(self, document: Mapping[str, Any], schema: TableSchema | None) -> bool:
        return self.left.matches(document, schema) or self.right.matches(document, schema)


@dataclass(frozen=True, slots=True)
class Not:
    inner: Node

    def matches(self, document: Mapping[str, Any], schema: TableSchema | None) -> bool:
        return not self.inner.matches(document, schema)


@dataclass(frozen=True, slots=True)
class Plain:
    """Any callable test, such as a TinyDB query: it has no SQL."""

    query: Callable[[Mapping[str, Any]], bool]

    def matches(self, document: Mapping[str, Any], schema: TableSchema | None) -> bool:
        return bool(self.query(document))


Node: TypeAlias = Everything | Compare | Exists | Contains | Words | Both | Either | Not | Plain


class Condition(QueryInstance):
    """A TinyDB query made of nodes that ``pushdown.py`` can write as SQL.

    ``&``, ``|`` and ``~`` give Conditions again, also when the other side is a plain TinyDB query: then the part that has
    SQL narrows the rows down and the rest is tested in Python. Called with a document it tests that document; ``words``
    without fields then looks at every text in it, because only a table knows which fields it indexes.

    Results are never kept in TinyDB's query cache: the index answers faster than a copy of a large list.
    """

    def __init__(self, node: Node) -> None:
        super().__init__(self._matches, None)
        self.node = node

    def _matches(self, document: Mapping[str, Any]) -> bool:
        return self.node.matches(document, None)

    def __and__(self, other: object) -> Condition:
        return Condition(Both(self.node, _node(other)))

    def __rand__(self, other: object) -> Condition:
        return Condition(Both(_node(other), self.node))

    def __or__(self, other: object) -> Condition:
        return Condition(Either(self.node, _node(other)))

    def __ror__(self, other: object) -> Condition:
        return Condition(Either(_node(other), self.node))

    def __invert__(self) -> Condition:
        return Condition(Not(self.node))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self.node == other.node

    def __hash__(self) -> int:
        return hash(self.node)

    def __repr__(self) -> str:
        return f"Condition({self.node!r})"


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A place in the documents to ask about; make it with ``field``. Its comparisons give Conditions."""

    path: str

    def __eq__(self, value: Scalar) -> Condition:  # type: ignore[override]
        return Condition(Compare(self.path, "==", _checked(value)))

    def __ne__(self, value: Scalar) -> Condition:  # type: ignore[override]
        """There is something at the path and it is not ``value``. ``~(field(x) == value)`` also takes what has nothing."""
        return Condition(Both(Exists(self.path), Not(Compare(self.path, "==", _checked(value)))))

    def __lt__(self, value: str | float) -> Condition:
        return Condition(Compare(self.path, "<", _checked(value)))

    def __le__(self, value: str | float) -> Condition:
        return Condition(Compare(self.path, "<=", _checked(value)))

    def __gt__(self, value: str | float) -> Condition:
        return Condition(Compare(self.path, ">", _checked(value)))

    def __ge__(self, value: str | float) -> Condition:
        return Condition(Compare(self.path, ">=", _checked(value)))

    __hash__ = None  # type: ignore[assignment]

    def exists(self) -> Condition:
        """There is something at the path, be it null."""
        return Condition(Exists(self.path))

    def has(self, value: Scalar) -> Condition:
        """The list at the path has ``value`` as an element."""
        return Condition(Compare(self._many(), "==", _checked(value)))

    def has_any(self) -> Condition:
        """The list at the path is not empty."""
        return Condition(Exists(self._many()))

    def contains_text(self, text: str) -> Condition:
        """The text at the path, or for a path with ``[]`` one of the texts, has ``text`` in it in any case."""
        return Condition(Contains(self.path, fold(text)))

    def one_of(self, values: Iterable[Scalar]) -> Condition:
        """The value at the path is one of ``values``."""
        return any_of([self == value for value in values])

    def _many(self) -> str:
        return self.path if "[]" in self.path else f"{self.path}[]"


def field(path: str) -> Field:
    """The place at a dotted path: ``field("rating") >= 3``, ``field("recipe.loras[].name") == "film"``.

    Raises ``ValueError`` for a path with other than letters, digits, ``_``, ``-`` and one ``[]``.
    """
    split_path(path)
    return Field(path)


def words(text: str, *, prefix: bool = False, fields: Sequence[str] = ()) -> Condition:
    """Documents that have every word of ``text``, in any order and field.

    Case and accents don't count. A piece without spaces is looked for whole: ``film-grain`` finds "film grain", and a piece
    in a script without spaces finds that run of characters. With ``prefix`` the last word may be only begun. ``fields``
    limits the search to these paths; without it the fields of the table's word index are searched. A text without a
    single word in it asks for nothing, so every document matches.
    """
    runs = tuple(run for piece in text.split() if (run := tuple(words_of(piece))))
    return Condition(Words(runs, prefix, tuple(fields))) if runs else everything()


def phrase(text: str, *, prefix: bool = False, fields: Sequence[str] = ()) -> Condition:
    """Documents that have the words of ``text`` as neighbours, in this order, in one field. Else as ``words``."""
    run = tuple(words_of(text))
    return Condition(Words((run,), prefix, tuple(fields))) if run else everything()


def everything() -> Condition:
    """Every document."""
    return Condition(Everything())


def all_of(conditions: Iterable[Condition]) -> Condition:
    """Documents that all conditions match; with none given, every document."""
    return reduce(operator.and_, conditions, everything())


def any_of(conditions: Iterable[Condition]) -> Condition:
    """Documents that at least one condition matches; with none given, no document."""
    listed = list(conditions)
    return reduce(operator.or_, listed) if listed else ~everything()


def compare(found: Any, test: Operator, value: Scalar) -> bool:
    """``found`` against ``value``: text with text by code points, numbers with numbers, null only equal to null.

    SQLite reads whole numbers beyond 64 bits as floats, so those are ordered as floats; equality stays exact.
    """
    if value is None or found is None:
        return test == "==" and value is None and found is None
    if isinstance(value, str) or isinstance(found, str):
        if not (isinstance(value, str) and isinstance(found, str)) or not is_clean(value):
            return False
        return _TESTS[test](found, value)
    if not isinstance(found, int | float):
        return False
    if test == "==" and _is_large(value):
        return isinstance(found, int) and found == value
    return _TESTS[test](as_number(found), as_number(value))


def as_number(value: float) -> float:
    """The number as SQLite sees it."""
    if not _is_large(value):
        return value
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def is_clean(text: str) -> bool:
    """Whether SQLite can take the text: half a surrogate pair has no UTF-8."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _is_large(value: float) -> bool:
    return isinstance(value, int) and not -INT64 <= value < INT64


def _checked(value: Any) -> Scalar:
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(
        f"A field is compared with text, a number, True, False or None, not {type(value).__name__}."
    )


def _node(other: object) -> Node:
    if isinstance(other, Condition):
        return other.node
    if callable(other):
        return Plain(other)
    raise TypeError(f"A condition is joined with another or with a TinyDB query, not {type(other).__name__}.")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
