"""Run a stand-in by hand: ``python -m tests.standins replicate --port 9001``."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from tests.standins.server import Running, StandIn
from tests.standins.spec import specs_folder

NAMES = ("replicate", "fal", "bfl", "gemini", "openai", "hf")


def build(name: str) -> StandIn:
    """A fresh stand-in of a service: each module in this folder gives one with ``build()``."""
    module = importlib.import_module(f"tests.standins.{name}")
    standin: StandIn = module.build()
    return standin


def main() -> None:
    """Serve one until ctrl+c, and say how to point silverprint at it."""
    parser = argparse.ArgumentParser(prog="python -m tests.standins", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    standin = build(asked.name)
    running = Running(standin.wrapped(), port=asked.port)
    out = sys.stdout
    print(f"{asked.name} stands in at {running.url}", file=out)
    for name, value in standin.settings(running.url).items():
        print(f"  providers.{asked.name}.{name} = {json.dumps(value)}", file=out)
    print(f"  its key is {standin.key}", file=out)
    if specs_folder() is None:
        print(
            "  the services' own specifications are not here: requests are checked by our schemas", file=out
        )
    out.flush()
    running.run()
    for problem in standin.problems:
        print(f"  against the specification: {problem}", file=out)


if __name__ == "__main__":
    main()
