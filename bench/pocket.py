"""One picture of the embedded model through its adapter, against a bare onnxruntime loop with the same arithmetic.

The adapter's time holds everything the queue pays for: the checks, the thread, a Working and a Preview for
every step, and the Finished. The bare loop has none of that. Loading is outside both.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bench.report import Row, compared, in_turns
from silverprint.core.provider import ProviderContext
from silverprint.core.recipe import Recipe
from silverprint.core.update import Finished
from silverprint.providers.pocket.adapter import PocketProvider, create
from silverprint.providers.pocket.form import REF
from silverprint.providers.pocket.tokenizer import Tokenizer
from silverprint.providers.pocket.weights import Weights

BAR = 1.1
PROMPT, SEED, STEPS, GUIDANCE = "a red apple", 7, 14, 4.0

Array = NDArray[Any]


def rows(quick: bool) -> list[Row]:
    """Two rows: one thread against the same calls, and the shipped setting against one batched call a step."""
    rounds = 11 if quick else 31
    bare = Bare(Weights.open())
    table = []
    for name, settings, batched, note in (
        ("pocket picture, 1 thread", {"threads": 1}, False, "14 steps with previews; same calls, bare"),
        ("pocket picture, as shipped", {}, True, "against one batched call a step on one thread"),
    ):
        adapter = create(_context(settings))
        with asyncio.Runner() as runner:
            pixels = runner.run(_picture(adapter))  # loads the model, and warms it
            mine, theirs = (
                np.frombuffer(pixels, np.uint8).astype(int),
                bare.picture(batched).reshape(-1).astype(int),
            )
            if np.abs(mine - theirs).max() > (1 if batched else 0):
                raise AssertionError("the two do not paint the same picture")
            ours, peer = in_turns(
                lambda run=runner.run, one=adapter: run(_picture(one)),  # type: ignore[misc]
                lambda mode=batched: bare.picture(mode),  # type: ignore[misc]
                rounds,
            )
            runner.run(adapter.aclose())
        table.append(compared(name, ours, peer, bar=BAR, note=note))
    return table


async def _picture(adapter: PocketProvider) -> bytes:
    recipe = Recipe(ref=REF, prompt=PROMPT, seed=SEED, params={"steps": STEPS, "guidance": GUIDANCE})
    ticket = await adapter.submit(recipe, job_id="bench")
    async for update in adapter.watch(ticket, recipe):
        last = update
    assert isinstance(last, Finished)
    image = last.outputs[0].image
    assert image is not None
    return image.data


class Bare:
    """The loop as a script would write it: numpy, three sessions and nothing else."""

    def __init__(self, weights: Weights) -> None:
        self.tokenizer = Tokenizer.parse(
            weights.read("diffusers/tokenizer/vocab.json"), weights.read("diffusers/tokenizer/merges.txt")
        )
        folder = "diffusers"
        self.text = _session(weights, "text_encoder", f"{folder}/text_encoder/model.safetensors")
        self.unet = _session(weights, "unet", f"{folder}/unet/diffusion_pytorch_model.safetensors")
        self.decoder = _session(weights, "vae_decoder", f"{folder}/vae/diffusion_pytorch_model.safetensors")
        curve = [math.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(1001)]
        betas = [min(1 - after / before, 0.999) for before, after in itertools.pairwise(curve)]
        self.signal = np.cumprod(1 - np.array(betas))

    def picture(self, batched: bool) -> Array:
        """Pixels (128, 128, 3). ``batched``: both guidance branches in one call; else one call each."""
        rows = [[self.tokenizer.encode(text)] for text in ("", PROMPT)]
        words = [self.text.run(None, {"input_ids": np.array(row, np.int64)})[0] for row in rows]
        both = np.concatenate(words)
        x = np.random.Generator(np.random.PCG64(SEED)).standard_normal((1, 12, 16, 16)).astype(np.float32)
        times = [round(1000 - 1000 * n / STEPS) - 1 for n in range(STEPS)]
        old, old_length = None, 0.0
        for n, t in enumerate(times):
            if batched:
                two = {"sample": np.repeat(x, 2, 0), "timestep": np.full(2, t, np.int64)}
                low, high = np.split(self.unet.run(None, {**two, "encoder_hidden_states": both})[0], 2)
            else:
                one = {"sample": x, "timestep": np.array([t], np.int64)}
                low, high = (self.unet.run(None, {**one, "encoder_hidden_states": h})[0] for h in words)
            v = low + np.float32(GUIDANCE) * (high - low)
            a, s = math.sqrt(self.signal[t]), math.sqrt(1 - self.signal[t])
            clean = np.clip(np.float32(a) * x - np.float32(s) * v, -4, 4)
            if n + 1 == STEPS:
                x = clean
                break
            a2, s2 = math.sqrt(self.signal[times[n + 1]]), math.sqrt(1 - self.signal[times[n + 1]])
            length, guess = math.log(a2 / s2) - math.log(a / s), clean
            if old is not None:
                lean = length / (2 * old_length)
                guess = np.float32(1 + lean) * clean - np.float32(lean) * old
            x = np.float32(s2 / s) * x - np.float32(a2 * math.expm1(-length)) * guess
            old, old_length = clean, length
        image = self.decoder.run(None, {"latent": x})[0][0].transpose(1, 2, 0)
        return np.asarray(np.clip(np.rint((image + 1) * 127.5), 0, 255).astype(np.uint8))


def _session(weights: Weights, name: str, file: str) -> onnxruntime.InferenceSession:
    tensors, names, values = weights.tensors(file), weights.json(f"graphs/{name}.json"), []
    for full in names:
        key, *turned, shape = full.split("|")
        tensor = (tensors[key].T if turned else tensors[key]).reshape([int(n) for n in shape.split("x")])
        values.append(onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(tensor)))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_external_initializers(names, values)
    return onnxruntime.InferenceSession(
        weights.read(f"graphs/{name}.onnx"), options, providers=["CPUExecutionProvider"]
    )


def _context(settings: dict[str, int]) -> ProviderContext:
    async def nothing(*_: object, **__: object) -> Any:
        raise AssertionError("a picture from text reads no source")

    return ProviderContext(
        read_source=nothing,
        read_pixels=nothing,
        clock=lambda: datetime.now(UTC),
        cache=Path("unused"),
        settings=settings,
    )
