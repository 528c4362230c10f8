"""SQLite's errors as ours: what happened in words for a person, and what can be done."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from silverprint.core.errors import DiskFull, LibraryBusy, LibraryDamaged, LibraryError

_SHARED_MEMORY = 65_536  # bytes; SQLite takes half of it for one reader


class TableMissing(LibraryError):
    """The table isn't in the file: it was never written to, or another program removed it."""


class Taken(LibraryError):
    """A row with this id or key is there already."""


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection was in the way."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _SHARED_MEMORY
    except OSError:
        return False


def translated(error: sqlite3.Error, path: Path | None) -> LibraryError | DiskFull:
    """The error of ours that says what ``error`` means for the library at ``path``."""
    where = path.name if path is not None else "the database in memory"
    code = getattr(error, "sqlite_errorcode", None)
    match code & 0xFF if code is not None else None:
        case sqlite3.SQLITE_FULL:
            return DiskFull("There is no room left to write to the library.", path=path)
        case sqlite3.SQLITE_CONSTRAINT:
            return Taken(f"The library has such a row already: {error}.", path=path)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return LibraryBusy(
                "Another program is writing to the library and did not finish in time.", path=path
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return LibraryDamaged(f"The library file {where} is damaged: {error}.", path=path)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return LibraryError(
                f"The library file {where} can't be opened for writing: {error}.",
                path=path,
                fix="Check the permissions of the file and its folder.",
            )
        case sqlite3.SQLITE_IOERR if path is not None and _is_full(path):
            # The shared memory beside the database can't grow either, and that has no code of its own.
            return DiskFull("There is no room left on the library's disk.", path=path)
        case sqlite3.SQLITE_IOERR:
            return LibraryError(
                f"The disk refused to read or write {where}: {error}.",
                path=path,
                fix="Check the disk; the library is as it was before this step.",
            )
        case sqlite3.SQLITE_ERROR if str(error).startswith("no such table"):
            return TableMissing(f"The library has {error}.", path=path)
        case _:
            return LibraryError(f"The library could not do that: {error}.", path=path)
