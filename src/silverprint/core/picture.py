"""Picture: a finished picture in the library, and its file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from silverprint.core.grade import Grade
from silverprint.core.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureFile:
    """The file of a picture. ``path`` is relative to the pictures folder, with forward slashes.

    ``sha256`` is of the file as it lies on disk, ``pixels_sha256`` of the decoded RGB bytes; ``size`` in bytes.
    """

    path: str
    media_type: str
    width: int
    height: int
    size: int
    sha256: str
    pixels_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture with what made it and what a person said of it. ``trashed`` is when it was put away, if it is.

    ``id`` is its job's id and its number in it, so storing it twice is storing it once.
    """

    id: str
    job: str
    batch: str
    file: PictureFile
    recipe: Recipe
    made: datetime
    seed: int | None = None
    rating: int = 0
    tags: frozenset[str] = frozenset()
    boards: frozenset[str] = frozenset()
    starred: bool = False
    parent: str | None = None
    grade: Grade = Grade.NONE
    seconds: float | None = None
    price_usd: float | None = None
    trashed: datetime | None = None


def picture_id(job_id: str, number: int) -> str:
    """The id of a job's picture; ``number`` counts from 1."""
    return f"{job_id}-{number}"
