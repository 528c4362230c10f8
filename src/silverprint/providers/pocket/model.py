"""Model: the four networks of pocket on onnxruntime, and a picture made with them.

Owns loading, encoding, decoding, the projection for previews and the two guidance branches. The order of
the steps is the sampler's; jobs, events and threads to wait on are the adapter's.

Each network runs in one thread, and each guidance branch is a run of its own. Onnxruntime divides sums
otherwise for other thread counts, which changes last bits; this way the arithmetic is the same with one
thread as with two, and two branches at once still take little more time than one.
"""

from __future__ import annotations

import math
import platform
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from silverprint.core.errors import ModelGone, ProviderError
from silverprint.core.recipe import Engine
from silverprint.providers.pocket import sampler
from silverprint.providers.pocket.sampler import Hold, Latents, Solver
from silverprint.providers.pocket.tokenizer import Tokenizer
from silverprint.providers.pocket.weights import Weights, shipped

SIDE = 128
CELL = 8  # pixels across one latent cell
BRANCHES = 2  # more threads than this have nothing to do

Pixels = NDArray[np.uint8]  # (128, 128, 3), or (128, 128) for a mask

_FAILURES = (
    failures.Fail,
    failures.RuntimeException,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NotImplemented,
    failures.NoSuchFile,
)
_TENSORS = {
    "text_encoder": "diffusers/text_encoder/model.safetensors",
    "unet": "diffusers/unet/diffusion_pytorch_model.safetensors",
    "vae_encoder": "diffusers/vae/diffusion_pytorch_model.safetensors",
    "vae_decoder": "diffusers/vae/diffusion_pytorch_model.safetensors",
}
# The instruction sets that onnxruntime chooses its kernels by.
_FEATURES = ("avx", "fma", "avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl", "asimd", "sve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to paint, checked already. ``image`` (128, 128, 3) is the input; ``mask`` (128, 128) is True to repaint."""

    prompt: str
    negative: str = ""
    seed: int = 0
    steps: int = 14
    guidance: float = 4.0
    solver: Solver = "dpm"
    image: Pixels | None = None
    mask: NDArray[np.bool_] | None = None
    strength: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The picture after one step: ``number`` of ``of`` and a small view (32, 32, 3) of the latents.

    ``picture`` (128, 128, 3) is there with the last one.
    """

    number: int
    of: int
    preview: Pixels
    picture: Pixels | None = None


class Model:
    """The loaded networks. Safe to use from one thread at a time; ``close`` ends its own second thread.

    Raises ModelGone when a file is damaged or onnxruntime can't load it.
    """

    def __init__(self, weights: Weights | None = None, *, threads: int = 1) -> None:
        self.weights = shipped() if weights is None else weights
        onnxruntime.set_default_logger_severity(4)  # its warnings would be written over the screen
        tensors = {name: self.weights.tensors(name) for name in sorted(set(_TENSORS.values()))}
        sessions = {name: _session(self.weights, name, tensors[_TENSORS[name]]) for name in _TENSORS}
        self._text, self._unet = sessions["text_encoder"], sessions["unet"]
        self._encoder, self._decoder = sessions["vae_encoder"], sessions["vae_decoder"]
        try:
            self.tokenizer = Tokenizer.parse(
                self.weights.read("diffusers/tokenizer/vocab.json"),
                self.weights.read("diffusers/tokenizer/merges.txt"),
            )
        except ValueError as error:
            raise ModelGone(f"The built-in model's vocabulary can't be read: {error}.") from error
        self._colours = _colours(tensors[_TENSORS["vae_encoder"]])
        self._second = ThreadPoolExecutor(1, "pocket-branch") if threads > 1 else None

    def close(self) -> None:
        """End the second thread. Safe to call twice."""
        if self._second is not None:
            self._second.shutdown()

    def engine(self) -> Engine:
        """What computes the pixels here, for the recipe."""
        return Engine(
            name="onnxruntime",
            versions={
                "onnxruntime": version("onnxruntime"),
                "numpy": version("numpy"),
                "pocket": self.weights.version,
            },
            device=device(),
            model_sha256=self.weights.sha256,
        )

    def paint(self, order: Order) -> Iterator[Frame]:
        """Make a picture step by step; the last Frame holds it. Stop early by not asking for the next.

        Pixels outside ``order.mask`` are those of ``order.image``, exactly.
        Raises ProviderError when onnxruntime fails on the way.
        """
        try:
            yield from self._paint(order)
        except _FAILURES as error:
            raise ProviderError(f"The built-in model stopped: {error}") from error

    def _paint(self, order: Order) -> Iterator[Frame]:
        noise = sampler.noise(order.seed)
        times = sampler.times(order.steps, 1.0 if order.image is None else order.strength)
        start, hold = noise, None
        if order.image is not None:
            clean = self.encode(order.image)
            start = sampler.noised(clean, noise, times[0])
            if order.mask is not None:
                hold = Hold(clean=clean, noise=noise, change=_cells(order.mask))
        for step in sampler.walk(self._velocity(order), start, times, solver=order.solver, hold=hold):
            picture = None
            if step.number == step.of:
                picture = self.decode(step.latents)
                if order.image is not None and order.mask is not None:
                    picture = np.where(order.mask[..., None], picture, order.image)
            yield Frame(number=step.number, of=step.of, preview=self.project(step.latents), picture=picture)

    def _velocity(self, order: Order) -> sampler.Velocity:
        wanted = self.read(order.prompt)
        if math.isclose(order.guidance, 1.0):
            return lambda latents, time: self._predict(latents, time, wanted)
        unwanted = self.read(order.negative)

        def both(latents: Latents, time: int) -> Latents:
            if self._second is None:
                other = self._predict(latents, time, unwanted)
                return sampler.guide(self._predict(latents, time, wanted), other, order.guidance)
            waiting = self._second.submit(self._predict, latents, time, unwanted)
            return sampler.guide(self._predict(latents, time, wanted), waiting.result(), order.guidance)

        return both

    def _predict(self, latents: Latents, time: int, words: NDArray[np.float32]) -> Latents:
        feed = {"sample": latents, "timestep": np.array([time], np.int64), "encoder_hidden_states": words}
        return _float32(self._unet.run(None, feed)[0])

    def read(self, prompt: str) -> NDArray[np.float32]:
        """The prompt as the denoiser sees it, shape (1, 24, 192)."""
        ids = np.array([self.tokenizer.encode(prompt)], np.int64)
        return _float32(self._text.run(None, {"input_ids": ids})[0])

    def encode(self, image: Pixels) -> Latents:
        """Pixels (128, 128, 3) to latents (1, 12, 16, 16)."""
        scaled = image.astype(np.float32) / np.float32(127.5) - np.float32(1)
        return _float32(
            self._encoder.run(None, {"image": np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])})[0]
        )

    def decode(self, latents: Latents) -> Pixels:
        """Latents (1, 12, 16, 16) to pixels (128, 128, 3)."""
        image = _float32(self._decoder.run(None, {"latent": latents})[0])[0].transpose(1, 2, 0)
        return _bytes((image + np.float32(1)) * np.float32(127.5))

    def project(self, latents: Latents) -> Pixels:
        """The colours (32, 32, 3) that latents stand for, without the decoder.

        The encoder is a linear map of 4 x 4 pixel means, so its inverse shows what the latents hold, noise and
        all, for a hundredth of the decoder's time.
        """
        matrix, offset = self._colours
        colours = (matrix @ (latents[0].reshape(12, -1) - offset)).reshape(2, 2, 3, 16, 16)
        return _bytes(colours.transpose(3, 0, 4, 1, 2).reshape(32, 32, 3) * np.float32(255))


def device() -> str:
    """The processor as far as it can change a rounding: kind, architecture and instruction sets.

    Linux tells the sets; elsewhere the processor's own name stands in.
    """
    known = Path("/proc/cpuinfo")
    words: list[str] = []
    if known.is_file():
        found = re.search(r"^(?:flags|Features)\s*:(.*)$", known.read_text("utf-8", "replace"), re.MULTILINE)
        flags = set(found.group(1).split()) if found else set()
        words = [feature for feature in _FEATURES if feature in flags]
    return " ".join(["cpu", platform.machine().lower(), *(words or [platform.processor()])]).strip()


def _session(
    weights: Weights, name: str, tensors: Mapping[str, NDArray[np.float32]]
) -> onnxruntime.InferenceSession:
    """A network whose graph file holds no weights: each is named ``parameter[|T]|shape`` and handed over here."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    names = weights.json(f"graphs/{name}.json")
    try:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(_tensor(full, tensors)) for full in names]
        options.add_external_initializers(names, values)
        graph = weights.read(f"graphs/{name}.onnx")
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except (KeyError, ValueError, *_FAILURES) as error:
        raise ModelGone(f"The built-in model's {name} can't be loaded: {error}") from error


def _tensor(full: str, tensors: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    parameter, *turned, shape = full.split("|")
    tensor = tensors[parameter].T if turned else tensors[parameter]
    return np.ascontiguousarray(tensor.reshape([int(side) for side in shape.split("x")]))


def _colours(tensors: Mapping[str, NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The inverse (12, 12) of the encoder's last layer, and its offset (12, 1)."""
    forward = tensors["encoder.layers.4.weight"][:, :12, 1, 1].astype(np.float64)
    return np.linalg.inv(forward).astype(np.float32), tensors["encoder.layers.4.bias"][:, None]


def _cells(mask: NDArray[np.bool_]) -> Latents:
    """The latent cells that a mask touches, as 1.0 and 0.0, shape (1, 1, 16, 16)."""
    cells = mask.reshape(SIDE // CELL, CELL, SIDE // CELL, CELL).max(axis=(1, 3))
    change: Latents = cells[None, None].astype(np.float32)
    return change


def _bytes(values: NDArray[np.float32]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _float32(value: object) -> NDArray[np.float32]:
    assert isinstance(value, np.ndarray)
    return value
