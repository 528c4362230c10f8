"""Many jobs at a cloud: the whole studio against a bare httpx gather that makes the same requests.

The service is a stand-in in a process of its own that takes 50 ms for each answer; a job is one submit, four polls with
the adapter's own pauses and one download. The studio's time holds the records on disk, the pictures, and their synced
files; the bare loop throws the bytes away. The second row is memory: after many jobs against after a quarter of them.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest import mock

import httpx

from bench.report import Row, compared, in_turns
from silverprint.core.job import JobState
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.providers.poll import Pace
from silverprint.settings.model import Settings
from silverprint.settings.paths import find_paths
from silverprint.studio import Studio

BAR = 1.2
MEMORY_BAR = 1.15
JOBS = 200
MANY = 2000
LATENCY_S = 0.05
POLLS = 4
PACE = Pace(first_s=0.5, growth=1.3, most_s=3.0)  # the adapter's own
MODEL = "flux-2-klein-4b"
BODY = {"prompt": "a red fox in fresh snow", "width": 512, "height": 512}


def rows(quick: bool) -> list[Row]:
    """Wall time of many jobs at once, and memory over many more."""
    jobs, many, rounds = (50, 400, 1) if quick else (JOBS, MANY, 3)
    with _service() as (url, key), tempfile.TemporaryDirectory() as folder:
        environ = {"SILVERPRINT_HOME": folder, "SILVERPRINT_BFL_KEY": key}
        with mock.patch.dict(os.environ, environ), asyncio.Runner() as runner:
            studio = runner.run(_open(url, jobs))
            try:
                runner.run(_develop(studio, 8))  # connections, imports and tables are there
                ours, peer = in_turns(
                    lambda: runner.run(_develop(studio, jobs)),
                    lambda: runner.run(_bare(url, key, jobs)),
                    rounds,
                )
                table = [
                    compared(
                        f"{jobs} jobs at a cloud",
                        ours,
                        peer,
                        bar=BAR,
                        note=f"50 ms latency, {POLLS} polls each; against a bare httpx gather",
                    )
                ]
                table.append(runner.run(_memory(studio, many)))
            finally:
                runner.run(studio.close())
    return table


async def _open(url: str, jobs: int) -> Studio:
    settings = Settings(
        providers={"bfl": {"url": url, "result_hosts": ["127.0.0.1", "localhost"]}}, parallel={"bfl": jobs}
    )
    studio = Studio(find_paths(os.environ), settings)
    await studio.start()
    return studio


async def _develop(studio: Studio, jobs: int) -> None:
    ref = ModelRef("bfl", MODEL)
    recipes = [
        Recipe(ref=ref, prompt=str(BODY["prompt"]), seed=number, params={"size": "512x512"})
        for number in range(jobs)
    ]
    sent = await studio.queue.add(recipes)
    done = await studio.queue.wait([job.id for job in sent])
    bad = [job for job in done if job.state is not JobState.DONE]
    if bad:
        raise AssertionError(f"{len(bad)} jobs did not end well: {bad[0].error}")


async def _bare(url: str, key: str, jobs: int) -> None:
    limits = httpx.Limits(max_connections=256, max_keepalive_connections=256)
    async with httpx.AsyncClient(headers={"x-key": key}, limits=limits, timeout=60) as client:

        async def one(number: int) -> None:
            submitted = (await client.post(f"{url}/v1/{MODEL}", json=BODY | {"seed": number})).json()
            for poll in range(POLLS):
                answer = (await client.get(submitted["polling_url"])).json()
                if answer["status"] == "Ready":
                    break
                await asyncio.sleep(PACE.pause_s(poll))
            assert (await client.get(answer["result"]["sample"], headers={"x-key": ""})).content

        await asyncio.gather(*(one(number) for number in range(jobs)))


async def _memory(studio: Studio, many: int) -> Row:
    """Resident megabytes after a quarter of the jobs, and after all of them."""
    await _develop(studio, many // 4)
    early = _resident_mb()
    for _ in range(3):
        await _develop(studio, many // 4)
    late = _resident_mb()
    return Row(
        name=f"memory over {many} jobs",
        ours=late,
        peer=early,
        ratio=late / early,
        bar=MEMORY_BAR,
        note=f"{late:.0f} MB after all, {early:.0f} MB after a quarter (the times are megabytes)",
    )


def _resident_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


@contextmanager
def _service() -> Iterator[tuple[str, str]]:
    """A stand-in of Black Forest Labs in a process of its own: its address and its key."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def _serve(line: Connection) -> None:
    from tests.standins import bfl
    from tests.standins.server import Running

    bfl.ACTIVE_MOST = 10_000  # the service itself stops at 24
    standin = bfl.build()
    standin.spec = None  # checking each body would be most of its work
    standin.state.words = ("Pending",) * (POLLS - 1)

    class Slow:
        def __init__(self, app: Any) -> None:
            self._app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await asyncio.sleep(LATENCY_S)
            await self._app(scope, receive, send)

    running = Running(standin.wrapped(Slow), keep_alive_s=60)
    line.send((running.url, standin.key))
    running.run()
