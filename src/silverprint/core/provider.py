"""Provider: what every adapter is, and what it is given and says of itself.

A job is ``submit`` then ``watch``; there is no ``generate``, because ``watch`` is also how we come back
after a crash.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from silverprint.core.image import Mode, RawImage
from silverprint.core.params import Form
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.ticket import Ticket
from silverprint.core.update import Output, Update


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderInfo:
    """What a provider is and can do.

    ``parallel``: jobs at once. ``idempotent``: a submit under the same job id may be repeated at no cost.
    """

    name: str
    title: str
    needs_key: bool = False
    parallel: int = 1
    previews: bool = False
    cancels: bool = False
    idempotent: bool = False
    local: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for one picture; ``about`` when it depends on the parameters. 0 is free."""

    usd: float
    about: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model as the picker shows it. ``roles``: text, image, inpaint, upscale, reference.

    ``note`` is one line of truth about it; ``examples`` are prompts that suit it. ``missing`` says what it
    needs before it can be used (a key, a download), empty when it is ready.
    """

    ref: ModelRef
    title: str
    roles: frozenset[str] = frozenset({"text"})
    price: Price | None = None
    licence: str = ""
    note: str = ""
    examples: tuple[str, ...] = ()
    missing: str = ""


class ReadPixels(Protocol):
    """Reads an input picture by hash as pixels.

    With ``size`` (width, height) the picture is scaled to cover that box and cropped to its centre.
    Raises PictureError when it can't be decoded, NotFound when we don't have it.
    """

    def __call__(
        self, sha256: str, *, size: tuple[int, int] | None = None, mode: Mode = "RGB"
    ) -> Awaitable[RawImage]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderContext:
    """All that an adapter may use. No globals, so a test gives it others."""

    read_source: Callable[[str], Awaitable[bytes]]
    read_pixels: ReadPixels
    clock: Callable[[], datetime]
    cache: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    secret: Callable[[str], str | None] = lambda _name: None


@runtime_checkable
class Provider(Protocol):
    """One service or engine. Raises only ProviderError and its kinds."""

    @property
    def info(self) -> ProviderInfo:
        """What it is and can do."""
        ...

    async def models(self, query: str = "") -> Sequence[ModelInfo]:
        """The models that fit the words of ``query``; all, or the best known, when it is empty."""
        ...

    async def form(self, ref: ModelRef) -> Form:
        """What the model takes. Raises ModelGone."""
        ...

    async def submit(self, recipe: Recipe, *, job_id: str) -> Ticket:
        """Send the job, once. Raises AnswerLost when it may have been taken and we can't know."""
        ...

    def watch(self, ticket: Ticket, recipe: Recipe) -> AsyncIterator[Update]:
        """News of the job, ending in exactly one Finished or one ProviderError. May be called again."""
        ...

    async def fetch(self, output: Output) -> bytes:
        """The bytes behind an output's link."""
        ...

    async def cancel(self, ticket: Ticket) -> None:
        """Ask the service to stop. Safe to call twice, and for a job that has ended."""
        ...

    async def aclose(self) -> None:
        """Let go of connections and threads. Safe to call twice."""
        ...


@runtime_checkable
class Warmable(Protocol):
    """A provider that computes here and can load ahead, so that the first picture need not wait for it."""

    async def warm(self) -> None:
        """Load what a job needs, off the event loop. Safe to call twice. Raises ProviderError."""
        ...
