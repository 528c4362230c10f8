"""Replicate's stand-in: predictions with real state, models, search, files, and results that live elsewhere.

Owns the routes and the jobs. A job's progress is counted in polls, never in time.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from jsonschema import Draft202012Validator
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.standins import replicate_models
from tests.standins.replicate_models import COLLECTIONS, Model, Version
from tests.standins.server import Seen, StandIn
from tests.standins.spec import Spec

KEY = "r8_stand-in-key-0123456789abcdefghijklm"
FINAL = ("succeeded", "failed", "canceled", "aborted")


@dataclass(slots=True, kw_only=True)
class Prediction:
    """A job. ``polls`` counts how often it was asked for; ``fate`` is what will become of it."""

    id: str
    model: Model
    version: Version | None
    input: dict[str, Any]
    created: datetime
    fate: Fate
    status: str = "starting"
    polls: int = 0
    removed: bool = False
    seed: int = 0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Fate:
    """What becomes of the jobs made from now on. ``error`` makes them fail, with these words.

    ``output`` is the shape of what comes: by the model, or ``string``, ``list``, ``data``, ``nested``, ``text``,
    ``empty``, ``svg``. ``words`` are status words given before the true ones.
    """

    waits: int = 1
    works: int = 2
    error: str | None = None
    output: str = ""
    words: tuple[str, ...] = ()
    aborted: bool = False
    logs: str | None = None


@dataclass(slots=True, kw_only=True)
class State:
    """The service's own. A test changes it between requests.

    ``held`` keeps running jobs from ending; ``refusals`` are answers (status, body, headers) given to the next
    creates in turn, ``lost`` the number of next creates that are taken but answered with 500. ``delivery`` is
    ``elsewhere`` (another host, which refuses a key) or ``own`` (this host, which wants one).
    """

    models: dict[str, Model] = field(default_factory=replicate_models.models)
    jobs: dict[str, Prediction] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    fate: Fate = field(default_factory=Fate)
    held: bool = False
    refusals: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    lost: int = 0
    delivery: str = "elsewhere"
    search_gone: bool = False
    fills_defaults: bool = False
    page: int = 100
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def expire(self) -> None:
        """An hour passes: inputs, outputs and logs of all jobs are deleted."""
        for job in self.jobs.values():
            job.removed = True

    @property
    def last(self) -> Prediction:
        """The newest job."""
        return list(self.jobs.values())[-1]


def build(**options: Any) -> StandIn:
    """A fresh one. ``options`` set the State."""
    state = State(**options)
    service = _Service(state)

    def is_submit(seen: Seen) -> bool:
        if seen.method != "POST" or not seen.path.endswith("/predictions"):
            return False
        parts = seen.path.split("/")
        # On this route a community model answers 404, and nothing was asked for.
        return len(parts) != 6 or _is_official(state, "/".join(parts[3:5]))

    return StandIn(
        name="replicate",
        app=Starlette(routes=service.routes(), exception_handlers={404: _not_found}),
        key=KEY,
        settings=lambda url: {"url": url},
        is_submit=is_submit,
        spec=Spec("replicate.openapi.json", "replicate.json", prefix="/v1"),
        state=state,
    )


def _is_official(state: State, name: str) -> bool:
    return name in state.models and state.models[name].official


def _not_found(request: Request, _error: Exception) -> Response:
    return _problem(404, "The requested resource could not be found.")


def _problem(status: int, detail: str, title: str = "", **more: Any) -> Response:
    body = {"detail": detail, "status": status} | ({"title": title} if title else {}) | more
    return JSONResponse(body, status, media_type="application/problem+json")


class _Service:
    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        model = "/v1/models/{owner}/{name}"
        table: list[tuple[str, str, Callable[[Request, bytes], Response]]] = [
            ("GET", "/v1/account", self.account),
            ("GET", "/v1/search", self.search),
            ("QUERY", "/v1/models", self.old_search),
            ("GET", "/v1/collections", self.collections),
            ("GET", "/v1/collections/{slug}", self.collection),
            ("GET", model, self.model),
            ("GET", model + "/versions", self.versions),
            ("GET", model + "/versions/{version}", self.version),
            ("POST", model + "/predictions", self.create_official),
            ("POST", "/v1/predictions", self.create),
            ("GET", "/v1/predictions", self.list),
            ("GET", "/v1/predictions/{id}", self.get),
            ("POST", "/v1/predictions/{id}/cancel", self.cancel),
            ("POST", "/v1/files", self.upload),
        ]
        routes = [Route(path, self._keyed(answer), methods=[method]) for method, path, answer in table]
        return [*routes, Route("/delivered/{id}/{name}", self.deliver)]

    def _keyed(self, answer: Callable[[Request, bytes], Response]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            if request.headers.get("authorization") != f"Bearer {KEY}":
                said = "You did not pass a valid authentication token"
                return _problem(401, said, "Unauthenticated")
            body = await request.body()
            with self.state.lock:
                return answer(request, body)

        return endpoint

    # models

    def account(self, request: Request, body: bytes) -> Response:
        return JSONResponse({"type": "user", "username": "someone", "name": "Some One"})

    def _found(self, words: str) -> list[Model]:
        asked = words.lower().split()
        return [
            model
            for model in self.state.models.values()
            if all(word in f"{model.name} {model.about} {' '.join(model.tags)}".lower() for word in asked)
        ]

    def search(self, request: Request, body: bytes) -> Response:
        query = request.query_params.get("query", "")
        if self.state.search_gone:
            return _not_found(request, LookupError())
        found = [
            {
                "model": model.json(),
                "metadata": {"generated_description": None, "tags": list(model.tags), "score": 1.0},
            }
            for model in self._found(query)[: int(request.query_params.get("limit", "20"))]
        ]
        return JSONResponse({"query": query, "models": found, "collections": [], "pages": []})

    def old_search(self, request: Request, body: bytes) -> Response:
        found = [model.json() for model in self._found(body.decode())]
        return JSONResponse({"next": None, "previous": None, "results": found})

    def collections(self, request: Request, body: bytes) -> Response:
        found = [{"name": name, "slug": slug, "description": name} for slug, (name, _) in COLLECTIONS.items()]
        return JSONResponse({"next": None, "previous": None, "results": found})

    def collection(self, request: Request, body: bytes) -> Response:
        slug = request.path_params["slug"]
        if slug not in COLLECTIONS:
            return _not_found(request, LookupError())
        name, members = COLLECTIONS[slug]
        models = [self.state.models[member].json() for member in members]
        return JSONResponse({"name": name, "slug": slug, "description": name, "models": models})

    def _model(self, request: Request) -> Model | None:
        return self.state.models.get(f"{request.path_params['owner']}/{request.path_params['name']}")

    def model(self, request: Request, body: bytes) -> Response:
        model = self._model(request)
        return JSONResponse(model.json()) if model else _not_found(request, LookupError())

    def versions(self, request: Request, body: bytes) -> Response:
        model = self._model(request)
        if model is None or model.official:
            return _not_found(request, LookupError())
        found = [version.json() for version in model.versions]
        return JSONResponse({"next": None, "previous": None, "results": found})

    def version(self, request: Request, body: bytes) -> Response:
        model = self._model(request)
        for version in model.versions if model else ():
            if version.id == request.path_params["version"]:
                return JSONResponse(version.json())
        return _not_found(request, LookupError())

    # jobs

    def create_official(self, request: Request, body: bytes) -> Response:
        model = self._model(request)
        if model is None or not model.official:
            return _not_found(request, LookupError())
        return self._create(request, model, model.newest, json.loads(body))

    def create(self, request: Request, body: bytes) -> Response:
        asked = json.loads(body)
        wanted = str(asked.get("version", "")).rpartition(":")[2]
        for model in self.state.models.values():
            if model.official and wanted == model.name:
                return self._create(request, model, model.newest, asked)
            for version in model.versions:
                if version.id == wanted:
                    return self._create(request, model, version, asked)
        said = "The specified version does not exist (or perhaps you don't have permission to use it?)"
        return _problem(422, said, "Invalid version or not permitted")

    def _create(self, request: Request, model: Model, version: Version | None, asked: Any) -> Response:
        state = self.state
        if state.refusals:
            status, body, headers = state.refusals.pop(0)
            return JSONResponse(body, status, headers=headers)
        given = asked["input"]
        if version is not None and (problem := _invalid(version, given)):
            return problem
        if state.fills_defaults and version is not None:
            props = version.document["components"]["schemas"]["Input"]["properties"]
            given = {name: prop["default"] for name, prop in props.items() if "default" in prop} | given
        job = Prediction(
            id=uuid.uuid4().hex[:26],
            model=model,
            version=version,
            input=given,
            created=state.clock(),
            fate=state.fate,
            seed=given.get("seed") or int(uuid.uuid4().hex[:6], 16),
            headers={
                name: request.headers[name] for name in ("cancel-after", "prefer") if name in request.headers
            },
        )
        state.jobs[job.id] = job
        if state.lost:
            state.lost -= 1
            return _problem(500, "Internal server error")
        return JSONResponse(self._json(job, request), 201)

    def list(self, request: Request, body: bytes) -> Response:
        params = request.query_params
        after = datetime.fromisoformat(params.get("created_after", "2000-01-01T00:00:00+00:00"))
        found = [job for job in reversed(self.state.jobs.values()) if job.created >= after]
        begin = int(params.get("cursor", "0"))
        end = begin + self.state.page
        there = str(request.url.include_query_params(cursor=end)) if end < len(found) else None
        page = [self._json(job, request) for job in found[begin:end]]
        return JSONResponse({"next": there, "previous": None, "results": page})

    def get(self, request: Request, body: bytes) -> Response:
        job = self.state.jobs.get(request.path_params["id"])
        if job is None:
            return _not_found(request, LookupError())
        self._move(job)
        return JSONResponse(self._json(job, request))

    def cancel(self, request: Request, body: bytes) -> Response:
        job = self.state.jobs.get(request.path_params["id"])
        if job is None:
            return _not_found(request, LookupError())
        if job.status not in FINAL:
            job.status = "canceled"
        return JSONResponse(self._json(job, request))

    def _move(self, job: Prediction) -> None:
        if job.status in FINAL:
            return
        job.polls += 1
        fate = job.fate
        if job.polls <= fate.waits:
            return
        if fate.aborted:
            job.status = "aborted"
        elif self.state.held or job.polls <= fate.waits + fate.works:
            job.status = "processing"
        else:
            job.status = "failed" if fate.error else "succeeded"

    def _json(self, job: Prediction, request: Request) -> dict[str, Any]:
        base = f"{request.url.scheme}://{request.url.netloc}/v1/predictions/{job.id}"
        done = job.status in FINAL
        moment = _text(job.created)
        status = job.status
        if not done and 0 < job.polls <= len(job.fate.words):
            status = job.fate.words[job.polls - 1]
        found = {
            "id": job.id,
            "model": job.model.name,
            "version": "hidden" if job.model.hidden or job.version is None else job.version.id,
            "input": {} if job.removed else job.input,
            "output": None,
            "logs": "" if job.removed else self._logs(job),
            "error": job.fate.error if job.status == "failed" else None,
            "status": status,
            "created_at": moment,
            "started_at": None if job.status in ("starting", "aborted") else moment,
            "completed_at": moment if done else None,
            "data_removed": job.removed,
            "source": "api",
            "metrics": {"predict_time": 1.25, "total_time": 1.5} if job.status == "succeeded" else {},
            "urls": {
                "get": base,
                "cancel": base + "/cancel",
                "web": f"https://replicate.com/p/{job.id}",
            },
        }
        if job.status == "succeeded" and not job.removed:
            found["output"] = self._output(job, request)
        return {name: value for name, value in found.items() if name != "started_at" or value is not None}

    def _logs(self, job: Prediction) -> str:
        if job.fate.logs is not None:
            return job.fate.logs
        total = int(job.input.get("num_inference_steps", 4))
        done = total if job.status == "succeeded" else max(0, job.polls - job.fate.waits)
        lines = [f"Using seed: {job.seed}"] if job.status != "starting" else []
        if job.status in ("processing", "succeeded"):
            for step in range(min(done, total) + 1):
                lines.append(
                    f"{100 * step // total:3d}%|{'#' * step:<10}| {step}/{total} [00:01<00:02,  3.00it/s]"
                )
        return "\n".join(lines)

    def _output(self, job: Prediction, request: Request) -> Any:
        host = request.url.netloc
        if self.state.delivery == "elsewhere":
            host = host.replace("127.0.0.1", "localhost")
        count = int(job.input.get("num_outputs", 1))
        links = [f"{request.url.scheme}://{host}/delivered/{job.id}/out-{n}.png" for n in range(count)]
        single = job.version is not None and (
            job.version.document["components"]["schemas"]["Output"]["type"] == "string"
        )
        match job.fate.output or ("string" if single else "list"):
            case "string":
                return links[0]
            case "data":
                return "data:image/png;base64," + base64.b64encode(picture(job, 0)).decode()
            case "nested":
                return {
                    "images": [{"url": link} for link in links],
                    "seed": job.seed,
                    "notes": "made with care",
                }
            case "text":
                return "A fox in the snow."
            case "svg":
                return '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'
            case "empty":
                return []
        return links

    def deliver(self, request: Request) -> Response:
        job = self.state.jobs.get(request.path_params["id"])
        key = request.headers.get("authorization")
        if self.state.delivery == "own" and key != f"Bearer {KEY}":
            return Response("no key", 401)
        if self.state.delivery == "elsewhere" and key is not None:
            return Response("a key came to the wrong host", 400)
        if job is None or job.removed:
            return Response("gone", 404)
        number = int(request.path_params["name"].partition("-")[2].partition(".")[0])
        return Response(picture(job, number), media_type="image/png")

    def upload(self, request: Request, body: bytes) -> Response:
        head = body.split(b"\r\n\r\n", 1)
        if len(head) != 2 or b'name="content"' not in head[0]:
            return _problem(400, "Missing content")
        kind = head[0].lower().partition(b"content-type:")[2].strip().decode() or "application/octet-stream"
        content = head[1].rpartition(b"\r\n--")[0]
        name = uuid.uuid4().hex
        self.state.files[name] = (kind, content)
        now = self.state.clock()
        there = f"{request.url.scheme}://{request.url.netloc}/v1/files/{name}"
        found = {
            "id": name,
            "name": "file",
            "content_type": kind,
            "size": len(content),
            "etag": "x",
            "checksums": {"sha256": hashlib.sha256(content).hexdigest()},
            "metadata": {},
            "created_at": _text(now),
            "expires_at": _text(now + timedelta(hours=24)),
            "urls": {"get": there},
        }
        return JSONResponse(found, 201)


def _invalid(version: Version, given: Any) -> Response | None:
    """422 as the service words it: one line a field, below a title."""
    schemas = version.document["components"]["schemas"]
    schema = {**_nullable(schemas["Input"]), "components": {"schemas": schemas}}
    lines = []
    for error in Draft202012Validator(schema).iter_errors(given):
        if error.validator == "required":
            missing = error.message.partition("'")[2].partition("'")[0]
            lines.append(f"- input: {missing} is required")
        else:
            lines.append(f"- input.{'.'.join(str(part) for part in error.absolute_path)}: {error.message}")
    if not lines:
        return None
    return _problem(422, "\n".join(lines) + "\n", "Input validation failed", invalid_fields=[])


def _nullable(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    made = {name: _nullable(value) for name, value in schema.items()}
    return {"anyOf": [made, {"type": "null"}]} if made.pop("nullable", False) else made


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def picture(job: Prediction, number: int) -> bytes:
    """A real PNG whose colours follow from the input, so that equal jobs give equal pictures."""
    wish = json.dumps([job.input.get("prompt"), job.seed, number], sort_keys=True)
    colours = hashlib.sha256(wish.encode()).digest()
    image = Image.frombytes("RGB", (2, 2), colours[:12]).resize((64, 48), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
