"""Jobs whose answer was lost: looked up and taken up, or sent again on a person's word."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from silverprint.core.errors import AnswerLost
from silverprint.core.provider import Found
from silverprint.core.ticket import Ticket
from tests.cli.cloud import Cloud
from tests.cli.conftest import Cli
from tests.cli.test_money import Shop

MODEL = "cloud:cloud"


@pytest.fixture
def shop(cli: Cli) -> Shop:
    made = Shop()
    cli.more = {"cloud": made}
    return made


def lose(cloud: Cloud) -> None:
    # By itself the queue would wait for the service's list, and look there at once.
    cloud.info = replace(cloud.info, looks_up=False)
    cloud.fail("submit", AnswerLost("the answer did not come"), times=99)


@pytest.fixture
def unsure(cli: Cli, shop: Shop) -> str:
    """A job whose answer was lost."""
    shop.before = lose
    assert cli("gen", "a fox", "--model", MODEL, "--seed", "3").code == 1
    shop.before = lambda cloud: None
    (job,) = cli("jobs", "--json").records
    assert job["state"] == "unsure"
    return str(job["job"])


def found(job_id: str, *, sure: bool = False) -> Found:
    handle = {"job": job_id, "steps": 3, "size": "64x64"}
    return Found(
        ticket=Ticket(provider="cloud", handle=handle, resumable=True),
        words=f"request {job_id}\x1b[31m",
        sure=sure,
        created=datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
    )


class Keeper(Shop):
    """Clouds at whose service requests of an earlier process lie."""

    def __init__(self, requests: list[Found]) -> None:
        super().__init__(found=requests)
        self.before = self._know

    def _know(self, cloud: Cloud) -> None:
        cloud.submits.extend(str(each.ticket.handle["job"]) for each in self.how["found"])


def test_one_that_is_surely_it_is_taken_up_and_nothing_is_sent(cli: Cli, shop: Shop, unsure: str) -> None:
    keeper = Keeper([found("other"), found("mine", sure=True)])
    cli.more = {"cloud": keeper}
    ran = cli("jobs", "lookup", unsure, "--json")
    assert ran.code == 0, ran.err
    assert [(each["number"], each["sure"]) for each in ran.events("found")] == [(1, False), (2, True)]
    assert ran.events("found")[0]["created"].startswith("2026-11-22T12:00")
    assert "\x1b" not in ran.out
    (picture,) = ran.events("picture")
    assert picture["job"] == unsure
    assert [cloud.watches for cloud in keeper.made if cloud.watches] == [["mine"]]
    assert cli("jobs", "--json").records == []


def test_one_that_may_be_it_is_taken_up_by_its_number(cli: Cli, shop: Shop, unsure: str) -> None:
    keeper = Keeper([found("first"), found("second")])
    cli.more = {"cloud": keeper}
    ran = cli("jobs", "lookup", unsure)
    assert (ran.code, "--claim N" in ran.err) == (0, True)
    assert [line.split("\t")[0] for line in ran.out.splitlines()] == ["1", "2"]
    assert cli("jobs", "--json").records[0]["state"] == "unsure"
    assert cli("jobs", "lookup", unsure, "--claim", "3").code == 2
    assert (
        cli("jobs", "lookup", unsure, "--claim", "2", "--no-wait", "--json").records[-1]["state"] == "waiting"
    )
    assert [cloud.watches for cloud in keeper.made if cloud.watches] == []
    # The next start goes on with it.
    assert cli("gen", "a cat", "--model", MODEL).code == 0
    assert [cloud.watches[0] for cloud in keeper.made if cloud.watches] == ["second"]
    assert {job["state"] for job in cli("jobs", "--all", "--json").records} == {"done"}


def test_nothing_is_found(cli: Cli, shop: Shop, unsure: str) -> None:
    ran = cli("jobs", "lookup", unsure)
    assert (ran.code, ran.out) == (1, "")
    assert f"silverprint jobs retry {unsure}" in ran.err
    assert cli("jobs", "lookup", "nothing").code == 2


def test_a_retry_of_an_unsure_job_tells_its_price_and_needs_a_word(
    cli: Cli, shop: Shop, unsure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = cli("jobs", "retry", unsure, stdin=b"")
    assert (ran.code, shop.sent) == (2, 0)
    assert "may cost about $0.03 once more" in ran.err
    assert "--yes" in ran.err
    answers = iter([False, True])
    asked: list[Any] = []

    def confirm(text: str, **_: Any) -> bool:
        asked.append(text)
        return next(answers)

    monkeypatch.setattr("click.confirm", confirm)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    ran = cli("jobs", "retry", unsure)
    assert (ran.code, shop.sent) == (130, 0)
    assert "Nothing was sent again." in ran.err
    assert cli("jobs", "--json").records[0]["state"] == "unsure"
    assert cli("jobs", "retry", unsure).code == 0
    assert (shop.sent, asked) == (1, ["Send again?"] * 2)


def test_yes_sends_it_again_without_a_question(cli: Cli, shop: Shop, unsure: str) -> None:
    ran = cli("jobs", "retry", "--all", "--yes", "--json", stdin=b"")
    assert (ran.code, shop.sent) == (0, 1)
    assert ran.events("picture")[0]["seed"] == 3


def test_several_unsure_jobs_are_summed_up(cli: Cli, shop: Shop, unsure: str) -> None:
    shop.before = lose
    cli("gen", "a cat", "--model", MODEL)
    assert "Together $0.06." in cli("jobs", "retry", "--all", stdin=b"").err
