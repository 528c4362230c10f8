"""Which of the table's places belong to a screen, and which of its actions can run at this moment."""

from __future__ import annotations

from collections.abc import Mapping

from textual.dom import DOMNode
from textual.screen import Screen

from silverprint.ui.actions import Action, Where, actions

PLACES: Mapping[str, tuple[Where, ...]] = {
    "studio": (Where.STUDIO, Where.PROMPT, Where.FILMSTRIP, Where.PICTURE),
    "gallery": (Where.GALLERY, Where.GRID, Where.PICTURE),
    "queue": (Where.QUEUE,),
    "models": (Where.MODELS,),
    "settings": (Where.SERVICES, Where.SERVERS, Where.SETTINGS),
    "viewer": (Where.VIEWER, Where.PICTURE),
}


def places_of(screen: Screen[object]) -> tuple[Where, ...]:
    """The places of a screen, what acts everywhere last."""
    return (*PLACES.get(getattr(screen, "mode", ""), ()), Where.EVERYWHERE)


def runnable(screen: Screen[object], keys: Mapping[str, str]) -> list[tuple[Action, DOMNode]]:
    """The screen's actions that can run at this moment, each with the node it runs on.

    One that is a widget's own can run only while that widget has the focus.
    """
    bound = {active.binding.id: active.node for active in screen.active_bindings.values()}
    found: list[tuple[Action, DOMNode]] = []
    for action in actions(*places_of(screen), keys=keys):
        # While the palette is open Textual would ask the palette whether a "screen." action may run.
        if action.call.startswith("screen."):
            if _may(screen, action.call):
                found.append((action, screen))
        elif action.name in bound:
            found.append((action, bound[action.name]))
    return found


def _may(screen: Screen[object], call: str) -> bool:
    name = call.removeprefix("screen.").partition("(")[0]
    if getattr(screen, f"action_{name}", None) is None:
        return False
    return screen.check_action(name, ()) is True
