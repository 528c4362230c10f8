"""SettingsScreen: services and budget, where files live, the theme, how pictures are shown, the built-in model's threads.

Applies a choice and has it saved at once; the file's comments stay. Every setting there is stands in docs/settings.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll

from silverprint.core.errors import SilverprintError
from silverprint.settings.model import Images
from silverprint.settings.paths import Paths
from silverprint.settings.save import change_setting
from silverprint.ui.screens.base import News
from silverprint.ui.screens.services import ServicesPart
from silverprint.ui.terminal import TerminalInfo
from silverprint.ui.theme import ThemeFile, load_themes
from silverprint.ui.widgets.budget_field import BudgetField
from silverprint.ui.widgets.cells import home_path
from silverprint.ui.widgets.settings_form import ChoiceField, Entry, Field, FolderField, NumberField

if TYPE_CHECKING:
    from silverprint.studio import Studio

IMAGES = (
    Entry(value="auto", title="auto", note="ask the terminal"),
    Entry(value="kitty", title="kitty", note="real pixels: kitty, Ghostty"),
    Entry(value="sixel", title="sixel", note="real pixels: xterm, foot, WezTerm"),
    Entry(value="half", title="half", note="half-blocks, in any colour terminal"),
    Entry(value="none", title="none", note="a frame with the size"),
)
MOST_THREADS = 2  # a step of the built-in model has two halves


class SettingsScreen(ServicesPart):
    """The Settings."""

    mode = "settings"
    CSS_PATH = "settings.tcss"

    def __init__(self, studio: Studio, news: News, *, terminal: TerminalInfo) -> None:
        super().__init__(studio, news)
        self._terminal = terminal
        self._themes: Mapping[str, ThemeFile] = {}
        self._theme_before = ""

    def body(self) -> ComposeResult:
        """Two columns; one below the other in a narrow window."""
        self._themes, bad = load_themes(self.studio.paths.themes)
        theme = ChoiceField("Theme", self._theme_entries(), kept=self.studio.settings.theme, id="theme")
        theme.set_reactive(Field.note, "" if not bad else "\n".join(str(error) for error in bad))
        with VerticalScroll(id="form", can_focus=False), Horizontal(id="columns"):
            with Vertical():
                yield from self.services()
            with Vertical():
                yield theme
                yield ChoiceField(
                    "Pictures in this terminal",
                    IMAGES,
                    kept=self.studio.settings.images,
                    note=detected(self._terminal),
                    id="images",
                )
                yield FolderField(
                    "Where files live",
                    folders(self.studio.paths),
                    note="enter or y copies the path",
                    id="folders",
                )
                if "pocket" in self.studio.provider_names():
                    yield NumberField(
                        "Threads of the built-in model",
                        kept=_threads(self.studio.settings.providers.get("pocket", {})),
                        check=check_threads,
                        placeholder="automatic",
                        note="1 or 2; the pictures are the same; used from the next start",
                        id="threads",
                    )

    def _theme_entries(self) -> list[Entry]:
        own = self.studio.paths.themes
        return [
            Entry(value=name, title=theme.title, note="yours" if theme.path.is_relative_to(own) else "")
            for name, theme in self._themes.items()
        ]

    def on_mount(self) -> None:
        """The themes can be tried at once."""
        for theme in self._themes.values():
            self.app.register_theme(theme.theme)
        first = "#services" if self.service_names() else "#theme"
        self.query_one(f"{first} OptionList").focus()

    def on_screen_suspend(self) -> None:
        """What was only tried does not stay when another screen is shown."""
        if self.is_mounted:
            self.back()

    def on_screen_resume(self) -> None:
        """A theme may have been kept elsewhere meanwhile, by the command palette."""
        if self.is_mounted:
            field = self.query_one("#theme", ChoiceField)
            field.keep(self.studio.settings.theme)
            field.revert()

    def back(self) -> bool:
        """Back to what is saved, if something else was tried."""
        moved = [field.revert() for field in self.query(ChoiceField)]
        moved += [field.revert() for field in self.query(NumberField)]
        moved += [field.revert() for field in self.query(BudgetField)]
        self._put_on(self.query_one("#theme", ChoiceField).kept)
        return any(moved)

    @on(ChoiceField.Tried, "#theme")
    def _try_theme(self, message: ChoiceField.Tried) -> None:
        if not isinstance(message, ChoiceField.Kept):
            self._put_on(message.value)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """A theme that was only tried comes off when its list is left."""
        field = self.query_one("#theme", ChoiceField)
        if field in event.widget.ancestors and self.app.screen is self:
            field.revert()
            self._put_on(field.kept)

    def _put_on(self, theme: str) -> None:
        if theme in self.app.available_themes:
            self.app.theme = theme

    @on(ChoiceField.Kept)
    def _keep_choice(self, message: ChoiceField.Kept) -> None:
        field = message.field
        self._save(field, field.id or "", message.value, message.value)

    @on(NumberField.Kept, "#threads")
    def _keep_threads(self, message: NumberField.Kept) -> None:
        self._save(message.field, "providers.pocket.threads", message.value, message.value)

    def _save(self, field: ChoiceField | NumberField, name: str, value: Any, shown: Any) -> None:
        self.run_worker(self._write(field, name, value, shown), group="save")

    async def _write(self, field: ChoiceField | NumberField, name: str, value: Any, shown: Any) -> None:
        try:
            await asyncio.to_thread(change_setting, self.studio.paths.settings_file, name, value)
        except SilverprintError as error:
            field.mistake = " ".join(part for part in (str(error), error.fix) if part)
            return
        if not field.is_attached:
            return
        field.mistake = ""
        field.keep(shown)
        settings = self.studio.settings
        match name:
            case "theme":
                self.studio.settings = replace(settings, theme=value)
            case "images":
                self.studio.settings = replace(settings, images=cast(Images, value))
                field.note = detected(self._terminal) + "\nkept; used from the next start"
            case _:
                self.app.notify("Kept", timeout=2, markup=False)

    @on(FolderField.Wanted)
    def _copy(self, message: FolderField.Wanted) -> None:
        self.app.copy_to_clipboard(message.path)
        self.app.notify("Copied the path", timeout=2, markup=False)

    def action_copy_path(self) -> None:
        """Copy the path of the marked folder."""
        if path := self.query_one(FolderField).path:
            self._copy(FolderField.Wanted(path))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Paths are copied where paths are."""
        if action == "copy_path":
            field = self.query_one(FolderField) if self.is_mounted else None
            return field is not None and field.has_focus_within
        return True


def folders(paths: Paths) -> list[Entry]:
    """The folders and files a person may look for."""
    places = (
        ("pictures", paths.pictures),
        ("settings", paths.settings_file),
        ("themes", paths.themes),
        ("wildcards", paths.wildcards),
        ("history", paths.database),
        ("data", paths.data),
        ("cache", paths.cache),
        ("logs", paths.logs),
    )
    return [Entry(value=str(path), title=title, note=home_path(path)) for title, path in places]


def detected(terminal: TerminalInfo) -> str:
    """What this terminal was found to be, and why pictures are drawn as they are."""
    name = " ".join(part for part in (terminal.name, terminal.version) if part)
    words = f"now: {terminal.protocol}" + (f" in {name}" if name else "")
    return f"{words}\n{terminal.why}" if terminal.why else words


def check_threads(text: str) -> int | None:
    """The number of threads; None for an empty text. Raises ValueError with the reason."""
    text = text.strip()
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= MOST_THREADS:
        raise ValueError(f"1 to {MOST_THREADS}, or nothing for automatic")
    return int(text)


def _threads(settings: Mapping[str, Any]) -> int | None:
    threads = settings.get("threads")
    return threads if isinstance(threads, int) and not isinstance(threads, bool) else None
