"""The whole program in a pseudo-terminal, as a person meets it: no key, no network, no GPU."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.program import Program

pytestmark = pytest.mark.journey

STUDIO = [sys.executable, "-m", "silverprint"]


def silverprint(*words: str) -> list[dict[str, Any]]:
    """The JSON lines of one command."""
    done = subprocess.run(
        [*STUDIO, *words, "--json"], capture_output=True, text=True, check=True, timeout=120
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def leave(program: Program) -> None:
    program.press("ctrl+q")
    assert program.wait_end() == 0, program.last_words


@pytest.mark.parametrize("size", [(140, 42), (80, 24)])
def test_type_develop_quit_come_back_and_make_it_again(home: Path, size: tuple[int, int]) -> None:
    with Program(STUDIO, size=size) as program:
        program.wait_for("Prompt")
        program.type("a red apple, 雪 и снег")
        program.wait_for("a red apple, 雪 и снег")
        program.press("ctrl+g")
        program.wait_for("bit-exact here")
        leave(program)

    (made,) = silverprint("ls")
    assert made["prompt"] == "a red apple, 雪 и снег"

    with Program(STUDIO, size=size) as program:
        program.wait_for("a red apple, 雪 и снег")  # the draft is back
        program.press("alt+2")
        program.wait_for("1 picture")
        leave(program)

    (again,) = [line for line in silverprint("redo", made["id"], "--verify") if line["event"] == "picture"]
    assert again["pixels_sha256"] == made["pixels_sha256"]


def test_killed_in_the_middle_of_a_word_and_of_a_batch(home: Path) -> None:
    with Program(STUDIO, size=(140, 42)) as program:
        program.wait_for("Prompt")
        program.type("a happy penguin")
        program.press("ctrl+g")
        program.wait_for("step")
        program.type(" in the sn")
        program.wait_for("a happy penguin in the sn")
        wait_for_draft(program, home, "a happy penguin in the sn")
        program.kill(signal.SIGKILL)

    with Program(STUDIO, size=(140, 42)) as program:
        program.wait_for("a happy penguin in the sn", "bit-exact here")
        leave(program)

    assert [line["prompt"] for line in silverprint("ls")] == ["a happy penguin"]
    assert [line["state"] for line in silverprint("jobs", "--all")] == ["done"]


def wait_for_draft(program: Program, home: Path, words: str) -> None:
    """Wait until the draft on disk has the words."""
    for _ in range(600):
        if any(words in path.read_text("utf-8") for path in home.rglob("draft.json")):
            return
        program.pump(0.05)
    raise AssertionError("the draft was not saved")
