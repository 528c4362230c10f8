"""Kitty's codes and the memory of what the terminal holds."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Hashable

from PIL import Image
from rich.cells import cell_len

from silverprint.ui.pixels.kitty import (
    CHUNK,
    DIACRITICS,
    PLACEHOLDER,
    KittyStore,
    colour_of,
    delete,
    placeholder_row,
    transmit,
)
from tests.ui.recording import KITTY_CODE, freed, kitty_codes, sent_pictures


def png(side: int = 4, colour: tuple[int, int, int] = (1, 2, 3)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()


def noise() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((128, 128), 90).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_marks_are_the_libraries() -> None:
    """Our table and textual-image's (read in a process without a terminal, as importing it asks questions)."""
    code = "from textual_image.renderable import tgp; print(*tgp._NUMBER_TO_DIACRITIC)"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    ).stdout
    assert [int(number) for number in output.split()] == [ord(mark) for mark in DIACRITICS]


def test_transmit_in_chunks_with_the_picture_whole() -> None:
    data = noise()
    codes = kitty_codes(transmit(0x123456, data, 20, 10))
    assert len(codes) > 2
    first, last = codes[0][0], codes[-1][0]
    assert first == {
        "a": "T",
        "U": "1",
        "f": "100",
        "i": str(0x123456),
        "c": "20",
        "r": "10",
        "q": "2",
        "m": "1",
    }
    assert last == {"q": "2", "m": "0"}
    assert all(len(payload) == CHUNK for _, payload in codes[:-1])
    assert all(control["q"] == "2" for control, _ in codes), "an answer would be typed into the app"
    sent = sent_pictures(transmit(0x123456, data, 20, 10))[0x123456]
    assert sent.tobytes() == Image.open(io.BytesIO(data)).tobytes()


def test_a_small_picture_is_one_code() -> None:
    assert [control["m"] for control, _ in kitty_codes(transmit(7, png(), 1, 1))] == ["0"]


def test_through_tmux_each_code_is_wrapped() -> None:
    data = noise()
    plain, wrapped = transmit(7, data, 2, 1), transmit(7, data, 2, 1, tmux=True)
    parts = re.findall(r"\x1bPtmux;((?:\x1b\x1b|[^\x1b])*)\x1b\\", wrapped)
    assert "".join(part.replace("\x1b\x1b", "\x1b") for part in parts) == plain
    assert all(len(KITTY_CODE.findall(part.replace("\x1b\x1b", "\x1b"))) == 1 for part in parts)
    assert delete(7, tmux=True).startswith("\x1bPtmux;\x1b\x1b_G")


def test_delete_frees_the_data() -> None:
    assert kitty_codes(delete(7)) == [({"a": "d", "d": "I", "i": "7", "q": "2"}, "")]


def test_a_row_of_placeholders_counts_its_cells() -> None:
    row = placeholder_row(3, 50)
    assert cell_len(row) == 50
    assert row == "".join(PLACEHOLDER + DIACRITICS[3] + DIACRITICS[column] for column in range(50))


def test_the_number_is_in_the_colour() -> None:
    assert colour_of(0x123456) == (0x12, 0x34, 0x56)


def test_the_store_sends_once() -> None:
    out: list[str] = []
    store = KittyStore(out.append)
    number = store.send("fox", png(), (4, 4), (2, 1))
    assert store.send("fox", png(), (4, 4), (2, 1)) == number
    assert store.send("owl", png(), (4, 4), (2, 1)) != number
    assert list(sent_pictures("".join(out))) == [number, number + 1]
    assert store.cost == 2 * 4 * 4 * 4


def test_the_store_frees_the_least_recently_used() -> None:
    out: list[str] = []
    gone: list[Hashable] = []
    store = KittyStore(out.append, budget=3 * 64, dropped=gone.append)
    numbers = {key: store.send(key, png(), (4, 4), (2, 1)) for key in ("one", "two", "three")}
    assert not freed("".join(out))
    store.touch("one")
    store.send("four", png(), (4, 4), (2, 1))
    assert gone == ["two"]
    assert freed("".join(out)) == [numbers["two"]]
    assert store.cost == 3 * 64
    assert store.send("two", png(), (4, 4), (2, 1)) != numbers["two"]


def test_a_pinned_picture_stays() -> None:
    out: list[str] = []
    store = KittyStore(out.append, budget=64)
    store.send("large", png(), (4, 4), (2, 1), pinned=True)
    for key in ("one", "two"):
        store.send(key, png(), (4, 4), (2, 1))
    assert len(freed("".join(out))) == 1
    store.free("large")
    store.free("unknown")
    store.free_all()
    assert (len(store), store.cost) == (0, 0)
    assert len(freed("".join(out))) == 3


def test_a_terminal_that_lost_all_gets_it_anew() -> None:
    out: list[str] = []
    store = KittyStore(out.append)
    first = store.send("fox", png(), (4, 4), (2, 1))
    assert store.forget_all() == ["fox"]
    assert store.send("fox", png(), (4, 4), (2, 1)) != first
    assert not freed("".join(out))
