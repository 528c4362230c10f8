"""Kitty's graphics protocol, the part with Unicode placeholders: the bytes, and the memory of what was sent.

The picture is sent once under a number; placeholder characters whose 24-bit foreground colour is that number
show it wherever they stand, so scrolling moves plain text. Sources: kitty's "Terminal graphics protocol",
section "Unicode placeholders". Writing to the terminal is left to the caller.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

PLACEHOLDER = "\U0010eeee"
CHUNK = 4096
"""Most characters of payload in one escape code, by the protocol."""
BUDGET_BYTES = 200_000_000
"""Decoded bytes we let the terminal hold for us; kitty's own quota is about 320 MB, for all programs."""

_RUNS = (
    "305 30d-30e 310 312 33d-33f 346 34a-34c 350-352 357 35b 363-36f 483-487 592-595 597-599 59c-5a1 "
    "5a8-5a9 5ab-5ac 5af 5c4 610-617 657-65b 65d-65e 6d6-6dc 6df-6e2 6e4 6e7-6e8 6eb-6ec 730 732-733 "
    "735-736 73a 73d 73f-741 743 745 747 749-74a 7eb-7f1 7f3 816-819 81b-823 825-827 829-82d 951 953-954 "
    "f82-f83 f86-f87 135d-135f 17dd 193a 1a17 1a75-1a7c 1b6b 1b6d-1b73 1cd0-1cd2 1cda-1cdb 1ce0 "
    "1dc0-1dc1 1dc3-1dc9 1dcb-1dcc 1dd1-1de6 1dfe 20d0-20d1 20d4-20d7 20db-20dc 20e1 20e7 20e9 20f0 "
    "2cef-2cf1 2de0-2dff a66f a67c-a67d a6f0-a6f1 a8e0-a8f1 aab0 aab2-aab3 aab7-aab8 aabe-aabf aac1 "
    "fe20-fe26 10a0f 10a38 1d185-1d189 1d1aa-1d1ad 1d242-1d244"
)


def _diacritics() -> str:
    signs: list[str] = []
    for run in _RUNS.split():
        first, _, last = run.partition("-")
        signs += map(chr, range(int(first, 16), int(last or first, 16) + 1))
    return "".join(signs)


DIACRITICS = _diacritics()
"""The combining marks that count rows and columns from 0 (kitty's rowcolumn-diacritics.txt), 297 of them."""
MOST_CELLS = len(DIACRITICS)


def colour_of(number: int) -> tuple[int, int, int]:
    """The foreground colour (red, green, blue) that names picture `number`, 1 to 2**24 - 1."""
    return number >> 16 & 255, number >> 8 & 255, number & 255


def placeholder_row(row: int, columns: int) -> str:
    """The text of one row of cells. Every cell names its row and column, so any part of it stands alone."""
    start = PLACEHOLDER + DIACRITICS[row]
    return "".join([start + mark for mark in DIACRITICS[:columns]])


def transmit(number: int, png: bytes, columns: int, rows: int, *, tmux: bool = False) -> str:
    """The escape codes that send a PNG and place it, invisibly, in `columns` x `rows` cells (a=T, U=1).

    In chunks of 4096 characters, with q=2, so that the terminal answers nothing into the keyboard.
    """
    payload = b64encode(png).decode("ascii")
    pieces = [payload[start : start + CHUNK] for start in range(0, len(payload), CHUNK)] or [""]
    codes: list[str] = []
    for index, piece in enumerate(pieces):
        more = int(index < len(pieces) - 1)
        keys = (
            f"a=T,U=1,f=100,i={number},c={columns},r={rows},q=2,m={more}" if index == 0 else f"q=2,m={more}"
        )
        codes.append(_wrap(f"\x1b_G{keys};{piece}\x1b\\", tmux=tmux))
    return "".join(codes)


def delete(number: int, *, tmux: bool = False) -> str:
    """The escape code that removes a picture and frees its data (d=I; the small letter would keep the data)."""
    return _wrap(f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\", tmux=tmux)


def _wrap(code: str, *, tmux: bool) -> str:
    return "\x1bPtmux;" + code.replace("\x1b", "\x1b\x1b") + "\x1b\\" if tmux else code


@dataclass(slots=True)
class _Held:
    number: int
    cost: int
    pinned: bool


class KittyStore:
    """What the terminal holds for us: one number a picture and size, the least recently used freed first.

    `write` takes escape codes; `dropped` is told the key of a picture that was freed to make room.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        tmux: bool = False,
        budget: int = BUDGET_BYTES,
        dropped: Callable[[Hashable], None] | None = None,
    ) -> None:
        self._write = write
        self._tmux = tmux
        self._budget = budget
        self._dropped = dropped
        self._held: OrderedDict[Hashable, _Held] = OrderedDict()
        self._cost = 0
        # another program in the same terminal may count from 1: begin somewhere else
        self._next = int.from_bytes(os.urandom(3), "big") | 0x010000

    @property
    def cost(self) -> int:
        """Decoded bytes held by the terminal now."""
        return self._cost

    def __len__(self) -> int:
        return len(self._held)

    def send(
        self,
        key: Hashable,
        png: bytes,
        size: tuple[int, int],
        cells: tuple[int, int],
        *,
        pinned: bool = False,
    ) -> int:
        """Send a picture of `size` pixels into `cells`, unless it is held already; returns its number.

        A pinned picture is never freed to make room, only by `free`.
        """
        held = self._held.get(key)
        if held is not None:
            self._held.move_to_end(key)
            return held.number
        cost = size[0] * size[1] * 4
        self._make_room(cost)
        number = self._number()
        self._write(transmit(number, png, *cells, tmux=self._tmux))
        self._held[key] = _Held(number, cost, pinned)
        self._cost += cost
        return number

    def touch(self, key: Hashable) -> None:
        """Note that the picture is in use."""
        if key in self._held:
            self._held.move_to_end(key)

    def free(self, key: Hashable) -> None:
        """Remove a picture from the terminal; unknown keys are passed over."""
        held = self._held.pop(key, None)
        if held is not None:
            self._cost -= held.cost
            self._write(delete(held.number, tmux=self._tmux))

    def free_all(self) -> None:
        """Remove everything we sent."""
        for key in list(self._held):
            self.free(key)

    def forget_all(self) -> list[Hashable]:
        """The terminal lost its pictures: give up all numbers without a word. Returns the keys there were."""
        keys = list(self._held)
        self._held.clear()
        self._cost = 0
        return keys

    def _make_room(self, cost: int) -> None:
        for key in [key for key, held in self._held.items() if not held.pinned]:
            if self._cost + cost <= self._budget:
                return
            self.free(key)
            if self._dropped is not None:
                self._dropped(key)

    def _number(self) -> int:
        used = {held.number for held in self._held.values()}
        while True:
            self._next = self._next + 1 if self._next < 0xFFFFFF else 0x010000
            if self._next not in used:
                return self._next
