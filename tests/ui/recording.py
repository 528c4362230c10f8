"""A screen whose every written byte is kept, and readers for what pictures write: kitty codes and sixel."""

from __future__ import annotations

import asyncio
import io
import re
import time
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from textual import constants
from textual.app import App
from textual.drivers import headless_driver
from textual.pilot import Pilot

LONG_S = 20.0
"""Only a broken program waits this long."""

_Headless: Any = headless_driver.HeadlessDriver


class RecordingDriver(_Headless):  # type: ignore[misc]
    """Textual's own test driver, but it takes frames, and keeps them in order."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.written: list[str] = []

    @property
    def is_headless(self) -> bool:
        return False

    def write(self, data: str) -> None:
        self.written.append(data)


def record(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on `run_test` gives apps the recording driver, and 24-bit colours wherever the tests run."""
    monkeypatch.setattr(headless_driver, "HeadlessDriver", RecordingDriver)
    monkeypatch.setattr(constants, "COLOR_SYSTEM", "truecolor")


def written(app: App[Any]) -> str:
    """All that the app has written so far."""
    driver = app._driver
    assert isinstance(driver, RecordingDriver)
    return "".join(driver.written)


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Let the app run until `condition` holds; fails after a long time."""
    deadline = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        await pilot.pause()
        await asyncio.sleep(0)


KITTY_CODE = re.compile(r"\x1b_G([^;\x1b]*)(?:;([^\x1b]*))?\x1b\\")
SIXEL_CODE = re.compile(r"\x1b7\x1b\[(\d+);(\d+)H(\x1bP[^\x1b]*\x1b\\)\x1b8")


def keys(text: str) -> dict[str, str]:
    """The control data of a kitty code."""
    return dict(part.split("=", 1) for part in text.split(","))


def kitty_codes(text: str) -> list[tuple[dict[str, str], str]]:
    """(control data, payload) of every kitty code in `text`, in order."""
    return [(keys(found[1]), found[2] or "") for found in KITTY_CODE.finditer(text)]


def sent_pictures(text: str) -> dict[int, Image.Image]:
    """The pictures transmitted in `text`, by number, put together from their chunks."""
    pictures: dict[int, Image.Image] = {}
    number, payload = 0, ""
    for control, piece in kitty_codes(text):
        if control.get("a") == "T":
            number, payload = int(control["i"]), ""
        if "m" in control:
            payload += piece
            if control["m"] == "0":
                assert number not in pictures, "sent twice"
                pictures[number] = Image.open(io.BytesIO(b64decode(payload)))
    return pictures


def freed(text: str) -> list[int]:
    """The numbers of pictures whose data was freed in `text`."""
    return [
        int(control["i"])
        for control, _ in kitty_codes(text)
        if control.get("a") == "d" and control["d"] == "I"
    ]


_SIXEL_TOKEN = re.compile(
    r'"(?P<raster>[\d;]+)|#(?P<register>\d+)(?P<define>;2;\d+;\d+;\d+)?|!(?P<repeat>\d+)(?P<repeated>[?-~])'
    r"|(?P<home>\$)|(?P<line>-)|(?P<sign>[?-~])|(?P<other>.)",
    re.DOTALL,
)


def read_sixel(code: str, *, defining_selects: bool = False) -> Image.Image:
    """Draw a sixel code. As in xterm, defining a colour does not select it, unless `defining_selects`."""
    found = re.fullmatch(r"\x1bP[0-9;]*q(.*)\x1b\\", code, re.DOTALL)
    assert found, "no sixel"
    image = Image.new("RGB", (1, 1))
    registers: dict[int, tuple[int, int, int]] = {}
    colour: tuple[int, int, int] = (255, 0, 255)
    x = y = 0
    for token in _SIXEL_TOKEN.finditer(found[1]):
        if token["raster"]:
            _, _, width, height = map(int, token["raster"].split(";"))
            image = Image.new("RGB", (width, height), (255, 0, 255))
        elif token["define"]:
            red, green, blue = (round(int(part) * 2.55) for part in token["define"].split(";")[2:])
            registers[int(token["register"])] = (red, green, blue)
            if defining_selects:
                colour = registers[int(token["register"])]
        elif token["register"]:
            colour = registers[int(token["register"])]
        elif token["home"]:
            x = 0
        elif token["line"]:
            x, y = 0, y + 6
        else:
            assert not token["other"], token["other"]
            bits = ord(token["repeated"] or token["sign"]) - 63
            right = x + int(token["repeat"] or 1)
            for row in range(6):
                if bits >> row & 1 and y + row < image.height:
                    image.paste(colour, (x, y + row, right, y + row + 1))
            x = right
    return image
