"""fal's stand-in, what it knows: its jobs and files, the endpoints with what they take, and the pictures it makes."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.standins.spec import OWN

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
    status_next: list[Failure] = field(default_factory=list)  # answers to the next questions for a status
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
    page: int = 2  # requests on a page of the list of past ones
    currency: str = "USD"
    upload_to: str = ""  # where the storage wants uploads, in place of its own address
    cdn_base: str = ""  # the CDN that a token names, in place of its own
    expired: bool = False
    prices: dict[str, tuple[float, str]] = field(default_factory=dict)
    jobs: dict[str, FalJob] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    tasted: list[str] = field(default_factory=list)  # where a key was sent that must not have it


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


def elsewhere(url: str) -> str:
    """The same server under its other name, so that it counts as another host."""
    return url.replace("127.0.0.1", "localhost")


def about(name: str) -> str:
    return "Draws with a pen." if name.startswith("nightjar") else "Makes pictures."


def platform_error(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"error": {"type": kind, "message": message, "request_id": "r-1"}}, status)


def sides(body: Mapping[str, Any]) -> tuple[int, int]:
    size = body.get("image_size", "landscape_4_3")
    return SIZES[size] if isinstance(size, str) else (size["width"], size["height"])


def picture(body: Mapping[str, Any], seed: int, number: int, *, black: bool) -> bytes:
    """A grain of its own for each prompt, seed and number; or black at full size, as the safety checker sends."""
    out = io.BytesIO()
    width, height = sides(body)
    if black:
        Image.new("RGB", (width, height)).save(out, "JPEG")
        return out.getvalue()
    small = (max(width // 8, 1), max(height // 8, 1))
    grain = Random(f"{body.get('prompt')} {seed} {number}")
    Image.frombytes("RGB", small, grain.randbytes(small[0] * small[1] * 3)).save(out, "PNG")
    return out.getvalue()


def refused(request: Request, *, platform: bool = False) -> Response | None:
    """The answer to a request without the right key, if that is what it is."""
    given = request.headers.get("authorization")
    if given == f"Key {KEY}":
        return None
    words = "No user found for Key ID and Secret" if given else "Authentication is required to access this"
    return (
        platform_error(401, "authorization_error", words)
        if platform
        else JSONResponse({"detail": words}, 401)
    )


def must_have_no_key(request: Request, state: FalState) -> None:
    """Note where the key came although it has no business there."""
    sent = " ".join(request.headers.values())
    if KEY in sent or any(part in sent for part in KEY.split(":")):
        state.tasted.append(request.url.path)
