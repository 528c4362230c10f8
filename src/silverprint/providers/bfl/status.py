"""Status: what an answer about a task says, read without trust in its shape.

Black Forest Labs says ``Pending``, ``Ready``, ``Error``, ``Request Moderated``, ``Content Moderated`` and ``Task not
found``; newer models and other makers' servers have words of their own (``Task_Queued``, ``Processing``,
``Generating``), so any word that is not known means that the work goes on. Asking is left to ``adapter.py``.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from silverprint.core.text import one_line

MOST_WORDS = 300

_READY = frozenset({"ready", "succeeded", "success", "completed", "complete", "done", "finished"})
_FAILED = frozenset({"error", "failed", "failure", "cancelled", "canceled", "timeout", "expired"})
_QUEUED = frozenset({"pending", "task queued", "queued", "waiting", "in queue", "created", "submitted"})
_LOST = frozenset({"task not found", "not found", "task unknown"})
_BUSY = frozenset(
    {"processing", "running", "generating", "reasoning", "in progress", "started", "task processing"}
)
_SAMPLES = ("sample", "samples", "image", "images", "url", "urls", "output")
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8")


class Stage(StrEnum):
    """Where a task is."""

    QUEUED = "queued"
    WORKING = "working"
    READY = "ready"
    FAILED = "failed"
    PROMPT_REFUSED = "prompt refused"
    PICTURE_REFUSED = "picture refused"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """An answer, read. ``word`` is the service's own; ``percent`` 0..100 where it tells.

    ``samples`` are links (which may be relative) or data URIs. ``reasons`` say why it failed or was refused, in one
    line. ``seconds`` is how long the making took, ``credits`` what the answer says it cost.
    """

    stage: Stage
    word: str = ""
    percent: int | None = None
    samples: tuple[str, ...] = ()
    seed: int | None = None
    seconds: float | None = None
    credits: float | None = None
    reasons: str = ""

    @property
    def is_known(self) -> bool:
        """Whether the word is one that we know; a word that stays unknown for very long may be an end."""
        return self.stage is not Stage.WORKING or _plain(self.word) in _BUSY


class Heard:
    """What a watch has heard so far."""

    def __init__(self) -> None:
        self.lost = 0
        self.strange = 0
        self.anything = False
        self.percent: int | None = None
        self._word = ""

    def add(self, status: Status) -> None:
        """One more answer."""
        if status.stage is Stage.LOST:
            self.lost += 1
            return
        self.anything = True
        self.strange = self.strange + 1 if not status.is_known and status.word == self._word else 0
        self._word = status.word
        if status.percent is not None:
            self.percent = max(status.percent, self.percent or 0)


def is_status(body: Any) -> bool:
    """Whether a body tells of a task, so that it is read as such whatever its HTTP status was."""
    return isinstance(body, Mapping) and isinstance(body.get("status"), str)


def read_status(body: Mapping[str, Any]) -> Status | None:
    """What a body tells of its task; None when it tells nothing."""
    if not is_status(body):
        return None
    word = one_line(body["status"], most=60)
    stage = _stage(word)
    result = body.get("result")
    told = result if isinstance(result, Mapping) else {}
    return Status(
        stage=stage,
        word=word,
        percent=_percent(body.get("progress")),
        samples=tuple(_links(result)) if stage is Stage.READY else (),
        seed=_whole(told.get("seed")),
        seconds=_seconds(told),
        credits=number(body.get("cost")),
        reasons=_reasons(body) if stage not in (Stage.READY, Stage.QUEUED, Stage.WORKING) else "",
    )


def number(value: Any) -> float | None:
    """A number that is 0 or more, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if value >= 0 else None


def picture_in(sample: str) -> bytes | None:
    """The picture that a sample is, where a server sends bare base64 in place of a link."""
    if len(sample) < 64 or not re.match(r"[A-Za-z0-9+/]{16}", sample):
        return None
    try:
        data = base64.b64decode(sample, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if data.startswith(_MAGIC) else None


def _stage(word: str) -> Stage:
    plain = _plain(word)
    if "moderated" in plain:
        return (
            Stage.PROMPT_REFUSED
            if plain.startswith(("request", "prompt", "input"))
            else Stage.PICTURE_REFUSED
        )
    for known, stage in (
        (_READY, Stage.READY),
        (_FAILED, Stage.FAILED),
        (_QUEUED, Stage.QUEUED),
        (_LOST, Stage.LOST),
    ):
        if plain in known:
            return stage
    return Stage.WORKING


def _plain(word: str) -> str:
    return " ".join(re.split(r"[\s_\-]+", word.strip().lower()))


def _percent(value: Any) -> int | None:
    """0..1 by the specification; above that it is taken for a percentage."""
    told = number(value)
    if told is None or told > 100:
        return None
    return int(told * 100) if told <= 1 else int(told)


def _links(result: Any) -> list[str]:
    if isinstance(result, str):
        return [result] if result.strip() else []
    if isinstance(result, list | tuple):
        return [link for item in result for link in _links(item)]
    if isinstance(result, Mapping):
        for name in _SAMPLES:
            if found := _links(result.get(name)):
                return found
    return []


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _seconds(told: Mapping[str, Any]) -> float | None:
    if (given := number(told.get("duration"))) is not None:
        return given
    begun, ended = number(told.get("start_time")), number(told.get("end_time"))
    return ended - begun if begun is not None and ended is not None and ended >= begun else None


def _reasons(body: Mapping[str, Any]) -> str:
    """Whatever words stand in ``details``, else in the other fields that services put them in."""
    for name in ("details", "error", "message", "detail"):
        if words := _words(body.get(name)):
            return one_line(words, most=MOST_WORDS)
    return ""


def _words(value: Any, depth: int = 0) -> str:
    if isinstance(value, str):
        return value.strip()
    if depth > 3:
        return ""
    parts: list[Any] = []
    if isinstance(value, Mapping):
        parts = list(value.values())[:8]
    elif isinstance(value, list | tuple):
        parts = list(value)[:8]
    return ", ".join(filter(None, (_words(part, depth + 1) for part in parts)))
