"""Keys are taken out of words for as long as somebody knows them, also out of the last words of the program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from silverprint.core.discretion import crash_words, hidden
from silverprint.settings.secrets import Secrets

KEY = "sk-marked-0123456789-abcdef"


def boom() -> None:
    held = KEY  # a value that a report with variables would show
    raise RuntimeError(f"could not send {held}")


def test_words_lose_the_keys_that_somebody_knows() -> None:
    words = f"the key {KEY} is refused"
    assert hidden(words) == words
    holder = Secrets({"SILVERPRINT_BFL_KEY": KEY}, keyring=None)
    assert hidden(words) == "the key … is refused"
    del holder
    assert hidden(words) == words


def test_a_crash_report_says_where_and_what_but_no_key() -> None:
    holder = Secrets({"SILVERPRINT_BFL_KEY": KEY}, keyring=None)
    with pytest.raises(RuntimeError) as caught:
        boom()
    words = crash_words(caught.value)
    assert "could not send …" in words
    assert "in boom" in words
    assert KEY not in words
    assert holder.get("bfl") == KEY


def test_the_process_reports_so(tmp_path: Path) -> None:
    program = f"""
import os, sys
os.environ["SILVERPRINT_BFL_KEY"] = {KEY!r}
from silverprint import __main__ as program
from silverprint.settings.secrets import Secrets
import silverprint.cli.main as cli

def run(*_arguments, **_options):
    global holder
    holder = Secrets(keyring=None)
    raise RuntimeError("could not send " + holder.get("bfl"))

cli.run = run
program.main(["ls"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "RuntimeError: could not send …" in done.stderr
    assert KEY not in done.stderr + done.stdout
