"""SQLite's errors in words for a person."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from silverprint.core.errors import DiskFull, LibraryError
from silverprint.store.faults import translated


@pytest.mark.parametrize(("free", "is_full"), [(0, True), (10_000_000, False)])
def test_shared_memory_that_can_not_grow_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, is_full: bool
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    found = translated(error, tmp_path / "history.sqlite3")
    assert isinstance(found, DiskFull if is_full else LibraryError)
    assert found.can_retry is is_full
    assert found.fix
