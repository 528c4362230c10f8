"""Claim: what the answer to a submit leaves us with, as a ticket that another process can watch with.

Owns the polling address and the price. Whether the key may go to that address is left to ``adapter.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from silverprint.core.ticket import Ticket
from silverprint.providers.address import origin, resolved
from silverprint.providers.bfl.status import number

CREDIT_USD = 0.01


def ticket_of(body: Mapping[str, Any], *, provider: str, base: str) -> Ticket | None:
    """The ticket in an answer of ``{"id", "polling_url", "cost"}``; None when there is nothing to ask with.

    The polling address is kept exactly as given. A relative one is taken from ``base``; where there is none, the task
    is asked for by its id.
    """
    task = body.get("id")
    task = str(task) if isinstance(task, str | int) and not isinstance(task, bool) else ""
    polling = _polling_url(body.get("polling_url"), base)
    if not polling and not task:
        return None
    usd = usd_of(body.get("cost"))
    return Ticket(
        provider=provider,
        handle={"id": task, "polling_url": polling or result_url(base, task), "usd": usd},
        resumable=True,
        price_usd=usd,
    )


def result_url(base: str, task: str) -> str:
    """Where a task is asked for by its id."""
    return f"{base}/v1/get_result?{urlencode({'id': task})}"


def usd_of(credits: Any) -> float | None:
    """A number of credits in US dollars: one is a cent."""
    told = number(credits)
    return round(told * CREDIT_USD, 6) if told is not None else None


def _polling_url(given: Any, base: str) -> str:
    if not isinstance(given, str) or not given.strip():
        return ""
    url = given.strip()
    if "://" not in url.partition("?")[0]:
        url = resolved(f"{base}/", url)
    try:
        origin(url)
    except ValueError:
        return ""
    return url
