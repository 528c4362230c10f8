"""TabLine: the line on top: the five screens, how many jobs run, and a short word at the right."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

TABS = (
    ("studio", "Studio"),
    ("gallery", "Gallery"),
    ("queue", "Queue"),
    ("models", "Models"),
    ("settings", "Settings"),
)
_NAME_FROM = 76


class TabLine(Widget):
    """Values in: ``current`` (a mode's name), ``running`` (jobs that have not ended), ``digits_go`` (a plain digit
    changes the screen here), ``notes`` (words for the right, of which the first that fit are shown), ``alarm`` (they
    warn). A click on a tab goes there."""

    DEFAULT_CSS = "TabLine { height: 1; dock: top; background: $background; color: $text-muted; }"

    current: reactive[str] = reactive("")
    running: reactive[int] = reactive(0)
    digits_go: reactive[bool] = reactive(True)
    notes: reactive[tuple[str, ...]] = reactive(())
    alarm: reactive[bool] = reactive(False)

    def __init__(self, *, current: str = "") -> None:
        super().__init__()
        self._places: list[tuple[int, int, str]] = []
        self.set_reactive(TabLine.current, current)

    def render(self) -> Content:
        line = Content(" ")
        if self.size.width >= _NAME_FROM:
            line += Content.styled("silverprint  ", "bold $foreground")
        line += Content.styled("    " if self.digits_go else "alt+", "$text-disabled")
        self._places = []
        for number, (mode, title) in enumerate(TABS, 1):
            start = line.cell_length
            line += self._tab(number, mode, title)
            self._places.append((start, line.cell_length, mode))
            line += Content("  ")
        room = self.size.width - line.cell_length - 1
        note = next((words for words in self.notes if len(words) <= room), "")
        style = "$warning" if self.alarm else ""
        return line + Content(" " * (room - len(note))) + Content.styled(note, style) if note else line

    def _tab(self, number: int, mode: str, title: str) -> Content:
        chosen = mode == self.current
        tab = Content.assemble(
            (str(number), "bold $accent" if chosen else "$text-disabled"),
            " ",
            (title, "bold $accent" if chosen else ""),
        )
        if mode == "queue" and self.running:
            tab += Content.styled(f" ●{self.running}", "$accent")
        return tab

    async def on_click(self, event: events.Click) -> None:
        for start, end, mode in self._places:
            if start <= event.x < end:
                await self.run_action(f"app.go('{mode}')")
