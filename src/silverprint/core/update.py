"""Updates: what a provider tells while it watches a job, up to the one Finished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from silverprint.core.grade import Grade
from silverprint.core.image import RawImage
from silverprint.core.recipe import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Taken, not begun. ``place`` is the position in the service's queue where it tells."""

    place: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """Begun: ``step`` of ``steps`` where known, ``note`` in the provider's words."""

    step: int | None = None
    steps: int | None = None
    note: str = ""

    @property
    def fraction(self) -> float | None:
        """Done so far, 0..1, or None when unknown."""
        return self.step / self.steps if self.step is not None and self.steps else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """How the picture looks by now. It may be smaller than the picture will be."""

    image: RawImage
    step: int | None = None
    steps: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One result: raw pixels (``image``), encoded bytes (``data``) or a link to fetch at once (``url``)."""

    image: RawImage | None = None
    data: bytes | None = None
    url: str | None = None
    media_type: str = ""
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The end of a watch. ``seed`` is the one used; ``price_usd`` what it cost where the service tells."""

    outputs: tuple[Output, ...]
    seed: int | None = None
    engine: Engine | None = None
    grade: Grade = Grade.NONE
    price_usd: float | None = None
    seconds: float | None = None


Update: TypeAlias = Waiting | Working | Preview | Finished
