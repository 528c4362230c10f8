"""Writing one setting into settings.toml. The person's comments, order and spacing stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from silverprint.core.errors import SettingsError, StorageError
from silverprint.settings.load import parse_toml, settings_of

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


def change_setting(path: Path, name: str | Sequence[str], value: Any) -> None:
    """Set ``name`` (``"limits.max_pixels"``, or its parts where a part has a dot) durably; None removes it.

    The file is created when there is none; a link to it stays a link. A Path is written as text.
    Raises SettingsError for a value that does not fit, or a file that can't be understood (it is left
    alone), DiskFull or StorageError when it can't be written.
    """
    # tomlkit is slow to import and only needed here.
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    from silverprint.store.atomic import write_atomic

    parts = tuple(name.split(".")) if isinstance(name, str) else tuple(name)
    if not parts or not all(parts):
        raise SettingsError(f"{name!r} is no name of a setting.", path=path)
    target = path.resolve()
    try:
        before = target.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        before = ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path.name} can't be read: {error}", path=path, fix=f"Correct {path} by hand."
        ) from error
    parse_toml(before, path)
    try:
        document = tomlkit.parse(before)
        _put(document, parts, str(value) if isinstance(value, Path) else value)
        after = tomlkit.dumps(document)
    except (TOMLKitError, TypeError, ValueError) as error:
        raise SettingsError(
            f"{'.'.join(parts)} can't be written to {path.name}: {error}",
            path=path,
            fix=f"Correct {path} by hand.",
        ) from error
    _check(before, after, path)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{target.parent} could not be created: {error.strerror}.", path=path) from error
    write_atomic(target, after.encode())


def _put(document: TOMLDocument, parts: tuple[str, ...], value: Any) -> None:
    import tomlkit

    table: Any = document
    for part in parts[:-1]:
        if part not in table:
            if value is None:
                return
            table[part] = tomlkit.table()
        table = table[part]
        if not hasattr(table, "items"):
            raise ValueError(f"{part} is not a table")
    if value is None:
        table.pop(parts[-1], None)
    else:
        table[parts[-1]] = value


def _check(before: str, after: str, path: Path) -> None:
    """A mistake that was there before may stay; a new one is refused."""
    known = {str(error).partition(": ")[2] for error in settings_of(before, path)[1]}
    for error in settings_of(after, path)[1]:
        reason = str(error).partition(": ")[2]
        if reason not in known:
            raise SettingsError(reason, path=path, fix="Nothing was changed.")
