"""Intake: a service's outputs become received bytes on disk, and those become pictures with their recipe inside.

Each step may be done twice and is then done once: names come from the bytes and the job. The queue decides
when to call it; the library gets to know the pictures from the queue.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from silverprint.core.budget import sane_usd
from silverprint.core.errors import NotFound, PictureError, StorageError
from silverprint.core.grade import Grade
from silverprint.core.job import Job
from silverprint.core.picture import Picture, PictureFile, picture_id
from silverprint.core.recipe import Engine
from silverprint.core.update import Finished, Output
from silverprint.pictures import decode, files, metadata
from silverprint.pictures.decode import Limits
from silverprint.pictures.formats import EXTENSIONS, MediaType
from silverprint.store.atomic import write_atomic
from silverprint.store.codec import moment_text, recipe_json

__all__ = ["Fetch", "Intake", "Limits"]

Fetch = Callable[[Output], Awaitable[bytes]]

_LOG = logging.getLogger(__name__)
_MANIFEST = "manifest.json"
_VERSION = 1
_RECEIVED_NAME = re.compile(r"[0-9a-f]{64}\.(png|jpg|webp)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Received:
    """One received output: its number in the job from 1, and its file in the job's incoming folder."""

    number: int
    file: str
    media_type: MediaType
    sha256: str
    size: int
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manifest:
    """What came for a job. ``price_usd`` is for all of it; ``problems`` are the outputs that were no good, in words."""

    v: int
    job: str
    received: str
    outputs: tuple[_Received, ...]
    seed: int | None = None
    engine: Engine | None = None
    grade: Grade = Grade.NONE
    price_usd: float | None = None
    seconds: float | None = None
    problems: tuple[str, ...] = ()


class Intake:
    """Receives outputs into ``incoming`` and makes pictures of them in ``folder``. All heavy work is in threads."""

    def __init__(
        self, folder: Path, incoming: Path, *, limits: Limits, clock: Callable[[], datetime]
    ) -> None:
        self._folder = folder
        self._incoming = incoming
        self._limits = limits
        self._clock = clock

    async def receive(self, job: Job, finished: Finished, fetch: Fetch) -> Mapping[str, Any]:
        """Bring every output onto the disk, synced, and return the manifest, which is written last.

        Repeating it replaces the manifest as a whole; until then the older one holds. Of several outputs the
        good ones are kept and the bad ones named in ``problems``. Raises PictureError when there is no good
        one, DiskFull or StorageError, and what ``fetch`` raises.
        """
        if not finished.outputs:
            raise PictureError("The service finished without a picture.")
        folder = self._job_folder(job.id)
        received: list[_Received] = []
        problems: list[PictureError] = []
        for number, output in enumerate(finished.outputs, 1):
            try:
                data = await self._bytes(output, fetch)
                received.append(await asyncio.to_thread(self._keep, folder, number, output, data))
            except PictureError as error:
                problems.append(error)
        if not received:
            raise problems[0]
        manifest = _Manifest(
            v=_VERSION,
            job=job.id,
            received=moment_text(self._clock()),
            outputs=tuple(received),
            seed=finished.seed,
            engine=finished.engine,
            grade=finished.grade,
            price_usd=sane_usd(finished.price_usd),
            seconds=finished.seconds,
            problems=tuple(str(problem) for problem in problems),
        )
        plain = _plain(manifest)
        data = json.dumps(plain, indent=1).encode("ascii")
        await asyncio.to_thread(write_atomic, folder / _MANIFEST, data)
        return plain

    async def pending(self, job_id: str) -> Mapping[str, Any] | None:
        """The manifest of what was received whole for a job, with every file checked; else None."""
        return await asyncio.to_thread(self._pending, job_id, self._job_folder(job_id))

    async def make(self, job: Job, manifest: Mapping[str, Any]) -> list[Picture]:
        """Check and decode what was received, put the recipe into each file and write it into the folder.

        The same manifest gives the same files and pictures, byte for byte. Of several outputs the good ones
        are made. Raises PictureError when none is good, DiskFull or StorageError when a file can't be written.
        """
        known = _manifest_of(manifest)
        pictures: list[Picture] = []
        problems: list[PictureError] = []
        for output in known.outputs:
            try:
                pictures.append(await asyncio.to_thread(self._make, job, known, output))
            except PictureError as error:
                _LOG.warning("job %s, output %d: %s", job.id, output.number, error)
                problems.append(error)
        if not pictures:
            raise problems[0] if problems else PictureError("Nothing was received for this job.")
        return pictures

    async def clear(self, job_id: str) -> None:
        """Remove what was received for a job, once its pictures are in the library. Safe to repeat."""
        await asyncio.to_thread(self._clear, self._job_folder(job_id))

    async def _bytes(self, output: Output, fetch: Fetch) -> bytes:
        if output.image is not None:
            pixels = output.image.width * output.image.height
            if pixels > self._limits.pixels:
                raise PictureError(
                    f"The picture has {pixels:,} pixels; {self._limits.pixels:,} are allowed.",
                    fix="Raise limits.max_pixels in the settings if you want it.",
                )
            return await asyncio.to_thread(decode.encode_png, output.image)
        if output.data is not None:
            return output.data
        if output.url is not None:
            return await fetch(output)
        raise PictureError("The service sent an output without a picture.")

    def _keep(self, folder: Path, number: int, output: Output, data: bytes) -> _Received:
        facts = decode.check(data, self._limits)
        digest = files.sha256(data)
        name = digest + EXTENSIONS[facts.media_type]
        files.make_folder(folder)
        write_atomic(folder / name, data)
        return _Received(
            number=number,
            file=name,
            media_type=facts.media_type,
            sha256=digest,
            size=len(data),
            seed=output.seed,
        )

    def _pending(self, job_id: str, folder: Path) -> Mapping[str, Any] | None:
        try:
            manifest = _manifest_of(json.loads((folder / _MANIFEST).read_bytes()))
            if manifest.job != job_id or not manifest.outputs:
                return None
            for output in manifest.outputs:
                self._received(folder, output)
        except (OSError, ValueError, RecursionError, PictureError, StorageError):
            return None
        return _plain(manifest)

    def _received(self, folder: Path, output: _Received) -> bytes:
        if not _RECEIVED_NAME.fullmatch(output.file):
            raise PictureError("The record of the received files is damaged.")
        data = decode.read(folder / output.file, self._limits)
        if len(data) != output.size or files.sha256(data) != output.sha256:
            raise PictureError("The received file was damaged on disk.")
        return data

    def _make(self, job: Job, manifest: _Manifest, output: _Received) -> Picture:
        try:
            data = self._received(self._job_folder(job.id), output)
        except NotFound as error:
            raise PictureError("The received file is gone.") from error
        image = decode.decode(data, self._limits)
        pixels = files.sha256(decode.rgb(image).tobytes())
        seed = next((n for n in (output.seed, manifest.seed, job.recipe.seed) if n is not None), None)
        recipe = replace(
            job.recipe,
            seed=job.recipe.seed if job.recipe.seed is not None else seed,
            engine=manifest.engine or job.recipe.engine,
        )
        picture = Picture(
            id=picture_id(job.id, output.number),
            job=job.id,
            batch=job.batch,
            file=PictureFile(
                path=files.relative_path(job, output.number, EXTENSIONS[output.media_type]),
                media_type=output.media_type,
                width=image.width,
                height=image.height,
                size=0,
                sha256="",
                pixels_sha256=pixels,
            ),
            recipe=recipe,
            made=files.moment(manifest.received),
            seed=seed,
            parent=job.parent,
            grade=manifest.grade,
            seconds=manifest.seconds,
            price_usd=_share(job, manifest),
        )
        parameters = metadata.parameters_text(replace(recipe, seed=seed), image.width, image.height)
        whole = metadata.embed(data, output.media_type, _record(picture), parameters)
        path = self._free_path(picture)
        files.make_folder(path.parent)
        write_atomic(path, whole)
        return replace(
            picture,
            file=replace(
                picture.file,
                path=path.relative_to(self._folder).as_posix(),
                size=len(whole),
                sha256=files.sha256(whole),
            ),
        )

    def _free_path(self, picture: Picture) -> Path:
        """Where the picture goes: over its own earlier making, never over other pixels."""
        first = path = self._folder / picture.file.path
        number = 1
        try:
            while path.exists() and not self._has_pixels(path, picture.file.pixels_sha256):
                number += 1
                path = first.with_stem(f"{first.stem}.{number}")
        except OSError as error:
            raise files.storage_error(error, path, "written") from error
        return path

    def _has_pixels(self, path: Path, pixels_sha256: str) -> bool:
        try:
            image = decode.decode(decode.read(path, self._limits), self._limits)
        except (PictureError, StorageError):
            return False
        return files.sha256(decode.rgb(image).tobytes()) == pixels_sha256

    def _job_folder(self, job_id: str) -> Path:
        return self._incoming / files.check_id(job_id)

    def _clear(self, folder: Path) -> None:
        try:
            # The manifest first: a folder without one is never taken for received.
            (folder / _MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(folder)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise files.storage_error(error, folder, "removed") from error


def _share(job: Job, manifest: _Manifest) -> float | None:
    """What one picture of the job cost: the service's word, else what was known before, divided by its pictures."""
    whole = manifest.price_usd if manifest.price_usd is not None else job.price_usd
    return None if whole is None else whole / max(len(manifest.outputs), 1)


def _record(picture: Picture) -> dict[str, Any]:
    return {
        "v": metadata.VERSION,
        "recipe": recipe_json(picture.recipe),
        "id": picture.id,
        "job": picture.job,
        "batch": picture.batch,
        "made": moment_text(picture.made),
        "seed": picture.seed,
        "parent": picture.parent,
        "grade": picture.grade.value,
        "seconds": picture.seconds,
        "price_usd": picture.price_usd,
    }


def _plain(manifest: _Manifest) -> dict[str, Any]:
    # Through JSON, so that it is equal to what is read back, whoever kept it.
    plain: dict[str, Any] = json.loads(json.dumps(msgspec.to_builtins(manifest, str_keys=True)))
    return plain


def _manifest_of(plain: Mapping[str, Any]) -> _Manifest:
    try:
        manifest = msgspec.convert(plain, _Manifest)
        files.moment(manifest.received)
    except ValueError as error:  # msgspec's own error is one
        raise PictureError("The record of the received files is damaged.") from error
    if manifest.v > _VERSION:
        raise PictureError(
            "The received files were written by a newer silverprint.", fix="Update silverprint."
        )
    return manifest
