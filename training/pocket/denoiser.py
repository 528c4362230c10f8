"""Denoiser: trains the denoiser and the text encoder together, in two one-thread processes.

Writes ``denoiser/unet`` and ``denoiser/text_encoder`` in half precision, every few minutes and at the end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from training.pocket.captions import spoken

if TYPE_CHECKING:
    from torch.nn import Parameter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this stage; the defaults are those of the last hour of the shipped weights."""
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument(
        "--falling", type=float, default=0.55, help="share of the time in which the rate falls to 0"
    )
    parser.add_argument(
        "--start", type=Path, help="folder with unet/ and text_encoder/ to go on from; fresh without"
    )
    parser.add_argument("--things", choices=("chosen", "everything"), default="chosen")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--batch", type=int, default=24, help="pictures of one process in a step")
    parser.add_argument("--rate", type=float, default=6e-4, help="AdamW's rate")
    parser.add_argument("--matrix-rate", type=float, default=0.008, help="Muon's rate")
    parser.add_argument(
        "--embedding-factor", type=float, default=8, help="token embeddings learn so much faster"
    )
    parser.add_argument("--hue-share", type=float, default=0.12, help="drawings that change their hue")
    parser.add_argument("--high-share", type=float, default=0.35, help="samples taken from times 820 to 999")
    parser.add_argument(
        "--high-weight", type=float, default=3, help="weight of a loss: 1 + this * (time / 1000) ** 2"
    )
    parser.add_argument("--average", type=float, default=0.99, help="decay of the averaged weights")
    parser.add_argument("--warm-up", type=int, default=100, help="steps until the full rate")
    parser.add_argument("--save-every", type=float, default=150, help="seconds between two saves")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--meeting", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> None:
    """Train. A file named STOP in the work folder ends it within 20 steps, and it saves."""
    if options.rank is not None:
        _train(options)
        return
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    with tempfile.TemporaryDirectory() as folder:
        meeting = ["--meeting", str(Path(folder) / "meeting")]
        command = [sys.executable, "-m", "training.pocket", *sys.argv[1:], *meeting]
        running = [
            subprocess.Popen([*command, "--rank", str(rank)], env=environment)
            for rank in range(options.processes)
        ]
        codes = [process.wait() for process in running]
    if any(codes):
        raise SystemExit(max(codes))


def _train(options: argparse.Namespace) -> None:
    import copy

    import torch
    import torch.distributed as group
    from diffusers.models.attention_processor import AttnProcessor

    from training.pocket import networks
    from training.pocket.optimiser import Muon
    from training.pocket.samples import WEIGHTS, Drawings

    group.init_process_group(
        "gloo", init_method=f"file://{options.meeting}", rank=options.rank, world_size=options.processes
    )
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)  # every process begins with the same weights
    drawings = Drawings.load(options.work, WEIGHTS[options.things])
    if options.start is None:
        denoiser, text_encoder = networks.new_denoiser(), networks.new_text_encoder()
        denoiser.set_attn_processor(AttnProcessor())
    else:
        denoiser, text_encoder = networks.load_pair(options.start)
    denoiser = denoiser.to(memory_format=torch.channels_last)
    averaged = copy.deepcopy((denoiser, text_encoder))
    named = [*denoiser.named_parameters(), *text_encoder.named_parameters()]
    parameters = [parameter for _, parameter in named]
    slow = [parameter for model in averaged for parameter in model.parameters()]
    optimiser = Muon(
        [parameter for name, parameter in named if _kind(name, parameter.ndim) == "matrix"],
        [parameter for name, parameter in named if _kind(name, parameter.ndim) == "other"],
        embeddings=[parameter for name, parameter in named if _kind(name, parameter.ndim) == "embedding"],
        matrix_rate=options.matrix_rate,
        rate=options.rate,
        embedding_factor=options.embedding_factor,
    )
    torch.manual_seed(options.seed + 1 + options.rank)  # from here on each sees its own samples
    random = np.random.default_rng([options.seed, options.rank])
    picture, noise_of = networks.schedule()

    def loss() -> tuple[torch.Tensor, float]:
        latents, ids = drawings.batch(
            options.batch,
            random,
            hue_share=options.hue_share,
            caption=lambda thing, ground, hue: (
                "" if random.random() < 0.1 else spoken(thing, random, background=ground, hue=hue)
            ),
        )
        times = ((torch.arange(options.batch) + torch.rand(options.batch)) / options.batch * 1000).long()
        high = torch.rand(options.batch) < options.high_share
        times = torch.where(high, torch.randint(820, 1000, (options.batch,)), times.clamp(0, 999))
        alpha, sigma = picture[times].view(-1, 1, 1, 1), noise_of[times].view(-1, 1, 1, 1)
        noise = torch.randn_like(latents)
        noisy = (alpha * latents + sigma * noise).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            guess = denoiser(noisy, times, text_encoder(ids).last_hidden_state).sample
        each = (guess.float() - (alpha * noise - sigma * latents)).square().mean((1, 2, 3))
        weighted = (each * (1 + options.high_weight * (times / 1000) ** 2)).mean()
        return weighted, each.mean().item()

    def save() -> None:
        for model, name in zip(copy.deepcopy(averaged), ("unet", "text_encoder"), strict=True):
            model.half().save_pretrained(options.work / "denoiser" / name)

    began = saved = time.monotonic()
    step, gone, told = 0, 0.0, [0.0]
    while True:
        if step % 20 == 0:
            gone = _agreed_progress(began, options)
            if gone >= 1:
                break
        factor = min(1.0, (step + 1) / options.warm_up)
        factor *= 1.0 if gone < 1 - options.falling else max(0.02, (1 - gone) / options.falling)
        weighted, plain = loss()
        for parameter in parameters:
            parameter.grad = None
        weighted.backward()
        _average_gradients(parameters, options.processes)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step(factor)
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(slow, parameters, 1 - min(options.average, step / (9 + step)))
        told.append(plain)
        if options.rank == 0 and (step % 50 == 0 or step in (5, 20)):
            seconds = time.monotonic() - began
            seen = step * options.batch * options.processes
            print(
                f"{seconds:6.0f} s  step {step}  loss {np.mean(told[-50:]):.4f}  {seen / seconds:.0f}/s",
                flush=True,
            )
        if options.rank == 0 and time.monotonic() - saved > options.save_every:
            saved = time.monotonic()
            save()
    if options.rank == 0:
        save()
        print(f"{step} steps", flush=True)
    group.barrier()
    group.destroy_process_group()


def _kind(name: str, dimensions: int) -> str:
    """Which rule trains a parameter: token embeddings have their own rate, matrices go to Muon."""
    if "token_embedding" in name:
        return "embedding"
    is_place = "position_embedding" in name or "positional_embedding" in name
    return "matrix" if dimensions >= 2 and not is_place and not name.startswith("conv_out") else "other"


def _agreed_progress(began: float, options: argparse.Namespace) -> float:
    """The share of the time that is gone, by the first process's clock; 2 when it should stop."""
    import torch
    import torch.distributed as group

    share = (time.monotonic() - began) / (options.minutes * 60)
    told = torch.tensor([2.0 if (options.work / "STOP").exists() else share])
    group.broadcast(told, 0)
    return float(told)


def _average_gradients(parameters: list[Parameter], processes: int) -> None:
    """Make every gradient the mean over the processes, in one exchange."""
    import torch
    import torch.distributed as group

    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    group.all_reduce(flat)
    flat /= processes
    for gradient, part in zip(
        gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True
    ):
        gradient.copy_(part.view(gradient.shape))
