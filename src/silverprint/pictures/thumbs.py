"""Thumbs: small copies of pictures, made in a few threads, the newest request first, kept by the hash of the file.

They are a cache: any of them may be deleted at any time, and a damaged one is made again.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from silverprint.core.errors import PictureError
from silverprint.pictures import decode, files
from silverprint.pictures.decode import Limits

_Key = tuple[str, int]

_DAY_S = 86_400
_CHECK_EVERY = 500  # thumbnails made between two looks at the size of the cache


@dataclass(slots=True, eq=False)
class _Request:
    """A thumbnail that someone waits for. It is dropped when nobody does any more."""

    source: Path
    target: Path
    edge_px: int
    done: asyncio.Future[Path]
    waiting: int = 0
    started: bool = False


class Thumbs:
    """Thumbnails in one cache folder. Use it from one event loop.

    ``most_mb`` bounds the folder: beyond it those that were not wanted for the longest time go.
    """

    def __init__(
        self, cache: Path, *, threads: int = 2, most_mb: int = 1_000, limits: Limits | None = None
    ) -> None:
        self._cache = cache
        self._threads = threads
        self._most_bytes = most_mb * 1_000_000
        self._limits = limits or Limits()
        self._pool: ThreadPoolExecutor | None = None
        self._requests: dict[_Key, _Request] = {}  # in the order asked: the last is the newest
        self._futures: set[asyncio.Future[Path]] = set()
        self._made = 0
        self._closed = False

    async def get(self, picture_path: Path, sha256: str, edge_px: int) -> Path:
        """A copy of the picture that fits a square of ``edge_px``, upright and on white; never enlarged.

        Cancel the call when it is no longer wanted. Raises PictureError for a broken picture, NotFound when it
        is gone, DiskFull or StorageError when the copy can't be kept.
        """
        if edge_px < 1 or not sha256.isalnum():
            raise PictureError("No thumbnail can be made of this.")
        if self._closed:
            raise _closed()
        key = (sha256, edge_px)
        request = self._requests.get(key)
        if request is None:
            request = _Request(
                source=picture_path,
                target=self._cache / sha256[:2] / f"{sha256}-{edge_px}.webp",
                edge_px=edge_px,
                done=asyncio.get_running_loop().create_future(),
            )
        elif not request.started:
            del self._requests[key]  # asked again: it moves to the front
        self._requests[key] = request
        request.waiting += 1
        self._start_next()
        try:
            return await asyncio.shield(request.done)
        finally:
            request.waiting -= 1
            if not request.waiting and not request.started and self._requests.get(key) is request:
                del self._requests[key]
                request.done.cancel()

    @property
    def wanted(self) -> int:
        """How many are waited for or being made."""
        return len(self._requests)

    def close(self) -> None:
        """Drop what has not begun. Safe to call twice."""
        self._closed = True
        for request in self._requests.values():
            if not request.done.done():
                request.done.set_exception(_closed())
                request.done.exception()  # perhaps nobody is left to hear of it
        self._requests.clear()
        for future in self._futures:
            future.cancel()  # a thread that ends after the loop must not call into it
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _start_next(self) -> None:
        if self._closed or len(self._futures) >= self._threads:
            return
        found = next(
            ((key, request) for key, request in reversed(self._requests.items()) if not request.started),
            None,
        )
        if found is None:
            return
        key, request = found
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="thumb")
        request.started = True
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._work, request)
        self._futures.add(future)
        future.add_done_callback(lambda done: self._finished(key, request, done))

    def _finished(self, key: _Key, request: _Request, done: asyncio.Future[Path]) -> None:
        self._futures.discard(done)
        if done.cancelled():
            return
        self._requests.pop(key, None)
        if request.done.done():
            done.exception()
        elif error := done.exception():
            request.done.set_exception(error)
            if not request.waiting:
                request.done.exception()  # nobody is left to hear of it
        else:
            request.done.set_result(done.result())
        self._start_next()

    def _work(self, request: _Request) -> Path:
        if _is_whole(request.target):
            return request.target
        data = _small_copy(request.source, request.edge_px, self._limits)
        files.make_folder(request.target.parent)
        _write(request.target, data)
        self._made += 1
        if self._made % _CHECK_EVERY == 1:
            prune(self._cache, self._most_bytes)
        return request.target


def _closed() -> PictureError:
    return PictureError("The thumbnails are closed.")


def prune(cache: Path, most_bytes: int, *, clock: Callable[[], float] = time.time) -> int:
    """Delete the thumbnails longest unwanted until the folder has at most 80 % of ``most_bytes``; how many went.

    Nothing is deleted while the folder is within ``most_bytes``, but what an interrupted write left a day ago is.
    """
    found: list[tuple[float, int, Path]] = []
    deleted = 0
    for path in cache.glob("*/*"):
        try:
            state = path.stat()
            if path.suffix == ".part":
                if clock() - state.st_mtime > _DAY_S:
                    path.unlink()
                continue
            found.append((state.st_mtime, state.st_size, path))
        except OSError:
            continue  # another process was quicker
    total = sum(size for _moment, size, _path in found)
    if total <= most_bytes:
        return 0
    for _moment, size, path in sorted(found):
        if total <= most_bytes * 0.8:
            break
        path.unlink(missing_ok=True)
        total -= size
        deleted += 1
    return deleted


def _small_copy(source: Path, edge_px: int, limits: Limits) -> bytes:
    image = decode.decode(decode.read(source, limits), limits, draft=edge_px)
    is_smaller = max(image.size) > edge_px
    image = decode.flat(decode.upright(image))
    image.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS, reducing_gap=3.0)
    file = BytesIO()
    # A picture at its own size has hard edges that a lossy copy would smear; there the number is effort.
    image.save(file, "WEBP", lossless=not is_smaller, quality=90 if is_smaller else 40, method=2)
    return file.getvalue()


def _is_whole(path: Path) -> bool:
    """Whether the thumbnail is there whole; after a power cut it may be empty. Marks it as wanted today."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
            state = os.fstat(file.fileno())
        if head[8:] != b"WEBP" or int.from_bytes(head[4:8], "little") + 8 != state.st_size:
            return False
        if time.time() - state.st_mtime > _DAY_S:
            os.utime(path)
    except OSError:
        return False
    return True


def _write(path: Path, data: bytes) -> None:
    # Beside and renamed, but not synced: a cache that is lost with the power is made again.
    temporary = None
    try:
        descriptor, name = tempfile.mkstemp(suffix=".part", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise files.storage_error(error, path, "written") from error
