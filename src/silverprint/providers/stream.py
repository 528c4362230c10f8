"""Stream: server-sent events out of an httpx answer, with an end to each.

Owns the reading (WHATWG HTML, 9.2.6) and its limits. What trouble on the way means is left to ``http.py``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator

import httpx

_LINE_END = re.compile(rb"\r\n|\n|\r")


class TooMuch(Exception):
    """One event, or an answer that is no stream, is larger than agreed."""


async def events_in(
    response: httpx.Response, *, most_bytes: int, within_s: float
) -> AsyncGenerator[tuple[str, str], None]:
    """The events as (name, data), each of at most ``most_bytes``; ("", the body) for an answer that is no stream.

    Raises TooMuch, TimeoutError after ``within_s`` seconds although something still comes, and httpx's errors.
    """
    until = asyncio.get_running_loop().time() + within_s
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    streams = kind == "text/event-stream"
    name, size = "", 0
    data: list[str] = []
    whole: list[bytes] = []
    lines = _Lines()
    async for part in response.aiter_bytes():
        size += len(part)
        if size > most_bytes:
            raise TooMuch
        if asyncio.get_running_loop().time() > until:
            raise TimeoutError
        if not streams:
            whole.append(part)
            continue
        for line in lines.of(part):
            field, value = _field(line)
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif not line:
                if data:
                    yield name, "\n".join(data)
                name, size = "", 0
                data.clear()
    if not streams:
        yield "", b"".join(whole).decode("utf-8", "replace")
        return
    field, value = _field(lines.rest)
    if field == "data":
        data.append(value)
    if data:
        yield name, "\n".join(data)


def _field(line: bytes) -> tuple[str, str]:
    field, _, value = line.decode("utf-8", "replace").partition(":")
    return field, value.removeprefix(" ")


class _Lines:
    """The lines of a text that comes in parts, without their ends. httpx's own copy a long line at each part."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []
        self._after_return = False

    def of(self, part: bytes) -> list[bytes]:
        """The lines that end in ``part``, in order."""
        rest = part[1:] if self._after_return and part.startswith(b"\n") else part
        self._after_return = part.endswith(b"\r")
        *ended, begun = _LINE_END.split(rest)
        if ended:
            ended[0] = b"".join([*self._begun, ended[0]])
            self._begun.clear()
        self._begun.append(begun)
        return ended

    @property
    def rest(self) -> bytes:
        """What came after the last end of a line."""
        return b"".join(self._begun)
