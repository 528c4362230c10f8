"""KeyLine: the most useful keys of this moment on one line, as many as fit whole.

It reads the bindings that are active where the focus is, and takes their order from the table of actions.
"""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from silverprint.ui.actions import key_word, ranks


class KeyLine(Widget):
    """One line at the bottom. A click on a key does what the key does."""

    DEFAULT_CSS = "KeyLine { height: 1; dock: bottom; background: $background; color: $text-muted; }"

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[tuple[str, str]] = []
        self._places: list[tuple[int, int, str]] = []

    def _on_mount(self, event: events.Mount) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._keys_changed)

    def _keys_changed(self, _screen: Screen[object]) -> None:
        self.refresh()

    def render(self) -> Content:
        # Under a dialog the bindings are the dialog's: then the line stays as it was.
        if self.app.screen is self.screen or not self._shown:
            self._shown = self.entries()
        line = Content(" ")
        self._places = []
        last = self._shown[-1] if self._shown else ("", "")
        for key, title in self._shown:
            entry = Content.assemble((key_word(key), "$footer-key-foreground"), " ", title)
            # The last, which is the help, always has its place.
            kept = 0 if (key, title) == last else len(key_word(last[0])) + len(last[1]) + 4
            if line.cell_length + entry.cell_length + kept + 1 > self.size.width:
                continue
            start = line.cell_length
            line += entry + Content("   ")
            self._places.append((start, start + entry.cell_length, key))
        return line

    def on_click(self, event: events.Click) -> None:
        for start, end, key in self._places:
            if start <= event.x < end:
                self.app.simulate_key(key)

    def entries(self) -> list[tuple[str, str]]:
        """The keys to show and their titles, the most useful first."""
        order = ranks()
        found: dict[str, tuple[int, str, str]] = {}
        for key, active in self.screen.active_bindings.items():
            binding = active.binding
            rank = order.get(binding.id or "", 0) or (50 if binding.show and not binding.id else 0)
            if not rank or not active.enabled or not binding.description:
                continue
            name = binding.id or binding.action
            if name not in found:
                found[name] = (rank, key, binding.description)
        return [(key, title) for _rank, key, title in sorted(found.values())]
