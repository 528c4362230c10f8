"""FirstPaint: the Studio as it was left, drawn from the draft alone, until the real screen is loaded.

It looks like the Studio, takes what is typed and remembers the wish to develop. It imports next to nothing, so that
it stands before the services, the form and the pictures are even read from disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from silverprint.ui.actions import Where, bindings
from silverprint.ui.widgets.key_line import KeyLine
from silverprint.ui.widgets.prompt_editor import PromptEditor
from silverprint.ui.widgets.tab_line import TabLine

if TYPE_CHECKING:
    from silverprint.settings.draft import Draft

LABEL_WIDTH = 10


class FirstPaint(Screen[None]):
    """The Studio's outline. ``wants_develop`` is set when its key was pressed here."""

    CSS_PATH = "studio.tcss"
    AUTO_FOCUS = "#prompt"
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-narrow"), (100, "-wide")]  # type: ignore[misc]
    VERTICAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-short"), (30, "-tall")]  # type: ignore[misc]
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.STUDIO)]
    DEFAULT_CSS = """
    FirstPaint #form { color: $foreground; }
    FirstPaint #room { height: 6; }
    FirstPaint.-short #room { height: 4; }
    """

    def __init__(self, draft: Draft, *, typed: str = "") -> None:
        """``typed`` is what was typed before there was a screen."""
        super().__init__(classes="studio-look")
        self._draft = draft
        self._typed = typed
        self.wants_develop = False

    def compose(self) -> ComposeResult:
        yield TabLine(current="studio")
        with Container(id="body"), Horizontal(id="columns"):
            with Vertical(id="compose"):
                with Vertical(id="prompt-box") as prompt:
                    prompt.border_title = Content("Prompt")
                    yield PromptEditor(
                        self._draft.prompt, placeholder="what the picture should show", id="prompt"
                    )
                with Vertical(id="negative-box") as negative:
                    negative.border_title = Content("Negative")
                    yield Static(Content(" " + self._draft.negative), markup=False)
                yield Static(self._form(), id="form", markup=False)
            with Vertical(id="light"):
                yield Container(id="stage")
                with Container(id="strip-box") as strip:
                    strip.border_title = Content("Filmstrip")
                    yield Static("", id="room")
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_class(bool(self._draft.negative or self._draft.screen.get("negative")), "-negative")
        self.set_class(self._draft.screen.get("side") == "form", "-form")
        if self._typed:
            self.editor.insert(self._typed)

    @property
    def editor(self) -> PromptEditor:
        """Where the prompt is typed."""
        return self.query_one("#prompt", PromptEditor)

    def action_develop(self) -> None:
        self.wants_develop = True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action not in ("rebuild", "cancel_job", "turn_side")

    def _form(self) -> Content:
        draft = self._draft
        lines: list[tuple[str, str]] = [("Model", f" ▾ {draft.screen.get('title') or draft.model}")]
        lines += [("", "")]
        lines += [
            ("Seed", f" {'a new one' if draft.seed is None else draft.seed}"),
            ("Count", f" {draft.count}"),
        ]
        parts: list[str | tuple[str, str]] = []
        for label, value in lines:
            parts += [(label.ljust(LABEL_WIDTH), "$text-muted"), f"{value}\n"]
        return Content.assemble(*parts)
