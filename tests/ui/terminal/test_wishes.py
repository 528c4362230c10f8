"""Who decides: the command line, the environment, the setting, the terminal; and what Textual is told."""

from __future__ import annotations

import pytest

from silverprint.ui.terminal import (
    TerminalInfo,
    TmuxFacts,
    alt_keys,
    choose,
    look,
    prepare_environment,
    tmux_facts,
    typed_text,
)

KITTY = TerminalInfo(protocol="kitty", name="kitty", version="0.41.1", colours="truecolor", why="asked")
PLAIN = TerminalInfo(protocol="half", colours="256", why="asked")


@pytest.mark.parametrize(
    ("option", "variable", "setting", "protocol"),
    [
        ("half", "sixel", "none", "half"),
        (None, "sixel", "none", "sixel"),
        (None, None, "none", "none"),
        (None, None, None, "kitty"),
        ("auto", "auto", "auto", "kitty"),
        ("auto", "", "HALF", "half"),
        (None, "nonsense", "half", "half"),
    ],
)
def test_order(option: str | None, variable: str | None, setting: str | None, protocol: str) -> None:
    environ = {} if variable is None else {"SILVERPRINT_IMAGES": variable}
    assert choose(KITTY, option=option, environ=environ, setting=setting).protocol == protocol


def test_why_names_the_source() -> None:
    assert "--images" in choose(KITTY, option="half", environ={}).why
    assert "SILVERPRINT_IMAGES" in choose(KITTY, environ={"SILVERPRINT_IMAGES": "half"}).why


def test_unknown_word_is_told_and_never_carries_codes() -> None:
    info = choose(KITTY, environ={"SILVERPRINT_IMAGES": "vr\x1b[2J"})
    assert info.protocol == "kitty"
    assert "SILVERPRINT_IMAGES" in info.why
    assert "\x1b" not in info.why


def test_forced_kitty_brings_its_colours_and_its_way_through_tmux() -> None:
    info = choose(PLAIN, option="kitty", environ={"TMUX": "/tmp/x,1,0"})
    assert (info.protocol, info.colours, info.through_tmux) == ("kitty", "truecolor", True)


def test_forced_kitty_without_colours_cannot_be() -> None:
    blind = TerminalInfo(protocol="half", colours="none")
    assert choose(blind, option="kitty", environ={"NO_COLOR": "1"}).protocol == "half"


def test_a_wish_for_half_blocks_asks_nothing() -> None:
    info = look({"TERM": "xterm-256color"}, option="half", tty_path="/nowhere")
    assert (info.protocol, info.colours) == ("half", "256")
    assert "/nowhere" not in info.why


def test_look_asks_when_nothing_is_wished() -> None:
    assert "/nowhere" in look({"TERM": "xterm"}, tty_path="/nowhere").why


def test_textual_is_told_24_bits_for_kitty() -> None:
    environ = {"TEXTUAL_COLOR_SYSTEM": "256"}
    prepare_environment(KITTY, environ)
    assert environ == {"TEXTUAL_COLOR_SYSTEM": "truecolor", "COLORTERM": "truecolor"}


@pytest.mark.parametrize(("colours", "system"), [("256", "256"), ("16", "standard")])
def test_fewer_colours_step_down(colours: str, system: str) -> None:
    environ: dict[str, str] = {}
    prepare_environment(TerminalInfo(protocol="half", colours=colours), environ)  # type: ignore[arg-type]
    assert environ == {"TEXTUAL_COLOR_SYSTEM": system}


def test_the_users_word_stays_for_half_blocks() -> None:
    environ = {"TEXTUAL_COLOR_SYSTEM": "standard"}
    prepare_environment(PLAIN, environ)
    assert environ == {"TEXTUAL_COLOR_SYSTEM": "standard"}


def test_no_colour_changes_nothing() -> None:
    environ = {"NO_COLOR": "1"}
    prepare_environment(TerminalInfo(protocol="half", colours="none"), environ)
    assert environ == {"NO_COLOR": "1"}


def test_without_tmux_nobody_is_asked() -> None:
    assert tmux_facts({}) == TmuxFacts()


def test_a_tmux_that_is_gone_is_no_error() -> None:
    assert (
        tmux_facts({"TMUX": "/nowhere/default,1,0", "TMUX_PANE": "%0", "PATH": "/usr/bin:/bin"})
        == TmuxFacts()
    )


def test_text_typed_ahead_is_kept_and_control_keys_are_not() -> None:
    info = TerminalInfo(protocol="half", typed="a лис\x1b[A\x1bOB\x1b[1;5C\r狐\x07\x1bx\x7f\x1b")
    assert typed_text(info) == "a лис\n狐"
    assert typed_text(TerminalInfo(protocol="half")) == ""


def test_only_xterm_is_told_how_to_send_alt() -> None:
    start, end = alt_keys(TerminalInfo(protocol="sixel", name="XTerm"))
    assert (start, end) == ("\x1b[?1036;1039s\x1b[?1036;1039h", "\x1b[?1036;1039r")
    assert alt_keys(KITTY) == ("", "")
