"""The money of one job, and the words for it: no disk, no clock."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from silverprint.core.budget import Budget, Standing, entry_of, money, sane_usd
from silverprint.core.job import ErrorNote, Job, JobState
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.ticket import Ticket

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
GOOD, ONCE = Ticket(provider="fal", resumable=True), Ticket(provider="fal", resumable=False)
S = JobState


def job(state: JobState, ticket: Ticket | None = None, kind: str = "", **fields: object) -> Job:
    base = Job(
        id="1",
        batch="1",
        recipe=Recipe(ref=ModelRef("fal", "fal-ai/flux/dev"), prompt=""),
        state=state,
        created=NOW,
        changed=NOW,
        ticket=ticket,
        error=ErrorNote(kind=kind, message=".") if kind else None,
        tries=1,
        price_usd=0.03,
        sent=NOW,
    )
    return replace(base, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "ticket", "kind", "says"),
    [
        (S.WAITING, None, "", None),
        (S.WAITING, None, "OutOfCredit", None),
        (S.WAITING, GOOD, "KeyMissing", "pending"),
        (S.SENDING, None, "", "pending"),
        (S.RUNNING, GOOD, "", "pending"),
        (S.SAVING, ONCE, "", "pending"),
        (S.UNSURE, None, "AnswerLost", "unsure"),
        (S.DONE, GOOD, "", "spent"),
        (S.FAILED, None, "BadRecipe", None),
        (S.FAILED, None, "AnswerLost", "maybe"),
        (S.FAILED, GOOD, "ContentRefused", "maybe"),
        (S.FAILED, GOOD, "Unreachable", "maybe"),
        (S.FAILED, ONCE, "Unreachable", None),
        (S.FAILED, ONCE, "ContentRefused", "maybe"),
        (S.CANCELLED, None, "", None),
        (S.CANCELLED, None, "RateLimited", None),
        (S.CANCELLED, None, "AnswerLost", "maybe"),
        (S.CANCELLED, GOOD, "", "maybe"),
    ],
)
def test_what_each_state_says_of_the_money(
    state: JobState, ticket: Ticket | None, kind: str, says: str | None
) -> None:
    entry = entry_of(job(state, ticket, kind))
    assert (entry.state.value if entry is not None else None) == says


def test_what_is_free_or_was_never_sent_has_no_line() -> None:
    assert entry_of(job(S.DONE, price_usd=0.0)) is None
    assert entry_of(job(S.FAILED, GOOD, tries=0)) is None


def test_a_line_names_try_day_and_model_and_may_not_know_the_price() -> None:
    entry = entry_of(job(S.RUNNING, GOOD, tries=3, price_usd=None), day_of=lambda _moment: date(2026, 11, 23))
    assert entry is not None
    assert (entry.key, entry.day, entry.provider, entry.model) == (
        "1:3",
        date(2026, 11, 23),
        "fal",
        "fal-ai/flux/dev",
    )
    assert entry.usd is None


def test_the_day_is_that_of_the_sending_not_of_the_end() -> None:
    later = job(S.DONE, GOOD, changed=datetime(2026, 11, 25, tzinfo=UTC))
    entry = entry_of(later, day_of=lambda moment: moment.date())
    assert entry is not None
    assert entry.day == date(2026, 11, 22)


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        (0, "$0.00"),
        (0.04, "$0.04"),
        (0.0035, "$0.0035"),
        (0.025, "$0.025"),
        (4.98, "$4.98"),
        (1234.5, "$1,234.50"),
        (0.1 + 0.2, "$0.30"),
    ],
)
def test_dollars_for_a_person(usd: float, words: str) -> None:
    assert money(usd) == words


@pytest.mark.parametrize("told", [math.nan, math.inf, -0.01, True, "0.03", None, [1]])
def test_what_is_no_price_is_not_taken_for_one(told: object) -> None:
    assert sane_usd(told) is None


def test_a_price_is_taken_as_it_is() -> None:
    assert sane_usd(0) == 0.0
    assert sane_usd(0.014) == 0.014


def test_the_refusal_says_what_is_spent_and_what_this_costs() -> None:
    standing = Standing(day_usd=4.98, month_usd=4.98, day_limit_usd=5.0)
    refusal = standing.refusal(0.04)
    assert str(refusal) == "Today's budget of $5.00 is reached: $4.98 spent, this picture costs $0.04."
    assert refusal is not None
    assert refusal.fix == "Press b to lift it for today, or raise it in Settings (5)."


def test_what_just_fits_is_sent() -> None:
    standing = Standing(day_usd=0.1 + 0.2, month_usd=0.1 + 0.2, day_limit_usd=0.4)
    assert standing.refusal(0.1) is None  # although 0.1 + 0.2 + 0.1 is more than 0.4 in floats
    assert standing.refusal(0.11) is not None


def test_the_month_has_its_own_limit() -> None:
    standing = Standing(day_usd=1.0, month_usd=60.0, day_limit_usd=5.0, month_limit_usd=60.0)
    assert "This month's budget of $60.00" in str(standing.refusal(0.01))


def test_what_nobody_knows_counts_as_assumed() -> None:
    standing = Standing(day_usd=0.5, day_unknown=4, day_limit_usd=1.0, assume_usd=0.10)
    assert standing.refusal(None) is None
    assert standing.refusal(0.11) is not None
    words = str(replace(standing, day_unknown=5).refusal(None))
    assert "$0.50 spent and 5 jobs of unknown price at $0.10 each" in words
    assert "this picture's price is not known and counts as $0.10" in words


def test_free_and_lifted_go_by() -> None:
    full = Standing(day_usd=9.0, day_limit_usd=5.0)
    assert full.refusal(0.0) is None
    assert full.refusal(0.01) is not None
    assert replace(full, lifted=True).refusal(0.01) is None
    assert full.is_reached
    assert not replace(full, lifted=True).is_reached


def test_a_limit_of_nothing_lets_nothing_by_and_no_limit_everything() -> None:
    assert Standing(day_limit_usd=0.0).refusal(0.001) is not None
    assert Standing(day_usd=1e5).refusal(1e5) is None
    assert not Budget().is_set
    assert Budget(day_usd=0.0).is_set


def test_the_standing_in_a_line() -> None:
    standing = Standing(day_usd=0.45, month_usd=3.1, day_limit_usd=5.0)
    assert standing.sentence() == "Today $0.45 of $5.00, this month $3.10."
    unknown = replace(standing, month_unknown=1, month_limit_usd=60.0, lifted=True)
    assert unknown.sentence() == (
        "Today $0.45 of $5.00, this month $3.10 of $60.00 (1 job of unknown price); the limit is lifted for today."
    )


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        ({"id": "a", "url": "1"}, {"id": "a", "url": "2"}, True),
        ({"id": "a", "url": "1"}, {"id": "b", "url": "1"}, False),
        ({"request_id": "a"}, {"request_id": "a", "logs": []}, True),
        ({"polling_url": "https://x/1"}, {"polling_url": "https://x/2"}, False),
        ({"id": "a"}, {"request_id": "a"}, False),
        ({"n": 1}, {"n": 1}, True),
    ],
)
def test_which_tickets_claim_one_job(mine: dict[str, object], theirs: dict[str, object], same: bool) -> None:
    one, other = Ticket(provider="fal", handle=mine), Ticket(provider="fal", handle=theirs)
    assert one.claims_the_same(other) is other.claims_the_same(one) is same
    assert not one.claims_the_same(replace(other, provider="bfl"))
