"""The studio when money or a key is the trouble: the reason stands on the screen, and what waits goes on once it is mended."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.journeys.clouds import choose_model, clouds, open_studio, prompts, records, until
from tests.journeys.program import Program

pytestmark = pytest.mark.journey

STUDIO = [sys.executable, "-m", "silverprint"]
WIDE = (140, 42)
BFL = "bfl:flux-2-klein-4b"
FAL = "fal:fal-ai/flux/schnell"
WRONG = "bfl-wrong-key-0000000000"


def compose(program: Program, ref: str, prompt: str) -> None:
    """Put a prompt and a model on the screen; every wildcard of the prompt is to be made."""
    open_studio(program)
    program.type(prompt)
    program.wait_for("prompts")
    program.press("alt+w")
    program.wait_for("prompts · all")
    choose_model(program, ref)


def test_the_budget_holds_two_of_four_and_is_lifted(home: Path) -> None:
    with clouds(home, "bfl", settings={"budget": {"day_usd": 0.03}}) as found:
        with Program(STUDIO, size=WIDE, env=found.environ) as program:
            compose(program, BFL, "a {red|green|blue|white} kite")
            program.press("ctrl+g")
            program.wait_for("Today's budget", "2 waiting", "$0.028 of $0.03")
            until(program, lambda: len(records(found, "ls")) == 2, "two pictures")
            assert found["bfl"].submits == 2
            program.press("escape")
            program.wait_for("· b lifts it")  # where one types it would be a letter
            program.press("b")
            program.wait_for("Lift the limit until the end of the day?", "2 jobs wait for it")
            program.press("y")
            program.wait_for("today $0.056 of $0.03, lifted")
            program.press("alt+2")
            program.wait_for("4 pictures")
            program.press("ctrl+q")
            assert program.wait_end() == 0
        kites = sorted(f"a {colour} kite" for colour in ("red", "green", "blue", "white"))
        assert sorted(prompts(found["bfl"])) == kites
        found.check()


def test_a_wrong_key_holds_the_job_and_the_right_one_lets_it_go_on(home: Path) -> None:
    with clouds(home, "bfl", keys=False) as found:
        service = found["bfl"]
        (home / "config" / "keys.json").write_text(json.dumps({"bfl": WRONG}), encoding="utf-8")
        with Program(STUDIO, size=WIDE, env=found.environ) as program:
            open_studio(program)
            program.type("a kite")
            choose_model(program, BFL)
            program.press("ctrl+g")
            program.wait_for("does not accept the key", "alt+5 to correct the key")
            assert service.state.tasks == {}
            program.press("alt+5")
            program.wait_for("Services and keys", "not tested")
            program.press("enter")
            program.wait_for("Key for Black Forest Labs")
            program.type(service.key)
            program.wait_for("•" * len(service.key))
            program.press("enter")
            program.wait_for("ok ·", "credits")
            program.press("alt+2")
            program.wait_for("1 picture")
            program.press("ctrl+q")
            assert program.wait_end() == 0
            assert service.key.encode() not in program.output
            assert WRONG.encode() not in program.output
        assert [task.body["prompt"] for task in service.state.tasks.values()] == ["a kite"]
        assert prompts(service) == ["a kite"] * 2  # the refused one, and the one that counted
        assert [job["state"] for job in records(found, "jobs", "--all")] == ["done"]
        found.check()


def test_one_provider_out_of_credit_holds_and_the_others_go_on(home: Path) -> None:
    with clouds(home, "bfl", "fal") as found:
        service = found["bfl"]
        service.state.refuse = (402, {"detail": "Insufficient credits. Please top up."})
        with Program(STUDIO, size=WIDE, env=found.environ) as program:
            compose(program, BFL, "a {red|green|blue} kite")
            program.press("ctrl+g")
            program.wait_for("no credit left", "3 waiting")
            choose_model(program, FAL)
            program.press("ctrl+g")
            program.press("alt+2")
            program.wait_for("3 pictures")
            assert service.state.tasks == {}
            states = sorted(job["state"] for job in records(found, "jobs", "--all"))
            assert states == ["done"] * 3 + ["waiting"] * 3
            service.state.refuse = None
            program.press("alt+3")
            program.wait_for("3 waiting", "o Go on")
            program.press("o")
            program.wait_for("nothing waits, nothing runs")
            program.press("alt+2")
            program.wait_for("6 pictures")
            program.press("ctrl+q")
            assert program.wait_end() == 0
        kites = sorted(f"a {colour} kite" for colour in ("red", "green", "blue"))
        assert sorted(task.body["prompt"] for task in service.state.tasks.values()) == kites
        assert sorted(prompts(found["fal"])) == kites
        found.check()
