"""Account: the person's account at a fake service, with its key and its credit, and the counting of what was sent."""

from __future__ import annotations

import os
from pathlib import Path

from silverprint.core.errors import KeyMissing, KeyRefused, OutOfCredit

GOOD_KEY = "a-good-key"


class Account:
    """What a service knows of a person. ``key`` is what they have set; ``credit`` how many jobs it still pays, None any."""

    def __init__(self, title: str, *, needs_key: bool, credit: int | None) -> None:
        self.title = title
        self.needs_key = needs_key
        self.key: str | None = None
        self.credit = credit

    def check_key(self) -> None:
        """Raises KeyMissing, KeyRefused."""
        if self.needs_key and self.key is None:
            raise KeyMissing(f"{self.title} needs a key.")
        if self.needs_key and self.key != GOOD_KEY:
            raise KeyRefused(f"{self.title} does not accept the key.")

    def check(self) -> None:
        """Raises KeyMissing, KeyRefused, OutOfCredit."""
        self.check_key()
        if self.credit == 0:
            raise OutOfCredit(f"The account at {self.title} has no credit left.")

    def charge(self) -> None:
        """One job was taken."""
        if self.credit is not None:
            self.credit -= 1


def write_ledger(path: Path, job_id: str) -> None:
    """Append a line, durable when this returns."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, f"{job_id}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)


def read_ledger(path: Path) -> list[str]:
    """The lines of a ledger; none when there is no file yet."""
    try:
        return path.read_text().split()
    except FileNotFoundError:
        return []
