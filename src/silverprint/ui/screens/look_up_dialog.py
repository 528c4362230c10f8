"""LookUpDialog: what the service has that may be a job whose answer got lost. It answers with the ticket to claim."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from silverprint.core.errors import SilverprintError
from silverprint.core.job import Job
from silverprint.core.provider import Found
from silverprint.core.text import one_line
from silverprint.core.ticket import Ticket
from silverprint.ui.screens.dialog import Box, Dialog
from silverprint.ui.widgets.cells import fit

LookUp = Callable[[str], Awaitable[Sequence[Found]]]


class LookUpDialog(Dialog[Ticket]):
    """Asks ``look_up`` for the job's id and lists what it finds; enter claims, escape leaves the job as it is."""

    def __init__(self, job: Job, look_up: LookUp) -> None:
        super().__init__()
        self._job = job
        self._look_up = look_up
        self._found: list[Found] = []

    def compose(self) -> ComposeResult:
        """What is asked, what was found, and what claiming means."""
        box = Box()
        where = one_line(self._job.recipe.ref.provider, most=30)
        box.border_title = Content(f"Was it taken by {where}?")
        box.border_subtitle = Content("esc leave it")
        with box:
            yield Static(
                Content(one_line(self._job.recipe.prompt, most=140) or "(no prompt)"), classes="words"
            )
            yield OptionList(markup=False, compact=True)
            yield Static(Content(f"asking {where}…"), classes="note")

    def on_mount(self) -> None:
        """Ask at once."""
        self.query_one(OptionList).display = False
        self.run_worker(self._ask(), group="look up")

    async def _ask(self) -> None:
        try:
            found = list(await self._look_up(self._job.id))
        except SilverprintError as error:
            self._note(" ".join(part for part in (str(error), error.fix) if part))
            return
        self._found = found
        if not found:
            self._note(
                "Nothing there looks like this job, so it was most likely not taken. "
                "r in the queue sends it again, c gives it up."
            )
            return
        for options in self.query(OptionList):  # none, when the dialog is being closed
            options.add_options(Option(self._line(each)) for each in found)
            options.display = True
            options.highlighted = 0
            options.focus()
        for box in self.query(Box):
            box.border_subtitle = Content("\u2191\u2193 move   enter claim   esc leave it")
        self._note("Claiming one fetches its picture; nothing is sent, and it costs nothing more.")

    def _note(self, words: str) -> None:
        for line in self.query(".note").results(Static):
            line.update(Content(one_line(words, most=400)))

    def _line(self, found: Found) -> Content:
        when = found.created.astimezone().strftime("%H:%M:%S") if found.created is not None else ""
        mark = "this one" if found.sure else "maybe"
        return Content.assemble(
            (f"{fit(mark, 8)}  ", "$success" if found.sure else "$text-muted"),
            (f"{when}  " if when else "", "$text-muted"),
            one_line(found.words, most=200),
        )

    @on(OptionList.OptionSelected)
    def _claimed(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._found[event.option_index].ticket)
