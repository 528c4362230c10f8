"""A text in the person's own editor."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from silverprint.ui.editor import EditorMissing, command, edit_text

ANY_SCRIPT = "лиса 狐 🦊 ثعلب\nsecond line"


def script(tmp_path: Path, body: str) -> str:
    path = tmp_path / "editor.py"
    path.write_text(f"import os, pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{body}\n", encoding="utf-8")
    return f"{sys.executable} {path}"


def test_what_the_editor_wrote_comes_back_without_its_last_newline(tmp_path: Path) -> None:
    editor = script(tmp_path, "path.write_text(path.read_text('utf-8') + ' and snow\\n', 'utf-8')")
    assert edit_text(ANY_SCRIPT, editor, {}) == ANY_SCRIPT + " and snow"


def test_the_file_is_private_and_gone_after(tmp_path: Path) -> None:
    note = tmp_path / "note"
    editor = script(
        tmp_path,
        f"pathlib.Path({str(note)!r}).write_text(oct(os.stat(path.parent).st_mode)[-3:] + ' ' + str(path))",
    )
    edit_text("a secret idea", editor, {})
    mode, _, path = note.read_text().partition(" ")
    assert mode == "700"
    assert not Path(path).exists()


def test_an_editor_that_fails_changes_nothing(tmp_path: Path) -> None:
    assert edit_text("kept", script(tmp_path, "path.write_text('lost'); sys.exit(1)"), {}) == "kept"


def test_the_setting_wins_then_visual_then_editor() -> None:
    environ = {"VISUAL": "vi -f", "EDITOR": "ed"}
    assert command("nano -w", environ) == ["nano", "-w"]
    assert command(None, environ) == ["vi", "-f"]
    assert command(" ", {"EDITOR": "ed"}) == ["ed"]


@pytest.mark.parametrize("setting", [None, "/no/such/editor", "unclosed 'quote"])
def test_no_editor_is_an_error_with_its_fix(setting: str | None) -> None:
    with pytest.raises(EditorMissing) as caught:
        edit_text("text", setting, {})
    assert "EDITOR" in caught.value.fix
