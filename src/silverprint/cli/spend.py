"""``spend``: what was spent per day, provider and model, how the budget stands, and the word that lifts it.

Days are local ones. The book itself is kept by the queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import click

from silverprint.cli.narration import say
from silverprint.cli.output import Output
from silverprint.cli.session import Session, as_json, pass_session
from silverprint.core.errors import UsageError

if TYPE_CHECKING:
    from silverprint.core.budget import SpendRow, Standing

By = Literal["day", "provider", "model"]

_DAYS = 30
_HEADS: dict[By | None, tuple[str, ...]] = {
    None: ("DAY", "PROVIDER", "MODEL"),
    "day": ("DAY",),
    "provider": ("PROVIDER",),
    "model": ("MODEL",),
}


@click.group(invoke_without_command=True, short_help="Show what was spent, and the budget.")
@click.option(
    "--days",
    type=click.IntRange(1, 36_500),
    metavar="N",
    help=f"The last N days, today too. Default {_DAYS}.",
)
@click.option("--since", metavar="DAY", help="From this day on, such as 2026-11-01.")
@click.option("--until", metavar="DAY", help="To this day, which counts too. Default: today.")
@click.option("--by", type=click.Choice(["day", "provider", "model"]), help="Sum up for each of these.")
@as_json
@click.pass_context
def spend(
    ctx: click.Context,
    *,
    days: int | None,
    since: str | None,
    until: str | None,
    by: By | None,
    as_json: bool,
) -> None:
    """Show what was spent for each day, provider and model, and how the budget stands.

    SPENT is what is certain. PENDING is on its way, or perhaps charged: nobody knows yet. UNKNOWN counts the jobs whose
    price nobody tells; they are in no sum.
    """
    if ctx.invoked_subcommand is not None:
        return
    session = ctx.find_object(Session)
    assert session is not None
    first, last = _days(days, since, until)
    output = Output(as_json=as_json)

    async def work() -> tuple[list[SpendRow], Standing]:
        async with session.studio() as studio:
            return await studio.spent(first, last), await studio.standing()

    rows, standing = session.run(work)
    shown = summed(rows, by)
    if as_json:
        for row in shown:
            output.record({"event": "spend", **row})
        output.record({"event": "budget", **standing_record(standing)})
        return
    if shown:
        _table(output, shown, by)
    else:
        say(f"Nothing was spent from {first} to {last}.")
    say(standing.sentence())


@spend.command(short_help="Lift the budget for the rest of today.")
@as_json
@pass_session
def lift(session: Session, *, as_json: bool) -> None:
    """Let no limit hold until today ends. What a running silverprint held back for the budget goes on."""
    output = Output(as_json=as_json)

    async def work() -> Standing:
        async with session.studio() as studio:
            await studio.lift_budget()
            return await studio.standing()

    standing = session.run(work)
    if as_json:
        output.record({"event": "budget", **standing_record(standing)})
    else:
        say(standing.sentence())


def summed(rows: Iterable[SpendRow], by: By | None) -> list[dict[str, Any]]:
    """Rows as plain values, one for each day, provider or model where ``by`` says so; newest or dearest first."""
    sums: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        names = {"day": row.day.isoformat(), "provider": row.provider, "model": f"{row.provider}:{row.model}"}
        chosen = {name: value for name, value in names.items() if by is None or name == by}
        entry = sums.setdefault(
            tuple(chosen.values()), {**chosen, "usd": 0.0, "pending_usd": 0.0, "jobs": 0, "unknown": 0}
        )
        for name in ("usd", "pending_usd", "jobs", "unknown"):
            entry[name] += getattr(row, name)
    found = list(sums.values())
    for entry in found:
        # Tenths of a cent are summed; what the sum of floats adds behind them is nobody's money.
        entry["usd"], entry["pending_usd"] = round(entry["usd"], 6), round(entry["pending_usd"], 6)
    if by in ("provider", "model"):
        return sorted(found, key=lambda entry: (-entry["usd"] - entry["pending_usd"], entry[by]))
    found.sort(key=lambda entry: str(entry.get("model", "")))
    return sorted(found, key=lambda entry: str(entry["day"]), reverse=True)


def standing_record(standing: Standing) -> dict[str, Any]:
    """The budget's standing as ``--json`` prints it."""
    return {
        "day_usd": standing.day_usd,
        "month_usd": standing.month_usd,
        "day_unknown": standing.day_unknown,
        "month_unknown": standing.month_unknown,
        "day_limit_usd": standing.day_limit_usd,
        "month_limit_usd": standing.month_limit_usd,
        "assume_usd": standing.assume_usd,
        "reached": standing.is_reached,
        "lifted": standing.lifted,
        "said": standing.sentence(),
    }


def _table(output: Output, rows: Sequence[dict[str, Any]], by: By | None) -> None:
    from silverprint.core.budget import money

    heads = _HEADS[by]
    output.table(
        (*heads, "JOBS", "SPENT", "PENDING", "UNKNOWN"),
        [
            (
                *(str(row[head.lower()]) for head in heads),
                str(row["jobs"]),
                money(row["usd"]),
                money(row["pending_usd"]) if row["pending_usd"] else "",
                str(row["unknown"] or ""),
            )
            for row in rows
        ],
        flexible=("MODEL", "PROVIDER"),
    )
    if len(rows) > 1:
        usd, pending = (sum(row[name] for row in rows) for name in ("usd", "pending_usd"))
        unknown = sum(row["unknown"] for row in rows)
        parts = [f"{money(usd)} spent"]
        parts += [f"{money(pending)} pending"] * bool(pending)
        parts += [f"{unknown} of unknown price"] * bool(unknown)
        say("Together " + ", ".join(parts) + ".")


def _days(days: int | None, since: str | None, until: str | None) -> tuple[date, date]:
    """The first and the last day that are meant. Raises UsageError."""
    if days is not None and since is not None:
        raise UsageError("--days and --since can't go together.", fix="Give one of them.")
    last = _day("--until", until) if until is not None else datetime.now().astimezone().date()
    if since is not None:
        first = _day("--since", since)
    else:
        reach = timedelta(days=(days or _DAYS) - 1)
        first = last - reach if last - date.min > reach else date.min
    if first > last:
        raise UsageError(f"{first} is after {last}.", fix="Let --since come before --until.")
    return first, last


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{option} is not a day: {text}.", fix="Write it as 2026-11-01.") from None
