"""The painter: never decodes in a render, keeps within bounds, sends once, and sharpens later on a slow line."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from textual.app import App

from silverprint.core.image import RawImage
from silverprint.ui.pixels import encode as encode_module
from silverprint.ui.pixels import painter as painter_module
from silverprint.ui.pixels.painter import Drawn, Painter, install, painter_of
from silverprint.ui.terminal import Protocol, TerminalInfo
from tests.ui.recording import freed, record, sent_pictures, until, written

BOX = (8, 4)


def picture(colour: tuple[int, int, int] = (200, 30, 20), side: int = 16) -> RawImage:
    return RawImage(width=side, height=side, data=bytes(colour) * side * side)


def host(protocol: Protocol, **more: Any) -> App[None]:
    app: App[None] = App()
    install(app, TerminalInfo(protocol=protocol, cell=(10, 20), **more))
    return app


@pytest.fixture(autouse=True)
def recording(monkeypatch: pytest.MonkeyPatch) -> None:
    record(monkeypatch)


def test_an_app_without_a_painter_draws_half_blocks() -> None:
    app: App[None] = App()
    painter = painter_of(app)
    assert painter.protocol == "half"
    assert painter_of(app) is painter


async def test_request_is_served_in_a_thread_and_then_from_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    real = encode_module.encode

    def watched(order: encode_module.Order) -> encode_module.Encoded:
        threads.append(threading.current_thread())
        return real(order)

    monkeypatch.setattr(painter_module, "encode", watched)
    app = host("half")
    async with app.run_test() as pilot:
        painter, ready = painter_of(app), list[str]()

        def told() -> None:
            ready.append("fox")

        assert painter.request("fox", picture(), BOX, told) is None
        assert painter.request("fox", picture(), BOX, told) is None, "asked twice, made once"
        await until(pilot, lambda: ready)
        drawn = painter.request("fox", picture(), BOX)
        assert drawn is not None
        assert (drawn.columns, drawn.rows, drawn.size) == (8, 4, (16, 16))
        assert [strip.text for strip in drawn.strips] == ["▀" * 8] * 4
        assert ready == ["fox"]
        assert len(threads) == 1
        assert threads[0] is not threading.main_thread()


async def test_kitty_pictures_are_sent_once_and_freed_at_the_end() -> None:
    app = host("kitty")
    async with app.run_test() as pilot:
        painter = painter_of(app)
        await until(pilot, lambda: painter.request("fox", picture(), BOX))
        for _ in range(5):
            painter.request("fox", picture(), BOX)
        await until(pilot, lambda: painter.request("fox", picture(), (4, 2)))
        sent = sent_pictures(written(app))
        assert sorted(image.size for image in sent.values()) == [(40, 40), (80, 80)]
        assert {image.mode for image in sent.values()} == {"P"}, "thumbnails go in 256 colours"
        assert next(iter(sent.values())).convert("RGB").getpixel((3, 3)) == (200, 30, 20)
        painter.close()
        painter.close()
        assert sorted(freed(written(app))) == sorted(sent)


async def test_through_tmux() -> None:
    app = host("kitty", through_tmux=True)
    async with app.run_test() as pilot:
        await until(pilot, lambda: painter_of(app).request("fox", picture(), BOX))
        assert "\x1bPtmux;\x1b\x1b_Ga=T" in written(app)


async def test_memory_is_bounded_and_what_left_is_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painter_module, "_KEEP_CELLS", 3 * 32)
    app = host("kitty")
    async with app.run_test() as pilot:
        painter = painter_of(app)
        for name in ("one", "two", "three", "four"):
            await until(pilot, lambda name=name: painter.request(name, picture(), BOX))  # type: ignore[misc]
        assert len(freed(written(app))) == 1
        assert painter.request("four", picture(), BOX) is not None
        assert painter.request("one", picture(), BOX) is None, "the oldest went"


async def test_the_newest_request_is_served_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painter_module, "_AT_ONCE", 1)
    monkeypatch.setattr(painter_module, "_MOST_WAITING", 3)
    app = host("half")
    async with app.run_test() as pilot:
        painter, order = painter_of(app), list[str]()

        def told(name: str) -> Callable[[], None]:
            return lambda: order.append(name)

        for name in ("a", "b", "c", "d", "e"):
            painter.request(name, picture(), BOX, told(name))
        await until(pilot, lambda: len(order) == 3)
        assert order == ["e", "d", "c"], "the oldest of too many are forgotten"
        assert painter.request("a", picture(), BOX, told("a")) is None
        await until(pilot, lambda: "a" in order)


async def test_on_a_slow_line_half_blocks_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = True
    monkeypatch.setattr(Painter, "busy", lambda self: busy)
    app = host("kitty")
    async with app.run_test() as pilot:
        painter, seen = painter_of(app), list[Drawn | None]()
        painter.request("fox", picture(), BOX, lambda: seen.append(painter.request("fox", picture(), BOX)))
        await until(pilot, lambda: seen)
        assert seen[0] is not None
        assert seen[0].rough
        assert seen[0].strips[0].text == "▀" * 8
        assert not sent_pictures(written(app))
        busy = False
        await until(pilot, lambda: len(seen) == 2)
        assert seen[1] is not None
        assert not seen[1].rough
        assert len(sent_pictures(written(app))) == 1


async def test_what_scrolled_away_is_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = True
    monkeypatch.setattr(Painter, "busy", lambda self: busy)
    monkeypatch.setattr(painter_module, "_MOST_ROUGH", 1)
    app = host("kitty")
    async with app.run_test() as pilot:
        painter = painter_of(app)
        await until(pilot, lambda: painter.request("gone", picture((1, 1, 1)), BOX))
        await until(pilot, lambda: painter.request("seen", picture((9, 9, 9)), BOX))
        busy = False
        await until(pilot, lambda: sent_pictures(written(app)))
        assert [image.convert("RGB").getpixel((0, 0)) for image in sent_pictures(written(app)).values()] == [
            (9, 9, 9)
        ]
        assert painter.request("gone", picture((1, 1, 1)), BOX) is None, (
            "it is made anew when it is seen again"
        )


async def test_unreadable_files_are_frames_and_not_tried_again(tmp_path: Path) -> None:
    app = host("kitty")
    async with app.run_test() as pilot:
        painter = painter_of(app)
        await until(pilot, lambda: painter.request("bad", tmp_path / "none.png", (30, 3)))
        Image.new("RGB", (4, 4)).save(tmp_path / "none.png")
        drawn = painter.request("bad", tmp_path / "none.png", (30, 3))
        assert drawn is not None
        assert drawn.error
        assert drawn.error in drawn.strips[1].text
        assert not sent_pictures(written(app))
        painter.forget("bad")
        assert painter.request("bad", tmp_path / "none.png", (30, 3)) is None


async def test_no_protocol_is_a_frame_with_the_size() -> None:
    app = host("none")
    async with app.run_test() as pilot:
        painter = painter_of(app)
        drawn = await painter.draw(picture(), (20, 10))
        assert "16 x 16" in "".join(strip.text for strip in drawn.strips)
        await pilot.pause()


async def test_sixel_terminals_get_half_blocks_and_code_on_request() -> None:
    app = host("sixel")
    async with app.run_test() as pilot:
        painter = painter_of(app)
        await until(pilot, lambda: painter.request("fox", picture(), BOX))
        await until(pilot, lambda: painter.sixel("fox", picture(), BOX))
        code = painter.sixel("fox", picture(), BOX)
        assert code is not None
        assert code.startswith("\x1bP")
        assert code not in written(app), "when to paint is the widget's affair"


async def test_after_another_program_had_the_terminal_all_is_sent_anew() -> None:
    app = host("kitty")
    async with app.run_test() as pilot:
        painter = painter_of(app)
        await until(pilot, lambda: painter.request("fox", picture(), BOX))
        app.app_resume_signal.publish(app)
        assert painter.request("fox", picture(), BOX) is None
        await until(pilot, lambda: painter.request("fox", picture(), BOX))
        assert len(sent_pictures(written(app))) == 2


def test_drawing_loads_pillow_only_with_the_first_picture() -> None:
    code = (
        "import sys, silverprint.ui.widgets.picture, silverprint.ui.theme;"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(output.split()) & {"PIL", "numpy", "textual_image", "httpx"}
