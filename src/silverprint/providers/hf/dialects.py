"""Dialects: how each Inference Provider behind Hugging Face's router is asked, and how it answers.

The shapes are those of ``huggingface_hub`` 2.4's own provider helpers. A provider that is not in the table here is not
supported, and said so; sending is left to ``inference.py``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from silverprint.core.errors import AnswerLost, BadAnswer, BadRecipe, ProviderError
from silverprint.core.text import one_line
from silverprint.core.update import Output, Update, Waiting, Working
from silverprint.providers.answers import Answer
from silverprint.providers.hf.hub import Served
from silverprint.providers.media import media_type_of

HUB = "https://huggingface.co"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request below the provider's place at the router."""

    path: str
    json: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The end: pictures, and the seed where the provider tells it."""

    outputs: tuple[Output, ...]
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """Not yet: the path to ask again at, and what is known so far."""

    path: str
    news: Update = field(default_factory=Working)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for: ``params`` by the router's usual names, ``image`` the picture to change."""

    repo: str
    served: Served
    prompt: str
    params: Mapping[str, Any]
    image: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One provider. ``read`` takes the answer to the request, ``again`` the body of a later one at its path."""

    tasks: frozenset[str]
    ask: Callable[[Wanted], Asked]
    read: Callable[[Answer, Asked], Made | Later]
    again: Callable[[Any, str], Made | Later] | None = None
    loras: bool = False


# requests


def _hf(wanted: Wanted) -> Asked:
    path = f"/models/{quote(wanted.served.model, safe='/')}"
    params = dict(wanted.params)
    inputs: Any = wanted.prompt
    if wanted.image is not None:
        inputs = base64.b64encode(wanted.image).decode("ascii")
        params = _sized(params, "target_size") | ({"prompt": wanted.prompt} if wanted.prompt else {})
    body = {"inputs": inputs} | ({"parameters": params} if params else {})
    return Asked(path=path, json=body, headers={"accept": "image/png"})


def _fal(wanted: Wanted) -> Asked:
    body: dict[str, Any] = {"prompt": wanted.prompt} if wanted.prompt else {}
    body |= _sized(wanted.params, "image_size")
    path = f"/{quote(wanted.served.model, safe='/')}"
    if wanted.image is not None:
        link = _link(wanted.image)
        body |= {"image_url": link, "image_urls": [link]}
        path += "?_subdomain=queue"
    if wanted.served.weights:
        weights = f"{HUB}/{wanted.repo}/resolve/main/{quote(wanted.served.weights, safe='/')}"
        body["loras"] = [{"path": weights, "scale": 1}]
        if wanted.served.model == "fal-ai/lora":
            body["model_name"] = "stabilityai/stable-diffusion-xl-base-1.0"
    return Asked(path=path, json=body)


def _replicate(wanted: Wanted) -> Asked:
    asked: dict[str, Any] = {"prompt": wanted.prompt} if wanted.prompt else {}
    asked |= wanted.params if wanted.image is None else _sized(wanted.params, "target_size")
    if wanted.image is not None:
        link = _link(wanted.image)
        asked |= {"image": link, "images": [link], "input_image": link, "input_images": [link]}
    if wanted.served.weights:
        asked["lora_weights"] = f"{HUB}/{wanted.repo}"
    name, _, version = wanted.served.model.partition(":")
    if version:
        return Asked(
            path="/v1/predictions", json={"input": asked, "version": version}, headers={"prefer": "wait"}
        )
    path = f"/v1/models/{quote(name, safe='/')}/predictions"
    return Asked(path=path, json={"input": asked}, headers={"prefer": "wait"})


def _together(wanted: Wanted) -> Asked:
    body: dict[str, Any] = {"prompt": wanted.prompt, "response_format": "base64"}
    params = dict(wanted.params) if wanted.image is None else _sized(wanted.params, "target_size")
    if "num_inference_steps" in params:
        params["steps"] = params.pop("num_inference_steps")
    body |= params | {"model": wanted.served.model}
    if wanted.image is not None:
        link, lowered = _link(wanted.image), wanted.served.model.lower()
        if "kontext" in lowered and "flux.1" in lowered:
            body["image_url"] = link
        else:
            body["reference_images"] = [link]
    return Asked(path="/v1/images/generations", json=body)


def _nscale(wanted: Wanted) -> Asked:
    params = dict(wanted.params)
    params.pop("num_inference_steps", None)
    if "width" in params and "height" in params:
        params["size"] = f"{params.pop('width')}x{params.pop('height')}"
    body = {"response_format": "b64_json", "prompt": wanted.prompt, "model": wanted.served.model, **params}
    return Asked(path="/v1/images/generations", json=body)


def _wavespeed(wanted: Wanted) -> Asked:
    body: dict[str, Any] = {"prompt": wanted.prompt} if wanted.prompt else {}
    body |= wanted.params if wanted.image is None else _sized(wanted.params, "target_size")
    if wanted.image is not None:
        body["image"] = _link(wanted.image)
    return Asked(path=f"/api/v3/{quote(wanted.served.model, safe='/')}", json=body)


def _zai(wanted: Wanted) -> Asked:
    params = dict(wanted.params)
    body: dict[str, Any] = {"model": wanted.served.model, "prompt": wanted.prompt}
    if "width" in params and "height" in params:
        body["size"] = f"{params.pop('width')}x{params.pop('height')}"
    return Asked(path="/api/paas/v4/async/images/generations", json=body | params)


# answers


def _read_bytes(answer: Answer, _asked: Asked) -> Made:
    kind = media_type_of(answer.content)
    if not kind.startswith("image/"):
        raise BadAnswer(f"{answer.title} answered with something that is no picture.")
    return Made(outputs=(Output(data=answer.content, media_type=kind),))


def _read_fal(answer: Answer, asked: Asked) -> Made | Later:
    body = answer.object()
    path = body.get("response_url")
    if "request_id" in body and isinstance(path, str):
        return Later(path=f"{urlsplit(path).path}/status?_subdomain=queue", news=Waiting())
    return _fal_pictures(body)


def _again_fal(body: Any, path: str) -> Made | Later:
    """A status first, then the result at the same path without its last step."""
    if not path.partition("?")[0].endswith("/status"):
        return _fal_pictures(body)
    status = body.get("status")
    if status == "COMPLETED":
        return Later(path=path.replace("/status?", "?"), news=Working(note="fetching the result"))
    place = body.get("queue_position")
    waiting = Waiting(place=place if isinstance(place, int) else None)
    return Later(path=path, news=waiting if status == "IN_QUEUE" else Working())


def _fal_pictures(body: Mapping[str, Any]) -> Made:
    rows = body.get("images")
    links = (
        [row.get("url") if isinstance(row, Mapping) else row for row in rows]
        if isinstance(rows, list)
        else []
    )
    seed = body.get("seed")
    return Made(outputs=_outputs(links), seed=seed if type(seed) is int else None)


def _read_replicate(answer: Answer, _asked: Asked) -> Made:
    body = answer.object()
    output = body.get("output")
    if output is None:
        if body.get("status") in ("failed", "canceled"):
            raise _failed("Replicate", body.get("error"))
        raise AnswerLost(
            "Replicate, behind Hugging Face, did not finish in the time that its answer is waited for. It goes on there, "
            "and is charged.",
            fix="A model that is cold starts faster at the second try; or use replicate: itself, which can be waited for.",
        )
    return Made(outputs=_outputs(output if isinstance(output, list) else [output]))


def _read_encoded(answer: Answer, _asked: Asked) -> Made:
    rows = answer.object().get("data")
    outputs = []
    for row in rows if isinstance(rows, list) else ():
        encoded = row.get("b64_json") if isinstance(row, Mapping) else None
        if isinstance(encoded, str):
            try:
                outputs.append(Output(data=base64.b64decode(encoded, validate=True)))
            except (binascii.Error, ValueError):
                raise BadAnswer("A picture came that can't be decoded.") from None
    if not outputs:
        raise BadAnswer("The answer has no picture in it.")
    return Made(outputs=tuple(outputs))


def _read_wavespeed(answer: Answer, _asked: Asked) -> Later:
    data = answer.object().get("data")
    urls = data.get("urls") if isinstance(data, Mapping) else None
    get = urls.get("get") if isinstance(urls, Mapping) else None
    if not isinstance(get, str):
        raise BadAnswer("WaveSpeed took the job but gave nothing to ask for it with.")
    return Later(path=urlsplit(get).path, news=Waiting())


def _again_wavespeed(body: Any, path: str) -> Made | Later:
    data = body.get("data")
    data = data if isinstance(data, Mapping) else {}
    match data.get("status"):
        case "completed":
            outputs = data.get("outputs")
            return Made(outputs=_outputs(outputs if isinstance(outputs, list) else []))
        case "failed":
            raise _failed("WaveSpeed", data.get("error"))
        case "created":
            return Later(path=path, news=Waiting())
    return Later(path=path)


def _read_zai(answer: Answer, _asked: Asked) -> Made | Later:
    body = answer.object()
    task = body.get("id")
    if not isinstance(task, str | int):
        raise BadAnswer("Z.ai took the job but gave nothing to ask for it with.")
    return _again_zai(body, f"/api/paas/v4/async-result/{quote(str(task), safe='')}")


def _again_zai(body: Any, path: str) -> Made | Later:
    if body.get("task_status") == "FAIL":
        raise _failed("Z.ai", body.get("error"))
    rows = body.get("image_result")
    if isinstance(rows, list) and rows:
        return Made(outputs=_outputs([row.get("url") for row in rows if isinstance(row, Mapping)]))
    return Later(path=path)


# parts


def _sized(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The parameters with width and height as one object."""
    kept = dict(params)
    if "width" in kept and "height" in kept:
        kept[name] = {"width": kept.pop("width"), "height": kept.pop("height")}
    return kept


def _link(image: bytes) -> str:
    return f"data:{media_type_of(image)};base64,{base64.b64encode(image).decode('ascii')}"


def _outputs(links: list[Any]) -> tuple[Output, ...]:
    outputs = tuple(Output(url=link) for link in links if isinstance(link, str) and link)
    if not outputs:
        raise BadAnswer("The answer has no picture in it.")
    return outputs


def _failed(who: str, reason: Any) -> ProviderError:
    said = one_line(str(reason), most=300).rstrip(".") if reason else ""
    error = ProviderError(
        f"{who} could not make the picture" + (f": {said}." if said else "."),
        fix="Retry, or change the recipe.",
    )
    error.can_retry = True
    return error


_TEXT = frozenset({"text-to-image"})
_BOTH = frozenset({"text-to-image", "image-to-image"})

DIALECTS: Mapping[str, Dialect] = {
    "hf-inference": Dialect(tasks=_BOTH, ask=_hf, read=_read_bytes),
    "fal-ai": Dialect(tasks=_BOTH, ask=_fal, read=_read_fal, again=_again_fal, loras=True),
    "replicate": Dialect(tasks=_BOTH, ask=_replicate, read=_read_replicate, loras=True),
    "together": Dialect(tasks=_BOTH, ask=_together, read=_read_encoded),
    "nscale": Dialect(tasks=_TEXT, ask=_nscale, read=_read_encoded),
    "wavespeed": Dialect(tasks=_BOTH, ask=_wavespeed, read=_read_wavespeed, again=_again_wavespeed),
    "zai-org": Dialect(tasks=_TEXT, ask=_zai, read=_read_zai, again=_again_zai),
}


def usable(served: Served) -> bool:
    """Whether we know how to ask this provider for this model."""
    dialect = DIALECTS.get(served.provider)
    return (
        dialect is not None
        and served.task in dialect.tasks
        and (dialect.loras or not served.weights)
        # For LoRAs in a change of a picture only fal's shape is known.
        and not (served.weights and served.task == "image-to-image" and served.provider != "fal-ai")
    )


def choose(rows: tuple[Served, ...], *, task: str, via: str, repo: str) -> Served:
    """The provider to ask: the one named, else the first that we can. Raises BadRecipe saying why there is none."""
    fit = [served for served in rows if served.task == task]
    named = [served for served in fit if via in ("", "auto", served.provider)]
    for served in named:
        if usable(served):
            return served
    if not fit:
        what = "change a picture" if task == "image-to-image" else "make a picture from words alone"
        raise BadRecipe(
            f"No Inference Provider lets {repo} {what}.", fields={"image": "see the model's tasks"}
        )
    names = ", ".join(sorted({served.provider for served in fit}))
    if via not in ("", "auto"):
        raise BadRecipe(
            f"{repo} can't be used through {via} here.", fields={"via": f"it is served by {names}"}
        )
    raise BadRecipe(
        f"{repo} is served by {names} only, which silverprint can't ask for this yet.",
        fields={"via": "not supported"},
        fix="Choose another model, or a Space that has it.",
    )
