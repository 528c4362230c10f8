"""Jobs on disk: a table of the history's own database, so that DONE and its pictures are one transaction.

Owns the records, whose they are, and the moves that two processes might make at once. When to make them is left
to ``queue.py``, what they cost to ``ledger.py``, which is written with them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from silverprint.core.budget import SpendRow, Standing
from silverprint.core.errors import LibraryError, UsageError
from silverprint.core.job import Job, JobState
from silverprint.core.ticket import Ticket
from silverprint.queue import ledger
from silverprint.queue.ledger import Ledger
from silverprint.queue.owners import NOBODY, Owners
from silverprint.store.codec import job_document, job_of
from silverprint.store.condition import Condition, field
from silverprint.store.database import Database
from silverprint.store.schema import Column, TableSchema
from silverprint.store.table import Table
from silverprint.store.thread import DatabaseThread

TABLE = "jobs"
SCHEMA = TableSchema(
    columns=(
        Column("state", "state"),
        Column("created", "created"),
        Column("batch", "batch"),
        Column("untidy", "untidy", "INTEGER"),
    ),
    key="id",
)
SCHEMAS: Mapping[str, TableSchema] = {TABLE: SCHEMA, **ledger.SCHEMAS}

ACTIVE = tuple(state.value for state in JobState if not state.is_final)
OPEN = (*ACTIVE, JobState.UNSURE.value)

_log = logging.getLogger(__name__)
_R = TypeVar("_R")


class TakenOver(LibraryError):
    """Another process holds the job now; this one must let go of it."""

    fix = "Look into the other silverprint: the job goes on there."


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedJob:
    """A job's record: the job, the process it belongs to, and whether somebody asked to cancel it."""

    job: Job
    owner: str
    cancel: bool = False


class SavedJobs:
    """The records of all jobs, of all processes that share the database.

    Every method may raise LibraryError or DiskFull; then nothing was changed. Those that write do so in one
    transaction, durable when they return. The database must have been opened with ``SCHEMAS``.
    """

    def __init__(self, database: DatabaseThread, owners: Owners, ledger: Ledger | None = None) -> None:
        """Without ``ledger`` the spending is written down, and nothing is limited."""
        self._thread = database
        self.owners = owners
        self.ledger = ledger if ledger is not None else Ledger()

    async def add(self, jobs: Sequence[Job]) -> None:
        """Write new jobs, all or none, as this process's own."""
        await self._write(self._add, jobs)

    async def save(self, job: Job) -> None:
        """Write a job's new state. Raises TakenOver when it belongs to another process by now."""
        await self._write(self._save, (job,))

    async def save_all(self, jobs: Sequence[Job]) -> None:
        """``save`` for many in one transaction."""
        await self._write(self._save, jobs)

    def put(self, database: Database, job: Job) -> None:
        """``save`` inside a transaction that the caller has open, in the database's thread."""
        self._save(database, (job,))

    async def find(self, job_id: str) -> SavedJob | None:
        """The record of one job."""
        return await self._read(lambda database: _saved(_table(database).by_key(job_id)))

    async def open_jobs(self) -> list[SavedJob]:
        """The records of all jobs, of any process, that run, wait, or wait for a person's word; oldest first."""
        return await self._read(lambda database: _search(database, field("state").one_of(OPEN)))

    async def recent(self, limit: int) -> list[Job]:
        """The newest jobs, of any process, whatever became of them; without those that were cleared away."""

        def read(database: Database) -> list[Job]:
            rows = _table(database).page(
                ~(field("cleared") == True),  # noqa: E712 - a condition, not a comparison
                order="created",
                descending=True,
                limit=limit,
            )
            return [saved.job for row in rows if (saved := _saved(row)) is not None]

        return await self._read(read)

    async def adopt(self, ids: Collection[str] | None = None) -> list[SavedJob]:
        """Make this process the owner of all jobs (or those of ``ids``) whose process has ended; oldest first."""

        def write(database: Database) -> list[SavedJob]:
            alive: dict[str, bool] = {}
            taken = []
            for saved in _search(database, field("state").one_of(ACTIVE)):
                if saved.owner == self.owners.me or (ids is not None and saved.job.id not in ids):
                    continue
                if saved.owner not in alive:
                    alive[saved.owner] = self.owners.alive(saved.owner)
                if not alive[saved.owner]:
                    _update(database, saved.job.id, owner=self.owners.me)
                    taken.append(saved)
            return taken

        return await self._write(write)

    async def untidy(self) -> list[str]:
        """The ids of DONE jobs whose received outputs may still lie on disk, because their process ended there."""

        def read(database: Database) -> list[str]:
            rows = _table(database).search(field("untidy") == True)  # noqa: E712 - a condition
            alive = {owner: self.owners.alive(owner) for owner in {str(row.get("owner")) for row in rows}}
            return [row["id"] for row in rows if not alive[str(row.get("owner"))]]

        return await self._read(read)

    async def tidied(self, ids: Collection[str]) -> None:
        """Nothing received lies on disk for these DONE jobs any more."""

        def write(database: Database) -> None:
            for job_id in ids:
                _update(database, job_id, untidy=False)

        await self._write(write)

    async def tickets(self, provider: str, *, but: str) -> list[Ticket]:
        """The tickets that the provider gave for all jobs but one."""
        return await self._read(lambda database: _tickets(database, provider, but))

    async def swap(self, before: Job, after: Job, *, claim: Ticket | None = None) -> bool:
        """Write ``after`` as this process's own if the record still is ``before`` and no living process runs it.

        Of two processes that answer for one job at the same time, one gets True. Raises UsageError when ``claim`` is
        a ticket that another job has.
        """

        def write(database: Database) -> bool:
            if claim is not None and any(
                claim.claims_the_same(ticket) for ticket in _tickets(database, claim.provider, after.id)
            ):
                raise UsageError(
                    "This request belongs to another job already.", fix="Choose another, or cancel the job."
                )
            saved = _saved(_table(database).by_key(before.id))
            if saved is None or (saved.job.state, saved.job.changed) != (before.state, before.changed):
                return False
            is_foreign = saved.owner not in (self.owners.me, NOBODY)
            if not saved.job.state.is_final and is_foreign and self.owners.alive(saved.owner):
                return False
            _table(database).put(after.id, self._document(after))
            self.ledger.record(database, saved.job, after)
            return True

        return await self._write(write)

    async def ask_cancel(self, ids: Iterable[str]) -> None:
        """Leave word, for whoever runs these jobs now or later, that they are to be cancelled."""
        asked = list(ids)

        def write(database: Database) -> None:
            for job_id in asked:
                saved = _saved(_table(database).by_key(job_id))
                if saved is not None and not saved.job.state.is_final:
                    _update(database, job_id, cancel=True)

        await self._write(write)

    async def clear(self, states: Collection[JobState]) -> int:
        """Leave ended jobs out of ``recent``; how many. The records stay, for the pictures name them."""

        def write(database: Database) -> int:
            kinds = field("state").one_of(state.value for state in states)
            rows = [row["id"] for row in _table(database).search(kinds) if not row.get("cleared")]
            for job_id in rows:
                _update(database, job_id, cleared=True)
            return len(rows)

        return await self._write(write)

    async def standing(self, now: datetime) -> Standing:
        """How the budget stands at ``now``."""
        return await self._read(lambda database: self.ledger.standing(database, now))

    async def lift_budget(self, now: datetime) -> None:
        """No limit holds until the local day of ``now`` ends."""
        await self._write(lambda database: self.ledger.lift(database, now))

    async def spent(self, since: date, until: date) -> list[SpendRow]:
        """What each model cost on each local day, both days included."""
        return await self._read(lambda database: self.ledger.spent(database, since, until))

    async def version(self) -> int:
        """A number that changes when another process has written."""
        return await self._read(lambda database: database.data_version())

    def _add(self, database: Database, jobs: Sequence[Job]) -> None:
        _table(database).insert_multiple(self._document(job) for job in jobs)

    def _save(self, database: Database, jobs: Sequence[Job]) -> None:
        with database.transaction():
            table = _table(database)
            for job in jobs:
                before = table.by_key(job.id)
                if before is not None and before.get("owner", NOBODY) != self.owners.me:
                    raise TakenOver("another silverprint has taken this job up")
                asked = before is not None and bool(before.get("cancel")) and not job.state.is_final
                table.put(job.id, self._document(job, cancel=asked))
                known = _saved(before)
                self.ledger.record(database, known.job if known is not None else None, job)

    def _document(self, job: Job, *, cancel: bool = False) -> dict[str, Any]:
        is_done = job.state is JobState.DONE
        return {**job_document(job), "owner": self.owners.me, "cancel": cancel, "untidy": is_done}

    async def _write(self, work: Callable[..., _R], *args: Any) -> _R:
        return await self._thread.write(lambda: work(self._thread.database, *args))

    async def _read(self, work: Callable[[Database], _R]) -> _R:
        return await self._thread.run(lambda: work(self._thread.database))


def _table(database: Database) -> Table:
    return database.table(TABLE)


def _search(database: Database, condition: Condition) -> list[SavedJob]:
    found = [saved for row in _table(database).search(condition) if (saved := _saved(row)) is not None]
    return sorted(found, key=lambda saved: (saved.job.created, saved.job.id))


def _tickets(database: Database, provider: str, but: str) -> list[Ticket]:
    rows = _table(database).search((field("ticket.provider") == provider) & (field("id") != but))
    found = [saved.job.ticket for row in rows if (saved := _saved(row)) is not None]
    return [ticket for ticket in found if ticket is not None]


def _update(database: Database, job_id: str, **fields: Any) -> None:
    table = _table(database)
    row = table.by_key(job_id)
    if row is not None:
        table.put(job_id, {**row, **fields})


def _saved(row: Any) -> SavedJob | None:
    if row is None:
        return None
    try:
        job = job_of(row)
    except LibraryError as error:
        # A record of a newer silverprint: it is left as it is, and must not keep the others from running.
        _log.warning("job %s is left alone: %s", row.get("id"), error)
        return None
    return SavedJob(job=job, owner=str(row.get("owner", NOBODY)), cancel=bool(row.get("cancel")))
