"""Changing the documents of older files: named steps, applied once, in order.

Owns the record in the file of which steps were taken. Columns and indexes need no step: ``catalog.py`` makes those anew
when a schema changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from silverprint.core.errors import LibraryError
from silverprint.store.database import Database

_RECORD = "silverprint_steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change to the documents. ``name`` is written into the file and never changes; ``apply`` may use any table."""

    name: str
    apply: Callable[[Database], None]


def migrate(db: Database, steps: Sequence[Step]) -> list[str]:
    """Apply the steps that the file has not seen, in order, all of them or none; gives their names.

    A file that has no documents yet only records the steps: there is nothing in it to change.
    Raises ``LibraryError`` for a file that has seen a step we don't know, so a newer silverprint has written it; and
    whatever a step raises, with the file as it was.
    """
    names = [step.name for step in steps]
    if len(set(names)) < len(names):
        raise ValueError(f"Two steps have the same name: {names}")
    storage = db.storage
    if applied_steps(db) == names:
        return []
    with storage.transaction():
        storage.execute(f"CREATE TABLE IF NOT EXISTS {_RECORD} (place INTEGER PRIMARY KEY, name TEXT UNIQUE)")
        # Another program may have taken them between the look and the lock.
        seen = applied_steps(db)
        unknown = [name for name in seen if name not in names]
        if unknown:
            raise LibraryError(
                "This library was written by a newer silverprint.",
                path=db.path,
                fix="Update silverprint, then open it again.",
            )
        wanted = [step for step in steps if step.name not in seen]
        has_documents = any(len(db.table(name)) for name in db.tables())
        for step in wanted:
            if has_documents:
                step.apply(db)
            storage.execute(f"INSERT INTO {_RECORD} (name) VALUES (?)", (step.name,))  # noqa: S608 - our own name
    return [step.name for step in wanted]


def applied_steps(db: Database) -> list[str]:
    """The names of the steps that the file has seen, in the order they were taken."""
    storage = db.storage
    with storage.reading():
        if storage.row("SELECT 1 FROM sqlite_master WHERE type='table' AND name=?", (_RECORD,)) is None:
            return []
        return [str(name) for (name,) in storage.rows(f"SELECT name FROM {_RECORD} ORDER BY place")]  # noqa: S608
