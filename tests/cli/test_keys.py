"""`keys`: where they go, what is said of them, and that none ever shows."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from silverprint.core.errors import KeyMissing, KeyRefused, SettingsError, Unreachable
from silverprint.core.provider import ModelInfo, Provider, ProviderContext
from silverprint.core.recipe import Recipe
from silverprint.core.ticket import Ticket
from tests.cli.cloud import PAGE, Cloud
from tests.cli.conftest import Cli

KEY = "sk-MARKED-0123456789-abcd"
END = KEY[-4:]


def cloud(context: ProviderContext) -> Provider:
    return Cloud(context)


def careless(context: ProviderContext) -> Provider:
    return Cloud(context, refused=[KEY])


def away(context: ProviderContext) -> Provider:
    class Away(Cloud):
        async def probe(self) -> str:
            raise Unreachable(f"Away is not there (asked with {self.context.secret('away')}).")

    return Away(context)


def broken(context: ProviderContext) -> Provider:
    raise SettingsError("providers.broken.url is not an address.", fix="Correct it.")


@pytest.fixture
def keyed(cli: Cli) -> Cli:
    cli.more = {"cloud": cloud, "away": away}
    return cli


def saved(home: Path) -> dict[str, str]:
    found = json.loads((home / "config" / "keys.json").read_text())
    assert isinstance(found, dict)
    return found


def test_a_key_from_a_pipe_is_kept_listed_tested_and_removed(keyed: Cli, home: Path) -> None:
    ran = keyed("keys", "set", "cloud", stdin=f"{KEY}\n".encode())
    assert (ran.code, ran.out) == (0, "")
    assert saved(home) == {"cloud": KEY}
    assert (home / "config" / "keys.json").stat().st_mode & 0o777 == 0o600
    (row,) = [line for line in keyed("keys", "list").out.splitlines() if line.startswith("cloud")]
    assert row.split("\t") == ["cloud", f"••••{END}", "file", PAGE]
    tried = keyed("keys", "test", "cloud")
    assert (tried.code, tried.out) == (0, "cloud: account cloud-user, key …\n")
    ran = keyed("keys", "remove", "cloud")
    assert (ran.code, "the key is removed" in ran.err) == (0, True)
    assert saved(home) == {}
    assert "no key was kept" in keyed("keys", "remove", "cloud").err


def test_the_list_tells_where_each_key_comes_from(keyed: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SILVERPRINT_CLOUD_KEY", KEY)
    by = {record["name"]: record for record in keyed("keys", "list", "--json").records}
    assert by.keys() == {"cloud", "away"}
    assert by["cloud"] == {
        "name": "cloud", "title": "Cloud", "is_set": True, "from": "environment", "variable": "SILVERPRINT_CLOUD_KEY",
        "needs_key": True, "page": PAGE, "problem": None,
    }  # fmt: skip
    assert (by["away"]["is_set"], by["away"]["from"], by["away"]["variable"]) == (False, None, None)
    assert "environment, SILVERPRINT_CLOUD_KEY" in keyed("keys", "list").out


def test_a_short_key_shows_nothing_of_itself(keyed: Cli) -> None:
    keyed("keys", "set", "cloud", stdin=b"hush-hush")
    out = keyed("keys", "list").out
    assert "••••\t" in out
    assert "hush" not in out


def test_a_variable_that_wins_or_stays_is_told(keyed: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SILVERPRINT_CLOUD_KEY", "another-key-0123456789")
    assert (
        "SILVERPRINT_CLOUD_KEY in the environment is used before it"
        in keyed("keys", "set", "cloud", stdin=KEY.encode()).err
    )
    assert "SILVERPRINT_CLOUD_KEY in the environment stays" in keyed("keys", "remove", "cloud").err


def test_the_own_servers_have_keys_by_their_names(keyed: Cli, home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "settings.toml").write_text('[providers.attic]\nkind = "fake"\n')
    assert keyed("keys", "set", "attic", stdin=KEY.encode()).code == 0
    assert saved(home) == {"attic": KEY}
    by = {record["name"]: record for record in keyed("keys", "list", "--json").records}
    assert (by["attic"]["from"], by["attic"]["needs_key"]) == ("file", False)


def test_the_key_of_a_service_that_cant_be_loaded_can_still_be_set(cli: Cli, home: Path) -> None:
    cli.more = {"bfl": broken}
    assert cli("keys", "set", "bfl", stdin=KEY.encode()).code == 0
    assert saved(home) == {"bfl": KEY}
    listed = cli("keys", "list", "--json").records
    assert [(record["name"], record["problem"]) for record in listed] == [
        ("bfl", "providers.broken.url is not an address.")
    ]
    assert cli("keys", "test", "bfl").code == 2


@pytest.mark.parametrize(
    "args",
    [
        ["keys", "set", "cloud", KEY],
        ["keys", "set", KEY],
        ["keys", "set", f"--key={KEY}"],
        ["keys", "set", "cloud", "--", KEY],
        ["keys", "set", "-" + KEY],
        ["keys", KEY],
        ["keys", "list", KEY],
        ["keys", "test", KEY],
        ["keys", "remove", KEY],
        ["keys", "remove", "cloud", KEY],
    ],
)
def test_a_key_typed_as_an_argument_is_refused_and_not_repeated(
    keyed: Cli, args: list[str], home: Path
) -> None:
    ran = keyed(*args, stdin=b"")
    assert (ran.code, ran.out) == (2, "")
    assert KEY not in ran.err
    assert not (home / "config" / "keys.json").exists()


def test_an_unknown_name_brings_near_ones_and_older_names_go_on(keyed: Cli, home: Path) -> None:
    ran = keyed("keys", "test", "clud")
    assert (ran.code, "did you mean cloud?" in ran.err) == (2, True)
    assert "cloud, away" in ran.err or "away, cloud" in ran.err
    assert keyed("keys", "set", "pocket", stdin=KEY.encode()).code == 2
    keyed.more = {"hf": cloud}
    assert keyed("keys", "set", "HuggingFace", stdin=KEY.encode()).code == 0
    assert saved(home) == {"hf": KEY}


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"two\nlines", b"Bearer " + KEY.encode(), b"\xff\xfe", b"x" * 9_000]
)
def test_what_is_no_key_is_refused(keyed: Cli, home: Path, data: bytes) -> None:
    ran = keyed("keys", "set", "cloud", stdin=data)
    assert ran.code == 2
    assert "That is not a key." in ran.err
    assert KEY not in ran.err
    assert not (home / "config" / "keys.json").exists()


def test_testing_gives_the_account_or_the_error_with_its_fix_and_a_code(keyed: Cli) -> None:
    keyed("keys", "set", "cloud", stdin=KEY.encode())
    keyed("keys", "set", "away", stdin=KEY.encode())
    ran = keyed("keys", "test", "--json")
    assert ran.code == 3
    by = {record["name"]: record for record in ran.records}
    assert (by["cloud"]["ok"], by["cloud"]["said"]) == (True, "account cloud-user, key …")
    assert (by["away"]["ok"], by["away"]["kind"], bool(by["away"]["fix"])) == (
        False,
        Unreachable.__name__,
        True,
    )
    keyed.more = {"cloud": careless, "away": away}
    ran = keyed("keys", "test")
    assert ran.code == 4
    assert "Cloud says: invalid key …" in ran.err
    assert "Check ….\n" in ran.err
    (record,) = keyed("keys", "test", "cloud", "--json").records
    assert (record["kind"], record["message"]) == (KeyRefused.__name__, "Cloud says: invalid key …")


def test_testing_without_a_key(keyed: Cli) -> None:
    ran = keyed("keys", "test")
    assert (ran.code, "No key is set" in ran.err) == (4, True)
    (record,) = keyed("keys", "test", "cloud", "--json").records
    assert record["kind"] == KeyMissing.__name__
    assert keyed("keys", "test", "cloud").code == 4


def test_no_command_shows_a_key(keyed: Cli, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Every command that may meet a key, at a service that repeats it wherever it can."""

    class Loose(Cloud):
        async def models(self, query: str = "") -> Sequence[ModelInfo]:
            raise KeyRefused(f"no models for {self.context.secret('loose')}")

        async def submit(self, recipe: Recipe, *, job_id: str) -> Ticket:
            raise KeyRefused(
                f"not with {self.context.secret('loose')}", fix=f"Change {self.context.secret('loose')}"
            )

    keyed.more = {"loose": lambda context: Loose(context, refused=[KEY])}
    monkeypatch.setenv("SILVERPRINT_LOOSE_KEY", KEY)
    model = "loose:loose"
    for args in (
        ["keys", "list"], ["keys", "list", "--json"], ["keys", "test"], ["keys", "test", "loose", "--json"],
        ["keys", "set", "loose"], ["keys", "remove", "loose"],
        ["models"], ["models", "fox", "--json"], ["models", "show", model], ["models", "show", model, "--json"],
        ["gen", "a fox", "--model", model, "--dry-run"], ["gen", "a fox", "--model", model],
        ["gen", "a fox", "--model", model, "--json"], ["gen", "--help", "--model", model],
        ["jobs", "--all"], ["jobs", "--all", "--json"], ["jobs", "retry", "--all"], ["ls", "--json"], ["spend", "--json"],
        ["doctor"], ["doctor", "--json"], ["doctor", "--online"], ["doctor", "--online", "--json"], ["rebuild"],
    ):  # fmt: skip
        ran = keyed(*args, stdin=KEY.encode())
        assert KEY not in ran.out + ran.err, args
        assert "Traceback" not in ran.err, args
    assert KEY in (home / "config" / "keys.json").read_text() or saved(home) == {}


PROGRAM = """
import sys
from silverprint.cli.main import run
from tests.cli.cloud import Cloud
sys.exit(run(sys.argv[1:], providers={"cloud": Cloud}))
"""


def environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}


def test_the_prompt_on_a_terminal_shows_nothing_of_the_key(home: Path) -> None:
    process, line = pty.fork()
    if process == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        os.execve(sys.executable, [sys.executable, "-c", PROGRAM, "keys", "set", "cloud"], environ())
    written, typed, until = b"", False, time.monotonic() + 60
    while time.monotonic() < until:
        if not select.select([line], [], [], 1)[0]:
            continue
        try:
            piece = os.read(line, 65_536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        written += piece
        if not typed and b"Key for Cloud" in written and not termios.tcgetattr(line)[3] & termios.ECHO:
            os.write(line, f"{KEY}\n".encode())
            typed = True
    os.close(line)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert PAGE.encode() in written
    assert KEY.encode() not in written
    assert saved(home) == {"cloud": KEY}


def test_a_key_in_a_pipe_of_a_real_process(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "keys", "set", "cloud"],
        input=KEY.encode(), capture_output=True, env=environ(), timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"")
    assert KEY.encode() not in done.stderr
    assert saved(home) == {"cloud": KEY}
