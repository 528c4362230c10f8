"""Theme files: what is read, what is refused with its line, and whether every theme can be read by eye."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.color import Color
from textual.widgets import Button, Footer, Input, Label

from silverprint.core.errors import SettingsError
from silverprint.ui.theme import (
    DEFAULT,
    OWN_VARIABLES,
    ThemeWatch,
    bundled_folder,
    load_themes,
    read_theme,
    variable_defaults,
)

GOOD = """
name = "mine"

[colours]
primary = "#ff0000"
foreground = "#ffffff"
background = "#000000"

[variables]
rule = "#333333"
text-muted = "auto 60%"
link-style = "bold underline"
"""


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_bundled_themes_are_found_and_whole() -> None:
    themes, errors = load_themes()
    assert not errors
    assert set(themes) == {"darkroom", "paper", "high-contrast", "terminal-16"}
    assert DEFAULT in themes
    for name, found in themes.items():
        assert found.path == bundled_folder() / f"{name}.toml"
        assert set(OWN_VARIABLES) <= set(found.theme.variables)


def test_a_users_theme_joins_and_may_replace(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD.replace('"mine"', '"darkroom"'), "other.toml")
    themes, errors = load_themes(tmp_path, tmp_path / "missing")
    assert not errors
    assert themes["mine"].theme.primary == "#ff0000"
    assert themes["darkroom"].path == tmp_path / "other.toml"


def test_own_variables_have_a_fallback(tmp_path: Path) -> None:
    theme = read_theme(write(tmp_path, GOOD)).theme
    assert theme.variables["rule"] == "#333333"
    assert Color.parse(theme.variables["chip-text"]) == Color(255, 255, 255)


@pytest.mark.parametrize(
    ("find", "put", "line", "word"),
    [
        ('name = "mine"', 'nome = "mine"', 2, "nome"),
        ('name = "mine"', 'name = "../x"', 2, "name"),
        ('name = "mine"', "dark = 3", 2, "dark"),
        ('primary = "#ff0000"', 'primary = "#ff00"0', 5, "TOML"),
        ('primary = "#ff0000"', 'primary = "rouge"', 5, "rouge"),
        ('primary = "#ff0000"', "primary = 5", 5, "primary"),
        ('primary = "#ff0000"', 'primry = "#ff0000"', 5, "primry"),
        ('foreground = "#ffffff"\n', "", 4, "foreground"),
        ('rule = "#333333"', 'ruler = "#333333"', 10, "ruler"),
        ('rule = "#333333"', 'rule = "#33"', 10, "#33"),
        ('link-style = "bold underline"', 'link-style = "loud"', 12, "loud"),
        ("[variables]", "[variable]", 9, "variable"),
    ],
)
def test_a_mistake_names_file_and_line(tmp_path: Path, find: str, put: str, line: int, word: str) -> None:
    path = write(tmp_path, GOOD.replace(find, put))
    with pytest.raises(SettingsError) as caught:
        read_theme(path)
    assert (caught.value.path, caught.value.line) == (path, line)
    assert str(path) in str(caught.value)
    assert f"line {line}" in str(caught.value)
    assert word in str(caught.value)
    assert caught.value.fix


def test_a_broken_file_costs_one_theme(tmp_path: Path) -> None:
    write(tmp_path, "[")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    themes, errors = load_themes(tmp_path)
    assert len(themes) == 4
    assert {error.path for error in errors} == {tmp_path / "mine.toml", tmp_path / "bytes.toml"}


def test_edited_files_are_noticed_once(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    watch = ThemeWatch(tmp_path)
    assert not watch.changed()
    os.utime(path, ns=(1, 1))
    assert watch.changed()
    assert not watch.changed()
    path.unlink()
    assert watch.changed()


def luminance(colour: Color) -> float:
    """Relative luminance, WCAG 2.2."""

    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(part) for part in colour.rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Color, other: Color) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


PAIRS = [
    *[
        (text, ground)
        for ground in ("background", "surface", "panel")
        for text in (
            "foreground",
            "text-muted",
            "primary",
            "accent",
            "secondary",
            "success",
            "warning",
            "error",
            "star",
        )
    ],
    ("chip-text", "chip"),
    ("block-cursor-foreground", "block-cursor-background"),
    ("block-cursor-blurred-foreground", "block-cursor-blurred-background"),
    ("foreground", "block-hover-background"),
    ("foreground", "input-selection-background"),
    ("input-cursor-foreground", "input-cursor-background"),
    ("footer-foreground", "footer-background"),
    ("footer-description-foreground", "footer-background"),
    ("footer-key-foreground", "footer-background"),
    *[("button-color-foreground", ground) for ground in ("primary", "success", "warning", "error")],
    ("link-color", "background"),
]


def test_the_measure_itself() -> None:
    assert contrast(Color(0, 0, 0), Color(255, 255, 255)) == pytest.approx(21)
    assert contrast(Color.parse("#777777"), Color(255, 255, 255)) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(("name", "least"), [("darkroom", 4.5), ("paper", 4.5), ("high-contrast", 7.0)])
def test_contrast(name: str, least: float) -> None:
    theme = load_themes()[0][name].theme
    made = theme.to_color_system().generate() | theme.variables
    weak = {
        (text, ground): round(found, 2)
        for text, ground in PAIRS
        if (found := contrast(Color.parse(made[text]), Color.parse(made[ground]))) < least
    }
    assert not weak


def test_terminal_16_uses_only_the_terminals_colours() -> None:
    theme = load_themes()[0]["terminal-16"].theme
    assert theme.ansi
    values = [theme.primary, theme.background, theme.foreground, theme.error, *theme.variables.values()]
    assert all(value and (value.startswith("ansi_") or value in ("bold", "reverse")) for value in values)


class Host(App[None]):
    CSS = "Label { color: $star; background: $chip; border: solid $rule; } Input:focus { border: solid $rule-focus; }"

    def compose(self) -> ComposeResult:
        yield Label("label")
        yield Input("input")
        yield Button("button", variant="primary")
        yield Footer()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults()


def test_other_peoples_themes_get_all_of_our_variables() -> None:
    assert set(variable_defaults()) == set(OWN_VARIABLES)


@pytest.mark.parametrize("name", ["darkroom", "paper", "high-contrast", "terminal-16"])
async def test_textual_takes_every_theme(name: str) -> None:
    app = Host()
    async with app.run_test(size=(40, 12)) as pilot:
        found = load_themes()[0][name]
        app.register_theme(found.theme)
        app.theme = name
        await pilot.pause()
        assert app.current_theme.name == name
        label = app.query_one(Label)
        assert label.styles.color == Color.parse(found.theme.variables["star"])
