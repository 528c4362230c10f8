"""OpenAI's images endpoint, standing in: generations, multipart edits with a checked mask, and streams of partials.

``build(compatible=True)`` is somebody else's server that speaks alike: pictures as links that lead to another host
and refuse a key, no counts of tokens, errors in its own words, and keys of its own in the body.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator
from PIL import Image, UnidentifiedImageError
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.standins.server import Seen, StandIn
from tests.standins.spec import OWN, Spec

KEY = "sk-openai-standin-0123456789"
ALIKE_KEY = "alike-standin-key-0123456789"
MODELS = (
    "gpt-image-2.6-sunburst",
    "gpt-image-2.6-flare",
    "gpt-image-2.5-sunburst",
    "gpt-image-2.5-sunburst-2026-09-08",
    "gpt-image-2.5-flare",
    "gpt-image-2",
    "gpt-image-1.5",
    "gpt-image-1-mini",
    "chatgpt-image-latest",
    "gpt-image-9-marble",
    "gpt-6-mini",
)
ALIKE_MODELS = ("sd-turbo", "flux-schnell-gguf")
_THREE_SIZES = ("auto", "1024x1024", "1536x1024", "1024x1536")
_TOKENS = {"low": 196, "medium": 440, "high": 1756, "auto": 440, "xhigh": 4000, "max": 8000}
_KINDS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
_PARTIAL_TOKENS = 100
_SECRET_HEADERS = ("authorization", "x-api-key", "cookie")


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit as it was asked for: its fields, the parts' names, and which pixels the mask gives free."""

    fields: dict[str, str]
    parts: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    mask_size: tuple[int, int] | None
    free: frozenset[tuple[int, int]]


@dataclass(slots=True, kw_only=True)
class State:
    """The test's hands on the service.

    ``refuse``: (status, body, headers) for the next requests, in order; a text is sent as plain text. ``partials``: how
    many partial pictures a stream holds at most. ``cut_stream``: completed pictures after which a stream's line
    breaks; ``stream_error``: an event instead of the pictures; ``streams``: whether it knows streams at all.
    ``revised``: the prompt as it rewrote it. ``shape``: what a compatible server's pictures come as: ``url``,
    ``relative``, ``data`` or ``b64_json``. ``results``: the base address of its links, ``{base}`` for its own.
    ``leaks``: requests for a result that carried a key. ``edits``: what the edits held.
    """

    compatible: bool = False
    key_needed: bool = True
    refuse: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    partials: int = 3
    cut_stream: int | None = None
    stream_error: dict[str, Any] | None = None
    streams: bool = True
    revised: str = ""
    shape: str = "url"
    results: str = ""
    answer: Any = None
    has_edits: bool = True
    has_list: bool = True
    leaks: list[str] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)


class _Lenient(Spec):
    """The service's document is older than its models: it does not know their finest qualities."""

    def problems(self, method: str, path: str, body: Any) -> list[str]:
        found = super().problems(method, path, body)
        return [one for one in found if not re.search(r"\$\.quality: '(xhigh|max)' is not ", one)]


def build(*, compatible: bool = False) -> StandIn:
    """A fresh server."""
    state = State(compatible=compatible)
    problems: list[str] = []
    service = _Images(state, problems)
    routes = [
        Route("/v1/models", service.list_models),
        Route("/v1/images/generations", service.generate, methods=["POST"]),
        Route("/v1/images/edits", service.edit, methods=["POST"]),
        Route("/results/{name}", service.result),
    ]
    return StandIn(
        name="alike" if compatible else "openai",
        app=Starlette(routes=routes),
        key=ALIKE_KEY if compatible else KEY,
        settings=lambda url: {"url": f"{url}/v1"} | ({"kind": "openai"} if compatible else {}),
        is_submit=is_submit,
        spec=None if compatible else _Lenient("openai-images.openapi.json", "openai.json", prefix="/v1"),
        problems=problems,
        state=state,
    )


def is_submit(seen: Seen) -> bool:
    """Whether a request makes paid pictures."""
    return seen.method == "POST" and seen.path in ("/v1/images/generations", "/v1/images/edits")


def error(
    message: str, *, code: str | None, type_: str = "invalid_request_error", param: str | None = None
) -> dict[str, Any]:
    """An error as OpenAI writes it."""
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}


class _Images:
    def __init__(self, state: State, problems: list[str]) -> None:
        self._state = state
        self._problems = problems
        self._form = json.loads((OWN / "openai.json").read_bytes())["FORM /v1/images/edits"]

    async def list_models(self, request: Request) -> Response:
        if (refused := self._refused(request)) is not None:
            return refused
        if not self._state.has_list:
            return JSONResponse({"detail": "Not Found"}, status_code=404)
        names = ALIKE_MODELS if self._state.compatible else MODELS
        rows = [
            {"id": name, "object": "model", "created": 1760000000, "owned_by": "system"} for name in names
        ]
        return JSONResponse({"object": "list", "data": rows})

    async def generate(self, request: Request) -> Response:
        if (refused := self._refused(request, pays=True)) is not None:
            return refused
        asked = await request.json()
        if (refused := self._judged(asked)) is not None:
            return refused
        return self._made(asked, request, "image_generation", b"")

    async def edit(self, request: Request) -> Response:
        if (refused := self._refused(request, pays=True)) is not None:
            return refused
        if not self._state.has_edits:
            return JSONResponse({"detail": "Not Found"}, status_code=404)
        async with request.form() as form:
            return await self._edited(request, form)

    async def _edited(self, request: Request, form: FormData) -> Response:
        fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        files = [(name, value) for name, value in form.multi_items() if isinstance(value, UploadFile)]
        if not self._state.compatible:
            self._problems += [
                f"POST /v1/images/edits: {found.json_path}: {found.message}"
                for found in Draft202012Validator(self._form).iter_errors(fields)
            ]
        names = [name for name, _ in files]
        images = [file for name, file in files if name in ("image", "image[]")]
        many = names.count("image[]")
        if not images or len(images) > 16 or (many and "image" in names) or names.count("image") > 1:
            return JSONResponse(
                error("Invalid image parts.", code="invalid_image", param="image"), status_code=400
            )
        opened = []
        contents = b""
        for file in images:
            data = await file.read()
            contents += data
            opened.append(Image.open(io.BytesIO(data)))
            if file.content_type != f"image/{(opened[-1].format or '').lower()}":
                self._problems.append(
                    f"the part {file.filename} says {file.content_type}, and is {opened[-1].format}"
                )
        mask = next((file for name, file in files if name == "mask"), None)
        mask_size, free = None, frozenset[tuple[int, int]]()
        if mask is not None:
            data = await mask.read()
            contents += data
            try:
                drawn = Image.open(io.BytesIO(data), formats=["PNG"])
            except UnidentifiedImageError:
                return JSONResponse(
                    error("The mask is no PNG.", code="invalid_mask", param="mask"), status_code=400
                )
            if drawn.mode != "RGBA" or drawn.size != opened[0].size or len(data) >= 4_000_000:
                said = "Invalid mask: it must have an alpha channel and the size of the image."
                return JSONResponse(error(said, code="invalid_mask", param="mask"), status_code=400)
            mask_size = drawn.size
            alpha = drawn.getchannel("A").load()
            assert alpha is not None
            free = frozenset(
                (x, y) for y in range(drawn.height) for x in range(drawn.width) if alpha[x, y] == 0
            )
        sizes = tuple(image.size for image in opened)
        self._state.edits.append(Edit(fields, tuple(names), sizes, mask_size, free))
        asked: dict[str, Any] = dict(fields)
        for name in ("n", "partial_images"):
            if name in asked:
                asked[name] = int(asked[name])
        asked["stream"] = fields.get("stream") == "true"
        if (refused := self._judged(asked)) is not None:
            return refused
        return self._made(asked, request, "image_edit", contents)

    async def result(self, request: Request) -> Response:
        if any(name in request.headers for name in _SECRET_HEADERS):
            self._state.leaks.append(request.url.path)
            return PlainTextResponse("no keys here", status_code=400)
        data = self._state.pictures.get(request.path_params["name"])
        if data is None:
            return PlainTextResponse("gone", status_code=404)
        return Response(data, media_type="image/png")

    def _refused(self, request: Request, *, pays: bool = False) -> Response | None:
        state = self._state
        if state.compatible:
            if state.key_needed and request.headers.get("authorization") != f"Bearer {ALIKE_KEY}":
                return PlainTextResponse("Unauthorized", status_code=401)
        elif request.headers.get("authorization") != f"Bearer {KEY}":
            said = (
                "Incorrect API key provided: sk-****. You can find your key at https://platform.openai.com."
            )
            return JSONResponse(error(said, code="invalid_api_key"), status_code=401)
        if pays and state.refuse:
            status, body, headers = state.refuse.pop(0)
            if isinstance(body, str):
                return PlainTextResponse(body, status_code=status, headers=headers)
            return JSONResponse(body, status_code=status, headers=headers)
        return None

    def _judged(self, asked: Mapping[str, Any]) -> Response | None:
        """What the service refuses in a well-formed request."""
        model = str(asked.get("model"))
        if self._state.compatible:
            if model not in ALIKE_MODELS:
                return JSONResponse({"detail": f"model {model} is not loaded"}, status_code=404)
            return None
        if model not in MODELS:
            said = f"The model '{model}' does not exist or you do not have access to it."
            return JSONResponse(error(said, code="model_not_found", param="model"), status_code=404)
        if "response_format" in asked:
            said = "Unknown parameter: 'response_format'."
            return JSONResponse(
                error(said, code="unknown_parameter", param="response_format"), status_code=400
            )
        if "forbidden" in str(asked["prompt"]):
            said = "Your request was rejected by the safety system."
            return JSONResponse(
                error(said, code="moderation_blocked", type_="image_generation_user_error"), status_code=400
            )
        size = str(asked.get("size", "auto"))
        if size not in _THREE_SIZES and (
            "1" in model.split("-")[2][:1] or "latest" in model or not _fits(size)
        ):
            return JSONResponse(
                error(f"Invalid size '{size}'.", code="invalid_value", param="size"), status_code=400
            )
        if asked.get("background") == "transparent" and asked.get("output_format") == "jpeg":
            return JSONResponse(
                error("JPEG has no transparency.", code="invalid_value", param="background"), status_code=400
            )
        return None

    def _made(self, asked: Mapping[str, Any], request: Request, kind: str, contents: bytes) -> Response:
        state = self._state
        if state.answer is not None:
            if isinstance(state.answer, str):
                return PlainTextResponse(state.answer)
            return JSONResponse(state.answer)
        known = {key: value for key, value in asked.items() if key not in ("stream", "partial_images", "n")}
        what = json.dumps(known, sort_keys=True) + hashlib.sha256(contents).hexdigest()
        count = int(asked.get("n", 1))
        drawn = [_picture(f"{what} {number}", asked) for number in range(count)]
        if state.compatible:
            base = state.results or str(request.base_url).rstrip("/")
            return JSONResponse({"data": [self._row(data, base) for data in drawn]})
        facts = {
            "background": asked.get("background", "opaque"),
            "output_format": asked.get("output_format", "png"),
            "quality": asked.get("quality", "medium"),
            "size": asked.get("size", "1024x1024"),
        }
        if asked.get("stream") and state.streams:
            events = self._events(kind, asked, drawn, facts)
            return StreamingResponse(events, media_type="text/event-stream")
        rows = [{"b64_json": base64.b64encode(data).decode()} for data in drawn]
        if state.revised:
            rows = [{**row, "revised_prompt": state.revised} for row in rows]
        usage = _usage(asked, count, contents)
        return JSONResponse({"created": 1760000000, "data": rows, "usage": usage, **facts})

    def _row(self, data: bytes, base: str) -> dict[str, str]:
        encoded = base64.b64encode(data).decode()
        if self._state.shape == "b64_json":
            return {"b64_json": encoded}
        if self._state.shape == "data":
            return {"url": f"data:image/png;base64,{encoded}"}
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.png"
        self._state.pictures[name] = data
        return {"url": f"/results/{name}" if self._state.shape == "relative" else f"{base}/results/{name}"}

    async def _events(
        self, kind: str, asked: Mapping[str, Any], drawn: list[bytes], facts: dict[str, Any]
    ) -> AsyncIterator[str]:
        state = self._state
        common = {"created_at": 1760000000, **facts}
        partials = min(int(asked.get("partial_images", 0)), state.partials)
        if state.stream_error is not None:
            yield _event("error", {"type": "error", **state.stream_error})
            return
        for number, data in enumerate(drawn):
            if state.cut_stream == number:
                raise ConnectionResetError("the line breaks here, as the test asked")
            for index in range(partials):
                name = f"{kind}.partial_image"
                small = _picture(f"partial {number} {index}", {"size": "64x64"})
                told = {"partial_image_index": index, "b64_json": base64.b64encode(small).decode()}
                yield _event(name, {"type": name, **told, **common})
            name = f"{kind}.completed"
            usage = _usage(asked, 1, b"", partials=partials)
            told = {"b64_json": base64.b64encode(data).decode(), "usage": usage}
            yield _event(name, {"type": name, **told, **common})


def _event(name: str, body: Mapping[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(body)}\n\n"


def _usage(asked: Mapping[str, Any], count: int, contents: bytes, *, partials: int = 0) -> dict[str, Any]:
    out = (_TOKENS[str(asked.get("quality", "medium"))] + partials * _PARTIAL_TOKENS) * count
    pictures, texts = (300 if contents else 0), len(str(asked["prompt"]).split())
    return {
        "input_tokens": pictures + texts,
        "input_tokens_details": {"image_tokens": pictures, "text_tokens": texts},
        "output_tokens": out,
        "output_tokens_details": {"image_tokens": out, "text_tokens": 0},
        "total_tokens": pictures + texts + out,
    }


def _fits(size: str) -> bool:
    found = re.fullmatch(r"(\d+)x(\d+)", size)
    if found is None:
        return False
    short, long = sorted((int(found[1]), int(found[2])))
    return (
        not (short % 16 or long % 16)
        and long <= 3 * short
        and long <= 3840
        and 655_360 <= short * long <= 8_294_400
    )


def _picture(what: str, asked: Mapping[str, Any]) -> bytes:
    found = re.fullmatch(r"(\d+)x(\d+)", str(asked.get("size", "")))
    sides = (int(found[1]), int(found[2])) if found else (1024, 1024)
    red, green, blue = hashlib.sha256(what.encode()).digest()[:3]
    file = io.BytesIO()
    Image.new("RGB", sides, (red, green, blue)).save(file, _KINDS[str(asked.get("output_format", "png"))])
    return file.getvalue()
