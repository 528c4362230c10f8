"""Inputs: chips, strength, adding by path with completion, removing."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input

from silverprint.core.params import ParamKind, ParamSpec, SourceSpec
from silverprint.core.recipe import Source
from silverprint.ui.widgets.source_list import Chip, Press, SourceList
from tests.ui.conftest import screen_text
from tests.ui.hosts import WidgetHost, until
from tests.ui.samples import HOSTILE

STRENGTH = ParamSpec(name="strength", kind=ParamKind.NUMBER, default=0.6, low=0.05, high=1.0)
SPECS = (SourceSpec(role="image", strength=STRENGTH), SourceSpec(role="mask"))
IMAGE = Source(role="image", sha256="a" * 64, strength=0.3, name="fox.png")


def host_of() -> WidgetHost:
    return WidgetHost(SourceList(), SourceList.Added, SourceList.Removed, SourceList.StrengthChanged)


async def test_only_what_the_model_takes_can_be_added() -> None:
    host = host_of()
    async with host.run_test() as pilot:
        sources = host.query_one(SourceList)
        await sources.show(SPECS, [IMAGE])
        await pilot.pause()
        assert [press.name for press in host.query("#adders Press").results(Press)] == ["mask"]
        assert "fox.png" in screen_text(host)
        await sources.show((), [IMAGE])
        assert not sources.display


async def test_a_path_is_completed_and_asked_for(tmp_path: Path) -> None:
    (tmp_path / "my fox.png").touch()
    host = host_of()
    async with host.run_test() as pilot:
        sources = host.query_one(SourceList)
        await sources.show(SPECS, [])
        host.query("#adders Press").results(Press).__next__().focus()
        await pilot.press("enter")
        field = host.query_one("#path", Input)
        assert host.focused is field
        field.insert_text_at_cursor(f"{tmp_path}/my")
        await until(pilot, lambda: field._suggestion.endswith("my fox.png"))
        await pilot.press("right", "enter")
        (added,) = host.heard
        assert (added.role, added.text) == ("image", f"{tmp_path}/my fox.png")


async def test_a_path_that_can_not_be_taken_says_why_and_escape_puts_the_line_away() -> None:
    host = host_of()
    async with host.run_test() as pilot:
        sources = host.query_one(SourceList)
        await sources.show(SPECS, [])
        next(host.query("#adders Press").results(Press)).focus()
        await pilot.press("enter")
        sources.complain("that is no picture")
        await pilot.pause()
        assert "that is no picture" in screen_text(host)
        await pilot.press("escape")
        assert not sources.is_asking
        assert "that is no picture" not in screen_text(host)


async def test_strength_is_checked_and_told() -> None:
    host = host_of()
    async with host.run_test() as pilot:
        await host.query_one(SourceList).show(SPECS, [IMAGE])
        await pilot.pause()
        field = host.query_one(Chip).query_one(Input)
        assert field.value == "0.3"
        field.value = "2"
        await pilot.pause()
        assert host.query_one(Chip).has_class("-wrong")
        assert host.heard == []
        field.value = "0.5"
        await pilot.pause()
        assert [(heard.at, heard.strength) for heard in host.heard] == [(0, 0.5)]


async def test_a_chip_is_removed() -> None:
    host = host_of()
    async with host.run_test() as pilot:
        await host.query_one(SourceList).show(SPECS, [IMAGE])
        await pilot.pause()
        host.query_one(Chip).query_one(Press).focus()
        await pilot.press("enter")
        assert [heard.at for heard in host.heard] == [0]


async def test_a_hostile_file_name_is_shown_as_it_is() -> None:
    host = host_of()
    async with host.run_test(size=(120, 24)) as pilot:
        await host.query_one(SourceList).show(SPECS, [Source(role="mask", sha256="b", name=HOSTILE)])
        await pilot.pause()
        assert "[bold red]no markup" in screen_text(host)
        assert "\x1b" not in screen_text(host)
