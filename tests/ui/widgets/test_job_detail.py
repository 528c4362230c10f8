"""JobDetail: what went wrong, what it may cost, and the keys."""

from __future__ import annotations

from silverprint.core.job import JobState
from silverprint.core.ticket import Ticket
from silverprint.ui.widgets.job_detail import JobDetail, lines, question
from tests.ui.conftest import screen_text
from tests.ui.hosts import WidgetHost
from tests.ui.samples import HOSTILE, job, note, recipe


def text_of(one: object, **options: object) -> str:
    return "\n".join(line.plain for line in lines(one, **options))  # type: ignore[arg-type]


def test_the_question_says_what_is_not_known_and_what_it_may_cost() -> None:
    words = question(job(1, JobState.UNSURE, error=note("AnswerLost")))
    assert "may have been taken" in words
    assert "charge twice" in words
    shown = text_of(job(1, JobState.UNSURE, error=note("AnswerLost")))
    assert "r send it again" in shown
    assert "c give it up" in shown


def test_what_is_free_to_repeat_says_so() -> None:
    words = question(job(1, JobState.UNSURE), is_free=True)
    assert "charge" not in words
    assert "only time" in words


def test_a_ticket_that_stands_is_asked_not_sent() -> None:
    ticket = Ticket(provider="fake", handle={"job": "x"}, resumable=True)
    unsure = job(1, JobState.UNSURE, ticket=ticket, error=note("Unreachable", can_retry=True))
    assert "costs nothing" in question(unsure)
    assert "r ask for the result" in text_of(unsure)


def test_a_failed_job_says_why_where_and_how_to_mend_it() -> None:
    failed = job(1, JobState.FAILED, error=note("BadRecipe", fields={"steps": "a whole number from 1 to 8"}))
    shown = text_of(failed)
    assert "The account has no credit left" in shown
    assert "steps: a whole number from 1 to 8" in shown
    assert "Add credit, then retry." in shown
    assert "r try again" in shown


def test_what_made_it_is_there() -> None:
    shown = text_of(job(1, JobState.RUNNING, recipe=recipe("a fox", seed=7, negative_prompt="blur"), tries=2))
    for words in ("a fox", "blur", "fake:fake", "seed 7", "steps 3", "try 2"):
        assert words in shown


async def test_hostile_words_stay_words() -> None:
    detail = JobDetail()
    app = WidgetHost(detail)
    async with app.run_test(size=(100, 20)) as pilot:
        error = note(message=HOSTILE, fix=HOSTILE, fields={HOSTILE: HOSTILE})
        detail.job = job(1, JobState.FAILED, recipe=recipe(HOSTILE, negative_prompt=HOSTILE), error=error)
        await pilot.pause()
        shown = screen_text(app)
        assert shown.count("[bold red]no markup[/]") >= 5
        assert "\x1b" not in shown
