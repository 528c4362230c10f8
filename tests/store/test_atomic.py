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
from silverprint.store.atomic import sweep_parts, write_atomic


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


def age(path: Path, seconds: float) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "here"
    made.mkdir()
    return made


def test_what_a_killed_writer_left_is_taken_away_at_the_next_write(folder: Path) -> None:
    left = folder / ".one.png.abc.part"
    fresh = folder / ".one.png.def.part"
    other = folder / ".two.png.abc.part"
    persons = folder / "one.png.part"
    for path in (left, fresh, other, persons):
        path.write_bytes(b"half")
    for path in (left, other, persons):
        age(path, 61)
    write_atomic(folder / "one.png", b"whole")
    assert {path.name for path in folder.iterdir()} == {
        "one.png",
        fresh.name,
        other.name,
        persons.name,
    }
    assert sweep_parts(folder) == 1
    assert not other.exists()


def test_folders_below_are_swept_where_asked(tmp_path: Path) -> None:
    day = tmp_path / "2026-11-22"
    day.mkdir()
    left = day / ".one.png.abc.part"
    left.write_bytes(b"half")
    age(left, 61)
    assert sweep_parts(tmp_path) == 0
    assert sweep_parts(tmp_path, deep=True) == 1
    assert list(day.iterdir()) == []
    assert sweep_parts(tmp_path / "missing") == 0


WRITER = """
import sys, time
from pathlib import Path
from silverprint.store import atomic
def stall(*_):
    print("held", flush=True)
    sys.stdin.readline()
atomic.os.fsync = stall
atomic.write_atomic(Path(sys.argv[1]), b"whole")
"""


@pytest.mark.parametrize("is_killed", [True, False])
def test_a_slow_writer_is_left_alone_and_a_killed_one_swept(folder: Path, is_killed: bool) -> None:
    path = folder / "slow.png"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdin is not None
        assert writer.stdout.readline() == b"held\n"
        (part,) = folder.glob(".slow.png.*.part")
        age(part, 3_600)
        if is_killed:
            writer.kill()
            writer.wait()
        assert sweep_parts(folder) == is_killed
        if not is_killed:
            writer.communicate(b"\n\n")
            assert writer.returncode == 0
    assert [each.name for each in folder.iterdir()] == ([] if is_killed else ["slow.png"])
