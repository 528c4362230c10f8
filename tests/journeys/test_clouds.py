"""The studio at the clouds, as a person meets it: choose a model, type, develop, and have the picture, whatever happens."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from silverprint.pictures.metadata import read
from tests.journeys.clouds import choose_model, clouds, hold, open_studio, prompts, records, silverprint
from tests.journeys.program import Program

pytestmark = pytest.mark.journey

STUDIO = [sys.executable, "-m", "silverprint"]
WIDE, NARROW = (140, 42), (80, 24)
REPLICATE = "replicate:black-forest-labs/flux-schnell"
FAL = "fal:fal-ai/flux/schnell"
BFL = "bfl:flux-2-klein-4b"


def leave(program: Program) -> None:
    program.press("ctrl+q")
    assert program.wait_end() == 0


@pytest.mark.parametrize(
    ("ref", "size", "progress"),
    [
        (REPLICATE, WIDE, "step 4/4"),
        (REPLICATE, NARROW, "step 4/4"),
        (FAL, WIDE, "step 1/3"),
        (BFL, WIDE, "step 50/100"),
    ],
)
def test_choose_a_model_develop_and_find_the_picture(
    home: Path, ref: str, size: tuple[int, int], progress: str
) -> None:
    name = ref.partition(":")[0]
    with clouds(home, name) as found:
        service = found[name]
        hold(service, True)
        if name == "bfl":
            service.state.progress = (None, 0.5)
        with Program(STUDIO, size=size, env=found.environ) as program:
            open_studio(program)
            choose_model(program, ref)
            program.type("a lighthouse in fog")
            program.wait_for("a lighthouse in fog")
            program.press("ctrl+g")
            program.wait_for(f"{name} 1 running", progress)
            hold(service, False)
            program.wait_for("▀▀▀", "seed ")
            program.press("alt+2")
            program.wait_for("1 picture", "a lighthouse in")
            leave(program)
        assert prompts(service) == ["a lighthouse in fog"]
        (made,) = records(found, "ls")
        assert (made["prompt"], made["model"]) == ("a lighthouse in fog", ref)
        found.check()


def test_the_third_assignment_is_one_line(home: Path) -> None:
    """Call Replicate, get the picture into the application; its recipe is in the file, and reads back."""
    with clouds(home, "replicate") as found:
        done = silverprint(found, "gen", "--model", REPLICATE, "a lighthouse in fog")
        file = Path(done.stdout.strip())
        note = read(file)
        assert note is not None
        assert "a lighthouse in fog" in note.parameters
        (home / "data" / "history.sqlite3").unlink()
        silverprint(found, "rebuild")
        (made,) = records(found, "show")
        recipe = made["recipe"]
        assert (recipe["prompt"], recipe["model"]) == ("a lighthouse in fog", REPLICATE)
        assert isinstance(recipe["seed"], int)
        assert prompts(found["replicate"]) == ["a lighthouse in fog"]
        found.check()


@pytest.mark.parametrize("ref", [REPLICATE, FAL, BFL])
def test_killed_in_mid_job_and_taken_up(home: Path, ref: str) -> None:
    name = ref.partition(":")[0]
    with clouds(home, name) as found:
        hold(found[name], True)
        with Program(STUDIO, size=WIDE, env=found.environ) as program:
            open_studio(program)
            choose_model(program, ref)
            program.type("a harbour at night")
            program.press("ctrl+g")
            program.wait_for("· running")  # its ticket is on disk: that comes first
            program.kill(signal.SIGKILL)
        hold(found[name], False)
        with Program(STUDIO, size=WIDE, env=found.environ) as program:
            program.wait_for("▀▀▀", "a harbour at night")
            program.press("alt+2")
            program.wait_for("1 picture")
            leave(program)
        assert prompts(found[name]) == ["a harbour at night"]
        assert [job["state"] for job in records(found, "jobs", "--all")] == ["done"]
        found.check()


def test_twenty_jobs_at_four_providers_while_a_person_types(home: Path) -> None:
    """A server of one's own beside three services: each job is sent once, and the prompt never waits for any."""
    choices = {
        "replicate": REPLICATE,
        "fal": FAL,
        "bfl": BFL,
        "atelier": "atelier:my/own-model",
    }
    with clouds(home, "replicate", "fal", "bfl", own="atelier") as found:
        for service in found.services.values():
            hold(service, True)
        with Program(STUDIO, size=WIDE, env=found.environ) as program:
            open_studio(program)
            program.type("one {red|green|blue|white|black} boat")
            program.wait_for("5 prompts")
            program.press("alt+w")
            program.wait_for("5 prompts · all")
            for name, ref in choices.items():
                choose_model(program, ref)
                program.press("ctrl+g")
                program.wait_for(f"{name} 4 running" if name == "atelier" else f"{name} 5 running")
            program.wait_for(
                "bfl 5 running", "fal 5 running", "replicate 5 running", "atelier 4 running, 1 waiting"
            )
            program.type(" seen-from-the-pier")
            program.wait_for("seen-from-the-pier")
            for service in found.services.values():
                hold(service, False)
            program.type(" at-dawn")
            program.wait_for("at-dawn")
            program.press("alt+3")
            program.wait_for("nothing waits, nothing runs")
            program.press("alt+2")
            program.wait_for("20 pictures")
            leave(program)
        boats = sorted(f"one {colour} boat" for colour in ("red", "green", "blue", "white", "black"))
        for service in found.services.values():
            assert sorted(prompts(service)) == boats
        assert [job["state"] for job in records(found, "jobs", "--all")] == ["done"] * 20
        found.check()
