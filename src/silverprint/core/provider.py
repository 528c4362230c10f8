"""Provider: what every adapter is, and what it is given and says of itself.

A job is ``submit`` then ``watch``; there is no ``generate``, because ``watch`` is also how we come back
after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from silverprint.core.errors import PictureError
from silverprint.core.image import Mode, RawImage
from silverprint.core.params import Form
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.ticket import Ticket
from silverprint.core.update import Output, Update

PriceSource = Literal["service", "table", "none"]
Ability = Literal["text", "image", "inpaint", "reference", "upscale", "describe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderInfo:
    """What a provider is and can do.

    ``key_name`` is the name its key is kept under (see ``Secrets``), ``key_page`` where a person gets one.
    ``parallel``: jobs at once. ``resumable``: another process can watch with a ticket. ``idempotent``: a submit
    under the same job id may be repeated at no cost. ``results_live_s``: seconds for which the service keeps a
    result, None when it does not say. ``price_source``: who tells what a picture costs. ``looks_up``: whether it
    is a ``LooksUp``.
    """

    name: str
    title: str
    needs_key: bool = False
    key_name: str = ""
    key_page: str = ""
    tasks: frozenset[Ability] = frozenset({"text"})
    parallel: int = 1
    previews: bool = False
    cancels: bool = False
    resumable: bool = False
    idempotent: bool = False
    seed_honoured: bool = False
    seed_returned: bool = False
    price_source: PriceSource = "none"
    results_live_s: float | None = None
    looks_up: bool = False
    local: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for one picture, or for one request; ``about`` when it is an estimate. 0 is free.

    ``source``: the service itself, or our own table, whose date is ``as_of`` (``2026-10``).
    """

    usd: float
    about: bool = False
    source: PriceSource = "none"
    as_of: str = ""


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


async def _no_decoder(_data: bytes) -> RawImage:
    raise PictureError("Nothing here can decode a picture.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderContext:
    """All that an adapter may use. No globals, so a test gives it others.

    ``name`` is the provider's name, which for a person's own server is the one they gave it. ``settings`` is its
    table of the settings, with the addresses that the environment sets already in place. ``sleep`` is what it
    waits with between two questions; ``most_bytes`` the largest download it may take. ``decode`` turns the bytes of
    a picture into pixels for a preview, small enough to show at once; it raises PictureError.
    """

    read_source: Callable[[str], Awaitable[bytes]]
    read_pixels: ReadPixels
    clock: Callable[[], datetime]
    cache: Path
    name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    secret: Callable[[str], str | None] = lambda _name: None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    most_bytes: int = 200_000_000
    decode: Callable[[bytes], Awaitable[RawImage]] = _no_decoder


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
class Priced(Protocol):
    """A provider that can tell what a request will cost before it is sent."""

    async def price(self, recipe: Recipe) -> Price | None:
        """What sending exactly this recipe costs, for all its pictures together; None when nobody knows.

        It may ask the service, but sends no job. Raises ProviderError when the service can't be asked.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A job at the service that may be the one whose answer was lost.

    ``sure``: it carries our own marker, so it is that one. ``words`` describe it to a person, in one line.
    """

    ticket: Ticket
    words: str
    sure: bool = False
    created: datetime | None = None


@runtime_checkable
class LooksUp(Protocol):
    """A provider whose service lists past requests, so that a lost answer can be found again."""

    async def look_up(self, recipe: Recipe, *, job_id: str, since: datetime) -> Sequence[Found]:
        """The requests since ``since`` that may be this job, the likeliest first. Raises ProviderError."""
        ...


@runtime_checkable
class Probes(Protocol):
    """A provider whose key can be tested without cost."""

    async def probe(self) -> str:
        """Ask the service whether it takes the key; the account in one line, as far as it tells.

        Raises KeyMissing, KeyRefused, Unreachable and other kinds of ProviderError.
        """
        ...


@runtime_checkable
class Warmable(Protocol):
    """A provider that computes here and can load ahead, so that the first picture need not wait for it."""

    async def warm(self) -> None:
        """Load what a job needs, off the event loop. Safe to call twice. Raises ProviderError."""
        ...
