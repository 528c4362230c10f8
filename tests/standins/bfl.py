"""Black Forest Labs, standing in: tasks with a real life, on a regional polling path that the global one knows nothing of.

``build(compatible=True)`` is another maker's server that speaks the same protocol: its own words for the states,
links relative to itself, ``aspect_ratio`` and ``steps``, no key needed, no document of itself, no credits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.standins.server import Seen, StandIn
from tests.standins.spec import OWN, Spec, document

KEY = "bfl-standin-key-0123456789"
ACTIVE_MOST = 24
_NO_MODEL = ("credits", "get_result", "my_finetunes", "finetune_details")
_SECRET_HEADERS = ("x-key", "authorization", "cookie")


@dataclass(slots=True, kw_only=True)
class Task:
    """One job: what was asked, how often it was asked for, and how it ends."""

    id: str
    model: str
    body: dict[str, Any]
    outcome: str
    polls: int = 0
    fetches: int = 0


@dataclass(slots=True, kw_only=True)
class State:
    """The service's life, and the test's hands on it.

    ``words`` are told one a poll, then comes the end; while ``hold`` is set the last of them stays. ``outcome`` is
    how tasks made from now on end; ``cost`` what they cost, in credits. ``unknown_first``: that many polls are
    answered with "Task not found". ``error_status``: the HTTP status of a poll that tells of a failure.
    ``polling``: "regional" (its own path), "relative", "none", or a whole address with ``{id}`` in it.
    ``sample``: "host" (another name of this machine), "relative", "data", "base64" or a link. ``links_live``: fetches after
    which a link has expired. ``refuse``: (status, body) for the next submits. ``paths`` are further models with the
    schema of their body. ``leaks`` are requests for a result that carried a key.
    """

    compatible: bool = False
    key_needed: bool = True
    words: tuple[str, ...] = ("Pending", "Pending")
    hold: bool = False
    outcome: str = "Ready"
    cost: float | None = 1.4
    credits: float = 123.4
    unknown_first: int = 0
    error_status: int = 200
    progress: tuple[float | None, ...] = ()
    polling: str = "regional"
    sample: str = "host"
    links_live: int | None = None
    refuse: tuple[int, Any] | None = None
    result: dict[str, Any] | None = None
    paths: dict[str, Any] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    leaks: list[str] = field(default_factory=list)

    def active(self) -> int:
        """How many tasks are on their way."""
        return sum(task.polls <= len(self.words) or self.hold for task in self.tasks.values())


def picture_of(model: str, body: dict[str, Any]) -> bytes:
    """A PNG whose colours come from the request, at most 64 pixels wide."""
    digest = hashlib.sha256(json.dumps([model, body], sort_keys=True).encode()).digest()
    width = min(int(body.get("width") or 1024), 1024) // 16
    height = min(int(body.get("height") or 768), 1024) // 16
    image = Image.new("RGB", (width, height), (digest[0], digest[1], digest[2]))
    image.putpixel((0, 0), (digest[3], digest[4], digest[5]))
    kept = io.BytesIO()
    image.save(kept, "PNG")
    return kept.getvalue()


def seed_of(body: dict[str, Any]) -> int:
    """The seed that was asked for, else one that the service chose."""
    asked = body.get("seed")
    return asked if isinstance(asked, int) else 1_234_567


class Service:
    """The routes over one state."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.document = _own_document(state) if not state.compatible else None

    def routes(self) -> list[Route]:
        """All paths it answers."""
        found = [
            Route("/v1/get_result", self.global_poll),
            Route("/outputs/{name}", self.deliver),
            Route("/v1/{model:path}", self.submit, methods=["POST"]),
        ]
        if self.state.compatible:
            return found
        return [
            Route("/openapi.json", self.describe),
            Route("/v1/credits", self.account),
            Route("/eu4/v1/get_result", self.regional_poll),
            *found,
        ]

    def refusal(self, request: Request) -> Response | None:
        """The answer to a request without the right key."""
        given = request.headers.get("x-key", "")
        if not self.state.key_needed or given == KEY:
            return None
        return JSONResponse({"detail": "Not authenticated"}, status_code=403 if not given else 401)

    async def describe(self, _request: Request) -> Response:
        return JSONResponse(self.document | {"paths": {**self.document["paths"], **_paths(self.state.paths)}})  # type: ignore[operator,index]

    async def account(self, request: Request) -> Response:
        return self.refusal(request) or JSONResponse({"credits": self.state.credits})

    async def submit(self, request: Request) -> Response:
        state, model = self.state, request.path_params["model"]
        if (refused := self.refusal(request)) is not None:
            return refused
        if state.refuse is not None:
            status, said = state.refuse
            return JSONResponse(said, status_code=status)
        if not state.compatible and f"/v1/{model}" not in {**self.document["paths"], **state.paths}:  # type: ignore[index]
            return JSONResponse({"detail": "Not Found"}, status_code=404)
        body = await request.json()
        if bad := _bad_picture(body):
            return JSONResponse(
                {"detail": [{"loc": ["body", bad], "msg": "not a picture", "type": "value_error"}]}, 422
            )
        if state.active() >= ACTIVE_MOST:
            return JSONResponse({"detail": "Too many active tasks"}, status_code=429)
        task = Task(id=f"task-{len(state.tasks) + 1:04d}", model=model, body=body, outcome=state.outcome)
        state.tasks[task.id] = task
        if state.compatible:
            return JSONResponse({"id": task.id, "polling_url": f"/v1/get_result?id={task.id}"})
        made: dict[str, Any] = {"id": task.id, "cost": state.cost, "input_mp": None, "output_mp": 0.79}
        base = f"{request.url.scheme}://{request.url.netloc}"
        match state.polling:
            case "regional":
                made["polling_url"] = f"{base}/eu4/v1/get_result?{urlencode({'id': task.id, 'r': 'eu4'})}"
            case "relative":
                made["polling_url"] = f"/eu4/v1/get_result?id={task.id}"
            case "none":
                pass
            case address:
                made["polling_url"] = address.replace("{id}", task.id)
        return JSONResponse(made)

    async def global_poll(self, request: Request) -> Response:
        """Knows only what has no region."""
        known = self.state.compatible or self.state.polling != "regional"
        return self._poll(request, known=known)

    async def regional_poll(self, request: Request) -> Response:
        return self._poll(request, known=True)

    def _poll(self, request: Request, *, known: bool) -> Response:
        state = self.state
        if (refused := self.refusal(request)) is not None:
            return refused
        wanted = request.query_params.get("id", "")
        task = state.tasks.get(wanted) if known else None
        blank: dict[str, Any] = {
            "id": wanted,
            "result": None,
            "progress": None,
            "details": None,
            "preview": None,
        }
        if task is None:
            return JSONResponse({**blank, "status": "Task not found"})
        task.polls += 1
        if task.polls <= state.unknown_first:
            return JSONResponse({**blank, "status": "Task not found"})
        seen = task.polls - state.unknown_first - 1
        if seen < len(state.words) or state.hold:
            progress = state.progress[seen] if seen < len(state.progress) else None
            word = state.words[min(seen, len(state.words) - 1)]
            return JSONResponse({**blank, "status": word, "progress": progress})
        if task.outcome == "Ready":
            return JSONResponse({**blank, "status": "Ready", "result": self._result(task, request)})
        details: dict[str, Any] | None = None
        if "Moderated" in task.outcome:
            details = {"Moderation Reasons": ["Violence", "Blood"]}
        if task.outcome == "Error":
            details = {"error": "The worker ran out of memory."}
        return JSONResponse(
            {**blank, "status": task.outcome, "details": details}, status_code=state.error_status
        )

    def _result(self, task: Task, request: Request) -> dict[str, Any]:
        if self.state.result is not None:
            return self.state.result
        port = request.url.port
        path = f"/outputs/{task.id}.png"
        match self.state.sample:
            case "relative":
                sample = path
            case "data":
                sample = "data:image/png;base64," + self._encoded(task)
            case "base64":
                sample = self._encoded(task)
            case "host":
                sample = f"http://localhost:{port}{path}?sig={hashlib.sha256(task.id.encode()).hexdigest()}"
            case link:
                sample = link
        if self.state.compatible:
            return {"sample": sample}
        result = {"sample": sample, "prompt": task.body.get("prompt"), "start_time": 10.0, "end_time": 12.5}
        if task.model != "flux-3-image":
            result |= {"seed": seed_of(task.body), "duration": 2.5}
        return result

    def _encoded(self, task: Task) -> str:
        return base64.b64encode(picture_of(task.model, task.body)).decode()

    async def deliver(self, request: Request) -> Response:
        for name in _SECRET_HEADERS:
            if name in request.headers:
                self.state.leaks.append(f"{request.url.path} was asked with {name}")
                return Response("no key here", status_code=400)
        task = self.state.tasks.get(request.path_params["name"].removesuffix(".png"))
        if task is None:
            return Response("gone", status_code=404)
        task.fetches += 1
        if self.state.links_live is not None and task.fetches > self.state.links_live:
            return Response("<Error><Code>AuthenticationFailed</Code></Error>", status_code=403)
        return Response(picture_of(task.model, task.body), media_type="image/png")


def _bad_picture(body: dict[str, Any]) -> str:
    """The field whose picture can't be read, as the service finds out before it takes the job."""
    for name, value in body.items():
        if name.startswith(("image", "input_image", "mask")) and isinstance(value, str | list):
            for item in value if isinstance(value, list) else [value]:
                try:
                    Image.open(io.BytesIO(base64.b64decode(item, validate=True))).verify()
                except (OSError, binascii.Error):
                    return name
    return ""


def _paths(schemas: dict[str, Any]) -> dict[str, Any]:
    return {
        path: {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}
        for path, schema in schemas.items()
    }


def _own_document(state: State) -> dict[str, Any]:
    """What it tells of itself: the service's own document where it is at hand, else one made of our schemas."""
    official = document("bfl.openapi.json")
    if official is not None:
        return official
    ours = json.loads((OWN / "bfl.json").read_bytes())
    paths = {key.removeprefix("POST "): schema for key, schema in ours.items()}
    return {"openapi": "3.1.0", "info": {"title": "BFL API"}, "paths": _paths(paths)}


def _is_submit(seen: Seen) -> bool:
    return seen.method == "POST" and seen.path.startswith("/v1/")


def build(*, compatible: bool = False, key_needed: bool | None = None) -> StandIn:
    """A fresh one. A compatible server asks for no key unless ``key_needed`` says so."""
    state = State(compatible=compatible, key_needed=not compatible if key_needed is None else key_needed)
    if compatible:
        state.words, state.sample = ("Task_Queued", "Processing"), "relative"

    def settings(url: str) -> dict[str, Any]:
        table: dict[str, Any] = {"url": url}
        if compatible:
            return table | {"kind": "bfl", "models": ["flux-2-klein-4b", "my/own-model"]}
        return table

    return StandIn(
        name="bfl",
        app=Starlette(routes=Service(state).routes()),
        key=KEY if state.key_needed else "",
        settings=settings,
        is_submit=_is_submit,
        spec=None if compatible else Spec("bfl.openapi.json", "bfl.json"),
        state=state,
    )
