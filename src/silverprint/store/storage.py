"""The one SQLite file under a database: its connection, its transactions and what its errors mean.

Owns durability (write-ahead log, ``synchronous=FULL``), locking and the translation of SQLite's errors into ours. Knows
nothing of documents and words beyond what TinyDB's ``Storage`` asks for; rows are read and written by ``table.py``.
"""

# ruff: noqa: S608 - the names in these statements come from code and values are always bound

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tinydb.storages import Storage

from silverprint.core.errors import LibraryDamaged, LibraryError
from silverprint.store import catalog, rows
from silverprint.store.faults import is_busy, translated
from silverprint.store.filesystem import is_network
from silverprint.store.names import quoted
from silverprint.store.schema import TableSchema
from silverprint.store.words import fold

APPLICATION_ID = 0x53505254
"""The letters SPRT in the file's header, so that ``file`` and we know whose database it is."""

BUSY_TIMEOUT_S = 10.0
_HEADER_BYTES = 100


class SqliteStorage(Storage):
    """A TinyDB storage that is one SQLite file.

    ``read`` and ``write`` move all tables at once, as TinyDB's contract says, and are there for tools written against
    it; our own ``Table`` uses ``rows``, ``execute`` and ``transaction``. It may be used from any thread: one thread at
    a time is inside, and the others wait.

    ``path`` None keeps the database in memory. ``note`` says in one sentence what a person should know about where the
    file lies, or is None.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        create: bool = True,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        on_network: bool | None = None,
    ) -> None:
        self.path = path
        self.note: str | None = None
        self.schemas: dict[str, TableSchema] = {}
        self.borrowed: set[str] = set()
        """The tables in ``schemas`` whose schema came from the file and was not given."""
        self.ensured: dict[str, int] = {}
        """For ``catalog.ensure``: the file's schema version at which a table was last found right."""
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.RLock()
        self._depth = 0
        self._closed = False
        if path is not None:
            _check_file(path, create=create)
        with self._errors():
            # No transaction is ever opened behind our back: isolation_level=None leaves BEGIN to us.
            self._connection = sqlite3.connect(
                ":memory:" if path is None else path,
                timeout=busy_timeout_s,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
        try:
            with self._errors():
                self._prepare(
                    is_network(path) if on_network is None and path is not None else bool(on_network)
                )
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, on_network: bool) -> None:
        run = self._connection.execute
        owner = run("PRAGMA application_id").fetchone()[0]
        tables = run("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if owner != APPLICATION_ID and (owner or tables):
            raise LibraryError(
                f"{self.path} is a database of another program.",
                path=self.path,
                fix="Move that file away, or choose another folder for the library.",
            )
        if self.path is not None:
            self._choose_journal(on_network)
        run("PRAGMA synchronous=FULL")
        run("PRAGMA foreign_keys=OFF")
        run("PRAGMA temp_store=MEMORY")
        run("PRAGMA cache_size=-16000")
        run("PRAGMA journal_size_limit=16777216")
        self._connection.create_function("sp_contains", 2, _contains, deterministic=True)
        if owner != APPLICATION_ID:
            run(f"PRAGMA application_id={APPLICATION_ID}")

    def _choose_journal(self, on_network: bool) -> None:
        got = self._switch_journal("delete" if on_network else "wal")
        if on_network:
            self.note = (
                "The library is on a network file system, where SQLite's write-ahead log is not safe. "
                "A rollback journal is used: slower, and only one program may write at a time."
            )
            if got == "wal":
                self.note += " Another program still holds it open in the unsafe way: close that first."
        elif got != "wal":
            self.note = f"This file system refuses SQLite's write-ahead log; the {got} journal is used, which is slower."

    def _switch_journal(self, wanted: str) -> str:
        """Ask for a journal and give the one there is. The switch needs the file for itself for a moment."""
        run = self._connection.execute
        deadline = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                return str(run(f"PRAGMA journal_mode={wanted}").fetchone()[0])
            except sqlite3.OperationalError as error:
                if not is_busy(error):
                    raise
                got = str(run("PRAGMA journal_mode").fetchone()[0])
                # Two programs that open a new file at once both want the log, and one of them gets it for both; SQLite
                # doesn't wait here by itself. A log that another program uses can't be switched off at all.
                if got == wanted or wanted != "wal":
                    return got
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)

    # -- reading and writing ------------------------------------------------------------------------------------------

    def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        """Run one statement that changes something; gives the number of rows changed. Call it inside a transaction."""
        with self._lock:
            try:
                return self._open().execute(sql, args).rowcount
            except sqlite3.Error as error:
                raise translated(error, self.path) from error

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query."""
        with self._lock:
            try:
                return self._open().execute(sql, args).fetchall()
            except sqlite3.Error as error:
                raise translated(error, self.path) from error

    def row(self, sql: str, args: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of one query, or None."""
        found = self.rows(sql, args)
        return found[0] if found else None

    def stream(self, sql: str, args: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of one query, a few at a time. Hold ``reading()`` or ``transaction()`` around the whole loop."""
        with self._errors():
            cursor = self._open().execute(sql, args)
        while True:
            with self._errors():
                rows = cursor.fetchmany(256)
            if not rows:
                return
            yield from rows

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is written together or not at all, durably when the outermost one ends.

        A nested one joins the outer one; when it raises, only its own part is undone, and the outer one goes on if the
        exception is caught there.
        """
        with self._lock, self._errors():
            connection = self._open()
            mark = f"sp_{self._depth}"
            # A read may be open around us (a query that writes): then we join it as well.
            outermost = not self.in_transaction()
            connection.execute("BEGIN IMMEDIATE" if outermost else f"SAVEPOINT {mark}")
            self._depth += 1
            try:
                yield
                connection.execute("COMMIT" if outermost else f"RELEASE {mark}")
            except BaseException:
                # What was made in here is gone, and the schema version with it.
                self.ensured.clear()
                # A full disk or an interrupt can have rolled everything back already.
                if self.in_transaction():
                    if outermost:
                        connection.execute("ROLLBACK")
                    else:
                        connection.execute(f"ROLLBACK TO {mark}")
                        connection.execute(f"RELEASE {mark}")
                raise
            finally:
                self._depth -= 1

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Everything read inside is one moment of the database, whatever other programs write meanwhile."""
        with self._lock, self._errors():
            connection = self._open()
            if self.in_transaction():
                yield
                return
            connection.execute("BEGIN")
            try:
                yield
            except BaseException:
                if self.in_transaction():
                    connection.execute("ROLLBACK")
                raise
            else:
                if self.in_transaction():
                    connection.execute("COMMIT")

    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        with self._lock:
            return self._connection.in_transaction

    def data_version(self) -> int:
        """A number that changes when another connection or program has written to the file."""
        found = self.row("PRAGMA data_version")
        return int(found[0]) if found else 0

    def version(self) -> tuple[int, int]:
        """Two numbers of which one changes with every write, ours or another program's."""
        with self._lock:
            return self.data_version(), self._open().total_changes

    def integrity(self) -> str | None:
        """What is wrong with the file in SQLite's words, or None when it is whole. Reads all of it."""
        try:
            problems = [str(text) for (text,) in self.rows("PRAGMA integrity_check(20)")]
        except LibraryDamaged as error:
            return str(error)
        return None if problems == ["ok"] else "; ".join(problems)

    # -- TinyDB's Storage ---------------------------------------------------------------------------------------------

    def read(self) -> dict[str, dict[str, Any]] | None:
        """All tables and documents as TinyDB's one large mapping, or None when there are none."""
        with self.reading():
            names = catalog.table_names(self)
            return {
                name: {
                    str(number): json.loads(text)
                    for number, text in self.rows(f"SELECT id, doc FROM {quoted(name)} ORDER BY id")
                }
                for name in names
            } or None

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Replace all tables and documents by ``data``."""
        with self.transaction():
            for name in set(catalog.table_names(self)) - set(data):
                catalog.drop(self, name)
            for name, documents in data.items():
                catalog.empty(self, name)
                schema = catalog.ensure(self, name)
                for number, document in documents.items():
                    rows.insert(self, name, schema, int(number), dict(document))

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        with self._lock:
            if not self._closed:
                self._closed = True
                with self._errors():
                    self._connection.close()

    def _open(self) -> sqlite3.Connection:
        if self._closed:
            raise LibraryError("The library is closed.", path=self.path)
        return self._connection

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translated(error, self.path) from error


def _check_file(path: Path, *, create: bool) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        if not create:
            raise LibraryError(f"There is no library at {path}.", path=path) from None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LibraryError(
                f"The folder {path.parent} can't be made: {error.strerror}.",
                path=path,
                fix="Choose another folder for the library, or make this one.",
            ) from error
        return
    except OSError as error:
        raise LibraryError(f"{path} can't be read: {error.strerror}.", path=path) from error
    wal = path.with_name(path.name + "-wal")
    if size and not (wal.exists() and wal.stat().st_size):
        _check_length(path, size)


def _check_length(path: Path, size: int) -> None:
    """SQLite notices a cut file only when it reaches for a missing page; its header says how many there should be."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise LibraryError(f"{path} can't be read: {error.strerror}.", path=path) from error
    page_bytes = int.from_bytes(header[16:18], "big")
    page_bytes = 65536 if page_bytes == 1 else page_bytes
    pages = int.from_bytes(header[28:32], "big")
    counted = (
        header[24:28] == header[92:96]
    )  # the page count is only kept true by a writer that sets both alike
    if len(header) < _HEADER_BYTES or (counted and size < pages * page_bytes):
        raise LibraryDamaged(f"The library file {path.name} is damaged: its end is missing.", path=path)


def _contains(value: bytes | None, needle: str) -> bool:
    # Bytes, since a text from an escaped half of a surrogate pair can't be handed over as a text.
    return value is not None and needle in fold(value.decode("utf-8", "surrogatepass"))
