"""fal: its queue, platform, storage and CDN, one path each on one server; the CDN under another host name.

The endpoints are ours, written after fal's conventions: ``schemas/fal.json`` holds what each takes, and is served as
the OpenAPI documents that the real ones have. How long a job takes is counted in questions for its status.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.standins.server import Seen, StandIn
from tests.standins.spec import OWN, Spec

KEY = "0a1b2c3d-standin:fal-secret-9f8e7d6c5b4a"
SIZES = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
NO_SEED_BACK = ("fal-ai/nano-banana-2/edit",)
CATEGORY = {"fal-ai/flux/schnell": "text-to-image", "fal-ai/flux/dev": "text-to-image"}
TITLES = {"fal-ai/flux/schnell": "FLUX.1 [schnell]", "fal-ai/flux/dev": "FLUX.1 [dev]"}
_REQUEST = re.compile(r"(?P<app>.+)/requests/(?P<id>[\w-]+)(?P<what>/status|/cancel|)")


@dataclass(slots=True)
class Failure:
    """How a job ends instead of with pictures: the answer to its result."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class FalJob:
    """One request in the queue."""

    id: str
    endpoint: str
    body: dict[str, Any]
    number: int
    sent_at: datetime
    polls: int = 0
    cancelled: bool = False
    ended_at: datetime | None = None
    failure: Failure | None = None
    early: int = 0


@dataclass(slots=True)
class FalState:
    """What the service knows, and what a test may ask of it."""

    queue_polls: int = 2
    run_polls: int = 3
    held: bool = False
    fail_next: list[Failure] = field(default_factory=list)
    tells_error: bool = True  # whether a failed job's status carries error and error_type
    early_results: int = 0  # how often a finished job's result still says that it is in progress
    words: list[str] = field(default_factory=list)  # status words to say first
    logs: bool = True
    urls: str = "short"  # short, none, or foreign
    flags: list[bool] | None = None
    black: bool = False
    no_credit: bool = False
    admin: bool = False
    cdn_down: bool = False
    payloads_kept: bool = True
    expired: bool = False
    prices: dict[str, tuple[float, str]] = field(default_factory=dict)
    jobs: dict[str, FalJob] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    tasted: list[str] = field(default_factory=list)  # where a key was sent that must not have it


class FalSpec(Spec):
    """The platform's document speaks of its own paths only; the endpoints are checked by their own schemas."""

    def problems(self, method: str, path: str, body: Any) -> list[str]:
        """What is wrong with a request of JSON ``body``."""
        document = self.document
        if not path.startswith("/api/v1/"):
            self.document = None
        try:
            return super().problems(method, path, body)
        finally:
            self.document = document

    def query_problems(self, path: str, query: str) -> list[str]:
        """What is wrong with the query of a GET, by the platform's document."""
        if self.document is None:
            return []
        operation = self.document["paths"][path.removeprefix("/api/v1")]["get"]
        known = {
            p["name"]: p for p in map(self._followed, operation.get("parameters", [])) if p["in"] == "query"
        }
        pairs = parse_qsl(query, keep_blank_values=True)
        found = [f"no parameter {name}" for name, _ in pairs if name not in known]
        given = {name for name, _ in pairs}
        found += [
            f"{name} is missing" for name, p in known.items() if p.get("required") and name not in given
        ]
        for name, text in pairs:
            if name in known:
                schema = {**self.document, **self._followed(known[name]["schema"])}
                value: Any = int(text) if schema.get("type") == "integer" and text.isdecimal() else text
                found += [f"{name}: {e.message}" for e in Draft202012Validator(schema).iter_errors(value)]
        return found

    def _followed(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in part:
            step: Any = self.document
            for name in part["$ref"].split("/")[1:]:
                step = step[name]
            part = step
        return part


def build() -> StandIn:
    """A fresh one."""
    state = FalState(
        prices={
            "fal-ai/flux/schnell": (0.003, "megapixels"),
            "fal-ai/flux/dev": (0.025, "image"),
            "fal-ai/flux/dev/image-to-image": (0.03, "megapixels"),
            "fal-ai/clarity-upscaler": (0.0003, "compute seconds"),
            "fal-ai/nano-banana-2/edit": (0.08, "images"),
        }
    )
    fal = _Fal(state)
    standin = StandIn(
        name="fal",
        app=Starlette(routes=fal.routes()),
        key=KEY,
        settings=lambda url: {
            "queue_url": f"{url}/queue",
            "api_url": f"{url}/api",
            "rest_url": f"{url}/rest",
            "cdn_url": f"{_elsewhere(url)}/cdn",
            "schema_url": f"{url}/site",
        },
        is_submit=lambda seen: seen.method == "POST" and seen.path.startswith("/queue/"),
        spec=fal.spec,
        state=state,
    )
    fal.standin = standin
    return standin


def endpoints() -> dict[str, dict[str, Any]]:
    """What each endpoint takes, as JSON Schema."""
    own = json.loads((OWN / "fal.json").read_bytes())
    return {key.removeprefix("POST /queue/"): schema for key, schema in own.items() if "/queue/" in key}


def openapi(endpoint: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The document of an endpoint, in the form that fal gives."""
    served = json.loads(json.dumps(schema).replace("#/$defs/", "#/components/schemas/"))
    served.pop("additionalProperties", None)
    parts = served.pop("$defs", {})
    name = served["title"]
    output = {"type": "object", "properties": {"images": {"type": "array"}, "seed": {"type": "integer"}}}
    ref = {"$ref": f"#/components/schemas/{name}"}
    back = {"$ref": "#/components/schemas/Output"}
    return {
        "openapi": "3.0.4",
        "info": {
            "title": f"Queue OpenAPI for {endpoint}",
            "version": "1.0.0",
            "x-fal-metadata": {"endpointId": endpoint, "category": CATEGORY.get(endpoint, "image-to-image")},
        },
        "servers": [{"url": "https://queue.fal.run"}],
        "components": {
            "securitySchemes": {"apiKeyAuth": {"type": "apiKey", "in": "header", "name": "Authorization"}},
            "schemas": {
                "SomeOtherInput": {"type": "object", "properties": {"wrong": {"type": "string"}}},
                **parts,
                name: served,
                "Output": output,
            },
        },
        "security": [{"apiKeyAuth": []}],
        "paths": {
            f"/{endpoint}/requests/{{request_id}}": {
                "get": {"responses": {"200": {"content": {"application/json": {"schema": back}}}}}
            },
            f"/{endpoint}": {
                "post": {"requestBody": {"required": True, "content": {"application/json": {"schema": ref}}}}
            },
        },
    }


class _Fal:
    def __init__(self, state: FalState) -> None:
        self.state = state
        self.spec = FalSpec("fal-platform.openapi.json", "fal.json", prefix="/api/v1")
        self.models = endpoints()
        self.standin: StandIn | None = None

    def routes(self) -> list[Route]:
        return [
            Route("/queue/{rest:path}", self.queue, methods=["POST", "GET", "PUT"]),
            Route("/api/v1/models", self.list_models),
            Route("/api/v1/models/pricing", self.pricing),
            Route("/api/v1/models/requests/by-endpoint", self.past),
            Route("/api/v1/account/billing", self.billing),
            Route("/site/api/openapi/queue/openapi.json", self.site),
            Route("/rest/storage/auth/token", self.token, methods=["POST"]),
            Route("/rest/storage/upload/initiate", self.initiate, methods=["POST"]),
            Route("/cdn/files/upload", self.upload, methods=["POST"]),
            Route("/gcs/{name}", self.put_file, methods=["PUT"]),
            Route("/cdn/files/b/{name}", self.file),
        ]

    # the queue

    async def queue(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        rest = request.path_params["rest"]
        found = _REQUEST.fullmatch(rest)
        if found is None:
            return await self.submit(request, rest)
        job = self.state.jobs.get(found["id"])
        if job is None or "/".join(job.endpoint.split("/")[:2]) != "/".join(found["app"].split("/")[:2]):
            return JSONResponse(
                {"status": "NOT_FOUND"} if found["what"] == "/cancel" else {"detail": "Request not found"},
                404,
            )
        if found["what"] == "/status":
            return self.status(request, job)
        return self.cancel(job) if found["what"] == "/cancel" else self.result(request, job)

    async def submit(self, request: Request, endpoint: str) -> Response:
        state = self.state
        if request.method != "POST":
            return JSONResponse({"detail": "Method Not Allowed"}, 405)
        if state.no_credit:
            reason = (
                "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
            )
            return JSONResponse({"detail": reason}, 403)
        if endpoint not in self.models:
            return JSONResponse({"detail": f"Application '{endpoint}' not found"}, 404)
        body = await request.json()
        job = FalJob(str(uuid.uuid4()), endpoint, body, len(state.jobs), datetime.now(UTC))
        job.failure = state.fail_next.pop(0) if state.fail_next else self._judged(job)
        job.early = state.early_results
        state.jobs[job.id] = job
        base = str(request.base_url) if state.urls != "foreign" else "http://localhost:1/"
        root = f"{base}queue/{'/'.join(endpoint.split('/')[:2])}/requests/{job.id}"
        answer: dict[str, Any] = {
            "status": "IN_QUEUE",
            "request_id": job.id,
            "response_url": root,
            "status_url": f"{root}/status",
            "cancel_url": f"{root}/cancel",
            "queue_position": state.queue_polls,
        }
        if state.urls == "none":
            answer = {name: value for name, value in answer.items() if not name.endswith("_url")}
        return JSONResponse(answer)

    def status(self, request: Request, job: FalJob) -> Response:
        state = self.state
        job.polls += 0 if state.held and job.polls > state.queue_polls else 1
        before = state.queue_polls - job.polls
        ended = job.polls > state.queue_polls + state.run_polls or job.cancelled
        shared = {"request_id": job.id, "response_url": str(request.url).partition("/status")[0]}
        if before >= 0 and not ended:
            answer = {"status": "IN_QUEUE", **({"queue_position": before} if state.logs else {})}
        else:
            done = job.polls - state.queue_polls
            answer = {"status": "COMPLETED" if ended else "IN_PROGRESS"}
            if state.logs:
                answer |= {
                    "logs": self._logs(min(done, state.run_polls)) if "logs" in request.query_params else None
                }
            if ended:
                job.ended_at = job.ended_at or datetime.now(UTC)
                answer["metrics"] = {"inference_time": 1.25}
                if (failure := self._failure(job)) and state.tells_error:
                    answer |= {"error": "The model failed.", "error_type": "internal_server_error"}
                    if isinstance(failure.body, dict) and "error_type" in failure.body:
                        answer["error_type"] = failure.body["error_type"]
        if state.words:
            answer["status"] = state.words.pop(0)
        return JSONResponse({**answer, **shared}, 200 if ended else 202)

    def _logs(self, done: int) -> list[dict[str, str]]:
        steps = self.state.run_polls
        lines = [
            "loading \x1b[31mweights",
            *(f"{100 * n // steps:3d}%|{'#' * n}| {n}/{steps} [00:01<00:00]" for n in range(1, done + 1)),
        ]
        return [
            {"message": line, "level": "INFO", "source": "USER", "timestamp": f"2026-11-22T10:00:{n:02d}Z"}
            for n, line in enumerate(lines)
        ]

    def _failure(self, job: FalJob) -> Failure | None:
        if job.cancelled:
            return Failure(499, {"detail": "Request was cancelled", "error_type": "client_cancelled"})
        return job.failure

    def result(self, request: Request, job: FalJob) -> Response:
        if job.ended_at is None or job.early > 0:
            job.early -= job.ended_at is not None
            return JSONResponse({"detail": "Request is still in progress"}, 400)
        if (failure := self._failure(job)) is not None:
            return Response(
                failure.body if isinstance(failure.body, str) else json.dumps(failure.body),
                failure.status,
                failure.headers,
                "text/html" if isinstance(failure.body, str) else "application/json",
            )
        width, height = _sides(job.body)
        count = job.body.get("num_images", 1)
        seed = job.body.get("seed")
        seed = seed if isinstance(seed, int) else int(hashlib.sha256(job.id.encode()).hexdigest()[:8], 16)
        root = f"{_elsewhere(str(request.base_url))}cdn/files/b"
        images = []
        for number in range(count):
            name = f"{job.id}-{number}.{'jpg' if self.state.black else 'png'}"
            self.state.files[name] = _picture(job.body, seed, number, black=self.state.black)
            images.append(
                {
                    "url": f"{root}/{name}",
                    "content_type": "image/jpeg" if self.state.black else "image/png",
                    "file_name": name,
                    "file_size": len(self.state.files[name]),
                    "width": width,
                    "height": height,
                }
            )
        body: dict[str, Any] = {
            "images": images,
            "timings": {"inference": 1.2},
            "prompt": job.body.get("prompt", ""),
        }
        if job.endpoint == "fal-ai/clarity-upscaler":
            body = {"image": images[0], "timings": {"inference": 1.2}}
        elif job.endpoint in NO_SEED_BACK:
            body["description"] = "Here is https://example.com/your.png"
        else:
            body["has_nsfw_concepts"] = self.state.flags or [False] * count
        if job.endpoint not in NO_SEED_BACK:
            body["seed"] = seed
        return JSONResponse(body, headers={"x-fal-billable-units": str(count), "x-fal-request-id": job.id})

    def cancel(self, job: FalJob) -> Response:
        if job.ended_at is not None or job.cancelled:
            return JSONResponse({"status": "ALREADY_COMPLETED"}, 400)
        job.cancelled = True
        return JSONResponse({"status": "CANCELLATION_REQUESTED"}, 202)

    def _judged(self, job: FalJob) -> Failure | None:
        """What a model finds wrong with its input, in the shape of pydantic."""
        problems = [
            {"loc": ["body", *error.absolute_path], "msg": error.message[:200], "type": f"{error.validator}"}
            for error in Draft202012Validator(self.models[job.endpoint]).iter_errors(job.body)
        ]
        for name, value in job.body.items():
            for link in value if isinstance(value, list) else [value]:
                if name.endswith(("_url", "_urls")) and not self._loads(link):
                    problems.append(
                        {
                            "loc": ["body", name],
                            "msg": "Failed to load the image.",
                            "type": "image_load_error",
                        }
                    )
        return Failure(422, {"detail": problems}) if problems else None

    def _loads(self, link: Any) -> bool:
        if not isinstance(link, str):
            return False
        if link.startswith("data:image/"):
            data = base64.b64decode(link.partition(",")[2])
        else:
            data = self.state.files.get(link.rpartition("/")[2], b"")
        try:
            Image.open(io.BytesIO(data)).load()
        except OSError:
            return False
        return True

    # the platform

    async def list_models(self, request: Request) -> Response:
        if (given := request.headers.get("authorization")) and given != f"Key {KEY}":
            return _platform_error(401, "authorization_error", "Invalid key")
        self._check_query(request)
        query = request.query_params
        wanted = query.getlist("endpoint_id")
        found = [name for name in self.models if not wanted or name in wanted]
        if words := query.get("q", "").lower():
            found = [
                name for name in found if words in f"{name} {TITLES.get(name, '')} {_about(name)}".lower()
            ]
        start = int(base64.b64decode(query["cursor"])) if "cursor" in query else 0
        page = min(int(query.get("limit", 50)), 2 if words else 50)
        entries = []
        for name in found[start : start + page]:
            entry: dict[str, Any] = {"endpoint_id": name, "metadata": self._metadata(name)}
            if "openapi-3.0" in query.getlist("expand"):
                broken = {"error": {"code": "expansion_failed", "message": "not now"}}
                entry["openapi"] = broken if name == "fal-ai/flux-lora" else openapi(name, self.models[name])
            entries.append(entry)
        if words and "flux" in words:
            film = {**self._metadata("fal-ai/flux/dev"), "category": "text-to-video", "display_name": "Film"}
            entries.append({"endpoint_id": f"nightjar/flux-film/{start}", "metadata": film})
        more = start + page < len(found)
        cursor = base64.b64encode(str(start + page).encode()).decode() if more else None
        return JSONResponse({"models": entries, "next_cursor": cursor, "has_more": more})

    def _metadata(self, name: str) -> dict[str, Any]:
        return {
            "display_name": TITLES.get(name, name.replace("/", " ")),
            "category": CATEGORY.get(name, "image-to-image"),
            "description": _about(name),
            "status": "active",
            "tags": [],
            "updated_at": "2026-10-01T00:00:00Z",
            "is_favorited": None,
            "thumbnail_url": "https://fal.media/files/example.jpg",
            "model_url": f"https://fal.run/{name}",
            "date": "2026-01-01T00:00:00Z",
            "highlighted": False,
            "pinned": False,
            "license_type": "commercial",
            "kind": "inference",
        }

    async def pricing(self, request: Request) -> Response:
        if refused := self._refused(request, platform=True):
            return refused
        self._check_query(request)
        wanted = ",".join(request.query_params.getlist("endpoint_id")).split(",")
        prices = [
            {"endpoint_id": name, "unit_price": usd, "unit": unit, "currency": "USD"}
            for name, (usd, unit) in self.state.prices.items()
            if name in wanted
        ]
        return JSONResponse({"prices": prices, "next_cursor": None, "has_more": False})

    async def past(self, request: Request) -> Response:
        if refused := self._refused(request, platform=True):
            return refused
        self._check_query(request)
        query = request.query_params
        start = (
            datetime.fromisoformat(query["start"]) if "start" in query else datetime.min.replace(tzinfo=UTC)
        )
        items = []
        for job in self.state.jobs.values():
            if job.endpoint not in query.getlist("endpoint_id") or job.sent_at < start:
                continue
            item: dict[str, Any] = {
                "request_id": job.id,
                "endpoint_id": job.endpoint,
                "started_at": job.sent_at.isoformat(),
                "sent_at": job.sent_at.isoformat(),
                "ended_at": job.ended_at.isoformat() if job.ended_at else None,
                "status_code": 200 if job.ended_at else None,
                "duration": None,
            }
            if "payloads" in query.getlist("expand") and self.state.payloads_kept:
                # What the model filled in stands beside what was sent, and inputs have other links by now.
                item["json_input"] = {
                    "acceleration": "none",
                    **{
                        n: "https://v3.fal.media/kept" if n.endswith("_url") else v
                        for n, v in job.body.items()
                    },
                }
            items.append(item)
        begin = int(base64.b64decode(query["cursor"])) if "cursor" in query else 0
        more = begin + 2 < len(items)
        cursor = base64.b64encode(str(begin + 2).encode()).decode() if more else None
        return JSONResponse({"items": items[begin : begin + 2], "next_cursor": cursor, "has_more": more})

    async def billing(self, request: Request) -> Response:
        if refused := self._refused(request, platform=True):
            return refused
        self._check_query(request)
        if not self.state.admin:
            return _platform_error(403, "authorization_error", "This endpoint requires an admin API key")
        return JSONResponse({"username": "ada", "credits": {"current_balance": 24.5, "currency": "USD"}})

    async def site(self, request: Request) -> Response:
        self._no_key(request)
        endpoint = request.query_params.get("endpoint_id", "")
        if endpoint not in self.models:
            return JSONResponse({"detail": "Not found"}, 404)
        return JSONResponse(openapi(endpoint, self.models[endpoint]))

    # storage and the CDN

    async def token(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        token = f"cdn-{uuid.uuid4().hex}"
        self.state.tokens.add(token)
        return JSONResponse(
            {
                "token": token,
                "token_type": "Bearer",
                "base_url": f"{_elsewhere(str(request.base_url))}cdn",
                "expires_at": "2099-01-01T00:00:00+00:00",
            }
        )

    async def upload(self, request: Request) -> Response:
        self._no_key(request)
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or token not in self.state.tokens:
            return JSONResponse({"detail": "Unauthorized"}, 401)
        if self.state.cdn_down:
            return JSONResponse({"detail": "Internal Server Error"}, 500)
        return JSONResponse(
            {"access_url": self._keep(request, await request.body(), request.headers["x-fal-file-name"])}
        )

    async def initiate(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        name = f"{uuid.uuid4().hex}-{(await request.json())['file_name']}"
        elsewhere = _elsewhere(str(request.base_url))
        return JSONResponse(
            {
                "upload_url": f"{elsewhere}gcs/{name}?signature=abc",
                "file_url": f"{elsewhere}cdn/files/b/{name}",
            }
        )

    async def put_file(self, request: Request) -> Response:
        self._no_key(request)
        self.state.files[request.path_params["name"]] = await request.body()
        return Response(status_code=200)

    async def file(self, request: Request) -> Response:
        self._no_key(request)
        data = self.state.files.get(request.path_params["name"])
        if data is None or self.state.expired:
            return Response("expired", 404)
        return Response(data, media_type="image/jpeg" if data.startswith(b"\xff\xd8") else "image/png")

    def _keep(self, request: Request, data: bytes, file_name: str) -> str:
        name = f"{uuid.uuid4().hex}-{file_name}"
        self.state.files[name] = data
        return f"{_elsewhere(str(request.base_url))}cdn/files/b/{name}"

    # keys and queries

    def _refused(self, request: Request, *, platform: bool = False) -> Response | None:
        given = request.headers.get("authorization")
        if given == f"Key {KEY}":
            return None
        words = (
            "No user found for Key ID and Secret" if given else "Authentication is required to access this"
        )
        return (
            _platform_error(401, "authorization_error", words)
            if platform
            else JSONResponse({"detail": words}, 401)
        )

    def _no_key(self, request: Request) -> None:
        sent = " ".join(request.headers.values())
        if KEY in sent or any(part in sent for part in KEY.split(":")):
            self.state.tasted.append(request.url.path)

    def _check_query(self, request: Request) -> None:
        assert self.standin is not None
        path = request.url.path
        found = self.spec.query_problems(path, request.url.query)
        self.standin.problems += [f"GET {path}: {problem}" for problem in found]


def _elsewhere(url: str) -> str:
    """The same server under its other name, so that it counts as another host."""
    return url.replace("127.0.0.1", "localhost")


def _about(name: str) -> str:
    return "Draws with a pen." if name.startswith("nightjar") else "Makes pictures."


def _platform_error(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"error": {"type": kind, "message": message, "request_id": "r-1"}}, status)


def _sides(body: Mapping[str, Any]) -> tuple[int, int]:
    size = body.get("image_size", "landscape_4_3")
    return SIZES[size] if isinstance(size, str) else (size["width"], size["height"])


def _picture(body: Mapping[str, Any], seed: int, number: int, *, black: bool) -> bytes:
    """A grain of its own for each prompt, seed and number; or black at full size, as the safety checker sends."""
    out = io.BytesIO()
    width, height = _sides(body)
    if black:
        Image.new("RGB", (width, height)).save(out, "JPEG")
        return out.getvalue()
    small = (max(width // 8, 1), max(height // 8, 1))
    grain = Random(f"{body.get('prompt')} {seed} {number}")
    Image.frombytes("RGB", small, grain.randbytes(small[0] * small[1] * 3)).save(out, "PNG")
    return out.getvalue()


__all__ = ["KEY", "Failure", "FalJob", "FalState", "Seen", "build", "endpoints", "openapi"]
