"""`jobs`, and what ctrl+c leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from silverprint.core.errors import DiskFull, ModelGone
from silverprint.pictures.intake import Intake
from silverprint.testing import FakeProvider
from tests.cli.conftest import Cli


def failing(point: str) -> FakeProvider:
    provider = FakeProvider()
    provider.fail(point, ModelGone("odd"), times=9)
    return provider


def stopping(signal_number: int) -> FakeProvider:
    """A provider in whose first step somebody presses ctrl+c, or the system asks us to end."""

    async def sleep(_seconds: float) -> None:
        os.kill(os.getpid(), signal_number)
        await asyncio.Event().wait()

    return FakeProvider(step_s=1, sleep=sleep)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_cancels_what_runs_and_leaves_the_rest(cli: Cli, signal_number: int) -> None:
    cli.fake = lambda: stopping(signal_number)
    ran = cli.gen("a fox", "--count", "3", "--json")
    assert ran.code == 130
    assert "Cancelled 1 job." in ran.err
    assert "Left 2 jobs to the next start" in ran.err
    states = [record["state"] for record in cli("jobs", "--all", "--json").records]
    assert sorted(states) == ["cancelled", "waiting", "waiting"]
    assert cli.made[0].cancelled == cli.made[0].submits
    # The next start takes up what was left, before what is new.
    cli.fake = FakeProvider
    assert cli.gen("a cat").code == 0
    states = [record["state"] for record in cli("jobs", "--all", "--json").records]
    assert sorted(states) == ["cancelled", "done", "done", "done"]
    assert cli.sent == 4


def test_a_full_disk_ends_the_command_and_keeps_the_jobs(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise DiskFull("no room left")

    ledger = tmp_path / "ledger"
    cli.fake = lambda: FakeProvider(ledger=ledger)
    with monkeypatch.context() as patch:
        patch.setattr(Intake, "receive", full)
        ran = cli.gen("a fox", "--count", "2")
    assert ran.code == 1
    assert "The queue stopped: no room left" in ran.err
    assert "Left 1 job to the next start." in ran.err
    states = {record["state"]: record["job"] for record in cli("jobs", "--json").records}
    assert states.keys() == {"failed", "waiting"}
    assert states["failed"] in ran.err
    # With room again, the next start makes what waited, and a retry fetches what was received in vain: sent once each.
    assert cli.gen("a cat").code == 0
    assert cli("jobs", "retry", states["failed"]).code == 0
    assert sorted(record["prompt"] for record in cli("ls", "--json").records) == ["a cat", "a fox", "a fox"]
    sent = ledger.read_text().split()
    assert len(sent) == len(set(sent)) == 3


def test_jobs_lists_what_is_open_and_with_all_the_rest(cli: Cli) -> None:
    cli.make("done")
    cli.fake = lambda: failing("submit")
    assert cli.gen("failed").code == 1
    (record,) = cli("jobs", "--json").records
    assert (record["prompt"], record["state"], record["error"]["kind"]) == ("failed", "failed", "ModelGone")
    assert [each["prompt"] for each in cli("jobs", "--all", "--json").records] == ["failed", "done"]
    assert "odd" in cli("jobs").out
    assert len(cli("jobs", "--all", "--limit", "1", "--json").records) == 1


def test_retry_runs_the_job_here_and_now(cli: Cli) -> None:
    cli.fake = lambda: failing("submit")
    cli.gen("a fox", "--seed", "4")
    (failed,) = cli("jobs", "--json").records
    cli.fake = FakeProvider
    ran = cli("jobs", "retry", failed["job"][:12], "--json")
    assert ran.code == 0
    (picture,) = ran.events("picture")
    assert (picture["job"], picture["seed"]) == (failed["job"], 4)
    assert cli("jobs", "retry", failed["job"]).code == 2
    assert "redo" in cli("jobs", "retry", failed["job"]).err


def test_retry_all_and_leave_it_to_the_next_start(cli: Cli) -> None:
    cli.fake = lambda: failing("submit")
    cli.gen("a fox")
    cli.fake = FakeProvider
    assert cli("jobs", "retry", "--all", "--no-wait", "--json").records[0]["state"] == "waiting"
    assert cli.sent == 0
    assert cli("jobs", "cancel", "--all", "--json").records[0]["state"] == "cancelled"
    assert cli("jobs", "retry", "--all").err == "No job failed or is unsure.\n"


def test_cancel_takes_ids_or_all(cli: Cli) -> None:
    cli.fake = lambda: stopping(signal.SIGINT)
    cli.gen("a fox", "--count", "3")
    first, second = (record["job"] for record in cli("jobs", "--json").records)
    ran = cli("jobs", "cancel", first, "--json")
    assert [(record["job"], record["state"]) for record in ran.records] == [(first, "cancelled")]
    assert [record["job"] for record in cli("jobs", "--json").records] == [second]
    assert cli("jobs", "cancel").code == 2
    assert cli("jobs", "cancel", "--all", first).code == 2
    assert cli("jobs", "cancel", "nothing").code == 2
    assert cli("jobs", "cancel", "--all").code == 0
    assert cli("jobs", "--json").records == []


KILLED = """
import asyncio, os, signal
from silverprint.cli.main import run
from silverprint.testing import FakeProvider

async def sleep(_):
    os.kill(os.getpid(), signal.SIGKILL)

run(
    ["gen", "a fox", "--model", "fake:fake"],
    providers={"fake": lambda _: FakeProvider(step_s=1, sleep=sleep)},
)
"""


def test_cancelling_a_job_that_died_with_its_process_says_so_and_holds(cli: Cli) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED], check=False).returncode == -signal.SIGKILL
    assert [record["state"] for record in cli("jobs", "--json").records] == ["running"]
    said = cli("jobs", "cancel", "--all").err
    assert "nobody runs it now; the next start cancels it" in said
    assert cli.gen("a cat").code == 0
    states = [record["state"] for record in cli("jobs", "--all", "--json").records]
    assert sorted(states) == ["cancelled", "done"]
