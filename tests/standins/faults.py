"""Faults: a bad line in front of any stand-in. It hands requests on, and spoils the ones it was told to.

It is a small HTTP/1.1 server of its own on raw sockets, because much of what goes wrong happens below HTTP. Owns
the faults and where they strike; what becomes of a job is left to the tests.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.standins.server import Seen, StandIn


class Stage(StrEnum):
    """Where in a job's life a fault strikes."""

    SUBMIT = "submit"
    WATCH = "watch"
    RESULT = "result"


class Way(StrEnum):
    """How an exchange is spoilt."""

    STATUS = "status"  # the answer is replaced, and the request is not handed on
    BODY = "body"  # the request is handed on, and its answer's body is replaced
    DROP_BEFORE = "drop before"  # the line is reset before the request is handed on
    DROP_AFTER = "drop after"  # the request is handed on, the line reset instead of an answer
    HANG_BEFORE = "hang before"  # no answer, and the request is not handed on
    HANG_AFTER = "hang after"  # the request is handed on, and no answer comes
    CUT = "cut"  # half of the answer, then the end of the line
    RESET = "reset"  # half of the answer, then a reset
    SHORT = "short"  # the length announced is larger than what comes
    LONG = "long"  # the length announced is smaller than what comes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong, ``times`` times in a row; 0 for as long as the test lasts."""

    name: str
    way: Way
    status: int = 200
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    times: int = 1

    def content(self) -> bytes:
        """The body as bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


PAGE = b"<!DOCTYPE html><html><body><h1>Sign in to the network</h1></body></html>"
HTML = (("content-type", "text/html"),)
JSON = (("content-type", "application/json"),)


@dataclass(slots=True)
class Line:
    """The bad line: ``url`` is where it listens. It hands everything on until ``spoil`` is called."""

    standin: StandIn
    upstream: str
    submits_arrived: int = 0
    struck: int = 0
    asked_with_key: list[str] = field(default_factory=list)
    _fault: Fault | None = None
    _stage: Stage | None = None
    _left: int = 0
    _only_after_submit: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closing: threading.Event = field(default_factory=threading.Event)
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None

    def __enter__(self) -> Line:
        line = self

        class Handler(_Handler):
            owner = line

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        assert self._server is not None
        assert self._thread is not None
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address to use in place of the stand-in's."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def spoil(self, stage: Stage, fault: Fault, *, only_after_submit: bool = False) -> None:
        """Let ``fault`` strike at the next exchanges of ``stage``; with ``only_after_submit`` once a job was sent."""
        with self._lock:
            self._fault, self._stage, self._left = fault, stage, fault.times or 1_000_000
            self._only_after_submit = only_after_submit

    def heal(self) -> None:
        """Hand everything on again."""
        with self._lock:
            self._fault = None

    def wait_closed(self) -> None:
        """Until the line is taken down: what a hanging exchange does."""
        self._closing.wait(60)

    def take(self, stage: Stage) -> Fault | None:
        """The fault to strike at an exchange of this stage, if any; counted."""
        with self._lock:
            if self._fault is None or self._stage is not stage or self._left <= 0:
                return None
            if stage is Stage.WATCH and self._only_after_submit and not self.submits_arrived:
                return None
            self._left -= 1
            self.struck += 1
            return self._fault

    def wants(self, stage: Stage) -> bool:
        """Whether a fault waits for this stage."""
        with self._lock:
            return self._fault is not None and self._stage is stage and self._left > 0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is nothing to tell."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: Line

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self._read_body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        split = urlsplit(self.path)
        seen = Seen(
            method=self.command,
            path=split.path,
            query=split.query,
            headers=headers,
            body=body,
            json=_json(body) if "json" in headers.get("content-type", "") else None,
        )
        line = self.owner
        is_submit = line.standin.is_submit(seen)
        stage = Stage.SUBMIT if is_submit else Stage.WATCH
        if is_submit:
            line.submits_arrived += 1
        if stage is Stage.WATCH and line.wants(Stage.RESULT) and self._looks_like_result(seen):
            stage = Stage.RESULT
        fault = None
        if stage is not Stage.WATCH or not self._looks_like_result(seen):
            fault = line.take(stage)
        if fault is None:
            self._answer(*self._hand_on(seen))
            return
        self._strike(fault, seen)

    def _looks_like_result(self, seen: Seen) -> bool:
        """A GET without a key for something that is no API path: the stand-ins serve pictures under /files or the like."""
        names = seen.headers.keys() & {"authorization", "x-key", "x-goog-api-key"}
        return seen.method == "GET" and not names and "image/" in seen.headers.get("accept", "")

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            parts = []
            while size := int(self.rfile.readline().partition(b";")[0] or b"0", 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def _hand_on(self, seen: Seen) -> tuple[int, list[tuple[str, str]], bytes]:
        host = urlsplit(self.owner.upstream)
        connection = http.client.HTTPConnection(host.hostname or "", host.port, timeout=60)
        try:
            kept = {n: v for n, v in seen.headers.items() if n not in ("connection", "transfer-encoding")}
            kept["content-length"] = str(len(seen.body))
            # The Host header stays this line's, so that links in answers lead through it.
            connection.putrequest(seen.method, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in kept.items():
                connection.putheader(name, value)
            connection.endheaders(seen.body)
            response = connection.getresponse()
            content = response.read()
            dropped = ("connection", "transfer-encoding", "content-length", "date", "server")
            headers = [(n, v) for n, v in response.getheaders() if n.lower() not in dropped]
            return response.status, headers, content
        finally:
            connection.close()

    def _answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, *, length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def _strike(self, fault: Fault, seen: Seen) -> None:
        match fault.way:
            case Way.STATUS:
                self._answer(fault.status, list(fault.headers), fault.content())
            case Way.BODY:
                status, _, _ = self._hand_on(seen)
                self._answer(status, list(fault.headers), fault.content())
            case Way.DROP_BEFORE:
                self._reset()
            case Way.DROP_AFTER:
                self._hand_on(seen)
                self._reset()
            case Way.HANG_BEFORE:
                self.owner.wait_closed()
                self.close_connection = True
            case Way.HANG_AFTER:
                self._hand_on(seen)
                self.owner.wait_closed()
                self.close_connection = True
            case Way.CUT | Way.RESET | Way.SHORT:
                status, headers, content = self._hand_on(seen)
                sent = content if fault.way is Way.SHORT else content[: len(content) // 2]
                self._answer(
                    status, headers, sent, length=len(content) + (1000 if fault.way is Way.SHORT else 0)
                )
                if fault.way is Way.RESET:
                    self._reset()
                self.close_connection = True
            case Way.LONG:
                status, headers, content = self._hand_on(seen)
                self._answer(status, headers, content, length=max(len(content) // 2, 1))
                self.close_connection = True

    def _reset(self) -> None:
        """End the connection with a TCP reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def free_port() -> int:
    """A port on which nothing listens, as far as one can know."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
