"""What can go wrong on the line, by the stage of a job's life, and what must become of the job then.

The expectation is written by hand and by rule (DESIGN: nothing paid for is lost, nothing is sent twice); the table
in docs/reliability.md is made of what was seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.reliability.services import Service
from tests.standins.faults import HTML, JSON, PAGE, Fault, Stage, Way

Trouble = Literal["line", "dead", "unknown name", "no tls"]

DONE = "done"
UNSURE = "asks you"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: what strikes where. ``arranged`` rows are brought about in the service itself."""

    name: str
    stage: Stage
    fault: Fault | None = None
    trouble: Trouble = "line"
    arranged: bool = False

    @property
    def id(self) -> str:
        """A name for the test."""
        return f"{self.stage}: {self.name}"


def _status(status: int, **more: object) -> Fault:
    body = more.get("body", {"detail": "so it is"})
    headers = more.get("headers", JSON)
    assert isinstance(headers, tuple)
    return Fault(name=str(status), way=Way.STATUS, status=status, body=body, headers=headers)


def _asks_to_wait(status: int) -> Fault:
    return _status(status, headers=(*JSON, ("Retry-After", "7")))


FIELDS = {"detail": [{"loc": ["body", "prompt"], "msg": "too long", "type": "value_error"}]}
ODD = {"everything": ["is", "different", {"here": None}]}

_WAYS: tuple[tuple[str, Fault], ...] = (
    ("line reset before the request is taken", Fault(name="reset before", way=Way.DROP_BEFORE)),
    ("line reset after it was taken", Fault(name="reset after", way=Way.DROP_AFTER)),
    ("no answer, request not taken", Fault(name="hang before", way=Way.HANG_BEFORE)),
    ("no answer, request taken", Fault(name="hang after", way=Way.HANG_AFTER)),
    ("answer cut short", Fault(name="cut", way=Way.CUT)),
    ("reset in mid-answer", Fault(name="reset", way=Way.RESET)),
    ("answer shorter than announced", Fault(name="short", way=Way.SHORT)),
    ("401", _status(401)),
    ("402", _status(402)),
    ("403", _status(403)),
    ("404", _status(404)),
    ("409", _status(409)),
    ("422 with fields", _status(422, body=FIELDS)),
    ("429 with Retry-After", _asks_to_wait(429)),
    ("429 without", _status(429)),
    ("500", _status(500)),
    ("503", _status(503)),
    ("a web page instead of an answer", _status(200, body=PAGE, headers=HTML)),
    ("JSON of another shape", _status(200, body=ODD)),
    ("a JSON list", _status(200, body=[1, 2])),
)

_RESULT = (
    "line reset before the request is taken",
    "no answer, request not taken",
    "answer cut short",
    "reset in mid-answer",
    "answer shorter than announced",
    "403",
    "404",
    "429 with Retry-After",
    "500",
    "503",
    "a web page instead of an answer",
)

ROWS: tuple[Row, ...] = (
    Row(name="connection refused", stage=Stage.SUBMIT, trouble="dead"),
    Row(name="name not known", stage=Stage.SUBMIT, trouble="unknown name"),
    Row(name="no secure connection", stage=Stage.SUBMIT, trouble="no tls"),
    *(Row(name=name, stage=Stage.SUBMIT, fault=fault) for name, fault in _WAYS),
    Row(name="wrong key, in its own words", stage=Stage.SUBMIT, arranged=True),
    Row(name="no credit, in its own words", stage=Stage.SUBMIT, arranged=True),
    *(Row(name=name, stage=Stage.WATCH, fault=fault) for name, fault in _WAYS),
    Row(name="an unknown status", stage=Stage.WATCH, arranged=True),
    Row(name="a slow queue", stage=Stage.WATCH, arranged=True),
    Row(name="refused by moderation", stage=Stage.WATCH, arranged=True),
    Row(name="the model fails", stage=Stage.WATCH, arranged=True),
    Row(name="the result has expired", stage=Stage.WATCH, arranged=True),
    *(Row(name=name, stage=Stage.RESULT, fault=fault) for name, fault in _WAYS if name in _RESULT),
    Row(
        name="link expired for good",
        stage=Stage.RESULT,
        fault=Fault(name="expired", way=Way.STATUS, status=403, body={}, headers=JSON, times=0),
    ),
)

ARRANGED = {
    "wrong key, in its own words": "wrong key",
    "no credit, in its own words": "no credit",
    "an unknown status": "unknown status",
    "a slow queue": "slow queue",
    "refused by moderation": "moderation",
    "the model fails": "failure",
    "the result has expired": "expired result",
}


def applies(row: Row, service: Service) -> str:
    """Empty when the service can meet the row; else the words for its cell."""
    if row.stage is Stage.WATCH and service.at_once:
        what = ARRANGED.get(row.name, "")
        if what not in service.spoil and what not in service.arrange:
            return "never: it answers at once"
    if row.stage is Stage.RESULT and not service.links:
        return "never: the picture lies in the answer"
    return ""


_SUBMIT = {
    "connection refused": "failed: unreachable",
    "name not known": "failed: unreachable",
    "no secure connection": "failed: unreachable",
    "line reset before the request is taken": UNSURE,
    "line reset after it was taken": UNSURE,
    "no answer, request not taken": UNSURE,
    "no answer, request taken": UNSURE,
    "answer cut short": UNSURE,
    "reset in mid-answer": UNSURE,
    "answer shorter than announced": UNSURE,
    "401": "waits: key refused",
    "402": "waits: out of credit",
    "403": "waits: key refused",
    "404": "failed: model gone",
    "409": "failed: refused",
    "422 with fields": "failed: bad recipe",
    "429 with Retry-After": DONE,
    "429 without": DONE,
    "500": UNSURE,
    "503": DONE,
    "a web page instead of an answer": UNSURE,
    "JSON of another shape": UNSURE,
    "a JSON list": UNSURE,
    "wrong key, in its own words": "waits: key refused",
    "no credit, in its own words": "waits: out of credit",
}
_TAKEN = frozenset(
    {
        "line reset after it was taken",
        "no answer, request taken",
        "answer cut short",
        "reset in mid-answer",
        "answer shorter than announced",
    }
)
_WATCH = {
    "401": "waits: key refused",
    "402": "waits: out of credit",
    "403": "waits: key refused",
    "404": "failed: expired",
    "409": "failed: bad answer",
    "422 with fields": "failed: bad answer",
    "JSON of another shape": "failed: bad answer",
    "a JSON list": "failed: bad answer",
    "refused by moderation": "failed: content refused",
    "the model fails": "failed: refused",
    "the result has expired": "failed: expired",
}
EXCEPTIONS: dict[tuple[str, Stage, str], str] = {
    # "Task not found" happens for a moment after a submit, so a few are allowed.
    ("bfl", Stage.WATCH, "404"): DONE,
    ("mybox", Stage.WATCH, "404"): DONE,
    # There a failure is told like a mistake in the request.
    ("openai", Stage.WATCH, "the model fails"): "failed: bad recipe",
    ("myimages", Stage.WATCH, "the model fails"): "failed: bad recipe",
    ("hf", Stage.WATCH, "the model fails"): "failed: bad recipe",
}


def expected(row: Row, service: Service) -> str:
    """What must become of the job."""
    special = EXCEPTIONS.get((service.name, row.stage, row.name))
    if special is not None:
        return special
    match row.stage:
        case Stage.SUBMIT:
            if service.looks_up and row.name in _TAKEN:
                return DONE  # found again at the service
            return _SUBMIT[row.name]
        case Stage.WATCH:
            return _WATCH.get(row.name, DONE)
        case Stage.RESULT:
            # Who answers only once can't be asked for a fresh link.
            gone = row.name == "link expired for good" or (service.at_once and row.name in ("403", "404"))
            return "failed: expired" if gone else DONE


def sent_most(row: Row, service: Service) -> int:
    """How many paid requests may reach the service: one, always. Those the line answered itself never reached it."""
    return 1
