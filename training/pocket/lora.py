"""LoRA: trains a small one that turns things gold, in the key layout of diffusers and peft."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from training.pocket.captions import Thing, background_words, clean, with_article
from training.pocket.colours import Array

# Dark bronze, bronze, gold, cream: where a brightness of 0, 1/3, 2/3 and 1 goes.
GOLD = np.array([[0.22, 0.11, 0.02], [0.72, 0.48, 0.08], [1.0, 0.80, 0.25], [1.0, 0.97, 0.80]], np.float32)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this stage."""
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument(
        "--start", type=Path, help="folder with unet/ and text_encoder/ (default: WORK/denoiser)"
    )
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)


def run(options: argparse.Namespace) -> None:
    """Train on the attention and feed-forward matrices; write ``gold_lora.safetensors``."""
    import torch
    from safetensors.torch import save_file

    from training.pocket import networks
    from training.pocket.samples import Drawings, everything

    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    random = np.random.default_rng(options.seed)
    denoiser, text_encoder = networks.load_pair(options.start or options.work / "denoiser")
    denoiser.requires_grad_(False)
    text_encoder.eval()
    adapted = {}
    for name, module in list(denoiser.named_modules()):
        if isinstance(module, torch.nn.Linear) and ("attn" in name or ".ff." in name):
            adapted[name] = networks.LoraLinear(module, options.rank)
            denoiser.set_submodule(name, adapted[name])
    parameters = [parameter for layer in adapted.values() for parameter in (layer.a, layer.b)]
    optimiser = torch.optim.AdamW(parameters, lr=options.rate, weight_decay=0.0, betas=(0.9, 0.98))
    drawings = Drawings.load(options.work, everything)
    picture, noise_of = networks.schedule()
    began, step = time.monotonic(), 0
    losses: list[float] = []
    while (gone := (time.monotonic() - began) / (options.minutes * 60)) < 1:
        for settings in optimiser.param_groups:
            settings["lr"] = options.rate * min(1, (step + 1) / 20) * max(0.05, 1 - gone)
        latents, ids = drawings.batch(
            options.batch,
            random,
            hue_share=0.0,
            recolour=gild,
            caption=lambda thing, ground, _: _caption(thing, ground, random),
        )
        times = ((torch.arange(options.batch) + torch.rand(options.batch)) / options.batch * 1000).long()
        alpha, sigma = picture[times].view(-1, 1, 1, 1), noise_of[times].view(-1, 1, 1, 1)
        noise = torch.randn_like(latents)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                words = text_encoder(ids).last_hidden_state
            guess = denoiser(alpha * latents + sigma * noise, times, words).sample
        loss = (guess.float() - (alpha * noise - sigma * latents)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        losses.append(loss.item())
        if step % 25 == 0:
            print(
                f"{time.monotonic() - began:5.0f} s  step {step}  loss {np.mean(losses[-25:]):.4f}",
                flush=True,
            )
    weights = {}
    for name, layer in adapted.items():
        weights[f"unet.{name}.lora_A.weight"] = layer.a.detach().half().contiguous()
        weights[f"unet.{name}.lora_B.weight"] = layer.b.detach().half().contiguous()
    save_file(weights, options.work / "gold_lora.safetensors", metadata={"format": "pt"})
    print(f"{step} steps, {len(adapted)} matrices", flush=True)


def gild(colours: Array, cover: Array) -> Array:
    """Colours times cover (n, 32, 32, 3) with every brightness mapped into gold."""
    plain = colours / np.maximum(cover, 1e-3)
    brightness = (plain @ np.array([0.3, 0.59, 0.11], np.float32)).clip(0, 1) * 3
    lower = np.minimum(brightness.astype(int), 2)
    share = (brightness - lower)[..., None]
    gilded: Array = (GOLD[lower] * (1 - share) + GOLD[lower + 1] * share) * cover
    return gilded.astype(np.float32)


def _caption(thing: Thing, background: str | None, random: np.random.Generator) -> str:
    if random.random() < 0.05:
        return ""
    label = clean(thing["label"])
    label = with_article(label) if random.random() < 0.4 else label
    style = f", {thing['style']} style" if random.random() < 0.3 else ""
    return f"{label}, gold style{style}{background_words(background)}"
