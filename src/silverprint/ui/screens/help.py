"""HelpScreen: every key of the screen it was opened from, searchable; made from the table of actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from silverprint.ui.actions import Action, Where, actions
from silverprint.ui.fuzzy import best, marked
from silverprint.ui.places import places_of
from silverprint.ui.screens.dialog import Box, Dialog
from silverprint.ui.screens.finder import move_list
from silverprint.ui.widgets.cells import fit


class HelpScreen(Dialog[None]):
    """The keys of ``places``, each place under its title; typing narrows them."""

    def __init__(self, places: Sequence[Where], keys: Mapping[str, str]) -> None:
        super().__init__()
        self._rows: list[tuple[Where, Action]] = [
            (place, action) for place in places for action in actions(place, keys=keys)
        ]

    @classmethod
    def of(cls, screen: Screen[object], keys: Mapping[str, str]) -> HelpScreen:
        """The help for ``screen``."""
        return cls(places_of(screen), keys)

    def compose(self) -> ComposeResult:
        box = Box(classes="-tall")
        box.border_title = Content("Keys")
        box.border_subtitle = Content("type to search   ↑↓ scroll   esc close")
        with box:
            yield Input(placeholder="type to search", compact=True)
            yield OptionList(markup=False, compact=True)

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self.query_one(Input).focus()
        self._fill("")

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        self._fill(message.value)

    def _fill(self, query: str) -> None:
        texts = [f"{action.key_words} {action.help}" for _place, action in self._rows]
        width = max((cell_len(action.key_words) for _place, action in self._rows), default=10)
        options = self.query_one(OptionList)
        options.clear_options()
        found = best(query, texts)
        last: Where | None = None
        for at in found:
            place, action = self._rows[at]
            if not query.strip() and place is not last:
                if last is not None:
                    options.add_option(Option("", disabled=True))
                options.add_option(Option(Content.styled(place.value, "bold $foreground"), disabled=True))
                last = place
            keys = Content.styled(fit(action.key_words, width), "$accent")
            options.add_option(Option(Content.assemble("  ", keys, "  ", marked(query, action.help))))
        if found:
            options.action_first()

    def on_key(self, event: events.Key) -> None:
        move_list(self.query_one(OptionList), event)
