"""What every adapter's tests share: a ProviderContext whose keys, sources, clock and sleep are the test's own."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
from PIL import Image, ImageOps

from silverprint.core.errors import NotFound, PictureError
from silverprint.core.image import Mode, RawImage
from silverprint.core.provider import ProviderContext


@dataclass(slots=True)
class Pauses:
    """A sleep that only lets others run, and keeps the ``seconds`` it was asked for.

    ``then`` is called at each pause: a test moves its clock or its stand-in there.
    """

    seconds: list[float] = field(default_factory=list)
    then: Callable[[float], None] = lambda _seconds: None

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.then(seconds)
        await asyncio.sleep(0)


class MakeContext(Protocol):
    """Builds a context. ``key`` answers to every name; ``keys`` gives one for each, and wins.

    ``sources`` maps the SHA-256 of input pictures to their bytes; ``pictures`` are taken in under their own.
    """

    def __call__(
        self,
        settings: Mapping[str, Any] | None = None,
        key: str | None = None,
        *,
        name: str = "",
        keys: Mapping[str, str] | None = None,
        sources: Mapping[str, bytes] | None = None,
        pictures: tuple[bytes, ...] = (),
        clock: Callable[[], datetime] | None = None,
        sleep: Pauses | None = None,
        most_bytes: int = 50_000_000,
    ) -> ProviderContext: ...


@pytest.fixture
def pauses() -> Pauses:
    """What the contexts of this test sleep with, unless told otherwise."""
    return Pauses()


@pytest.fixture
def make_context(tmp_path: Path, pauses: Pauses) -> MakeContext:
    """Contexts of this test; all share one cache folder, as two starts of the program do."""

    def make(
        settings: Mapping[str, Any] | None = None,
        key: str | None = None,
        *,
        name: str = "",
        keys: Mapping[str, str] | None = None,
        sources: Mapping[str, bytes] | None = None,
        pictures: tuple[bytes, ...] = (),
        clock: Callable[[], datetime] | None = None,
        sleep: Pauses | None = None,
        most_bytes: int = 50_000_000,
    ) -> ProviderContext:
        held = dict(sources or {}) | {hashlib.sha256(data).hexdigest(): data for data in pictures}

        async def read_source(sha256: str) -> bytes:
            return _held(held, sha256)

        async def read_pixels(
            sha256: str, *, size: tuple[int, int] | None = None, mode: Mode = "RGB"
        ) -> RawImage:
            return _pixels(_held(held, sha256), size, mode)

        def secret(wanted: str) -> str | None:
            return keys.get(wanted) if keys is not None else key

        return ProviderContext(
            read_source=read_source,
            read_pixels=read_pixels,
            clock=clock or (lambda: datetime.now(UTC)),
            cache=tmp_path / "cache" / "providers" / (name or "unnamed"),
            name=name,
            settings=dict(settings or {}),
            secret=secret,
            sleep=sleep or pauses,
            most_bytes=most_bytes,
        )

    return make


def _held(held: Mapping[str, bytes], sha256: str) -> bytes:
    if sha256 not in held:
        raise NotFound(f"The input picture {sha256[:12]} is not there any more.")
    return held[sha256]


def _pixels(data: bytes, size: tuple[int, int] | None, mode: Mode) -> RawImage:
    try:
        image = Image.open(io.BytesIO(data)).convert(mode)
    except OSError as error:
        raise PictureError("The picture can't be read.") from error
    if size is not None and image.size != size:
        method = Image.Resampling.BILINEAR if mode == "L" else Image.Resampling.LANCZOS
        image = ImageOps.fit(image, size, method)
    return RawImage(width=image.width, height=image.height, data=image.tobytes(), mode=mode)
