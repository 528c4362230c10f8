"""Start to first paint, against the smallest Textual app there is, both in fresh processes on a pseudo-terminal."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from bench.report import Row, compared
from tests.journeys.program import Program

HELLO = """
from textual.app import App
from textual.widgets import Static
class Hello(App):
    def compose(self):
        yield Static("hello world")
Hello().run()
"""
BAR = 1.6


def rows(quick: bool) -> list[Row]:
    """The ratio of the medians, the two taken in turns so that other load falls on both."""
    rounds = 5 if quick else 15
    ours: list[float] = []
    peer: list[float] = []
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "SILVERPRINT_HOME": home}
        commands = [
            ([sys.executable, "-m", "silverprint"], "Prompt", ours),
            ([sys.executable, "-c", HELLO], "hello world", peer),
        ]
        for number in range(rounds + 1):
            for command, shown, times in commands:
                with Program(command, size=(140, 42), env=env, cwd=Path(home)) as program:
                    taken = program.wait_written(shown)
                if number:  # the first round warms the disk
                    times.append(taken)
    return [compared("start to first paint", ours, peer, bar=BAR, note="against a hello-world Textual app")]
