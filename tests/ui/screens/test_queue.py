"""The Queue on a real queue: what is said of each job, and what the keys do to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from silverprint.core.errors import AnswerLost, ContentRefused, LibraryDamaged
from silverprint.core.job import Job, JobState
from silverprint.settings.model import Settings
from silverprint.settings.paths import find_paths
from silverprint.studio import Studio
from silverprint.ui.screens.confirm import ConfirmScreen
from silverprint.ui.screens.picture_actions import ViewPicture
from silverprint.ui.screens.queue import QueueScreen
from silverprint.ui.widgets.job_list import JobList
from tests.ui.conftest import Snapshot, screen_text
from tests.ui.hosts import NARROW, WIDE, ScreenHost, until, until_still
from tests.ui.samples import HOSTILE, PROMPTS, Stage, recipe, stage

S = JobState


class Queue:
    """A queue on view, and what the tests ask it."""

    def __init__(self, set_up: Stage, app: ScreenHost, pilot: Pilot[None]) -> None:
        self.studio = set_up.studio
        self.fake = set_up.fake
        self.app = app
        self.pilot = pilot

    @property
    def screen(self) -> QueueScreen:
        return next(one for one in self.app.screen_stack if isinstance(one, QueueScreen))

    @property
    def jobs(self) -> JobList:
        return self.screen.query_one(JobList)

    @property
    def states(self) -> list[JobState]:
        """The states on the screen, from the top."""
        return [job.state for job in self.jobs.jobs]

    @property
    def text(self) -> str:
        """The screen as text, whatever the line breaks."""
        return " ".join(screen_text(self.app).split())

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until_states(self, *states: JobState) -> None:
        await until(self.pilot, lambda: self.states == list(states))

    async def until_shown(self, words: str) -> None:
        await until(self.pilot, lambda: words in self.text)

    async def add(self, count: int, prompts: Sequence[str] = PROMPTS) -> list[Job]:
        return await self.studio.queue.add(
            [recipe(prompts[number % len(prompts)], seed=number) for number in range(count)]
        )


@asynccontextmanager
async def queue(
    home: Path,
    *heard: type,
    size: tuple[int, int] = NARROW,
    before: Callable[[Stage], Any] | None = None,
    **options: Any,
) -> AsyncIterator[Queue]:
    """A queue on view. ``before`` sets the stage first."""
    async with stage(home, **options) as set_up:
        if before is not None:
            await before(set_up)
        app = ScreenHost(set_up.studio, QueueScreen, *heard)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: isinstance(app.screen, QueueScreen) and app.screen.is_mounted)
            shown = Queue(set_up, app, pilot)
            await until(pilot, lambda: bool(shown.jobs.empty_words))
            yield shown


async def test_the_empty_queue_teaches(home: Path, snapshot: Snapshot) -> None:
    async with queue(home) as shown:
        await shown.press("c", "r", "d", "X", "enter")  # nothing to act on, and no crash
        await until_still(shown.pilot)
        snapshot(shown.app, "queue-empty")
        assert shown.app.said == []


async def test_jobs_move_on_the_screen_as_they_move(home: Path) -> None:
    async with queue(home) as shown:
        hold = shown.fake.hold("step:2")
        await shown.add(2)
        await hold.reached()
        await shown.until_states(S.RUNNING, S.WAITING)
        await shown.until_shown("1/3")
        await shown.until_shown("1 running · 1 waiting")
        hold.release()
        await shown.until_states(S.DONE, S.DONE)
        await shown.until_shown("nothing waits, nothing runs")


async def test_every_kind_of_job_in_a_wide_window(home: Path, snapshot: Snapshot) -> None:
    async with queue(home, size=WIDE) as shown:
        await mixed(shown)
        await until_still(shown.pilot)
        snapshot(shown.app, "queue-wide")


async def test_every_kind_of_job_in_a_narrow_window(home: Path, snapshot: Snapshot) -> None:
    async with queue(home) as shown:
        await mixed(shown)
        await until_still(shown.pilot)
        snapshot(shown.app, "queue-narrow")


async def mixed(shown: Queue) -> None:
    """One job that failed, one that asks, one that runs, two that wait. The cursor is on the question."""
    shown.fake.fail("submit", ContentRefused("The prompt was refused by its rules"))
    shown.fake.fail("taken", AnswerLost("The answer did not arrive"))
    hold = shown.fake.hold("step:3")
    await shown.add(5)
    await hold.reached()
    await shown.until_states(S.UNSURE, S.RUNNING, S.WAITING, S.WAITING, S.FAILED)
    await shown.until_shown("2/3")
    await shown.press("home")


async def test_the_question_is_asked_and_answered_by_sending_again(home: Path) -> None:
    async with queue(home, resumable=False) as shown:
        shown.fake.fail("taken", AnswerLost("The answer did not arrive"))
        (job,) = await shown.add(1)
        await shown.until_states(S.UNSURE)
        await shown.until_shown("may have been taken")
        assert "charge twice" in shown.text
        assert shown.fake.submits == [job.id]
        await shown.press("r")
        await shown.until_states(S.DONE)
        assert shown.fake.submits == [job.id, job.id]  # on the person's word, and only then


async def test_the_question_can_be_answered_by_giving_up(home: Path) -> None:
    async with queue(home, resumable=False) as shown:
        shown.fake.fail("taken", AnswerLost("The answer did not arrive"))
        (job,) = await shown.add(1)
        await shown.until_states(S.UNSURE)
        await shown.press("c")
        await shown.until_states(S.CANCELLED)
        assert shown.fake.submits == [job.id]


async def test_where_sending_again_is_free_the_question_says_so(home: Path) -> None:
    async with queue(home, resumable=False, local=True) as shown:
        shown.fake.fail("taken", AnswerLost("The answer did not arrive"))
        await shown.add(1)
        await shown.until_shown("costs only time")


async def test_a_failed_job_shows_its_fix_and_is_tried_again(home: Path) -> None:
    async with queue(home) as shown:
        shown.fake.fail("submit", ContentRefused("The prompt was refused by its rules"))
        await shown.add(1)
        await shown.until_states(S.FAILED)
        await shown.until_shown("Change the prompt")
        await shown.press("r")
        await shown.until_states(S.DONE)


async def test_cancel_one_then_all_after_asking(home: Path) -> None:
    async with queue(home) as shown:
        hold = shown.fake.hold("step:1")
        await shown.add(4)
        await hold.reached()
        await shown.until_states(S.RUNNING, S.WAITING, S.WAITING, S.WAITING)
        await shown.press("end", "c")
        await shown.until_states(S.RUNNING, S.WAITING, S.WAITING, S.CANCELLED)
        await shown.press("X")
        await until(shown.pilot, lambda: isinstance(shown.app.screen, ConfirmScreen))
        assert "Cancel 3 jobs" in shown.text
        await shown.press("n")
        assert shown.states.count(S.CANCELLED) == 1
        await shown.press("X")
        await until(shown.pilot, lambda: isinstance(shown.app.screen, ConfirmScreen))
        await shown.press("y")
        await shown.until_states(S.CANCELLED, S.CANCELLED, S.CANCELLED, S.CANCELLED)
        assert len(shown.fake.submits) == 1


async def test_pause_and_go_on(home: Path) -> None:
    async with queue(home) as shown:
        await shown.press("space")
        await shown.until_shown("paused · space goes on")
        await shown.add(1)
        await shown.until_states(S.WAITING)
        assert shown.fake.submits == []
        await shown.press("P")
        await shown.until_states(S.DONE)
        assert "paused" not in shown.text


async def test_clear_takes_what_ended_off_the_list_for_good(home: Path) -> None:
    async with queue(home, resumable=False) as shown:
        shown.fake.fail("taken", AnswerLost("The answer did not arrive"))
        await shown.add(3)
        await shown.until_states(S.UNSURE, S.DONE, S.DONE)
        await shown.press("d")
        await shown.until_states(S.UNSURE)  # it waits for a word
        pictures = await shown.studio.library.count()
        assert pictures == 2
    async with queue(home) as again:
        await again.until_states(S.UNSURE)


async def test_jobs_of_earlier_days_are_listed(home: Path) -> None:
    async def finished(set_up: Stage) -> None:
        (job,) = await set_up.studio.queue.add([recipe()])
        await set_up.studio.queue.wait([job.id])

    async with stage(home) as set_up:
        await finished(set_up)
    async with queue(home) as shown:
        await shown.until_states(S.DONE)


async def test_enter_shows_the_pictures_of_a_finished_job(home: Path) -> None:
    async with queue(home, ViewPicture, outputs=2) as shown:
        (job,) = await shown.add(1)
        await shown.until_states(S.DONE)
        await shown.press("enter")
        await until(shown.pilot, lambda: bool(shown.app.heard))
        (message,) = shown.app.heard
        assert [one.id for one in message.among] == [f"{job.id}-1", f"{job.id}-2"]
        assert message.picture.id == f"{job.id}-1"


async def test_keys_that_would_do_nothing_are_off(home: Path) -> None:
    async with queue(home) as shown:
        hold = shown.fake.hold("step:1")
        await shown.add(1)
        await hold.reached()
        await shown.until_states(S.RUNNING)
        assert shown.screen.check_action("cancel", ()) is True
        assert shown.screen.check_action("retry", ()) is False
        assert shown.screen.check_action("clear", ()) is False
        hold.release()
        await shown.until_states(S.DONE)
        assert shown.screen.check_action("cancel", ()) is False
        assert shown.screen.check_action("cancel_all", ()) is False
        assert shown.screen.check_action("clear", ()) is True


async def test_hostile_words_stay_words(home: Path) -> None:
    async with queue(home, size=WIDE) as shown:
        shown.fake.fail("submit", ContentRefused(HOSTILE, fix=HOSTILE))
        await shown.add(1, [HOSTILE])
        await shown.until_states(S.FAILED)
        await until_still(shown.pilot)
        assert shown.text.count("[bold red]no markup[/]") >= 4
        assert "\x1b" not in shown.text
        assert "\u202e" not in shown.text


async def test_without_a_history_the_reason_is_on_the_screen(home: Path) -> None:
    studio = Studio(find_paths({"SILVERPRINT_HOME": str(home)}), Settings(), providers={})
    app = ScreenHost(studio, QueueScreen, trouble=LibraryDamaged("The history can't be read"))
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: "The history can't be read" in screen_text(app))
        await pilot.press("c", "r", "space", "d", "X", "enter", "down")  # no queue, no crash
