"""StandIn: one stand-in server, what it was asked, and the thread it runs in.

Owns serving, recording and checking requests against the specification. What is answered is left to each service's
module, what goes wrong to ``faults.py``.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.standins.spec import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as it came. ``json`` is its body, where that is JSON."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    json: Any = None


@dataclass(slots=True, kw_only=True)
class StandIn:
    """A stand-in: ``app`` answers, ``seen`` and ``problems`` tell afterwards what it was asked.

    ``settings`` are what a provider's table of the settings must hold to use the one at a base URL;
    ``submits`` counts the requests that make a paid job, ``key`` is the one it accepts. ``state`` is the service's own,
    for a test to hold, fail or expire jobs with.
    """

    name: str
    app: ASGIApp
    key: str
    settings: Callable[[str], dict[str, Any]]
    is_submit: Callable[[Seen], bool]
    spec: Spec | None = None
    seen: list[Seen] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    state: Any = None

    @property
    def submits(self) -> int:
        """How many paid jobs were asked for, by requests that arrived."""
        return sum(self.is_submit(seen) for seen in self.seen)

    def wrapped(self, outer: Callable[[ASGIApp], ASGIApp] | None = None) -> ASGIApp:
        """The app behind the recorder; ``outer`` wraps both, such as a fault."""
        recorder = _Recorder(self)
        return outer(recorder) if outer else recorder


class _Recorder:
    """Notes each request, checks its body, and hands it on."""

    def __init__(self, standin: StandIn) -> None:
        self._standin = standin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._standin.app(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return  # half a request is none
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        parsed = None
        if "json" in headers.get("content-type", ""):
            try:
                parsed = json.loads(body)
            except ValueError:
                self._standin.problems.append(f"{scope['method']} {scope['path']}: the body is not JSON")
        seen = Seen(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=body,
            json=parsed,
        )
        self._standin.seen.append(seen)
        if self._standin.spec is not None and parsed is not None:
            found = self._standin.spec.problems(seen.method, seen.path, parsed)
            self._standin.problems += [f"{seen.method} {seen.path}: {problem}" for problem in found]
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._standin.app(scope, again, send)


class Running:
    """An ASGI app served on 127.0.0.1 in a thread of its own, for the length of a block."""

    def __init__(self, app: ASGIApp, *, port: int = 0, keep_alive_s: int = 5) -> None:
        # With its protocol named, for asyncio sends at once (TCP_NODELAY) only then; else each answer takes 40 ms more.
        self._socket = socket.socket(proto=socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Bound and listening before the thread begins, so that nobody need wait for it.
        self._socket.bind(("127.0.0.1", port))
        self._socket.listen(1024)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none")
        config.timeout_graceful_shutdown = 1
        config.timeout_keep_alive = keep_alive_s
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True, name="stand-in"
        )

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def run(self) -> None:
        """Serve in this thread until stopped."""
        self._server.run(sockets=[self._socket])
