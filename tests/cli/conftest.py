"""The command line in this process, with a home of its own and a provider that does as it is told."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from silverprint.cli.main import run
from silverprint.core.provider import Provider, ProviderContext
from silverprint.testing import FakeProvider

MODEL = "fake:fake"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--write-docs` writes the generated pages anew instead of comparing them."""
    parser.addoption("--write-docs", action="store_true", help="write the generated docs anew")


@dataclass(frozen=True)
class Ran:
    """What a command gave: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """stdout, read as one JSON object a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The records of one event."""
        return [record for record in self.records if record.get("event") == name]


@dataclass
class Cli:
    """Runs commands. ``fake`` makes the provider of each run; ``made`` are those that were made."""

    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    fake: Callable[[], FakeProvider] = FakeProvider
    more: Mapping[str, Callable[[ProviderContext], Provider]] = field(default_factory=dict)
    made: list[FakeProvider] = field(default_factory=list)

    def __call__(self, *args: str, stdin: bytes | None = None, **how: Any) -> Ran:
        if stdin is not None:
            self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self.capsys.readouterr()
        how.setdefault("providers", {"fake": self._make, **self.more})
        code = run(args, **how)
        out, err = self.capsys.readouterr()
        return Ran(code, out, err)

    def gen(self, *args: str, **how: Any) -> Ran:
        """`gen` with the fake model."""
        return self("gen", *args, "--model", MODEL, **how)

    def make(self, prompt: str = "a red fox", *args: str) -> dict[str, Any]:
        """Make one picture and give its record."""
        ran = self.gen(prompt, "--json", *args)
        assert ran.code == 0, ran.err
        (picture,) = ran.events("picture")
        return picture

    @property
    def sent(self) -> int:
        """How many jobs were sent in all runs."""
        return sum(len(provider.submits) for provider in self.made)

    def _make(self, context: ProviderContext) -> FakeProvider:
        self.made.append(self.fake())
        return self.made[-1]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    monkeypatch.chdir(tmp_path)
    return Cli(capsys, monkeypatch)
