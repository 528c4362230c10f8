"""Decoder: trains the decoder from latents to pixels beside the fixed encoder. Writes ``autoencoder``."""

from __future__ import annotations

import argparse
import copy
import math
import time
from pathlib import Path

import numpy as np

from training.pocket.colours import BACKGROUNDS, Array, on_background, turn_hue
from training.pocket.latents import load_basis


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this stage."""
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument(
        "--start", type=Path, help="autoencoder to go on from, at half the rate; fresh without"
    )
    parser.add_argument("--matrix-rate", type=float, default=0.02)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)


def run(options: argparse.Namespace) -> None:
    """Train on crops of 64 pixels, and on whole drawings in every fourth step."""
    import torch
    from diffusers import AutoencoderTiny

    from training.pocket.networks import new_autoencoder
    from training.pocket.optimiser import Muon

    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    random = np.random.default_rng(options.seed)
    drawings = np.load(options.work / "drawings.npy", mmap_mode="r")
    model = (
        AutoencoderTiny.from_pretrained(options.start)
        if options.start
        else new_autoencoder(*load_basis(options.work))
    )
    model = model.float().to(memory_format=torch.channels_last)
    decoder, averaged = model.decoder, copy.deepcopy(model)
    parameters = list(decoder.parameters())
    matrices = [parameter for parameter in parameters if parameter.ndim == 4 and parameter.shape[0] >= 16]
    optimiser = Muon(
        matrices,
        [parameter for parameter in parameters if all(parameter is not matrix for matrix in matrices)],
        matrix_rate=options.matrix_rate,
        rate=options.rate,
    )

    def edges(pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return pixels[..., 1:] - pixels[..., :-1], pixels[..., 1:, :] - pixels[..., :-1, :]

    began, step = time.monotonic(), 0
    errors: list[float] = []
    while (gone := (time.monotonic() - began) / (options.minutes * 60)) < 1:
        factor = min(1.0, (step + 1) / 30) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * gone)))
        factor *= 0.5 if options.start else 1.0
        pixels = (
            torch.from_numpy(_crops(drawings, random, is_whole=step % 4 == 3)).permute(0, 3, 1, 2) / 127.5 - 1
        )
        with torch.no_grad():
            latents = model.encode(pixels.contiguous(memory_format=torch.channels_last)).latents
            # sampled latents are never quite clean, so the decoder must bear some noise
            latents = latents + torch.rand(len(latents), 1, 1, 1) * 0.1 * torch.randn_like(latents)
        with torch.autocast("cpu", torch.bfloat16):
            guess = decoder(latents.contiguous(memory_format=torch.channels_last)).float()
        error = (guess - pixels).abs().mean()
        loss = error + sum(
            (mine - true).abs().mean() for mine, true in zip(edges(guess), edges(pixels), strict=True)
        )
        for parameter in parameters:
            parameter.grad = None
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step(factor)
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(
                list(averaged.decoder.parameters()), parameters, 1 - min(0.995, step / (9 + step))
            )
        errors.append(error.item())
        if step % 100 == 0 or step == 20:
            print(
                f"{time.monotonic() - began:6.0f} s  step {step}  error {np.mean(errors[-100:]):.4f}",
                flush=True,
            )
    averaged.save_pretrained(options.work / "autoencoder")
    print(f"{step} steps", flush=True)


def _crops(drawings: Array, random: np.random.Generator, *, is_whole: bool) -> Array:
    """Drawings on coloured ground, some mirrored and some with their hue turned: float32, 0 to 255."""
    palette = np.array(list(BACKGROUNDS.values()))
    made = []
    for _ in range(2 if is_whole else 8):
        drawing = np.asarray(drawings[random.integers(len(drawings))])
        if random.random() < 0.5:
            drawing = drawing[:, ::-1]
        if not is_whole:
            y, x = random.integers(0, 9, 2) * 8
            drawing = drawing[y : y + 64, x : x + 64]
        if random.random() < 0.25:
            drawing = turn_hue(drawing, random.random() * 360)
        draw = random.random()
        ground = palette[0] if draw < 0.3 else palette[random.integers(len(palette))]
        made.append(on_background(drawing, ground if draw < 0.8 else random.integers(0, 256, 3)))
    return np.stack(made).astype(np.float32)
