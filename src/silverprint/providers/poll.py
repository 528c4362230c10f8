"""Poll: ask, and ask again with growing pauses. What an answer means is left to the adapter."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds between two questions: ``first_s``, each ``growth`` times the one before, ``most_s`` in the end."""

    first_s: float = 0.5
    growth: float = 1.4
    most_s: float = 5.0

    def pause_s(self, number: int) -> float:
        """The pause after question ``number``, counted from 0."""
        return float(min(self.first_s * self.growth ** min(number, 64), self.most_s))


def pace_of(settings: object, default: Pace) -> Pace:
    """The pace with ``poll_s`` of a provider's settings as its first pause, where that is a sane number."""
    asked = (
        settings.get("poll_s")
        if isinstance(settings, dict)
        else getattr(settings, "get", lambda _n: None)("poll_s")
    )
    if isinstance(asked, int | float) and not isinstance(asked, bool) and 0 < asked <= 60:
        return Pace(first_s=float(asked), growth=default.growth, most_s=max(default.most_s, float(asked)))
    return default


async def poll(
    ask: Callable[[], Awaitable[T]], *, pace: Pace, sleep: Callable[[float], Awaitable[None]]
) -> AsyncGenerator[T, None]:
    """The answers to ``ask``, for as long as the caller wants more. What ``ask`` raises passes through."""
    number = 0
    while True:
        yield await ask()
        await sleep(pace.pause_s(number))
        number += 1
