"""PictureView on a recorded screen: what it writes, when, and above all what it does not write again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from textual.app import App, ComposeResult
from textual.containers import Container
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Label

from silverprint.core.image import RawImage
from silverprint.ui.pixels import encode as encode_module
from silverprint.ui.pixels import painter as painter_module
from silverprint.ui.pixels import rest
from silverprint.ui.pixels.kitty import PLACEHOLDER, colour_of
from silverprint.ui.pixels.painter import install, painter_of
from silverprint.ui.terminal import Protocol, TerminalInfo
from silverprint.ui.widgets import picture as picture_module
from silverprint.ui.widgets.picture import PictureView
from tests.ui.recording import SIXEL_CODE, freed, read_sixel, record, sent_pictures, until, written

RED, GREEN, BLUE = (200, 30, 20), (20, 180, 40), (20, 40, 220)


def plain(colour: tuple[int, int, int], width: int = 16, height: int = 16) -> RawImage:
    return RawImage(width=width, height=height, data=bytes(colour) * width * height)


class Dialog(ModalScreen[None]):
    CSS = "Dialog { background: transparent; align: center middle; } Label { background: blue; }"

    def compose(self) -> ComposeResult:
        yield Label("dialog")


class Host(App[None]):
    CSS = """
    Screen { layers: base over; layout: vertical; }
    #box { height: 10; width: 40; padding: 0; }
    #over { layer: over; offset: 18 2; width: 6; height: 2; display: none; background: blue; }
    """

    def __init__(self, protocol: Protocol, image: RawImage | Path | None = None) -> None:
        super().__init__()
        install(self, TerminalInfo(protocol=protocol, cell=(10, 20)))
        self.first = image
        self.told: list[PictureView.Shown] = []

    def compose(self) -> ComposeResult:
        with Container(id="box"):
            yield PictureView(self.first)
        yield Label("beside", id="beside")
        yield Label("over", id="over")

    def on_picture_view_shown(self, message: PictureView.Shown) -> None:
        self.told.append(message)

    def on_picture_view_failed(self, message: PictureView.Failed) -> None:
        self.told.append(message)

    @property
    def view(self) -> PictureView:
        return self.screen_stack[0].query_one(PictureView)


@pytest.fixture(autouse=True)
def recording(monkeypatch: pytest.MonkeyPatch) -> None:
    record(monkeypatch)
    for module, name in ((picture_module, "_REST_S"), (picture_module, "PAUSE_S"), (rest, "PAUSE_S")):
        monkeypatch.setattr(module, name, 0.0)


def still(app: Host) -> bool:
    """Whether the view has nothing more to do or to paint."""
    view = app.view
    busy = any(task is not None and not task.done() for task in (view._drawing, view._sharpening))
    return not busy and (view._sharpener is None or view._sharpener._timer is None)


async def settle(pilot: Pilot[Any], app: Host) -> None:
    await pilot.pause()
    await until(pilot, lambda: still(app))
    await pilot.pause()


def sixels(app: Host) -> list[tuple[int, int, tuple[int, ...]]]:
    """(row, column, colour in the middle) of each sixel written, from 0."""
    found: list[tuple[int, int, tuple[int, ...]]] = []
    for row, column, code in SIXEL_CODE.findall(written(app)):
        image = read_sixel(code)
        colour = image.getpixel((image.width // 2, image.height // 2))
        assert isinstance(colour, tuple)
        found.append((int(row) - 1, int(column) - 1, tuple(map(int, colour))))
    return found


def near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 8 for a, b in zip(one, other, strict=True))


def shown_numbers(app: Host) -> list[int]:
    """The kitty numbers whose placeholders were written, in order."""
    colours = re.findall(rf"\x1b\[38;2;(\d+);(\d+);(\d+)m{PLACEHOLDER}", written(app))
    return [int(red) << 16 | int(green) << 8 | int(blue) for red, green, blue in colours]


async def test_before_there_is_a_picture_words_say_so() -> None:
    app = Host("half")
    async with app.run_test(size=(60, 16)) as pilot:
        await settle(pilot, app)
        assert "no picture yet" in written(app)
        app.view.placeholder = "type and press\x1b[31m ctrl+g"
        await pilot.pause()
        assert "type and press[31m ctrl+g" in written(app)
        assert app.view.picture_size is None


async def test_half_blocks_in_the_middle_of_the_box() -> None:
    app = Host("half", plain(RED))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: app.told)
        await settle(pilot, app)
        assert app.view.picture_region == (10, 0, 20, 10)
        assert app.view.picture_size == (16, 16)
        assert "\x1b[38;2;200;30;20;48;2;200;30;20m" + "▀" * 20 in written(app)


async def test_a_file_that_is_no_picture_says_why(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("text")
    app = Host("kitty", path)
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: app.told)
        await settle(pilot, app)
        assert isinstance(app.told[0], PictureView.Failed)
        assert all(word in written(app) for word in app.told[0].reason.split())
        app.view.image = plain(RED)
        await until(pilot, lambda: len(app.told) == 2)
        assert not isinstance(app.told[1], PictureView.Failed)


async def test_nothing_is_decoded_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    def watched(order: encode_module.Order) -> encode_module.Encoded:
        assert threading.current_thread() is not threading.main_thread()
        return encode_module.encode(order)

    monkeypatch.setattr(painter_module, "encode", watched)
    app = Host("sixel", plain(RED))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: sixels(app))
        assert app.told


async def test_kitty_sends_once_whatever_is_redrawn() -> None:
    app = Host("kitty", plain(RED))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: app.told)
        await settle(pilot, app)
        (number,) = sent_pictures(written(app))
        assert set(shown_numbers(app)) == {number}
        rows = len(shown_numbers(app))
        app.query_one("#beside", Label).update("changed")
        await settle(pilot, app)
        assert "changed" in written(app)
        assert len(shown_numbers(app)) == rows, "text beside it does not redraw it"
        app.view.refresh()
        app.push_screen(Dialog())
        await settle(pilot, app)
        app.pop_screen()
        await settle(pilot, app)
        assert len(shown_numbers(app)) > rows
        assert list(sent_pictures(written(app))) == [number]


async def test_kitty_swaps_without_a_gap_and_frees_the_old() -> None:
    app = Host("kitty", plain(RED))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: app.told)
        await settle(pilot, app)
        app.view.image = plain(BLUE)
        await until(pilot, lambda: freed(written(app)))
        first, second = sent_pictures(written(app))
        assert freed(written(app)) == [first]
        text = written(app)
        red, green, blue = colour_of(second)
        drawn = text.index(f"\x1b[38;2;{red};{green};{blue}m{PLACEHOLDER}")
        assert text.index(f"i={second},c=") < drawn < text.index(f"d=I,i={first},")
        await app.view.remove()
        assert freed(written(app)) == [first, second]


async def test_the_newest_preview_wins_and_the_last_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[encode_module.Order] = []

    def counted(order: encode_module.Order) -> encode_module.Encoded:
        made.append(order)
        return encode_module.encode(order)

    monkeypatch.setattr(painter_module, "encode", counted)
    app = Host("kitty")
    async with app.run_test(size=(60, 16)) as pilot:
        await settle(pilot, app)
        for level in range(0, 200, 4):
            app.view.image = plain((level, 0, 0))
        last = app.view.image = plain(GREEN)
        await until(pilot, lambda: app.told and app.told[-1].image is last)
        await settle(pilot, app)
        assert len(made) <= 3, "what was overtaken is not encoded"
        sent = sent_pictures(written(app))
        assert sent[shown_numbers(app)[-1]].getpixel((0, 0)) == GREEN
        assert set(freed(written(app))) == set(sent) - {shown_numbers(app)[-1]}


async def test_none_clears_at_once_and_frees() -> None:
    app = Host("kitty", plain(RED))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: app.told)
        app.view.image = None
        await until(pilot, lambda: freed(written(app)))
        assert "no picture yet" in written(app)
        assert app.view.picture_size is None


async def test_a_resize_draws_it_to_the_new_size() -> None:
    app = Host("kitty", plain(RED))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: app.told)
        app.query_one("#box").styles.height = 6
        await until(pilot, lambda: app.view.picture_region.height == 6)
        assert [image.size for image in sent_pictures(written(app)).values()] == [(200, 200), (120, 120)]


async def test_after_suspend_the_picture_is_sent_again() -> None:
    app = Host("kitty", plain(RED))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: app.told)
        app.app_resume_signal.publish(app)
        await until(pilot, lambda: len(sent_pictures(written(app))) == 2)
        await settle(pilot, app)
        assert shown_numbers(app)[-1] == list(sent_pictures(written(app)))[1]


async def test_sixel_is_painted_once_at_rest_in_its_place() -> None:
    app = Host("sixel", plain(RED))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: sixels(app))
        await settle(pilot, app)
        painted = sixels(app)
        assert {(row, column) for row, column, _ in painted} == {(0, 10)}
        assert near(painted[0][2], RED)
        app.query_one("#beside", Label).update("changed")
        await settle(pilot, app)
        assert "changed" in written(app)
        assert len(sixels(app)) == len(painted), "text beside it does not send it again"


async def test_sixel_wiped_by_text_is_painted_again_from_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted(order: encode_module.Order) -> encode_module.Encoded:
        made.append(order.kind)
        return encode_module.encode(order)

    monkeypatch.setattr(painter_module, "encode", counted)
    app = Host("sixel", plain(RED))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: sixels(app))
        await settle(pilot, app)
        count = len(sixels(app))
        app.view.refresh()
        await until(pilot, lambda: len(sixels(app)) == count + 1)
        assert made == ["half", "sixel"]


async def test_sixel_never_smears_over_a_dialog() -> None:
    app = Host("sixel", plain(RED))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: sixels(app))
        app.push_screen(Dialog())
        await settle(pilot, app)
        count = len(sixels(app))
        app.view.image = plain(BLUE)
        await until(pilot, lambda: len(app.told) == 2)
        await settle(pilot, app)
        assert len(sixels(app)) == count
        app.pop_screen()
        await until(pilot, lambda: len(sixels(app)) > count)
        assert near(sixels(app)[-1][2], BLUE)


async def test_sixel_never_smears_over_what_lies_on_it() -> None:
    app = Host("sixel", plain(RED))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: sixels(app))
        await settle(pilot, app)
        app.query_one("#over").display = True
        await settle(pilot, app)
        count = len(sixels(app))
        app.view.refresh()
        await settle(pilot, app)
        assert len(sixels(app)) == count
        app.query_one("#over").display = False
        await until(pilot, lambda: len(sixels(app)) > count)


async def test_sixel_keeps_off_the_last_line() -> None:
    app = Host("sixel", plain(RED))
    async with app.run_test(size=(60, 10)) as pilot:
        await until(pilot, lambda: app.told)
        await settle(pilot, app)
        assert not sixels(app)
        await pilot.resize_terminal(60, 12)
        await until(pilot, lambda: sixels(app))


async def test_sixel_previews_repaint_in_place_and_the_last_lands() -> None:
    app = Host("sixel", plain((1, 1, 1)))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: sixels(app))
        await settle(pilot, app)
        halves = written(app).count("▀")
        for colour in (RED, BLUE, GREEN):
            app.view.image = plain(colour)
            await until(pilot, lambda: app.told[-1].image is app.view.image)
        await until(pilot, lambda: near(sixels(app)[-1][2], GREEN))
        await settle(pilot, app)
        assert near(sixels(app)[-1][2], GREEN)
        assert written(app).count("▀") == halves, "half-blocks in between would flicker"


async def test_no_protocol_is_a_frame_with_the_size() -> None:
    app = Host("none", plain(RED, 32, 24))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: app.told)
        await settle(pilot, app)
        assert "32 x 24" in written(app)
        assert "▀" not in written(app)


async def test_no_color_makes_it_grey(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = Host("half", plain(RED))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: app.told)
        await settle(pilot, app)
        colours = re.findall(r"[34]8;2;(\d+);(\d+);(\d+)[;m]", written(app))
        assert "▀" in written(app)
        assert all(red == green == blue for red, green, blue in colours)


async def test_files_too(tmp_path: Path) -> None:
    path = tmp_path / "fox.png"
    Image.new("RGB", (40, 20), BLUE).save(path)
    app = Host("kitty", path)
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, lambda: app.told)
        assert app.told[0].image == path
        assert app.view.picture_size == (40, 20)
        assert painter_of(app).protocol == "kitty"


@pytest.mark.parametrize("protocol", ["kitty", "sixel", "half", "none"])
async def test_removed_while_drawing(protocol: Protocol, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    started, go_on = threading.Event(), threading.Event()

    def slow(order: encode_module.Order) -> encode_module.Encoded:
        started.set()
        go_on.wait(20)
        return encode_module.encode(order)

    monkeypatch.setattr(painter_module, "encode", slow)
    app = Host(protocol, plain(RED))
    async with app.run_test(size=(60, 16)) as pilot:
        await until(pilot, started.is_set)
        view = app.view
        await view.remove()
        go_on.set()
        await until(pilot, lambda: view._drawing is None or view._drawing.done())
        assert not app.told
        assert set(freed(written(app))) == set(sent_pictures(written(app)))
