"""One conversation with a terminal device: ask, collect the answers, give back what was typed meanwhile.

Owns raw mode, time limits and the grammar of the replies. What the answers mean for pictures is left to
`terminal.py`. Standard library only: this runs before the first paint.
"""

from __future__ import annotations

import os
import re
import select
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

if sys.platform != "win32":
    import fcntl
    import termios

VERSION_QUERY = b"\x1b[>q"
"""XTVERSION: the terminal's name and version (xterm control sequences, "CSI > Ps q")."""
CELL_QUERY = b"\x1b[16t"
"""Size of one cell in pixels, answered as ``CSI 6 ; height ; width t``."""
ATTRIBUTES_QUERY = b"\x1b[c"
"""DA1, answered by every terminal and in order, so it marks the end of the answers."""

_VERSION = re.compile(rb"\x1bP>\|([^\x1b\x07]{0,200})(?:\x1b\\|\x07)")
_ATTRIBUTES = re.compile(rb"\x1b\[\?([0-9;]{0,80})c")
_CELL = re.compile(rb"\x1b\[6;(\d{1,5});(\d{1,5})t")
_REPORTS = re.compile(
    rb"\x1b[P_\]^X].*?(?:\x1b\\|\x07)"  # DCS, APC, OSC, PM and SOS strings
    rb"|\x1b\[[?>=][0-9;:$]*[ -/]*[@-~]"  # private CSI replies: DA1, DA2, DECRPM
    rb"|\x1b\[[0-9;]+[tRn]",  # window, cursor and status reports
    re.DOTALL,
)
_UNFINISHED = re.compile(rb"\x1b(?:[P_\]^X][^\x1b\x07]*\x1b?|\[[?>=]?[0-9;:$]*)?\Z")
_MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What came back. `attributes` is None while DA1 has not been seen; `cell` is (width, height) in pixels."""

    name: str = ""
    version: str = ""
    attributes: frozenset[int] | None = None
    cell: tuple[int, int] | None = None
    typed: str = ""

    @property
    def complete(self) -> bool:
        """Whether the terminal said its last word, so that nothing can arrive later."""
        return self.attributes is not None


def read_answers(raw: bytes) -> Answers:
    """Read replies out of `raw`; whatever is no reply is taken as typed. Never raises, whatever the bytes."""
    name, version = "", ""
    if found := _VERSION.search(raw):
        name, version = split_version(found[1].decode("ascii", "replace"))
    attributes = None
    if found := _ATTRIBUTES.search(raw):
        attributes = frozenset(int(part) for part in found[1].split(b";") if part)
    cell = None
    if found := _CELL.search(raw):
        cell = plausible_cell(int(found[2]), int(found[1]))
    typed = _UNFINISHED.sub(b"", _REPORTS.sub(b"", raw)).decode("utf-8", "ignore")
    return Answers(name=name, version=version, attributes=attributes, cell=cell, typed=typed)


def split_version(text: str) -> tuple[str, str]:
    """``kitty(0.41.1)``, ``tmux 3.5a``, ``WezTerm 2024...`` -> (name, version), printable and short."""
    clean = "".join(sign for sign in text if sign.isprintable() and sign != "\ufffd").strip()[:60]
    found = re.match(r"([^\s(]+)[\s(]*([^\s)]*)", clean)
    return (found[1], found[2]) if found else ("", "")


def plausible_cell(width: int, height: int) -> tuple[int, int] | None:
    """The size if it can be true of a cell (2 to 200 pixels a side), else None: 0x0 is common, nonsense not rare."""
    return (width, height) if 2 <= width <= 200 and 2 <= height <= 200 else None


class Line:
    """A terminal device in raw mode. Make one with `open_line`."""

    def __init__(self, device: int) -> None:
        self._device = device

    def ask(self, request: bytes, *, until: float) -> bytes:
        """Send `request` and read until DA1 has come or the moment `until` (of `time.monotonic`) has passed."""
        received = b""
        try:
            os.write(self._device, request)
            while not _ATTRIBUTES.search(received) and len(received) < _MOST_BYTES:
                left = until - time.monotonic()
                if left <= 0 or not select.select([self._device], [], [], left)[0]:
                    break
                piece = os.read(self._device, 4096)
                if not piece:
                    break
                received += piece
        except OSError:
            pass  # the terminal went away: what has come so far is all there is
        return received

    def waiting(self) -> bytes:
        """What has arrived by now, without waiting."""
        received = b""
        try:
            while len(received) < _MOST_BYTES and select.select([self._device], [], [], 0)[0]:
                piece = os.read(self._device, 4096)
                if not piece:
                    break
                received += piece
        except OSError:
            pass  # as in ask
        return received

    def cell(self) -> tuple[int, int] | None:
        """The cell's size in pixels by the window size, if the terminal keeps one (0x0 is common)."""
        if sys.platform == "win32":
            return None
        try:
            answer = fcntl.ioctl(self._device, termios.TIOCGWINSZ, b"\0" * 8)
        except OSError:
            return None
        rows, columns, width, height = struct.unpack("HHHH", answer)
        return plausible_cell(width // columns, height // rows) if rows and columns else None


@contextmanager
def open_line(path: str) -> Iterator[Line | None]:
    """Open the terminal at `path` in raw mode, and put its mode back after.

    Gives None where there is no terminal that may be asked: none at all, or we are in the background,
    where changing its mode would stop the process.
    """
    if sys.platform == "win32":
        yield None
        return
    try:
        device = os.open(path, os.O_RDWR | os.O_NOCTTY)
    except OSError:
        yield None
        return
    try:
        before = _raw(device)
        if before is None:
            yield None
            return
        try:
            yield Line(device)
        finally:
            # TCSANOW and not TCSAFLUSH: keys that came meanwhile stay in the queue
            _set_mode(device, before)
    finally:
        os.close(device)


def _raw(device: int) -> list[object] | None:
    try:
        if not os.isatty(device) or not _in_front(device):
            return None
        before = termios.tcgetattr(device)
        mode = termios.tcgetattr(device)
        mode[0] &= ~termios.ICRNL
        mode[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        mode[6][termios.VMIN] = 1
        mode[6][termios.VTIME] = 0
        termios.tcsetattr(device, termios.TCSANOW, mode)
    except (OSError, termios.error):
        return None
    return before


def _set_mode(device: int, mode: list[object]) -> None:
    try:
        termios.tcsetattr(device, termios.TCSANOW, mode)  # type: ignore[arg-type]
    except (OSError, termios.error):
        return  # the terminal went away, and its mode with it


def _in_front(device: int) -> bool:
    try:
        return os.tcgetpgrp(device) == os.getpgrp()
    except OSError:
        return True  # not our controlling terminal, so no job control stops us
