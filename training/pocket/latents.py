"""Latents: the fixed linear encoder, and all drawings in the small form that the denoiser is trained on.

128 x 128 pixels become 32 x 32 area means, then 16 x 16 cells of 12 numbers, turned and scaled by principal
components. Writes ``basis.npz`` and ``small.npz``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from training.pocket.colours import BACKGROUNDS, HUES, Array, main_hue, turn_hue

SAMPLES = 4000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This stage has no options of its own."""


def run(options: argparse.Namespace) -> None:
    """Encode ``drawings.npy``."""
    drawings = np.load(options.work / "drawings.npy")
    cover, colours = shrink(drawings)
    turned, can_turn = recolour(drawings, cover, colours)
    mean, matrix = fit(cover, colours)
    np.savez(options.work / "basis.npz", mean=mean, matrix=matrix)
    np.savez(
        options.work / "small.npz",
        colours=colours.astype(np.float16),
        cover=cover.astype(np.float16),
        turned=turned,
        can_turn=can_turn,
    )
    print(f"{len(drawings)} drawings encoded, {int(can_turn.sum())} can change their hue")


def load_basis(work: Path) -> tuple[Array, Array]:
    """The mean (12,) and matrix (12, 12) of the encoder: latents are matrix @ (cell - mean)."""
    saved = np.load(work / "basis.npz")
    return saved["mean"], saved["matrix"]


def means(pixels: Array) -> Array:
    """Means of 4 x 4 pixels: (..., 4n, 4m, channels) to (..., n, m, channels)."""
    *front, height, width, channels = pixels.shape
    averaged: Array = pixels.reshape(*front, height // 4, 4, width // 4, 4, channels).mean((-4, -2))
    return averaged


def cells(pixels: Array) -> Array:
    """2 x 2 pixels into one cell of 12: (..., 32, 32, 3) to (..., 12, 16, 16); channel = (y * 2 + x) * 3 + colour."""
    *front, height, width, _ = pixels.shape
    split = pixels.reshape(*front, height // 2, 2, width // 2, 2, 3)
    return np.moveaxis(split, (-4, -2, -1), (-5, -4, -3)).reshape(*front, 12, height // 2, width // 2)


def shrink(drawings: Array) -> tuple[Array, Array]:
    """Area means of the cover, and of the colours times the cover: (n, 32, 32, 1) and (n, 32, 32, 3), 0 to 1."""
    cover = means(drawings[..., 3:].astype(np.float32) / 255)
    colours = np.empty((*cover.shape[:-1], 3), np.float32)
    for start in range(0, len(drawings), 128):
        part = drawings[start : start + 128].astype(np.float32) / 255
        colours[start : start + 128] = means(part[..., :3] * part[..., 3:])
    return cover, colours


def recolour(drawings: Array, cover: Array, colours: Array) -> tuple[Array, Array]:
    """Each drawing in the eight hues, (n, 8, 32, 32, 3), and whether one hue rules it so that this makes sense."""
    turned = np.zeros((len(drawings), len(HUES), 32, 32, 3), np.float16)
    can_turn = np.zeros(len(drawings), bool)
    for number, drawing in enumerate(drawings):
        hue = main_hue(drawing[::2, ::2])
        if hue is None:
            continue
        can_turn[number] = True
        plain = colours[number] / np.maximum(cover[number], 1e-3)
        small = np.concatenate([plain * 255, cover[number] * 255], -1).clip(0, 255).astype(np.uint8)
        for place, wanted in enumerate(HUES.values()):
            turned[number, place] = turn_hue(small, wanted - hue)[..., :3] / 255.0 * cover[number]
    return turned, can_turn


def fit(cover: Array, colours: Array) -> tuple[Array, Array]:
    """Mean and matrix from samples on white and coloured backgrounds.

    Small components are scaled up, but not to one: otherwise the noise would hide colour, which matters most,
    no earlier than grain.
    """
    random = np.random.default_rng(0)
    chosen = random.integers(0, len(cover), SAMPLES)
    palette = np.array(list(BACKGROUNDS.values()), np.float32) / 255
    is_white = random.random((SAMPLES, 1)) < 0.35
    ground = np.where(is_white, np.float32(1), palette[random.integers(0, len(palette), SAMPLES)])
    pixels = colours[chosen] + (1 - cover[chosen]) * ground[:, None, None, :]
    values = np.moveaxis(cells(pixels), 1, -1).reshape(-1, 12)
    mean = values.mean(0)
    variances, directions = np.linalg.eigh(np.cov(values.T))
    order = variances.argsort()[::-1]
    spread, directions = np.sqrt(variances[order]), directions[:, order]
    directions = directions * np.sign(directions.sum(0))
    wanted = np.clip((spread / spread[0]) ** 0.45, 0.3, 1) * 0.9
    matrix = (directions * (wanted / spread)).T
    return mean.astype(np.float32), matrix.astype(np.float32)
