"""Journeys on the Studio screen: type, see, change one thing, see again; at 140 columns and at 80."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList, Static

from silverprint.core.errors import ContentRefused, KeyMissing, LibraryBusy, ModelGone, SettingsError
from silverprint.core.expand import Spread
from silverprint.core.job import JobState
from silverprint.core.params import Form, ParamKind, ParamSpec, SourceSpec
from silverprint.core.provider import ModelInfo
from silverprint.core.recipe import ModelRef
from silverprint.core.seeds import SeedMode
from silverprint.settings.draft import Draft, load_draft
from silverprint.settings.paths import find_paths
from silverprint.testing import FakeProvider
from silverprint.testing.pixels import pattern, png
from silverprint.ui.screens.finder import FinderScreen
from silverprint.ui.screens.help import HelpScreen
from silverprint.ui.screens.viewer import ViewerScreen
from silverprint.ui.widgets.compose_fields import CountField, DevelopButton
from silverprint.ui.widgets.filmstrip import Filmstrip
from silverprint.ui.widgets.info_line import InfoLine
from silverprint.ui.widgets.param_form import ParamForm
from silverprint.ui.widgets.seed_field import SeedField
from silverprint.ui.widgets.source_list import Chip, Press
from tests.ui import samples
from tests.ui.conftest import Snapshot, screen_text
from tests.ui.hosts import NARROW, WIDE, until
from tests.ui.screens.apps import running

LOCKED = Draft(prompt="a red fox", seed=7, seed_mode=SeedMode.LOCKED)


@pytest.mark.parametrize(("size", "name"), [(WIDE, "wide"), (NARROW, "narrow")])
async def test_type_develop_and_see(size: tuple[int, int], name: str, snapshot: Snapshot) -> None:
    async with running(size=size, draft=Draft(seed=7, seed_mode=SeedMode.STEP, count=2)) as session:
        snapshot(session.app, f"studio-empty-{name}")
        await session.type("a red fox")
        await session.pilot.press("ctrl+g")
        await session.pictures(2)
        await session.shown()
        assert session.app.focused is session.editor, "the editor keeps the focus"
        snapshot(session.app, f"studio-pictures-{name}")
        assert [picture.seed for picture in session.page.roll.pictures()] == [7, 8]
        assert session.page.draft.seed == 9, "the stepping lock shows the seed that comes next"


async def test_narrow_the_form_takes_the_pictures_place(snapshot: Snapshot) -> None:
    async with running(size=NARROW, draft=LOCKED) as session:
        await session.pilot.press("ctrl+t")
        await until(session.pilot, lambda: "Develop · $0.014" in screen_text(session.app))
        snapshot(session.app, "studio-form-narrow")
        assert all(len(line) <= 80 for line in screen_text(session.app).splitlines())
        await session.pilot.press("ctrl+g")
        await session.pictures(1)
        assert session.view.region.height > 0, "developing turns to the picture"


@pytest.mark.parametrize("key", ["ctrl+g", "f5", "ctrl+enter"])
async def test_every_key_of_develop_works_while_typing(key: str) -> None:
    async with running(draft=LOCKED) as session:
        await session.pilot.press(key)
        await session.pictures(1)


async def test_the_picture_forms_on_view_and_typing_goes_on() -> None:
    provider = FakeProvider()
    hold = provider.hold("step:2")
    async with running(provider=provider, draft=LOCKED) as session:
        await session.pilot.press("ctrl+g")
        await hold.reached()
        await until(session.pilot, lambda: session.view.image is not None)
        frame = session.page.roll.chosen
        assert frame is not None
        assert frame.preview is not None
        assert session.view.image is frame.preview
        assert "step 1/3" in screen_text(session.app)
        assert "Queue ●1" in screen_text(session.app)
        await session.pilot.press("end")
        await session.type(" in snow")
        assert session.editor.text == "a red fox in snow"
        hold.release()
        await session.pictures(1)
        (made,) = session.page.roll.pictures()
        assert str(session.view.image) == str(session.studio.path(made))
        assert made.recipe.prompt == "a red fox"


async def test_many_reporting_jobs_never_hold_up_a_key() -> None:
    provider = FakeProvider(parallel=20, steps=40)
    async with running(
        provider=provider, draft=replace(LOCKED, seed_mode=SeedMode.STEP, count=20)
    ) as session:
        await session.pilot.press("ctrl+g")
        text = "typed while twenty jobs report"
        await session.pilot.press("ctrl+a", "ctrl+k")
        await session.type(text)
        assert session.editor.text.startswith(text)
        await session.pictures(20)
        assert len(provider.submits) == 20


async def test_the_draft_is_back_at_the_next_start() -> None:
    async with running() as session:
        await session.type("a fox in {snow|fog} 狐")
        session.page.query_one(SeedField).turn()
        session.page.query_one("CountField Input", Input).value = "3"
        await session.pilot.press("alt+w")
        await session.pilot.pause()
    saved = load_draft(find_paths(os.environ).draft)
    assert (saved.prompt, saved.count, saved.spread) == ("a fox in {snow|fog} 狐", 3, Spread.ALL)
    async with running() as session:
        assert session.editor.text == "a fox in {snow|fog} 狐"
        assert session.page.query_one(SeedField).mode is saved.seed_mode
        await until(session.pilot, lambda: "Develop 6" in screen_text(session.app))


async def test_the_draft_stands_there_before_any_service_is_open() -> None:
    async with running(draft=LOCKED, is_ready=False) as session:
        assert session.editor.text == "a red fox"
        assert session.page.query_one(SeedField).seed == 7


async def test_the_last_picture_is_back_at_the_next_start() -> None:
    async with running(draft=LOCKED) as session:
        await session.pilot.press("ctrl+g")
        await session.pictures(1)
        session.page.query_one(SeedField).seed = 8
        session.page._edit(seed=8)
        await session.pilot.press("ctrl+g")
        await session.pictures(2)
        first = session.page.roll.pictures()[0]
        await session.pilot.press("alt+left")
        assert session.page.roll.chosen is not None
        assert session.page.roll.chosen.picture == first
    async with running() as session:
        await until(session.pilot, lambda: session.page.roll.chosen is not None)
        assert session.page.roll.chosen is not None
        assert session.page.roll.chosen.key == first.id


async def test_a_wildcard_mistake_is_marked_at_its_place_and_nothing_is_sent() -> None:
    async with running(draft=Draft(prompt="a {red|blue fox")) as session:
        await until(session.pilot, lambda: "without its }" in screen_text(session.app))
        assert "column 3" in screen_text(session.app)
        assert "Develop: the prompt has a mistake" in screen_text(session.app)
        await session.pilot.press("ctrl+g")
        await session.pilot.pause()
        assert session.provider.submits == []


async def test_all_combinations_are_made_with_template_and_result() -> None:
    async with running(draft=Draft(prompt="a {red|blue} fox", spread=Spread.ALL)) as session:
        await until(session.pilot, lambda: "2 prompts · all" in screen_text(session.app))
        await session.pilot.press("ctrl+g")
        await session.pictures(2)
        recipes = [picture.recipe for picture in session.page.roll.pictures()]
        assert [recipe.prompt for recipe in recipes] == ["a red fox", "a blue fox"]
        assert {recipe.template for recipe in recipes} == {"a {red|blue} fox"}


async def test_a_bad_value_stops_develop_and_says_which() -> None:
    async with running(draft=LOCKED) as session:
        form = session.page.query_one(ParamForm)
        next(iter(form.query(Input))).value = "999"
        await session.pilot.pause()
        assert "a whole number from 1 to 50" in screen_text(session.app)
        assert "Develop: correct steps" in screen_text(session.app)
        await session.pilot.press("ctrl+g")
        await session.pilot.pause()
        assert session.provider.submits == []


async def test_an_empty_prompt_says_why_and_sends_nothing() -> None:
    async with running(draft=Draft()) as session:
        await session.pilot.press("ctrl+g")
        await until(session.pilot, lambda: "type what the picture should show" in session.said)
        assert session.provider.submits == []


async def test_a_failed_job_shows_its_fix_and_can_be_tried_again() -> None:
    provider = FakeProvider()
    provider.fail("submit", ContentRefused("[b]refused[/b] \x1b[31m"))
    async with running(provider=provider, draft=LOCKED) as session:
        await session.pilot.press("ctrl+g")
        await until(session.pilot, lambda: "✗ failed" in screen_text(session.app))
        text = screen_text(session.app)
        assert "[b]refused[/b]" in text
        assert "\x1b" not in text
        assert "Change the prompt" in text
        await session.pilot.press("escape", "t")
        await session.pictures(1)


async def test_an_unsure_job_asks_and_is_sent_again_only_on_the_persons_word() -> None:
    from silverprint.core.errors import AnswerLost

    provider = FakeProvider()
    provider.fail("taken", AnswerLost("no answer came"))
    async with running(provider=provider, draft=LOCKED) as session:
        await session.pilot.press("ctrl+g")
        await until(session.pilot, lambda: "? unsure" in screen_text(session.app))
        assert "cost it twice" in screen_text(session.app)
        assert len(provider.submits) == 1
        await session.pilot.press("escape", "t")
        await session.pictures(1)
        assert len(provider.submits) == 2


async def test_a_waiting_job_is_cancelled_from_the_filmstrip() -> None:
    provider = FakeProvider()
    hold = provider.hold("step:1")
    async with running(provider=provider, draft=replace(LOCKED, count=2, seed_mode=SeedMode.STEP)) as session:
        await session.pilot.press("ctrl+g")
        await hold.reached()
        await session.pilot.press("escape", "end", "x")
        await until(session.pilot, lambda: len(session.page.roll.frames) == 1)
        hold.release()
        await session.pictures(1)
        states = {job.state for job in session.studio.queue.jobs()}
        assert states == {JobState.DONE, JobState.CANCELLED}


async def test_keys_on_a_picture() -> None:
    async with running(draft=LOCKED) as session:
        await session.pilot.press("ctrl+g")
        await session.pictures(1)
        (made,) = session.page.roll.pictures()
        await session.pilot.press("escape", "4")
        await until(session.pilot, lambda: session.page.roll.pictures()[0].rating == 4)
        assert session.app.current_mode == "studio", "on a picture a digit rates"
        assert "★★★★·" in screen_text(session.app)
        await session.pilot.press("r")
        await session.pictures(2)
        again = session.page.roll.pictures()[1]
        assert again.seed == made.seed
        assert again.parent == made.id
        await session.pilot.press("v")
        await session.pictures(3)
        assert session.page.roll.pictures()[2].seed != made.seed
        await session.pilot.press("end", "x")
        await until(session.pilot, lambda: len(session.page.roll.pictures()) == 2)
        await session.pilot.press("z")
        await until(session.pilot, lambda: len(session.page.roll.pictures()) == 3)


async def test_seed_prompt_and_all_of_a_picture_come_back_to_the_left() -> None:
    async with running(draft=replace(LOCKED, params={"fake:fake": {"steps": 2}})) as session:
        await session.pilot.press("ctrl+g")
        await session.pictures(1)
        session.editor.set_text("something else")
        session.page.query_one(SeedField).seed = 99
        session.page._edit(seed=99, seed_mode=SeedMode.RANDOM, params={})
        await session.pilot.press("escape", "s")
        await until(session.pilot, lambda: session.page.draft.seed == 7)
        assert session.page.draft.seed_mode is SeedMode.LOCKED
        assert session.editor.text == "something else"
        await session.pilot.press("p")
        await until(session.pilot, lambda: session.editor.text == "a red fox")
        await session.pilot.press("escape", "a")
        await until(session.pilot, lambda: session.page.draft.params.get("fake:fake", {}).get("steps") == 2)
        await until(
            session.pilot, lambda: next(iter(session.page.query_one(ParamForm).query(Input))).value == "2"
        )


async def test_editing_from_a_picture_says_when_the_model_takes_none() -> None:
    async with running(draft=LOCKED) as session:
        await session.pilot.press("ctrl+g")
        await session.pictures(1)
        await session.pilot.press("escape", "e")
        await until(session.pilot, lambda: "takes no image" in session.said)
        assert session.page.draft.sources == ()


async def test_the_large_view_turns_pages_and_goes_back() -> None:
    async with running(draft=replace(LOCKED, seed_mode=SeedMode.STEP, count=2)) as session:
        await session.pilot.press("ctrl+g")
        await session.pictures(2)
        await session.pilot.press("escape", "end", "enter")
        await until(session.pilot, lambda: isinstance(session.app.screen, ViewerScreen))
        viewer = session.app.screen
        assert isinstance(viewer, ViewerScreen)
        assert viewer.chosen()[0].seed == 8
        await session.pilot.press("h")
        assert viewer.chosen()[0].seed == 7
        await session.pilot.press("i")
        await session.pilot.pause(0.05)
        assert "a red fox" in screen_text(session.app)
        await session.pilot.press("escape")
        await session.pilot.pause()
        assert session.app.screen is session.page


async def test_another_model_says_what_was_dropped_and_the_words_stay() -> None:
    other = FakeProvider("other", size=(96, 64))
    draft = replace(LOCKED, params={"fake:fake": {"steps": 5, "guidance": 3.0}})
    async with running(draft=draft, others={"other": lambda _context: other}) as session:
        await session.pilot.press("ctrl+o")
        await session.pilot.pause(0.05)
        await session.type("other")
        await session.pilot.press("enter")
        await until(session.pilot, lambda: session.page.draft.model == "other:other")
        await until(session.pilot, lambda: "kept steps, guidance" in session.said)
        assert session.editor.text == "a red fox"
        assert session.page.draft.params["other:other"]["steps"] == 5


async def test_develop_waits_for_the_model_that_was_chosen() -> None:
    other = FakeProvider("other")
    hold = other.hold("form")
    async with running(draft=LOCKED, others={"other": lambda _context: other}) as session:
        await session.pilot.press("ctrl+o")
        await session.pilot.pause(0.05)
        await session.type("other")
        await session.pilot.press("enter")
        await hold.reached()
        await session.pilot.press("ctrl+g")
        await until(session.pilot, lambda: session.page.wants_develop)
        hold.release()
        await session.pictures(1)
        assert (len(other.submits), len(session.provider.submits)) == (1, 0)


async def test_a_press_for_one_model_is_not_sent_to_the_next() -> None:
    other = FakeProvider("other")
    hold = other.hold("form")
    async with running(draft=LOCKED, others={"other": lambda _context: other}) as session:
        page = session.page
        before = page.info
        page.take_model(ModelInfo(ref=other.ref, title="other"))
        await hold.reached()
        await session.pilot.press("ctrl+g")
        await until(session.pilot, lambda: page.wants_develop)
        page.take_model(before)
        await until(session.pilot, lambda: not page.is_loading)
        assert "Nothing was sent" in session.said
        assert page.ref == session.provider.ref
        assert not [*session.provider.submits, *other.submits]


async def test_a_model_that_can_not_be_had_leaves_the_one_before() -> None:
    other = FakeProvider("other")
    hold = other.hold("form")
    other.fail("form", ModelGone("It is gone."))
    async with running(draft=LOCKED, others={"other": lambda _context: other}) as session:
        await session.pilot.press("ctrl+o")
        await session.pilot.pause(0.05)
        await session.type("other")
        await session.pilot.press("enter")
        await hold.reached()
        await session.pilot.press("ctrl+g")
        await until(session.pilot, lambda: session.page.wants_develop)
        hold.release()
        await until(session.pilot, lambda: "It is gone." in session.said)
        assert not session.provider.submits
        await session.pilot.press("ctrl+g")
        await session.pictures(1)
        assert len(session.provider.submits) == 1


async def test_earlier_prompts_by_key_and_by_search() -> None:
    async with running(draft=LOCKED) as session:
        await session.pilot.press("ctrl+g")
        await session.pictures(1)
        session.editor.set_text("half an idea")
        await session.pilot.press("alt+up")
        assert session.editor.text == "a red fox"
        await session.pilot.press("alt+down")
        assert session.editor.text == "half an idea"
        await session.pilot.press("ctrl+r")
        await until(session.pilot, lambda: isinstance(session.app.screen, FinderScreen))
        await session.type("fox")
        await session.pilot.press("enter")
        await until(session.pilot, lambda: session.editor.text == "a red fox")


async def test_help_is_searched_and_knows_every_key_of_the_screen() -> None:
    async with running(draft=LOCKED) as session:
        await session.pilot.press("f1")
        await until(session.pilot, lambda: isinstance(session.app.screen, HelpScreen))
        await session.type("large")
        await session.pilot.pause(0.05)
        text = screen_text(session.app)
        assert "See the picture large" in text
        assert "Choose a model" not in text
        await session.pilot.press("escape")
        await session.pilot.pause()
        assert session.editor.text == "a red fox"


async def test_the_palette_runs_an_action_wears_a_theme_and_takes_a_model() -> None:
    async with running(draft=LOCKED) as session:
        for words, holds in (
            ("seed lock", lambda: session.page.draft.seed_mode is SeedMode.RANDOM),
            ("theme paper", lambda: session.app.theme == "paper"),
        ):
            await session.pilot.press("ctrl+p")
            await until(session.pilot, lambda: isinstance(session.app.screen, FinderScreen))
            await session.type(words)
            await session.pilot.press("enter")
            await until(session.pilot, holds)
        settings = session.studio.paths.settings_file
        await until(session.pilot, lambda: settings.exists() and "paper" in settings.read_text())
        await session.pilot.press("ctrl+p")
        await until(session.pilot, lambda: isinstance(session.app.screen, FinderScreen))
        options = session.app.screen.query_one(OptionList)
        await session.type("fake:fake")
        shown = [str(options.get_option_at_index(at).prompt) for at in range(options.option_count)]
        assert all("Rebuild" not in line for line in shown)


async def test_the_five_screens_by_alt_digit_and_back_by_escape() -> None:
    async with running(draft=LOCKED) as session:
        for key, mode in (
            ("alt+2", "gallery"),
            ("alt+3", "queue"),
            ("alt+4", "models"),
            ("alt+5", "settings"),
        ):
            await session.pilot.press(key)
            await until(session.pilot, lambda mode=mode: session.app.current_mode == mode)  # type: ignore[misc]
        await session.pilot.press("escape")
        await until(session.pilot, lambda: session.app.current_mode == "studio")
        assert session.editor.text == "a red fox"
        await session.pilot.press("2")
        assert session.app.current_mode == "studio"
        assert session.editor.text == "a red fox2", "in a text field a digit types"


async def test_models_screen_lists_describes_and_takes(snapshot: Snapshot) -> None:
    def broken(_context: object) -> FakeProvider:
        raise SettingsError("[b]the plugin[/b] is broken", fix="Mend it.")

    other = FakeProvider("other", price_usd=0.02)
    others = {"other": lambda _context: other, "broken": broken}
    async with running(draft=LOCKED, others=others) as session:
        await session.pilot.press("alt+4")
        await until(session.pilot, lambda: "takes" in screen_text(session.app))
        snapshot(session.app, "models-wide")
        await session.pilot.press("slash")
        await session.type("other")
        await session.pilot.press("enter", "enter")
        await until(session.pilot, lambda: session.page.draft.model == "other:other")
        assert session.app.current_mode == "studio"


async def test_a_model_that_is_gone_says_so_and_the_rest_works() -> None:
    provider = FakeProvider()
    provider.fail("form", ModelGone("the model was taken away"))
    async with running(provider=provider, draft=LOCKED, is_ready=False) as session:
        await until(session.pilot, lambda: "the model was taken away" in screen_text(session.app))
        assert "ctrl+o" in screen_text(session.app)
        assert "the model is not ready" in str(session.page.query_one(DevelopButton).render())


async def test_a_missing_key_is_said_with_its_fix() -> None:
    provider = FakeProvider()
    provider.fail("form", KeyMissing("Fake needs a key"), times=9)
    async with running(provider=provider, draft=LOCKED, is_ready=False) as session:
        await until(session.pilot, lambda: "Fake needs a key" in screen_text(session.app))


async def test_mistakes_found_before_the_start_are_shown() -> None:
    note = SettingsError("settings.toml, line 3: [b]theme[/b] is no theme", fix="Correct that line.")
    async with running(draft=LOCKED, notes=[note]) as session:
        await until(session.pilot, lambda: "[b]theme[/b] is no theme" in session.said)
        assert "Correct that line." in session.said


async def test_a_damaged_history_is_said_and_rebuilt_by_a_key() -> None:
    async with running(draft=LOCKED) as session:
        await session.pilot.press("ctrl+g")
        await session.pictures(1)
    database = find_paths(os.environ).database
    for path in database.parent.glob(f"{database.name}*"):
        path.write_bytes(b"no database at all " * 400) if path == database else path.unlink()
    async with running(draft=LOCKED, is_ready=False) as session:
        await until(session.pilot, lambda: "Press ctrl+b to rebuild" in screen_text(session.app))
        await session.type("!")
        assert session.editor.text == "a red fox!", "the rest of the screen works"
        await session.pilot.press("ctrl+b")
        await session.pictures(1)
        await until(session.pilot, lambda: "The history is back: 1 picture" in session.said)
    assert list(database.parent.glob("*damaged*"))


async def test_hostile_prompts_are_shown_as_they_are() -> None:
    async with running(
        draft=replace(LOCKED, prompt=samples.HOSTILE.replace("\x1b", "").replace("\x07", ""))
    ) as session:
        await session.pilot.press("ctrl+g")
        await session.pictures(1)
        text = screen_text(session.app)
        assert "[bold red]no markup" in text
        assert "\x1b" not in text


async def test_count_and_price_on_the_button() -> None:
    async with running(draft=replace(LOCKED, count=4)) as session:
        await until(session.pilot, lambda: "[ Develop 4 · $0.056 ]" in screen_text(session.app))
        assert session.page.query_one(CountField).reason == ""
        assert session.page.query_one(InfoLine).frame is None
        assert session.page.query_one(Filmstrip).box[0] > 0


class WithInputs(FakeProvider):
    """The fake model, which takes an image and a mask."""

    async def form(self, ref: ModelRef) -> Form:
        strength = ParamSpec(name="strength", kind=ParamKind.NUMBER, default=0.6, low=0.05, high=1)
        sources = (SourceSpec(role="image", strength=strength), SourceSpec(role="mask"))
        return replace(await super().form(ref), sources=sources)


async def test_an_input_by_path_its_strength_and_away_again(tmp_path: Path) -> None:
    image = tmp_path / "my fox.png"
    image.write_bytes(png(pattern(32, 32, b"a fox, 32 pixels")))
    (tmp_path / "words.png").write_text("no picture")
    async with running(provider=WithInputs(), draft=LOCKED) as session:
        page = session.page
        next(iter(page.query("#adders Press").results(Press))).focus()
        await session.pilot.press("enter")
        page.query_one("#path", Input).value = f"'{tmp_path}/words.png'"
        await session.pilot.press("enter")
        await until(session.pilot, lambda: bool(str(page.query_one("SourceList .reason", Static).render())))
        assert [*page.draft.sources] == []
        page.query_one("#path", Input).value = str(image).replace(" ", "\\ ")
        await session.pilot.press("enter")
        await until(session.pilot, lambda: len(page.query(Chip)) == 1)
        (source,) = page.draft.sources
        assert (source.role, source.strength, source.name) == ("image", 0.6, "my fox.png")
        page.query_one(Chip).query_one(Input).value = "0.3"
        await session.pilot.pause()
        await session.pilot.press("ctrl+g")
        await session.pictures(1)
        (made,) = page.roll.pictures()
        assert [(s.role, s.strength) for s in made.recipe.sources] == [("image", 0.3)]
        page.query_one(Chip).query_one(Press).focus()
        await session.pilot.press("enter")
        await until(session.pilot, lambda: page.draft.sources == ())


async def test_editing_from_a_picture_starts_from_it() -> None:
    async with running(provider=WithInputs(), draft=LOCKED) as session:
        await session.pilot.press("ctrl+g")
        await session.pictures(1)
        (made,) = session.page.roll.pictures()
        await session.pilot.press("escape", "e")
        await until(session.pilot, lambda: len(session.page.query(Chip)) == 1)
        await session.pilot.press("ctrl+g")
        await session.pictures(2)
        again = session.page.roll.pictures()[1]
        assert again.recipe.task == "image"
        assert again.recipe.sources[0].sha256 == made.file.sha256


async def test_a_history_that_fails_while_in_use_is_a_note_and_no_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running(draft=LOCKED) as session:

        async def busy(*_args: object, **_options: object) -> list[str]:
            raise LibraryBusy("another silverprint holds the history")

        monkeypatch.setattr(session.studio.library, "prompts", busy)
        await session.pilot.press("ctrl+r")
        await until(session.pilot, lambda: "another silverprint holds the history" in session.said)
        await session.type("!")
        assert session.editor.text == "a red fox!"


async def test_the_palette_cuts_no_key_off_at_80_columns() -> None:
    async with running(size=NARROW, draft=LOCKED) as session:
        await session.pilot.press("ctrl+p")
        await until(session.pilot, lambda: "Develop: Make the picture" in screen_text(session.app))
        assert "ctrl+g, f5, ctrl+enter" in screen_text(session.app)
        assert "…" not in screen_text(session.app)
