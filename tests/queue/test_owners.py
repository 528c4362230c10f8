"""Locks that the kernel lets go of, however a process dies."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from silverprint.core.errors import StorageError
from silverprint.queue.owners import NOBODY, Owners

HOLD = """
import signal, sys
from pathlib import Path
from silverprint.queue.owners import Owners
print(Owners(Path(sys.argv[1])).enter(), flush=True)
signal.pause()
"""


def test_who_entered_lives_until_it_leaves(tmp_path: Path) -> None:
    mine, theirs = Owners(tmp_path / "owners"), Owners(tmp_path / "owners")
    name = mine.enter()
    assert mine.enter() == name
    other = theirs.enter()
    assert other != name
    assert mine.alive(name)
    assert theirs.alive(name)
    assert mine.alive(other)
    mine.leave()
    mine.leave()
    assert mine.me == NOBODY
    assert not theirs.alive(name)
    assert not mine.alive(name)


def test_a_killed_process_is_dead_at_once(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    owners = Owners(tmp_path)
    assert owners.alive(name)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not owners.alive(name)
    assert not (tmp_path / name).exists()


def test_the_dead_are_swept_away_and_strangers_left(tmp_path: Path) -> None:
    folder = tmp_path / "owners"
    folder.mkdir()
    (folder / ("0" * 32)).touch()
    (folder / "README").touch()
    mine = Owners(folder)
    name = mine.enter()
    assert {path.name for path in folder.iterdir()} == {name, "README"}
    mine.leave()


@pytest.mark.parametrize("name", [NOBODY, "../escape", "0" * 31, "x" * 32])
def test_what_is_no_name_is_not_alive(tmp_path: Path, name: str) -> None:
    assert not Owners(tmp_path).alive(name)


def test_taken_for_dead_between_open_and_lock_it_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "owners"
    lock = fcntl.flock
    stolen: list[int] = []

    def steal_once(file: int, how: int) -> None:
        if not stolen:
            stolen.append(file)
            for path in folder.iterdir():
                path.unlink()
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", steal_once)
    mine = Owners(folder)
    name = mine.enter()
    assert stolen
    assert Owners(folder).alive(name)
    mine.leave()


def test_a_child_program_does_not_keep_the_lock(tmp_path: Path) -> None:
    mine = Owners(tmp_path)
    name = mine.enter()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    mine.leave()
    assert not Owners(tmp_path).alive(name)
    child.communicate(b"\n")


def test_a_folder_that_can_t_be_made_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as caught:
        Owners(tmp_path / "file" / "owners").enter()
    assert caught.value.path is not None
    assert os.fspath(tmp_path) in str(caught.value.path)
