"""The program as a process, with its own adapters, at the stand-ins of the services: one line, one picture."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from silverprint.settings.secrets import variable
from tests.standins.__main__ import build
from tests.standins.server import Running, StandIn

MODELS = {
    "replicate": "replicate:black-forest-labs/flux-schnell",
    "fal": "fal:fal-ai/flux/schnell",
    "bfl": "bfl:flux-2-klein-4b",
    "gemini": "gemini:gemini-2.5-flash-image",
    "openai": "openai:gpt-image-1-mini",
}


@contextmanager
def standing_in(name: str) -> Iterator[tuple[StandIn, dict[str, str]]]:
    """A stand-in that runs, and the environment that points the program at it, key and all."""
    standin = build(name)
    with Running(standin.wrapped()) as server:
        env = {
            f"SILVERPRINT_{name.upper()}_{what.upper()}": address
            for what, address in standin.settings(server.url).items()
            if isinstance(address, str) and what.endswith("url")
        }
        yield standin, {**os.environ, **env, variable(name): standin.key}


def program(env: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "silverprint", *args],
        env=env, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", MODELS)
def test_one_line_makes_one_picture(name: str, home: Path) -> None:
    with standing_in(name) as (standin, env):
        done = program(env, "gen", "a red fox", "--model", MODELS[name])
        assert done.returncode == 0, done.stderr
        assert standin.submits == 1
        with Image.open(done.stdout.strip()) as image:
            assert image.width > 0
        tried = program(env, "keys", "test", name)
        assert tried.returncode == 0, tried.stderr
        show = program(env, "show", "--json")
        (shown,) = records(show)
        assert shown["recipe"]["model"].startswith(MODELS[name])
        doctor = program(env, "doctor", "--json")
        (check,) = [one for one in records(doctor) if one.get("provider") == name]
        assert check["key_variable"] == variable(name)
        assert check["addresses"]
        assert all(place["from"].startswith("SILVERPRINT_") for place in check["addresses"].values())
        assert standin.problems == []
    for ran in (done, tried, show, doctor):
        assert standin.key not in ran.stdout + ran.stderr
    for path in home.rglob("*"):
        if path.is_file():
            assert standin.key.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("name", MODELS)
def test_a_wrong_key_says_how_to_mend_it_and_leaves_nothing_behind(name: str, home: Path) -> None:
    wrong = "wrong-key-0123456789-MARKED"
    with standing_in(name) as (_, env):
        env[variable(name)] = wrong
        tried = program(env, "keys", "test", name)
        ran = program(env, "gen", "a red fox", "--model", MODELS[name], "--count", "3")
        assert (tried.returncode, ran.returncode, ran.stdout) == (4, 4, "")
        assert f"silverprint keys set {name}" in tried.stderr
        assert "silverprint keys set" in ran.stderr
        jobs = records(program(env, "jobs", "--all", "--json"))
        # Replicate needs the key for the model's form already, so there it ends before there are any jobs.
        assert len(jobs) == (0 if name == "replicate" else 3)
        assert {job["state"] for job in jobs} <= {"cancelled"}
        assert ("Cancelled 3 jobs that had not been sent:" in ran.stderr) == bool(jobs)
    assert wrong not in tried.stdout + tried.stderr + ran.stdout + ran.stderr


@pytest.mark.parametrize("name", MODELS)
def test_without_a_key_it_says_where_to_get_one(name: str) -> None:
    with standing_in(name) as (standin, env):
        del env[variable(name)]
        ran = program(env, "gen", "a red fox", "--model", MODELS[name])
        assert (ran.returncode, standin.submits) == (4, 0)
        assert f"silverprint keys set {name}" in ran.stderr


@pytest.mark.parametrize("name", MODELS)
def test_a_service_that_is_away_is_unreachable_and_its_models_are_listed_all_the_same(name: str) -> None:
    with standing_in(name) as (_, env):
        pass  # it has gone
    tried = program(env, "keys", "test", name)
    assert tried.returncode == 3, tried.stderr
    listed = program(env, "models", "--provider", name, "--json")
    assert listed.returncode == 0
    assert MODELS[name] in {record["model"] for record in records(listed)}
    # Replicate's forms are each model's own, and none was ever fetched here.
    planned = program(env, "gen", "a red fox", "--model", MODELS[name], "--dry-run")
    assert planned.returncode == (3 if name == "replicate" else 0), planned.stderr


def test_any_model_of_replicate_by_its_name_and_version() -> None:
    with standing_in("replicate") as (standin, env):
        community = next(name for name, model in standin.state.models.items() if not model.official)
        done = program(env, "gen", "a red fox", "--model", f"replicate:{community}", "--json")
        assert done.returncode == 0, done.stderr
        made = [record for record in records(done) if record.get("event") == "picture"]
        assert made[0]["model"].startswith(f"replicate:{community}")


def test_the_catalogue_is_listed_offline_with_what_is_unknown_left_so() -> None:
    env = {**os.environ, **{f"SILVERPRINT_{name.upper()}_URL": "http://127.0.0.1:1" for name in MODELS}}
    done = program(env, "models", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = records(done)
    assert set(MODELS) <= {record["provider"] for record in found}
    assert set(MODELS.values()) <= {record["model"] for record in found}
    for record in found:
        assert (record["price_usd"] is None) == (record["price_source"] is None)
        if record["price_source"] == "table":
            assert record["price_as_of"]
