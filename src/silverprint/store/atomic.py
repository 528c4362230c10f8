"""Writing a whole file so that a reader, or the next start, finds either the old file or the new one.

Owns write-beside, fsync and rename. The database has its own durability in ``storage.py``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from silverprint.core.errors import DiskFull, StorageError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_atomic(path: Path, data: bytes) -> None:
    """Replace or create ``path`` with ``data``, durably.

    The bytes are written to a temporary file in the same folder, synced, and renamed over ``path``; then the folder is
    synced. On any failure the temporary file is removed and ``path`` is what it was before. A new file gets the
    permissions that the umask gives, a replaced one keeps its own.

    Raises ``DiskFull`` when there is no room, ``StorageError`` for any other refusal by the system.
    """
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=".part", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
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
