"""ServerDialog: a server of the person's own: its name, what it speaks, its address.

It answers True when ``keep`` took it. What may be kept, and why not, is told by ``keep``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Label, Static

from silverprint.core.text import one_line
from silverprint.ui.screens.dialog import Box, Dialog
from silverprint.ui.widgets.turn import Turn

KINDS: Mapping[str, str] = {"bfl": "BFL-compatible", "openai": "OpenAI-compatible"}

Keep = Callable[[str, str, str], Awaitable[str]]
"""Name, kind and address of the server; the answer is empty, or why it can't be kept."""


class ServerDialog(Dialog[bool]):
    """Asks for a server until ``keep`` takes it."""

    def __init__(self, keep: Keep) -> None:
        super().__init__()
        self._keep = keep

    def compose(self) -> ComposeResult:
        """Three lines, and one for what is wrong."""
        box = Box()
        box.border_title = Content("A server of your own")
        box.border_subtitle = Content("tab next   enter keep   esc leave it")
        with box:
            yield Static(
                Content(
                    "A model of it is then named by the name you give here, such as attic:flux-2-klein.\n"
                    "Plain http is for this machine and private networks; its key is added in the list of keys."
                ),
                classes="words",
            )
            with Horizontal(classes="line"):
                yield Label("name", classes="label")
                yield Input(placeholder="attic", compact=True, id="name")
            with Horizontal(classes="line"):
                yield Label("speaks", classes="label")
                yield Turn(KINDS, id="kind")
            with Horizontal(classes="line"):
                yield Label("address", classes="label")
                yield Input(placeholder="http://192.168.1.20:8000", compact=True, id="address")
            yield Static("", classes="mistake", markup=False)

    def on_mount(self) -> None:
        """The name first."""
        self.query_one("#name", Input).focus()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        name, address = (self.query_one(f"#{field}", Input) for field in ("name", "address"))
        if event.input is name and not address.value.strip():
            self.query_one(Turn).focus()
            return
        self.run_worker(self._try(name.value.strip(), address.value.strip()), group="keep", exclusive=True)

    @on(Turn.Entered)
    def _turn_entered(self) -> None:
        self.query_one("#address", Input).focus()

    async def _try(self, name: str, address: str) -> None:
        reason = await self._keep(name, self.query_one(Turn).value, address)
        if not self.is_attached:
            return
        if reason:
            for line in self.query(".mistake").results(Static):  # none, when the dialog is being closed
                line.update(Content(one_line(reason, most=400)))
                line.display = True
        else:
            self.dismiss(True)
