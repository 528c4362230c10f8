"""The jobs of Replicate's stand-in: their state, their fate, and how a prediction is written.

Owns what a test may change. Routes are left to ``replicate.py``, models to ``replicate_models.py``.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from PIL import Image
from starlette.requests import Request

from tests.standins import replicate_models
from tests.standins.replicate_models import Model, Version

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
    ``empty``, ``svg``. ``words`` are status words given before the true ones. ``expired``: the output is deleted before anybody asks.
    """

    waits: int = 1
    works: int = 2
    error: str | None = None
    output: str = ""
    words: tuple[str, ...] = ()
    aborted: bool = False
    logs: str | None = None
    expired: bool = False


@dataclass(slots=True, kw_only=True)
class State:
    """The service's own. A test changes it between requests.

    ``held`` keeps running jobs from ending; ``refusals`` are answers (status, body, headers) given to the next
    creates in turn, ``lost`` the number of next creates that are taken but answered with 500. ``delivery`` is
    ``elsewhere`` (another host, which refuses a key) or ``own`` (this host, which wants one).
    ``unlisted`` are private models, which no search finds; ``fills_defaults`` completes the input that is told.
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
    unlisted: set[str] = field(default_factory=set)
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


def move(state: State, job: Prediction) -> None:
    """One more poll, and what it brings."""
    if job.status in FINAL:
        return
    job.polls += 1
    fate = job.fate
    if job.polls <= fate.waits:
        return
    if fate.aborted:
        job.status = "aborted"
    elif state.held or job.polls <= fate.waits + fate.works:
        job.status = "processing"
    else:
        job.status = "failed" if fate.error else "succeeded"


def job_json(state: State, job: Prediction, request: Request) -> dict[str, Any]:
    base = f"{request.url.scheme}://{request.url.netloc}/v1/predictions/{job.id}"
    done = job.status in FINAL
    job.removed = job.removed or (done and job.fate.expired)
    moment = text(job.created)
    status = job.status
    if not done and 0 < job.polls <= len(job.fate.words):
        status = job.fate.words[job.polls - 1]
    found = {
        "id": job.id,
        "model": job.model.name,
        "version": "hidden" if job.model.hidden or job.version is None else job.version.id,
        "input": {} if job.removed else job.input,
        "output": None,
        "logs": "" if job.removed else _logs(job),
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
        found["output"] = _output(state, job, request)
    return {name: value for name, value in found.items() if name != "started_at" or value is not None}


def _logs(job: Prediction) -> str:
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


def _output(state: State, job: Prediction, request: Request) -> Any:
    host = request.url.netloc
    if state.delivery == "elsewhere":
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


def text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def picture(job: Prediction, number: int) -> bytes:
    """A real PNG whose colours follow from the input, so that equal jobs give equal pictures."""
    wish = json.dumps([job.input.get("prompt"), job.seed, number], sort_keys=True)
    colours = hashlib.sha256(wish.encode()).digest()
    image = Image.frombytes("RGB", (2, 2), colours[:12]).resize((64, 48), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
