"""The question to the terminal, asked over a real pseudo-terminal whose other end plays recorded answers."""

from __future__ import annotations

import os
import pty
import select
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from fcntl import ioctl
from pathlib import Path
from subprocess import run

import pytest

from silverprint.ui.terminal import TerminalInfo, TmuxFacts, drain, probe

XTERM = (b"\x1b[>q\x1b[c", b"\x1bP>|XTerm(379)\x1b\\\x1b[?63;1;2;4;6;9;15;16;22;28c")
XTERM_PLAIN = (b"\x1b[>q\x1b[c", b"\x1bP>|XTerm(379)\x1b\\\x1b[?64;1;2;6;9;15;16;17;18;21;22;28c")
KITTY_OLD = (b"\x1b[>q\x1b[c", b"\x1bP>|kitty(0.26.5)\x1b\\\x1b[?62;c")
KITTY_NEW = (b"\x1b[>q\x1b[c", b"\x1bP>|kitty(0.41.1)\x1b\\\x1b[?62;c")
TMUX_33 = (b"\x1b[>q\x1b[c", b"\x1bP>|tmux 3.3a\x1b\\\x1b[?1;2c")
TMUX_35 = (b"\x1b[>q\x1b[c", b"\x1bP>|tmux 3.5a\x1b\\\x1b[?1;2;4c")
PASSED = b"\x1bPtmux;\x1b\x1b[>q\x1b\x1b[c\x1b\\"

PLAIN = {"TERM": "xterm-256color"}
IN_TMUX = {"TERM": "tmux-256color", "TMUX": "/nowhere/default,1,0", "TMUX_PANE": "%0"}
LONG_S = 20.0
"""A limit that only a broken probe would ever reach."""


class Terminal:
    """The other end: replies to each awaited question once, and keeps all it was sent."""

    def __init__(self, *replies: tuple[bytes, bytes], pixels: tuple[int, int] = (800, 480)) -> None:
        self._master, self._slave = pty.openpty()
        self.path = os.ttyname(self._slave)
        self.heard = b""
        self._replies = list(replies)
        self.size(80, 24, *pixels)
        self._stop, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def size(self, columns: int, rows: int, width: int, height: int) -> None:
        ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))

    def _play(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._stop], [], [])
            if self._stop in ready:
                return
            self.heard += os.read(self._master, 4096)
            while self._replies and self._replies[0][0] in self.heard:
                os.write(self._master, self._replies.pop(0)[1])

    def type(self, data: bytes) -> None:
        """Type before anybody listens: the line echoes it, which proves that it has arrived."""
        seen = len(self.heard)
        os.write(self._master, data)
        deadline = time.monotonic() + LONG_S
        while len(self.heard) == seen and time.monotonic() < deadline:
            select.select([], [], [], 0.001)

    def mode(self) -> list[object]:
        return list(termios.tcgetattr(self._slave))

    def left_over(self) -> bytes:
        """What an app that starts now would read as keys."""
        mode = termios.tcgetattr(self._slave)
        mode[3] &= ~(termios.ICANON | termios.ECHO)
        termios.tcsetattr(self._slave, termios.TCSANOW, mode)
        ready, _, _ = select.select([self._slave], [], [], 0)
        return os.read(self._slave, 4096) if ready else b""

    def close(self) -> None:
        os.write(self._wake, b"x")
        self._thread.join()
        for handle in (self._master, self._slave, self._stop, self._wake):
            os.close(handle)


Play = Callable[..., Terminal]


@pytest.fixture
def play() -> Iterator[Play]:
    opened: list[Terminal] = []

    def start(*replies: tuple[bytes, bytes], pixels: tuple[int, int] = (800, 480)) -> Terminal:
        opened.append(Terminal(*replies, pixels=pixels))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def ask(
    terminal: Terminal, environ: Mapping[str, str] = PLAIN, facts: TmuxFacts | None = None
) -> TerminalInfo:
    return probe(environ, terminal.path, LONG_S, ask_tmux=lambda _: facts or TmuxFacts())


def test_xterm_with_sixel(play: Play) -> None:
    terminal = play(XTERM)
    before = terminal.mode()
    info = ask(terminal)
    assert (info.protocol, info.name, info.version) == ("sixel", "XTerm", "379")
    assert info.cell == (10, 20)
    assert info.colours == "truecolor", (
        "xterm draws 24-bit colours since patch 331, though it sets no COLORTERM"
    )
    assert not info.late
    assert terminal.mode() == before
    assert terminal.left_over() == b""


def test_xterm_without_graphics_is_half_blocks(play: Play) -> None:
    assert ask(play(XTERM_PLAIN)).protocol == "half"


def test_old_kitty_has_no_placeholders(play: Play) -> None:
    info = ask(play(KITTY_OLD))
    assert info.protocol == "half"
    assert "0.26.5" in info.why


def test_new_kitty(play: Play) -> None:
    info = ask(play(KITTY_NEW), {"TERM": "xterm-kitty"})
    assert (info.protocol, info.colours, info.through_tmux) == ("kitty", "truecolor", False)


def test_kitty_over_ssh_gets_24_bit_colours(play: Play) -> None:
    info = ask(play(KITTY_NEW), {"TERM": "xterm-kitty", "SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"})
    assert (info.protocol, info.colours, info.remote) == ("kitty", "truecolor", True)


def test_kitty_with_colours_switched_off_steps_down(play: Play) -> None:
    terminal = play(KITTY_NEW)
    assert ask(terminal, {"TERM": "xterm-kitty", "NO_COLOR": "1"}).protocol == "half"
    assert ask(play(KITTY_NEW), {"TERM": "xterm-kitty", "TEXTUAL_COLOR_SYSTEM": "256"}).protocol == "half"


def test_sixel_needs_the_size_of_a_cell(play: Play) -> None:
    asked = (b"\x1b[>q\x1b[16t\x1b[c", XTERM[1])
    assert ask(play(asked, pixels=(0, 0))).protocol == "half"
    told = (b"\x1b[>q\x1b[16t\x1b[c", b"\x1bP>|XTerm(379)\x1b\\\x1b[6;18;9t\x1b[?63;4c")
    info = ask(play(told, pixels=(0, 0)))
    assert (info.protocol, info.cell) == ("sixel", (9, 18))


def test_no_rows_no_columns(play: Play) -> None:
    terminal = play((b"\x1b[c", KITTY_NEW[1]))
    terminal.size(0, 0, 0, 0)
    info = ask(terminal, {"TERM": "xterm-kitty"})
    assert (info.protocol, info.cell) == ("kitty", None)


def test_tmux_with_passthrough_around_kitty(play: Play) -> None:
    terminal = play(TMUX_33, (PASSED, KITTY_NEW[1]))
    info = ask(terminal, IN_TMUX, TmuxFacts(passthrough=True, outer="kitty(0.41.1)"))
    assert (info.protocol, info.through_tmux, info.colours) == ("kitty", True, "truecolor")
    assert (info.name, info.version) == ("kitty", "0.41.1")
    assert terminal.left_over() == b""


def test_tmux_reached_over_ssh_is_known_by_its_answer(play: Play) -> None:
    info = ask(play(TMUX_33, (PASSED, KITTY_NEW[1])), {"TERM": "tmux-256color", "SSH_TTY": "/dev/pts/3"})
    assert (info.protocol, info.through_tmux) == ("kitty", True)


def test_tmux_without_passthrough_is_not_waited_for(play: Play) -> None:
    terminal = play(TMUX_33)
    info = ask(terminal, IN_TMUX, TmuxFacts(passthrough=False, outer="kitty(0.41.1)"))
    assert info.protocol == "half"
    assert "allow-passthrough" in info.why
    assert PASSED not in terminal.heard
    assert not info.late


def test_tmux_says_sixel_but_kitty_around_it_has_none(play: Play) -> None:
    off = TmuxFacts(passthrough=False, outer="kitty(0.41.1)", features=frozenset({"RGB"}))
    assert ask(play(TMUX_35), IN_TMUX, off).protocol == "half"
    on = TmuxFacts(passthrough=True)
    assert ask(play(TMUX_35, (PASSED, KITTY_NEW[1])), IN_TMUX, on).protocol == "kitty"
    assert ask(play(TMUX_35, (PASSED, KITTY_OLD[1])), IN_TMUX, on).protocol == "half"


def test_tmux_with_sixel_in_xterm_with_sixel(play: Play) -> None:
    facts = TmuxFacts(passthrough=False, outer="XTerm(379)", features=frozenset({"sixel", "256"}))
    assert ask(play(TMUX_35), IN_TMUX, facts).protocol == "sixel"
    assert ask(play(TMUX_33), IN_TMUX, facts).protocol == "half", "this tmux can't pass sixel on"


def test_silent_terminal_costs_the_limit_only(play: Play) -> None:
    terminal = play()
    info = probe(PLAIN, terminal.path, 0.01)
    assert (info.protocol, info.late) == ("half", True)
    assert "did not answer" in info.why


def test_late_answer_is_drained_and_keys_are_kept(play: Play) -> None:
    terminal = play()
    assert probe(PLAIN, terminal.path, 0.01).late
    terminal.type(b"a fox" + KITTY_NEW[1])
    assert drain(terminal.path) == "a fox"
    assert terminal.left_over() == b""


def test_keys_typed_during_the_question_are_kept(play: Play) -> None:
    answer = b"\xd0\xbb\xd0\xb8\xd1\x81\x1bP>|kitty(0.41.1)\x1b\\\x1b[A\x1b[?62;c"
    terminal = play((b"\x1b[c", answer))
    terminal.type(b"x")
    info = ask(terminal, {"TERM": "xterm-kitty"})
    assert info.protocol == "kitty"
    assert info.typed == "xлис\x1b[A"


def test_keys_not_read_stay_in_the_queue(play: Play) -> None:
    terminal = play()
    terminal.type(b"fox")
    assert probe(PLAIN, terminal.path, 0.0).typed == ""
    assert terminal.left_over() == b"fox"


@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\xff\xfe\x1b[?c",
        b"\x1bP>|\xff\xfe\x1b[31m\x1b\\\x1b[?62;4;4;4c",
        b"\x1b[6;99999;0t\x1b[?99999;;;c",
        b"\x1bP>|kitty(...)\x1b\\\x1b[?62;c",
        b"\x1b_Gi=31;OK\x1b\\\x1b[?1;2c",
        b"\x1bP>|" + b"x" * 150 + b"\x1b\\\x1b[?1;2c",
    ],
)
def test_garbage_never_raises_nor_leaks(play: Play, answer: bytes) -> None:
    terminal = play((b"\x1b[c", answer))
    info = ask(terminal)
    assert info.protocol in ("half", "sixel")
    assert info.name.isprintable()
    assert len(info.name) <= 60
    assert terminal.left_over() == b""
    assert "\x1b" not in info.typed


def test_a_flood_ends(play: Play) -> None:
    terminal = play((b"\x1b[c", b"y" * 3000))
    info = probe(PLAIN, terminal.path, 0.05)
    assert info.protocol == "half"


def test_no_terminal(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        info = probe(PLAIN, str(path))
        assert (info.protocol, info.late) == ("half", False)
        assert str(path) in info.why


def test_a_file_is_no_terminal(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert probe(PLAIN, str(path)).protocol == "half"
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    ("environ", "protocol"),
    [
        ({"TERM": "dumb"}, "none"),
        ({"TERM": "vt100"}, "none"),
        ({"TERM": "linux"}, "half"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, "half"),
        ({"TERM": "xterm", "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver"}, "half"),
    ],
)
def test_known_plain_terminals_are_not_asked(play: Play, environ: dict[str, str], protocol: str) -> None:
    terminal = play()
    assert ask(terminal, environ).protocol == protocol
    assert terminal.heard == b""


def test_the_browser_tells_its_cells(play: Play) -> None:
    environ = {"TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver", "TEXTUAL_CELL_WIDTH": "9"}
    assert ask(play(), environ).cell is None
    assert ask(play(), environ | {"TEXTUAL_CELL_HEIGHT": "19"}).cell == (9, 19)


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, silverprint.ui.terminal; print(*sorted(m.split('.')[0] for m in sys.modules))"
    loaded = set(run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"textual", "rich", "PIL", "numpy", "textual_image", "asyncio", "subprocess"}
