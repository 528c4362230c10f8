"""Lookup: finds a request whose answer was lost, in fal's list of past requests, by what was sent and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from silverprint.core.errors import BadAnswer
from silverprint.core.provider import Found
from silverprint.core.text import one_line
from silverprint.core.ticket import Ticket
from silverprint.providers.fal.places import Places, claim_from
from silverprint.providers.http import Service

SOURCE_MARK = "silverprint-source:"
"""Stands for the link of an input in the body to compare with: a link differs from one upload to the next."""

_CLOCKS_APART = timedelta(minutes=2)
_PAGES_MOST = 10
_PAGE = 100


async def past_requests(
    service: Service, places: Places, endpoint: str, since: datetime
) -> list[Mapping[str, Any]]:
    """fal's list of an endpoint's requests since ``since``, with what was sent. Raises ProviderError."""
    found: list[Mapping[str, Any]] = []
    cursor: str | None = None
    start = (since - _CLOCKS_APART).astimezone(UTC)
    for _ in range(_PAGES_MOST):
        params: dict[str, Any] = {
            "endpoint_id": endpoint,
            "start": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "limit": _PAGE,
            "expand": "payloads",
        }
        if cursor:
            params["cursor"] = cursor
        answer = await service.ask(f"{places.api}/v1/models/requests/by-endpoint", params=params)
        page = answer.object()
        items = page.get("items")
        found += [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
        cursor = page.get("next_cursor") if page.get("has_more") else None
        if not isinstance(cursor, str) or not cursor:
            break
    return [item for item in found if (_moment(item) or start) >= start]


def matches(
    items: Sequence[Mapping[str, Any]],
    body: Mapping[str, Any],
    endpoint: str,
    *,
    provider: str,
    seed_sent: bool,
    places: Places,
    trusts: Callable[[str], bool],
) -> list[Found]:
    """The requests that may be the one that sent ``body``: those that agree in all of it, then those that fal
    keeps no input of. Sure is only a single one that agrees, seed and all.
    """
    same = [item for item in items if isinstance(item.get("json_input"), Mapping)]
    same = [item for item in same if agrees(body, item["json_input"])]
    blank = [item for item in items if item.get("json_input") is None]
    found = []
    for item in [*_newest(same), *_newest(blank)]:
        try:
            claim = claim_from(item, endpoint, base=places.queue, trusts=trusts)
        except BadAnswer:
            continue
        found.append(
            Found(
                ticket=Ticket(provider=provider, handle=claim.handle(), resumable=True),
                words=_words(item, claim.request_id),
                sure=seed_sent and len(same) == 1 and item is same[0],
                created=_moment(item),
            )
        )
    return found


def agrees(sent: Any, seen: Any) -> bool:
    """Whether ``seen`` holds all that was sent. fal may have added its defaults, and rewritten links to inputs."""
    if isinstance(sent, str) and sent.startswith(SOURCE_MARK):
        return isinstance(seen, str)
    if isinstance(sent, Mapping):
        return isinstance(seen, Mapping) and all(
            name in seen and agrees(value, seen[name]) for name, value in sent.items()
        )
    if isinstance(sent, list):
        return isinstance(seen, list) and len(sent) == len(seen) and all(map(agrees, sent, seen))
    return bool(sent == seen and isinstance(sent, bool) == isinstance(seen, bool))


def _newest(items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    earliest = datetime.min.replace(tzinfo=UTC)
    return sorted(items, key=lambda item: _moment(item) or earliest, reverse=True)


def _moment(item: Mapping[str, Any]) -> datetime | None:
    for name in ("sent_at", "started_at"):
        value = item.get(name)
        if isinstance(value, str):
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                continue
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _words(item: Mapping[str, Any], request_id: str) -> str:
    when = _moment(item)
    parts = [f"request {request_id[:8]}"]
    if when is not None:
        parts.append(f"sent {when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    status = item.get("status_code")
    if isinstance(status, int):
        parts.append("done" if status < 300 else f"failed ({status})")
    elif not item.get("ended_at"):
        parts.append("not ended")
    sent = item.get("json_input")
    prompt = sent.get("prompt") if isinstance(sent, Mapping) else None
    parts.append(f"“{one_line(prompt, most=60)}”" if isinstance(prompt, str) else "its input is not kept")
    return one_line(", ".join(parts), most=200)
