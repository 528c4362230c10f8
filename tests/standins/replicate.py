"""Replicate's stand-in: predictions with real state, models, search, files, and results that live elsewhere.

Owns the routes. Jobs are in ``replicate_jobs.py``; their progress is counted in polls, never in time.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from jsonschema import Draft202012Validator
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.standins.replicate_jobs import FINAL, Prediction, State, job_json, move, picture, text
from tests.standins.replicate_models import COLLECTIONS, Model, Version
from tests.standins.server import Seen, StandIn
from tests.standins.spec import Spec

KEY = "r8_stand-in-key-0123456789abcdefghijklm"


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
            if model.name not in self.state.unlisted
            and all(word in f"{model.name} {model.about} {' '.join(model.tags)}".lower() for word in asked)
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
            seed=int(uuid.uuid4().hex[:6], 16) if given.get("seed") is None else given["seed"],
            headers={
                name: request.headers[name] for name in ("cancel-after", "prefer") if name in request.headers
            },
        )
        state.jobs[job.id] = job
        if state.lost:
            state.lost -= 1
            return _problem(500, "Internal server error")
        return JSONResponse(job_json(self.state, job, request), 201)

    def list(self, request: Request, body: bytes) -> Response:
        params = request.query_params
        after = datetime.fromisoformat(params.get("created_after", "2000-01-01T00:00:00+00:00"))
        found = [job for job in reversed(self.state.jobs.values()) if job.created >= after]
        begin = int(params.get("cursor", "0"))
        end = begin + self.state.page
        there = str(request.url.include_query_params(cursor=end)) if end < len(found) else None
        page = [job_json(self.state, job, request) for job in found[begin:end]]
        return JSONResponse({"next": there, "previous": None, "results": page})

    def get(self, request: Request, body: bytes) -> Response:
        job = self.state.jobs.get(request.path_params["id"])
        if job is None:
            return _not_found(request, LookupError())
        move(self.state, job)
        return JSONResponse(job_json(self.state, job, request))

    def cancel(self, request: Request, body: bytes) -> Response:
        job = self.state.jobs.get(request.path_params["id"])
        if job is None:
            return _not_found(request, LookupError())
        if job.status not in FINAL:
            job.status = "canceled"
        return JSONResponse(job_json(self.state, job, request))

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
            "created_at": text(now),
            "expires_at": text(now + timedelta(hours=24)),
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
