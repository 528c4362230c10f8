"""The studio without a screen at one cloud, made to be killed. It imports once, then forks a process for each order.

An order is one line of JSON on stdin: ``home``, ``provider``, ``table`` (its settings), ``key``, ``model`` and
``prompts`` (one job each). The forked process tells on stdout: ``pid N``, ``done`` when every job has ended or asks a
person. ``ended N`` follows when it is gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from typing import Any

from silverprint.core.job import JobState
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.settings.model import Settings
from silverprint.settings.paths import find_paths
from silverprint.studio import Studio


def tell(words: str) -> None:
    os.write(1, f"{words}\n".encode())


async def run(order: dict[str, Any]) -> None:
    name = order["provider"]
    environ = {"SILVERPRINT_HOME": order["home"], f"SILVERPRINT_{name.upper()}_KEY": order["key"]}
    os.environ.update(environ)
    studio = Studio(find_paths(os.environ), Settings(providers={name: order["table"]}))
    await studio.start()
    ref = ModelRef(name, order["model"])
    recipes = [
        Recipe(ref=ref, prompt=prompt, seed=int(prompt.rpartition(" ")[2])) for prompt in order["prompts"]
    ]
    if recipes:
        await studio.queue.add(recipes)
    await studio.queue.wait([job.id for job in studio.queue.jobs() if job.state is not JobState.UNSURE])
    if order.get("claim"):
        await claim(studio)
    await studio.close()
    tell("done")


async def claim(studio: Studio) -> None:
    """What a person does with a job that asks: look it up at the service, and claim the one that is sure."""
    for job in [job for job in studio.queue.jobs() if job.state is JobState.UNSURE]:
        found = [one for one in await studio.queue.look_up(job.id) if one.sure]
        if len(found) == 1:
            await studio.queue.claim(job.id, found[0].ticket)
            await studio.queue.wait([job.id])


def main() -> None:
    # What the forked ones need is loaded here, once.
    from silverprint.providers import registry

    for name in ("replicate", "fal", "bfl"):
        registry.load(name)
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            tell(f"pid {os.getpid()}")
            code = 1
            try:
                asyncio.run(run(order))
                code = 0
            except BaseException:  # noqa: BLE001 - told, then gone, whatever it is
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        tell(f"ended {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main()
