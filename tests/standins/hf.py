"""Hugging Face, standing in: the hub, the router to other providers, and a Gradio Space with a real queue.

The shapes are those that ``huggingface_hub`` and ``gradio_client`` send and read. A Space's job goes on by one step for
each event that is sent, so nothing here waits for time.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.standins.server import Seen, StandIn

KEY = "hf_StandInToken0123456789"
SPACE = "multimodalart/flux-lora-lab"
_TAKES = {
    "prompt",
    "negative_prompt",
    "width",
    "height",
    "num_inference_steps",
    "guidance_scale",
    "scheduler",
    "seed",
}
_CHANGES = {"prompt", "negative_prompt", "num_inference_steps", "guidance_scale", "target_size"}


def _served(provider: str, model: str, task: str = "text-to-image", **more: str) -> dict[str, dict[str, str]]:
    return {provider: {"providerId": model, "status": "live", "task": task, **more}}


MODELS: dict[str, dict[str, Any]] = {
    "black-forest-labs/FLUX.1-dev": {
        **_served("hf-inference", "black-forest-labs/FLUX.1-dev"),
        **_served("fal-ai", "fal-ai/flux/dev"),
        **_served("replicate", "black-forest-labs/flux-dev"),
        **_served("together", "black-forest-labs/FLUX.1-dev"),
        **_served("nscale", "black-forest-labs/FLUX.1-dev"),
        **_served("wavespeed", "wavespeed-ai/flux-dev"),
        **_served("zai-org", "flux-dev"),
    },
    "black-forest-labs/FLUX.2-klein-4B": _served("fal-ai", "fal-ai/flux-2/klein/4b"),
    "black-forest-labs/FLUX.1-Kontext-dev": {
        **_served("fal-ai", "fal-ai/flux-kontext/dev", "image-to-image"),
        **_served("hf-inference", "black-forest-labs/FLUX.1-Kontext-dev", "image-to-image"),
        **_served("replicate", "black-forest-labs/flux-kontext-dev", "image-to-image"),
        **_served("together", "black-forest-labs/FLUX.1-kontext-dev", "image-to-image"),
        **_served("wavespeed", "wavespeed-ai/flux-kontext-dev", "image-to-image"),
    },
    "someone/pixel-lora": {
        **_served("fal-ai", "fal-ai/flux-lora", adapter="lora", adapterWeightsPath="pixel.safetensors"),
        **_served(
            "replicate",
            "lucataco/flux-dev-lora:abc123",
            adapter="lora",
            adapterWeightsPath="pixel.safetensors",
        ),
        **_served("together", "flux-lora", adapter="lora", adapterWeightsPath="pixel.safetensors"),
    },
    "someone/odd-provider": _served("novel-cloud", "x/y"),
    "someone/words-only": {"novita": {"providerId": "w", "status": "live", "task": "conversational"}},
    "someone/nobody-serves": {},
}


@dataclass(slots=True, kw_only=True)
class Job:
    """A job of the Space, or of a provider that is asked again."""

    id: str
    body: Any
    polls: int = 0
    session: str = ""
    cancelled: bool = False


@dataclass(slots=True, kw_only=True)
class State:
    """The service's life, and the test's hands on it.

    ``refuse``: (status, body, headers) for the next paid requests. ``refuse_questions``: the status of later questions of a queued job. ``polls``: how often a queued job says that it goes
    on. ``error``: the message with which the Space's jobs end; ``queue_full`` has it refuse them. ``stage`` is the
    Space's. While ``line`` is set a Space's job waits for its
    turn, while ``hold`` is set for its end. ``cut``: the Space's stream ends in
    mid-job. ``prefix`` is what its app says is before all addresses. ``leaks`` are tokens seen where none may be.
    """

    key_needed: bool = True
    polls: int = 2
    refuse: tuple[int, Any, dict[str, str]] | None = None
    refuse_questions: int = 0
    finishes: bool = True
    error: str | None = None
    queue_full: bool = False
    stage: str = "RUNNING"
    line: bool = False
    hold: bool = False
    cut: bool = False
    host: str | None = None
    prefix: Any = "/gradio_api"
    output: Any = None
    jobs: dict[str, Job] = field(default_factory=dict)
    sessions: dict[str, asyncio.Queue[Job]] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)


def picture_of(body: Any) -> bytes:
    """A small PNG whose colours come from the request."""
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).digest()
    image = Image.new("RGB", (48, 32), (digest[0], digest[1], digest[2]))
    image.putpixel((0, 0), (digest[3], digest[4], digest[5]))
    kept = io.BytesIO()
    image.save(kept, "PNG")
    return kept.getvalue()


COMPONENTS: list[dict[str, Any]] = [
    {"id": 1, "type": "textbox", "props": {"label": "Prompt"}, "api_info": {"type": "string"}, "skip_api": False},
    {"id": 2, "type": "image", "props": {"label": "Input"}, "api_info": {"title": "ImageData", "type": "object", "properties": {"path": {"type": "string"}, "meta": {"type": "object"}}}, "skip_api": False},
    {"id": 3, "type": "slider", "props": {"label": "Steps"}, "api_info": {"type": "number"}, "skip_api": False},
    {"id": 4, "type": "slider", "props": {"label": "Seed"}, "api_info": {"type": "number"}, "skip_api": False},
    {"id": 5, "type": "checkbox", "props": {"label": "Randomize seed"}, "api_info": {"type": "boolean"}, "skip_api": False},
    {"id": 6, "type": "dropdown", "props": {"label": "Style"}, "api_info": {"type": "string", "enum": ["none", "film"]}, "skip_api": False},
    {"id": 7, "type": "state", "props": {}, "api_info": {}, "skip_api": True},
    {"id": 10, "type": "image", "props": {"label": "Result"}, "api_info": {"title": "ImageData", "type": "object", "properties": {"path": {"type": "string"}, "meta": {"type": "object"}}}, "skip_api": False},
    {"id": 11, "type": "slider", "props": {"label": "Seed"}, "api_info": {"type": "number"}, "skip_api": False},
    {"id": 12, "type": "gallery", "props": {"label": "Pictures"}, "api_info": {"type": "array"}, "skip_api": False},
    {"id": 13, "type": "textbox", "props": {"label": "Words"}, "api_info": {"type": "string"}, "skip_api": False},
]  # fmt: skip


def _dependency(number: int, name: str, inputs: list[int], outputs: list[int]) -> dict[str, Any]:
    return {
        "id": number, "api_name": name, "inputs": inputs, "outputs": outputs, "backend_fn": True, "queue": True,
        "cancels": [], "show_api": True, "types": {"generator": False},
    }  # fmt: skip


CONFIG: dict[str, Any] = {
    "version": "5.49.1",
    "api_prefix": "/gradio_api",
    "protocol": "sse_v3",
    "connect_heartbeat": False,
    "components": COMPONENTS,
    "dependencies": [
        _dependency(0, "describe", [2], [13]),
        _dependency(1, "run_lora", [1, 2, 3, 4, 5, 6, 7], [10, 11]),
        _dependency(2, "grid", [1], [12]),
    ],
}


def _parameter(name: str, component: str, type_: dict[str, Any], **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "parameter_name": name,
        "label": name.replace("_", " ").title(),
        "component": component,
        "type": type_,
    }
    found["python_type"] = {"type": "Any", "description": ""}
    found["parameter_has_default"] = "default" in more
    found["parameter_default"] = more.get("default")
    return found


def _return(label: str, component: str, type_: dict[str, Any]) -> dict[str, Any]:
    python_type = {"type": "Any", "description": ""}
    return {"label": label, "component": component, "type": type_, "python_type": python_type}


_FILE = {"title": "ImageData", "type": "object", "properties": {"path": {"type": "string"}}}
INFO: dict[str, Any] = {
    "named_endpoints": {
        "/describe": {
            "parameters": [_parameter("picture", "Image", _FILE)],
            "returns": [_return("Words", "Textbox", {"type": "string"})],
        },
        "/run_lora": {
            "parameters": [
                _parameter("prompt", "Textbox", {"type": "string"}),
                _parameter("input_img", "Image", _FILE, default=None),
                _parameter("num_steps", "Slider", {"type": "number", "description": "numeric value between 1 and 50"}, default=28),
                _parameter("seed", "Slider", {"type": "number", "description": "numeric value between 0 and 2147483647"}, default=0),
                _parameter("randomize_seed", "Checkbox", {"type": "boolean"}, default=True),
                _parameter("style", "Dropdown", {"type": "string", "enum": ["none", "film"]}, default="none"),
            ],
            "returns": [
                _return("Result", "Image", _FILE),
                _return("Seed", "Slider", {"type": "number"}),
            ],
        },
        "/grid": {
            "parameters": [_parameter("text", "Textbox", {"type": "string"})],
            "returns": [_return("Pictures", "Gallery", {"type": "array"})],
        },
    },
    "unnamed_endpoints": {},
}  # fmt: skip


class Hub:
    """The hub's own API."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        return [
            Route("/api/whoami-v2", self.who),
            Route("/api/models", self.search),
            Route("/api/spaces", self.search_spaces),
            Route("/api/models/{owner}/{name}", self.model),
            Route("/api/spaces/{owner}/{name}", self.space),
        ]

    async def who(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return JSONResponse({"error": "Invalid credentials in Authorization header"}, status_code=401)
        return JSONResponse({"type": "user", "name": "ansel", "fullname": "A. Adams", "isPro": False})

    async def search(self, request: Request) -> Response:
        words = request.query_params.get("search", "").lower()
        task = request.query_params.get("pipeline_tag", "")
        found = [
            {"id": name, "downloads": 1000, "likes": 5, "pipeline_tag": task, "gated": False}
            for name, served in MODELS.items()
            if words in name.lower() and any(one["task"] == task for one in served.values())
        ]
        return JSONResponse(found)

    async def search_spaces(self, request: Request) -> Response:
        words = request.query_params.get("search", "").lower()
        both: list[dict[str, Any]] = [
            {"id": SPACE, "sdk": "gradio", "likes": 7},
            {"id": "someone/static-page", "sdk": "static"},
        ]
        return JSONResponse([one for one in both if words in str(one["id"])])

    async def model(self, request: Request) -> Response:
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        if name not in MODELS:
            return JSONResponse({"error": "Repository not found"}, status_code=404)
        return JSONResponse({"id": name, "inferenceProviderMapping": MODELS[name]})

    async def space(self, request: Request) -> Response:
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        if name != SPACE:
            return JSONResponse({"error": "Repository not found"}, status_code=404)
        host = self.state.host or "https://multimodalart-flux-lora-lab.hf.space"
        return JSONResponse(
            {"id": name, "host": host, "runtime": {"stage": self.state.stage}, "sdk": "gradio"}
        )


class Router:
    """The router, behind which the other providers are."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.problems: list[str] = []

    def routes(self) -> list[Route]:
        post = ["POST"]
        return [
            Route("/hf-inference/models/{model:path}", self.own, methods=post),
            Route("/fal-ai/{path:path}", self.fal, methods=["GET", "POST"]),
            Route("/replicate/v1/{path:path}", self.replicate, methods=post),
            Route("/together/v1/images/generations", self.encoded, methods=post),
            Route("/nscale/v1/images/generations", self.encoded, methods=post),
            Route("/wavespeed/api/v3/predictions/{job}/result", self.wave_result),
            Route("/wavespeed/api/v3/{model:path}", self.wave, methods=post),
            Route("/zai-org/api/paas/v4/async/images/generations", self.zai, methods=post),
            Route("/zai-org/api/paas/v4/async-result/{job}", self.zai_result),
            Route("/delivery/{name}", self.deliver),
        ]

    def refusal(self, request: Request) -> Response | None:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return JSONResponse({"error": "Invalid username or password."}, status_code=401)
        if self.state.refuse is not None and request.method == "POST":
            status, body, headers = self.state.refuse
            return JSONResponse(body, status_code=status, headers=headers)
        return None

    def begin(self, body: Any) -> Job:
        job = Job(id=f"job-{len(self.state.jobs) + 1}", body=body)
        self.state.jobs[job.id] = job
        return job

    def link(self, request: Request, body: Any) -> str:
        data = picture_of(body)
        name = hashlib.sha256(data).hexdigest()[:16] + ".png"
        self.state.pictures[name] = data
        return f"http://localhost:{request.url.port}/delivery/{name}"

    def check(self, body: dict[str, Any], known: set[str]) -> None:
        if odd := set(body) - known:
            self.problems.append(f"unknown fields: {', '.join(sorted(odd))}")

    async def own(self, request: Request) -> Response:
        if (refused := self.refusal(request)) is not None:
            return refused
        body = await request.json()
        self.check(body, {"inputs", "parameters"})
        if "Kontext" in request.path_params["model"]:
            Image.open(io.BytesIO(base64.b64decode(body["inputs"], validate=True))).verify()
            self.check(body.get("parameters", {}), _CHANGES)
        else:
            self.check(body.get("parameters", {}), _TAKES - {"prompt"})
        return Response(picture_of(body), media_type="image/png")

    async def fal(self, request: Request) -> Response:
        if (refused := self.refusal(request)) is not None:
            return refused
        path, state = request.path_params["path"], self.state
        if request.method == "POST":
            body = await request.json()
            more = {"image_size", "loras", "model_name", "image_url", "image_urls"}
            self.check(body, (_TAKES - {"width", "height"}) | more)
            if request.query_params.get("_subdomain") == "queue":
                job = self.begin(body)
                response_url = f"https://queue.fal.run/{path}/requests/{job.id}"
                return JSONResponse(
                    {"request_id": job.id, "status": "IN_QUEUE", "response_url": response_url}
                )
            return JSONResponse({"images": [{"url": self.link(request, body)}], "seed": body.get("seed", 77)})
        wanted = path.removesuffix("/status").rpartition("/")[2]
        job = state.jobs[wanted]
        if path.endswith("/status"):
            job.polls += 1
            status = (
                "COMPLETED" if job.polls > state.polls else "IN_PROGRESS" if job.polls > 1 else "IN_QUEUE"
            )
            return JSONResponse({"status": status, "queue_position": 3})
        return JSONResponse({"images": [{"url": self.link(request, job.body)}]})

    async def replicate(self, request: Request) -> Response:
        if (refused := self.refusal(request)) is not None:
            return refused
        if request.headers.get("prefer") != "wait":
            self.problems.append("replicate: no Prefer: wait")
        body = await request.json()
        self.check(body, {"input", "version"})
        more = {"lora_weights", "image", "images", "input_image", "input_images"}
        self.check(body["input"], _TAKES | _CHANGES | more)
        output = [self.link(request, body)] if self.state.finishes else None
        status = "succeeded" if output else "processing"
        return JSONResponse({"id": "p1", "status": status, "output": output, "model": "m"}, status_code=201)

    async def encoded(self, request: Request) -> Response:
        if (refused := self.refusal(request)) is not None:
            return refused
        body = await request.json()
        self.check(
            body,
            {"prompt", "model", "response_format", "seed", "steps", "size", "width", "height", "guidance_scale",
             "negative_prompt", "image_url", "reference_images", "target_size"},
        )  # fmt: skip
        return JSONResponse({"data": [{"b64_json": base64.b64encode(picture_of(body)).decode()}]})

    async def wave(self, request: Request) -> Response:
        if (refused := self.refusal(request)) is not None:
            return refused
        job = self.begin(await request.json())
        get = f"https://api.wavespeed.ai/api/v3/predictions/{job.id}/result"
        return JSONResponse({"code": 200, "data": {"id": job.id, "urls": {"get": get}, "status": "created"}})

    async def wave_result(self, request: Request) -> Response:
        job = self.state.jobs[request.path_params["job"]]
        job.polls += 1
        if self.state.refuse_questions:
            return JSONResponse({"error": "no"}, status_code=self.state.refuse_questions)
        if self.state.error:
            return JSONResponse({"data": {"status": "failed", "error": self.state.error}})
        if job.polls <= self.state.polls:
            return JSONResponse({"data": {"status": "processing"}})
        return JSONResponse({"data": {"status": "completed", "outputs": [self.link(request, job.body)]}})

    async def zai(self, request: Request) -> Response:
        if (refused := self.refusal(request)) is not None:
            return refused
        job = self.begin(await request.json())
        return JSONResponse({"id": job.id, "task_status": "PROCESSING"})

    async def zai_result(self, request: Request) -> Response:
        job = self.state.jobs[request.path_params["job"]]
        job.polls += 1
        if job.polls <= self.state.polls:
            return JSONResponse({"id": job.id, "task_status": "PROCESSING"})
        if self.state.error:
            return JSONResponse({"id": job.id, "task_status": "FAIL"})
        result = [{"url": self.link(request, job.body)}]
        return JSONResponse({"id": job.id, "task_status": "SUCCESS", "image_result": result})

    async def deliver(self, request: Request) -> Response:
        if "authorization" in request.headers:
            self.state.leaks.append(f"{request.url.path} was asked with a token")
        data = self.state.pictures.get(request.path_params["name"])
        return Response(data, media_type="image/png") if data else Response("gone", status_code=404)


class Space:
    """A Gradio app below /space, or below / for one that stands alone."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        post, base = ["POST"], "/space"
        return [
            Route(f"{base}/config", self.config),
            Route(f"{base}/gradio_api/info", self.info),
            Route(f"{base}/gradio_api/upload", self.upload, methods=post),
            Route(f"{base}/gradio_api/queue/join", self.join, methods=post),
            Route(f"{base}/gradio_api/queue/data", self.data),
            Route(f"{base}/gradio_api/cancel", self.cancel, methods=post),
            Route(f"{base}/gradio_api/reset", self.cancel, methods=post),
            Route(f"{base}/gradio_api/file={{path:path}}", self.file),
        ]

    async def config(self, request: Request) -> Response:
        told = {"root": str(request.url).removesuffix("/config"), "api_prefix": self.state.prefix}
        return JSONResponse({**CONFIG, **told})

    async def info(self, _request: Request) -> Response:
        return JSONResponse(INFO)

    async def upload(self, request: Request) -> Response:
        paths = []
        async with request.form() as form:
            for item in form.getlist("files"):
                assert not isinstance(item, str)
                data = await item.read()
                path = f"/tmp/gradio/{hashlib.sha256(data).hexdigest()}/{item.filename}"
                self.state.uploads[path] = data
                paths.append(path)
        return JSONResponse(paths)

    async def join(self, request: Request) -> Response:
        if self.state.queue_full:
            return JSONResponse({"detail": "Queue is full."}, status_code=503)
        if self.state.refuse is not None:
            status, said, headers = self.state.refuse
            return JSONResponse(said, status_code=status, headers=headers)
        body = await request.json()
        job = Job(id=f"event-{len(self.state.jobs) + 1}", body=body, session=body["session_hash"])
        self.state.jobs[job.id] = job
        self.state.sessions.setdefault(job.session, asyncio.Queue()).put_nowait(job)
        return JSONResponse({"event_id": job.id})

    async def data(self, request: Request) -> Response:
        waiting = self.state.sessions.setdefault(request.query_params["session_hash"], asyncio.Queue())
        return StreamingResponse(self._events(waiting), media_type="text/event-stream")

    async def _events(self, waiting: asyncio.Queue[Job]) -> AsyncIterator[str]:
        while not waiting.empty():
            job = waiting.get_nowait()
            async for message in self._life(job):
                if message is None:
                    return
                yield f"data: {json.dumps({**message, 'event_id': job.id})}\n\n"
        yield f"data: {json.dumps({'msg': 'close_stream', 'event_id': None})}\n\n"

    async def _life(self, job: Job) -> AsyncIterator[dict[str, Any] | None]:
        yield {"msg": "estimation", "rank": 2, "queue_size": 3, "rank_eta": 12.0}
        while self.state.line and not job.cancelled:
            yield {"msg": "heartbeat"}
            await asyncio.sleep(0.02)
        yield {"msg": "process_starts", "eta": 3.0}
        progress = {"index": 7, "length": 28, "unit": "steps", "progress": None, "desc": "Denoising"}
        yield {"msg": "progress", "progress_data": [progress]}
        if self.state.cut:
            yield None
            return
        while self.state.hold and not job.cancelled:
            yield {"msg": "heartbeat"}
            await asyncio.sleep(0.02)
        if job.cancelled:
            yield None
            return
        if self.state.error is not None:
            yield {"msg": "process_completed", "success": False, "output": {"error": self.state.error}}
            return
        yield {"msg": "process_completed", "success": True, "output": {"data": self._output(job)}}

    def _output(self, job: Job) -> list[Any]:
        if self.state.output is not None:
            return list(self.state.output)
        data = job.body["data"]
        match job.body["fn_index"]:
            case 0:
                return ["words"]
            case 1:
                return [self._file(data), data[3] if not data[4] else 4242]
            case _:
                return [[{"image": self._file([*data, n]), "caption": None} for n in range(3)]]

    def _file(self, key: Any) -> dict[str, Any]:
        data = picture_of(key)
        path = f"/tmp/gradio/{hashlib.sha256(data).hexdigest()}/image.webp"
        self.state.pictures[path] = data
        return {"path": path, "url": "http://0.0.0.0:7860/lost", "meta": {"_type": "gradio.FileData"}}

    async def cancel(self, request: Request) -> Response:
        body = await request.json()
        event = str(body.get("event_id"))
        self.state.cancelled.append(event)
        if event in self.state.jobs:
            self.state.jobs[event].cancelled = True
        return JSONResponse({"success": True})

    async def file(self, request: Request) -> Response:
        for name in ("authorization", "x-hf-authorization"):
            if name in request.headers:
                self.state.leaks.append(f"{request.url.path} was asked with {name}")
        path = request.path_params["path"]
        data = self.state.pictures.get(path) or self.state.pictures.get("/" + path)
        return Response(data, media_type="image/webp") if data else Response("gone", status_code=404)


def _is_submit(seen: Seen) -> bool:
    return seen.method == "POST" and not seen.path.endswith(("/upload", "/cancel", "/reset"))


def build() -> StandIn:
    """A fresh one: hub, router and Space under one address."""
    state = State()
    router = Router(state)

    def settings(url: str) -> dict[str, Any]:
        return {"url": url, "spaces_url": f"{url}/space"}

    made = StandIn(
        name="hf",
        app=Starlette(routes=[*Hub(state).routes(), *router.routes(), *Space(state).routes()]),
        key=KEY,
        settings=settings,
        is_submit=_is_submit,
        state=state,
    )
    router.problems = made.problems
    return made


def picture_in(body: str) -> bytes:
    """The bytes of a data URI, as the providers behind the router read it."""
    try:
        return base64.b64decode(body.partition(",")[2], validate=True)
    except binascii.Error:
        return b""
