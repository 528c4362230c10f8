"""One case: a whole studio against a stand-in behind a bad line, and what became of the one job.

Time runs a few hundred times as fast, for the clock and for every pause alike, so that real pauses are waited for.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from silverprint.core.events import QueuePaused
from silverprint.core.job import Job, JobState
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.settings.model import Settings
from silverprint.settings.paths import find_paths
from silverprint.studio import Studio
from tests.reliability.faults import ARRANGED, Row
from tests.reliability.services import Service
from tests.standins.faults import Line, free_port
from tests.standins.server import Running, StandIn

SPEED = 400.0
ANSWER_S = 0.4
PATIENCE_S = 30.0
BEGIN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

KINDS = {
    "KeyRefused": "key refused",
    "KeyMissing": "key missing",
    "OutOfCredit": "out of credit",
    "ContentRefused": "content refused",
    "ModelGone": "model gone",
    "BadRecipe": "bad recipe",
    "Unreachable": "unreachable",
    "RateLimited": "asked to wait",
    "AnswerLost": "answer lost",
    "TicketLost": "expired",
    "BadAnswer": "bad answer",
    "ProviderError": "refused",
    "PictureError": "no picture",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a job: ``words`` for the table; how often it was sent; what the person is told."""

    words: str
    job: Job
    submits: int
    taken: int
    struck: int
    pictures: int
    problems: tuple[str, ...]
    said: str


class FastClock:
    """The moment, and a sleep, ``SPEED`` times as fast as they are."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def __call__(self) -> datetime:
        return BEGIN + timedelta(seconds=(time.monotonic() - self._begun) * SPEED)

    async def sleep(self, seconds: float) -> None:
        """Sleep for ``seconds`` of this clock."""
        await asyncio.sleep(seconds / SPEED)


async def run(row: Row, service: Service, home: Path) -> Outcome:
    """Develop one picture while ``row`` happens, and wait until the job is at rest."""
    standin = service.build()
    with ExitStack() as stack:
        server = stack.enter_context(Running(standin.wrapped()))
        line = stack.enter_context(Line(standin, server.url))
        url = _address(row, line, server, stack)
        name = service.provider or service.name
        environ = {
            key: value for key, value in os.environ.items() if not key.endswith(("_KEY", "_TOKEN", "_URL"))
        }
        environ |= {"SILVERPRINT_HOME": str(home), f"SILVERPRINT_{name.upper()}_KEY": standin.key or "none"}
        stack.enter_context(mock.patch.dict(os.environ, environ, clear=True))
        stack.enter_context(mock.patch("silverprint.providers.download.READ_S", ANSWER_S))
        clock = FastClock()
        studio = Studio(
            find_paths(environ), _settings(service, standin, line.url), clock=clock, sleep=clock.sleep
        )
        await studio.start()
        try:
            recipe = await _recipe(studio, service)
            if url != line.url:
                # What a form is made of is at hand; now the address leads nowhere.
                await studio.close()
                studio = Studio(
                    find_paths(environ), _settings(service, standin, url), clock=clock, sleep=clock.sleep
                )
                await studio.start()
                recipe = await _recipe(studio, service)
            _strike(row, service, standin, line)
            job, said = await asyncio.wait_for(_at_rest(studio, recipe), PATIENCE_S)
            pictures = await studio.library.page()
        finally:
            await studio.close()
    return Outcome(
        words=_words(job),
        job=job,
        submits=line.submits_arrived,
        taken=standin.submits,
        struck=line.struck,
        pictures=len(pictures),
        problems=tuple(standin.problems),
        said=said,
    )


def _settings(service: Service, standin: StandIn, url: str) -> Settings:
    table: dict[str, Any] = {**standin.settings(url), "answer_s": ANSWER_S}
    return Settings(providers={service.provider or service.name: table})


def _address(row: Row, line: Line, server: Running, stack: ExitStack) -> str:
    match row.trouble:
        case "dead":
            return f"http://127.0.0.1:{free_port()}"
        case "unknown name":
            stack.enter_context(_no_such_name())
            return "http://nowhere.local:9001"
        case "no tls":
            return server.url.replace("http://", "https://")
        case "line":
            return line.url


@contextmanager
def _no_such_name() -> Iterator[None]:
    real = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **more: Any) -> Any:
        if "nowhere" in str(host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *rest, **more)

    with mock.patch.object(socket, "getaddrinfo", resolve):
        yield


async def _recipe(studio: Studio, service: Service) -> Recipe:
    ref = ModelRef(service.provider or service.name, service.model)
    form = await studio.form(ref)
    return Recipe(ref=ref, prompt="a red fox in fresh snow", seed=1234 if form.takes_seed else None)


def _strike(row: Row, service: Service, standin: StandIn, line: Line) -> None:
    if row.arranged:
        what = ARRANGED[row.name]
        if what in service.spoil:
            line.spoil(*service.spoil[what], only_after_submit=True)
        else:
            service.arrange[what](standin.state)
    elif row.fault is not None:
        line.spoil(row.stage, row.fault, only_after_submit=True)


async def _at_rest(studio: Studio, recipe: Recipe) -> tuple[Job, str]:
    """The job when it has ended, or when its queue is held; and what was said to the person."""
    async with studio.feed.subscribe() as events:
        (job,) = await studio.develop(recipe)
        held = ""
        async for event in events:
            if isinstance(event, QueuePaused) and event.paused:
                held = event.reason
            job = await studio.queue.find(job.id)
            if job.state.is_final:
                note = job.error
                return job, f"{note.message} {note.fix}" if note else ""
            if held and job.state is JobState.WAITING:
                return job, held
    raise AssertionError("the feed ended")


def _words(job: Job) -> str:
    kind = KINDS.get(job.error.kind, job.error.kind) if job.error else ""
    match job.state:
        case JobState.DONE:
            return "done"
        case JobState.UNSURE:
            return "asks you"
        case JobState.WAITING:
            return f"waits: {kind}"
        case JobState.FAILED:
            return f"failed: {kind}"
        case _:
            return str(job.state)
