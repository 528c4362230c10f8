"""Prediction: what Replicate tells of a job, read safely.

Owns the status words, the progress and the seed in the logs, the shapes of outputs, and what a failure means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from silverprint.core.errors import BadAnswer, ContentRefused, ProviderError
from silverprint.core.text import one_line
from silverprint.core.update import Output
from silverprint.providers.answers import MOST_WORDS, Answer
from silverprint.providers.replicate.places import TITLE, version_id

Phase = Literal["waiting", "working", "done", "failed", "stopped", "unknown"]

_PHASES: Mapping[str, Phase] = {
    "starting": "waiting",
    "queued": "waiting",
    "processing": "working",
    "succeeded": "done",
    "successful": "done",
    "failed": "failed",
    "canceled": "stopped",
    "cancelled": "stopped",
    "aborted": "stopped",
}
_BAR = re.compile(r"^\s*\d{1,3}%\s*\|[^|\n]*\|\s*(\d{1,9})/(\d{1,9})(?=\D|$)", re.MULTILINE)
_SEED = re.compile(r"\bseed\b\s*[:=]?\s*(\d{1,19})\b", re.IGNORECASE)
_REFUSED = re.compile(
    r"flagged as sensitive|\(E005\)|\bE005\b|NSFW content (?:was )?detected|content moderation|violat\w+ .{0,40}polic",
    re.IGNORECASE,
)
_NO_PICTURE = (
    ".zip",
    ".tar",
    ".json",
    ".txt",
    ".csv",
    ".safetensors",
    ".mp4",
    ".webm",
    ".mov",
    ".mp3",
    ".wav",
    ".glb",
)
_DEPTH_MOST = 6
_OUTPUTS_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A job at Replicate. ``version`` is empty where it names none; ``created`` is in UTC; ``ended`` says that it is over."""

    id: str
    status: str
    phase: Phase
    model: str = ""
    version: str = ""
    input: Mapping[str, Any] = field(default_factory=dict)
    output: Any = None
    error: str = ""
    logs: str = ""
    removed: bool = False
    created: datetime | None = None
    ended: bool = False
    links: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None


def read_prediction(answer: Answer) -> Prediction:
    """The prediction in an answer. Raises BadAnswer for one without an id and a status."""
    found = prediction_of(answer.object())
    if found is None:
        raise BadAnswer(f"{TITLE} answered in a shape that was not agreed.")
    return found


def prediction_of(value: Any) -> Prediction | None:
    """A prediction from its JSON; None for what is none. Only the id and the status must be right."""
    if not isinstance(value, Mapping):
        return None
    id, status = value.get("id"), value.get("status")
    if not (isinstance(id, str) and re.fullmatch(r"[\w.-]{1,200}", id, re.ASCII) and isinstance(status, str)):
        return None
    given, links, metrics = value.get("input"), value.get("urls"), value.get("metrics")
    took = metrics.get("predict_time") if isinstance(metrics, Mapping) else None
    ended = isinstance(value.get("completed_at"), str)
    return Prediction(
        id=id,
        status=one_line(status, most=40),
        phase=_PHASES.get(status.strip().lower(), "unknown"),
        model=_text(value.get("model")),
        version=version_id(value.get("version")),
        input=given if isinstance(given, Mapping) else {},
        output=value.get("output"),
        error=_said(value.get("error")),
        logs=_text(value.get("logs")),
        removed=value.get("data_removed") is True,
        created=moment_of(value.get("created_at")),
        ended=ended,
        links={name: link for name, link in links.items() if isinstance(name, str) and isinstance(link, str)}
        if isinstance(links, Mapping)
        else {},
        seconds=float(took)
        if isinstance(took, int | float) and not isinstance(took, bool) and took >= 0
        else None,
    )


def moment_of(value: object) -> datetime | None:
    """A moment as the service writes it (ISO 8601), in UTC; None for anything else."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if found is None:
        return None
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        return None


def progress_of(logs: str) -> tuple[int, int] | None:
    """Step and steps of the last progress bar in the logs, as tqdm draws them; None where there is none."""
    bars = _BAR.findall(logs[-20_000:].replace("\r", "\n"))
    if not bars:
        return None
    step, steps = int(bars[-1][0]), int(bars[-1][1])
    return (min(step, steps), steps) if steps else None


def seed_of(logs: str) -> int | None:
    """The seed that the model says in its logs: the only place where one appears that was not sent."""
    found = _SEED.search(logs[:100_000])
    return int(found[1]) if found else None


def outputs_of(value: Any) -> tuple[Output, ...]:
    """The pictures in an output: a link or a list of links, data URIs, SVG text, or these within objects.

    Raises ProviderError when there is none; its words tell what came instead.
    """
    texts = list(_texts(value))[:_OUTPUTS_MOST]
    links = [
        text.strip()
        for text in texts
        if text.strip()[:8].lower().startswith(("https://", "http://", "data:"))
    ]
    pictures = [link for link in links if not _is_no_picture(link)]
    found = [Output(url=link) for link in dict.fromkeys(pictures)]
    for text in texts:
        if "<svg" in text[:1000].lower() and text.lstrip().startswith("<"):
            found.append(Output(data=text.encode("utf-8", "replace"), media_type="image/svg+xml"))
    if found:
        return tuple(found)
    if links:
        ending = one_line(urlsplit(links[0]).path.rpartition(".")[2], most=12)
        raise ProviderError(
            f"The model made a .{ending} file, which is no picture.",
            fix="Choose a model that makes pictures.",
        )
    said = one_line("".join(texts), most=MOST_WORDS)
    if said:
        raise ProviderError(
            f"The model answered with text instead of a picture: {said}",
            fix="Choose a model that makes pictures.",
        )
    error = ProviderError("The model ended without a picture.", fix="Retry, or change the recipe.")
    error.can_retry = True
    raise error


def seed_in(value: Any) -> int | None:
    """The seed that an output names beside its pictures, as a few models do."""
    found = value.get("seed") if isinstance(value, Mapping) else None
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def failure_of(prediction: Prediction) -> ProviderError:
    """The error that a failed job stands for. Replicate gives no code for moderation, so its words are read."""
    said = one_line(prediction.error, most=MOST_WORDS)
    if _REFUSED.search(prediction.error):
        return ContentRefused(f"The model's safety check refused this: {said}")
    error = ProviderError(
        f"The model failed: {said}" if said else "The model failed and did not say why.",
        fix="Retry, or change the recipe.",
    )
    error.can_retry = True
    return error


def stop_of(prediction: Prediction) -> ProviderError:
    """The error that a job stands for which was stopped: cancelled while it ran, or before it began."""
    if prediction.status.strip().lower() == "aborted":
        words = f"{TITLE} ended the job before it began; nothing is charged."
    else:
        words = f"The job was cancelled at {TITLE}."
    error = ProviderError(words, fix="Retry the job to make it after all.")
    error.can_retry = True
    return error


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _DEPTH_MOST:
        if isinstance(value, list):
            for item in value:
                yield from _texts(item, depth + 1)
        elif isinstance(value, Mapping):
            for item in value.values():
                yield from _texts(item, depth + 1)


def _is_no_picture(link: str) -> bool:
    if link[:5].lower() == "data:":
        kind = link[5:40].lower()
        return not kind.startswith(("image/", "application/octet-stream", ";", ","))
    try:
        return urlsplit(link).path.lower().endswith(_NO_PICTURE)
    except ValueError:
        return True


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        value = value.get("detail") or value.get("message") or ""
    return value if isinstance(value, str) else "" if value is None else str(value)
