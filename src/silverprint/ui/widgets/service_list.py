"""The services and their keys, a line each, and the person's own servers below each other.

Values in, messages out. Keys themselves never come here: only whether there is one, where it lies, and what the
service said of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from silverprint.core.text import one_line
from silverprint.ui.actions import Where, bindings
from silverprint.ui.widgets.cells import fit
from silverprint.ui.widgets.settings_form import Field

MASK = "••••••"
"""Shown for every key, however long it is."""


class KeyState(Enum):
    """What is known of a service's key."""

    LOOKING = "looking"
    ABSENT = "no key"
    SET = "set"
    TESTING = "testing…"
    GOOD = "ok"
    WRONG = "refused"
    UNTOLD = "not told"
    BROKEN = "can't be used"


_COLOURS = {
    KeyState.GOOD: "$success",
    KeyState.WRONG: "$error",
    KeyState.UNTOLD: "$warning",
    KeyState.BROKEN: "$error",
    KeyState.TESTING: "$accent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A line of the list. ``place`` is where the key lies; ``variable`` the variable of the environment that holds it.

    ``words`` is what the service said of the key, or the error; ``fix`` the way out. ``address`` is where the service
    is, if not at its usual place.
    """

    name: str
    title: str
    state: KeyState = KeyState.LOOKING
    key_name: str = ""
    page: str = ""
    place: str = ""
    variable: str = ""
    words: str = ""
    fix: str = ""
    address: str = ""
    needs_key: bool = True

    @property
    def has_key(self) -> bool:
        """Whether there is a key."""
        return bool(self.place)


def state_words(service: Service) -> str:
    """The state of a key in a few words."""
    match service.state:
        case KeyState.LOOKING:
            return ""
        case KeyState.ABSENT:
            return "no key" if service.needs_key else "no key; it may not need one"
        case KeyState.SET:
            return "not tested"
        case KeyState.GOOD:
            return f"ok · {one_line(service.words, most=120)}" if service.words else "ok"
        case KeyState.WRONG | KeyState.BROKEN | KeyState.UNTOLD:
            return one_line(service.words, most=200)
        case KeyState.TESTING:
            return str(service.state.value)


def detail_words(service: Service | None) -> str:
    """What else there is to know of a service: what is wrong, the address, where the key is from or comes from."""
    if service is None:
        return ""
    lines = []
    if service.state in (KeyState.WRONG, KeyState.BROKEN, KeyState.UNTOLD):
        lines.append(" ".join(one_line(part, most=300) for part in (service.words, service.fix) if part))
    elif service.state is KeyState.GOOD and service.words:
        lines.append(one_line(service.words, most=300))
    if service.address:
        lines.append(f"at {one_line(service.address)}")
    if service.variable:
        lines.append(f"{service.variable} in the environment wins over a key kept here")
    elif not service.has_key and service.page:
        lines.append(f"get a key at {one_line(service.page)}")
    return "\n".join(lines)


class _ServiceLines(OptionList):
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.SERVICES)]

    def action_key(self, deed: str) -> None:
        field = self.parent
        if isinstance(field, ServiceField):
            field.want(deed)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        field = self.parent
        return action != "key" or not isinstance(field, ServiceField) or field.can(str(parameters[0]))


class ServiceField(Field):
    """The services. Set with ``show`` and ``change``; what is wanted comes as ``Wanted``."""

    DEFAULT_CSS = """
    ServiceField > .note { min-height: 2; max-height: 5; }
    ServiceField OptionList { max-height: 12; scrollbar-size-vertical: 1; }
    """

    class Wanted(Message):
        """``deed`` (set, test or remove) is wanted for the key of ``service``."""

        def __init__(self, service: Service, deed: str) -> None:
            super().__init__()
            self.service = service
            self.deed = deed

    def __init__(self, title: str, *, id: str | None = None) -> None:
        super().__init__(title, id=id)
        self._services: list[Service] = []

    def control(self) -> ComposeResult:
        """A line a service."""
        yield _ServiceLines(markup=False, compact=True)

    def watch_note(self, note: str) -> None:
        """Explain; the room for it stays, so that nothing below moves with the mark."""
        super().watch_note(note)
        for line in self.query(".note"):
            line.display = True

    def show(self, services: Sequence[Service]) -> None:
        """These services and no others; the mark stays on its service."""
        here = self.current.name if self.current else ""
        self._services = list(services)
        self.display = bool(services)
        lines = self.query_one(_ServiceLines)
        lines.clear_options()
        lines.add_options(Option(self._line(service)) for service in self._services)
        names = [service.name for service in self._services]
        if names:
            lines.highlighted = names.index(here) if here in names else 0
        self._explain()

    def change(self, service: Service) -> None:
        """A service has changed."""
        for at, known in enumerate(self._services):
            if known.name == service.name:
                self._services[at] = service
        self._redraw()

    def find(self, name: str) -> Service | None:
        """The service of this name, as it stands."""
        return next((service for service in self._services if service.name == name), None)

    @property
    def current(self) -> Service | None:
        """The service under the mark."""
        at = self.query_one(_ServiceLines).highlighted
        return self._services[at] if at is not None and at < len(self._services) else None

    def on_resize(self) -> None:
        """The columns follow the width."""
        self._redraw()

    def _redraw(self) -> None:
        lines = self.query_one(_ServiceLines)
        for at, service in enumerate(self._services):
            lines.replace_option_prompt_at_index(at, self._line(service))
        self._explain()

    def _explain(self) -> None:
        self.note = detail_words(self.current)

    def _line(self, service: Service) -> Content:
        titles = max(cell_len(one_line(one.title, most=24)) for one in self._services)
        places = max(cell_len(one.place) for one in self._services)
        key = f"{MASK} {fit(service.place, places)}" if service.has_key else " " * (len(MASK) + 1 + places)
        room = max(10, (self.size.width or 70) - 3 - titles - 2 - len(MASK) - 1 - places - 2)
        words = fit(state_words(service), room).rstrip()
        return Content.assemble(
            fit(one_line(service.title, most=24), titles),
            ("  " + key + "  " if places else "  ", "$text-muted"),
            (words, _COLOURS.get(service.state, "$text-muted")),
        )

    @on(OptionList.OptionHighlighted)
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._explain()
        self.refresh_bindings()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.want("set")

    def want(self, deed: str) -> None:
        """Tell what is wanted for the key under the mark."""
        if self.current is not None:
            self.post_message(self.Wanted(self.current, deed))

    def can(self, deed: str) -> bool:
        """Whether there is a key to do this to; one can always be set."""
        if deed == "set":
            return True
        return self.is_mounted and self.current is not None and self.current.has_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server of the person's own: what it speaks, where it is, and what is wrong with it."""

    name: str
    kind: str
    address: str
    mistake: str = ""


class _ServerLines(OptionList):
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.SERVERS)]

    def action_add(self) -> None:
        if isinstance(self.parent, ServerField):
            self.parent.post_message(ServerField.AddWanted())

    def action_remove(self) -> None:
        if isinstance(self.parent, ServerField) and self.parent.current is not None:
            self.parent.post_message(ServerField.RemoveWanted(self.parent.current))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        is_server = isinstance(self.parent, ServerField) and self.parent.current is not None
        return action != "remove" or is_server


class ServerField(Field):
    """The person's own servers, and a line that adds one."""

    class AddWanted(Message):
        """A server is to be added."""

    class RemoveWanted(Message):
        """``server`` is to be removed."""

        def __init__(self, server: Server) -> None:
            super().__init__()
            self.server = server

    def __init__(self, title: str, *, id: str | None = None) -> None:
        super().__init__(title, id=id)
        self._servers: list[Server] = []

    def control(self) -> ComposeResult:
        """A line a server."""
        yield _ServerLines(markup=False, compact=True)

    def on_mount(self) -> None:
        """None yet."""
        self.show(())

    def show(self, servers: Sequence[Server]) -> None:
        """These servers and no others."""
        self._servers = list(servers)
        lines = self.query_one(_ServerLines)
        here = lines.highlighted
        lines.clear_options()
        lines.add_options(Option(self._line(server)) for server in self._servers)
        lines.add_option(Option(Content.styled("+ add a server: BFL- or OpenAI-compatible", "$text-muted")))
        lines.highlighted = min(here or 0, len(self._servers))

    @property
    def current(self) -> Server | None:
        """The server under the mark; None on the line that adds one."""
        at = self.query_one(_ServerLines).highlighted
        return self._servers[at] if at is not None and at < len(self._servers) else None

    def _line(self, server: Server) -> Content:
        names = max(cell_len(one_line(one.name, most=20)) for one in self._servers)
        kinds = max(cell_len(one_line(one.kind, most=20)) for one in self._servers)
        line = Content.assemble(
            fit(one_line(server.name, most=20), names),
            (f"  {fit(one_line(server.kind, most=20), kinds)}  ", "$text-muted"),
            (one_line(server.address), "$text-muted"),
        )
        if server.mistake:
            line += Content.styled(f"\n  {one_line(server.mistake, most=300)}", "$error")
        return line

    @on(OptionList.OptionHighlighted)
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.refresh_bindings()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if self.current is None:
            self.post_message(self.AddWanted())
