"""What fal's tests share: the stand-in with what it was asked, recipes, pictures, and a job made to its end."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, TypeAlias

from PIL import Image

from silverprint.core.recipe import ModelRef, Recipe, Source, SourceRole
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Update
from silverprint.providers.fal.adapter import FalProvider
from tests.standins.fal import FalState
from tests.standins.server import Seen, StandIn

Make: TypeAlias = Callable[..., FalProvider]


@dataclass(slots=True, kw_only=True)
class Service:
    """The stand-in and where it is."""

    standin: StandIn
    url: str

    @property
    def state(self) -> FalState:
        """What it knows."""
        state: FalState = self.standin.state
        return state

    def asked(self, path: str, method: str = "") -> list[Seen]:
        """The requests whose path has ``path`` in it."""
        return [seen for seen in self.standin.seen if path in seen.path and method in ("", seen.method)]


def recipe_for(model: str = "fal-ai/flux/schnell", **parts: Any) -> Recipe:
    """A recipe for an endpoint."""
    return Recipe(ref=ModelRef("fal", model), **{"prompt": "a fox in fog", **parts})


def noise(width: int = 64, height: int = 48, seed: int = 1) -> bytes:
    """A PNG that does not pack: about three bytes a pixel."""
    out = io.BytesIO()
    Image.frombytes("RGB", (width, height), Random(seed).randbytes(width * height * 3)).save(out, "PNG")
    return out.getvalue()


async def watched(provider: FalProvider, ticket: Ticket, recipe: Recipe) -> list[Update]:
    """All news of a job."""
    return [update async for update in provider.watch(ticket, recipe)]


async def developed(provider: FalProvider, recipe: Recipe) -> Finished:
    """A recipe, sent and watched to its end."""
    ticket = await provider.submit(recipe, job_id="0job")
    last = (await watched(provider, ticket, recipe))[-1]
    assert isinstance(last, Finished)
    return last


def source(data: bytes, role: SourceRole = "image") -> Source:
    """An input picture."""
    return Source(role=role, sha256=hashlib.sha256(data).hexdigest())
