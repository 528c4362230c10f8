"""What a person installs: the wheel holds the model, its notices and the themes, and nothing of the tests."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
        timeout=150,
    )
    (path,) = folder.glob("silverprint-*.whl")
    return zipfile.ZipFile(path)


def test_everything_under_the_package_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    packed = set(wheel.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "src/silverprint", "themes"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    wanted = {
        f"silverprint/{name}" if name.startswith("themes/") else name.removeprefix("src/") for name in tracked
    }
    assert {name for name in wanted if (ROOT / "src" / name).exists()} - packed == set()
    assert any(name.startswith("silverprint/themes/") for name in packed)


def test_model_and_its_notices_are_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert sum(name.endswith(".safetensors") for name in names) == 3
    assert sum(name.endswith(".onnx") for name in names) == 4
    notice = next(name for name in names if name.endswith("pocket/NOTICE") and "dist-info" not in name)
    words = wheel.read(notice).decode("utf-8")
    for source in ("Fluent", "Noto", "emojibase"):
        assert source in words
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)


def test_no_tests_and_no_training_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    assert {name.partition("/")[0].partition("-")[0] for name in wheel.namelist()} == {"silverprint"}


def test_themes_are_the_same_in_wheel_and_checkout(wheel: zipfile.ZipFile) -> None:
    for theme in (ROOT / "themes").glob("*.toml"):
        assert wheel.read(f"silverprint/themes/{theme.name}") == theme.read_bytes()
