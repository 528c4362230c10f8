"""Writing a whole file so that a reader, or the next start, finds either the old file or the new one.

Owns write-beside, fsync and rename, and sweeping what killed writers left beside. The database has its own durability in ``storage.py``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import time
from pathlib import Path
from typing import IO

from silverprint.core.errors import DiskFull, StorageError

try:
    import fcntl
except ImportError:  # not a Unix
    fcntl = None  # type: ignore[assignment]

_PART = ".part"
_LEFT_AFTER_S = 60.0
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_atomic(path: Path, data: bytes) -> None:
    """Replace or create ``path`` with ``data``, durably.

    The bytes are written to a temporary file in the same folder, synced, and renamed over ``path``; then the folder is
    synced. On any failure the temporary file is removed and ``path`` is what it was before. A new file gets the
    permissions that the umask gives, a replaced one keeps its own.

    Raises ``DiskFull`` when there is no room, ``StorageError`` for any other refusal by the system.
    """
    temporary: Path | None = None
    prefix = f".{path.name[:80]}."
    sweep_parts(path.parent, before=prefix)
    try:
        descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=_PART, dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            hold(file)
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), _mode_for(path))
            os.fsync(file.fileno())
        temporary.replace(path)
        temporary = None
        sync_folder(path.parent)
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(f"There is no room left to write {path.name}.", path=path) from error
        raise StorageError(
            f"{path.name} could not be written: {error.strerror or error}.",
            path=path,
            fix=f"Check that {path.parent} exists and may be written to.",
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def hold(file: IO[bytes]) -> None:
    """Lock a temporary file for as long as it is open, so that ``sweep_parts`` lets it be. A killed writer's lock goes with it."""
    if fcntl is not None:
        # Some network file systems have no locks; there the age of the file has to do.
        with contextlib.suppress(OSError):
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def sweep_parts(folder: Path, *, before: str = ".", deep: bool = False, now: float | None = None) -> int:
    """Take away the hidden ``.part`` files that killed writers left in ``folder``; gives how many.

    Only those whose name begins with ``before``, that are older than a minute and that no process holds: a writer in
    another process is never disturbed. With ``deep`` the folders right below are swept as well. What can't be read or
    removed is let be; nothing is raised.
    """
    if now is None:
        now = time.time()
    swept = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if (
                    entry.name.startswith(before)
                    and entry.name.startswith(".")
                    and entry.name.endswith(_PART)
                ):
                    swept += _sweep(entry, now)
                elif deep and entry.is_dir(follow_symlinks=False):
                    swept += sweep_parts(Path(entry.path), before=before, now=now)
    except OSError:
        pass
    return swept


def _sweep(entry: os.DirEntry[str], now: float) -> bool:
    try:
        if not entry.is_file(follow_symlinks=False) or now - entry.stat().st_mtime < _LEFT_AFTER_S:
            return False
        path = Path(entry.path)
        with path.open("rb") as file:
            if fcntl is not None:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except OSError:
        return False  # held by its writer, gone already, or not ours to touch
    return True


def sync_folder(folder: Path) -> None:
    """Make renames inside ``folder`` durable. Systems that can't open or sync a folder are left alone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM}:
            raise
    finally:
        os.close(descriptor)


def _mode_for(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        mask = _umask()
        return 0o666 & ~mask


def _umask() -> int:
    # The mask can only be read by setting it, and that would race with other threads; Linux also prints it.
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    except OSError:
        pass
    return 0o022
