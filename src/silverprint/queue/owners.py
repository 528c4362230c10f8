"""Owners: which processes are alive, told by locks that the kernel lets go of when they die.

Each process that runs jobs holds a lock on a file of its own. Which job belongs to whom is left to ``saved.py``.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
from pathlib import Path
from uuid import uuid4

from silverprint.core.errors import DiskFull, StorageError

NOBODY = ""

_NAME = re.compile(r"[0-9a-f]{32}\Z")


class Owners:
    """The lock files in ``folder``. ``me`` is this process's own name, "" until ``enter``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None
        self.me = NOBODY

    def enter(self) -> str:
        """Take a name and hold its lock until ``leave``. Safe to call twice. Raises StorageError, DiskFull."""
        if self._file is not None:
            return self.me
        name = uuid4().hex
        path = self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = _lock_new(path)
        except OSError as error:
            kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StorageError
            raise kind(f"{path} can't be locked: {error.strerror}", path=path) from error
        self.me = name
        for other in self._names():
            self.alive(other)  # sweeps the dead away
        return name

    def alive(self, name: str) -> bool:
        """Whether the process of this name lives. The file of a dead one is removed."""
        if name == self.me and self._file is not None:
            return True
        if not _NAME.match(name):
            return False
        path = self._folder / name
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # it can't be asked; taking its jobs would be worse than leaving them
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        else:
            with contextlib.suppress(OSError):
                path.unlink()  # while the lock is held, so that nobody can have entered by this file
            return False
        finally:
            os.close(file)

    def _names(self) -> list[str]:
        with contextlib.suppress(OSError):
            return [path.name for path in self._folder.iterdir()]
        return []

    def leave(self) -> None:
        """Let go of the name: what this process left behind may be taken up by another. Safe to call twice."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            (self._folder / self.me).unlink()
        os.close(self._file)
        self._file = None
        self.me = NOBODY


def _lock_new(path: Path) -> int:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(file, path):
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # another process took us for dead between open and lock: begin again


def _is_at(file: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(file)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
