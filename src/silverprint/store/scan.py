"""Reading the rows of one table: by id, by key, by condition, in pages and in batches.

Owns the SELECT statements. A condition that is only half SQL narrows the rows down here and is tested in Python row by
row; never is a whole table held in memory. What TinyDB wants to see is left to ``table.py``.
"""

# ruff: noqa: S608 - the names in these statements come from code and values are always bound

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from silverprint.store import catalog, rows
from silverprint.store.condition import Node
from silverprint.store.names import quoted
from silverprint.store.pushdown import Pushed, Target, order_sql, push
from silverprint.store.schema import TableSchema

if TYPE_CHECKING:
    from silverprint.store.storage import SqliteStorage

Order: TypeAlias = str | Sequence[tuple[str, bool]]
Found: TypeAlias = tuple[int, dict[str, Any]]

BATCH = 256


@dataclass(frozen=True, slots=True)
class Scan:
    """The rows of the table ``name``. A table that isn't in the file yet has none."""

    storage: SqliteStorage
    name: str

    @property
    def schema(self) -> TableSchema:
        """The table's schema, as it was opened."""
        return self.storage.schemas.get(self.name, catalog.NO_SCHEMA)

    def document(self, number: int) -> dict[str, Any] | None:
        """The document with an id."""
        found = self._row("SELECT doc FROM {table} WHERE id=?", (number,))
        return None if found is None else rows.from_text(found[0])

    def keyed(self, key: str) -> Found | None:
        """The document with a key."""
        found = self._row("SELECT id, doc FROM {table} WHERE k=?", (key.encode("utf-8", "replace").decode(),))
        return None if found is None else (int(found[0]), rows.from_text(found[1]))

    def last_id(self) -> int:
        """The highest id, or 0."""
        found = self._row("SELECT max(id) FROM {table}", ())
        return int(found[0] or 0) if found else 0

    def size(self) -> int:
        """How many documents there are."""
        found = self._row("SELECT count(*) FROM {table}", ())
        return int(found[0]) if found else 0

    def count(self, node: Node) -> int:
        """How many documents match."""
        with self.storage.reading():
            pushed = push(node, self._target)
            if not pushed.exact:
                return sum(1 for _ in self._tested(node, pushed, "id"))
            found = self._row(f"SELECT count(*) FROM {{table}} WHERE {pushed.sql}", pushed.args)
            return int(found[0]) if found else 0

    def select(self, node: Node, *, by: str = "id", limit: int | None = None, offset: int = 0) -> list[Found]:
        """The documents that match, sorted by the SQL ``by``."""
        with self.storage.reading():
            if not catalog.exists(self.storage, self.name):
                return []
            pushed = push(node, self._target)
            if not pushed.exact:
                return list(_cut(self._tested(node, pushed, by), limit, offset))
            table = quoted(self.name)
            sql = f"SELECT id, doc FROM {table} WHERE {pushed.sql} ORDER BY {by} LIMIT ? OFFSET ?"
            found = self.storage.stream(sql, (*pushed.args, _limit(limit), offset))
            return [(int(number), rows.from_text(text)) for number, text in found]

    def ids(self, node: Node, *, by: str = "id", limit: int | None = None, offset: int = 0) -> list[int]:
        """The ids of what ``select`` gives."""
        with self.storage.reading():
            if not catalog.exists(self.storage, self.name):
                return []
            pushed = push(node, self._target)
            if not pushed.exact:
                return [number for number, _ in _cut(self._tested(node, pushed, by), limit, offset)]
            table = quoted(self.name)
            sql = f"SELECT id FROM {table} WHERE {pushed.sql} ORDER BY {by} LIMIT ? OFFSET ?"
            return [
                int(number) for (number,) in self.storage.rows(sql, (*pushed.args, _limit(limit), offset))
            ]

    def batches(self, node: Node, *, end: int | None = None) -> Iterator[Found]:
        """The documents that match, by id, read a few at a time: the loop around it may write to the table.

        Rows added during the loop, and those above ``end``, are not reached.
        """
        pushed = push(node, self._target)
        last, end = 0, self.last_id() if end is None else end
        first = True
        while True:
            with self.storage.reading():
                if not catalog.exists(self.storage, self.name):
                    return
                table = quoted(self.name)
                after = "id<=?" if first else "id<=? AND id>?"
                sql = f"SELECT id, doc FROM {table} WHERE {after} AND {pushed.sql} ORDER BY id LIMIT {BATCH}"
                batch = self.storage.rows(sql, (end, *(() if first else (last,)), *pushed.args))
            first = False
            for number, text in batch:
                document = rows.from_text(text)
                if pushed.exact or node.matches(document, self.schema):
                    yield int(number), document
            if len(batch) < BATCH:
                return
            last = batch[-1][0]

    def order(self, order: Order, descending: bool) -> str:
        """The SQL after ORDER BY. Raises ``ValueError`` for what can't be sorted by."""
        wanted = [(order, descending)] if isinstance(order, str) else list(order)
        parts = [f"{order_sql(name, self.schema)} {'DESC' if down else 'ASC'}" for name, down in wanted]
        last_down = wanted[-1][1] if wanted else descending
        return ", ".join([*parts, f"id {'DESC' if last_down else 'ASC'}"])

    @property
    def _target(self) -> Target:
        return Target(self.name, self.schema)

    def _tested(self, node: Node, pushed: Pushed, by: str) -> Iterator[Found]:
        if not catalog.exists(self.storage, self.name):
            return
        sql = f"SELECT id, doc FROM {quoted(self.name)} WHERE {pushed.sql} ORDER BY {by}"
        for number, text in self.storage.stream(sql, pushed.args):
            document = rows.from_text(text)
            if node.matches(document, self.schema):
                yield int(number), document

    def _row(self, sql: str, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        with self.storage.reading():
            if not catalog.exists(self.storage, self.name):
                return None
            return self.storage.row(sql.format(table=quoted(self.name)), args)


def _limit(limit: int | None) -> int:
    return -1 if limit is None else max(limit, 0)


def _cut(found: Iterator[Found], limit: int | None, offset: int) -> Iterator[Found]:
    return islice(found, offset, None if limit is None else offset + max(limit, 0))
