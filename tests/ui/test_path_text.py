"""Paths as they are typed, pasted and dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from silverprint.ui.path_text import completion, path_of


@pytest.mark.parametrize(
    "text",
    ["{}", "  {}\n", "'{}'", '"{}"', "file://{quoted}", "{escaped}"],
)
def test_every_way_to_give_a_path(text: str, tmp_path: Path) -> None:
    file = tmp_path / "my fox é.png"
    file.touch()
    given = text.format(
        file,
        quoted=str(file).replace(" ", "%20"),
        escaped=str(file).replace(" ", "\\ "),
    )
    assert path_of(given) == file


def test_home_is_known(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    assert path_of("~/fox.png") == home / "fox.png"


def test_a_backslash_in_a_name_is_kept_where_the_file_is_there(tmp_path: Path) -> None:
    file = tmp_path / "odd\\name.png"
    file.touch()
    assert path_of(str(file)) == file


def test_completion_goes_on_with_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "foxes").mkdir()
    (tmp_path / "zebra.png").touch()
    (tmp_path / ".hidden.png").touch()
    assert completion(f"{tmp_path}/fo") == f"{tmp_path}/foxes/"
    assert completion(f"{tmp_path}/z") == f"{tmp_path}/zebra.png"
    assert completion(f"{tmp_path}/") == f"{tmp_path}/foxes/"
    assert completion(f"{tmp_path}/.h") == f"{tmp_path}/.hidden.png"


@pytest.mark.parametrize("text", ["", "/no/such/folder/x", "'quoted", "a\0b/c"])
def test_where_nothing_goes_on_there_is_nothing(text: str) -> None:
    assert completion(text) is None


def test_names_that_would_break_the_line_are_not_offered(tmp_path: Path) -> None:
    (tmp_path / "bad\x1b[31m.png").touch()
    assert completion(f"{tmp_path}/b") is None
