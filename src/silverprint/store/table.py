"""A TinyDB table that reads and writes single rows.

Owns TinyDB's meaning of insert, search, update and the others, and our own additions: pages and keys. Finding rows is
left to ``scan.py``, writing one to ``rows.py``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

from tinydb.queries import QueryLike
from tinydb.table import Document
from tinydb.table import Table as TinyTable
from tinydb.utils import LRUCache

from silverprint.store import catalog, rows
from silverprint.store.condition import Condition, Everything, Node, Plain
from silverprint.store.faults import Taken
from silverprint.store.scan import Found, Order, Scan
from silverprint.store.schema import TableSchema

if TYPE_CHECKING:
    from silverprint.store.storage import SqliteStorage

Fields: TypeAlias = Mapping[Any, Any] | Callable[[MutableMapping[Any, Any]], None]

CACHED_AT_MOST = 1000
"""A larger result isn't kept in the query cache: ten of them could be the whole library in memory ten times."""


class Table(TinyTable):
    """A table of documents in one SQLite file.

    Everything TinyDB's table does works as it does there, with these differences: documents come in the order of their
    ids; ids are whole numbers; a document must be JSON, without NaN; another program's writes are seen at once; and a
    write is durable when the call returns, or when the transaction around it ends.

    A method may raise ``DiskFull``, ``LibraryBusy``, ``LibraryDamaged`` or ``LibraryError``; the table is then as it was.
    """

    def __init__(
        self,
        storage: SqliteStorage,
        name: str,
        cache_size: int = TinyTable.default_query_cache_capacity,
        persist_empty: bool = False,
    ) -> None:
        # TinyDB's constructor prepares for reading and writing all tables at once, so it is not called. These
        # attributes are ours; some have the names that TinyDB's published tests look at.
        self._storage: SqliteStorage = storage
        self._name = name
        self._scan = Scan(storage, name)
        self._query_cache: LRUCache[QueryLike, list[Document]] = self.query_cache_class(capacity=cache_size)
        self._cache_version: tuple[int, int] | None = None
        self._following: int | None = None
        if persist_empty:
            catalog.ensure(storage, name)

    # -- TinyDB: reading ----------------------------------------------------------------------------------------------

    def all(self) -> list[Document]:
        """All documents, in the order of their ids."""
        return list(self)

    def search(self, cond: QueryLike) -> list[Document]:
        """The documents that match, in the order of their ids."""
        if isinstance(cond, Condition):
            return self._documents(self._scan.select(cond.node))
        self._check_cache()
        cached = self._query_cache.get(cond)
        if cached is not None:
            return cached[:]
        found = self._documents(self._scan.select(_node(cond)))
        is_cacheable: Callable[[], bool] = getattr(cond, "is_cacheable", lambda: True)
        if is_cacheable() and len(found) <= CACHED_AT_MOST and not self._storage.in_transaction():
            self._query_cache[cond] = found[:]
        return found

    def get(
        self,
        cond: QueryLike | None = None,
        doc_id: int | None = None,
        doc_ids: Iterable[int] | None = None,
    ) -> Any:
        """One document by query or id, or None; a list of documents for ``doc_ids``."""
        if doc_id is not None:
            number = _spelled(doc_id)
            found = None if number is None else self._scan.document(number)
            return None if found is None else self.document_class(found, doc_id)
        if doc_ids is not None:
            numbers = sorted({number for each in doc_ids if (number := _spelled(each)) is not None})
            with self._storage.reading():
                pairs = [(number, self._scan.document(number)) for number in numbers]
            return self._documents([(number, found) for number, found in pairs if found is not None])
        if cond is not None:
            return next(iter(self._documents(self._scan.select(_node(cond), limit=1))), None)
        raise RuntimeError("You have to pass either cond or doc_id or doc_ids")

    def contains(self, cond: QueryLike | None = None, doc_id: int | None = None) -> bool:
        """Whether there is a document with this id, or one that matches."""
        if doc_id is None and cond is None:
            raise RuntimeError("You have to pass either cond or doc_id")
        return self.get(cond, doc_id) is not None

    def count(self, cond: QueryLike) -> int:
        """How many documents match."""
        return self._scan.count(cond.node) if isinstance(cond, Condition) else len(self.search(cond))

    def __len__(self) -> int:
        return self._scan.size()

    def __iter__(self) -> Iterator[Document]:
        """All documents that were there at the start, read a few at a time; the table may be changed meanwhile."""
        for number, found in self._scan.batches(Everything()):
            yield self._document(number, found)

    # -- TinyDB: writing ----------------------------------------------------------------------------------------------

    def insert(self, document: Mapping[Any, Any]) -> int:
        """Add a document; gives its id. Raises ``ValueError`` when its id or its key is taken."""
        return self.insert_multiple([document])[0]

    def insert_multiple(self, documents: Iterable[Mapping[Any, Any]]) -> list[int]:
        """Add documents, all of them or none; gives their ids."""
        numbers: list[int] = []
        with self._writing() as schema:
            for document in documents:
                number = self._number_for(document)
                self._add(schema, number, dict(document))
                numbers.append(number)
        return numbers

    def update(
        self, fields: Fields, cond: QueryLike | None = None, doc_ids: Iterable[int] | None = None
    ) -> list[int]:
        """Set fields in the matching documents, or let a callable change them; gives their ids. All of them or none."""
        updated: list[int] = []
        with self._writing() as schema:
            if doc_ids is not None:
                targets: Iterable[Found] = self._present(doc_ids)
            else:
                targets = self._scan.batches(Everything() if cond is None else _node(cond))
            for number, found in targets:
                before = schema.words(found)
                _apply(fields, found)
                self._replace(schema, number, found, before)
                updated.append(number)
        return updated

    def update_multiple(self, updates: Iterable[tuple[Fields, QueryLike]]) -> list[int]:
        """Apply each update to the documents its query matches; an id is given once for each update that touched it."""
        listed = [(fields, _node(cond)) for fields, cond in updates]
        updated: list[int] = []
        with self._writing() as schema:
            for number, found in self._scan.batches(Everything()):
                before, touched = schema.words(found), 0
                for fields, node in listed:
                    if node.matches(found, schema):
                        _apply(fields, found)
                        touched += 1
                if touched:
                    self._replace(schema, number, found, before)
                    updated.extend([number] * touched)
        return updated

    def upsert(self, document: Mapping[Any, Any], cond: QueryLike | None = None) -> list[int]:
        """Update the documents that match, or the one with the ``Document``'s id; insert it when there is none."""
        doc_ids = [document.doc_id] if isinstance(document, self.document_class) else None
        if doc_ids is None and cond is None:
            raise ValueError(
                "If you don't specify a search query, you must specify a doc_id. Hint: use a table.Document object."
            )
        with self._storage.transaction():
            return self.update(document, cond, doc_ids) or [self.insert(document)]

    def remove(self, cond: QueryLike | None = None, doc_ids: Iterable[int] | None = None) -> list[int]:
        """Remove the matching documents, or those of ``doc_ids`` that exist; gives their ids."""
        removed: list[int] = []
        with self._writing() as schema:
            if doc_ids is not None:
                targets: Iterable[Found] = self._present(dict.fromkeys(doc_ids))
            elif cond is not None:
                targets = self._scan.batches(_node(cond))
            else:
                raise RuntimeError("Use truncate() to remove all documents")
            for number, _ in targets:
                rows.delete(self._storage, self._name, schema, number)
                removed.append(number)
        return removed

    def truncate(self) -> None:
        """Remove all documents and start again with id 1."""
        with self._writing():
            catalog.empty(self._storage, self._name)
        self._following = None

    def clear_cache(self) -> None:
        """Forget the results of earlier searches."""
        self._query_cache.clear()

    # -- ours ---------------------------------------------------------------------------------------------------------

    def page(
        self,
        condition: QueryLike | None = None,
        *,
        order: Order = "doc_id",
        descending: bool = False,
        limit: int | None,
        offset: int = 0,
    ) -> list[Document]:
        """``limit`` documents that match, after the first ``offset`` of them, sorted.

        ``order`` is ``"doc_id"``, the name of a column or a plain path; or a sequence of these with their own direction:
        ``[("rating", True), ("made", True)]``, True for descending. Equal documents follow their ids, in the direction of
        the last order. A missing value comes first, or last when descending. ``limit`` None is all of them.
        """
        found = self._scan.select(
            _node(condition), order=order, descending=descending, limit=limit, offset=offset
        )
        return self._documents(found)

    def ids(
        self,
        condition: QueryLike | None = None,
        *,
        order: Order = "doc_id",
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[int]:
        """The document ids of what ``page`` gives; without ``limit``, of all that match."""
        return self._scan.ids(
            _node(condition), order=order, descending=descending, limit=limit, offset=offset
        )

    def by_key(self, key: str) -> Document | None:
        """The document whose key field is ``key``, or None."""
        self._key_field()
        found = self._scan.keyed(key)
        return None if found is None else self._document(*found)

    def put(self, key: str, document: Mapping[Any, Any]) -> int:
        """Insert ``document``, or replace the whole document that has the same key; gives its id.

        A document without its key field gets it. Raises ``ValueError`` when the field says something other than ``key``.
        """
        field = self._key_field()
        whole = dict(document)
        if whole.setdefault(field, key) != key:
            raise ValueError(f"The document's {field} is {whole[field]!r}, not {key!r}")
        with self._writing() as schema:
            found = self._scan.keyed(key)
            if found is None:
                number = self._number_for(whole)
                self._add(schema, number, whole)
            else:
                number = found[0]
                self._replace(schema, number, whole, schema.words(found[1]))
        return number

    def remove_key(self, key: str) -> bool:
        """Remove the document whose key field is ``key``; gives whether there was one."""
        self._key_field()
        with self._writing() as schema:
            found = self._scan.keyed(key)
            if found is not None:
                rows.delete(self._storage, self._name, schema, found[0])
        return found is not None

    # -- parts --------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _writing(self) -> Iterator[TableSchema]:
        with self._storage.transaction():
            try:
                yield catalog.ensure(self._storage, self._name)
            finally:
                self.clear_cache()

    def _add(self, schema: TableSchema, number: int, document: dict[Any, Any]) -> None:
        try:
            rows.insert(self._storage, self._name, schema, number, document)
        except Taken as error:
            if self._scan.document(number) is not None:
                raise ValueError(f"Document with ID {number} already exists") from error
            raise _key_taken(schema, document) from error

    def _replace(
        self, schema: TableSchema, number: int, document: dict[Any, Any], before: tuple[str, ...]
    ) -> None:
        try:
            rows.update(self._storage, self._name, schema, number, document, before)
        except Taken as error:
            raise _key_taken(schema, document) from error

    def _number_for(self, document: object) -> int:
        if not isinstance(document, Mapping):
            raise ValueError("Document is not a Mapping")
        if not isinstance(document, self.document_class):
            return self._get_next_id()
        number = document.doc_id
        if not isinstance(number, int):
            raise ValueError(f"A document's id is a whole number, not {number!r}")
        self._following = None
        return number

    def _get_next_id(self) -> int:
        # As in TinyDB, ids given by this object are not given again, even when the document is gone; another program
        # may have gone further meanwhile.
        number = max(self._following or 1, self._scan.last_id() + 1)
        self._following = number + 1
        return number

    def _present(self, doc_ids: Iterable[int]) -> Iterator[Found]:
        for each in doc_ids:
            if isinstance(each, int | float) and each == each // 1:
                found = self._scan.document(int(each))
                if found is not None:
                    yield int(each), found

    def _check_cache(self) -> None:
        version = self._storage.version()
        if version != self._cache_version:
            self.clear_cache()
            self._cache_version = version

    def _key_field(self) -> str:
        key = self._scan.schema.key
        if key is None:
            raise ValueError(
                f"The table {self._name!r} was opened without a key: give the database a TableSchema for it."
            )
        return key

    def _documents(self, found: Iterable[Found]) -> list[Document]:
        return [self._document(number, document) for number, document in found]

    def _document(self, number: int, found: Mapping[str, Any]) -> Document:
        return self.document_class(found, self.document_id_class(number))


def _node(cond: QueryLike | None) -> Node:
    if cond is None:
        return Everything()
    return cond.node if isinstance(cond, Condition) else Plain(cond)


def _apply(fields: Fields, document: dict[Any, Any]) -> None:
    if callable(fields):
        fields(document)
    else:
        document.update(fields)


def _spelled(doc_id: object) -> int | None:
    """TinyDB looks ids up by how they are written, so "7" is 7 and 7.0 is nothing."""
    text = str(doc_id)
    number = int(text) if text.removeprefix("-").isdecimal() and text.isascii() else None
    return number if number is not None and str(number) == text and abs(number) < 2**63 else None


def _key_taken(schema: TableSchema, document: Mapping[Any, Any]) -> ValueError:
    key = schema.key or ""
    return ValueError(f"A document with {key} {document.get(key)!r} already exists")
