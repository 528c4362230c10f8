"""Progress: a request's status as fal's SDK reads it, and as we do where the SDK can't; and the news in its logs.

Asks for the status of one request. When to ask, and what becomes of the result, is left to the adapter.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from silverprint.core.errors import BadAnswer, BadRecipe, ProviderError, TicketLost
from silverprint.core.text import one_line
from silverprint.core.update import Working
from silverprint.providers.answers import Answer
from silverprint.providers.fal.places import Claim
from silverprint.providers.fal.trouble import Ended
from silverprint.providers.http import Service

Phase = Literal["queued", "running", "ended", "unknown"]

_SDK = "fal_client.client"
_BAR = re.compile(r"(\d{1,3})%\|[^|]*\|\s*(\d{1,6})/(\d{1,6})\b")
_ENDED_WORDS = frozenset({"COMPLETED", "OK", "FAILED", "ERROR", "CANCELLED", "CANCELED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where a request is. ``place`` counts from 1; ``logs`` are (time, words), all since the beginning."""

    phase: Phase
    place: int | None = None
    logs: tuple[tuple[str, str], ...] = ()
    error: Any = None
    error_type: str = ""
    seconds: float | None = None


async def status_of(service: Service, claim: Claim) -> Status:
    """How far a request is, as the SDK's own handle reads it. Raises ProviderError; BadAnswer, which keeps the
    claim, where fal refuses the question: that says nothing of the recipe, which was taken long ago.

    The handle gives up on a status without ``logs`` or ``queue_position`` and on words that it does not know; then
    the same answer is read here.
    """
    line = _Line(service)
    try:
        handle = await _handle(line, claim)
        return _of_sdk(await handle.status(with_logs=True))
    except ProviderError as error:
        if type(error) not in (ProviderError, BadRecipe):
            raise
        raise BadAnswer(f"fal did not tell how far the job is. {error}") from error
    except (ImportError, KeyError, ValueError, TypeError, AttributeError):
        answer = line.answer or await service.ask(claim.status_url, params={"logs": "true"})
        return _of_body(answer.object())


async def stop(service: Service, claim: Claim) -> None:
    """Ask fal to stop. A request that has ended, or that nobody knows any more, is no error."""
    with contextlib.suppress(Ended, TicketLost, BadRecipe):
        try:
            handle = await _handle(_Line(service), claim)
        except ImportError:
            await service.ask(claim.cancel_url, method="PUT")
        else:
            await handle.cancel()


class _Line:
    """What the SDK's handle is given as its httpx client: each request goes through our Service.

    So it is sent once, within our time, with the key where the key may go; our errors pass the SDK's retries
    unseen; and ``answer`` keeps what came, for when the SDK can't read it.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self.answer: Answer | None = None

    async def request(
        self, method: str, url: str, *, params: Mapping[str, Any] | None = None, **_its_own: Any
    ) -> httpx.Response:
        self.answer = answer = await self._service.ask(url, method=method, params=params)
        return httpx.Response(
            answer.status,
            headers=dict(answer.headers),
            content=answer.content,
            request=httpx.Request(method, url),
        )


async def _handle(line: _Line, claim: Claim) -> Any:
    # Loading the SDK takes a third of a second, which the screen would feel.
    sdk: Any = sys.modules.get(_SDK) or await asyncio.to_thread(importlib.import_module, _SDK)
    return sdk.AsyncRequestHandle(
        request_id=claim.request_id,
        response_url=claim.response_url,
        status_url=claim.status_url,
        cancel_url=claim.cancel_url,
        client=line,
    )


def _of_sdk(status: Any) -> Status:
    name = type(status).__name__
    if name == "Queued":
        return Status(phase="queued", place=_place(status.position))
    if name == "InProgress":
        return Status(phase="running", logs=_logs(status.logs))
    return _ended(status.logs, status.metrics, status.error, status.error_type)


def _of_body(body: Mapping[str, Any]) -> Status:
    word = body.get("status")
    if not isinstance(word, str):
        raise BadAnswer("fal told of the job in a shape that was not agreed.")
    word = word.upper()
    if word == "IN_QUEUE":
        return Status(phase="queued", place=_place(body.get("queue_position")))
    if word == "IN_PROGRESS":
        return Status(phase="running", logs=_logs(body.get("logs")))
    if word in _ENDED_WORDS:
        return _ended(body.get("logs"), body.get("metrics"), body.get("error"), body.get("error_type"))
    return Status(phase="unknown", logs=_logs(body.get("logs")))


def _ended(logs: Any, metrics: Any, error: Any, error_type: Any) -> Status:
    seconds = metrics.get("inference_time") if isinstance(metrics, Mapping) else None
    return Status(
        phase="ended",
        logs=_logs(logs),
        error=error or (error_type if isinstance(error_type, str) and error_type else None),
        error_type=error_type if isinstance(error_type, str) else "",
        seconds=float(seconds)
        if isinstance(seconds, int | float) and not isinstance(seconds, bool)
        else None,
    )


def _place(position: Any) -> int | None:
    # fal counts those before us, so that 0 is the next one.
    return position + 1 if isinstance(position, int) and position >= 0 else None


def _logs(logs: Any) -> tuple[tuple[str, str], ...]:
    found = []
    for entry in logs if isinstance(logs, list) else ():
        if isinstance(entry, Mapping) and isinstance(entry.get("message"), str):
            found.append((str(entry.get("timestamp", "")), entry["message"]))
        elif isinstance(entry, str):
            found.append(("", entry))
    return tuple(found)


class Reel:
    """What the logs have told so far. fal sends all of them each time, and no percentage but in their words."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()
        self._step: int | None = None
        self._steps: int | None = None
        self._note = ""

    def read(self, logs: tuple[tuple[str, str], ...]) -> Working:
        """The news: steps never go back, although a model may draw several bars."""
        for entry in logs:
            if entry in self._told:
                continue
            self._told.add(entry)
            words = entry[1].rsplit("\r", 1)[-1]
            if bars := _BAR.findall(entry[1]):
                step, steps = int(bars[-1][1]), int(bars[-1][2])
                if steps > 0 and step <= steps and step >= (self._step or 0):
                    self._step, self._steps = step, steps
                continue
            if note := one_line(words, most=120):
                self._note = note
        return Working(step=self._step, steps=self._steps, note=self._note)
