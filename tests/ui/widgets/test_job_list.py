"""JobList: order, cursor, one line a job, and repainting at a calm pace."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from textual.geometry import Region

from silverprint.core.job import JobState
from silverprint.core.update import Waiting, Working
from silverprint.ui.widgets.job_list import JobList, order
from tests.ui.conftest import screen_text
from tests.ui.hosts import WidgetHost, until
from tests.ui.samples import HOSTILE, NOON, job, note, recipe


def jobs_host(*heard: type) -> tuple[WidgetHost, JobList]:
    jobs = JobList(clock=lambda: NOON)
    return WidgetHost(jobs, *heard), jobs


def rows(app: WidgetHost) -> list[str]:
    return [line for line in screen_text(app).splitlines() if line.strip()]


async def test_questions_first_then_what_runs_then_what_waits_then_the_past() -> None:
    app, jobs = jobs_host()
    async with app.run_test(size=(100, 20)):
        jobs.show(
            [
                job(1, JobState.DONE, pictures=("x-1",)),
                job(2, JobState.WAITING, rank=1.0),
                job(3, JobState.RUNNING),
                job(4, JobState.UNSURE),
                job(5, JobState.WAITING),
                job(6, JobState.FAILED, error=note()),
            ]
        )
        jobs.flush()
        assert [one.recipe.seed for one in jobs.jobs] == [4, 3, 5, 2, 6, 1]
        assert sorted(jobs.jobs, key=order) == jobs.jobs


async def test_each_job_says_state_model_prompt_and_age_and_its_error() -> None:
    app, jobs = jobs_host()
    async with app.run_test(size=(120, 10)) as pilot:
        jobs.show([job(0, JobState.FAILED, error=note()), job(1, JobState.DONE, pictures=("x-1", "x-2"))])
        jobs.flush()
        await pilot.pause()
        done, failed = rows(app)
        assert "✗ failed" in failed
        assert "fake:fake" in failed
        assert "a red apple" in failed
        assert "The account has no credit left" in failed
        assert failed.endswith("1h")
        assert "✓ done" in done
        assert "2 pictures" in done
        assert done.endswith("59m")


async def test_progress_is_drawn_and_the_newest_wins() -> None:
    app, jobs = jobs_host()
    async with app.run_test(size=(100, 10)) as pilot:
        jobs.show([job(1, JobState.RUNNING)])
        jobs.flush()
        jobs.progress(job(1).id, Working(step=1, steps=4))
        jobs.progress(job(1).id, Working(step=3, steps=4))
        jobs.flush()
        await pilot.pause()
        (line,) = rows(app)
        assert "3/4" in line
        bar = line.count("━") + line.count("╸")
        assert abs(bar - 3 * line.count("─")) <= 3


async def test_place_in_the_service_queue_and_the_pause_are_said() -> None:
    app, jobs = jobs_host()
    async with app.run_test(size=(120, 10)) as pilot:
        jobs.show([job(1, JobState.RUNNING), job(2)])
        jobs.progress(job(1).id, Waiting(place=7))
        jobs.paused = True
        jobs.flush()
        await pilot.pause()
        running, waiting = rows(app)
        assert "place 7" in running
        assert "paused" in waiting


async def test_news_of_fifty_jobs_repaints_rows_not_the_screen() -> None:
    """Many reports between two repaints cost one repaint of each row that is on view."""
    app, jobs = jobs_host()
    async with app.run_test(size=(100, 20)):
        jobs.show([job(n, JobState.RUNNING) for n in range(50)])
        jobs.flush()
        asked: list[tuple[Region, ...]] = []
        refresh = jobs.refresh

        def spy(*regions: Region, **options: bool) -> JobList:
            asked.append(regions)
            refresh(*regions, **options)
            return jobs

        jobs.refresh = spy  # type: ignore[method-assign]
        for step in range(40):
            for n in range(50):
                jobs.progress(job(n).id, Working(step=step, steps=40))
        assert asked == []
        jobs.flush()
        assert len(asked) == 20  # the rows on view, once each
        assert all(region.height == 1 for regions in asked for region in regions)
        asked.clear()
        jobs.flush()
        assert asked == []


async def test_the_cursor_stays_on_its_job_when_the_order_changes() -> None:
    app, jobs = jobs_host(JobList.Highlighted)
    async with app.run_test(size=(100, 20)) as pilot:
        jobs.focus()
        jobs.show([job(1), job(2), job(3)])
        jobs.flush()
        await pilot.press("j")
        assert jobs.job is not None
        assert jobs.job.id == job(2).id
        jobs.change(replace(job(2), state=JobState.RUNNING))
        jobs.change(job(0))
        jobs.flush()
        assert jobs.job.state is JobState.RUNNING
        assert [one.recipe.seed for one in jobs.jobs] == [2, 0, 1, 3]
        await pilot.pause()
        assert app.heard[-1].job.state is JobState.RUNNING


async def test_keys_move_within_the_ends() -> None:
    app, jobs = jobs_host()
    async with app.run_test(size=(100, 12)) as pilot:
        jobs.focus()
        jobs.show([job(n) for n in range(40)])
        jobs.flush()
        await pilot.press("up")
        assert jobs.job == job(0)
        await pilot.press("G", "down")
        assert jobs.job == job(39)
        assert jobs.scroll_offset.y == 40 - 12
        await pilot.press("pageup")
        assert jobs.job == job(28)
        await pilot.press("home")
        assert jobs.job == job(0)
        assert jobs.scroll_offset.y == 0


async def test_when_the_job_under_the_cursor_is_cleared_the_next_has_it() -> None:
    app, jobs = jobs_host()
    async with app.run_test(size=(100, 12)) as pilot:
        jobs.focus()
        jobs.show([job(1), job(2), job(3)])
        jobs.flush()
        await pilot.press("down")
        await until(pilot, lambda: jobs.job == job(2))  # the key may still be on its way
        jobs.show([job(1), job(3)])
        jobs.flush()
        assert jobs.job == job(3)
        jobs.show([])
        assert jobs.render_line(0).text.strip() == ""  # a frame may come before the next repaint
        assert jobs.jobs == []
        jobs.flush()
        assert jobs.job is None


async def test_ages_go_on() -> None:
    now = NOON
    jobs = JobList(clock=lambda: now)
    app = WidgetHost(jobs)
    async with app.run_test(size=(100, 12)) as pilot:
        jobs.show([job(59, JobState.RUNNING)])  # a minute old
        jobs.flush()
        await pilot.pause()
        assert rows(app)[0].endswith("1m")
        now = NOON + timedelta(minutes=2)
        await until(pilot, lambda: rows(app)[0].endswith("3m"))


async def test_hostile_words_stay_words() -> None:
    app, jobs = jobs_host()
    async with app.run_test(size=(140, 12)) as pilot:
        hostile = job(1, JobState.FAILED, recipe=recipe(HOSTILE), error=note(message=HOSTILE))
        jobs.show([hostile])
        jobs.flush()
        await pilot.pause()
        text = screen_text(app)
        assert "[bold red]no markup[/]" in text
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert len(rows(app)) == 1


async def test_an_empty_queue_teaches() -> None:
    app, jobs = jobs_host()
    async with app.run_test(size=(80, 12)) as pilot:
        jobs.empty_words = ("Nothing to do", "", "press ctrl+g")
        await pilot.pause()
        assert "press ctrl+g" in screen_text(app)
