"""Words about money: what was spent, for the line on top; what a press of Develop costs, for its line. Pure."""

from __future__ import annotations

from silverprint.core.budget import Standing, money
from silverprint.core.provider import Price


def spend_notes(standing: Standing | None) -> tuple[str, ...]:
    """What was spent today, from the fullest words to the shortest; none where nothing ever was and no limit is set.

    A question mark stands for jobs whose price nobody knows.
    """
    if standing is None:
        return ()
    day, month = standing.day_limit_usd, standing.month_limit_usd
    if day is None and month is None and not (standing.month_usd or standing.month_unknown):
        return ()
    today = money(standing.day_usd) + (" + ?" if standing.day_unknown else "")
    if day is not None:
        amount = f"{today} of {money(day)}"
        fullest = f"today {amount}" + (", lifted" if standing.lifted else "")
        return fullest, f"today {amount}", amount, today
    if month is not None:
        this_month = money(standing.month_usd) + (" + ?" if standing.month_unknown else "")
        amount = f"{this_month} of {money(month)}"
        return f"today {today}, month {amount}", f"month {amount}", amount, this_month
    return f"today {today}", today


def cost_words(price: Price | None, number: int, *, is_known: bool = True) -> str:
    """What ``number`` requests at ``price`` each cost: ``about $0.056``, ``price unknown``; nothing for what is free.

    ``is_known`` is False while nobody has been asked yet.
    """
    if not is_known:
        return ""
    if price is None:
        return "price unknown"
    if price.usd == 0:
        return ""
    return f"{'about ' if price.about else ''}{exact_money(price.usd * number)}"


def exact_money(usd: float) -> str:
    """A price as exact as it is: ``$0.056``, ``$0.003``, ``$4``, ``$12.50``."""
    if usd >= 1:
        return f"${usd:,.2f}".removesuffix(".00")
    return f"${usd:.4f}".rstrip("0").rstrip(".") if usd >= 0.0001 else "under $0.0001"
