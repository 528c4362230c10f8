"""What a start costs is decided by what it imports, so a fresh interpreter is asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "textual", "textual_image", "PIL", "onnxruntime", "numpy", "httpx", "keyring", "tomlkit",
    "replicate", "fal_client", "stamina",
}  # fmt: skip


def loaded_by(code: str, home: Path) -> set[str]:
    """The top-level modules in ``sys.modules`` after ``code`` ran in a fresh interpreter."""
    script = (
        f"import json, sys\ntry:\n    {code}\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
    )
    script += "print('\\n' + json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SILVERPRINT_HOME": str(home)},
        timeout=60,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import silverprint",
        "from silverprint.__main__ import main; main(['--help'])",
        "from silverprint.__main__ import main; main(['jobs'])",
        "import silverprint.studio",
    ],
)
def test_start_is_light(code: str, home: Path) -> None:
    assert loaded_by(code, home) & HEAVY == set()


def test_importing_silverprint_loads_nothing_else_of_ours(home: Path) -> None:
    script = "import sys, silverprint; print([m for m in sys.modules if m.startswith('silverprint.')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['silverprint._version']"


def test_the_judge_sees_a_heavy_import(home: Path) -> None:
    """The check above can fail: an interpreter that does load Pillow is caught."""
    assert "PIL" in loaded_by("import PIL.Image", home) & HEAVY
