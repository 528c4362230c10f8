"""Sampler: from noise to latents, with numpy alone; the network is a callable that is handed in.

Owns the noise schedule, the two solvers, guidance and the holding of known pixels. It knows no weights, no
prompt and no thread.

The noise of a picture is ``float32(PCG64(seed))``: the same on every machine. All arithmetic on latents is
float32, element by element, so its bits do not depend on threads either.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Latents: TypeAlias = NDArray[np.float32]
Solver: TypeAlias = Literal["dpm", "ddim"]
Velocity: TypeAlias = Callable[[Latents, int], Latents]

SHAPE = (1, 12, 16, 16)
TRAINED_STEPS = 1000
# Predicted clean latents outside this range are artefacts: encoded pictures stay within 3.5.
_CLEAN_LIMIT = 4.0
_CLEAN = -1  # the time after the last step: no noise left


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The part of a picture that must stay: ``clean`` latents of it, its ``noise``, and where it may change.

    ``change`` is 1.0 in the cells to paint anew and 0.0 elsewhere, shape (1, 1, 16, 16).
    """

    clean: Latents
    noise: Latents
    change: Latents

    def at(self, latents: Latents, time: int) -> Latents:
        """``latents`` with the held cells set to the known picture, as noisy as ``time`` asks.

        Known cells are put back at every step, as in Lugmayr et al. 2022 (RePaint, arXiv:2201.09865), without
        its resampling.
        """
        return self.change * latents + (np.float32(1) - self.change) * noised(self.clean, self.noise, time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step done: ``number`` of ``of``, counted from 1, and the latents as they now are."""

    number: int
    of: int
    latents: Latents


def noise(seed: int) -> Latents:
    """The noise of a seed, shape (1, 12, 16, 16), standard normal."""
    return np.random.Generator(np.random.PCG64(seed)).standard_normal(SHAPE).astype(np.float32)


def times(steps: int, strength: float = 1.0) -> tuple[int, ...]:
    """The times to step through, falling, each in 0..999.

    Spacing is trailing, so the first of a full run is pure noise (Lin et al. 2023, arXiv:2305.08891, section
    3.3). With ``strength`` below 1 the run starts at that share of the noise and takes that share of the
    steps, one at least (Meng et al. 2021, SDEdit, arXiv:2108.01073).
    """
    count = max(1, round(steps * strength))
    return tuple(max(0, round(TRAINED_STEPS * strength * (count - n) / count) - 1) for n in range(count))


def levels(time: int) -> tuple[float, float]:
    """How much picture and how much noise the latents hold at ``time``: (alpha, sigma), alpha² + sigma² = 1.

    The cosine schedule of Nichol and Dhariwal 2021 (arXiv:2102.09672, eq. 17) over 1000 times.
    """
    if time < 0:
        return 1.0, 0.0
    kept = _signal()[time]
    return math.sqrt(kept), math.sqrt(1.0 - kept)


def noised(clean: Latents, noise: Latents, time: int) -> Latents:
    """Clean latents with the noise that belongs to ``time``."""
    alpha, sigma = levels(time)
    return np.float32(alpha) * clean + np.float32(sigma) * noise


def guide(wanted: Latents, unwanted: Latents, guidance: float) -> Latents:
    """Classifier-free guidance (Ho and Salimans 2022, arXiv:2207.12598): from ``unwanted`` past ``wanted``."""
    return unwanted + np.float32(guidance) * (wanted - unwanted)


def walk(
    velocity: Velocity,
    start: Latents,
    times: Sequence[int],
    *,
    solver: Solver = "dpm",
    hold: Hold | None = None,
) -> Iterator[Step]:
    """Step from ``start``, as noisy as ``times[0]``, to clean latents; one Step for each time.

    ``velocity(latents, time)`` is the network: it predicts v = alpha * noise - sigma * clean (Salimans and
    Ho 2022, arXiv:2202.00512). Stop early by not asking for the next step.
    """
    solve = _SOLVERS[solver]()
    latents = start
    for number, time in enumerate(times, 1):
        after = times[number] if number < len(times) else _CLEAN
        alpha, sigma = levels(time)
        clean = np.float32(alpha) * latents - np.float32(sigma) * velocity(latents, time)
        clean = np.clip(clean, -_CLEAN_LIMIT, _CLEAN_LIMIT)
        latents = clean if after == _CLEAN else solve(latents, clean, time, after)
        if hold is not None:
            latents = hold.at(latents, after)
        yield Step(number=number, of=len(times), latents=latents)


class _Ddim:
    """DDIM with no noise added (Song, Meng and Ermon 2020, arXiv:2010.02502, eq. 12 with sigma = 0)."""

    def __call__(self, latents: Latents, clean: Latents, time: int, after: int) -> Latents:
        alpha, sigma = levels(time)
        next_alpha, next_sigma = levels(after)
        left: Latents = latents - np.float32(alpha) * clean
        return np.float32(next_alpha) * clean + np.float32(next_sigma / sigma) * left


class _DpmSolver:
    """DPM-Solver++(2M) (Lu et al. 2022, arXiv:2211.01095, algorithm 2). It remembers the step before."""

    def __init__(self) -> None:
        self._clean: Latents | None = None
        self._length = 0.0

    def __call__(self, latents: Latents, clean: Latents, time: int, after: int) -> Latents:
        alpha, sigma = levels(time)
        next_alpha, next_sigma = levels(after)
        length = math.log(next_alpha / next_sigma) - math.log(alpha / sigma)
        guess = clean
        if self._clean is not None:
            lean = length / (2.0 * self._length)
            guess = np.float32(1.0 + lean) * clean - np.float32(lean) * self._clean
        self._clean, self._length = clean, length
        return np.float32(next_sigma / sigma) * latents - np.float32(next_alpha * math.expm1(-length)) * guess


_SOLVERS: dict[Solver, Callable[[], Callable[[Latents, Latents, int, int], Latents]]] = {
    "dpm": _DpmSolver,
    "ddim": _Ddim,
}


@functools.cache
def _signal() -> tuple[float, ...]:
    """The share of the picture's variance left at each of the 1000 times."""

    def curve(share: float) -> float:
        return math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2

    kept, signal = 1.0, []
    for time in range(TRAINED_STEPS):
        added = min(1 - curve((time + 1) / TRAINED_STEPS) / curve(time / TRAINED_STEPS), 0.999)
        kept *= 1 - added
        signal.append(kept)
    return tuple(signal)
