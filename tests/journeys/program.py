"""Program: a real process on a pseudo-terminal, with a screen that can be read and keys that can be pressed.

The screen is kept by pyte. What a terminal is asked at start (device attributes, name, mode and cursor
reports) is answered as a plain xterm would, so that the program neither waits nor guesses.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pyte

KEYS: Mapping[str, bytes] = {
    "enter": b"\r", "escape": b"\x1b", "tab": b"\t", "backspace": b"\x7f", "up": b"\x1b[A", "down": b"\x1b[B",
    "right": b"\x1b[C", "left": b"\x1b[D", "f1": b"\x1bOP", "f5": b"\x1b[15~", "alt+up": b"\x1b[1;3A",
    "alt+down": b"\x1b[1;3B", "alt+left": b"\x1b[1;3D", "alt+right": b"\x1b[1;3C", "pageup": b"\x1b[5~",
    "pagedown": b"\x1b[6~", "home": b"\x1b[H", "end": b"\x1b[F", "space": b" ",
}  # fmt: skip

# What a terminal is asked, and what an xterm without graphics says. Passthrough and pixel questions stay open.
_ANSWERS: Sequence[tuple[re.Pattern[bytes], bytes]] = (
    (re.compile(rb"\x1b\[>0?q"), b"\x1bP>|XTerm(379)\x1b\\"),
    (re.compile(rb"\x1b\[0?c"), b"\x1b[?64;1;2;6;9;15;18;21;22c"),
    (re.compile(rb"\x1b\[6n"), b"\x1b[1;1R"),
    (re.compile(rb"\x1b\[16t"), b"\x1b[6;20;10t"),
    (re.compile(rb"\x1b\[\?(\d+)\$p"), b"\x1b[?%s;0$y"),
)


class Program:
    """A running process. ``screen`` shows what a person would see; every wait has a limit and says what it saw."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        size: tuple[int, int] = (100, 30),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        columns, rows = size
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.output = bytearray()
        self.status: int | None = None
        # Where these are set, they win over the size of the terminal.
        around = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        full = {**around, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        self.started = time.monotonic()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            try:
                if cwd is not None:
                    os.chdir(cwd)
                os.execvpe(command[0], list(command), full)
            finally:
                os._exit(127)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, rows * 20, columns * 10))

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def text(self) -> str:
        """The screen as lines of text, without the trailing blanks."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    @property
    def last_words(self) -> str:
        """The end of what the process wrote, without escape codes: where it says why it ended."""
        return re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", bytes(self.output[-8000:])).decode("utf-8", "replace")

    def press(self, *keys: str) -> None:
        """Press keys by name: ``ctrl+g``, ``f5``, ``alt+up``, or a single letter."""
        for key in keys:
            if key in KEYS:
                data = KEYS[key]
            elif key.startswith("ctrl+"):
                data = bytes([ord(key[-1].lower()) & 0x1F])
            elif key.startswith("alt+"):
                data = b"\x1b" + key[4:].encode()
            else:
                data = key.encode()
            os.write(self._fd, data)

    def type(self, text: str) -> None:
        """Type text as a terminal sends it."""
        os.write(self._fd, text.encode("utf-8"))

    def wait_for(self, *texts: str, limit_s: float = 60, gone: bool = False) -> float:
        """Read until every text stands on the screen (or none does, with ``gone``).

        Returns the seconds since the start of the process. Raises AssertionError with the screen in it.
        """
        deadline = time.monotonic() + limit_s
        while True:
            shown = self.text
            if all((text in shown) is not gone for text in texts):
                return time.monotonic() - self.started
            if self.status is not None or time.monotonic() > deadline:
                end = f"ended with {self.status}" if self.status is not None else f"waited {limit_s:g} s"
                raise AssertionError(f"{end} for {texts}{' to go' if gone else ''}; the screen was\n{shown}")
            self.pump(min(0.5, max(0.0, deadline - time.monotonic())))

    def wait_written(self, text: str, *, limit_s: float = 60) -> float:
        """Read until the process has written ``text`` in one piece, without drawing the screen.

        Returns the seconds since the start of the process, free of the cost of the emulated terminal.
        """
        deadline = self.started + limit_s
        sought = text.encode("utf-8")
        while sought not in self.output:
            if self.status is not None or time.monotonic() > deadline:
                raise AssertionError(
                    f"{text!r} was never written; the end was {bytes(self.output[-2000:])!r}"
                )
            self.pump(0.5, draw=False)
        return time.monotonic() - self.started

    def wait_end(self, limit_s: float = 30) -> int:
        """Read until the process ends; its exit code, negative for a signal."""
        deadline = time.monotonic() + limit_s
        while self.status is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"still running after {limit_s:g} s; the screen was\n{self.text}")
            self.pump(0.2)
        return self.status

    def pump(self, limit_s: float, *, draw: bool = True) -> None:
        """Take in what the process wrote, waiting at most ``limit_s`` for the first byte."""
        ready, _, _ = select.select([self._fd], [], [], limit_s)
        if not ready:
            self._reap()
            return
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # Linux reports the end of a pty as EIO
            data = b""
        if not data:
            self._reap(block=True)
            return
        self.output += data
        self._answer(data)
        if draw:
            self._stream.feed(_without_strings(data))

    def kill(self, signal_number: int = signal.SIGKILL) -> None:
        """End the process from outside."""
        if self.status is None:
            os.kill(self.pid, signal_number)
            if signal_number == signal.SIGKILL:
                self._reap(block=True)
        if self.status is not None and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _reap(self, *, block: bool = False) -> None:
        if self.status is None:
            pid, status = os.waitpid(self.pid, 0 if block else os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)

    def _answer(self, data: bytes) -> None:
        for pattern, answer in _ANSWERS:
            for found in pattern.finditer(data):
                os.write(self._fd, answer % found.groups() if b"%s" in answer else answer)


def _without_strings(data: bytes) -> bytes:
    """Device-control and application strings are for other terminals; pyte would print them."""
    return re.sub(
        rb"\x1b[P_^X].*?\x1b\\|\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*[rs]", b"", data, flags=re.DOTALL
    )
