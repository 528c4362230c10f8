"""Samples: batches of latents and prompt ids, put together anew for every step. Imports torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from silverprint.providers.pocket.tokenizer import Tokenizer
from silverprint.providers.pocket.weights import concepts
from training.pocket.captions import Thing
from training.pocket.colours import BACKGROUNDS, HUES, Array
from training.pocket.latents import cells, load_basis
from training.pocket.pictures import choice
from training.pocket.vocabulary import load

WHITE_SHARE = 0.35
_NATURE_AND_FOOD = (3, 4)


@dataclass(frozen=True, kw_only=True)
class Drawings:
    """The small drawings with their names and how often each is taken."""

    things: list[Thing]
    colours: Array
    cover: Array
    turned: Array
    can_turn: Array
    often: Array
    mean: Array
    matrix: Array
    tokenizer: Tokenizer

    @classmethod
    def load(cls, work: Path, weight: Callable[[Thing], float]) -> Drawings:
        """The drawings in the work folder that have a weight above zero."""
        things = json.loads((work / "things.json").read_bytes())
        weights = np.array([weight(thing) for thing in things])
        kept = np.flatnonzero(weights > 0)
        with np.load(work / "small.npz") as small:
            arrays: Mapping[str, Any] = {name: small[name][kept] for name in small.files}
        mean, matrix = load_basis(work)
        return cls(
            things=[things[number] for number in kept],
            often=weights[kept] / weights[kept].sum(),
            mean=mean,
            matrix=matrix,
            tokenizer=load(work / "tokenizer"),
            **arrays,
        )

    def encode(self, pixels: Array) -> Tensor:
        """Small pictures (n, 32, 32, 3), 0 to 1, as latents (n, 12, 16, 16)."""
        centred = cells(pixels) - self.mean[:, None, None]
        return torch.from_numpy(np.einsum("oc,nchw->nohw", self.matrix, centred).astype(np.float32))

    def ids(self, captions: list[str]) -> Tensor:
        """Captions as prompt ids (n, 24)."""
        return torch.tensor([self.tokenizer.encode(caption) for caption in captions])

    def batch(
        self,
        count: int,
        random: Generator,
        *,
        hue_share: float,
        caption: Callable[[Thing, str | None, str | None], str],
        recolour: Callable[[Array, Array], Array] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Latents and ids of ``count`` drawings on white or coloured ground.

        ``hue_share`` of them, where one hue rules, change it. ``caption`` gets the thing, the background's name
        when it should be said (never each time, so that a prompt without one is understood), and the new hue's.
        """
        chosen = random.choice(len(self.things), count, p=self.often)
        colours, cover = self.colours[chosen].astype(np.float32), self.cover[chosen].astype(np.float32)
        hues = random.integers(0, len(HUES), count)
        turned = (random.random(count) < hue_share) & self.can_turn[chosen]
        colours[turned] = self.turned[chosen[turned], hues[turned]]
        if recolour is not None:
            colours = recolour(colours, cover)
        names = list(BACKGROUNDS)
        grounds = np.where(random.random(count) < WHITE_SHARE, 0, random.integers(0, len(names), count))
        palette = np.array(list(BACKGROUNDS.values()), np.float32) / 255
        pixels = colours + (1 - cover) * palette[grounds][:, None, None, :]
        texts = []
        for thing, ground, hue, is_turned in zip(chosen, grounds, hues, turned, strict=True):
            is_said = random.random() < (0.35 if ground == 0 else 0.62)
            texts.append(
                caption(
                    self.things[thing],
                    names[ground] if is_said else None,
                    list(HUES)[hue] if is_turned else None,
                )
            )
        return self.encode(pixels), self.ids(texts)


def chosen_flat(thing: Thing) -> float:
    """The 216 things in the flat style, all alike."""
    return float(thing["style"] == "flat" and thing["label"] in concepts())


def everything(thing: Thing) -> float:
    """Every thing in the Noto and flat styles: nature, food and common objects most, then faces."""
    if thing["style"] not in ("noto", "flat"):
        return 0.0
    if thing["group"] in _NATURE_AND_FOOD or thing["label"] in choice()["often"]:
        return 3.0
    if thing["group"] == 0:
        return 2.5 if "heart" in thing["label"] else 1.5
    return 0.5


WEIGHTS: dict[str, Callable[[Thing], float]] = {"chosen": chosen_flat, "everything": everything}
