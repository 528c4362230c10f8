"""Whole files: the old one or the new one, and nothing left over."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from silverprint.core.errors import DiskFull, StorageError
from silverprint.store.atomic import write_atomic


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    path = folder / "settings.toml"
    write_atomic(path, b"one")
    assert path.read_bytes() == b"one"
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(folder.iterdir()) == [path]


def test_permissions_are_kept_and_new_files_follow_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(b"old")
    path.chmod(0o600)
    write_atomic(path, b"new")
    assert path.stat().st_mode & 0o777 == 0o600
    plain, ours = tmp_path / "plain", tmp_path / "ours"
    plain.write_bytes(b"")
    write_atomic(ours, b"")
    assert ours.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EIO, StorageError)]
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, kind: type[StorageError]
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    path = folder / "picture.png"
    write_atomic(path, b"old")

    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(kind) as caught:
        write_atomic(path, b"new")
    assert caught.value.path == path
    assert caught.value.fix
    assert [each.name for each in folder.iterdir()] == ["picture.png"]
    assert path.read_bytes() == b"old"


def test_a_file_system_that_is_really_full(tmp_path: Path) -> None:
    path = tmp_path / "large"
    # A limit on the size of files is the one kind of fullness that needs no rights to set up.
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from silverprint.core.errors import DiskFull\n"
        "from silverprint.store.atomic import write_atomic\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    write_atomic(Path(sys.argv[1]), b'x' * 100_000)\n"
        "except DiskFull:\n"
        "    sys.exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert done.returncode == 7
    assert list(tmp_path.glob("*large*")) == []
    assert list(tmp_path.glob(".large*")) == []


def test_a_missing_folder_is_an_error_with_its_fix(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="could not be written") as caught:
        write_atomic(tmp_path / "missing" / "file", b"")
    assert "missing" in caught.value.fix
