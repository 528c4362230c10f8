"""News: the app's signals to its screens, and the count of jobs that have not ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.signal import Signal

if TYPE_CHECKING:
    from silverprint.core.errors import SilverprintError
    from silverprint.core.events import Event, JobProgress
    from silverprint.core.job import Job


class News:
    """The app's signals: ``events`` is every change in order, ``progress`` the newest of each job, ten times a
    second at most, ``opened`` that the start has ended: well, or with ``trouble``. ``working`` are the ids of the
    jobs that have not ended."""

    def __init__(
        self, events: Signal[Event], progress: Signal[Sequence[JobProgress]], opened: Signal[None]
    ) -> None:
        self.events = events
        self.progress = progress
        self.opened = opened
        self.trouble: SilverprintError | None = None
        self.working: set[str] = set()

    def note(self, job: Job) -> None:
        """Keep count of the jobs that have not ended."""
        if job.state.is_final:
            self.working.discard(job.id)
        else:
            self.working.add(job.id)
