"""The filmstrip: one widget, frames side by side, the one on view always in sight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from silverprint.core.image import RawImage
from silverprint.core.job import JobState
from silverprint.core.picture import Picture
from silverprint.core.update import Working
from silverprint.ui.frames import Frame
from silverprint.ui.pixels.painter import Box, Drawn
from silverprint.ui.pixels.strips import HalfBlockStrip
from silverprint.ui.widgets.filmstrip import Filmstrip
from tests.ui import samples
from tests.ui.conftest import screen_text
from tests.ui.hosts import WidgetHost


class Painted:
    """Thumbnails as the letter T, as large as their box."""

    def __init__(self) -> None:
        self.on_view: list[str] = []

    def drawn(self, picture: Picture, box: Box) -> Drawn | None:
        row = Strip([Segment("T" * box[0], Style(color="#ff0000"))], box[0])
        return Drawn(columns=box[0], rows=box[1], strips=(row,) * box[1], size=(64, 64))

    def sixel(self, picture: Picture, box: Box, ready: Callable[[], None]) -> str | None:
        return ""

    def wanted(self, pictures: Sequence[Picture]) -> None:
        self.on_view = [picture.id for picture in pictures]


def frames(count: int) -> list[Frame]:
    return [Frame(key=samples.picture(n).id, picture=samples.picture(n)) for n in range(count)]


def host_of() -> WidgetHost:
    host = WidgetHost(Filmstrip(), Filmstrip.Stepped, Filmstrip.Picked)
    host.widget.thumbs = Painted()  # type: ignore[attr-defined]
    return host


async def test_empty_it_says_what_will_stand_here() -> None:
    host = host_of()
    async with host.run_test(size=(80, 8)):
        assert "the pictures you make stand here" in screen_text(host)


@pytest.mark.parametrize("width", [30, 80, 140])
async def test_the_frame_on_view_is_in_sight_and_only_what_is_seen_is_asked_for(width: int) -> None:
    host = host_of()
    async with host.run_test(size=(width, 8)) as pilot:
        strip = host.query_one(Filmstrip)
        many = frames(40)
        for at in (39, 0, 20):
            strip.show(many, many[at].key)
            await pilot.pause()
            assert f"[{many[at].seed}]" in screen_text(host)
        thumbs = strip.thumbs
        assert isinstance(thumbs, Painted)
        assert len(thumbs.on_view) == width // strip.cell
        assert many[20].key in thumbs.on_view
        assert all(len(line) <= width for line in screen_text(host).splitlines())


async def test_jobs_show_their_state_their_part_and_what_went_wrong() -> None:
    host = host_of()
    async with host.run_test(size=(100, 8)) as pilot:
        jobs = [
            Frame(key="a", job=samples.job(1, JobState.RUNNING), progress=Working(step=3, steps=4)),
            Frame(key="b", job=samples.job(2)),
            Frame(key="c", job=samples.job(3, JobState.FAILED)),
            Frame(key="d", job=samples.job(4, JobState.UNSURE)),
        ]
        host.query_one(Filmstrip).show(jobs, "a")
        await pilot.pause()
        text = screen_text(host)
        for words in ("● running", "[75%]", "○ waiting", "✗ failed", "? unsure"):
            assert words in text


async def test_a_preview_fills_its_frame_with_its_pixels() -> None:
    host = host_of()
    async with host.run_test(size=(40, 8)) as pilot:
        red = RawImage(width=2, height=2, data=b"\xff\x00\x00" * 4)
        frame = Frame(key="a", job=samples.job(1, JobState.RUNNING), preview=red)
        strip = host.query_one(Filmstrip)
        strip.show([frame], "a")
        await pilot.pause()
        row = strip._preview(frame, 0)
        assert isinstance(row, HalfBlockStrip)
        assert row.top == row.bottom == b"\xff\x00\x00" * strip.box[0]
        assert "▀" in screen_text(host)


async def test_keys_and_clicks_say_where_to_go() -> None:
    host = host_of()
    async with host.run_test(size=(80, 8)) as pilot:
        strip = host.query_one(Filmstrip)
        many = frames(3)
        strip.show(many, many[0].key)
        strip.focus()
        await pilot.press("right", "h")
        assert [message.by for message in host.heard] == [1, -1]
        await pilot.click(Filmstrip, offset=(strip.cell + 2, 2))
        assert (host.heard[-1].key, host.heard[-1].twice) == (many[1].key, False)


async def test_stars_stand_in_the_caption() -> None:
    host = host_of()
    async with host.run_test(size=(80, 8)) as pilot:
        rated = replace(samples.picture(5), rating=4)
        host.query_one(Filmstrip).show([Frame(key="x", picture=rated)], None)
        await pilot.pause()
        assert "5 ★4" in screen_text(host)


async def test_no_color_makes_the_strip_grey(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    host = host_of()
    async with host.run_test(size=(60, 7)) as pilot:
        strip = host.query_one(Filmstrip)
        strip.show(frames(2), frames(2)[0].key)
        await pilot.pause()
        colours = {
            tuple(segment.style.color.get_truecolor())
            for line in strip.render_lines(strip.size.region)
            for segment in line
            if segment.style is not None and segment.style.color is not None
        }
        assert colours
        assert all(red == green == blue for red, green, blue in colours)
