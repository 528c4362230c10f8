"""Events: the news that services send up. Values only; who listens is not known here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from silverprint.core.job import Job
from silverprint.core.picture import Picture
from silverprint.core.update import Preview, Waiting, Working


@dataclass(frozen=True, slots=True)
class JobChanged:
    """A job entered a new state, which is on disk already."""

    job: Job


@dataclass(frozen=True, slots=True)
class JobProgress:
    """Progress of a job: may be dropped when a newer one is there."""

    job_id: str
    update: Waiting | Working | Preview


@dataclass(frozen=True, slots=True)
class QueuePaused:
    """The queue was paused or resumed; ``provider`` names one provider's, None all of it."""

    paused: bool
    provider: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SpendChanged:
    """A price was reserved or settled, or the budget was lifted: ask again for the standing."""


@dataclass(frozen=True, slots=True)
class PictureAdded:
    """A new picture is in the library."""

    picture: Picture


@dataclass(frozen=True, slots=True)
class PictureChanged:
    """A picture's rating, tags, boards, star or trash changed."""

    picture: Picture


@dataclass(frozen=True, slots=True)
class LibraryChanged:
    """Another process wrote to the library: ask again for what is on view."""


Event: TypeAlias = (
    JobChanged | JobProgress | QueuePaused | SpendChanged | PictureAdded | PictureChanged | LibraryChanged
)
