"""Every action a key can call, once: its name, its keys, what it does and where it acts.

Bindings, key line, help, command palette and docs/keys.md are all made from this table. What an action does
is written where it acts, in the screens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from textual.binding import Binding


class Where(StrEnum):
    """The places keys act in. A place's title is how help names it."""

    EVERYWHERE = "Everywhere"
    STUDIO = "Studio"
    PROMPT = "In the prompt"
    PICTURE = "On a picture"
    FILMSTRIP = "In the filmstrip"
    GALLERY = "Gallery"
    GRID = "In the gallery's grid"
    QUEUE = "Queue"
    MODELS = "Models"
    SETTINGS = "Settings"
    SERVICES = "On a service, in the settings"
    SERVERS = "On a server of your own, in the settings"
    VIEWER = "Large view"
    DIALOG = "In a dialog"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action. ``keys`` are Textual's key names, comma between, the most useful first.

    ``call`` is the Textual action that runs; ``name`` is what the settings file rebinds it by. ``rank`` orders
    the key line: 1 is shown first, 0 never. ``priority`` keys act even while a text field has the focus.
    """

    name: str
    keys: str
    title: str
    help: str
    call: str
    rank: int = 0
    priority: bool = False

    @property
    def key_words(self) -> str:
        """The keys as a person reads them: ``ctrl+g, f5``."""
        return ", ".join(key_word(key) for key in self.keys.split(","))


_WORDS = {
    "escape": "esc",
    "question_mark": "?",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "space": "space",
    "pageup": "page up",
    "pagedown": "page down",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}


def key_word(key: str) -> str:
    """A Textual key name as a person reads it."""
    *modifiers, last = key.strip().split("+")
    word = _WORDS.get(last, last)
    if modifiers == ["shift"] and len(word) == 1:
        return word.upper()
    return "+".join([*modifiers, word])


def _rate(number: int) -> Action:
    title = f"Rate {number}" if number else "No rating"
    words = f"Give the picture {number} of 5 stars" if number else "Take the rating away"
    return Action(name=f"picture.rate{number}", keys=str(number), title=title, help=words, call=f"screen.rate({number})")  # fmt: skip


ACTIONS: Mapping[Where, tuple[Action, ...]] = {
    Where.EVERYWHERE: (
        Action(name="app.studio", keys="1,alt+1", title="Studio", help="Go to the Studio", call="app.go('studio')"),
        Action(name="app.gallery", keys="2,alt+2", title="Gallery", help="Go to the Gallery", call="app.go('gallery')"),
        Action(name="app.queue", keys="3,alt+3", title="Queue", help="Go to the Queue", call="app.go('queue')"),
        Action(name="app.models", keys="4,alt+4", title="Models", help="Go to the Models", call="app.go('models')"),
        Action(name="app.settings", keys="5,alt+5", title="Settings", help="Go to the Settings", call="app.go('settings')"),
        Action(name="app.next", keys="ctrl+pagedown", title="Next screen", help="Go to the next of the five screens", call="app.turn(1)", priority=True),
        Action(name="app.previous", keys="ctrl+pageup", title="Previous screen", help="Go to the one before", call="app.turn(-1)", priority=True),
        Action(name="app.commands", keys="ctrl+p", title="Commands", help="Find any command, model or theme by its name", call="app.commands", rank=80, priority=True),
        Action(name="app.help", keys="f1", title="Keys", help="Every key of this screen", call="app.keys", rank=90, priority=True),
        Action(name="app.lift", keys="b", title="Lift budget", help="Let the budget go for today, after asking", call="app.lift_budget", rank=5),
        Action(name="app.back", keys="escape", title="Back", help="One step back; nothing typed is lost", call="app.back"),
        Action(name="app.quit", keys="ctrl+q", title="Quit", help="Close; jobs go on at the next start", call="app.quit", priority=True),
    ),
    Where.STUDIO: (
        Action(name="studio.develop", keys="ctrl+g,f5,ctrl+enter", title="Develop", help="Make the picture", call="screen.develop", rank=1, priority=True),
        Action(name="studio.seed_lock", keys="ctrl+l", title="Seed lock", help="The lock's next state: locked, random, +1 each", call="screen.turn_seed_lock", rank=3, priority=True),
        Action(name="studio.model", keys="ctrl+o", title="Model", help="Choose a model", call="screen.choose_model", rank=4, priority=True),
        Action(name="studio.side", keys="ctrl+t", title="Form", help="In a narrow window: picture or form", call="screen.turn_side", rank=5, priority=True),
        Action(name="studio.newer", keys="alt+right", title="Next picture", help="Show the next picture of the filmstrip", call="screen.step_frame(1)", priority=True),
        Action(name="studio.older", keys="alt+left", title="Picture before", help="Show the picture before", call="screen.step_frame(-1)", priority=True),
        Action(name="studio.more", keys="ctrl+n", title="More", help="Show or hide the rest of the parameters", call="screen.turn_more", priority=True),
        Action(name="studio.cancel", keys="f8", title="Cancel", help="Cancel the job that is on view", call="screen.cancel_job", rank=2, priority=True),
        Action(name="studio.rebuild", keys="ctrl+b", title="Rebuild", help="Rebuild a damaged history from the pictures", call="screen.rebuild", rank=1, priority=True),
    ),
    Where.PROMPT: (
        Action(name="prompt.leave", keys="escape", title="Pictures", help="To the filmstrip: there keys act on the picture", call="app.back", rank=7),
        Action(name="prompt.earlier", keys="alt+up", title="Earlier prompt", help="The prompt before; what you typed is kept", call="earlier(1)", rank=6),
        Action(name="prompt.later", keys="alt+down", title="Later prompt", help="Back towards what you typed", call="earlier(-1)"),
        Action(name="prompt.search", keys="ctrl+r", title="Search prompts", help="Search the earlier prompts", call="search", rank=20),
        Action(name="prompt.editor", keys="ctrl+e", title="Editor", help="Write the prompt in $EDITOR", call="open_editor"),
        Action(name="prompt.spread", keys="alt+w", title="Random / all", help="Wildcards: at random, or every combination", call="turn_spread"),
    ),
    Where.PICTURE: (
        Action(name="picture.view", keys="enter", title="View", help="See the picture large", call="screen.view", rank=10),
        Action(name="picture.redo", keys="r", title="Redo", help="Make exactly the same picture again", call="screen.redo", rank=11),
        Action(name="picture.vary", keys="v", title="Vary", help="The same recipe with a new seed", call="screen.vary", rank=12),
        Action(name="picture.seed", keys="s", title="Lock its seed", help="Lock the seed of this picture", call="screen.use('seed')", rank=13),
        Action(name="picture.prompt", keys="p", title="Use its prompt", help="Take its prompt into the editor", call="screen.use('prompt')"),
        Action(name="picture.all", keys="a", title="Use all", help="Take its recipe whole: model, prompt, seed, all", call="screen.use('all')", rank=15),
        Action(name="picture.edit", keys="e", title="Edit from it", help="Start from this picture: image to image", call="screen.use('edit')", rank=14),
        _rate(0), _rate(1), _rate(2), _rate(3), _rate(4), _rate(5),
        Action(name="picture.trash", keys="x", title="Trash", help="Into the trash; a job is cancelled", call="screen.trash", rank=16),
        Action(name="picture.undo", keys="z", title="Undo", help="Undo the last trash, rating, tag or star", call="screen.undo", rank=17),
    ),
    Where.FILMSTRIP: (
        Action(name="filmstrip.leave", keys="escape", title="Prompt", help="Back to the prompt", call="app.back", rank=8),
        Action(name="filmstrip.left", keys="left,h", title="Before", help="The picture before", call="step(-1)"),
        Action(name="filmstrip.right", keys="right,l", title="Next", help="The next picture", call="step(1)"),
        Action(name="filmstrip.first", keys="home", title="Oldest", help="The oldest in the strip", call="step(-9999)"),
        Action(name="filmstrip.last", keys="end", title="Newest", help="The newest; the view follows it again", call="step(9999)"),
        Action(name="filmstrip.retry", keys="t", title="Try again", help="Send a failed or unsure job again", call="screen.retry_job", rank=9),
    ),
    Where.VIEWER: (
        Action(name="viewer.left", keys="h,left", title="Before", help="The picture before", call="screen.turn(-1)", rank=1),
        Action(name="viewer.right", keys="l,right", title="Next", help="The next picture", call="screen.turn(1)", rank=2),
        Action(name="viewer.recipe", keys="i", title="Recipe", help="Show or hide the recipe", call="screen.turn_recipe", rank=3),
    ),
    Where.MODELS: (
        Action(name="models.find", keys="slash", title="Search", help="Search the models", call="screen.find", rank=1),
        Action(name="models.take", keys="enter", title="Use", help="Take the model to the Studio", call="screen.take", rank=2),
        Action(name="models.again", keys="r", title="Ask again", help="Ask every provider again", call="screen.again", rank=3),
    ),
    Where.GALLERY: (
        Action(name="gallery.find", keys="slash", title="Search", help="Search: words, model: tag: rating:>=3 is:starred", call="screen.find", rank=8),
        Action(name="gallery.sort", keys="o", title="Sort", help="Sort by the day made, rating, model or seed", call="screen.turn_sort", rank=19),
        Action(name="gallery.panel", keys="i", title="Recipe", help="Show or hide the recipe beside the pictures", call="screen.turn_panel", rank=20),
        Action(name="gallery.trashed", keys="T", title="Trash bin", help="Show what is in the trash, or go back", call="screen.turn_trashed", rank=21),
    ),
    Where.GRID: (
        Action(name="grid.mark", keys="space", title="Mark", help="Mark several; keys then act on all of the marked", call="mark", rank=18),
        Action(name="grid.star", keys="f", title="Star", help="Star the picture, or take the star away", call="screen.star", rank=22),
        Action(name="grid.tag", keys="t", title="Tag", help="Add tags; a minus takes away: fox -blurred", call="screen.tag", rank=23),
        Action(name="grid.copy", keys="y", title="Copy path", help="Copy the path of the file", call="screen.copy('path')", rank=24),
        Action(name="grid.copy_prompt", keys="Y", title="Copy prompt", help="Copy the prompt", call="screen.copy('prompt')"),
        Action(name="grid.up", keys="up,k", title="Up", help="One row up", call="move_rows(-1)"),
        Action(name="grid.down", keys="down,j", title="Down", help="One row down", call="move_rows(1)"),
        Action(name="grid.left", keys="left,h", title="Before", help="The picture before", call="move(-1)"),
        Action(name="grid.right", keys="right,l", title="Next", help="The next picture", call="move(1)"),
        Action(name="grid.page_up", keys="pageup", title="Page up", help="One page up", call="move_pages(-1)"),
        Action(name="grid.page_down", keys="pagedown", title="Page down", help="One page down", call="move_pages(1)"),
        Action(name="grid.first", keys="home,g", title="First", help="The first picture", call="edge(-1)"),
        Action(name="grid.last", keys="end,G", title="Last", help="The last picture", call="edge(1)"),
    ),
    Where.QUEUE: (
        Action(name="queue.cancel", keys="c,x", title="Cancel", help="Cancel the job; what is here already stays", call="screen.cancel", rank=1),
        Action(name="queue.retry", keys="r", title="Try again", help="Send a failed, cancelled or unsure job again", call="screen.retry", rank=2),
        Action(name="queue.pause", keys="space,P", title="Pause", help="Pause or resume the queue; what runs goes on", call="screen.turn_pause", rank=3),
        Action(name="queue.go_on", keys="o", title="Go on", help="Resume a provider that was paused for a reason", call="screen.go_on", rank=2),
        Action(name="queue.look_up", keys="l", title="Look up", help="Unsure: ask the service whether it was taken", call="screen.look_up", rank=3),
        Action(name="queue.clear", keys="d", title="Clear finished", help="Take finished jobs off the list; pictures stay", call="screen.clear", rank=4),
        Action(name="queue.cancel_all", keys="X", title="Cancel all", help="Cancel every job that waits or runs", call="screen.cancel_all", rank=5),
        Action(name="queue.view", keys="enter", title="View", help="See the picture of a finished job large", call="open", rank=6),
        Action(name="queue.up", keys="up,k", title="Up", help="The job above", call="move(-1)"),
        Action(name="queue.down", keys="down,j", title="Down", help="The job below", call="move(1)"),
        Action(name="queue.page_up", keys="pageup", title="Page up", help="One page up", call="page(-1)"),
        Action(name="queue.page_down", keys="pagedown", title="Page down", help="One page down", call="page(1)"),
        Action(name="queue.first", keys="home,g", title="First", help="The first job", call="edge(-1)"),
        Action(name="queue.last", keys="end,G", title="Last", help="The last job", call="edge(1)"),
    ),
    Where.SETTINGS: (
        Action(name="settings.keep", keys="enter", title="Keep", help="Keep the marked choice; it is saved at once", call="keep", rank=1),
        Action(name="settings.copy", keys="y", title="Copy path", help="Copy the path of the folder", call="screen.copy_path", rank=3),
    ),
    Where.SERVICES: (
        Action(name="services.set", keys="enter", title="Set key", help="Enter the key; what you type is hidden", call="key('set')", rank=1),
        Action(name="services.test", keys="t", title="Test", help="Ask the service about the key; costs nothing", call="key('test')", rank=2),
        Action(name="services.remove", keys="x,delete", title="Remove key", help="Forget the key, after asking", call="key('remove')", rank=3),
    ),
    Where.SERVERS: (
        Action(name="servers.add", keys="a", title="Add", help="Add a server: name, kind, address", call="add", rank=1),
        Action(name="servers.remove", keys="x,delete", title="Remove", help="Take the server off the list, after asking", call="remove", rank=2),
    ),
    Where.DIALOG: (
        Action(name="dialog.close", keys="escape", title="Close", help="Close without a change", call="screen.close", rank=2),
    ),
}  # fmt: skip


def bindings(*places: Where) -> list[Binding]:
    """Textual's bindings for the places, in the order given."""
    made = []
    for action in _all(places):
        # alt+digit must act inside text fields, a plain digit must not: two bindings of one action.
        for keys, priority in _split(action):
            made.append(
                Binding(
                    keys, action.call, action.title, show=action.rank > 0, id=action.name, priority=priority
                )
            )
    return made


def actions(*places: Where, keys: Mapping[str, str] | None = None) -> list[Action]:
    """The actions of the places, with the person's own ``keys`` (action name -> key names) put in."""
    own = keys or {}
    return [
        replace(action, keys=own[action.name]) if action.name in own else action for action in _all(places)
    ]


def ranks() -> dict[str, int]:
    """Each action's place in the key line, by name."""
    return {action.name: action.rank for action in _all(Where)}


def as_markdown() -> str:
    """The page docs/keys.md: every key, place by place."""
    lines = [
        "# Keys",
        "",
        "Made from the table of actions in `silverprint/ui/actions.py`; the same table makes the help (`f1`),",
        "the key line and the command palette. Any of them can be changed under `[keys]` in the settings file,",
        "by the name in the last column.",
        "",
        "Digits go to a screen, but where a picture has the focus they rate it; `alt` and a digit always goes.",
        "A terminal that sends `alt` as accented letters (xterm as it comes) has `ctrl+page down` for that.",
    ]
    for place in Where:
        if not ACTIONS[place]:
            continue
        lines += ["", f"## {place.value}", "", "| key | what it does | name |", "| --- | --- | --- |"]
        for action in ACTIONS[place]:
            words = ", ".join(f"`{key_word(key)}`" for key in action.keys.split(","))
            lines.append(f"| {words} | {action.help} | `{action.name}` |")
    return "\n".join(lines) + "\n"


def _all(places: Sequence[Where] | type[Where]) -> list[Action]:
    return [action for place in places for action in ACTIONS[place]]


def _split(action: Action) -> list[tuple[str, bool]]:
    keys = action.keys.split(",")
    alt = [key for key in keys if key.startswith("alt+") and key[-1].isdigit()]
    if action.priority or not alt:
        return [(action.keys, action.priority)]
    plain = [key for key in keys if key not in alt]
    return [(",".join(plain), False), (",".join(alt), True)]
