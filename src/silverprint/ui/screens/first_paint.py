"""FirstPaint: the Studio as it was left, drawn from the draft alone, until the real screen is loaded.

It looks like the Studio, takes what is typed and remembers the wish to develop. It is one screen without widgets and
imports next to nothing, so that it stands before the services, the form and the pictures are even read from disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, chop_cells
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.screen import Screen

from silverprint.ui.actions import ACTIONS, Where, bindings, key_word
from silverprint.ui.widgets.tab_line import TABS

if TYPE_CHECKING:
    from silverprint.settings.draft import Draft

_NARROW_BELOW = 100
_LEFT = 48
_STRIP_ROWS = 8
_ASIDE = ("studio.cancel", "studio.rebuild", "studio.side", "prompt.leave", "prompt.search")


class FirstPaint(Screen[None]):
    """The Studio's outline. ``text`` is the prompt as typed; ``wants_develop`` is set when its key was pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.STUDIO)]

    def __init__(self, draft: Draft, *, typed: str = "") -> None:
        """``typed`` is what was typed before there was a screen."""
        super().__init__()
        self._draft = draft
        self.text = draft.prompt + typed
        self.wants_develop = False

    def action_develop(self) -> None:
        self.wants_develop = True

    def on_key(self, event: events.Key) -> None:
        if event.key == "backspace":
            self.text = self.text[:-1]
        elif event.key == "enter":
            self.text += "\n"
        elif event.is_printable and event.character:
            self.text += event.character
        else:
            return
        event.stop()
        self.refresh()

    def on_paste(self, event: events.Paste) -> None:
        self.text += event.text
        self.refresh()

    def render(self) -> Content:
        width, height = self.size
        if width < _NARROW_BELOW:
            rows = [*_box("Prompt", self._prompt(width - 4, 3), width, 5, "$rule-focus")]
            rows += [Content(" " * width)] * (height - 2 - len(rows))
        else:
            left = self._left(height - 2)
            right = [
                *_box("", [], width - _LEFT, height - 2 - _STRIP_ROWS, "$rule"),
                *_box("Filmstrip", [], width - _LEFT, _STRIP_ROWS, "$rule"),
            ]
            rows = [one + other for one, other in zip(left, right, strict=True)]
        return Content("\n").join([_tabs(), *rows, _keys(width)])

    def _left(self, height: int) -> list[Content]:
        draft = self._draft
        rows = _box("Prompt", self._prompt(_LEFT - 4, 9), _LEFT, 11, "$rule-focus")
        if draft.negative or draft.screen.get("negative"):
            rows += _box("Negative", _wrapped(draft.negative, _LEFT - 4)[:2], _LEFT, 4, "$rule")
        seed = "a new one" if draft.seed is None else str(draft.seed)
        title = str(draft.screen.get("title") or draft.model)
        fields = (("", ""), ("Model", f"▾ {title}"), ("", ""), ("Seed", seed), ("Count", str(draft.count)))
        for label, value in fields:
            rows.append(_cut(Content.assemble("  ", (label.ljust(10), "$text-muted"), f" {value}"), _LEFT))
        rows += [Content(" " * _LEFT)] * (height - len(rows))
        return rows[:height]

    def _prompt(self, width: int, height: int) -> list[Content]:
        rows = _wrapped(self.text, width)
        if cell_len(rows[-1].plain) >= width:
            rows.append(Content(""))
        rows[-1] += Content.styled(" ", "reverse")
        return rows[-height:]


def _box(title: str, inside: list[Content], width: int, height: int, rule: str) -> list[Content]:
    """``height`` rows of a box with ``inside`` in it."""
    head = f" {title} " if title else ""
    top = Content.assemble(
        ("╭─" if head else "╭", rule),
        (head, "$foreground" if rule == "$rule-focus" else "$text-muted"),
        ("─" * (width - 2 - len(head) - bool(head)) + "╮", rule),
    )
    rows = [top]
    for number in range(height - 2):
        line = inside[number] if number < len(inside) else Content("")
        rows.append(Content.assemble(("│ ", rule), _cut(line, width - 4), (" │", rule)))
    return [*rows, Content.styled("╰" + "─" * (width - 2) + "╯", rule)]


def _wrapped(text: str, width: int) -> list[Content]:
    return [Content(part) for line in text.split("\n") for part in chop_cells(line, width) or [""]]


def _cut(line: Content, width: int) -> Content:
    return line.truncate(width, ellipsis=True).pad_right(max(0, width - line.cell_length))


def _tabs() -> Content:
    line = Content.assemble(" ", ("silverprint  ", "bold $foreground"), ("alt+", "$text-disabled"))
    for number, (mode, title) in enumerate(TABS, 1):
        chosen = mode == "studio"
        line += Content.assemble(
            (f"{number}", "bold $accent" if chosen else "$text-disabled"),
            " ",
            (f"{title}  ", "bold $accent" if chosen else "$text-muted"),
        )
    return line


def _keys(width: int) -> Content:
    shown = [
        action
        for where in (Where.STUDIO, Where.PROMPT, Where.EVERYWHERE)
        for action in ACTIONS[where]
        if action.rank and action.name not in _ASIDE
    ]
    line = Content(" ")
    for action in sorted(shown, key=lambda action: action.rank):
        entry = Content.assemble(
            (key_word(action.keys.split(",")[0]), "$footer-key-foreground"),
            (f" {action.title}   ", "$text-muted"),
        )
        if line.cell_length + entry.cell_length < width:
            line += entry
    return line
