"""The services of the table: how each is stood in for, and how to bring about what only it can do.

Owns names and hands on the stand-ins. The faults of the line are in ``faults.py``, the run of one case in ``case.py``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.standins.faults import JSON, Fault, Stage, Way
from tests.standins.server import StandIn

Arrange = Callable[[Any], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One column of the table.

    ``at_once``: the answer to the paid request is the picture. ``arrange`` maps the name of a fault to what brings
    it about in the stand-in's state; ``spoil`` maps one to an exchange that is spoilt instead. ``links``: results
    come by link.
    """

    name: str
    title: str
    standin: str
    model: str
    at_once: bool = False
    links: bool = True
    looks_up: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    provider: str = ""
    arrange: Mapping[str, Arrange] = field(default_factory=dict)
    spoil: Mapping[str, tuple[Stage, Fault]] = field(default_factory=dict)

    def build(self) -> StandIn:
        """A fresh stand-in."""
        standin: StandIn = importlib.import_module(f"tests.standins.{self.standin}").build(**self.options)
        return standin


def _replicate(**fate: Any) -> Arrange:
    def arrange(state: Any) -> None:
        state.fate = type(state.fate)(**fate)

    return arrange


def _set(**values: Any) -> Arrange:
    def arrange(state: Any) -> None:
        for name, value in values.items():
            assert hasattr(state, name), name
            setattr(state, name, value)

    return arrange


def _fal_refuses(state: Any) -> None:
    from tests.standins.fal import Failure

    detail = [
        {"loc": ["body", "prompt"], "msg": "flagged by the checker", "type": "content_policy_violation"}
    ]
    state.fail_next = [Failure(422, {"detail": detail})]


def _fal_fails(state: Any) -> None:
    from tests.standins.fal import Failure

    state.fail_next = [Failure(500, {"detail": "boom", "error_type": "runner_server_error"})]


def _refusal(status: int, body: Any) -> tuple[Stage, Fault]:
    return Stage.SUBMIT, Fault(name="its own", way=Way.STATUS, status=status, body=body, headers=JSON)


SERVICES: tuple[Service, ...] = (
    Service(
        name="replicate",
        title="Replicate",
        standin="replicate",
        model="black-forest-labs/flux-dev",
        looks_up=True,
        arrange={
            "moderation": _replicate(error="The input was flagged as sensitive. (E005)"),
            "failure": _replicate(error="CUDA out of memory (E1001)"),
            "unknown status": _replicate(words=("queued_somewhere", "thinking")),
            "slow queue": _replicate(waits=60),
            "expired result": _replicate(expired=True),
        },
        spoil={
            "no credit": _refusal(
                402,
                {"title": "Insufficient credit", "detail": "You have insufficient credit to run this model."},
            ),
            "wrong key": _refusal(401, {"title": "Unauthenticated", "detail": "You did not pass a token"}),
        },
    ),
    Service(
        name="fal",
        title="fal",
        standin="fal",
        model="fal-ai/flux/schnell",
        looks_up=True,
        arrange={
            "moderation": _fal_refuses,
            "failure": _fal_fails,
            "unknown status": _set(words=["SOMEWHERE", "THINKING"]),
            "slow queue": _set(queue_polls=60),
            "expired result": _set(expired=True),
        },
        spoil={
            "no credit": _refusal(
                403, {"detail": "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai."}
            ),
            "wrong key": _refusal(401, {"detail": "No user found for Key ID and Secret"}),
        },
    ),
    Service(
        name="bfl",
        title="BFL",
        standin="bfl",
        model="flux-2-klein-4b",
        arrange={
            "moderation": _set(outcome="Content Moderated"),
            "failure": _set(outcome="Error"),
            "unknown status": _set(words=("Reasoning", "Somewhere")),
            "slow queue": _set(words=("Pending",) * 60),
            "expired result": _set(outcome="Task not found"),
        },
        spoil={
            "no credit": _refusal(402, {"detail": "Insufficient credits. Please top up."}),
            "wrong key": _refusal(403, {"detail": "Not authenticated"}),
        },
    ),
    Service(
        name="mybox",
        title="BFL-compatible",
        standin="bfl",
        model="flux-2-klein-4b",
        options={"compatible": True},
        provider="mybox",
        arrange={
            "moderation": _set(outcome="Request Moderated"),
            "failure": _set(outcome="Error"),
            "unknown status": _set(words=("Reasoning", "Somewhere")),
            "slow queue": _set(words=("Task_Queued",) * 60),
            "expired result": _set(outcome="Task not found"),
        },
        spoil={
            "no credit": _refusal(402, {"detail": "no credit"}),
            "wrong key": _refusal(401, {"detail": "wrong token"}),
        },
    ),
    Service(
        name="gemini",
        title="Gemini",
        standin="gemini",
        model="gemini-2.5-flash-image",
        at_once=True,
        links=False,
        arrange={"moderation": _set(finish="IMAGE_SAFETY"), "failure": _set(finish="NO_IMAGE")},
        spoil={
            "no credit": _refusal(
                400,
                {
                    "error": {
                        "code": 400,
                        "message": "Billing is off for this project.",
                        "status": "FAILED_PRECONDITION",
                    }
                },
            ),
            "wrong key": _refusal(
                400,
                {
                    "error": {
                        "code": 400,
                        "message": "API key not valid. Please pass a valid API key.",
                        "status": "INVALID_ARGUMENT",
                        "details": [
                            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
                        ],
                    }
                },
            ),
        },
    ),
    Service(
        name="openai",
        title="OpenAI",
        standin="openai",
        model="gpt-image-2",
        at_once=True,
        links=False,
        spoil={
            "moderation": _refusal(
                400,
                {
                    "error": {
                        "message": "Your request was rejected by the safety system.",
                        "type": "image_generation_user_error",
                        "param": None,
                        "code": "moderation_blocked",
                    }
                },
            ),
            "failure": _refusal(
                400,
                {
                    "error": {
                        "message": "it can't be done",
                        "type": "server_error",
                        "param": None,
                        "code": None,
                    }
                },
            ),
            "no credit": _refusal(
                429,
                {
                    "error": {
                        "message": "You exceeded your current quota.",
                        "type": "insufficient_quota",
                        "param": None,
                        "code": "insufficient_quota",
                    }
                },
            ),
            "wrong key": _refusal(
                401,
                {
                    "error": {
                        "message": "Incorrect API key provided",
                        "type": "x",
                        "param": None,
                        "code": "invalid_api_key",
                    }
                },
            ),
        },
    ),
    Service(
        name="myimages",
        title="OpenAI-compatible",
        standin="openai",
        model="sd-turbo",
        provider="myimages",
        options={"compatible": True},
        at_once=True,
        spoil={
            "moderation": _refusal(400, {"error": {"message": "blocked", "code": "moderation_blocked"}}),
            "failure": _refusal(400, {"detail": "it can't be done"}),
            "no credit": _refusal(402, {"detail": "no credit"}),
            "wrong key": _refusal(401, {"detail": "wrong token"}),
        },
    ),
    Service(
        name="hf",
        title="Hugging Face",
        standin="hf",
        model="black-forest-labs/FLUX.1-dev",
        at_once=True,
        links=False,
        spoil={
            "moderation": _refusal(451, {"error": "This prompt is refused."}),
            "failure": _refusal(400, {"error": "it can't be done"}),
            "no credit": _refusal(
                402, {"error": "You have exceeded your monthly included credits for Inference Providers."}
            ),
            "wrong key": _refusal(401, {"error": "Invalid username or password."}),
        },
    ),
)
