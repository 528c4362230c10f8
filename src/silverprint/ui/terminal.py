"""What this terminal can show, asked once before Textual starts.

Owns the question (protocol for pictures, size of a cell, colours), the order in which wishes override it, and
the environment Textual reads. Drawing is left to `pixels`. Nothing heavy is imported: it runs before first paint.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from silverprint.ui.enquiry import (
    ATTRIBUTES_QUERY,
    CELL_QUERY,
    VERSION_QUERY,
    Answers,
    open_line,
    plausible_cell,
    read_answers,
    split_version,
)

Protocol = Literal["kitty", "sixel", "half", "none"]
Colours = Literal["truecolor", "256", "16", "none"]

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
VARIABLE = "SILVERPRINT_IMAGES"
LIMIT_S = 0.3

_SIXEL = 4  # in DA1: "Sixel graphics"
_TRUECOLOR_NAMES = (
    "kitty", "ghostty", "wezterm", "foot", "iterm2", "konsole", "contour", "alacritty", "vte", "mlterm", "rio", "xterm.js",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalInfo:
    """The answer. `cell` is (width, height) in pixels, `why` one sentence for a person, `typed` the keys
    pressed while we asked, `late` that an answer may still arrive (see `drain`)."""

    protocol: Protocol
    name: str = ""
    version: str = ""
    cell: tuple[int, int] | None = None
    through_tmux: bool = False
    remote: bool = False
    colours: Colours = "truecolor"
    why: str = ""
    typed: str = ""
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TmuxFacts:
    """What tmux says of itself and of the terminal it runs in; `passthrough` is None when it can't be asked."""

    passthrough: bool | None = None
    outer: str = ""
    features: frozenset[str] = frozenset()


def look(
    environ: Mapping[str, str],
    *,
    option: str | None = None,
    setting: str | None = None,
    tty_path: str = "/dev/tty",
    limit_s: float = LIMIT_S,
) -> TerminalInfo:
    """The whole way: probe, then apply the wishes (`--images`, then SILVERPRINT_IMAGES, then the setting).

    A wish for "half" or "none" needs no answer from the terminal, so then it is not asked at all.
    """
    wished, _ = _wish(option, environ, setting)
    if wished in ("half", "none"):
        plain = TerminalInfo(protocol="half", colours=_colours(environ, Answers()), remote=_remote(environ))
        return choose(plain, option=option, environ=environ, setting=setting)
    found = probe(environ, tty_path=tty_path, limit_s=limit_s)
    return choose(found, option=option, environ=environ, setting=setting)


def probe(
    environ: Mapping[str, str],
    tty_path: str = "/dev/tty",
    limit_s: float = LIMIT_S,
    ask_tmux: Callable[[Mapping[str, str]], TmuxFacts] | None = None,
) -> TerminalInfo:
    """Ask the terminal at `tty_path` what it is and what it can show. Never raises, never waits over `limit_s`.

    Asks XTVERSION, the cell size where the window size has none, then DA1, which every terminal answers last;
    inside tmux also the terminal around it. All answers are taken out of the input, keys typed meanwhile are
    in `typed`.
    """
    remote = _remote(environ)
    plain = _known_plain(environ)
    if plain is not None:
        return replace(plain, remote=remote)
    with open_line(tty_path) as line:
        if line is None:
            return TerminalInfo(
                protocol="half",
                colours=_colours(environ, Answers()),
                remote=remote,
                why=f"there is no terminal to ask at {tty_path}, so pictures are drawn in half-blocks",
            )
        until = time.monotonic() + limit_s
        window_cell = line.cell()
        question = VERSION_QUERY + (b"" if window_cell else CELL_QUERY) + ATTRIBUTES_QUERY
        raw = line.ask(question, until=until)
        inner = read_answers(raw)
        cell = window_cell or inner.cell
        if inner.name.lower() != "tmux" and not environ.get("TMUX"):
            found = _judge(environ, inner, cell)
            return replace(found, remote=remote, typed=inner.typed, late=not inner.complete)
        facts = (ask_tmux or tmux_facts)(environ)
        outer = None
        if facts.passthrough is not False:
            passed = line.ask(through_tmux(VERSION_QUERY + ATTRIBUTES_QUERY), until=until)
            outer = read_answers(passed)
        found = _judge_tmux(environ, inner, outer, facts, cell)
        typed = inner.typed + (outer.typed if outer else "")
        late = not inner.complete or (outer is not None and not outer.complete)
        return replace(found, remote=remote, typed=typed, late=late)


def drain(tty_path: str = "/dev/tty") -> str:
    """Take a late answer out of the input, just before Textual starts; returns what was typed. Never raises.

    Worth calling only when `TerminalInfo.late`: else an answer slower than the limit is typed into the app.
    """
    with open_line(tty_path) as line:
        return read_answers(line.waiting()).typed if line is not None else ""


def alt_keys(info: TerminalInfo) -> tuple[str, str]:
    """What to write when the app starts and ends, so that alt with a key comes as escape and the key.

    xterm turns alt+2 into "²" otherwise (its resource eightBitInput). The second text puts back what was set.
    Source: xterm control sequences, modes 1036 (metaSendsEscape) and 1039 (altSendsEscape), XTSAVE, XTRESTORE.
    """
    if info.name.lower() != "xterm":
        return "", ""
    return "\x1b[?1036;1039s\x1b[?1036;1039h", "\x1b[?1036;1039r"


def typed_text(info: TerminalInfo) -> str:
    """The text among the keys pressed while we asked, for the editor that gets the focus: what a person who types
    ahead meant. Arrows and other control keys are left out."""
    text = re.sub(r"\x1b(?:\[[0-9;]*[ -/]*[@-~]|O.|[^\[O]|$)?", "", info.typed).replace("\r", "\n")
    return "".join(sign for sign in text if sign.isprintable() or sign == "\n")


def choose(
    info: TerminalInfo,
    *,
    option: str | None = None,
    environ: Mapping[str, str],
    setting: str | None = None,
) -> TerminalInfo:
    """`info` with the first wish applied: the command line, SILVERPRINT_IMAGES, the setting; else unchanged.

    "auto" and "" are no wish. An unknown word is passed over and named in `why`.
    """
    wished, source = _wish(option, environ, setting)
    if wished is None:
        bad = _unknown_wish(option, environ, setting)
        return replace(info, why=f"{info.why} ({bad})") if bad else info
    colours = info.colours
    if wished == "kitty" and not environ.get("NO_COLOR"):
        colours = "truecolor"
    if wished == "kitty" and colours == "none":
        return replace(
            info,
            protocol="half",
            why=f"{source} asks for kitty, whose pictures need colours, and NO_COLOR is set: half-blocks",
        )
    inside_tmux = info.through_tmux or bool(environ.get("TMUX"))
    return replace(
        info,
        protocol=wished,
        colours=colours,
        through_tmux=inside_tmux and wished == "kitty",
        why=f"{source} asks for {wished}",
    )


def prepare_environment(info: TerminalInfo, environ: MutableMapping[str, str] = os.environ) -> None:
    """Tell Textual the colours, before it is imported (it reads TEXTUAL_COLOR_SYSTEM when imported).

    Kitty pictures carry their number in a 24-bit foreground colour, and ssh does not pass COLORTERM on:
    without this they are blank. A TEXTUAL_COLOR_SYSTEM set by the user stays, save for kitty pictures.
    """
    system = {"truecolor": "truecolor", "256": "256", "16": "standard"}.get(info.colours)
    if system is None:
        return
    if info.protocol == "kitty":
        environ["TEXTUAL_COLOR_SYSTEM"] = system
    else:
        environ.setdefault("TEXTUAL_COLOR_SYSTEM", system)
    if info.colours == "truecolor":
        environ["COLORTERM"] = "truecolor"


def through_tmux(sequence: bytes) -> bytes:
    """`sequence` wrapped so that tmux hands it to the terminal around it (tmux manual, allow-passthrough)."""
    return b"\x1bPtmux;" + sequence.replace(b"\x1b", b"\x1b\x1b") + b"\x1b\\"


def tmux_facts(environ: Mapping[str, str]) -> TmuxFacts:
    """Ask the tmux server; an empty answer where there is none, or it is silent for 0.2 s."""
    if not environ.get("TMUX"):
        return TmuxFacts()
    import subprocess  # only inside tmux is it needed this early

    wanted = "#{version}|#{allow-passthrough}|#{client_termtype}|#{client_termfeatures}"
    command = ["tmux", "display-message", "-p", "-t", environ.get("TMUX_PANE", ""), wanted]
    try:
        answer = subprocess.run(  # noqa: S603  a fixed command, no shell
            command, capture_output=True, text=True, timeout=0.2, check=True, env=dict(environ)
        ).stdout
    except (OSError, ValueError, subprocess.SubprocessError):
        return TmuxFacts()
    parts = answer.strip().split("|")
    if len(parts) != 4:
        return TmuxFacts()
    version, passthrough, outer, features = parts
    # before 3.3 there is no such option and everything passes
    passes = passthrough in ("1", "2", "on", "all") or (not passthrough and _number(version) < (3, 3))
    return TmuxFacts(passthrough=passes, outer=outer, features=frozenset(features.split(",")))


def _wish(option: str | None, environ: Mapping[str, str], setting: str | None) -> tuple[Protocol | None, str]:
    named = (("--images", option), (VARIABLE, environ.get(VARIABLE)), ("the setting images", setting))
    for source, word in named:
        for protocol in PROTOCOLS:
            if (word or "").strip().lower() == protocol:
                return protocol, source
    return None, ""


def _unknown_wish(option: str | None, environ: Mapping[str, str], setting: str | None) -> str:
    for source, word in (
        ("--images", option),
        (VARIABLE, environ.get(VARIABLE)),
        ("the setting images", setting),
    ):
        if (word or "auto").strip().lower() not in (*PROTOCOLS, "auto", ""):
            shown = "".join(sign for sign in word or "" if sign.isprintable())[:20]
            return f"{source} says {shown!r}, which is none of {', '.join(PROTOCOLS)}"
    return ""


def _known_plain(environ: Mapping[str, str]) -> TerminalInfo | None:
    """Terminals that need no question, or must not be asked one."""
    term = environ.get("TERM", "")
    colours = _colours(environ, Answers())
    if environ.get("TEXTUAL_DRIVER", "").startswith("textual.drivers.web"):
        width, height = environ.get("TEXTUAL_CELL_WIDTH", ""), environ.get("TEXTUAL_CELL_HEIGHT", "")
        cell = plausible_cell(int(width), int(height)) if width.isdecimal() and height.isdecimal() else None
        return TerminalInfo(
            protocol="half", name="browser", cell=cell, why="in a browser pictures are drawn in half-blocks"
        )
    if term in ("dumb", "unknown") or re.match(r"vt(52|100|102|220)\b", term):
        return TerminalInfo(
            protocol="none", name=term, colours="none", why=f"TERM={term} has no colours, so no pictures"
        )
    if term == "linux":
        return TerminalInfo(
            protocol="half", name=term, colours=colours, why="the Linux console draws half-blocks only"
        )
    if environ.get("TERM_PROGRAM") == "Apple_Terminal":
        return TerminalInfo(
            protocol="half", name="Terminal.app", colours=colours, why="Terminal.app draws half-blocks only"
        )
    return None


def _judge(environ: Mapping[str, str], answers: Answers, cell: tuple[int, int] | None) -> TerminalInfo:
    """The best protocol of a terminal we talk to directly."""
    name, version = answers.name, answers.version
    colours = _colours(environ, answers)
    info = TerminalInfo(protocol="half", name=name, version=version, cell=cell, colours=colours)
    shown = f"{name} {version}".strip() or "the terminal"
    if colours == "none":
        return replace(info, why="NO_COLOR is set, so pictures are half-blocks in greys")
    if _draws_placeholders(name, version):
        if colours != "truecolor":
            return replace(
                info, why=f"{shown} shows kitty pictures only in 24-bit colour, which is switched off"
            )
        return replace(info, protocol="kitty", why=f"{shown} draws kitty pictures")
    if name.lower() == "kitty":
        return replace(
            info, why=f"{shown} has no placeholders for pictures (they came with 0.28): half-blocks"
        )
    if answers.attributes is not None and _SIXEL in answers.attributes:
        if cell is None:
            return replace(info, why=f"{shown} has sixel but does not tell the size of a cell: half-blocks")
        return replace(info, protocol="sixel", why=f"{shown} answers that it has sixel")
    if answers.attributes is None and not name:
        return replace(info, why="the terminal did not answer in time, so pictures are drawn in half-blocks")
    hint = "; it may know kitty pictures: try --images kitty" if name.lower() == "ghostty" else ""
    return replace(info, why=f"{shown} names no picture protocol: half-blocks{hint}")


def _judge_tmux(
    environ: Mapping[str, str],
    inner: Answers,
    outer: Answers | None,
    facts: TmuxFacts,
    cell: tuple[int, int] | None,
) -> TerminalInfo:
    """The best protocol through tmux: what tmux says of itself counts only if the terminal around it agrees."""
    name, version = (outer.name, outer.version) if outer and outer.name else split_version(facts.outer)
    both = f"{name} {version} in tmux {inner.version}".strip() if name else f"tmux {inner.version}".strip()
    colours = _colours(environ, inner)
    if colours != "none" and (_draws_placeholders(name, version) or "RGB" in facts.features):
        colours = "truecolor"
    info = TerminalInfo(protocol="half", name=name or "tmux", version=version, cell=cell, colours=colours)
    if colours == "none":
        return replace(info, why="NO_COLOR is set, so pictures are half-blocks in greys")
    if _draws_placeholders(name, version):
        if outer is not None and outer.name:
            return replace(
                info,
                protocol="kitty",
                through_tmux=True,
                why=f"{both}: kitty pictures through tmux's passthrough",
            )
        return replace(
            info,
            why=f"{both}: half-blocks, as tmux holds pictures back; 'set -g allow-passthrough on' lets them by",
        )
    around = outer.attributes if outer and outer.attributes is not None else frozenset[int]()
    has_sixel = _SIXEL in around or "sixel" in facts.features
    if has_sixel and inner.attributes is not None and _SIXEL in inner.attributes and cell is not None:
        return replace(info, protocol="sixel", why=f"{both}: both have sixel")
    return replace(info, why=f"{both}: no picture protocol that both know, so half-blocks")


def _draws_placeholders(name: str, version: str) -> bool:
    return name.lower() == "kitty" and _number(version) >= (0, 28)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,6}", version)[:3])


def _remote(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY") or environ.get("MOSH_CONNECTION"))


def _colours(environ: Mapping[str, str], answers: Answers) -> Colours:
    """How many colours may be used: the user's word, COLORTERM, the terminal's name, TERM; in this order."""
    if environ.get("NO_COLOR"):
        return "none"
    forced: dict[str, Colours] = {"truecolor": "truecolor", "256": "256", "standard": "16"}
    if (word := environ.get("TEXTUAL_COLOR_SYSTEM", "")) in forced:
        return forced[word]
    term = environ.get("TERM", "").lower()
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") or environ.get("WT_SESSION"):
        return "truecolor"
    name = answers.name.lower()
    if name.startswith(_TRUECOLOR_NAMES) or term.endswith(("-direct", "-truecolor")) or "kitty" in term:
        return "truecolor"
    if name == "xterm" and _number(answers.version) >= (331,):
        return "truecolor"  # directColor has been on by default since patch 331
    if "256" in term:
        return "256"
    return "16"
