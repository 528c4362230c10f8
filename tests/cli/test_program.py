"""The program as a process: the built-in model, pipes, locales, and a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

from silverprint.core.picture import Picture
from silverprint.library.library import SCHEMA
from silverprint.library.record import document_of
from silverprint.store.database import Database
from tests.library.conftest import Clock, Maker

RED_APPLE = ["gen", "a red apple", "--seed", "7", "--set", "steps=4"]


def program(*args: str, env: dict[str, str] | None = None, **how: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "silverprint", *args],
        capture_output=True,
        env={**os.environ, **(env or {})},
        timeout=120,
        **how,
    )


def fill(home: Path, count: int) -> list[Picture]:
    """A library of ``count`` records without files."""
    make = Maker(Clock())
    pictures = [make(f"лиса {number} 狐") for number in range(count)]
    (home / "data").mkdir()
    with (
        Database(home / "data" / "history.sqlite3", schemas={"pictures": SCHEMA}) as database,
        database.transaction(),
    ):
        for picture in pictures:
            database.table("pictures").put(picture.id, document_of(picture, now=picture.made))
    return pictures


def test_the_same_seed_gives_the_same_pixels_in_another_process(home: Path) -> None:
    hashes = []
    for _ in range(2):
        done = program("gen", "a red apple", "--seed", "7", "--json")
        assert done.returncode == 0, done.stderr.decode()
        last = json.loads(done.stdout.splitlines()[-1])
        assert last["event"] == "picture"
        assert Path(last["path"]).is_file()
        hashes.append(last["pixels_sha256"])
    assert hashes[0] == hashes[1]
    other = program("gen", "a red apple", "--seed", "8", "--json")
    assert json.loads(other.stdout.splitlines()[-1])["pixels_sha256"] != hashes[0]


def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    fill(home, 2_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "silverprint", "ls", "--json", "--limit", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    json.loads(process.stdout.readline())
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 0


@pytest.mark.parametrize("as_json", [True, False])
def test_stdout_is_utf8_under_the_c_locale(home: Path, as_json: bool) -> None:
    (picture,) = fill(home, 1)
    done = program(
        "ls", *(["--json"] if as_json else []),
        env={"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )  # fmt: skip
    assert done.returncode == 0
    assert picture.recipe.prompt in done.stdout.decode("utf-8")


def in_terminal(*args: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run the program with a terminal of 100x40 as its three streams; the exit code and all that was written."""
    process, line = pty.fork()
    if process == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        wanted = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.execve(
            sys.executable,
            [sys.executable, "-m", "silverprint", *args],
            {**os.environ, **wanted, **(env or {})},
        )
    written, until = b"", time.monotonic() + 120
    while time.monotonic() < until:
        if not select.select([line], [], [], 1)[0]:
            continue
        try:
            piece = os.read(line, 65_536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(line)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), written.decode("utf-8", "replace")


def test_on_a_terminal_the_picture_forms_and_the_path_stays(home: Path) -> None:
    code, written = in_terminal(*RED_APPLE)
    assert code == 0
    assert "\x1b[38;2;" in written
    assert "▀" in written
    assert "saving" in written
    last = [line for line in written.splitlines() if line.strip()][-1]
    path = next(home.glob("data/pictures/*/*.png"))
    assert str(path) in last
    # The board is gone: after the path there is nothing but the clearing of what was below.
    assert "▓" not in written.rpartition(str(path))[2]


@pytest.mark.parametrize(
    ("args", "env"), [(["--no-preview"], {}), ([], {"NO_COLOR": "1"}), (["--json"], {})], ids=str
)
def test_no_picture_is_drawn_where_it_is_not_wanted(home: Path, args: list[str], env: dict[str, str]) -> None:
    code, written = in_terminal(*RED_APPLE, *args, env=env)
    assert code == 0
    assert "▀" not in written
    assert "saving" in written


def test_tables_on_a_terminal_keep_ids_whole_and_fit(home: Path) -> None:
    (picture,) = fill(home, 1)
    code, written = in_terminal("ls", env={"NO_COLOR": "1"})
    assert code == 0
    head, row = written.splitlines()
    assert head.startswith("ID")
    assert row.startswith(picture.id)
    assert "\x1b" not in written


def test_paths_are_utf8_in_a_locale_that_is_not(tmp_path: Path) -> None:
    home = tmp_path / "写真 ä"
    plain = {
        "PATH": os.environ["PATH"], "SILVERPRINT_HOME": str(home),
        "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0",
    }  # fmt: skip
    program = "import sys; from silverprint.cli.main import run; sys.exit(run(sys.argv[1:]))"
    args = ["gen", "лиса", "--set", "steps=4", "--json", "--model", "pocket:pocket"]
    ran = subprocess.run(
        [sys.executable, "-c", program, *args], env=plain, capture_output=True, check=True, timeout=120
    )
    record = json.loads(ran.stdout.decode("utf-8").splitlines()[-1])
    assert record["prompt"] == "лиса"
    assert record["path"].startswith(str(home))
    assert Path(record["path"]).is_file()
