"""TinyDB's own published tests, run against our database and table.

They come from its source distribution, which is fetched once and kept in ``.cache/``; ``TINYDB_SDIST`` names a file that
is at hand already. What is left out stands in ``tinydb_left_out.toml`` with its reason.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "tinydb"
NAME = "tinydb-4.9.0.tar.gz"
SHA256 = "6928b1fa785186bda7952a0ba05aaeedc883ede565ca9c7d608de44e5e75de70"
PASSED = 194
# Each test gets a home of its own, which would hide where a person has told pip to look for packages.
OUTSIDE = dict(os.environ)


def source_distribution() -> Path:
    """The checked source distribution, fetched if need be."""
    given = OUTSIDE.get("TINYDB_SDIST")
    path = Path(given) if given else CACHE / NAME
    if not path.exists():
        fetch(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256, f"{path} is not TinyDB 4.9.0 as published"
    return path


def fetch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        wanted = ["--no-deps", "--no-binary", "tinydb", "--dest", folder, "tinydb==4.9.0"]
        done = subprocess.run([*command, *wanted], env=OUTSIDE, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(
                f"TinyDB's source distribution could not be fetched. Put {NAME} into {CACHE}, or name it in TINYDB_SDIST.\n"
                + done.stderr
            )
        (Path(folder) / NAME).replace(path)


def left_out() -> set[str]:
    listed = tomllib.loads((HERE / "tinydb_left_out.toml").read_text(encoding="utf-8"))
    assert all(group["reason"] for group in listed.values())
    return {each for group in listed.values() for each in group["ids"]}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tinydb")
    with tarfile.open(source_distribution()) as archive:
        archive.extractall(folder, filter="data")
    root = folder / "tinydb-4.9.0"
    # Only the tests: the TinyDB they import is the installed one.
    assert (root / "tests" / "test_tables.py").exists()
    (root / "empty.ini").write_text("[pytest]\n", encoding="utf-8")
    return root


def run_suite(
    root: Path, *options: str, without: Iterable[str] = ()
) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
    outcomes = root / "outcomes.json"
    environment = {
        **OUTSIDE,
        "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, [OUTSIDE.get("PYTHONPATH")])]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SILVERPRINT_TINYDB_OUTCOMES": str(outcomes),
        "SILVERPRINT_TINYDB_LEFT_OUT": json.dumps(sorted(without)),
    }
    environment.pop("PYTEST_ADDOPTS", None)
    command = [sys.executable, "-m", "pytest", "-c", "empty.ini", "--rootdir", ".", "--import-mode=importlib"]
    plugins = ["-p", "tinydb_substitute", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, *plugins, "-q", *options, "tests"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcomes.exists(), done.stdout + done.stderr
    return done, json.loads(outcomes.read_text(encoding="utf-8"))


def test_tinydbs_published_tests_pass_on_our_table(suite: Path) -> None:
    listed = left_out()
    collected, _ = run_suite(suite, "--collect-only")
    known = {line for line in collected.stdout.splitlines() if "::" in line}
    assert listed <= known, f"no longer among TinyDB's tests: {sorted(listed - known)}"

    done, outcomes = run_suite(suite, without=listed)
    assert set(outcomes) == known - listed
    not_passed = {each: outcome for each, outcome in outcomes.items() if outcome != "passed"}
    assert not not_passed, f"{not_passed}\n{done.stdout}"
    assert done.returncode == 0
    assert len(outcomes) == PASSED


def test_the_suite_really_uses_our_table(suite: Path) -> None:
    (suite / "tests" / "test_is_ours.py").write_text(
        "from silverprint.store.table import Table\n"
        "from tinydb import TinyDB\n"
        "from tinydb.storages import MemoryStorage\n"
        "def test_ours(db):\n"
        "    assert isinstance(db.table('a'), Table)\n"
        "    assert isinstance(TinyDB(storage=MemoryStorage).table('a'), Table)\n",
        encoding="utf-8",
    )
    try:
        _, outcomes = run_suite(suite, "-k", "test_ours")
    finally:
        (suite / "tests" / "test_is_ours.py").unlink()
    assert outcomes == {
        "tests/test_is_ours.py::test_ours[memory]": "passed",
        "tests/test_is_ours.py::test_ours[json]": "passed",
    }
