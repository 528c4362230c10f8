"""The lists behind ``__name__``: text files in one folder, read when asked for and kept until they change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from silverprint.core.errors import SettingsError
from silverprint.core.wildcards import Lookup

MOST_BYTES = 16_000_000

_KEPT: dict[Path, tuple[int, int, tuple[str, ...]]] = {}  # path -> mtime in ns, size, lines
_MOST_KEPT = 256


def folder_lookup(folder: Path) -> Lookup:
    """A lookup for ``core.wildcards`` over the ``name.txt`` files of a folder and those below it.

    One choice a line, UTF-8; empty lines and lines that begin with ``#`` are left out, ``\\#`` begins a choice
    with that sign. An unknown name gives no lines. The lookup raises SettingsError, with path and line, for a
    list that can't be read.
    """

    def lookup(name: str) -> Sequence[str]:
        parts = name.split("/")
        # A name comes from a prompt, and a prompt can come from someone else's picture.
        if any(part in ("", ".", "..") or "\\" in part or ":" in part or "\0" in part for part in parts):
            return ()
        return _lines(folder.joinpath(*parts[:-1], f"{parts[-1]}.txt"))

    return lookup


def list_names(folder: Path) -> list[str]:
    """The names of all lists in the folder, sorted: ``["animals", "places/cold"]``."""
    if not folder.is_dir():
        return []
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.txt"))


def _lines(path: Path) -> tuple[str, ...]:
    try:
        state = path.stat()
        kept = _KEPT.get(path)
        if kept and kept[:2] == (state.st_mtime_ns, state.st_size):
            return kept[2]
        if state.st_size > MOST_BYTES:
            raise SettingsError(
                f"The wildcard list {path.name} is larger than {MOST_BYTES // 1_000_000} MB.",
                path=path,
                fix="Split the list into several.",
            )
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise SettingsError(
            f"The wildcard list {path.name} can't be read: {error.strerror or error}.",
            path=path,
            fix=f"Make {path} a file that you may read.",
        ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SettingsError(
            f"{path.name}, line {line}: not UTF-8 text.", path=path, line=line, fix=f"Save {path} as UTF-8."
        ) from error
    stripped = (line.strip() for line in text.splitlines())
    lines = tuple(
        line[1:] if line.startswith("\\#") else line for line in stripped if line and not line.startswith("#")
    )
    if len(_KEPT) >= _MOST_KEPT:
        _KEPT.clear()
    _KEPT[path] = (state.st_mtime_ns, state.st_size, lines)
    return lines
