"""For every screen test: the text of the screen compared with a file, and a clock and zone that stand still.

`pytest tests/ui --update-snapshots` writes the files anew; look at the diff before you commit it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.app import App

SNAPSHOTS = Path(__file__).with_name("snapshots")

Snapshot = Callable[[App[Any], str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The switch that writes snapshots anew."""
    parser.addoption("--update-snapshots", action="store_true", help="write the screens' text files anew")


def screen_text(app: App[Any]) -> str:
    """What is on the screen, as text: a line a row, without colours."""
    screen = app.screen
    strips = screen._compositor.render_strips()
    lines = ["".join(segment.text for segment in strip).rstrip() for strip in strips]
    return "\n".join(lines).rstrip() + "\n"


@pytest.fixture
def snapshot(request: pytest.FixtureRequest) -> Snapshot:
    """Compare the screen with `snapshots/NAME.txt`."""
    update = bool(request.config.getoption("--update-snapshots", default=False))

    def compare(app: App[Any], name: str) -> None:
        assert re.fullmatch(r"[a-z0-9-]+", name)
        path = SNAPSHOTS / f"{name}.txt"
        shown = screen_text(app)
        if update:
            path.write_text(shown, encoding="utf-8")
            return
        assert path.exists(), f"there is no {path.name}; write it with --update-snapshots and look at it"
        assert shown == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is UTC, wherever the tests run."""
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    if before is None:
        os.environ.pop("TZ", None)
    time.tzset()
