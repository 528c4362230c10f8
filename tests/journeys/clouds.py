"""Clouds: the services' stand-ins, served for the length of a block, and what a person would set to use them."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.journeys.program import Program
from tests.standins.server import Running, Seen, StandIn

# Jobs are told of in polls, so that short pauses make short tests.
_QUICK = {"poll_s": 0.05}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clouds:
    """Stand-ins by the names of their providers, and the environment in which the program finds them."""

    services: Mapping[str, StandIn]
    urls: Mapping[str, str]
    environ: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> StandIn:
        return self.services[name]

    def check(self) -> None:
        """No request was against a service's document, and no key went where it must not."""
        for name, service in self.services.items():
            assert service.problems == [], name
            tasted = getattr(service.state, "leaks", None) or getattr(service.state, "tasted", None)
            assert not tasted, f"a key went astray at {name}: {tasted}"


@contextmanager
def clouds(
    home: Path,
    *names: str,
    own: str = "",
    keys: bool = True,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Iterator[Clouds]:
    """Serve the stand-ins ``names``, and ``own``, a BFL-compatible server of the person's by that name.

    Addresses and keys are told by the environment, all else by the settings file, to which ``settings`` adds tables.
    Without ``keys`` no key is set.
    """
    tables: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        found = Clouds(services={}, urls={})
        services, urls = dict[str, StandIn](), dict[str, str]()
        for name in (*names, own) if own else names:
            module = importlib.import_module(f"tests.standins.{'bfl' if name == own else name}")
            standin: StandIn = module.build(compatible=True) if name == own else module.build()
            server = stack.enter_context(Running(standin.wrapped()))
            services[name], urls[name] = standin, server.url
            tables[f"providers.{name}"] = dict(_QUICK)
            for what, value in standin.settings(server.url).items():
                if what.endswith("url") and name != own:
                    found.environ[f"SILVERPRINT_{name.upper()}_{what.upper()}"] = value
                else:
                    tables[f"providers.{name}"][what] = value
            if standin.key and keys:
                found.environ[f"SILVERPRINT_{name.upper()}_KEY"] = standin.key
        write_settings(home, tables | {table: dict(rows) for table, rows in (settings or {}).items()})
        yield Clouds(services=services, urls=urls, environ=found.environ)


def write_settings(home: Path, tables: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the settings file as a person would."""
    file = home / "config" / "settings.toml"
    file.parent.mkdir(exist_ok=True)
    lines = []
    for table, rows in tables.items():
        lines += [f"[{table}]", *(f"{name} = {json.dumps(value)}" for name, value in rows.items()), ""]
    file.write_text("\n".join(lines), encoding="utf-8")


def prompts(standin: StandIn) -> list[str]:
    """The prompts of the paid requests, in their order."""
    return [_prompt(seen) for seen in standin.seen if standin.is_submit(seen)]


def _prompt(seen: Seen) -> str:
    body = seen.json
    assert isinstance(body, dict)
    if "contents" in body:
        return str(body["contents"][0]["parts"][0]["text"])
    return str(body.get("input", body)["prompt"])


def hold(standin: StandIn, held: bool) -> None:
    """Let the service's jobs work on without an end, or let them end."""
    name = "hold" if hasattr(standin.state, "hold") else "held"
    setattr(standin.state, name, held)


def open_studio(program: Program) -> None:
    """Wait until the Studio of an empty home is there and takes all keys."""
    program.wait_for("This model can draw")


def until(program: Program, true: Callable[[], bool], what: str, *, limit_s: float = 30) -> None:
    """Take in the program's output until ``true`` says so."""
    for _ in range(int(limit_s / 0.05)):
        if true():
            return
        program.pump(0.05)
    raise AssertionError(f"{what} did not come to be; the screen was\n{program.text}")


def choose_model(program: Program, ref: str) -> None:
    """Choose a model in the picker, by typing its name."""
    program.press("ctrl+o")
    program.wait_for("type to search")
    program.type(ref)
    # Once where it is typed, and once below the list, which names the marked one.
    until(program, lambda: program.text.count(ref) > 1, f"{ref} in the picker")
    program.press("enter")
    program.wait_for("esc close", gone=True)


def silverprint(found: Clouds, *words: str) -> subprocess.CompletedProcess[str]:
    """One command that ends well."""
    command = [sys.executable, "-m", "silverprint", *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=120, env=os.environ | found.environ
    )


def records(found: Clouds, *words: str) -> list[dict[str, Any]]:
    """The JSON lines of one command."""
    return [json.loads(line) for line in silverprint(found, *words, "--json").stdout.splitlines()]
