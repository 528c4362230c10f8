"""InfoPanel: one picture and everything that made it, beside a grid or a large view.

Values in; a click on the stars is all that comes out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.style import Style
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.reactive import reactive
from textual.widgets import Static

from silverprint.core.picture import Picture
from silverprint.core.recipe import Engine
from silverprint.core.text import clean, one_line
from silverprint.ui.widgets.cells import home_path
from silverprint.ui.widgets.picture import PictureView
from silverprint.ui.widgets.rating import Rating

_KILO = 1_000


class InfoPanel(Vertical):
    """Set ``picture`` and ``path`` together with ``show``."""

    DEFAULT_CSS = """
    InfoPanel {
        width: 42;
        padding: 0 1;
        border-left: solid $rule;
        PictureView { height: 45%; min-height: 6; }
        Rating { margin: 0 0 1 0; }
        VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
        Facts { padding: 0 1 0 0; }
        Facts { height: auto; }
    }
    """

    picture: reactive[Picture | None] = reactive(None)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._path: Path | None = None

    def compose(self) -> ComposeResult:
        """The picture, its stars, its facts."""
        yield PictureView()
        with VerticalScroll(can_focus=False):
            yield Rating()
            yield Facts()

    def show(self, picture: Picture | None, path: Path | None) -> None:
        """Show this picture, whose file lies at ``path``; None shows an empty panel."""
        self._path = path
        self.picture = picture

    def watch_picture(self, before: Picture | None, after: Picture | None) -> None:
        """Show what has changed; the file only when it is another one."""
        if not self.is_mounted:
            return
        rating = self.query_one(Rating)
        rating.value = after.rating if after is not None else 0
        rating.starred = after is not None and after.starred
        rating.visible = after is not None
        self.query_one(Facts).show(after, self._path)
        if before is None or after is None or before.file.sha256 != after.file.sha256:
            self.query_one(PictureView).image = self._path if after is not None else None
            self.query_one(VerticalScroll).scroll_home(animate=False)


class Facts(Static):
    """A picture's recipe and file as label and value, wrapped under itself."""

    COMPONENT_CLASSES = {"facts--label", "facts--prompt"}  # noqa: RUF012

    DEFAULT_CSS = """
    Facts {
        & > .facts--label { color: $text-muted; }
        & > .facts--prompt { color: $foreground; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._shown: tuple[Picture | None, Path | None] = (None, None)

    def show(self, picture: Picture | None, path: Path | None) -> None:
        """Show the facts of this picture; nothing for None."""
        self._shown = (picture, path)
        self._write()

    def notify_style_update(self) -> None:
        """Another theme has other colours."""
        super().notify_style_update()
        if self.is_mounted:
            self._write()

    def _write(self) -> None:
        picture, path = self._shown
        if picture is None:
            self.update("")
            return
        label = self._foreground("facts--label")
        table = Table.grid(padding=(0, 1))
        table.add_column(style=label, no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in facts(picture, path):
            table.add_row(Text(name), Text(value))
        self.update(table)

    def _foreground(self, name: str) -> Style:
        return Style(color=self.get_visual_style(name).rich_style.color)


def facts(picture: Picture, path: Path | None = None) -> Iterator[tuple[str, str]]:
    """Label and value of all that is known of a picture, safe to show, the words first."""
    recipe, file = picture.recipe, picture.file
    yield "prompt", clean(recipe.prompt) or "(none)"
    if recipe.template:
        yield "from", clean(recipe.template)
    if recipe.negative_prompt:
        yield "not", clean(recipe.negative_prompt)
    yield "", ""
    yield "model", one_line(str(recipe.ref))
    if picture.seed is not None:
        yield "seed", str(picture.seed)
    for name, value in recipe.params.items():
        yield one_line(name.replace("_", " "), most=24), one_line(str(value))
    for source in recipe.sources:
        strength = f" at {source.strength:g}" if source.strength is not None else ""
        yield source.role, one_line(source.name or source.sha256[:12]) + strength
    for lora in recipe.loras:
        yield "LoRA", f"{one_line(lora.name)} {lora.weight:g}"
    yield "grade", picture.grade.value
    if recipe.engine is not None:
        yield "engine", engine_words(recipe.engine)
    yield "", ""
    yield "made", made_words(picture)
    yield "tags", ", ".join(one_line(tag) for tag in sorted(picture.tags)) or "none"
    if picture.boards:
        yield "boards", ", ".join(one_line(board) for board in sorted(picture.boards))
    if picture.trashed is not None:
        yield "trash", f"since {picture.trashed.astimezone():%Y-%m-%d %H:%M}"
    if picture.parent is not None:
        yield "parent", one_line(picture.parent)
    kind = file.media_type.rpartition("/")[2].upper()
    yield "pixels", f"{file.width} x {file.height} · {one_line(kind)} · {size_words(file.size)}"
    yield "file", one_line(home_path(path) if path is not None else file.path, most=1_000)
    yield "id", picture.id


def engine_words(engine: Engine) -> str:
    """Name, versions, device and the start of the model's hash, as far as they are known."""
    versions = ", ".join(f"{name} {version}" for name, version in engine.versions.items())
    parts = [engine.name if engine.name not in engine.versions else "", versions, engine.device]
    if engine.model_sha256:
        parts.append(f"model {engine.model_sha256[:12]}")
    return one_line(" · ".join(part for part in parts if part))


def made_words(picture: Picture) -> str:
    """When, how long it took, and what it cost."""
    words = f"{picture.made.astimezone():%Y-%m-%d %H:%M}"
    if picture.seconds is not None:
        words += f" · {picture.seconds:.1f} s"
    if picture.price_usd is not None:
        words += f" · ${picture.price_usd:.3f}".rstrip("0").rstrip(".") if picture.price_usd else " · free"
    return words


def size_words(size: int) -> str:
    """A file's size as a person reads it: ``980 B``, ``23 kB``, ``1.4 MB``."""
    if size < _KILO:
        return f"{size} B"
    if size < _KILO * _KILO:
        return f"{size / _KILO:.0f} kB"
    return f"{size / _KILO / _KILO:.1f} MB"
