"""The loaded model: the same bits each time, the right things in the picture, and known pixels kept."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from silverprint.core.errors import ModelGone
from silverprint.providers.pocket.model import Model, Order, Pixels, device
from silverprint.providers.pocket.weights import Weights

RED, GREEN, BLUE = 0, 1, 2


def picture(model: Model, order: Order) -> Pixels:
    *_, last = model.paint(order)
    assert last.picture is not None
    return last.picture


def digest(pixels: Pixels) -> str:
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def distance(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@pytest.fixture(scope="session")
def apple(model: Model) -> Pixels:
    return picture(model, Order(prompt="a red apple on a white background", seed=7, steps=6))


def test_it_draws_what_is_asked(model: Model, apple: Pixels) -> None:
    middle, corner = apple[64, 64].astype(int), apple[4, 4].astype(int)
    assert middle[RED] > 180
    assert max(middle[GREEN], middle[BLUE]) < 90
    assert corner.min() > 220
    teal = picture(model, Order(prompt="a ghost on a teal background", seed=7, steps=6))
    assert teal[4, 4].astype(int)[RED] < 90
    assert min(teal[4, 4].astype(int)[[GREEN, BLUE]]) > 110


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_and_sessions_do_not_change_a_bit(model: Model, threads: int) -> None:
    orders = [
        Order(prompt="a red apple", seed=7, steps=4),
        Order(prompt="castle under the stars", negative="red", seed=3, steps=4, guidance=7.5, solver="ddim"),
    ]
    other = Model(threads=threads)
    for order in orders:
        assert digest(picture(other, order)) == digest(picture(model, order))
        assert digest(picture(other, order)) == digest(picture(other, order))
    other.close()


def test_no_network_divides_its_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one thread inside a network changes last bits, on some machines and for some pictures only."""
    threads: list[int] = []
    session = onnxruntime.InferenceSession

    def noted(graph: bytes, options: onnxruntime.SessionOptions, **rest: Any) -> onnxruntime.InferenceSession:
        threads.append(options.intra_op_num_threads)
        return session(graph, options, **rest)

    monkeypatch.setattr(onnxruntime, "InferenceSession", noted)
    Model(threads=4).close()
    assert threads == [1, 1, 1, 1]


def test_another_process_makes_the_same_bits(apple: Pixels) -> None:
    script = """
import hashlib
from silverprint.providers.pocket.model import Model, Order
model = Model(threads=2)
*_, last = model.paint(Order(prompt="a red apple on a white background", seed=7, steps=6))
print(hashlib.sha256(last.picture.tobytes()).hexdigest())
model.close()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest(apple)
    assert done.stderr == ""


def test_seeds_differ(model: Model) -> None:
    pictures = {digest(picture(model, Order(prompt="fox", seed=seed, steps=4))) for seed in (0, 1, 2**32 - 1)}
    assert len(pictures) == 3


def test_the_negative_prompt_counts_only_with_guidance(model: Model) -> None:
    def made(negative: str, guidance: float) -> Pixels:
        return picture(model, Order(prompt="fox", negative=negative, seed=1, steps=4, guidance=guidance))

    assert distance(made("", 4.0), made("white background", 4.0)) > 2
    assert digest(made("", 1.0)) == digest(made("white background", 1.0))


def test_guidance_one_is_the_limit_of_guidance(model: Model) -> None:
    def made(guidance: float) -> Pixels:
        return picture(model, Order(prompt="fox", seed=1, steps=4, guidance=guidance))

    assert distance(made(1.0), made(1.001)) < 0.5
    assert distance(made(1.0), made(4.0)) > 2


def test_the_solvers_agree_when_steps_are_many(model: Model) -> None:
    dpm = picture(model, Order(prompt="fox on a teal background", seed=1, steps=24))
    ddim = picture(model, Order(prompt="fox on a teal background", seed=1, steps=24, solver="ddim"))
    assert 0 < distance(dpm, ddim) < 4


def test_less_strength_stays_nearer(model: Model, apple: Pixels) -> None:
    def made(strength: float) -> float:
        order = Order(prompt="fox on a navy background", seed=5, steps=10, image=apple, strength=strength)
        return distance(picture(model, order), apple)

    changes = [made(strength) for strength in (0.05, 0.2, 0.5, 1.0)]
    assert changes == sorted(changes)
    assert changes[0] < 16
    assert changes[-1] > 8 * changes[0]


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_inpainting_keeps_every_pixel_outside(model: Model, apple: Pixels, strength: float) -> None:
    mask = np.zeros((128, 128), bool)
    mask[61:, 3:77] = True  # on no border of a latent cell
    order = Order(prompt="a robot", seed=2, steps=6, image=apple, mask=mask, strength=strength)
    result = picture(model, order)
    assert np.array_equal(result[~mask], apple[~mask])
    assert np.abs(result[mask].astype(int) - apple[mask]).mean() > 10


def test_an_empty_mask_changes_nothing(model: Model, apple: Pixels) -> None:
    order = Order(prompt="a robot", seed=2, steps=4, image=apple, mask=np.zeros((128, 128), bool))
    assert np.array_equal(picture(model, order), apple)


def test_each_step_has_a_view_that_ends_at_the_picture(model: Model) -> None:
    frames = list(model.paint(Order(prompt="fox on a teal background", seed=1, steps=8)))
    assert [(frame.number, frame.of) for frame in frames] == [(number, 8) for number in range(1, 9)]
    assert [frame.picture is not None for frame in frames] == [False] * 7 + [True]
    last = frames[-1].picture
    assert last is not None
    small = last.reshape(32, 4, 32, 4, 3).mean((1, 3))
    away = [float(np.abs(frame.preview - small).mean()) for frame in frames]
    assert away[-1] < 8
    assert away[0] > 5 * away[-1]
    assert away == sorted(away, reverse=True)


def test_the_view_is_what_the_latents_hold(model: Model, apple: Pixels) -> None:
    means = apple.reshape(32, 4, 32, 4, 3).mean((1, 3))
    assert np.abs(model.project(model.encode(apple)) - means).max() < 1


@pytest.mark.parametrize(
    "prompt", ["", "красное яблоко", "りんご", "תפוח", "🍎👩‍🚀", "a\0b\x1b[31m", "\udcff", "apple " * 1700]
)
def test_any_prompt_makes_a_picture(model: Model, prompt: str) -> None:
    assert picture(model, Order(prompt=prompt, negative=prompt, steps=4)).shape == (128, 128, 3)


def test_what_does_not_fit_is_not_read(model: Model) -> None:
    full, longer = "fox " * 22, "fox " * 22 + "robot"
    made = [digest(picture(model, Order(prompt=prompt, steps=4))) for prompt in (full, longer)]
    assert made[0] == made[1]


def test_the_engine_says_what_could_change_a_pixel(model: Model) -> None:
    engine = model.engine()
    assert engine.name == "onnxruntime"
    assert set(engine.versions) == {"onnxruntime", "numpy", "pocket"}
    assert engine.device == device()
    assert engine.device.startswith("cpu ")
    assert engine.model_sha256 == Weights.open().sha256


def test_damaged_weights_do_not_load(copied_weights: Path) -> None:
    file = copied_weights / "diffusers/unet/diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ModelGone, match="1000 of"):
        Model(Weights.open(copied_weights))
