"""Shelf: a provider's cache on disk, JSON by key with its date, for catalogues and schemas.

It serves without a network and may be deleted at any time. It never fails its caller: what can't be read is not
there, and what can't be written is not kept. How old is too old is the adapter's to say.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from silverprint.core.errors import StorageError
from silverprint.store.atomic import write_atomic

log = logging.getLogger(__name__)

_MOST_BYTES = 8_000_000


class Shelf:
    """The entries in one folder, at most ``most`` of them: the longest unwritten ones go first."""

    def __init__(self, folder: Path, clock: Callable[[], datetime], *, most: int = 200) -> None:
        self._folder = folder
        self._clock = clock
        self._most = most

    def get(self, key: str) -> tuple[Any, datetime] | None:
        """The value kept under ``key`` and when it was kept (in UTC), or None."""
        path = self._path(key)
        try:
            if path.stat().st_size > _MOST_BYTES:
                return None
            kept = json.loads(path.read_bytes())
            if not isinstance(kept, dict) or kept.get("key") != key or "value" not in kept:
                return None
            when = datetime.fromisoformat(kept["when"])
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return kept["value"], when if when.tzinfo is not None else when.replace(tzinfo=UTC)

    def put(self, key: str, value: Any) -> None:
        """Keep a JSON value under ``key``, now. What is no JSON, too large or can't be written is not kept."""
        when = self._clock().astimezone(UTC).isoformat()
        try:
            data = json.dumps({"key": key, "when": when, "value": value}, allow_nan=False).encode()
            if len(data) > _MOST_BYTES:
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self._path(key), data)
            self._tidy()
        except (OSError, StorageError, ValueError, TypeError, RecursionError) as error:
            log.info("A cache entry was not kept: %s", type(error).__name__)

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:40]
        return self._folder / f"{name}.json"

    def _tidy(self) -> None:
        with os.scandir(self._folder) as entries:
            dated = [
                (entry.stat().st_mtime_ns, entry.path) for entry in entries if entry.name.endswith(".json")
            ]
        for _, path in sorted(dated)[: max(0, len(dated) - self._most)]:
            Path(path).unlink(missing_ok=True)
