"""A text in the person's own editor: by way of a private file, as git and mail programs do it."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from silverprint.core.errors import SettingsError


class EditorMissing(SettingsError):
    """There is no editor to start, or it could not be started."""

    fix = "Set `editor` in the settings file, or the variable EDITOR, to a program such as nano."


def command(setting: str | None, environ: Mapping[str, str]) -> list[str]:
    """The editor's command: the setting, VISUAL, then EDITOR. Raises EditorMissing when there is none."""
    for words in (setting, environ.get("VISUAL"), environ.get("EDITOR")):
        if words and words.strip():
            try:
                return shlex.split(words)
            except ValueError as error:
                raise EditorMissing(f"the editor {words!r} can't be read: {error}") from error
    raise EditorMissing("no editor is set")


def edit_text(text: str, setting: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """``text`` as it is after the editor closed; unchanged when the editor says it failed.

    Waits for the editor. The file lies in a folder that only this person can read, and is removed after.
    Raises EditorMissing.
    """
    program = command(setting, environ)
    with tempfile.TemporaryDirectory(prefix="silverprint-") as folder:
        path = Path(folder, "prompt.txt")
        path.write_text(text, encoding="utf-8")
        try:
            ended = subprocess.run([*program, str(path)], check=False)  # noqa: S603  the person's own editor
        except OSError as error:
            raise EditorMissing(f"{program[0]} could not be started: {error.strerror or error}") from error
        if ended.returncode != 0:
            return text
        # Editors end a file with a newline; the prompt has none.
        return path.read_text(encoding="utf-8", errors="replace").removesuffix("\n")
