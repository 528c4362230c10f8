"""Resume: what to do next with a job, told by its state, its provider and what lies received on disk.

Pure functions; doing it is left to ``develop.py``. DESIGN: nothing paid for is lost, nothing is sent twice.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from silverprint.core.budget import risk_words
from silverprint.core.job import ErrorNote, Job, JobState
from silverprint.core.provider import ProviderInfo


class Step(StrEnum):
    """The next step of a job."""

    SEND = "send"  # it was never sent, or may be sent again: let it wait its turn
    AGAIN = "again"  # it may have been sent, but the same id costs nothing twice: back to waiting
    WATCH = "watch"  # its ticket stands: watch
    SAVE = "save"  # its result lies on disk: make the pictures
    ASK = "ask"  # only a person may say
    STOP = "stop"  # a person cancelled it: tell the provider, then it is cancelled
    LEAVE = "leave"  # nothing can or need be done now


RESUMABLE_ERRORS = frozenset(
    {
        "Unreachable",
        "RateLimited",
        "AnswerLost",
        "KeyMissing",
        "KeyRefused",
        "OutOfCredit",
        "SettingsError",
        "DiskFull",
        "LibraryBusy",
        "StorageError",
    }
)
"""Kinds of error after which the provider still has, or is still making, what the ticket claims."""

DOUBTFUL_ERRORS = frozenset({"BadAnswer", "PictureError", "SilverprintError", "LibraryError"})
"""Kinds after which asking once more with the same ticket may help, and costs nothing."""

NOT_STOPPED = "NotStopped"
"""The kind of note on a cancelled job that its provider could not be told to stop."""

GIVEN_UP = "TicketLost"
"""The kind of note on a job whose result is gone. One that can be retried was only given up by us, unheard."""

MAYBE_SENT = ErrorNote(
    kind="AnswerLost",
    message="silverprint was stopped while this was on its way; it may have been sent.",
)
RESULT_LOST = ErrorNote(
    kind="AnswerLost",
    message="silverprint was stopped before the answer came, and this service gives it only once.",
    fix="Retry to make it again (it may be charged again), or cancel to let it be.",
)


def decide(
    job: Job, info: ProviderInfo | None, *, received: bool, cancel: bool = False, in_hand: bool = False
) -> Step:
    """The next step of ``job``, whatever happened before.

    ``info`` is None when the provider is not there. ``received``: all its outputs lie whole in ``incoming/``.
    ``in_hand``: its answer is in memory, but could not be written. ``cancel``: a person asked to cancel it,
    and that is not done yet.
    """
    if job.state.is_final:
        return Step.LEAVE
    if received and (job.state is not JobState.WAITING or job.incoming is not None):
        return Step.SAVE  # before a wish to cancel: the picture is there and paid for
    resumable = job.ticket is not None and job.ticket.resumable
    if job.state is JobState.WAITING:
        if cancel:
            return Step.STOP
        if info is None:
            return Step.LEAVE
        return Step.WATCH if resumable or in_hand else Step.SEND
    if info is None:
        return Step.LEAVE
    if cancel and (job.ticket is not None or info.idempotent):
        return Step.STOP
    if resumable:
        return Step.WATCH
    return Step.AGAIN if info.idempotent else Step.ASK


def unsure_note(job: Job, info: ProviderInfo, error: ErrorNote | None = None) -> ErrorNote:
    """Why only a person may say what becomes of ``job``, what it may have cost, and where to look.

    ``error`` is what left it in doubt; without it, that silverprint was stopped.
    """
    if error is None:
        error = MAYBE_SENT if job.ticket is None else RESULT_LOST
    if job.ticket is not None:
        fix = RESULT_LOST.fix
    elif info.looks_up:
        fix = (
            f"Press l in the Queue, or run `silverprint jobs lookup {job.id}`, to look whether {info.title} has it; "
            "or retry to send it again, or cancel to let it be."
        )
    else:
        fix = f"Look at {info.title}'s own list; then retry to send it again, or cancel to let it be."
    message = f"{error.message} {risk_words(job)}".strip()
    return replace(error, message=message, fix=fix, can_retry=False)


def waits_at_service(job: Job) -> bool:
    """Whether a waiting job has only to be watched again: its service may be at work on it."""
    return job.ticket is not None and job.ticket.resumable and job.incoming is None


def claim_stands(job: Job) -> bool:
    """Whether a retry may ask for the result with the job's old ticket, so that nothing is paid twice."""
    if job.ticket is None or not job.ticket.resumable or job.error is None:
        return False
    if job.error.kind == GIVEN_UP:
        return job.error.can_retry
    return (
        job.error.kind in RESUMABLE_ERRORS
        or job.error.kind in DOUBTFUL_ERRORS
        or job.error.kind == NOT_STOPPED
    )
