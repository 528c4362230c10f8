"""A TinyDB whose one file is SQLite.

Owns opening and closing the file, its tables as TinyDB knows them, and setting a damaged file aside. Transactions and
errors are ``storage.py``'s; rows are ``table.py``'s.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tinydb.database import TinyDB
from tinydb.table import Document

from silverprint.core.errors import LibraryError
from silverprint.store import catalog
from silverprint.store.atomic import sync_folder
from silverprint.store.schema import TableSchema
from silverprint.store.storage import BUSY_TIMEOUT_S, SqliteStorage
from silverprint.store.table import Table

_NO_SCHEMAS: Mapping[str, TableSchema] = MappingProxyType({})


class Database(TinyDB):
    """TinyDB's documents, tables and queries on one SQLite file.

    ``schemas`` says, for tables by name, what they are sorted, filtered and searched by; these tables are made when the
    file is opened, or made anew around their documents when a schema changed. A table without one here keeps the schema
    that it has in the file. ``path`` None keeps everything in memory.
    It may be used from any thread, by one thread at a time; the others wait.

    Raises ``LibraryDamaged`` for a file that can't be read (see ``set_aside``), ``LibraryBusy`` when another program
    holds it for longer than ``busy_timeout_s``, ``LibraryError`` when it is missing and ``create`` is False, or is
    another program's.
    """

    table_class: type[Table] = Table

    def __init__(
        self,
        path: Path | None,
        *,
        schemas: Mapping[str, TableSchema] = _NO_SCHEMAS,
        create: bool = True,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        on_network: bool | None = None,
    ) -> None:
        # TinyDB's constructor makes its own storage and keeps it private; ours is kept here, under names of our own
        # but for ``_tables``, which TinyDB's published tests look at.
        self._tables: dict[str, Table] = {}  # type: ignore[assignment]
        self._sqlite = SqliteStorage(
            path, create=create, busy_timeout_s=busy_timeout_s, on_network=on_network
        )
        self._sqlite.schemas.update(schemas)
        try:
            catalog.load_schemas(self._sqlite)
            for name in schemas:
                catalog.ensure(self._sqlite, name)
        except BaseException:
            self._sqlite.close()
            raise

    @property
    def storage(self) -> SqliteStorage:
        """The file under this database."""
        return self._sqlite

    @property
    def path(self) -> Path | None:
        """Where the file is, or None in memory."""
        return self._sqlite.path

    @property
    def note(self) -> str | None:
        """What a person should know about where the file lies, or None."""
        return self._sqlite.note

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """Everything written inside, to any table, is written together or not at all; a nested one joins the outer."""
        return self._sqlite.transaction()

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._sqlite.in_transaction()

    def reading(self) -> contextlib.AbstractContextManager[None]:
        """Everything read inside is one moment of the database."""
        return self._sqlite.reading()

    def data_version(self) -> int:
        """A number that changes when another connection or program has written; not by our own writes."""
        return self._sqlite.data_version()

    def integrity(self) -> str | None:
        """What is wrong with the file, or None. Reads all of it: seconds for a large library."""
        return self._sqlite.integrity()

    def table(self, name: str, **kwargs: Any) -> Table:
        """The table of this name, the same object each time. It is in the file from its first write on."""
        found = self._tables.get(name)
        if found is None:
            found = self._tables[name] = self.table_class(self.storage, name, **kwargs)
        return found

    def tables(self) -> set[str]:
        """The names of the tables in the file."""
        return set(catalog.table_names(self._sqlite))

    def drop_tables(self) -> None:
        """Remove all tables and their documents."""
        with self.transaction():
            for name in catalog.table_names(self._sqlite):
                catalog.drop(self._sqlite, name)
        for table in self._tables.values():
            table.clear_cache()
        self._tables.clear()

    def drop_table(self, name: str) -> None:
        """Remove one table and its documents."""
        catalog.drop(self._sqlite, name)
        dropped = self._tables.pop(name, None)
        if dropped is not None:
            dropped.clear_cache()

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self._sqlite.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        # Everything unknown is asked of the default table, as in TinyDB; but not while the constructor has yet to run.
        if "_sqlite" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.table(self.default_table_name), name)

    def __len__(self) -> int:
        return len(self.table(self.default_table_name))

    def __iter__(self) -> Iterator[Document]:
        return iter(self.table(self.default_table_name))


def set_aside(path: Path, now: datetime) -> Path:
    """Rename a damaged database to ``name.damaged-YYYYMMDD-HHMMSS`` and give its new path. Nothing is deleted.

    Its log files go with it, and go first: a log that stayed behind would be played into the next database of this name.
    Raises ``LibraryError`` when the file can't be renamed.
    """
    stem = f"{path.name}.damaged-{now:%Y%m%d-%H%M%S}"
    target, number = path.with_name(stem), 2
    while target.exists():
        target, number = path.with_name(f"{stem}-{number}"), number + 1
    try:
        for suffix in ("-wal", "-shm", "-journal"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(target.with_name(target.name + suffix))
        path.rename(target)
        sync_folder(path.parent)
    except OSError as error:
        raise LibraryError(
            f"The damaged library {path.name} could not be set aside: {error.strerror}.",
            path=path,
            fix=f"Rename {path} yourself, then start again.",
        ) from error
    return target
