"""The whole app over clouds: prices, keys that are missing, the budget, paused providers, lost answers, the picker."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from rich.console import Console
from textual.widgets import Input, TextArea

from silverprint.core.errors import AnswerLost, ContentRefused, OutOfCredit, Unreachable
from silverprint.core.job import JobState
from silverprint.core.provider import Found
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.settings.draft import Draft
from silverprint.settings.model import BudgetSettings, Settings
from silverprint.settings.paths import find_paths
from silverprint.studio import Studio
from silverprint.ui.app import FIRST
from silverprint.ui.screens.confirm import ConfirmScreen
from silverprint.ui.screens.look_up_dialog import LookUpDialog
from silverprint.ui.screens.model_picker import ModelPicker
from silverprint.ui.screens.models import ModelsScreen
from silverprint.ui.screens.queue import QueueScreen
from silverprint.ui.widgets.job_list import JobList
from silverprint.ui.widgets.lora_list import LoraChip, LoraList
from silverprint.ui.widgets.model_list import ModelList
from silverprint.ui.widgets.param_fields import JsonField
from silverprint.ui.widgets.source_list import Press
from tests.ui import samples
from tests.ui.clouds import MARKED, Sky
from tests.ui.conftest import Snapshot, screen_text
from tests.ui.hosts import NARROW, WIDE, until, until_still
from tests.ui.samples import HOSTILE
from tests.ui.screens.apps import Listening, Session

S = JobState
FOX = Draft(prompt="a red fox", model="fal:swift", count=4)


class Clouds(Session):
    """The app over clouds."""

    def __init__(self, app: Listening, pilot: Any, sky: Sky) -> None:
        super().__init__(app, pilot, next(iter(sky.made.values())))
        self.sky = sky

    @property
    def text(self) -> str:
        return " ".join(screen_text(self.app).split())

    async def shows(self, words: str) -> None:
        await until(self.pilot, lambda: words in self.text)

    async def go(self, mode: str) -> None:
        self.app.action_go(mode)
        await until(self.pilot, lambda: self.app.current_mode == mode and self.app.screen.is_mounted)
        await self.pilot.pause(0.05)

    async def send(self, ref: str, count: int = 1, prompt: str = "a red fox") -> list[Any]:
        recipe = Recipe(ref=ModelRef.parse(ref), prompt=prompt, seed=7)
        return await self.studio.develop(recipe, count=count)

    async def states(self, *states: JobState) -> None:
        await until(
            self.pilot,
            lambda: (
                isinstance(self.app.screen, QueueScreen)
                and [job.state for job in self.app.screen.query_one(JobList).jobs] == list(states)
            ),
        )


@asynccontextmanager
async def over(
    *,
    size: tuple[int, int] = NARROW,
    draft: Draft = FOX,
    budget: BudgetSettings | None = None,
    keys: tuple[str, ...] = ("fal", "bfl", "replicate"),
    **clouds: dict[str, Any],
) -> AsyncIterator[Clouds]:
    """The app over these clouds, or over fal and bfl, with the keys of ``keys`` set."""
    sky = Sky(**(clouds or {"fal": {}, "bfl": {"usd": 0.055}}))
    paths = find_paths(os.environ)
    settings = Settings(default_model="fal:swift", budget=budget or BudgetSettings())
    studio = Studio(paths, settings, providers=sky.factories, clock=lambda: samples.NOON, random=Random(7))
    paths.config.mkdir(parents=True, exist_ok=True)
    for name in keys:
        if name in sky.factories:
            from silverprint.settings.secrets import Secrets

            Secrets.at(paths).set(name, MARKED)
    app = Listening(studio, draft=draft)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.current_mode != FIRST and studio.is_open)
        assert app._studio_page is not None
        page = app._studio_page
        await until(pilot, lambda: page.is_mounted and not page.is_loading)
        await studio.models()
        session = Clouds(app, pilot, sky)
        try:
            yield session
        finally:
            await page._keeper.flush()
    await studio.close()


# what it costs


async def test_the_line_of_develop_names_the_price_of_the_request(snapshot: Snapshot) -> None:
    async with over(size=WIDE) as session:
        await session.shows("[ Develop 4 · about $0.056 ]")
        await until_still(session.pilot)
        snapshot(session.app, "studio-price")
        asked = session.sky.made["fal"].priced
        assert asked[-1].ref == ModelRef("fal", "swift")


async def test_the_newest_question_for_a_price_wins() -> None:
    async with over(size=WIDE) as session:
        await session.shows("about $0.056")
        fal = session.sky.made["fal"]
        before = len(fal.priced)
        field = next(field for field in session.page.query(Input) if field.value == "28")
        for steps in range(20, 29):
            field.value = str(steps)
            await session.pilot.pause(0.01)
        field.value = "12"
        await until(session.pilot, lambda: len(fal.priced) > before and fal.priced[-1].params["steps"] == 12)
        assert len(fal.priced) - before < 9, "not one for each letter"


async def test_a_price_that_nobody_knows_is_said_and_what_is_free_says_nothing() -> None:
    async with over(size=WIDE, fal={"usd": None}, here={"needs_key": False, "local": True}) as session:
        await session.shows("[ Develop 4 · price unknown ]")
        info = (await session.sky.made["here"].models())[0]
        session.app.take_model(info)
        await session.shows("[ Develop 4 ]")


async def test_the_head_tells_what_was_spent_and_counts_unknown_prices() -> None:
    async with over(
        size=WIDE, budget=BudgetSettings(day_usd=5.0), fal={}, odd={"usd": None, "needs_key": False}
    ) as session:
        await session.shows("today $0.00 of $5.00")
        jobs = await session.send("fal:swift", 2)
        await session.studio.queue.wait([job.id for job in jobs])
        await session.shows("today $0.028 of $5.00")
        jobs = await session.send("odd:swift")
        await session.studio.queue.wait([job.id for job in jobs])
        await session.shows("today $0.028 + ? of $5.00")
        await session.go("gallery")
        await session.shows("today $0.028 + ? of $5.00")


async def test_the_head_is_quiet_where_nothing_was_spent() -> None:
    async with over(size=WIDE) as session:
        await session.counted()
        assert session.app.news.standing is not None
        assert "$" not in screen_text(session.app).splitlines()[0]


async def test_a_narrow_head_keeps_the_amount_alone() -> None:
    async with over(budget=BudgetSettings(day_usd=5.0)) as session:
        await until(session.pilot, lambda: "$0.00" in screen_text(session.app).splitlines()[0])
        assert "today" not in screen_text(session.app).splitlines()[0]


# the budget


@pytest.mark.parametrize("mode", ["studio", "gallery", "queue"])
async def test_the_budget_holds_and_is_lifted_by_one_key(mode: str) -> None:
    async with over(budget=BudgetSettings(day_usd=0.02)) as session:
        await session.go(mode)
        jobs = await session.send("fal:swift", 3)
        await until(session.pilot, lambda: any(hold.jobs == 2 for hold in session.app.news.holds))
        assert len(session.sky.made["fal"].submits) == 1, "the second would go beyond it"
        if mode == "gallery":
            await until(session.pilot, lambda: "b lifts it" in session.said)
        else:
            await session.shows("b lifts it")
        if mode == "studio":
            assert "esc, b lifts it" in session.text
            await session.pilot.press("escape")
            await until(session.pilot, lambda: "esc, b" not in session.text)
        await session.pilot.press("b")
        await until(session.pilot, lambda: isinstance(session.app.screen, ConfirmScreen))
        assert "Today $0.014 of $0.02" in session.text
        assert "2 jobs wait for it" in session.text
        await session.pilot.press("n")
        assert len(session.sky.made["fal"].submits) == 1
        await session.pilot.press("b", "y")
        done = await session.studio.queue.wait([job.id for job in jobs])
        assert [job.state for job in done] == [S.DONE] * 3
        await until(session.pilot, lambda: session.app.news.holds == ())
        await until(session.pilot, lambda: not session.app.check_action("lift_budget", ()))


async def test_b_is_a_letter_where_one_types_and_nothing_where_nothing_is_held() -> None:
    async with over() as session:
        await session.type("b")
        assert session.editor.text == "a red foxb"
        await session.pilot.press("escape", "b")
        assert not isinstance(session.app.screen, ConfirmScreen)


# keys that are missing


async def test_a_model_without_its_key_says_what_is_missing_and_where_to_add_it() -> None:
    async with over(size=WIDE, keys=()) as session:
        await session.shows("Develop: fal needs a key · alt+5 adds one")
        await session.pilot.press("ctrl+g")
        await until(session.pilot, lambda: "fal needs a key" in session.said)
        assert session.studio.queue.jobs() == []
        await asyncio.to_thread(session.studio.secrets.set, "fal", MARKED)
        await session.go("settings")
        await session.go("studio")
        await session.shows("[ Develop 4 · about $0.056 ]")


async def test_develop_looks_again_for_a_key_that_was_added_elsewhere() -> None:
    async with over(size=WIDE, keys=(), draft=replace(FOX, count=1)) as session:
        await session.shows("fal needs a key")
        await asyncio.to_thread(session.studio.secrets.set, "fal", MARKED)
        await session.pilot.press("ctrl+g")
        await session.pictures(1)


async def test_paused_providers_stand_on_top_with_the_reason_and_the_key(snapshot: Snapshot) -> None:
    async with over(size=NARROW, keys=("bfl",), budget=BudgetSettings(day_usd=0.06)) as session:
        await session.go("queue")
        session.sky.made["bfl"].fail("submit", OutOfCredit("The account at Bfl has no credit left."))
        await session.send("fal:swift", 2)
        await session.shows("fal: no key · 5 to add one · 2 waiting")
        await session.send("bfl:grand", 2)
        await session.shows("bfl: The account at Bfl has no credit left · o goes on · 2 waiting")
        await until_still(session.pilot)
        snapshot(session.app, "queue-paused")
        jobs = session.app.screen.query_one(JobList)
        await session.pilot.press("home")
        while jobs.job is None or jobs.job.recipe.ref.provider != "bfl":
            await session.pilot.press("down")
        await session.pilot.press("o")
        await until(session.pilot, lambda: len(session.sky.made["bfl"].submits) == 1)
        assert "fal" in session.studio.queue.paused_providers, "the other stays"


async def test_a_key_that_is_added_lets_the_jobs_go_on() -> None:
    async with over(keys=()) as session:
        await session.go("queue")
        await session.send("fal:swift")
        await session.shows("fal: no key")
        await asyncio.to_thread(session.studio.secrets.set, "fal", MARKED)
        await session.studio.key_changed("fal")
        await session.states(S.DONE)
        await until(session.pilot, lambda: "no key" not in session.text)


async def test_a_pause_is_told_once_where_no_line_says_it() -> None:
    async with over(keys=()) as session:
        await session.go("gallery")
        await session.send("fal:swift", 3)
        await until(session.pilot, lambda: "fal: no key · alt+5 to add one" in session.said)
        await session.send("fal:swift", 2)
        await session.counted()
        assert session.said.count("no key") == 1


# a lost answer


async def test_an_unsure_job_is_looked_up_and_claimed(snapshot: Snapshot) -> None:
    async with over(fal={"looks_up": True, "marks": False}) as session:
        fal = session.sky.made["fal"]
        await session.go("queue")
        fal.fail("taken", AnswerLost("The answer did not arrive."))
        (job,) = await session.send("fal:swift")
        fal.listed = [
            Found(ticket=fal.ticket(job.id), words="COMPLETED · fal/swift · a red fox", created=samples.NOON),
            Found(ticket=fal.ticket("another"), words=HOSTILE, created=samples.NOON - timedelta(minutes=3)),
        ]
        await session.states(S.UNSURE)
        await session.shows("l look it up there")
        assert "charge twice (about $0.014 each)" in session.text
        await session.pilot.press("l")
        await session.shows("COMPLETED · fal/swift")
        await until_still(session.pilot)
        snapshot(session.app, "queue-unsure-dialog")
        assert "\x1b" not in session.text
        assert "\u202e" not in session.text
        assert isinstance(session.app.screen, LookUpDialog)
        await session.pilot.press("enter")
        await session.states(S.DONE)
        assert fal.submits == [job.id], "nothing was sent again"


async def test_what_was_not_found_says_what_can_be_done() -> None:
    async with over(fal={"looks_up": True, "marks": False}) as session:
        fal = session.sky.made["fal"]
        await session.go("queue")
        fal.listed = []
        fal.fail("taken", AnswerLost("The answer did not arrive."))
        await session.send("fal:swift")
        await session.shows("l look it up there")
        await session.pilot.press("l")
        await session.shows("it was most likely not taken")
        await session.pilot.press("escape")
        fal.fail("look up", Unreachable("Fal can't be reached."))
        await session.pilot.press("l")
        await session.shows("Fal can't be reached. Check the network")
        await session.pilot.press("escape")
        await session.states(S.UNSURE)


async def test_a_service_without_a_list_offers_no_look() -> None:
    async with over() as session:
        await session.go("queue")
        session.sky.made["fal"].fail("taken", AnswerLost("The answer did not arrive."))
        await session.send("fal:swift")
        await session.shows("r send it again")
        assert "look it up" not in session.text
        await session.pilot.press("l")
        assert isinstance(session.app.screen, QueueScreen)


async def test_errors_from_outside_are_words() -> None:
    async with over(size=WIDE) as session:
        await session.go("queue")
        session.sky.made["fal"].fail("submit", ContentRefused(HOSTILE, fix=HOSTILE))
        session.sky.made["bfl"].fail("submit", OutOfCredit(HOSTILE))
        await session.send("fal:swift")
        await session.send("bfl:swift")
        await until(session.pilot, lambda: session.text.count("[bold red]no markup[/]") >= 3)
        assert "\x1b" not in screen_text(session.app)


async def test_a_crash_report_shows_no_values() -> None:
    seen: list[str] = []

    def broken(typed: str) -> None:
        raise ZeroDivisionError(f"after {len(typed)} letters")

    async def crash() -> None:
        async with over() as session:
            session.app.call_later(broken, MARKED)
            await until(session.pilot, lambda: bool(session.app._exit_renderables))
            console = Console(width=200, record=True, file=io.StringIO())
            console.print(*session.app._exit_renderables)
            seen.append(console.export_text())

    with pytest.raises(ZeroDivisionError):
        await crash()
    assert "ZeroDivisionError" in seen[0]
    assert MARKED not in seen[0]


# the picker


async def pick(session: Clouds, query: str = "") -> ModelList:
    """Open the picker and type."""
    await session.pilot.press("ctrl+o")
    await until(session.pilot, lambda: isinstance(session.app.screen, ModelPicker))
    models = session.app.screen.query_one(ModelList)
    await until(session.pilot, lambda: models.current is not None)
    await session.type(query)
    return models


async def test_all_catalogues_are_in_one_picker(snapshot: Snapshot) -> None:
    async with over(keys=("bfl",), fal={}, bfl={"usd": 0.055}, gemini={"usd": None}) as session:
        session.sky.made["gemini"].fail("models", Unreachable("Gemini can't be reached."), times=9)
        await pick(session)
        await session.shows("Gemini can't be reached.")
        await until_still(session.pilot)
        snapshot(session.app, "picker-clouds")
        assert session.text.count("needs a key: 5") == 2
        assert session.text.count("~$0.055") == 2


async def test_services_search_too_and_the_cursor_stays() -> None:
    async with over(fal={"hidden": ("deep/secret-swift",)}, bfl={}) as session:
        models = await pick(session)
        fal = session.sky.made["fal"]
        await session.type("swift")
        assert models.current is not None
        first = models.current.ref
        assert "Secret-swift" not in session.text
        await session.pilot.press("down")
        chosen = models.current
        assert chosen is not None
        assert chosen.ref != first
        await session.shows("Secret-swift of Fal")
        assert models.current == chosen, "what is found does not move the cursor"
        asked = [query for query in fal.queries if query]
        assert asked == ["swift"], "asked once, when the typing rested"
        await session.pilot.press("escape")


async def test_a_model_of_no_list_is_taken_by_its_full_name() -> None:
    async with over(size=WIDE, fal={"hidden": ("owner/name",)}) as session:
        models = await pick(session, "fal:owner/name")
        await until(session.pilot, lambda: models.current is not None)
        assert models.current is not None
        assert models.current.ref == ModelRef("fal", "owner/name")
        await session.pilot.press("enter")
        await until(session.pilot, lambda: session.page.ref == ModelRef("fal", "owner/name"))
        await session.shows("about $0.056")


async def test_a_name_of_an_unknown_provider_is_no_model() -> None:
    async with over() as session:
        models = await pick(session, "nobody:owner/name")
        await until(session.pilot, lambda: models.current is None)
        await session.pilot.press("enter")
        assert session.page.ref == ModelRef("fal", "swift")


async def test_choosing_a_cloud_says_what_was_kept_adapted_and_dropped() -> None:
    draft = replace(FOX, params={"fal:swift": {"steps": 90, "enable_safety_checker": False, "odd": 1}})
    async with over(size=WIDE, draft=draft) as session:
        (grand,) = [info for info in await session.studio.models() if str(info.ref) == "bfl:grand"]
        session.app.take_model(grand)
        await until(session.pilot, lambda: "kept enable_safety_checker" in session.said)
        assert "adapted steps 90 → 50" in session.said
        assert "dropped odd" in session.said


async def test_the_models_screen_names_the_key_and_hides_no_service() -> None:
    async with over(size=WIDE, keys=("bfl",)) as session:
        await session.go("models")
        await session.shows("needs a key: 5")
        assert isinstance(session.app.screen, ModelsScreen)
        await session.pilot.press("slash")
        await session.type("swift fal")
        await session.shows("a key: press 5")
        await asyncio.to_thread(session.studio.secrets.set, "fal", MARKED)
        await session.go("settings")
        await session.go("models")
        await until(session.pilot, lambda: "needs a key" not in session.text)


# the form of a big model


async def test_a_big_form_shows_the_main_fields_first_and_labels_whole() -> None:
    async with over(size=WIDE) as session:
        await session.shows("▸ More (26)")
        assert not any(isinstance(field, JsonField) for field in session.page.query(JsonField))
        await session.pilot.press("ctrl+n")
        await session.shows("Enable safety che")
        await until(session.pilot, lambda: len(session.page.query(JsonField)) == 1)


async def test_sizes_that_the_model_names_are_gone_through() -> None:
    async with over(size=WIDE) as session:
        field = next(field for field in session.page.query(Input) if field.value == "square_hd")
        field.focus()
        await session.pilot.press("down")
        assert field.value == "landscape_4_3"
        await session.pilot.press("up", "up")
        assert field.value == "portrait_4_3"
        await until(session.pilot, lambda: session.page.draft.params["fal:swift"]["size"] == "portrait_4_3")
        field.value = "640x480"
        await until(session.pilot, lambda: session.page.draft.params["fal:swift"]["size"] == "640x480")


async def test_json_is_edited_in_a_place_with_room() -> None:
    async with over(size=WIDE) as session:
        await session.pilot.press("ctrl+n")
        await until(session.pilot, lambda: len(session.page.query(JsonField)) == 1)
        session.page.query_one(JsonField).query_one(Input).focus()
        await session.pilot.press("enter")
        await session.shows("ctrl+s keep")
        text = session.app.screen.query_one(TextArea)
        text.text = "{}"
        await session.pilot.press("ctrl+s")
        await session.shows("a JSON list")
        text.text = "[1]"
        await session.pilot.press("ctrl+s")
        await until(session.pilot, lambda: session.page.draft.params["fal:swift"].get("control_parts") == [1])


async def test_loras_are_added_weighed_and_removed() -> None:
    async with over(size=WIDE) as session:
        loras = session.page.query_one(LoraList)
        loras.query(Press).first().focus()
        await session.pilot.press("enter")
        await session.type("detail:0.5")
        await session.pilot.press("enter")
        await until(session.pilot, lambda: len(loras.query(LoraChip)) == 1)
        assert [(lora.name, lora.weight) for lora in session.page.draft.loras] == [("detail", 0.5)]
        chip = loras.query(LoraChip).first()
        chip.query_one(Input).focus()
        await session.pilot.press("up")
        await until(session.pilot, lambda: session.page.draft.loras[0].weight == 0.6)
        fal = session.sky.made["fal"]
        await until(
            session.pilot, lambda: bool(fal.priced) and fal.priced[-1].loras == session.page.draft.loras
        )
        await session.pilot.press("ctrl+g")
        await until(session.pilot, lambda: len(fal.submits) == 4)
        assert all(job.recipe.loras == session.page.draft.loras for job in session.studio.queue.jobs())
        chip = loras.query(LoraChip).first()
        chip.query_one(Press).focus()
        await session.pilot.press("enter")
        await until(session.pilot, lambda: session.page.draft.loras == () and not loras.query(LoraChip))
