"""For every test: a home of its own, no network but loopback, and no key from the outside."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex


def _refuse_outside(address: Any) -> None:
    if not isinstance(address, tuple):
        return  # a Unix socket
    host = str(address[0])
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not is_loopback:
        raise AssertionError(f"a test tried to reach {host}")


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Connections leave for loopback only."""

    def connect(self: socket.socket, address: Any) -> None:
        _refuse_outside(address)
        _connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_outside(address)
        return _connect_ex(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", connect)
    patch.setattr(socket.socket, "connect_ex", connect_ex)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh SILVERPRINT_HOME; nothing of the person's own settings or keys is seen."""
    folder = tmp_path / "silverprint-home"
    folder.mkdir()
    for name in os.environ:
        if name == "SILVERPRINT_SPECS":
            continue  # where the services' documents lie is no setting of a person's
        if name.startswith("SILVERPRINT_") or name.endswith(("_API_KEY", "_API_TOKEN")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SILVERPRINT_HOME", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("TMUX", "NO_COLOR", "COLORTERM", "FORCE_COLOR", "EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    return folder
