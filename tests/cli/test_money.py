"""Money: prices told before anything is sent, what is refused, what a pause leaves behind, and `spend`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from silverprint.cli.bill import Bill, price_words
from silverprint.cli.spend import summed
from silverprint.core.budget import SpendRow
from silverprint.core.errors import KeyMissing, KeyRefused, OutOfCredit, RateLimited, SilverprintError
from silverprint.core.provider import Price, Provider, ProviderContext
from tests.cli.cloud import Cloud
from tests.cli.conftest import Cli

MODEL = "cloud:cloud"


class Shop:
    """Makes clouds, and keeps those that were made; ``before`` scripts each."""

    def __init__(self, **how: Any) -> None:
        self.how = how
        self.made: list[Cloud] = []
        self.before: Callable[[Cloud], None] = lambda cloud: None

    def __call__(self, context: ProviderContext) -> Provider:
        self.made.append(Cloud(context, **self.how))
        self.before(self.made[-1])
        return self.made[-1]

    @property
    def sent(self) -> int:
        return sum(len(cloud.submits) for cloud in self.made)


@pytest.fixture
def shop(cli: Cli) -> Shop:
    made = Shop()
    cli.more = {"cloud": made}
    return made


def gen(cli: Cli, *args: str) -> Any:
    return cli("gen", "a fox", "--model", MODEL, *args)


def settings(home: Path, text: str) -> None:
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "settings.toml").write_text(text)


def test_the_price_is_told_before_anything_is_sent(cli: Cli, shop: Shop) -> None:
    ran = gen(cli, "--count", "4")
    assert ran.code == 0
    assert ran.err.splitlines()[0] == "About $0.12 for 4, by our table of 2026-10."
    assert len(ran.out.splitlines()) == 4
    events = gen(cli, "--count", "2", "--json").records
    assert events[0] == {
        "event": "price", "usd": 0.06, "about": True, "jobs": 2, "unknown": 0, "source": "table", "as_of": "2026-10",
    }  # fmt: skip
    assert [event["event"] for event in events].index("job") == 1
    jobs = cli("jobs", "--all", "--json").records
    assert {(job["price_usd"], job["price_about"]) for job in jobs} == {(0.03, True)}
    assert "about $0.03" in cli("jobs", "--all").out


def test_what_was_priced_is_what_is_sent(cli: Cli, shop: Shop) -> None:
    """Planned once: the recipes that had a price are those of the jobs, and each kind is asked for once."""
    ran = cli(
        "gen", "a {red|blue} fox", "--all", "--count", "2", "--model", MODEL, "--json", "--set", "steps=2"
    )
    assert ran.code == 0
    (cloud,) = shop.made
    assert sorted(recipe.prompt for recipe in cloud.priced) == ["a blue fox", "a red fox"]
    assert {recipe.params["steps"] for recipe in cloud.priced} == {2}
    assert ran.events("price")[0]["jobs"] == len(cloud.submits) == 4


def test_a_dry_run_tells_the_price_and_sends_nothing(cli: Cli, shop: Shop) -> None:
    ran = gen(cli, "--dry-run", "--json", "--count", "2")
    assert [record["event"] for record in ran.records] == ["recipe", "recipe", "price"]
    assert (ran.records[-1]["usd"], shop.sent) == (0.06, 0)
    assert "About $0.06 for 2" in gen(cli, "--dry-run", "--count", "2").err


@pytest.mark.parametrize(
    ("price", "most", "code"),
    [
        (0.03, "0.13", 0),
        (0.03, "0.12", 0),
        (0.03, "0.11", 4),
        (None, "100", 4),
        (0.0, "0", 0),
        (0.03, "0", 4),
    ],
)
def test_max_price_refuses_what_may_cost_more(
    cli: Cli, shop: Shop, price: float | None, most: str, code: int
) -> None:
    shop.how["price"] = price
    for args in (["--dry-run"], []):
        ran = gen(cli, "--count", "4", "--max-price", most, *args)
        assert ran.code == code
        assert ("Nothing was sent" in ran.err) == (code == 4)
    assert shop.sent == (4 if code == 0 else 0)
    assert len(cli("jobs", "--all", "--json").records) == (4 if code == 0 else 0)
    assert gen(cli, "--max-price", "-1").code == 2


def test_an_unknown_price_is_said_and_a_free_one_is_not(cli: Cli, shop: Shop) -> None:
    shop.how["price"] = None
    ran = gen(cli)
    assert (ran.code, ran.err) == (0, "The price is not known.\n")
    assert "—" in cli("jobs", "--all").out
    shop.how["price"] = 0.0
    assert gen(cli).err == ""


def test_the_words_of_a_bill() -> None:
    known, unknown, exact = Price(usd=0.03, about=True), None, Price(usd=0.5, source="service")
    assert Bill(prices=(known, unknown, known), asks_money=True).sentence() == (
        "About $0.06 for 2, and 1 of unknown price."
    )
    assert Bill(prices=(exact,), asks_money=True).sentence() == "$0.50."
    assert Bill(prices=(unknown,), asks_money=False).sentence() == ""
    assert Bill(prices=(), asks_money=True).sentence() == ""
    assert Bill(prices=(known, unknown), asks_money=True).record()["usd"] is None
    assert Bill(prices=(Price(usd=0.1),) * 3, asks_money=True).refusal(0.3) == ""
    assert [price_words(price) for price in (known, unknown, exact, Price(usd=0))] == [
        "about $0.03",
        "—",
        "$0.50",
        "free",
    ]


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (OutOfCredit("no credit left", fix="Top up at the service."), "Top up at the service."),
        (KeyMissing("no key"), "silverprint keys set cloud"),
        (KeyRefused("wrong key"), "silverprint keys set cloud"),
    ],
)
def test_a_paused_provider_ends_the_command_and_cancels_what_was_not_sent(
    cli: Cli, shop: Shop, error: SilverprintError, fix: str
) -> None:
    shop.before = lambda cloud: cloud.fail("submit", error, times=99)
    ran = gen(cli, "--count", "5")
    assert ran.code == 4
    assert str(error) in ran.err
    assert fix in ran.err
    assert "Cancelled 5 jobs that had not been sent:" in ran.err
    jobs = cli("jobs", "--all", "--json").records
    assert {job["state"] for job in jobs} == {"cancelled"}
    for job in jobs:
        assert f"{job['job']}: cancelled" in ran.err
    ran = gen(cli, "--count", "2", "--json")
    (paused,) = ran.events("paused")
    assert (paused["provider"], paused["kind"], paused["reason"]) == (
        "cloud",
        type(error).__name__,
        str(error),
    )
    assert fix in paused["fix"]
    assert [failed["kind"] for failed in ran.events("failed")] == [type(error).__name__] * 2
    assert (ran.code, shop.sent) == (4, 0)
    # Nothing is left behind for another start to send.
    shop.before = lambda cloud: None
    assert gen(cli).code == 0
    assert shop.sent == 1


def test_what_was_sent_before_the_pause_is_brought_to_its_end(cli: Cli, shop: Shop) -> None:
    """Credit for two of four: two pictures, two cancelled."""
    shop.how["parallel"] = 1

    def two_only(cloud: Cloud) -> None:
        real = cloud.submit

        async def submit(recipe: Any, *, job_id: str) -> Any:
            if len(cloud.submits) >= 2:
                raise OutOfCredit("used up")
            return await real(recipe, job_id=job_id)

        cloud.submit = submit  # type: ignore[method-assign]

    shop.before = two_only
    ran = gen(cli, "--count", "4", "--json")
    assert (ran.code, shop.sent) == (4, 2)
    assert len(ran.events("picture")) == 2
    assert len(ran.events("failed")) == 2


def test_a_service_that_asks_for_patience_is_told_and_waited_for(
    cli: Cli, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("silverprint.queue.limits.PAUSE_FIRST_S", 0.0)
    shop.before = lambda cloud: cloud.fail("submit", RateLimited("too many requests"), times=2)
    ran = gen(cli, "--count", "2")
    assert (ran.code, shop.sent) == (0, 2)
    assert "cloud rests: too many requests" in ran.err


def test_other_providers_go_on_when_one_is_paused(cli: Cli, shop: Shop) -> None:
    shop.before = lambda cloud: cloud.fail("submit", OutOfCredit("used up"), times=99)
    assert gen(cli).code == 4
    assert cli.gen("a fox").code == 0


def test_the_budget_stops_the_command_and_lifting_it_lets_it_go_on(cli: Cli, shop: Shop, home: Path) -> None:
    settings(home, "[budget]\nday_usd = 0.10\n")
    shop.how["price_usd"] = 0.03
    ran = gen(cli, "--count", "5", "--json")
    assert (ran.code, shop.sent) == (4, 3)
    (paused,) = ran.events("paused")
    assert paused["kind"] == "BudgetReached"
    assert "silverprint spend lift" in paused["fix"]
    assert len(ran.events("picture")) == 3
    standing = cli("spend", "--json").events("budget")[0]
    assert (standing["day_usd"], standing["day_limit_usd"], standing["lifted"]) == (0.09, 0.10, False)
    assert "Today $0.09 of $0.10" in cli("spend").err
    assert "lifted for today" in cli("spend", "lift").err
    assert cli("spend", "lift", "--json").records[0]["lifted"] is True
    assert gen(cli, "--count", "2").code == 0
    assert shop.sent == 5


def test_spend_tells_each_day_provider_and_model(cli: Cli, shop: Shop) -> None:
    assert "Nothing was spent" in cli("spend").err
    shop.how["price_usd"] = 0.03
    gen(cli, "--count", "2")
    today = datetime.now().astimezone().date().isoformat()
    row, budget = cli("spend", "--json").records
    assert row == {
        "event": "spend", "day": today, "provider": "cloud", "model": MODEL, "usd": 0.06, "pending_usd": 0.0, "jobs": 2,
        "unknown": 0,
    }  # fmt: skip
    assert (budget["event"], budget["day_usd"], budget["day_limit_usd"]) == ("budget", 0.06, None)
    assert cli("spend").out == f"{today}\tcloud\t{MODEL}\t2\t$0.06\t\t\n"
    assert cli("spend", "--by", "provider").out == "cloud\t2\t$0.06\t\t\n"
    assert cli("spend", "--since", "2001-01-01", "--until", "2001-12-31", "--json").events("spend") == []
    assert len(cli("spend", "--days", "1", "--json").events("spend")) == 1


def test_unknown_prices_are_counted(cli: Cli, shop: Shop) -> None:
    shop.how["price"] = None
    gen(cli, "--count", "3")
    (row,) = cli("spend", "--json").events("spend")
    assert (row["usd"], row["jobs"], row["unknown"]) == (0.0, 3, 3)


def test_sums_by_day_provider_and_model() -> None:
    first, second = date(2026, 11, 1), date(2026, 11, 2)
    rows = [
        SpendRow(day=first, provider="a", model="x", usd=0.1, jobs=1, unknown=0, pending_usd=0.0),
        SpendRow(day=second, provider="a", model="x", usd=0.2, jobs=2, unknown=1, pending_usd=0.5),
        SpendRow(day=second, provider="b", model="x", usd=0.4, jobs=3, unknown=0, pending_usd=0.0),
    ]
    by_day = summed(rows, "day")
    assert [(row["day"], row["usd"], row["jobs"]) for row in by_day] == [
        ("2026-11-02", 0.6, 5),
        ("2026-11-01", 0.1, 1),
    ]
    assert [(row["provider"], row["usd"], row["pending_usd"]) for row in summed(rows, "provider")] == [
        ("a", 0.3, 0.5),
        ("b", 0.4, 0.0),
    ]
    assert [(row["model"], row["unknown"]) for row in summed(rows, "model")] == [("a:x", 1), ("b:x", 0)]
    assert [(row["day"], row["provider"]) for row in summed(rows, None)] == [
        ("2026-11-02", "a"),
        ("2026-11-02", "b"),
        ("2026-11-01", "a"),
    ]


@pytest.mark.parametrize(
    "args",
    [
        ["--since", "yesterday"],
        ["--since", "2026-11-02", "--until", "2026-11-01"],
        ["--days", "0"],
        ["--days", "3", "--since", "2026-11-01"],
        ["--by", "hour"],
    ],
)
def test_a_mistake_in_the_days_is_a_usage_error(cli: Cli, args: list[str]) -> None:
    assert cli("spend", *args).code == 2


def test_the_days_reach_back_from_the_last_one(cli: Cli, shop: Shop) -> None:
    gen(cli)
    today = datetime.now(UTC).astimezone().date()
    tomorrow = (today + timedelta(days=1)).isoformat()
    assert len(cli("spend", "--until", tomorrow, "--days", "2", "--json").events("spend")) == 1
    assert cli("spend", "--until", tomorrow, "--days", "1", "--json").events("spend") == []
    assert cli("spend", "--until", "0001-01-05", "--days", "300", "--json").events("spend") == []
