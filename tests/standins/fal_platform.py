"""fal's stand-in, the platform: models, prices, past requests, billing, the open documents; storage and the CDN."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.standins.fal_state import (
    CATEGORY,
    KEY,
    TITLES,
    FalState,
    about,
    elsewhere,
    endpoints,
    must_have_no_key,
    openapi,
    platform_error,
    refused,
)
from tests.standins.spec import Spec


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


class Platform:
    """All but the queue. ``problems`` is where a query against the document is noted."""

    def __init__(self, state: FalState, spec: FalSpec) -> None:
        self.state = state
        self.spec = spec
        self.models = endpoints()
        self.problems: list[str] = []

    def routes(self) -> list[Route]:
        """Where it answers."""
        return [
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

    async def list_models(self, request: Request) -> Response:
        if (given := request.headers.get("authorization")) and given != f"Key {KEY}":
            return platform_error(401, "authorization_error", "Invalid key")
        self._check_query(request)
        query = request.query_params
        wanted = query.getlist("endpoint_id")
        found = [name for name in self.models if not wanted or name in wanted]
        if words := query.get("q", "").lower().split():
            texts = {name: f"{name} {TITLES.get(name, '')} {about(name)}".lower() for name in found}
            found = [name for name in found if all(word in texts[name] for word in words)]
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
            "description": about(name),
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
        if answer := refused(request, platform=True):
            return answer
        self._check_query(request)
        wanted = ",".join(request.query_params.getlist("endpoint_id")).split(",")
        prices = [
            {"endpoint_id": name, "unit_price": usd, "unit": unit, "currency": self.state.currency}
            for name, (usd, unit) in self.state.prices.items()
            if name in wanted
        ]
        return JSONResponse({"prices": prices, "next_cursor": None, "has_more": False})

    async def past(self, request: Request) -> Response:
        if answer := refused(request, platform=True):
            return answer
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
        end = begin + self.state.page
        more = end < len(items)
        cursor = base64.b64encode(str(end).encode()).decode() if more else None
        return JSONResponse({"items": items[begin:end], "next_cursor": cursor, "has_more": more})

    async def billing(self, request: Request) -> Response:
        if answer := refused(request, platform=True):
            return answer
        self._check_query(request)
        if not self.state.admin:
            return platform_error(403, "authorization_error", "This endpoint requires an admin API key")
        return JSONResponse({"username": "ada", "credits": {"current_balance": 24.5, "currency": "USD"}})

    async def site(self, request: Request) -> Response:
        must_have_no_key(request, self.state)
        endpoint = request.query_params.get("endpoint_id", "")
        if endpoint not in self.models:
            return JSONResponse({"detail": "Not found"}, 404)
        return JSONResponse(openapi(endpoint, self.models[endpoint]))

    # storage and the CDN

    async def token(self, request: Request) -> Response:
        if answer := refused(request):
            return answer
        token = f"cdn-{uuid.uuid4().hex}"
        self.state.tokens.add(token)
        return JSONResponse(
            {
                "token": token,
                "token_type": "Bearer",
                "base_url": self.state.cdn_base or f"{elsewhere(str(request.base_url))}cdn",
                "expires_at": "2099-01-01T00:00:00+00:00",
            }
        )

    async def upload(self, request: Request) -> Response:
        must_have_no_key(request, self.state)
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or token not in self.state.tokens:
            return JSONResponse({"detail": "Unauthorized"}, 401)
        if self.state.cdn_down:
            return JSONResponse({"detail": "Internal Server Error"}, 500)
        return JSONResponse(
            {"access_url": self._keep(request, await request.body(), request.headers["x-fal-file-name"])}
        )

    async def initiate(self, request: Request) -> Response:
        if answer := refused(request):
            return answer
        name = f"{uuid.uuid4().hex}-{(await request.json())['file_name']}"
        host = elsewhere(str(request.base_url))
        return JSONResponse(
            {
                "upload_url": self.state.upload_to or f"{host}gcs/{name}?signature=abc",
                "file_url": f"{elsewhere}cdn/files/b/{name}",
            }
        )

    async def put_file(self, request: Request) -> Response:
        must_have_no_key(request, self.state)
        self.state.files[request.path_params["name"]] = await request.body()
        return Response(status_code=200)

    async def file(self, request: Request) -> Response:
        must_have_no_key(request, self.state)
        data = self.state.files.get(request.path_params["name"])
        if data is None or self.state.expired:
            return Response("expired", 404)
        return Response(data, media_type="image/jpeg" if data.startswith(b"\xff\xd8") else "image/png")

    def _keep(self, request: Request, data: bytes, file_name: str) -> str:
        name = f"{uuid.uuid4().hex}-{file_name}"
        self.state.files[name] = data
        return f"{elsewhere(str(request.base_url))}cdn/files/b/{name}"

    def _check_query(self, request: Request) -> None:
        path = request.url.path
        found = self.spec.query_problems(path, request.url.query)
        self.problems += [f"GET {path}: {problem}" for problem in found]
