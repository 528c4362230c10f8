"""Job: one recipe on its way to pictures, and the table of moves it may make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from silverprint.core.errors import ProviderError, SilverprintError
from silverprint.core.recipe import Recipe
from silverprint.core.ticket import Ticket


class JobState(StrEnum):
    """Where a job is. UNSURE: it may have been sent, and only a person may say whether to send it again."""

    WAITING = "waiting"
    SENDING = "sending"
    RUNNING = "running"
    SAVING = "saving"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNSURE = "unsure"

    @property
    def is_final(self) -> bool:
        """No further move without a person's word."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.UNSURE)


_S = JobState
MOVES: Mapping[JobState, frozenset[JobState]] = {
    _S.WAITING: frozenset({_S.SENDING, _S.CANCELLED, _S.FAILED}),
    _S.SENDING: frozenset({_S.RUNNING, _S.WAITING, _S.FAILED, _S.UNSURE, _S.CANCELLED}),
    _S.RUNNING: frozenset({_S.SAVING, _S.WAITING, _S.FAILED, _S.UNSURE, _S.CANCELLED}),
    _S.SAVING: frozenset({_S.DONE, _S.RUNNING, _S.WAITING, _S.FAILED, _S.UNSURE, _S.CANCELLED}),
    _S.DONE: frozenset(),
    _S.FAILED: frozenset({_S.WAITING}),
    _S.CANCELLED: frozenset({_S.WAITING}),
    _S.UNSURE: frozenset({_S.WAITING, _S.RUNNING, _S.CANCELLED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorNote:
    """An error as it is kept: its kind, its sentence, its fix, and whether a retry may help.

    ``fields`` maps our parameter names to reasons, for a recipe the model refused.
    """

    kind: str
    message: str
    fix: str = ""
    can_retry: bool = False
    fields: Mapping[str, str] | None = None

    @classmethod
    def of(cls, error: SilverprintError) -> ErrorNote:
        """The note for a deliberate error."""
        fields = getattr(error, "fields", None) if isinstance(error, ProviderError) else None
        return cls(
            kind=_kind_of(error),
            message=str(error),
            fix=error.fix,
            can_retry=error.can_retry,
            fields=fields or None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One recipe on its way. ``batch`` groups what one key press queued; ``rank`` orders the waiting.

    ``pictures`` are the ids of what it made. Moments are UTC. ``incoming`` names the received outputs
    that lie on disk while the job is SAVING. ``price_usd`` is what sending it costs: an estimate (``price_about``)
    until the service tells; None when nobody knows. ``sent`` is when it was last sent.
    """

    id: str
    batch: str
    recipe: Recipe
    state: JobState
    created: datetime
    changed: datetime
    rank: float = 0.0
    ticket: Ticket | None = None
    error: ErrorNote | None = None
    pictures: tuple[str, ...] = ()
    tries: int = 0
    parent: str | None = None
    incoming: Mapping[str, Any] | None = None
    price_usd: float | None = None
    price_about: bool = False
    sent: datetime | None = None


def move(job: Job, state: JobState, *, now: datetime, **changes: Any) -> Job:
    """The job in its next state. Raises ValueError for a move that the table does not allow."""
    if state not in MOVES[job.state]:
        raise ValueError(f"a job can't go from {job.state} to {state}")
    return replace(job, state=state, changed=now, **changes)


def _kind_of(error: SilverprintError) -> str:
    """The kind a record keeps: an adapter's own finer kind counts as the one of ours it is made of."""
    ours = (
        each
        for each in type(error).__mro__
        if each.__module__.startswith(("silverprint.core.", "silverprint.queue."))
    )
    return next(ours).__name__
