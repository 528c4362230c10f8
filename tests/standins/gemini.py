"""Gemini, standing in: generateContent with drafts, several pictures, and refusals that come as an answer of 200.

Nothing is hosted and nothing is kept, as at the service: the answer is all there is.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.standins.server import Seen, StandIn
from tests.standins.spec import Spec

KEY = "gemini-standin-key-0123456789"
INLINE_MOST = 20_000_000
MODELS = {
    "gemini-nano-banana-2.1": "Nano Banana 2.1",
    "gemini-3-pro-image": "Nano Banana Pro",
    "gemini-3.1-flash-lite-image": "Nano Banana 2 Lite",
    "gemini-2.5-flash-image": "Nano Banana",
    "gemini-9-marble-image": "A model of tomorrow",
    "gemini-3.6-flash": "Gemini 3.6 Flash",
    "imagen-4.0-generate-001": "Imagen 4",
}
_NO_SIZE = ("gemini-2.5-flash-image",)
_SIDES = {"512": 512, "1K": 1024, "2K": 2048, "4K": 4096}
_TOKENS = {
    "gemini-2.5-flash-image": {"1K": 1290},
    "gemini-3-pro-image": {"1K": 1120, "2K": 1120, "4K": 2000},
}
_TYPE = "type.googleapis.com/google.rpc."


@dataclass(slots=True, kw_only=True)
class State:
    """The test's hands on the service.

    ``pictures`` and ``drafts``: how many of each an answer holds. ``says``: words beside them. ``finish``: the
    finishReason, and where it is not STOP there is no picture; ``block``: the blockReason of the prompt. ``refuse``:
    (status, body, headers) for the next requests, in order. ``page``: models on a page of the list. ``answer``: a whole
    answer instead. ``counts_details``: whether the tokens are told by their kind.
    """

    pictures: int = 1
    drafts: int = 0
    says: str = ""
    finish: str = "STOP"
    block: str = ""
    kind: str = "PNG"
    refuse: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    page: int = 3
    answer: Any = None
    counts_details: bool = True
    models: dict[str, str] = field(default_factory=lambda: dict(MODELS))


def error(status: int, word: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    """An error as Google's APIs write it."""
    return {"error": {"code": status, "message": message, "status": word, "details": list(details)}}


def detail(kind: str, **parts: Any) -> dict[str, Any]:
    """One of an error's details: ``RetryInfo``, ``QuotaFailure``, ``ErrorInfo``."""
    return {"@type": _TYPE + kind, **parts}


def bad_key() -> dict[str, Any]:
    """What a key that is none is answered with, under status 400."""
    return error(
        400,
        "INVALID_ARGUMENT",
        "API key not valid. Please pass a valid API key.",
        detail("ErrorInfo", reason="API_KEY_INVALID", domain="googleapis.com"),
    )


def build() -> StandIn:
    """A fresh Gemini."""
    state = State()
    service = _Gemini(state)
    routes = [
        Route("/v1beta/models", service.list_models),
        Route("/v1beta/models/{call}", service.generate, methods=["POST"]),
    ]
    return StandIn(
        name="gemini",
        app=Starlette(routes=routes),
        key=KEY,
        settings=lambda url: {"url": url},
        is_submit=is_submit,
        spec=Spec("gemini.openapi.json", "gemini.json"),
        state=state,
    )


def is_submit(seen: Seen) -> bool:
    """Whether a request makes a paid answer."""
    return seen.method == "POST" and seen.path.endswith(":generateContent")


def picture(seed_text: str, ratio: str, size: str, kind: str) -> bytes:
    """A picture whose colour depends on what was asked for."""
    wide, high = (int(part) for part in ratio.split(":"))
    # An eighth of the true sides, and proportions rather than the service's exact pixels.
    side = _SIDES[size] // 8
    sides = (side, max(1, side * high // wide)) if wide >= high else (max(1, side * wide // high), side)
    red, green, blue = hashlib.sha256(seed_text.encode()).digest()[:3]
    file = io.BytesIO()
    Image.new("RGB", sides, (red, green, blue)).save(file, kind)
    return file.getvalue()


class _Gemini:
    def __init__(self, state: State) -> None:
        self._state = state

    async def list_models(self, request: Request) -> Response:
        if request.headers.get("x-goog-api-key") != KEY:
            return JSONResponse(bad_key(), status_code=400)
        start = int(request.query_params.get("pageToken") or 0)
        page = min(int(request.query_params.get("pageSize") or 50), self._state.page)
        names = list(self._state.models.items())
        answer: dict[str, Any] = {
            "models": [
                {
                    "name": f"models/{name}",
                    "displayName": title,
                    "supportedGenerationMethods": ["predict" if "imagen" in name else "generateContent"],
                }
                for name, title in names[start : start + page]
            ]
        }
        if start + page < len(names):
            answer["nextPageToken"] = str(start + page)
        return JSONResponse(answer)

    async def generate(self, request: Request) -> Response:
        model, _, method = request.path_params["call"].partition(":")
        state = self._state
        if request.headers.get("x-goog-api-key") != KEY:
            return JSONResponse(bad_key(), status_code=400)
        if state.refuse:
            status, body, headers = state.refuse.pop(0)
            return JSONResponse(body, status_code=status, headers=headers)
        if method != "generateContent" or model not in state.models:
            said = f"models/{model} is not found for API version v1beta, or is not supported for {method}."
            return JSONResponse(error(404, "NOT_FOUND", said), status_code=404)
        raw = await request.body()
        if len(raw) > INLINE_MOST + 100_000:
            said = "Request payload size exceeds the limit: 20971520 bytes."
            return JSONResponse(error(400, "INVALID_ARGUMENT", said), status_code=400)
        asked = json.loads(raw)
        config = asked["generationConfig"]
        image = config.get("imageConfig", {})
        if model in _NO_SIZE and "imageSize" in image:
            said = "imageSize is not supported by this model."
            return JSONResponse(error(400, "INVALID_ARGUMENT", said), status_code=400)
        return JSONResponse(state.answer if state.answer is not None else self._answer(model, asked, image))

    def _answer(self, model: str, asked: dict[str, Any], image: dict[str, Any]) -> dict[str, Any]:
        state = self._state
        head = {"modelVersion": model, "responseId": hashlib.sha256(repr(asked).encode()).hexdigest()[:20]}
        used = {"promptTokenCount": 12, "totalTokenCount": 12}
        if state.block:
            return {"promptFeedback": {"blockReason": state.block}, "usageMetadata": used, **head}
        size = image.get("imageSize", "1K")
        parts: list[dict[str, Any]] = []
        for number in range(state.drafts):
            parts.append({"text": "Sketching.", "thought": True})
            parts.append({"inlineData": self._blob(asked, image, f"draft {number}"), "thought": True})
        if state.says:
            parts.append({"text": state.says})
        drawn = state.pictures if state.finish == "STOP" else 0
        for number in range(drawn):
            signed = {"thoughtSignature": base64.b64encode(b"signed").decode()}
            parts.append({"inlineData": self._blob(asked, image, f"picture {number}"), **signed})
        tokens = _TOKENS.get(model, {}).get(size, 1000) * drawn
        used |= {"candidatesTokenCount": tokens + len(state.says), "thoughtsTokenCount": 300}
        if state.counts_details:
            told = [{"modality": "IMAGE", "tokenCount": tokens}]
            if state.says:
                told.append({"modality": "TEXT", "tokenCount": len(state.says)})
            used |= {"candidatesTokensDetails": told}  # type: ignore[dict-item]
        candidate: dict[str, Any] = {"finishReason": state.finish, "index": 0}
        if parts:
            candidate["content"] = {"role": "model", "parts": parts}
        return {"candidates": [candidate], "usageMetadata": used, **head}

    def _blob(self, asked: dict[str, Any], image: dict[str, Any], what: str) -> dict[str, str]:
        seed_text = json.dumps([asked["contents"], asked["generationConfig"].get("seed"), what])
        data = picture(
            seed_text, image.get("aspectRatio", "1:1"), image.get("imageSize", "1K"), self._state.kind
        )
        return {"mimeType": f"image/{self._state.kind.lower()}", "data": base64.b64encode(data).decode()}
