"""Optimiser: Muon for matrices and convolutions, AdamW for the rest, in one process or shared by several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
import torch.distributed as group
from torch import Tensor
from torch.nn import Parameter

Place = tuple[int, int, int]  # rows, columns, number among the matrices of that shape


def orthogonal(matrices: Tensor, rounds: int = 5) -> Tensor:
    """The nearest matrices with singular values near one, by the quintic Newton-Schulz iteration.

    The coefficients are Keller Jordan's (https://kellerjordan.github.io/posts/muon, 2024). ``matrices`` is
    (count, rows, columns) with no more rows than columns; the work is done in bfloat16.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(rounds):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.to(matrices.dtype)


class Muon:
    """Steps two kinds of parameters at once. Gradients must be in place, the same in every process.

    Each process makes its share of the matrices orthogonal, and the updates are summed. ``factor`` of a step
    scales all rates.
    """

    def __init__(
        self,
        matrices: Sequence[Parameter],
        others: Iterable[Parameter],
        *,
        matrix_rate: float,
        rate: float,
        embeddings: Sequence[Parameter] = (),
        embedding_factor: float = 8.0,
        momentum: float = 0.95,
        decay: float = 0.01,
    ) -> None:
        self._matrix_rate, self._rate = matrix_rate, rate
        self._momentum, self._decay = momentum, decay
        self._shaped: dict[tuple[int, int], list[Parameter]] = {}
        for parameter in matrices:
            rows, columns = parameter.shape[0], parameter[0].numel()
            self._shaped.setdefault((rows, columns), []).append(parameter)
        self._speeds = {
            (rows, columns, number): torch.zeros(rows, columns)
            for (rows, columns), parameters in self._shaped.items()
            for number in range(len(parameters))
        }
        self._share = _shares(list(self._speeds))
        self._factors = [1.0, embedding_factor]
        groups = [{"params": list(others)}, {"params": list(embeddings)}]
        self._adam = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), weight_decay=decay)

    @torch.no_grad()
    def step(self, factor: float = 1.0) -> None:
        """One step along the gradients."""
        updates = {place: torch.zeros_like(speed) for place, speed in self._speeds.items()}
        for (rows, columns), parameters in self._shaped.items():
            mine = [n for n in range(len(parameters)) if self._share[rows, columns, n]]
            if not mine:
                continue
            leaning = []
            for number in mine:
                gradient = parameters[number].grad
                assert gradient is not None
                speed = self._speeds[rows, columns, number]
                speed.mul_(self._momentum).add_(gradient.reshape(rows, columns))
                leaning.append(gradient.reshape(rows, columns) + self._momentum * speed)
            stack = torch.stack(leaning)
            turned = orthogonal(stack.mT).mT if rows > columns else orthogonal(stack)
            for number, update in zip(mine, turned, strict=True):
                updates[rows, columns, number] = update
        if group.is_initialized():
            flat = torch.cat([update.reshape(-1) for update in updates.values()])
            group.all_reduce(flat)
            parts = flat.split([update.numel() for update in updates.values()])
            updates = {place: part.view(*place[:2]) for place, part in zip(updates, parts, strict=True)}
        rate = self._matrix_rate * factor
        for (rows, columns, number), update in updates.items():
            parameter = self._shaped[rows, columns][number]
            parameter.mul_(1 - rate * self._decay)
            parameter.add_(update.reshape(parameter.shape), alpha=-rate * max(1.0, rows / columns) ** 0.5)
        for settings, more in zip(self._adam.param_groups, self._factors, strict=True):
            settings["lr"] = self._rate * factor * more
        self._adam.step()


def _shares(places: Sequence[Place]) -> dict[Place, bool]:
    """Which matrices this process works on: the heaviest first, each to the process with the least so far."""
    processes = group.get_world_size() if group.is_initialized() else 1
    here = group.get_rank() if group.is_initialized() else 0

    def cost(place: Place) -> int:
        return min(place[:2]) ** 2 * max(place[:2])

    load = [0] * processes
    mine = {}
    for place in sorted(places, key=cost, reverse=True):
        owner = load.index(min(load))
        load[owner] += cost(place)
        mine[place] = owner == here
    return mine
