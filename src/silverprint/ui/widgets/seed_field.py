"""SeedField: the seed and its lock. Values in, ``Changed`` out; what the lock means is core.seeds'."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, Label, Static

from silverprint.core.seeds import SeedMode

# One cell wide in every terminal, unlike the padlock and the dice.
GLYPHS = {SeedMode.LOCKED: "●", SeedMode.RANDOM: "○", SeedMode.STEP: "+"}
WORDS = {SeedMode.LOCKED: "locked", SeedMode.RANDOM: "random", SeedMode.STEP: "+1 each"}


def lock_words(mode: SeedMode) -> str:
    """The lock's state as it is shown: a sign and a word."""
    return f"{GLYPHS[mode]} {WORDS[mode]}" if mode is not SeedMode.STEP else WORDS[mode]


class Lock(Static, can_focus=True):
    """The lock itself: space, enter or a click turns it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,enter", "turn", "Turn the lock", show=False)]

    class Turned(Message):
        """Asked for the next state."""

    def action_turn(self) -> None:
        self.post_message(self.Turned())

    def on_click(self) -> None:
        self.action_turn()


class SeedField(Vertical):
    """``seed`` (None: none yet), ``mode``, ``seed_max``; ``taken`` is False for a model without seeds."""

    DEFAULT_CSS = """
    SeedField { height: auto; }
    SeedField .row { height: 1; }
    SeedField Input { width: 14; }
    SeedField Lock { width: auto; margin-left: 2; color: $text-muted; }
    SeedField Lock.-held { color: $accent; }
    SeedField Lock:focus { text-style: reverse; }
    SeedField .reason { color: $error; display: none; padding-left: 10; }
    SeedField .reason.-shown { display: block; }
    """

    class Changed(Message):
        """The seed or the lock was changed by hand."""

        def __init__(self, seed: int | None, mode: SeedMode) -> None:
            super().__init__()
            self.seed = seed
            self.mode = mode

    seed: reactive[int | None] = reactive(None)
    mode: reactive[SeedMode] = reactive(SeedMode.RANDOM)
    taken: reactive[bool] = reactive(True)
    reason: reactive[str] = reactive("")

    def __init__(self, *, seed: int | None = None, mode: SeedMode = SeedMode.RANDOM) -> None:
        super().__init__()
        self.seed_max = 2**32 - 1
        self.set_reactive(SeedField.seed, seed)
        self.set_reactive(SeedField.mode, mode)

    def compose(self) -> ComposeResult:
        with Horizontal(classes="row"):
            yield Label("Seed", classes="label")
            yield Input(
                "" if self.seed is None else str(self.seed),
                placeholder="a new one",
                compact=True,
                select_on_focus=True,
                restrict=r"[0-9]*",
                max_length=20,
            )
            yield Lock(markup=False)
        yield Static("", classes="reason", markup=False)

    def on_mount(self) -> None:
        self.watch_mode()

    def turn(self) -> None:
        """The lock's next state."""
        self.mode = self.mode.following
        self.post_message(self.Changed(self.seed, self.mode))

    def watch_seed(self) -> None:
        text = "" if self.seed is None else str(self.seed)
        for field in self.query(Input):
            if field.value != text:
                with field.prevent(Input.Changed):
                    field.value = text

    def watch_mode(self) -> None:
        for lock in self.query(Lock):
            lock.update(Content(lock_words(self.mode)))
            lock.set_class(self.mode is not SeedMode.RANDOM, "-held")

    def watch_taken(self, taken: bool) -> None:
        self.display = taken

    def watch_reason(self, reason: str) -> None:
        for line in self.query(".reason").results(Static):
            line.update(Content(reason))
            line.set_class(bool(reason), "-shown")

    @on(Lock.Turned)
    def _turned(self, message: Lock.Turned) -> None:
        message.stop()
        self.turn()

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        message.stop()
        seed = int(message.value) if message.value else None
        if seed is not None and seed > self.seed_max:
            self.reason = f"at most {self.seed_max}"
            return
        self.reason = ""
        if seed != self.seed:
            self.set_reactive(SeedField.seed, seed)
            # A seed typed by hand is meant to be used.
            if self.mode is SeedMode.RANDOM and seed is not None:
                self.mode = SeedMode.LOCKED
            self.post_message(self.Changed(seed, self.mode))

    @on(Input.Submitted)
    def _entered(self, message: Input.Submitted) -> None:
        message.stop()
