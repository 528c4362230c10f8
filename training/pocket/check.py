"""Check: measures a trained and exported model: what it draws, whether its bits hold, and diffusers beside it."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np

from silverprint.providers.pocket.model import Model, Order
from silverprint.providers.pocket.sampler import TRAINED_STEPS, levels, noise
from silverprint.providers.pocket.weights import Weights, concepts
from training.pocket.colours import Array

PROMPTS = ("a red apple on a teal background", "cat face, flat style", "a rocket on a navy background")
COLUMNS = 18


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this stage."""
    parser.add_argument("--weights", type=Path, help="exported folder (default: WORK/weights)")
    parser.add_argument("--sheet", action="store_true", help="draw all things on one page: WORK/sheet.png")
    parser.add_argument("--diffusers", action="store_true", help="compare with diffusers (needs torch)")
    parser.add_argument(
        "--guess", action="store_true", help="error of the first guess (needs the drawings and torch)"
    )


def run(options: argparse.Namespace) -> None:
    """Print what was found."""
    weights = Weights.open(options.weights or options.work / "weights")
    one, two = Model(weights, threads=1), Model(weights, threads=2)
    for prompt in PROMPTS:
        digests = {
            hashlib.sha256(picture(model, prompt, seed=7).tobytes()).hexdigest()[:16]
            for model in (one, two, one, two)
        }
        print(f"{prompt}: {'the same bits' if len(digests) == 1 else 'DIFFERENT BITS'} {sorted(digests)}")
    two.close()
    if options.sheet:
        _sheet(one, options.work / "sheet.png")
    if options.diffusers:
        _compare(one, Path(str(weights.folder)) / "diffusers")
    if options.guess:
        _guess(options.work, Path(str(weights.folder)) / "diffusers")


def picture(model: Model, prompt: str, *, seed: int, steps: int = 14, solver: str = "dpm") -> Array:
    """Pixels (128, 128, 3)."""
    order = Order(prompt=prompt, seed=seed, steps=steps, solver="ddim" if solver == "ddim" else "dpm")
    *_, last = model.paint(order)
    assert last.picture is not None
    return last.picture


def _sheet(model: Model, file: Path) -> None:
    from PIL import Image

    pictures = [picture(model, thing, seed=1) for thing in concepts()]
    pictures += [np.full_like(pictures[0], 255)] * (-len(pictures) % COLUMNS)
    rows = [np.concatenate(pictures[at : at + COLUMNS], 1) for at in range(0, len(pictures), COLUMNS)]
    Image.fromarray(np.concatenate(rows)).save(file)
    print(file)


def _compare(model: Model, folder: Path) -> None:
    """The same noise through diffusers' DDIM and through ours."""
    import torch
    from diffusers import StableDiffusionPipeline

    torch.set_num_threads(1)
    pipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    for prompt in PROMPTS:
        made = pipeline(
            prompt,
            num_inference_steps=20,
            guidance_scale=4.0,
            latents=torch.from_numpy(noise(7)),
            output_type="np",
        )
        theirs = np.rint(made.images[0] * 255).astype(int)
        away = np.abs(theirs - picture(model, prompt, seed=7, steps=20, solver="ddim"))
        print(f"{prompt}: diffusers is {away.mean():.2f} of 255 away, {away.max()} at most")


def _guess(work: Path, folder: Path) -> None:
    """The error of the picture guessed in one step, with the right caption and with another's.

    At time 999 there is nothing but the text to guess from. A model that knows only the average picture has
    0.14 there; the shipped weights reach 0.0095, and 0.27 with a wrong caption.
    """
    import torch

    from training.pocket.networks import load_pair
    from training.pocket.samples import Drawings, chosen_flat

    denoiser, text_encoder = load_pair(folder)
    drawings = Drawings.load(work, chosen_flat)
    latents = drawings.encode(drawings.colours.astype(np.float32) + (1 - drawings.cover.astype(np.float32)))
    ids = drawings.ids([f"{thing['label']}, flat style on a white background" for thing in drawings.things])
    random = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        words = text_encoder(ids).last_hidden_state
        for time in (TRAINED_STEPS - 1, 900, 700):
            alpha, sigma = levels(time)
            noisy = alpha * latents + sigma * random
            times = torch.full((len(latents),), time)
            errors = [
                (alpha * noisy - sigma * denoiser(noisy, times, told).sample - latents).square().mean().item()
                for told in (words, words.roll(7, 0))
            ]
            print(f"time {time}: error {errors[0]:.4f}, with a wrong caption {errors[1]:.4f}")
