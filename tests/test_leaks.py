"""No key leaks: a run that does everything, at services that tell each key back wherever they can; then all is searched.

Each key is a marker that nobody could guess. It may be in the keys file and in the request's own header to its own
service, and nowhere else: not in a file, a log, an error, a screen, an output, a crash report, nor with another host.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import io
import json
import logging
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from silverprint.cli import main as cli
from silverprint.core.events import QueuePaused
from silverprint.core.job import Job, JobState
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.pictures.metadata import read
from silverprint.providers import registry
from silverprint.providers.scrub import MARK
from silverprint.settings.draft import Draft
from silverprint.settings.load import read_settings
from silverprint.settings.paths import find_paths
from silverprint.studio import Studio
from silverprint.ui.app import FIRST, SilverprintApp
from tests.journeys.clouds import write_settings
from tests.standins.server import Running, Seen, StandIn
from tests.ui.conftest import screen_text
from tests.ui.hosts import WIDE, until

OWN_SERVER = "atelier"
MODELS = {
    "replicate": "black-forest-labs/flux-schnell",
    "fal": "fal-ai/flux/schnell",
    "bfl": "flux-2-klein-4b",
    "gemini": "gemini-2.5-flash-image",
    "openai": "gpt-image-1-mini",
    "hf": "black-forest-labs/FLUX.1-dev",
    OWN_SERVER: "my/own-model",
}
SERVICES = [name for name in MODELS if name == OWN_SERVER or name in registry.names()]
KEY_NAMES = {
    "replicate": ("tests.standins.replicate",),
    "fal": ("tests.standins.fal_state", "tests.standins.fal", "tests.standins.fal_platform"),
    OWN_SERVER: ("tests.standins.bfl",),
}
KEY_HEADERS = ("authorization", "x-key", "x-goog-api-key")
RESULTS = ("/delivered/", "/outputs/", "/cdn/", "/results/", "/pictures/", "/gradio_api/file")
WORDS = frozenset(
    {"logs", "error", "detail", "details", "message", "description", "title", "displayName", "display_name", "text"}
    | {"username", "revised_prompt", "notes", "msg", "responseId", "modelVersion"}
)  # fmt: skip


# what is looked for


def needles(key: str) -> list[bytes]:
    """The key, its halves, and what they look like in lower case, in a URL, and in base64 wherever it begins."""
    found: set[bytes] = set()
    for part in {key, *key.split(":")}:
        raw = part.encode()
        found |= {raw, raw.lower(), quote(part, safe="").encode()}
        for lead in range(3):
            encoded = base64.b64encode(b"-" * lead + raw)
            # What depends on the neighbours is left out.
            found.add(encoded[4 if lead else 0 : len(encoded) // 4 * 4 - 4])
    return sorted(found)


@dataclass
class Traces:
    """All that a run left behind, by where."""

    key: str
    texts: dict[str, str | bytes] = field(default_factory=dict)

    def add(self, where: str, what: str | bytes) -> None:
        self.texts[f"{where} ({len(self.texts)})"] = what

    def add_folder(self, folder: Path) -> None:
        """Every file, and what pictures have packed in them."""
        for path in sorted(folder.rglob("*")):
            self.add("a name", str(path))
            if path.is_file():
                data = path.read_bytes()
                self.add(str(path), data)
                if path.suffix in (".png", ".jpg", ".jpeg", ".webp"):
                    self.add(f"within {path}", repr(read(data)))

    def add_requests(self, seen: list[Seen], own_host: str) -> None:
        """Requests: to a service's own host the key may go in its own header, and in nothing else."""
        for each in seen:
            is_own = each.headers.get("host", "") == own_host and not each.path.startswith(RESULTS)
            headers = {n: v for n, v in each.headers.items() if not (is_own and n in KEY_HEADERS)}
            self.add(f"{each.method} {each.path}", f"{each.path}?{each.query} {headers}")
            self.add(f"{each.method} {each.path}, body", each.body)

    def leaks(self) -> list[str]:
        """Where the key is."""
        sought = needles(self.key)
        found = []
        for where, what in self.texts.items():
            data = what.encode("utf-8", "replace") if isinstance(what, str) else what
            for needle in sought:
                at = data.find(needle)
                if at >= 0:
                    found.append(f"{where}: {data[max(0, at - 120) : at + len(needle) + 40]!r}")
                    break
        return found


# the services that tell all


@dataclass
class Parrot:
    """A service's answers, with the key of the request put back in: into headers, words, links and result hosts."""

    app: ASGIApp
    mode: str = ""
    echoes: int = 0
    is_submit: Callable[[str, str], bool] = lambda _method, _path: False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        key = next((headers[name] for name in KEY_HEADERS if name in headers), "")
        key = key.removeprefix("Bearer ").removeprefix("Key ")
        begin: Message = {}
        body = b""

        async def take(message: Message) -> None:
            nonlocal begin, body
            if message["type"] == "http.response.start":
                begin = message
            else:
                body += message.get("body", b"")

        await self.app(scope, receive, take)
        status = begin["status"]
        kept = [(name, value) for name, value in begin["headers"] if name != b"content-length"]
        if key:
            self.echoes += 1
            submits = self.is_submit(scope["method"], scope["path"])
            if (self.mode.startswith("submit ") and submits) or (
                self.mode.startswith("ask ") and not submits
            ):
                status, body = int(self.mode.split()[1]), self._refusal(key)
            else:
                body = self._told(body, key)
            for name, value in (
                ("x-you-sent", key),
                ("www-authenticate", f"Key {key}"),
                ("location", f"/{key}"),
            ):
                kept.append((name.encode(), value.encode()))
        kept.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": kept})
        await send({"type": "http.response.body", "body": body})

    def _refusal(self, key: str) -> bytes:
        coded = base64.b64encode(key.encode()).decode()
        words = f"The key {key} ({quote(key, safe='')}, {coded}) may not do this."
        item = {"loc": ["body", "prompt"], "msg": words, "type": f"not for {key}"}
        if self.mode.endswith("fields"):
            return json.dumps({"detail": [item]}).encode()
        if self.mode.endswith("text"):
            return words.encode()
        return json.dumps(
            {"detail": words, "error": {"message": words, "code": key}, "title": words}
        ).encode()

    def _told(self, body: bytes, key: str) -> bytes:
        if body.startswith(b"event:"):
            return body.replace(b"data: {", f'data: {{"said": "{key}", '.encode())
        try:
            parsed = json.loads(body)
        except ValueError:
            return body
        return json.dumps(self._echo(parsed, key)).encode()

    def _echo(self, value: Any, key: str, name: str = "") -> Any:
        if isinstance(value, dict):
            return {each: self._echo(part, key, each) for each, part in value.items()}
        if isinstance(value, list):
            return [self._echo(part, key, name) for part in value]
        if not isinstance(value, str):
            return value
        if value.startswith(("http://127.0.0.1", "http://localhost")):
            url = urlsplit(value)
            if self.mode == "result host" and url.path.startswith(RESULTS):
                return value.replace(url.netloc, f"{key.replace(':', '.')}.localhost:{url.port}", 1)
            return f"{value}{'&' if url.query else '?'}token={quote(key, safe='')}"
        return f"{value} {key}" if name in WORDS else value


class Crash(RuntimeError):
    """What an adapter never meant to raise."""


# the run


class Run:
    """One service, its parrot, a home, and everything that was shown or said."""

    def __init__(self, name: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name = name
        self.home = home
        self.key = f"mark-{secrets.token_hex(16)}"
        if name == "fal":
            self.key = f"{self.key}:Secret-{secrets.token_hex(16)}"
        # All are imported before the first is changed: one takes the key over from another when it is imported.
        modules = [importlib.import_module(each) for each in KEY_NAMES.get(name, (f"tests.standins.{name}",))]
        for module in modules:
            monkeypatch.setattr(module, "KEY", self.key)
        options = {"compatible": True, "key_needed": True} if name == OWN_SERVER else {}
        module_name = "bfl" if name == OWN_SERVER else name
        self.standin: StandIn = importlib.import_module(f"tests.standins.{module_name}").build(**options)
        self.traces = Traces(self.key)
        self.ref = ModelRef(name, MODELS[name])

        def outer(app: ASGIApp) -> ASGIApp:
            self.parrot = Parrot(app, is_submit=self._is_submit)
            return self.parrot

        self.server = Running(self.standin.wrapped(outer))
        write_settings(
            home,
            {f"providers.{name}": {**self.standin.settings(self.server.url), "poll_s": 0.01, "answer_s": 5}},
        )

    def _is_submit(self, method: str, path: str) -> bool:
        return self.standin.is_submit(Seen(method=method, path=path, query="", headers={}, body=b""))

    # the command line

    def silverprint(self, *words: str) -> int:
        return cli.run(words, environ=os.environ)

    def studio(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> Studio:
        paths = find_paths(os.environ)
        settings, notes = read_settings(paths, os.environ)
        assert not notes
        return Studio(paths, settings, sleep=sleep)

    def recipe(self, words: str) -> Recipe:
        return Recipe(ref=self.ref, prompt=f"a boat, {words}")

    async def develop(self, studio: Studio, mode: str) -> Job:
        """One job while the service is in this mode, until it is at rest; then what is held goes on."""
        self.parrot.mode = mode
        echoes = self.parrot.echoes
        async with studio.feed.subscribe() as events:
            (job,) = await studio.queue.add([self.recipe(mode or "well")])
            async for event in events:
                self.traces.add(f"event, {mode}", repr(event))
                if isinstance(event, QueuePaused) and event.paused:
                    break
                job = await studio.queue.find(job.id)
                if job.state.is_final:
                    break
        assert self.parrot.echoes > echoes or mode == "crash", mode
        self.parrot.mode = ""
        if not job.state.is_final:
            await studio.key_changed(self.name)
            await studio.queue.wait([job.id])
            job = await studio.queue.find(job.id)
        return job

    async def everything(self, studio: Studio) -> dict[str, Job]:
        """Models, forms, prices, probes; then jobs that go well and jobs that go wrong in many ways."""
        await studio.models("")
        for query in ("boat", "flux", "image"):
            self.traces.add("models", repr(await studio.models(query)))
        self.traces.add("form", repr(await studio.form(self.ref)))
        self.traces.add("price", repr(await studio.price(self.recipe(""))))
        self.traces.add("probe", await studio.probe(self.name))
        jobs = {
            mode: await self.develop(studio, mode) for mode in ("", "result host", "submit 401", *REFUSALS)
        }
        for mode in ("ask 401", "ask 403 text", "ask 500"):
            self.parrot.mode = mode
            await self.say(studio.probe(self.name))
            await self.say(studio.models("a boat that nobody asked for"))
        self.parrot.mode = ""
        provider = await studio.provider(self.name)
        with pytest.MonkeyPatch.context() as patch:
            for method in ("submit", "form", "probe", "models"):
                patch.setattr(provider, method, self._crash)
            jobs["crash"] = await self.develop(studio, "crash")
            await self.say(studio.form(self.ref))
            await self.say(studio.probe(self.name))
            await self.say(studio.models("flux"))
            self.traces.add("problems", repr(studio.problems))
        for job in studio.queue.jobs():
            self.traces.add("job", repr(job))
        return jobs

    async def say(self, call: Any) -> None:
        """What a call gives, or the words of its error."""
        try:
            self.traces.add("answer", repr(await call))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not tell the key
            self.traces.add("error", f"{error!r} {getattr(error, 'fix', '')} {getattr(error, 'fields', '')}")

    async def _crash(self, *_arguments: Any, **_options: Any) -> Any:
        headers = {"authorization": self.key}
        raise Crash(f"could not send {headers}")

    # the screen

    async def screens(self) -> None:
        """All five screens, with the service's key tested and every job looked at."""
        studio = self.studio()
        app = SilverprintApp(studio, draft=Draft(model=str(self.ref), prompt="a boat"))
        async with app.run_test(size=WIDE, notifications=True) as pilot:
            await until(pilot, lambda: app.current_mode != FIRST and studio.is_open)

            async def look(where: str) -> None:
                await pilot.pause(0.05)
                self.traces.add(where, screen_text(app))

            await look("studio")
            await pilot.press("alt+5")
            await until(pilot, lambda: "Services and keys" in screen_text(app))
            names = await asyncio.to_thread(self._services, studio)
            await pilot.press(*["down"] * names.index(self.name))
            for mode in ("", "ask 401"):
                self.parrot.mode = mode
                await pilot.press("t")
                await until(pilot, lambda: "asking" not in screen_text(app))
                await look(f"settings, {mode}")
            self.parrot.mode = ""
            await pilot.press("alt+3")
            await until(pilot, lambda: "a boat" in screen_text(app))
            for _ in studio.queue.jobs():
                await look("queue")
                await pilot.press("down")
            await pilot.press("alt+4")
            await look("models")
            await pilot.press("alt+2")
            await look("gallery")
        await studio.close()

    def _services(self, studio: Studio) -> list[str]:
        return [name for name in studio.provider_names() if name != "pocket"]


REFUSALS = ("submit 422 fields", "submit 500", "submit 500 text", "submit 402", "submit 404", "ask 403")


async def _short_pause(seconds: float) -> None:
    await asyncio.sleep(seconds / 100)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that any logger says, down to the libraries' own."""
    kept = io.StringIO()
    handler = logging.StreamHandler(kept)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("", "httpx", "httpcore", "silverprint")}
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield kept
    root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("name", SERVICES)
def test_no_key_is_anywhere(
    name: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    log: io.StringIO,
) -> None:
    run = Run(name, home, monkeypatch)
    with run.server as server:
        typed = io.TextIOWrapper(io.BytesIO(run.key.encode() + b"\n"))
        monkeypatch.setattr(sys, "stdin", typed)
        assert run.silverprint("keys", "set", name) == 0
        assert run.key in (home / "config" / "keys.json").read_text()

        async def in_the_studio() -> dict[str, Job]:
            studio = run.studio(_short_pause)
            await studio.start()
            try:
                return await run.everything(studio)
            finally:
                await studio.close()

        jobs = asyncio.run(in_the_studio())
        assert jobs[""].state is JobState.DONE, jobs[""].error
        assert jobs["submit 401"].state is JobState.DONE, "the key was no longer refused"
        assert {job.state for job in jobs.values()} >= {JobState.DONE, JobState.FAILED, JobState.UNSURE}
        asyncio.run(run.screens())
        for words in (["keys", "list"], ["keys", "list", "--json"], ["keys", "test", name], ["models", "flux"],
                      ["jobs", "--all", "--json"], ["ls", "--json"], ["show", "--json"], ["doctor", "--json"]):  # fmt: skip
            run.silverprint(*words)
        run.parrot.mode = "submit 401"
        assert run.silverprint("gen", "--model", str(run.ref), "a boat at sea") != 0
        run.parrot.mode = "ask 401"
        assert run.silverprint("keys", "test", name) != 0
        run.parrot.mode = ""
        assert run.silverprint("keys", "remove", name) == 0
        with monkeypatch.context() as patch:
            patch.setenv(f"SILVERPRINT_{name.upper()}_KEY", run.key)
            run.silverprint("keys", "list")
            run.silverprint("gen", "--model", str(run.ref), "a boat at last")
        told = capfd.readouterr()
        run.traces.add("stdout", told.out)
        run.traces.add("stderr", told.err)
        run.traces.add("log", log.getvalue())
        run.traces.add_folder(home)
        run.traces.add_requests(run.standin.seen, urlsplit(server.url).netloc)
    assert run.standin.submits >= len(jobs) - 1
    assert run.traces.leaks() == []
    assert any(MARK in str(text) for text in run.traces.texts.values()), "nothing was told back"


@pytest.mark.parametrize("form", ["as it is", "half", "lower case", "URL", "base64"])
@pytest.mark.parametrize("place", ["file", "database", "request", "other host", "log"])
def test_the_search_finds_what_is_planted(form: str, place: str, tmp_path: Path) -> None:
    key = f"Mark-{secrets.token_hex(16)}:Secret-{secrets.token_hex(16)}"
    forms: Mapping[str, str] = {
        "as it is": key,
        "half": key.partition(":")[2],
        "lower case": key.lower(),
        "URL": quote(key, safe=""),
        "base64": base64.b64encode(f"Key {key}".encode()).decode(),
    }
    planted = f"some words, {forms[form]}, and more"
    traces = Traces(key)
    assert traces.leaks() == []
    blank = Seen(method="GET", path="/v1/models", query="", headers={"host": "service"}, body=b"")
    match place:
        case "file" | "database":
            path = tmp_path / "deep" / ("history.sqlite3-wal" if place == "database" else "cache.json")
            path.parent.mkdir()
            path.write_bytes(b"\x00\xff" + planted.encode() + b"\x00")
            traces.add_folder(tmp_path)
        case "request":
            traces.add_requests([_with(blank, query=planted, headers={"host": "service"})], "service")
        case "other host":
            headers = {"host": "elsewhere", "authorization": planted}
            traces.add_requests([_with(blank, headers=headers)], "service")
        case "log":
            traces.add("log", planted)
    assert len(traces.leaks()) == 1


def _with(seen: Seen, *, headers: dict[str, str], query: str = "") -> Seen:
    return Seen(method=seen.method, path=seen.path, query=query, headers=headers, body=seen.body)


def test_its_own_header_at_its_own_host_is_no_leak() -> None:
    key = f"mark-{secrets.token_hex(16)}"
    traces = Traces(key)
    headers = {"host": "service", "authorization": f"Bearer {key}"}
    traces.add_requests(
        [Seen(method="POST", path="/v1/predictions", query="", headers=headers, body=b"")], "service"
    )
    assert traces.leaks() == []
