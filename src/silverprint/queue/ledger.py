"""Ledger: the book of spending, a table of the jobs' own database, written in the transaction that writes the job.

Owns its lines, their sums, and the lift of the budget. What a line says follows from the job alone (``core/budget.py``).
All functions work on an open database, in its thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from silverprint.core.budget import (
    Budget,
    DayOf,
    SpendRow,
    SpendState,
    Standing,
    entry_key,
    entry_of,
    local_day,
    month_text,
)
from silverprint.core.job import Job, JobState
from silverprint.store.condition import field
from silverprint.store.database import Database
from silverprint.store.names import quoted
from silverprint.store.schema import Column, TableSchema

SPEND = "spend"
BUDGET = "budget"
SCHEMAS: Mapping[str, TableSchema] = {
    SPEND: TableSchema(
        columns=(
            Column("day", "day"),
            Column("month", "month"),
            Column("provider", "provider", index=False),
            Column("model", "model", index=False),
            Column("state", "state", index=False),
            Column("usd", "usd", "REAL", index=False),
        ),
        key="id",
    ),
    BUDGET: TableSchema(key="id"),
}

_LIFTED = "lifted"
_ON_THEIR_WAY = (JobState.SENDING, JobState.RUNNING, JobState.SAVING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The book, and the budget it is held against. ``budget`` is asked anew each time, for a person may change it."""

    budget: Callable[[], Budget] = Budget
    day_of: DayOf = local_day

    def record(self, database: Database, before: Job | None, after: Job) -> None:
        """Bring the book to the job's new state. Belongs inside the transaction that writes the job.

        ``before`` is the record so far. Raises BudgetReached for a job that is about to be sent and has no room left;
        the caller's transaction then has to be undone.
        """
        if after.state is JobState.SENDING and (before is None or before.state is not JobState.SENDING):
            self._check(database, after)
        table = database.table(SPEND)
        entry = entry_of(after, day_of=self.day_of)
        if entry is not None:
            known = table.by_key(entry.key)
            line = {
                "id": entry.key,
                "day": entry.day.isoformat(),
                "month": month_text(entry.day),
                "provider": entry.provider,
                "model": entry.model,
                "state": entry.state.value,
                "usd": entry.usd,
            }
            if known != line:
                table.put(entry.key, line)
        elif before is not None and before.tries and before.price_usd != 0 and _was_on_its_way(before):
            table.remove_key(entry_key(before.id, before.tries))  # refused, so it costs nothing

    def standing(self, database: Database, now: datetime) -> Standing:
        """How the day and the month of ``now`` stand."""
        budget, today = self.budget(), self.day_of(now)
        with database.reading():
            day_usd, day_unknown = _sum(database, "c_day", today.isoformat())
            month_usd, month_unknown = _sum(database, "c_month", month_text(today))
            lifted = database.table(BUDGET).by_key(_LIFTED)
        return Standing(
            day_usd=day_usd,
            month_usd=month_usd,
            day_unknown=day_unknown,
            month_unknown=month_unknown,
            day_limit_usd=budget.day_usd,
            month_limit_usd=budget.month_usd,
            assume_usd=budget.assume_usd,
            lifted=lifted is not None and lifted.get("day") == today.isoformat(),
        )

    def lift(self, database: Database, now: datetime) -> None:
        """No limit holds until the local day of ``now`` ends, in any process."""
        database.table(BUDGET).put(_LIFTED, {"day": self.day_of(now).isoformat()})

    def spent(self, database: Database, since: date, until: date) -> list[SpendRow]:
        """What each model cost on each day from ``since`` to ``until``, both included; by day, provider and model."""
        where = (field("day") >= since.isoformat()) & (field("day") <= until.isoformat())
        rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        for line in database.table(SPEND).search(where):
            place = (line["day"], line["provider"], line["model"])
            row = rows.setdefault(place, {"usd": 0.0, "jobs": 0, "unknown": 0, "pending_usd": 0.0})
            row["jobs"] += 1
            if line["usd"] is None:
                row["unknown"] += 1
            else:
                row["usd" if line["state"] == SpendState.SPENT else "pending_usd"] += line["usd"]
        return [
            SpendRow(
                day=date.fromisoformat(day), provider=provider, model=model, **rows[day, provider, model]
            )
            for day, provider, model in sorted(rows)
        ]

    def _check(self, database: Database, job: Job) -> None:
        if job.price_usd == 0 or not self.budget().is_set:
            return
        refusal = self.standing(database, job.sent or job.changed).refusal(job.price_usd)
        if refusal is not None:
            raise refusal


def _was_on_its_way(job: Job) -> bool:
    """Only these have a line of their own that may prove void: an earlier try's line stands, whatever comes after."""
    return job.state in _ON_THEIR_WAY or (job.state is JobState.WAITING and job.ticket is not None)


def _sum(database: Database, column: str, value: str) -> tuple[float, int]:
    """The known dollars, and how many prices are not known."""
    found = database.storage.row(
        f"SELECT total(c_usd), count(*) - count(c_usd) FROM {quoted(SPEND)} WHERE {column}=?",  # noqa: S608 - names from code
        (value,),
    )
    return (float(found[0]), int(found[1])) if found is not None else (0.0, 0)
