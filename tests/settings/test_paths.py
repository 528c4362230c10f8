"""Where things live: one home, the system's places, folders that can't be made, and nothing heavy imported."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from silverprint.core.errors import DiskFull, SettingsError, StorageError
from silverprint.settings.model import Settings
from silverprint.settings.paths import Paths, ensure, find_paths, move_folders, theme_folders


def every_place(paths: Paths) -> list[Path]:
    names = [item.name for item in fields(Paths)] + [
        name for name in dir(Paths) if isinstance(getattr(Paths, name), property)
    ]
    return [value for name in names if isinstance(value := getattr(paths, name), Path)]


def test_a_home_of_its_own_holds_everything(tmp_path: Path) -> None:
    paths = find_paths({"SILVERPRINT_HOME": str(tmp_path / "дом 雪")})
    places = every_place(paths)
    assert len(places) >= 15
    assert len(set(places)) == len(places)
    assert all(place.is_relative_to(tmp_path / "дом 雪") for place in places)
    assert paths.portable
    assert not (tmp_path / "дом 雪").exists()


def test_a_relative_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_paths({"SILVERPRINT_HOME": "here"}).config == tmp_path / "here" / "config"
    assert find_paths({"SILVERPRINT_HOME": "~/there"}).data == tmp_path / "there" / "data"


def test_without_a_home_the_systems_places_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "d"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "k"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    paths = find_paths({})
    assert (paths.config, paths.data) == (tmp_path / "c/silverprint", tmp_path / "d/silverprint")
    assert (paths.cache, paths.state) == (tmp_path / "k/silverprint", tmp_path / "s/silverprint")
    assert not paths.portable


def test_a_home_that_is_a_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(SettingsError) as caught:
        find_paths({"SILVERPRINT_HOME": str(file)})
    assert caught.value.path == file
    assert caught.value.fix


def test_settings_move_the_pictures_and_the_wildcards(tmp_path: Path, home: Path) -> None:
    paths = find_paths(os.environ)
    settings = Settings(pictures_folder=tmp_path / "p", wildcards_folder=tmp_path / "w")
    moved = move_folders(paths, settings)
    assert (moved.pictures, moved.wildcards) == (tmp_path / "p", tmp_path / "w")
    assert moved.incoming == paths.incoming
    assert move_folders(paths, Settings()).pictures == home / "data" / "pictures"


def test_ensure_makes_private_folders_and_may_be_repeated(home: Path) -> None:
    paths = find_paths(os.environ)
    ensure(paths)
    ensure(paths)
    for folder in (paths.config, paths.pictures, paths.incoming, paths.inputs, paths.owners, paths.logs):
        assert folder.is_dir()
    assert paths.config.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").write_text("a file in the way")
    with pytest.raises(StorageError, match="data"):
        ensure(find_paths({"SILVERPRINT_HOME": str(tmp_path)}))

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(DiskFull):
        ensure(find_paths({"SILVERPRINT_HOME": str(tmp_path / "other")}))


def test_themes_are_looked_for_at_the_persons_first(home: Path) -> None:
    folders = theme_folders(find_paths(os.environ))
    assert folders[0] == home / "config" / "themes"
    assert (folders[1] / "darkroom.toml").is_file()


def test_the_start_imports_nothing_heavy(home: Path) -> None:
    script = """
import os, sys
from silverprint.settings.paths import find_paths, ensure, theme_folders
from silverprint.settings.load import load_settings
from silverprint.settings.draft import load_draft
import silverprint.settings.save, silverprint.settings.secrets, silverprint.settings.wildcards
paths = find_paths(os.environ)
ensure(paths)
load_settings(paths, os.environ)
load_draft(paths.draft)
heavy = {"tomlkit", "keyring", "PIL", "platformdirs", "httpx", "numpy", "msgspec", "tomllib"} & set(sys.modules)
print(sorted(heavy))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
