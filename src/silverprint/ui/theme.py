"""Theme files: one TOML file a theme, read into a Textual theme.

Owns the format, its checks and where bundled themes lie. Registering the themes with the app and remembering
the chosen one is left to the app and the settings.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from textual.color import Color, ColorParseError
from textual.design import ColorSystem
from textual.theme import Theme

import silverprint
from silverprint.core.errors import SettingsError

DEFAULT = "darkroom"
COLOURS = (
    "primary", "secondary", "accent", "foreground", "background", "surface", "panel", "boost",
    "success", "warning", "error",
)  # fmt: skip
OWN_VARIABLES = {
    "rule": "border-blurred",
    "rule-focus": "border",
    "star": "warning",
    "chip": "panel",
    "chip-text": "foreground",
}
"""Variables of ours beside Textual's, and the one each takes its value from where a theme leaves it out."""

_REQUIRED = ("primary", "foreground", "background")
_TOP = {"name": str, "title": str, "dark": bool, "ansi": bool}
_STYLES = {"none", "bold", "italic", "underline", "reverse", "strike", "dim", "not", "b", "i", "u"}
_LINE_OF_ERROR = re.compile(r"\(at line (\d+)")


def variable_defaults() -> dict[str, str]:
    """Values of our own variables for a theme that is not ours (Textual's built-in ones): for
    `App.get_theme_variable_defaults`."""
    return {
        "rule": "#4a4a4a",
        "rule-focus": "#8a8a8a",
        "star": "#d9b45a",
        "chip": "#2f2f2f",
        "chip-text": "#e0e0e0",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ThemeFile:
    """One readable theme: `name` as it is chosen by, `title` as it is shown, the Textual theme, and its file."""

    name: str
    title: str
    theme: Theme
    path: Path


def bundled_folder() -> Path:
    """The themes that come with silverprint: inside the package when installed, beside src/ in a checkout."""
    package = Path(silverprint.__file__).parent
    packed = package / "themes"
    return packed if packed.is_dir() else package.parents[1] / "themes"


def load_themes(*folders: Path) -> tuple[dict[str, ThemeFile], list[SettingsError]]:
    """All themes of the bundled folder and of `folders`, by name; a later one takes the place of an earlier.

    A file that can't be used is left out and its error returned, so that one mistake costs one theme.
    A folder that does not exist holds no themes.
    """
    found: dict[str, ThemeFile] = {}
    errors: list[SettingsError] = []
    for folder in (bundled_folder(), *folders):
        for path in sorted(folder.glob("*.toml")):
            try:
                theme = read_theme(path)
            except SettingsError as error:
                errors.append(error)
            else:
                found[theme.name] = theme
    return found, errors


def find_theme(name: str, *folders: Path) -> ThemeFile | None:
    """The theme of this name alone, when its file bears the name and is sound; else None, and ``load_themes`` knows
    more. For the start: three files fewer to read before the first paint.
    """
    for folder in reversed((bundled_folder(), *folders)):
        path = folder / f"{name}.toml"
        if path.parent == folder and path.is_file():
            try:
                theme = read_theme(path)
            except SettingsError:
                return None
            return theme if theme.name == name else None
    return None


def read_theme(path: Path) -> ThemeFile:
    """Read one theme file.

    Raises SettingsError, with the path and where possible the line: not readable, not TOML, an unknown or a
    missing key, a colour that is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The theme file {path} can't be read: {error}.", path=path, fix="Check the file, or remove it."
        ) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _LINE_OF_ERROR.search(str(error))
        line = int(found[1]) if found else None
        raise _mistake(path, line, f"is not TOML: {error}") from error
    return _Reader(path, text).theme(data)


class ThemeWatch:
    """Notices edited theme files: `changed` is true once after any file came, went or was written."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._seen = self._stamp()

    def changed(self) -> bool:
        """Whether anything is different from the last call (or from the start)."""
        before, self._seen = self._seen, self._stamp()
        return self._seen != before

    def _stamp(self) -> dict[Path, tuple[int, int]]:
        stamps: dict[Path, tuple[int, int]] = {}
        for folder in self._folders:
            for path in folder.glob("*.toml"):
                try:
                    state = path.stat()
                except OSError:
                    continue  # it went between the two looks
                stamps[path] = (state.st_mtime_ns, state.st_size)
        return stamps


class _Reader:
    """Checks one file's data, key by key, and knows the line of each key for the error."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text

    def theme(self, data: Mapping[str, Any]) -> ThemeFile:
        for key, value in data.items():
            if key in ("colours", "variables"):
                if not isinstance(value, dict):
                    self._fail("", key, f"'{key}' must be a table: write [{key}]")
            elif key not in _TOP:
                self._fail(
                    "", key, f"'{key}' is unknown; known are {_listed((*_TOP, 'colours', 'variables'))}"
                )
            elif not isinstance(value, _TOP[key]):
                self._fail("", key, f"'{key}' must be {'true or false' if _TOP[key] is bool else 'text'}")
        name = data.get("name", self._path.stem)
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name):
            self._fail("", "name", "'name' may hold small letters, digits and hyphens")
        colours = self._colours(data.get("colours", {}))
        ansi = data.get("ansi", False)
        variables = self._variables(data.get("variables", {}), colours, ansi=ansi)
        theme = Theme(name=name, dark=data.get("dark", True), ansi=ansi, variables=variables, **colours)
        return ThemeFile(name=name, title=data.get("title", name), theme=theme, path=self._path)

    def _colours(self, table: Mapping[str, Any]) -> dict[str, Any]:
        for key, value in table.items():
            if key not in COLOURS:
                self._fail("colours", key, f"there is no colour '{key}'; there are {_listed(COLOURS)}")
            if not _is_colour(value):
                self._fail("colours", key, f"{value!r} for '{key}' is no colour: write \"#rrggbb\" or a name")
        for key in _REQUIRED:
            if key not in table:
                self._fail("", "[colours]", f"the colour '{key}' is missing under [colours]")
        return dict(table)

    def _variables(self, table: Mapping[str, Any], colours: dict[str, Any], *, ansi: bool) -> dict[str, str]:
        known = _known_variables()
        for key, value in table.items():
            if key not in known and key not in OWN_VARIABLES:
                self._fail("variables", key, f"there is no variable '{key}'")
            if key.endswith("-style"):
                if not isinstance(value, str) or not set(value.split()) <= _STYLES:
                    self._fail("variables", key, f"{value!r} for '{key}' is no text style, such as \"bold\"")
            elif not _is_colour(value, faded=True):
                self._fail(
                    "variables", key, f"{value!r} for '{key}' is no colour: write \"#rrggbb\" or a name"
                )
        made = ColorSystem(**colours, ansi=ansi, variables=dict(table)).generate()
        filled = {key: made[source] for key, source in OWN_VARIABLES.items()}
        if ansi:  # Textual's own styles ask for these two under a theme of terminal colours
            filled |= {"ansi-background": colours["background"], "ansi-foreground": colours["foreground"]}
        return filled | dict(table)

    def _fail(self, section: str, key: str, reason: str) -> NoReturn:
        raise _mistake(self._path, self._line(section, key), reason)

    def _line(self, section: str, key: str) -> int | None:
        """The line of `key` in `section`, by reading the file the way a person does."""
        here = ""
        for number, line in enumerate(self._text.splitlines(), 1):
            text = line.strip()
            if text.startswith("["):
                here = text.strip("[] ").split("]")[0]
                if text.startswith(key) or (not section and here == key):
                    return number
            elif here == section and re.match(rf"['\"]?{re.escape(key)}['\"]?\s*=", text):
                return number
        return None


def _mistake(path: Path, line: int | None, reason: str) -> SettingsError:
    where = f"{path}, line {line}" if line else f"{path}"
    return SettingsError(
        f"The theme file {where}: {reason}.",
        path=path,
        line=line,
        fix="Correct that line; the other themes still work.",
    )


def _is_colour(value: object, *, faded: bool = False) -> bool:
    if not isinstance(value, str):
        return False
    if faded:
        value = re.sub(r"\s+\d{1,3}%$", "", value)
        if value in ("auto", "transparent"):
            return True
    try:
        Color.parse(value)
    except ColorParseError:
        return False
    return True


@cache
def _known_variables() -> frozenset[str]:
    plain = ColorSystem("#000000", variables={}).generate()
    ansi = ColorSystem("ansi_red", ansi=True, variables={}).generate()
    return frozenset([*plain, *ansi, "ansi-background", "ansi-foreground"])


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
