"""The single lines: tabs, keys, jobs, what made the picture; and the list of models."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.app import ComposeResult
from textual.content import Content

from silverprint.core.grade import Grade
from silverprint.core.job import ErrorNote, JobState
from silverprint.core.provider import ModelInfo, Price
from silverprint.core.recipe import ModelRef
from silverprint.core.update import Waiting, Working
from silverprint.ui.frames import Frame
from silverprint.ui.spend_words import cost_words
from silverprint.ui.widgets.compose_fields import CountField, DevelopButton
from silverprint.ui.widgets.info_line import InfoLine, job_words, picture_words
from silverprint.ui.widgets.job_line import JobLine, counts, progress_words
from silverprint.ui.widgets.key_line import KeyLine
from silverprint.ui.widgets.model_list import ModelList, price_words, role_words
from silverprint.ui.widgets.prompt_editor import PromptEditor
from silverprint.ui.widgets.tab_line import TabLine
from tests.ui import samples
from tests.ui.conftest import screen_text
from tests.ui.hosts import Host, WidgetHost

KLEIN = ModelInfo(ref=ModelRef("bfl", "klein"), title="FLUX.2 klein", price=Price(usd=0.014))
POCKET = ModelInfo(ref=ModelRef("pocket", "pocket"), title="Pocket 128", price=Price(usd=0))
KEYLESS = ModelInfo(ref=ModelRef("fal", "dev"), title="[b]Dev[/b]", missing="add a key")


@pytest.mark.parametrize("width", [80, 140])
async def test_tabs_are_whole_and_say_how_to_go_from_a_text_field(width: int) -> None:
    host = WidgetHost(TabLine(current="studio"))
    async with host.run_test(size=(width, 3)) as pilot:
        line = host.query_one(TabLine)
        line.running = 12
        await pilot.pause()
        text = screen_text(host)
        for words in ("1 Studio", "2 Gallery", "3 Queue ●12", "4 Models", "5 Settings"):
            assert words in text
        assert "alt+" not in text
        line.digits_go = False
        await pilot.pause()
        assert "alt+1 Studio" in screen_text(host)


class Keys(Host):
    def compose(self) -> ComposeResult:
        yield PromptEditor()
        yield KeyLine()


@pytest.mark.parametrize("width", [30, 60, 120])
async def test_keys_that_do_not_fit_whole_are_left_out(width: int) -> None:
    host = Keys()
    async with host.run_test(size=(width, 5)) as pilot:
        host.query_one(PromptEditor).focus()
        await pilot.pause()
        line = screen_text(host).splitlines()[-1]
        assert len(line) <= width
        titles = [title for _key, title in host.query_one(KeyLine).entries()]
        assert titles == ["Earlier prompt", "Pictures", "Search prompts"]
        assert "Search prompts" in line, "the last one always has its place"


async def test_the_button_says_the_number_and_the_price_or_why_not() -> None:
    host = WidgetHost(DevelopButton(), DevelopButton.Pressed)
    async with host.run_test() as pilot:
        button = host.query_one(DevelopButton)
        said = []
        for number, cost, why in (
            (4, cost_words(Price(usd=0.014, about=True), 4), ""),
            (1, cost_words(Price(usd=0), 1), ""),
            (1, cost_words(None, 1), ""),
            (1, cost_words(None, 1, is_known=False), ""),
            (1, "", "correct steps"),
        ):
            button.say(number, cost, why)
            await pilot.pause()
            said.append(screen_text(host).strip())
        assert said == [
            "[ Develop 4 · about $0.056 ]",
            "[ Develop ]",
            "[ Develop · price unknown ]",
            "[ Develop ]",
            "Develop: correct steps",
        ]
        button.focus()
        await pilot.press("enter")
        assert len(host.heard) == 1


async def test_the_count_is_checked() -> None:
    host = WidgetHost(CountField(2), CountField.Changed)
    async with host.run_test() as pilot:
        host.query_one("Input").focus()
        await pilot.press("0")
        assert [heard.value for heard in host.heard] == [None] or host.heard[-1].value == 0
        assert host.query_one(CountField).reason == "a whole number from 1 to 100"


def test_jobs_are_counted_by_provider() -> None:
    jobs = [samples.job(1, JobState.RUNNING), samples.job(2), samples.job(3)]
    other = samples.job(4, recipe=samples.recipe(ref="bfl:klein"))
    assert counts([*jobs, other]) == ["bfl 1 waiting", "fake 1 running, 2 waiting"]


def test_progress_in_words() -> None:
    assert progress_words(Working(step=12, steps=20)).plain == "▓▓▓▓▓▓░░░░ step 12/20"
    assert progress_words(Waiting(place=3)).plain == "place 3 in its queue"
    assert progress_words(Waiting()).plain == "in its queue"
    assert progress_words(Working(note="\x1b[31mloading")).plain == "\ufffd[31mloading"


async def test_the_job_line_is_quiet_when_nothing_runs() -> None:
    host = WidgetHost(JobLine())
    async with host.run_test(size=(80, 2)) as pilot:
        assert screen_text(host).strip() == ""
        line = host.query_one(JobLine)
        line.jobs, line.progress, line.paused = (
            (samples.job(1, JobState.RUNNING),),
            Working(step=1, steps=2),
            True,
        )
        await pilot.pause()
        assert screen_text(host).strip() == "fake 1 running   paused   ▓▓▓▓▓░░░░░ step 1/2"


def test_what_made_a_picture() -> None:
    picture = replace(samples.picture(7), price_usd=0.014)
    assert picture_words(picture) == ["seed 7", "3 steps", "1.9 s", "$0.014", "64x64", "bit-exact here"]
    bare = replace(picture, seed=None, seconds=None, price_usd=None, grade=Grade.NONE)
    assert picture_words(bare) == ["3 steps", "64x64"]


async def test_the_info_line_keeps_the_stars_where_it_is_short() -> None:
    host = WidgetHost(InfoLine())
    async with host.run_test(size=(34, 3)) as pilot:
        picture = replace(samples.picture(7), rating=3)
        host.query_one(InfoLine).frame = Frame(key=picture.id, picture=picture)
        await pilot.pause()
        line = screen_text(host).splitlines()[0]
        assert line.startswith(" seed 7 · 3 steps")
        assert line.endswith("★★★··")
        assert len(line) <= 34


def test_a_failed_job_says_what_happened_and_the_way_out() -> None:
    note = ErrorNote(kind="OutOfCredit", message="[b]no credit[/b]", fix="Add credit.")
    words = job_words(samples.job(1, JobState.FAILED, error=note)).plain
    assert "[b]no credit[/b]" in words
    assert "Add credit." in words
    assert "t try again" in words


def test_an_unsure_job_asks_and_names_the_cost() -> None:
    words = job_words(samples.job(1, JobState.UNSURE)).plain
    assert "cost it twice" in words
    assert "t send again" in words
    assert "x leave it" in words


def test_prices_and_roles_in_words() -> None:
    assert price_words(None) == ""
    assert price_words(Price(usd=0)) == "free"
    assert price_words(Price(usd=0.05, about=True)) == "~$0.05"
    assert role_words(frozenset({"upscale", "text", "odd"})) == "text upscale odd"


async def test_models_are_narrowed_and_chosen() -> None:
    host = WidgetHost(ModelList(), ModelList.Chosen, ModelList.Highlighted)
    async with host.run_test(size=(90, 10)) as pilot:
        models = host.query_one(ModelList)
        models.show([KLEIN, POCKET, KEYLESS], first=POCKET.ref)
        await pilot.pause()
        assert models.current == POCKET
        text = screen_text(host)
        assert "$0.014" in text
        assert "[b]Dev[/b]" in text
        assert "add a key" in text
        models.find("klein")
        await pilot.pause()
        assert models.current == KLEIN
        models.focus()
        models.action_select()
        await pilot.pause()
        chosen = [message for message in host.heard if isinstance(message, ModelList.Chosen)]
        assert [message.info for message in chosen] == [KLEIN]
        models.find("zzz")
        await pilot.pause()
        assert models.current is None


def test_text_from_outside_is_no_markup() -> None:
    picture = replace(samples.picture(1), recipe=samples.recipe(samples.HOSTILE))
    assert isinstance(job_words(samples.job(1, recipe=picture.recipe)), Content)
