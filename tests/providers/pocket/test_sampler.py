"""The sampler against worlds whose answer is known: one single picture, and a bell curve."""

from __future__ import annotations

import math

import numpy as np
import pytest

from silverprint.providers.pocket import sampler
from silverprint.providers.pocket.sampler import Hold, Latents, Solver, Velocity, levels, noised, times, walk

SOLVERS: tuple[Solver, ...] = ("dpm", "ddim")


def one_picture(clean: Latents) -> Velocity:
    """The perfect network of a world that holds one picture only."""

    def velocity(latents: Latents, time: int) -> Latents:
        alpha, sigma = levels(time)
        noise = (latents - np.float32(alpha) * clean) / np.float32(sigma)
        return np.float32(alpha) * noise - np.float32(sigma) * clean

    return velocity


def bell_curve(spread: float) -> Velocity:
    """The perfect network of a world whose latents are normal with this spread."""

    def velocity(latents: Latents, time: int) -> Latents:
        alpha, sigma = levels(time)
        clean = alpha * spread**2 / (alpha**2 * spread**2 + sigma**2) * latents
        return np.asarray(alpha * (latents - alpha * clean) / sigma - sigma * clean, np.float32)

    return velocity


def test_noise_is_the_same_on_every_machine() -> None:
    noise = sampler.noise(7)
    assert noise.shape == (1, 12, 16, 16)
    assert noise.dtype == np.float32
    assert noise[0, 0, 0, :3].tolist() == pytest.approx([0.0012301, 0.2987455, -0.2741379], abs=1e-6)
    assert not np.array_equal(noise, sampler.noise(8))


def test_the_schedule_goes_from_picture_to_noise() -> None:
    alphas, sigmas = zip(*(levels(time) for time in range(-1, 1000)), strict=True)
    assert (alphas[0], sigmas[0]) == (1.0, 0.0)
    assert list(alphas) == sorted(alphas, reverse=True)
    assert list(sigmas) == sorted(sigmas)
    assert alphas[-1] < 0.001
    assert all(math.isclose(a * a + s * s, 1) for a, s in zip(alphas, sigmas, strict=True))
    # Nichol and Dhariwal's curve itself, before their cut at 0.999 matters
    expected = math.cos((0.5 + 0.008) / 1.008 * math.pi / 2) ** 2 / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    assert levels(499)[0] ** 2 == pytest.approx(expected, rel=1e-9)


def test_times_trail() -> None:
    assert times(4) == (999, 749, 499, 249)
    assert times(50)[:2] == (999, 979)
    assert times(50)[-1] == 19


@pytest.mark.parametrize("strength", [0.05, 0.3, 0.6, 1.0])
def test_strength_takes_its_share_of_noise_and_steps(strength: float) -> None:
    chosen = times(20, strength)
    assert len(chosen) == max(1, round(20 * strength))
    assert chosen[0] == round(1000 * strength) - 1
    assert list(chosen) == sorted(set(chosen), reverse=True)


def test_the_least_strength_still_takes_a_step() -> None:
    assert times(4, 0.05) == (49,)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_only_picture_is_found(solver: Solver) -> None:
    clean = sampler.noise(1) / np.float32(2)
    steps = list(walk(one_picture(clean), sampler.noise(2), times(9), solver=solver))
    assert [step.number for step in steps] == list(range(1, 10))
    assert {step.of for step in steps} == {9}
    assert np.abs(steps[-1].latents - clean).max() < 1e-4


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_way_there_has_the_right_noise(solver: Solver) -> None:
    clean, noise = sampler.noise(1) / np.float32(2), sampler.noise(2)
    chosen = times(9)
    start = noised(clean, noise, chosen[0])
    for step in walk(one_picture(clean), start, chosen, solver=solver):
        if step.number < step.of:
            expected = noised(clean, noise, chosen[step.number])
            assert np.abs(step.latents - expected).max() < 1e-4


def error(solver: Solver, steps: int) -> float:
    """How far from the true path of the bell curve the solver is at time 100, coming from 900."""
    spread = 0.5
    chosen = [round(900 - 800 * n / steps) for n in range(steps + 1)]
    start = sampler.noise(3)

    def width(time: int) -> float:
        alpha, sigma = levels(time)
        return math.sqrt(alpha**2 * spread**2 + sigma**2)

    *_, there, _ = walk(bell_curve(spread), start, chosen, solver=solver)
    exact = start * np.float32(width(100) / width(900))
    return float(np.abs(there.latents - exact).max())


def test_ddim_is_of_first_order_and_dpm_of_second() -> None:
    assert 1.6 < error("ddim", 20) / error("ddim", 40) < 2.6
    assert 3.0 < error("dpm", 20) / error("dpm", 40) < 6.0
    assert error("dpm", 20) < error("ddim", 20) / 4


@pytest.mark.parametrize("solver", SOLVERS)
def test_held_cells_end_as_they_were(solver: Solver) -> None:
    known, other = sampler.noise(1) / np.float32(2), sampler.noise(4) / np.float32(2)
    change = np.zeros((1, 1, 16, 16), np.float32)
    change[..., 8:, :] = 1
    hold = Hold(clean=known, noise=sampler.noise(2), change=change)
    *_, last = walk(one_picture(other), sampler.noise(2), times(6), solver=solver, hold=hold)
    assert np.array_equal(last.latents[..., :8, :], known[..., :8, :])
    assert np.abs(last.latents[..., 8:, :] - other[..., 8:, :]).max() < 1e-4


def test_guidance_goes_past_the_prompt() -> None:
    wanted, unwanted = np.full((2,), 3, np.float32), np.full((2,), 1, np.float32)
    assert sampler.guide(wanted, unwanted, 0).tolist() == [1, 1]
    assert sampler.guide(wanted, unwanted, 1).tolist() == [3, 3]
    assert sampler.guide(wanted, unwanted, 4).tolist() == [9, 9]


def test_a_walk_stops_when_no_step_is_asked_for() -> None:
    asked: list[int] = []

    def velocity(latents: Latents, time: int) -> Latents:
        asked.append(time)
        return latents

    steps = walk(velocity, sampler.noise(1), times(10))
    next(steps)
    next(steps)
    assert asked == list(times(10)[:2])
