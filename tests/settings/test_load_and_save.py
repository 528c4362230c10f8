"""Settings are read value by value, mistakes are told with their line, and writing keeps what a person wrote."""

from __future__ import annotations

import os
import threading
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from silverprint.core.errors import DiskFull, SettingsError
from silverprint.settings.load import load_settings, read_settings
from silverprint.settings.model import BudgetSettings, LimitSettings, Settings
from silverprint.settings.paths import Paths, ensure, find_paths
from silverprint.settings.save import change_setting


@pytest.fixture
def paths(home: Path) -> Paths:
    found = find_paths(os.environ)
    ensure(found)
    return found


def read(
    paths: Paths, text: str, environ: dict[str, str] | None = None
) -> tuple[Settings, list[SettingsError]]:
    paths.settings_file.write_text(text, encoding="utf-8")
    settings, problems = read_settings(paths, environ or {})
    return settings, list(problems)


@pytest.mark.parametrize("value", ["nan", "inf", "-0.01", "true", '"5"', "1_000_001"])
def test_a_budget_that_is_no_amount_is_told(paths: Paths, value: str) -> None:
    settings, (problem,) = read(paths, f"[budget]\nmonth_usd = 2\nday_usd = {value}\n")
    assert settings.budget == BudgetSettings(month_usd=2.0)
    assert problem.line == 3
    assert "budget.day_usd must be US dollars, from 0 to 1,000,000" in str(problem)


def test_a_budget_is_written_and_taken_away(paths: Paths) -> None:
    change_setting(paths.settings_file, "budget.day_usd", 5.0)
    assert load_settings(paths, {}).budget.day_usd == 5.0
    change_setting(paths.settings_file, "budget.day_usd", None)
    assert load_settings(paths, {}).budget == BudgetSettings()
    with pytest.raises(SettingsError, match="US dollars"):
        change_setting(paths.settings_file, "budget.day_usd", -1.0)


def test_no_file_is_the_defaults(paths: Paths) -> None:
    assert load_settings(paths, {}) == Settings()


def test_every_setting_is_read(paths: Paths) -> None:
    settings, problems = read(
        paths,
        """
images = "sixel"
theme = "paper"
default_model = "fal:fal-ai/flux/dev"
editor = "nvim -f"
pictures_folder = "~/Bilder 雪"
wildcards_folder = "/srv/lists"
[limits]
max_download_mb = 50
max_pixels = 1_000_000
[budget]
day_usd = 5
month_usd = 60.5
assume_usd = 0.2
[providers.comfyui]
address = "http://127.0.0.1:8188"
[parallel]
fal = 4
[keys]
develop = "f5"
""",
    )
    assert not problems
    assert settings == Settings(
        images="sixel",
        theme="paper",
        default_model="fal:fal-ai/flux/dev",
        editor="nvim -f",
        pictures_folder=Path("~/Bilder 雪").expanduser(),
        wildcards_folder=Path("/srv/lists"),
        limits=LimitSettings(max_download_mb=50, max_pixels=1_000_000),
        budget=BudgetSettings(day_usd=5.0, month_usd=60.5, assume_usd=0.2),
        providers={"comfyui": {"address": "http://127.0.0.1:8188"}},
        parallel={"fal": 4},
        keys={"develop": "f5"},
    )
    changed = {
        item.name
        for item in fields(Settings)
        if getattr(settings, item.name) != getattr(Settings(), item.name)
    }
    assert changed == {item.name for item in fields(Settings)}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('theme = "paper"\nimages = "vga"', 2, "images must be one of"),
        ('theme = "paper"\n\nthem = "x"', 3, "no setting named them"),
        (
            'theme = "paper"\n[limits]\n# more\nmax_pixels = "big"',
            4,
            "limits.max_pixels must be a whole number",
        ),
        ('theme = "paper"\nlimits.max_pixels = 0', 2, "limits.max_pixels"),
        ('theme = "paper"\nlimits = 3', 2, "limits must be a table"),
        ('theme = "paper"\n[limits]\nmax_pixel = 3', 3, "no setting named limits.max_pixel"),
        ('theme = "paper"\n[parallel]\n"a.b" = 2\nfal = true', 4, "parallel.fal"),
        ('theme = "paper"\n[keys]\ndevelop = 7', 3, "keys.develop must be a key"),
        ('theme = "paper"\ndefault_model = "flux"', 2, "provider:model"),
        ('theme = "paper"\npictures_folder = "here"', 2, "full path"),
        ('theme = "paper"\n[providers]\nfal = "x"', 3, "providers.fal must be a table"),
    ],
)
def test_one_mistake_costs_one_setting(paths: Paths, text: str, line: int, words: str) -> None:
    settings, problems = read(paths, text)
    assert settings.theme == "paper"
    assert len(problems) == 1
    assert words in str(problems[0])
    assert f"line {line}" in str(problems[0])
    assert (problems[0].path, problems[0].line) == (paths.settings_file, line)
    assert problems[0].fix
    with pytest.raises(SettingsError, match=f"line {line}"):
        load_settings(paths, {})


def test_a_near_name_is_suggested(paths: Paths) -> None:
    _settings, problems = read(paths, "[limits]\nmax_pixel = 3")
    assert "limits.max_pixels" in problems[0].fix


@pytest.mark.parametrize("text", ["images =", 'a = "\n', "[[[", "x = 1\nx = 2", "a = " + "[" * 5_000])
def test_a_text_that_is_no_toml_names_its_line_and_leaves_the_defaults(paths: Paths, text: str) -> None:
    settings, problems = read(paths, text)
    assert settings == Settings()
    assert len(problems) == 1
    assert problems[0].path == paths.settings_file


def test_a_syntax_error_has_the_right_line(paths: Paths) -> None:
    _settings, problems = read(paths, 'theme = "paper"\n\nimages = kitty\n')
    assert problems[0].line == 3


def test_files_that_cannot_be_read_are_told(paths: Paths) -> None:
    paths.settings_file.write_bytes(b'theme = "\xff\xfe"')
    assert "UTF-8" in str(read_settings(paths, {})[1][0])
    paths.settings_file.unlink()
    paths.settings_file.mkdir()
    assert "can't be read" in str(read_settings(paths, {})[1][0])
    paths.settings_file.rmdir()
    with paths.settings_file.open("wb") as file:
        file.truncate(2_000_000)
    assert "larger" in str(read_settings(paths, {})[1][0])


def test_the_environment_wins(paths: Paths) -> None:
    environ = {"SILVERPRINT_THEME": "paper", "SILVERPRINT_MODEL": "fal:x"}
    settings, problems = read(paths, 'theme = "darkroom"', environ)
    assert (settings.theme, settings.default_model) == ("paper", "fal:x")
    assert not problems
    settings, problems = read(paths, "", {"SILVERPRINT_MODEL": "x"})
    assert settings.default_model == Settings().default_model
    assert "SILVERPRINT_MODEL" in str(problems[0])


def test_a_change_keeps_comments_and_order(paths: Paths) -> None:
    before = '# mine\ntheme = "paper"  # at night\n\n[limits]\nmax_pixels = 5  # few\n\n# end\n'
    paths.settings_file.write_text(before)
    change_setting(paths.settings_file, "theme", "darkroom")
    change_setting(paths.settings_file, "limits.max_pixels", 7)
    assert paths.settings_file.read_text() == before.replace("paper", "darkroom").replace("5 ", "7 ")


@pytest.mark.parametrize(
    ("name", "value", "read_back"),
    [
        ("images", "none", lambda settings: settings.images),
        ("editor", 'vi "雪"\\', lambda settings: settings.editor),
        ("parallel.fal", 3, lambda settings: settings.parallel["fal"]),
        (
            ("providers", "a.b", "address"),
            "http://[::1]/",
            lambda settings: settings.providers["a.b"]["address"],
        ),
        (("keys", "gallery.rate 1"), "1", lambda settings: settings.keys["gallery.rate 1"]),
    ],
)
def test_what_is_written_is_read_back(paths: Paths, name: Any, value: Any, read_back: Any) -> None:
    change_setting(paths.settings_file, name, value)
    assert read_back(load_settings(paths, {})) == value


def test_a_path_is_written_as_text_and_none_removes(paths: Paths, tmp_path: Path) -> None:
    change_setting(paths.settings_file, "pictures_folder", tmp_path)
    assert load_settings(paths, {}).pictures_folder == tmp_path
    change_setting(paths.settings_file, "pictures_folder", None)
    change_setting(paths.settings_file, "limits.max_pixels", None)
    assert load_settings(paths, {}) == Settings()


def test_a_value_that_does_not_fit_changes_nothing(paths: Paths) -> None:
    change_setting(paths.settings_file, "theme", "paper")
    before = paths.settings_file.read_bytes()
    for name, value in [
        ("images", "vga"),
        ("limits.max_pixels", -1),
        ("nonsense", 1),
        ("theme.x", 1),
        ("", 1),
    ]:
        with pytest.raises(SettingsError):
            change_setting(paths.settings_file, name, value)
    with pytest.raises(SettingsError):
        change_setting(paths.settings_file, "theme", object())
    assert paths.settings_file.read_bytes() == before


def test_an_older_mistake_does_not_stand_in_the_way(paths: Paths) -> None:
    paths.settings_file.write_text('images = "vga"\n')
    change_setting(paths.settings_file, "theme", "paper")
    assert paths.settings_file.read_text() == 'images = "vga"\ntheme = "paper"\n'
    change_setting(paths.settings_file, "images", "half")
    assert load_settings(paths, {}).images == "half"


def test_a_file_that_cannot_be_understood_is_left_alone(paths: Paths) -> None:
    paths.settings_file.write_text("theme = [")
    with pytest.raises(SettingsError):
        change_setting(paths.settings_file, "theme", "paper")
    assert paths.settings_file.read_text() == "theme = ["


def test_a_link_stays_a_link(paths: Paths, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text("# kept elsewhere\n")
    paths.settings_file.symlink_to(real)
    change_setting(paths.settings_file, "theme", "paper")
    assert paths.settings_file.is_symlink()
    assert real.read_text() == '# kept elsewhere\ntheme = "paper"\n'


def test_a_full_disk_leaves_the_old_file(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    change_setting(paths.settings_file, "theme", "paper")
    before = paths.settings_file.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        change_setting(paths.settings_file, "theme", "darkroom")
    assert paths.settings_file.read_bytes() == before
    assert list(paths.config.iterdir()) == [paths.settings_file]


def test_a_reader_never_sees_half_a_file(paths: Paths) -> None:
    change_setting(paths.settings_file, "editor", "x" * 20_000)
    stop = threading.Event()
    wrong: list[str] = []

    def watch() -> None:
        while not stop.is_set():
            try:
                if len(load_settings(paths, {}).editor or "") != 20_000:
                    wrong.append("another length")
            except SettingsError as error:
                wrong.append(str(error))

    reader = threading.Thread(target=watch)
    reader.start()
    for number in range(20):
        change_setting(paths.settings_file, "editor", f"{number % 10}" * 20_000)
    stop.set()
    reader.join()
    assert not wrong
