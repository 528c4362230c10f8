"""Reading the rows of one table: by id, by key, by condition, in pages and in batches.

Owns the SELECT statements. A condition that is only half SQL narrows the rows down here and is tested in Python row by
row; never is a whole table held in memory. What TinyDB wants to see is left to ``table.py``.
"""

# ruff: noqa: S608 - the names in these statements come from code and values are always bound

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from silverprint.store import catalog, rows
from silverprint.store.condition import Node
from silverprint.store.faults import TableMissing
from silverprint.store.names import quoted
from silverprint.store.pushdown import IdSet, Pushed, Target, order_sql, push, walked
from silverprint.store.schema import TableSchema

if TYPE_CHECKING:
    from silverprint.store.storage import SqliteStorage

Order: TypeAlias = str | Sequence[tuple[str, bool]]
Found: TypeAlias = tuple[int, dict[str, Any]]

BATCH = 256
FEW = 2000
SHARE = 16
"""A set of at most so many ids, and of at most one document in sixteen, is read first and the page made from it.

Measured at 100,000 documents: a match that is looked up and sorted costs about 3 µs, a row that is walked past 0.2 µs.
"""


@dataclass(frozen=True, slots=True)
class Scan:
    """The rows of the table ``name``. A table that isn't in the file yet has none."""

    storage: SqliteStorage
    name: str
    _orders: dict[tuple[tuple[str, bool], ...], str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def schema(self) -> TableSchema:
        """The table's schema, as it was opened."""
        return self.storage.schemas.get(self.name, catalog.NO_SCHEMA)

    def document(self, number: int) -> dict[str, Any] | None:
        """The document with an id."""
        found = self._rows(f"SELECT doc FROM {quoted(self.name)} WHERE id=?", (number,))
        return rows.from_text(found[0][0]) if found else None

    def keyed(self, key: str) -> Found | None:
        """The document with a key."""
        clean = key.encode("utf-8", "replace").decode()
        found = self._rows(f"SELECT id, doc FROM {quoted(self.name)} WHERE k=?", (clean,))
        return (int(found[0][0]), rows.from_text(found[0][1])) if found else None

    def last_id(self) -> int:
        """The highest id, or 0."""
        found = self._rows(f"SELECT max(id) FROM {quoted(self.name)}")
        return int(found[0][0] or 0) if found else 0

    def size(self) -> int:
        """How many documents there are."""
        return self._number(f"SELECT count(*) FROM {quoted(self.name)}")

    def count(self, node: Node) -> int:
        """How many documents match."""
        pushed = push(node, self._target)
        if not pushed.exact:
            with self.storage.reading():
                return sum(1 for _ in self._tested(node, pushed, "id"))
        if pushed.only_set is not None:
            return self._number(
                f"SELECT count(DISTINCT id) FROM ({pushed.only_set.sql})", pushed.only_set.args
            )
        return self._number(f"SELECT count(*) FROM {quoted(self.name)} WHERE {pushed.sql}", pushed.args)

    def select(
        self,
        node: Node,
        *,
        order: Order = "doc_id",
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Found]:
        """The documents that match, sorted. Raises ``ValueError`` for what can't be sorted by."""
        by = self._by(order, descending)
        pushed = push(node, self._target)
        if pushed.exact and limit is not None:
            return [
                (number, rows.from_text(text))
                for number, text in self._page("id, doc", pushed, by, limit, offset)
            ]
        with self.storage.reading():
            if not pushed.exact:
                return list(_cut(self._tested(node, pushed, by), limit, offset))
            sql = (
                f"SELECT id, doc FROM {quoted(self.name)} WHERE {pushed.sql} ORDER BY {by} LIMIT -1 OFFSET ?"
            )
            found = self._stream(sql, (*pushed.args, max(offset, 0)))
            return [(number, rows.from_text(text)) for number, text in found]

    def ids(
        self,
        node: Node,
        *,
        order: Order = "doc_id",
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[int]:
        """The ids of what ``select`` gives."""
        by = self._by(order, descending)
        pushed = push(node, self._target)
        if pushed.exact:
            return [number for (number,) in self._page("id", pushed, by, limit, offset)]
        with self.storage.reading():
            return [number for number, _ in _cut(self._tested(node, pushed, by), limit, offset)]

    def batches(self, node: Node) -> Iterator[Found]:
        """The documents that match, by id, read a few at a time: the loop around it may write to the table.

        Rows added during the loop are not reached.
        """
        pushed = push(node, self._target)
        end = self.last_id()
        after, last = "id<=?", ()  # type: tuple[str, tuple[int, ...]]
        while True:
            sql = f"SELECT id, doc FROM {quoted(self.name)} WHERE {after} AND {pushed.sql} ORDER BY id LIMIT {BATCH}"
            batch = self._rows(sql, (end, *last, *pushed.args))
            for number, text in batch:
                document = rows.from_text(text)
                if pushed.exact or node.matches(document, self.schema):
                    yield number, document
            if len(batch) < BATCH:
                return
            after, last = "id<=? AND id>?", (batch[-1][0],)

    @property
    def _target(self) -> Target:
        return Target(self.name, self.schema)

    def _by(self, order: Order, descending: bool) -> str:
        wanted = ((order, descending),) if isinstance(order, str) else tuple(order)
        known = self._orders.get(wanted)
        if known is None:
            parts = [f"{order_sql(name, self.schema)} {'DESC' if down else 'ASC'}" for name, down in wanted]
            last_down = wanted[-1][1] if wanted else descending
            known = ", ".join([*parts, f"id {'DESC' if last_down else 'ASC'}"])
            if wanted:
                self._orders[wanted] = known
        return known

    def _page(
        self, what: str, pushed: Pushed, by: str, limit: int | None, offset: int
    ) -> list[tuple[Any, ...]]:
        # SQLite would start from the set of ids and sort all its documents, be they most of the library. So a small
        # set is read first; with a large one the rows are walked in their order until the page is full.
        if pushed.sets and limit is not None and not by.startswith("id "):
            small = self._smallest(pushed)
            if small == []:
                return []
            if small is None:
                pushed = walked(pushed)
            elif pushed.only_set is not None:
                pushed = Pushed("id IN (SELECT value FROM json_each(?))", (json.dumps(small),))
            else:
                # The set is asked again with the rest: a document may have changed since it was read.
                sql = f"id IN (SELECT value FROM json_each(?)) AND {walked(pushed).sql}"
                pushed = Pushed(sql, (json.dumps(small), *pushed.args))
        sql = f"SELECT {what} FROM {quoted(self.name)} WHERE {pushed.sql} ORDER BY {by} LIMIT ? OFFSET ?"
        return self._rows(sql, (*pushed.args, -1 if limit is None else max(limit, 0), max(offset, 0)))

    def _smallest(self, pushed: Pushed) -> list[int] | None:
        found: list[int] | None = None
        for ids in pushed.sets:
            numbers = self._few(ids)
            if numbers is not None and (found is None or len(numbers) < len(found)):
                found = numbers
        return found

    def _few(self, ids: IdSet) -> list[int] | None:
        numbers = [number for (number,) in self._rows(f"{ids.sql} LIMIT {FEW + 1}", ids.args)]
        if len(numbers) > FEW or (len(numbers) > BATCH // 2 and len(numbers) > self.last_id() // SHARE):
            return None
        return numbers

    def _tested(self, node: Node, pushed: Pushed, by: str) -> Iterator[Found]:
        sql = f"SELECT id, doc FROM {quoted(self.name)} WHERE {pushed.sql} ORDER BY {by}"
        schema = self.schema
        for number, text in self._stream(sql, pushed.args):
            document = rows.from_text(text)
            if node.matches(document, schema):
                yield number, document

    def _number(self, sql: str, args: tuple[Any, ...] = ()) -> int:
        found = self._rows(sql, args)
        return int(found[0][0]) if found else 0

    def _rows(self, sql: str, args: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self.storage.rows(sql, args)
        except TableMissing:
            return []

    def _stream(self, sql: str, args: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self.storage.stream(sql, args)
        except TableMissing:
            return


def _cut(found: Iterator[Found], limit: int | None, offset: int) -> Iterator[Found]:
    start = max(offset, 0)
    return islice(found, start, None if limit is None else start + max(limit, 0))
