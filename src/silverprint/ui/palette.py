"""What the command palette offers: the actions of the screen, the models, the themes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from textual.app import App
from textual.screen import Screen

from silverprint.core.provider import ModelInfo
from silverprint.core.text import one_line
from silverprint.ui.places import runnable
from silverprint.ui.screens.finder import Entry

Deed: TypeAlias = Callable[[], Awaitable[object] | object]


def action_entries(app: App[Any], screen: Screen[Any], keys: Mapping[str, str]) -> list[Entry[Deed]]:
    """Every action that can run on ``screen`` now, with its keys. Ask before the palette is on top of it."""
    return [
        Entry(
            text=f"{action.title}: {action.help}",
            value=partial(app.run_action, action.call, node),
            note=action.key_words,
        )
        for action, node in runnable(screen, keys)
    ]


def theme_entries(names: Iterable[str], wear: Callable[[str], None]) -> list[Entry[Deed]]:
    """Every theme; choosing one puts it on."""
    return [Entry(text=f"Theme: {name}", value=partial(wear, name)) for name in sorted(names)]


def model_entries(models: Sequence[ModelInfo], take: Callable[[ModelInfo], None]) -> list[Entry[Deed]]:
    """Every model; choosing one takes it to the Studio."""
    return [
        Entry(
            text=f"Model: {one_line(info.title, most=120)}",
            value=partial(take, info),
            note=one_line(str(info.ref), most=40),
        )
        for info in models
    ]
