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
from datetime import UTC, datetime
from typing import Any

from jsonschema import Draft202012Validator
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.standins.fal_platform import FalSpec, Platform
from tests.standins.fal_state import (
    KEY,
    NO_SEED_BACK,
    Failure,
    FalJob,
    FalState,
    elsewhere,
    endpoints,
    picture,
    refused,
    sides,
)
from tests.standins.server import StandIn

__all__ = ["Failure", "FalState", "build"]

_REQUEST = re.compile(r"(?P<app>.+)/requests/(?P<id>[\w-]+)(?P<what>/status|/cancel|)")


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
    spec = FalSpec("fal-platform.openapi.json", "fal.json", prefix="/api/v1")
    platform = Platform(state, spec)
    standin = StandIn(
        name="fal",
        app=Starlette(routes=[*_Queue(state).routes(), *platform.routes()]),
        key=KEY,
        settings=lambda url: {
            "queue_url": f"{url}/queue",
            "api_url": f"{url}/api",
            "rest_url": f"{url}/rest",
            "cdn_url": f"{elsewhere(url)}/cdn",
            "schema_url": f"{url}/site",
        },
        is_submit=lambda seen: seen.method == "POST" and seen.path.startswith("/queue/"),
        spec=spec,
        state=state,
    )
    platform.problems = standin.problems
    return standin


class _Queue:
    def __init__(self, state: FalState) -> None:
        self.state = state
        self.models = endpoints()

    def routes(self) -> list[Route]:
        return [Route("/queue/{rest:path}", self.queue, methods=["POST", "GET", "PUT"])]

    async def queue(self, request: Request) -> Response:
        if answer := refused(request):
            return answer
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
        if state.status_next:
            spoilt = state.status_next.pop(0)
            return JSONResponse(spoilt.body, spoilt.status, spoilt.headers)
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
        width, height = sides(job.body)
        count = job.body.get("num_images", 1)
        seed = job.body.get("seed")
        seed = seed if isinstance(seed, int) else int(hashlib.sha256(job.id.encode()).hexdigest()[:8], 16)
        root = f"{elsewhere(str(request.base_url))}cdn/files/b"
        images = []
        for number in range(count):
            name = f"{job.id}-{number}.{'jpg' if self.state.black else 'png'}"
            self.state.files[name] = picture(job.body, seed, number, black=self.state.black)
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
