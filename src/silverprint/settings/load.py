"""Reading settings.toml into Settings. Each value is checked by itself, so one mistake costs one setting.

Nothing is written here. The parser and msgspec are imported only when there is a file to read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from silverprint.core.errors import SettingsError
from silverprint.core.recipe import ModelRef
from silverprint.settings.model import MOST_PIXELS, BudgetSettings, Images, LimitSettings, Settings
from silverprint.settings.paths import Paths

VARIABLES: Mapping[str, str] = {"SILVERPRINT_THEME": "theme", "SILVERPRINT_MODEL": "default_model"}

_MOST_BYTES = 1_000_000


def load_settings(paths: Paths, environ: Mapping[str, str]) -> Settings:
    """The person's settings; the defaults when there is no file. SILVERPRINT_THEME and SILVERPRINT_MODEL win.

    Raises SettingsError for the first mistake, with its file and line. ``read_settings`` goes on instead.
    """
    settings, problems = read_settings(paths, environ)
    if problems:
        raise problems[0]
    return settings


def read_settings(paths: Paths, environ: Mapping[str, str]) -> tuple[Settings, tuple[SettingsError, ...]]:
    """Every setting that is right, with defaults for the rest, and what is wrong. Never raises."""
    settings, problems = Settings(), list[SettingsError]()
    text = None
    try:
        text = _text(paths.settings_file)
        if text is not None:
            settings, problems = settings_of(text, paths.settings_file)
    except SettingsError as error:
        problems.append(error)
    for variable, name in VARIABLES.items():
        if value := environ.get(variable, "").strip():
            try:
                settings = replace(settings, **{name: _checked((name,), value)})
            except ValueError as error:
                problems.append(
                    SettingsError(f"{variable} must be {error}, not {value!r}.", fix=f"Correct {variable}.")
                )
    return settings, tuple(problems)


def settings_of(text: str, path: Path) -> tuple[Settings, list[SettingsError]]:
    """The settings of a TOML text, and what is wrong in it. Raises SettingsError when it is no TOML."""
    table = parse_toml(text, path)
    problems: list[SettingsError] = []

    def wrong(name: tuple[str, ...], message: str, fix: str) -> None:
        line = _line_of(text, name)
        where = f"{path.name}, line {line}" if line else path.name
        problems.append(SettingsError(f"{where}: {message}", path=path, line=line, fix=fix))

    def take(
        values: Mapping[str, Any], known: Callable[[str], bool], above: tuple[str, ...]
    ) -> dict[str, Any]:
        taken: dict[str, Any] = {}
        for key, value in values.items():
            name = (*above, key)
            shown = ".".join(name)
            if not known(key):
                wrong(name, f"there is no setting named {shown}", _nearest(shown) or "Remove the line.")
                continue
            if name in _TABLES:
                if not isinstance(value, dict):
                    wrong(name, f"{shown} must be a table", f"Write it as [{shown}].")
                    continue
                inner = take(value, _TABLES[name], name)
                taken[key] = _GROUPS[key](**inner) if key in _GROUPS else inner
                continue
            try:
                taken[key] = _checked(name, value)
            except ValueError as error:
                wrong(name, f"{shown} must be {error}, not {_shown(value)}", "Correct the line or remove it.")
        return taken

    names = {item.name for item in fields(Settings)}
    return Settings(**take(table, names.__contains__, ())), problems


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """The table of a TOML text. Raises SettingsError with the line of the mistake."""
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        reason = str(error).partition(" (at ")[0]
        raise SettingsError(
            f"{path.name}, line {line}: {reason}",
            path=path,
            line=line,
            fix=f"Correct line {line} of {path}.",
        ) from error
    except RecursionError as error:
        raise SettingsError(
            f"{path.name} is nested too deeply.", path=path, fix=f"Correct {path}."
        ) from error


def _text(path: Path) -> str | None:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise SettingsError(
                f"{path.name} is larger than 1 MB.", path=path, fix=f"Is {path} really a settings file?"
            )
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path.name} is not UTF-8 text.", path=path, fix=f"Save {path} as UTF-8."
        ) from error
    except OSError as error:
        raise SettingsError(
            f"{path.name} can't be read: {error.strerror or error}.",
            path=path,
            fix=f"Make {path} a file that you may read.",
        ) from error


_MOST_USD = 1_000_000

_GROUPS: Mapping[str, type[LimitSettings | BudgetSettings]] = {
    "limits": LimitSettings,
    "budget": BudgetSettings,
}

# What may stand below a table; those of our own groups are known, the others' keys are names given elsewhere.
_TABLES: Mapping[tuple[str, ...], Callable[[str], bool]] = {
    **{(name,): {item.name for item in fields(group)}.__contains__ for name, group in _GROUPS.items()},
    ("providers",): lambda _name: True,
    ("parallel",): lambda _name: True,
    ("keys",): lambda _name: True,
}


def _checked(name: tuple[str, ...], value: Any) -> Any:
    """The value of one setting, converted. Raises ValueError with what it must be."""
    import msgspec

    kind, words = _kind(name)
    try:
        converted = msgspec.convert(value, kind)
    except msgspec.ValidationError:
        raise ValueError(words) from None
    if name[0].endswith("_folder"):
        folder = Path(converted).expanduser()
        if not folder.is_absolute():
            raise ValueError(words)
        return folder
    if name == ("default_model",):
        try:
            ModelRef.parse(converted)
        except ValueError:
            raise ValueError(words) from None
    return converted


def _kind(name: tuple[str, ...]) -> tuple[Any, str]:
    from typing import Annotated

    from msgspec import Meta

    word = Annotated[str, Meta(min_length=1)]
    match name:
        case ("images",):
            return Images, "one of auto, kitty, sixel, half, none"
        case ("theme",):
            return word, "the name of a theme"
        case ("default_model",):
            return word, "a model as provider:model"
        case ("editor",):
            return word, "a command"
        case ("pictures_folder",) | ("wildcards_folder",):
            return word, "a full path, or one that begins with ~"
        case ("limits", "max_download_mb"):
            return Annotated[int, Meta(ge=1, le=4_000)], "a whole number from 1 to 4,000"
        case ("limits", "max_pixels"):
            return Annotated[int, Meta(ge=1, le=MOST_PIXELS)], f"a whole number from 1 to {MOST_PIXELS:,}"
        case ("budget", _):
            return Annotated[float, Meta(ge=0, le=_MOST_USD)], f"US dollars, from 0 to {_MOST_USD:,}"
        case ("parallel", _):
            return Annotated[int, Meta(ge=1, le=1_000)], "a whole number from 1 to 1,000"
        case ("keys", _):
            return word, "a key such as ctrl+g"
        case ("providers", _):
            return dict[str, Any], "a table"
        case _:
            raise AssertionError(f"no kind for the setting {'.'.join(name)}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    known = [item.name for item in fields(Settings)]
    known += [f"{name}.{item.name}" for name, group in _GROUPS.items() for item in fields(group)]
    near = get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]}?" if near else ""


_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"([^"]*)"|'([^']*)'""")


def _line_of(text: str, name: tuple[str, ...]) -> int | None:
    """The line (from 1) that sets ``name``, or opens the table it is in."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _parts(header[1])
            here = table
        elif key := _KEY.match(line):
            here = (*table, *_parts(key[1]))
        else:
            continue
        if here[: len(name)] == name:
            return number
    return _line_of(text, name[:-1]) if len(name) > 1 else None


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(found[1] or found[2] or found[0].strip("\"'") for found in _PART.finditer(dotted))
