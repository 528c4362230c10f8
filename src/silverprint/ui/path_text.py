"""Paths as people type, paste and drop them into a terminal, and how they may go on."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

_MOST_ENTRIES = 5_000


def path_of(text: str) -> Path:
    """The path meant by ``text``: quotes around it, a ``file://`` address, ``~`` and a shell's backslashes are read.

    Backslashes are taken as a shell's only where no file of the very name is there.
    """
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
    path = Path(text).expanduser()
    if "\\" in text and not path.exists():
        return Path(_unescaped(text)).expanduser()
    return path


def completion(text: str) -> str | None:
    """``text`` with the rest of the first path that begins so, or None. Reads one folder; call it in a thread."""
    if not text or text[0] in "'\"" or text.startswith("file:"):
        return None
    folder_text, slash, start = text.rpartition("/")
    folder = Path(folder_text + slash if slash else ".").expanduser()
    best: str | None = None
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= _MOST_ENTRIES:
                    break
                name = entry.name
                hidden = name.startswith(".") and not start.startswith(".")
                if name.startswith(start) and name != start and not hidden and name.isprintable():
                    name += "/" if entry.is_dir() else ""
                    best = name if best is None else min(best, name)
    except (OSError, ValueError):
        return None
    return None if best is None else folder_text + slash + best


def _unescaped(text: str) -> str:
    out, signs = [], iter(text)
    for sign in signs:
        out.append(next(signs, "") if sign == "\\" else sign)
    return "".join(out)
