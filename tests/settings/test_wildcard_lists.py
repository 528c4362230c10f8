"""Wildcard lists from files: nested names, comments, changes, and no way out of the folder."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from silverprint.core.errors import SettingsError, UsageError
from silverprint.core.wildcards import draw, every
from silverprint.settings.wildcards import MOST_BYTES, folder_lookup, list_names


def test_lines_comments_and_scripts(tmp_path: Path) -> None:
    (tmp_path / "animals.txt").write_bytes(
        "\ufeff# of the north\r\nfox\r\n\r\n  雪兎 \r\n\\#1 dog\r\n".encode()
    )
    (tmp_path / "places").mkdir()
    (tmp_path / "places" / "cold.txt").write_text("{Kem|Nuuk}\n", encoding="utf-8")
    lookup = folder_lookup(tmp_path)
    assert list(lookup("animals")) == ["fox", "雪兎", "#1 dog"]
    assert every("__animals__ in __places/cold__", lookup)[:3] == ["fox in Kem", "fox in Nuuk", "雪兎 in Kem"]
    assert list_names(tmp_path) == ["animals", "places/cold"]
    assert list_names(tmp_path / "none") == []


def test_an_unknown_list_is_marked_in_the_prompt(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        draw("a __cat__", folder_lookup(tmp_path), Random(1))
    assert caught.value.at == (2, 9)


@pytest.mark.parametrize(
    "name",
    ["../secret", "a/../../secret", "/etc/hostname", "..", "a//b", "..\\secret", "a\0b", "./secret", ""],
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "lists"
    (folder / "a").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("a key\n")
    (folder / "secret.txt").write_text("inside\n")
    assert list(folder_lookup(folder)(name)) == []


def test_a_changed_list_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("one\n")
    lookup = folder_lookup(tmp_path)
    assert list(lookup("a")) == ["one"]
    file.write_text("two\n")
    os.utime(file, ns=(1, 1))
    assert list(lookup("a")) == ["two"]
    file.unlink()
    assert list(lookup("a")) == []


def test_an_unchanged_list_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    lookup = folder_lookup(tmp_path)
    lookup("a")
    monkeypatch.setattr(Path, "read_bytes", lambda _self: pytest.fail("read again"))
    assert list(lookup("a")) == ["one"]
    assert list(folder_lookup(tmp_path)("a")) == ["one"]


def test_a_list_that_cannot_be_used_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"good\nalso good\nb\xe4d\n")
    with pytest.raises(SettingsError) as caught:
        folder_lookup(tmp_path)("a")
    assert (caught.value.path, caught.value.line) == (tmp_path / "a.txt", 3)
    with (tmp_path / "b.txt").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(SettingsError, match="larger"):
        folder_lookup(tmp_path)("b")
    (tmp_path / "c.txt").mkdir()
    with pytest.raises(SettingsError, match="can't be read"):
        folder_lookup(tmp_path)("c")
