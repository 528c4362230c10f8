"""News: the app's signals to its screens, and what all of them show: jobs that have not ended, money, held providers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textual.signal import Signal

if TYPE_CHECKING:
    from silverprint.core.budget import Standing
    from silverprint.core.errors import SilverprintError
    from silverprint.core.events import Event, JobProgress
    from silverprint.core.job import Job
    from silverprint.ui.holds import Hold


class News:
    """The app's signals: ``events`` is every change in order, ``progress`` the newest of each job, ten times a
    second at most, ``opened`` that the start has ended: well, or with ``trouble``. ``working`` are the ids of the
    jobs that have not ended; ``standing`` is what was spent, where that is known; ``holds`` are the providers that
    start no further job."""

    def __init__(
        self, events: Signal[Event], progress: Signal[Sequence[JobProgress]], opened: Signal[None]
    ) -> None:
        self.events = events
        self.progress = progress
        self.opened = opened
        self.trouble: SilverprintError | None = None
        self.working: set[str] = set()
        self.standing: Standing | None = None
        self.holds: tuple[Hold, ...] = ()

    def note(self, job: Job) -> None:
        """Keep count of the jobs that have not ended."""
        if job.state.is_final:
            self.working.discard(job.id)
        else:
            self.working.add(job.id)

    def begin(self, jobs: Iterable[Job]) -> None:
        """The jobs there are at the start."""
        self.working.clear()
        for job in jobs:
            self.note(job)
