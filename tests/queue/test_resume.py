"""The table of what is done with each state found, in full."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from silverprint.core.job import ErrorNote, Job, JobState
from silverprint.core.provider import ProviderInfo
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.ticket import Ticket
from silverprint.queue.resume import Step, claim_stands, decide, unsure_note
from silverprint.testing.clock import START

S = JobState
PAID = ProviderInfo(name="fake", title="Fake")
FREE = replace(PAID, idempotent=True)
GOOD, ONCE = Ticket(provider="fake", resumable=True), Ticket(provider="fake", resumable=False)


def job(state: JobState, ticket: Ticket | None = None, **fields: object) -> Job:
    recipe = Recipe(ref=ModelRef("fake", "fake"), prompt="")
    base = Job(id="1", batch="1", recipe=recipe, state=state, created=START, changed=START, ticket=ticket)
    return replace(base, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "ticket", "info", "step"),
    [
        (S.WAITING, None, PAID, Step.SEND),
        (S.WAITING, None, FREE, Step.SEND),
        (S.WAITING, GOOD, PAID, Step.WATCH),
        (S.WAITING, ONCE, PAID, Step.SEND),
        (S.WAITING, None, None, Step.LEAVE),
        (S.SENDING, None, PAID, Step.ASK),
        (S.SENDING, None, FREE, Step.AGAIN),
        (S.SENDING, None, None, Step.LEAVE),
        (S.RUNNING, GOOD, PAID, Step.WATCH),
        (S.RUNNING, GOOD, FREE, Step.WATCH),
        (S.RUNNING, ONCE, PAID, Step.ASK),
        (S.RUNNING, ONCE, FREE, Step.AGAIN),
        (S.RUNNING, GOOD, None, Step.LEAVE),
        (S.SAVING, GOOD, PAID, Step.WATCH),
        (S.SAVING, ONCE, PAID, Step.ASK),
        (S.SAVING, ONCE, FREE, Step.AGAIN),
        (S.SAVING, ONCE, None, Step.LEAVE),
    ],
)
def test_nothing_was_received(
    state: JobState, ticket: Ticket | None, info: ProviderInfo | None, step: Step
) -> None:
    assert decide(job(state, ticket), info, received=False) is step


@pytest.mark.parametrize("state", [S.SENDING, S.RUNNING, S.SAVING])
@pytest.mark.parametrize("info", [None, PAID, FREE])
@pytest.mark.parametrize("cancel", [False, True])
def test_what_was_received_is_saved(state: JobState, info: ProviderInfo | None, cancel: bool) -> None:
    assert decide(job(state, ONCE), info, received=True, cancel=cancel) is Step.SAVE


def test_a_waiting_job_is_saved_only_from_what_is_its_own() -> None:
    assert decide(job(S.WAITING), PAID, received=True) is Step.SEND
    assert decide(job(S.WAITING, incoming={"v": 1}), PAID, received=True) is Step.SAVE
    assert decide(job(S.WAITING, ONCE), PAID, received=False, in_hand=True) is Step.WATCH


@pytest.mark.parametrize(
    ("state", "ticket", "info", "step"),
    [
        (S.WAITING, None, PAID, Step.STOP),
        (S.WAITING, None, None, Step.STOP),
        (S.SENDING, None, PAID, Step.ASK),
        (S.SENDING, None, FREE, Step.STOP),
        (S.RUNNING, GOOD, PAID, Step.STOP),
        (S.RUNNING, ONCE, PAID, Step.STOP),
        (S.RUNNING, GOOD, None, Step.LEAVE),
    ],
)
def test_a_wish_to_cancel(
    state: JobState, ticket: Ticket | None, info: ProviderInfo | None, step: Step
) -> None:
    assert decide(job(state, ticket), info, received=False, cancel=True) is step


def test_nothing_is_ever_sent_twice_without_a_word() -> None:
    states = [S.SENDING, S.RUNNING, S.SAVING, S.UNSURE, S.DONE, S.FAILED, S.CANCELLED]
    for state, ticket, received, cancel in itertools.product(
        states, [None, GOOD, ONCE], [False, True], [False, True]
    ):
        step = decide(job(state, ticket), PAID, received=received, cancel=cancel)
        assert step not in (Step.SEND, Step.AGAIN), (state, ticket, received, cancel)


@pytest.mark.parametrize("state", [S.UNSURE, S.DONE, S.FAILED, S.CANCELLED])
def test_what_has_ended_is_left(state: JobState) -> None:
    assert decide(job(state, GOOD), PAID, received=True, cancel=True) is Step.LEAVE


@pytest.mark.parametrize(
    ("kind", "ticket", "stands"),
    [
        ("Unreachable", GOOD, True),
        ("DiskFull", GOOD, True),
        ("PictureError", GOOD, True),
        ("NotStopped", GOOD, True),
        ("KeyMissing", GOOD, True),
        ("KeyRefused", GOOD, True),
        ("OutOfCredit", GOOD, True),
        ("SettingsError", GOOD, True),
        ("ContentRefused", GOOD, False),
        ("ProviderError", GOOD, False),
        ("TicketLost", GOOD, False),
        ("Unreachable", ONCE, False),
        ("Unreachable", None, False),
    ],
)
def test_whether_an_old_ticket_still_stands(kind: str, ticket: Ticket | None, stands: bool) -> None:
    failed = job(S.FAILED, ticket, error=ErrorNote(kind=kind, message="."))
    assert claim_stands(failed) is stands


def test_a_result_that_only_we_gave_up_is_asked_for_before_anything_is_sent() -> None:
    note = ErrorNote(kind="TicketLost", message=".", can_retry=True)
    assert claim_stands(job(S.FAILED, GOOD, error=note))
    assert not claim_stands(job(S.FAILED, GOOD, error=replace(note, can_retry=False)))


@pytest.mark.parametrize(
    ("price_usd", "about", "words"),
    [
        (None, False, "It may have been charged; its price is not known."),
        (0.03, True, "It may have cost about $0.03."),
        (0.0035, False, "It may have cost $0.0035."),
        (0.0, False, ""),
    ],
)
def test_why_it_asks_and_what_it_may_cost(price_usd: float | None, about: bool, words: str) -> None:
    lost = job(S.SENDING, price_usd=price_usd, price_about=about)
    note = unsure_note(lost, PAID)
    assert (
        note.message
        == f"silverprint was stopped while this was on its way; it may have been sent. {words}".strip()
    )
    answered = unsure_note(lost, PAID, ErrorNote(kind="AnswerLost", message="No answer.", can_retry=True))
    assert answered.message == f"No answer. {words}".strip()
    assert not answered.can_retry
    assert "only once" in unsure_note(job(S.RUNNING, ONCE, price_usd=price_usd), PAID).message


def test_where_to_look_depends_on_the_service() -> None:
    lost = job(S.SENDING)
    assert "own list" in unsure_note(lost, PAID).fix
    fix = unsure_note(lost, replace(PAID, looks_up=True)).fix
    assert "press l" in fix.lower()
    assert f"silverprint jobs lookup {lost.id}" in fix
