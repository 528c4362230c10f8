"""Dates as people write them in a search: ``2026``, ``2026-10``, ``2026-10-05``, ``yesterday``, ``3d``.

Owns the step from such a text to a stretch of time. What is done with it is left to ``search.py``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:T(\d{1,2})(?::(\d{2}))?)?)?)?\Z", re.IGNORECASE)
_AGO = re.compile(r"(\d{1,4})([hdwmy])\Z", re.IGNORECASE)
_HOURS = {"h": 1, "d": 24, "w": 24 * 7, "m": 24 * 30, "y": 24 * 365}

EXAMPLES = "2026, 2026-10, 2026-10-05, today, yesterday, 3d"


def stretch(text: str, *, now: datetime, zone: tzinfo | None = None) -> tuple[datetime, datetime]:
    """The first moment of the year, month, day, hour or minute that ``text`` names, and the first one after it; UTC.

    ``3d`` is the stretch from three days (``h`` hours, ``w`` weeks, ``m`` times 30 days, ``y`` times 365) before
    ``now`` until ``now``. ``zone`` is where the days begin; None is the machine's own. Raises ValueError.
    """
    word = text.strip().lower()
    if word in ("today", "yesterday"):
        day = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        if word == "yesterday":
            day -= timedelta(days=1)
        return _utc(day, zone), _utc(day + timedelta(days=1), zone)
    ago = _AGO.match(word)
    if ago is not None:
        return (now - timedelta(hours=int(ago[1]) * _HOURS[ago[2]])).astimezone(UTC), now.astimezone(UTC)
    parts = _DATE.match(word)
    if parts is None:
        raise ValueError(f"a date such as {EXAMPLES}")
    year, month, day_number, hour, minute = (
        int(part) if part is not None else None for part in parts.groups()
    )
    assert year is not None
    try:
        start = datetime(year, month or 1, day_number or 1, hour or 0, minute or 0)
        if month is None:
            end = start.replace(year=year + 1)
        elif day_number is None:
            end = start.replace(year=year + month // 12, month=month % 12 + 1)
        elif hour is None:
            end = start + timedelta(days=1)
        else:
            end = start + (timedelta(hours=1) if minute is None else timedelta(minutes=1))
        return _utc(start, zone), _utc(end, zone)
    except (ValueError, OverflowError):
        raise ValueError(f"no such date; write {EXAMPLES}") from None


def _utc(moment: datetime, zone: tzinfo | None) -> datetime:
    """``moment`` without a zone, read as the clock on the wall of ``zone``."""
    return (moment.replace(tzinfo=zone) if zone is not None else moment).astimezone(UTC)
