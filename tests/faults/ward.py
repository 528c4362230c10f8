"""The ward: orders processes, kills them from outside, and looks at what lies on disk afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from silverprint.core.budget import entry_of
from silverprint.core.job import Job, JobState
from silverprint.core.picture import Picture
from silverprint.store.codec import job_of, picture_of
from silverprint.store.database import Database
from silverprint.testing.provider import read_ledger
from tests.faults.child import KINDS, PAYING, SCHEMAS, ledger

ANSWER_S = 60.0
CHILD = Path(__file__).with_name("child.py")

S = JobState


@dataclass(frozen=True, slots=True)
class Rest:
    """What lies on disk while nothing runs."""

    jobs: dict[str, Job]
    pictures: dict[str, Picture]
    files: set[str]
    sent: Counter[str]
    book: dict[str, Mapping[str, Any]]

    def in_state(self, *states: JobState) -> list[Job]:
        return [job for job in self.jobs.values() if job.state in states]


class Ward:
    """One process that forks the ones to be killed."""

    def __init__(self, child: Path = CHILD) -> None:
        root, others = str(child.parents[2]), os.environ.get("PYTHONPATH", "")
        self._process = subprocess.Popen(
            [sys.executable, str(child)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in (root, others) if path)},
        )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._text = ""
        self._handle: int | None = None

    def __enter__(self) -> Ward:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._kill()
            os.close(self._handle)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(ANSWER_S)
        self._selector.close()
        self._process.stdout.close()

    def order(
        self,
        home: Path,
        *,
        jobs: int = 1,
        stop: str | None = None,
        only: str | None = None,
        answer: bool = False,
        hold: str | None = None,
        day_usd: float | None = None,
    ) -> None:
        """Start a process."""
        self.send(
            {
                "home": str(home),
                "jobs": jobs,
                "stop": stop,
                "only": only,
                "answer": answer,
                "hold": hold,
                "day_usd": day_usd,
            }
        )

    def send(self, order: Mapping[str, object]) -> None:
        """Start a process with an order in the child's own words."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        line = self.line(ANSWER_S)
        assert line is not None
        assert line.startswith("pid "), line
        self._handle = os.pidfd_open(int(line[4:]))

    def line(self, timeout_s: float) -> str | None:
        """The next line it says; None when it said none in time."""
        assert self._process.stdout is not None
        while "\n" not in self._text:
            if not self._selector.select(timeout_s):
                return None
            more = self._process.stdout.read()
            assert more, "the ward is gone"
            self._text += more.decode()
        line, self._text = self._text.split("\n", 1)
        return line

    def kill(self) -> int:
        """SIGKILL from outside; its exit code, 0 when it had ended by itself."""
        self._kill()
        return self.end()

    def end(self) -> int:
        """Wait for its end; its exit code."""
        while True:
            line = self.line(ANSWER_S)
            assert line is not None, "it did not end"
            if line.startswith("ended "):
                assert self._handle is not None
                os.close(self._handle)
                self._handle = None
                return int(line[6:])

    def _kill(self) -> None:
        assert self._handle is not None
        with suppress(ProcessLookupError):  # it has just ended by itself
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)


@contextmanager
def opened(home: Path) -> Iterator[Database]:
    database = Database(home / "silverprint.db", schemas=SCHEMAS)
    try:
        yield database
    finally:
        database.close()


def look(home: Path) -> Rest:
    """Read everything that lies there."""
    with opened(home) as database:
        jobs = [job_of(row) for row in database.table("jobs")]
        pictures = [picture_of(row) for row in database.table("pictures")]
        book: dict[str, Mapping[str, Any]] = {str(row["id"]): row for row in database.table("spend")}
    folder = home / "pictures"
    # A file that was being written beside its name has no picture's name yet, and no reader takes it for one.
    files = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not (path.name.startswith(".") and path.suffix == ".part")
    }
    sent = Counter(job_id for name in KINDS for job_id in read_ledger(ledger(home, name)))
    return Rest(
        jobs={job.id: job for job in jobs},
        pictures={picture.id: picture for picture in pictures},
        files=files,
        sent=sent,
        book=book,
    )


def check(rest: Rest, *, answered: bool = False) -> None:
    """What must hold at any moment, however it was killed."""
    for picture in rest.pictures.values():
        assert rest.jobs[picture.job].state is S.DONE, f"{picture.id} is there, its job is not done"
        assert picture.file.path in rest.files, f"{picture.id} has no file"
    for job in rest.jobs.values():
        name = job.recipe.ref.provider
        sent = rest.sent[job.id]
        assert job.state is not S.FAILED, f"{job.id} at {name}: {job.error}"
        assert answered or job.state is not S.CANCELLED, f"{job.id} at {name}: {job.error}"
        assert sent <= 1, f"{job.id} at {name} was sent {sent} times"
        match job.state:
            case S.DONE:
                wanted = KINDS[name].get("outputs", 1)
                assert len(job.pictures) == wanted, f"{job.id} is done with {job.pictures}"
                for picture_id in job.pictures:
                    assert picture_id in rest.pictures, f"{job.id} is done, {picture_id} is not there"
                assert sent == 1
            case S.WAITING:
                assert sent == 0 or name == "local", f"{job.id} at {name} waits, but was sent"
            case S.RUNNING | S.SAVING:
                assert sent == 1 or name == "now", f"{job.id} at {name} runs, but was never sent"
            case S.UNSURE:
                assert name != "local", f"{job.id} may be sent again at no cost, but asks"
    check_book(rest)


def check_book(rest: Rest) -> None:
    """The money agrees with the jobs at any moment: it is written with them."""
    lines = {entry.key: entry for job in rest.jobs.values() if (entry := entry_of(job)) is not None}
    assert rest.book.keys() == lines.keys()
    for key, entry in lines.items():
        line = rest.book[key]
        assert (line["state"], line["usd"], line["provider"]) == (entry.state, entry.usd, entry.provider), key
    for job in rest.jobs.values():
        if job.state is S.DONE and job.recipe.ref.provider in PAYING:
            assert rest.book[f"{job.id}:{job.tries}"]["state"] == "spent"


GOES_TO: dict[tuple[str, JobState], set[JobState]] = {
    (name, state): ({state, S.UNSURE} if state is S.SENDING else {state, S.SAVING, S.DONE})
    for name in ("cloud", "once", "now")
    for state in (S.SENDING, S.RUNNING, S.SAVING)
}
GOES_TO |= {(name, S.RUNNING): {S.RUNNING, S.SAVING, S.DONE, S.UNSURE} for name in ("once", "now")}


def check_step(before: Rest, after: Rest) -> None:
    """What the next start made of each state it found."""
    for job_id, old in before.jobs.items():
        new = after.jobs[job_id]
        name = old.recipe.ref.provider
        if old.state in (S.DONE, S.UNSURE):
            assert new.state is old.state, f"{job_id} was {old.state} and is {new.state}"
        allowed = GOES_TO.get((name, old.state))
        assert allowed is None or new.state in allowed, f"{job_id} at {name}: {old.state} to {new.state}"
        if old.state in (S.SENDING, S.RUNNING, S.SAVING) and name in ("cloud", "once"):
            assert after.sent[job_id] == before.sent[job_id], f"{job_id} at {name} was sent again"


def check_end(home: Path, rest: Rest, *, answered: bool = False) -> None:
    """What must be so when all has come to rest. ``answered``: a person said not to send what was unsure."""
    check(rest, answered=answered)
    assert {job.state for job in rest.jobs.values()} <= {S.DONE, S.CANCELLED if answered else S.UNSURE}
    assert {job.state for job in rest.jobs.values() if job.recipe.ref.provider == "local"} <= {S.DONE}
    assert {picture.file.path for picture in rest.pictures.values()} == rest.files
    for picture in rest.pictures.values():
        body = (home / "pictures" / picture.file.path).read_bytes()
        assert hashlib.sha256(body).hexdigest() == picture.file.sha256
    assert not list((home / "owners").iterdir())
    left = {path.name for path in (home / "incoming").glob("*")}
    left -= {job.id for job in rest.in_state(S.UNSURE)}  # half an answer, kept until a person decides
    assert not left, f"received and never cleared away: {left}"
