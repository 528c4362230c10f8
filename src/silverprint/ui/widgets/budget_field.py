"""BudgetField: the most that may be spent in a day and a month, what an unknown price counts, and what was spent.

Values in, messages out; an amount that can't be is marked with its reason before anything is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

from silverprint.ui.widgets.settings_form import Field

DAY, MONTH, ASSUMED = "day_usd", "month_usd", "assume_usd"
_LABELS: Mapping[str, tuple[str, str]] = {
    DAY: ("a day", "no limit"),
    MONTH: ("a month", "no limit"),
    ASSUMED: ("unknown price counts", "0.10"),
}
MOST_USD = 1_000_000


def check_amount(text: str) -> float | None:
    """An amount of US dollars; None for an empty text. Raises ValueError with the reason."""
    text = text.strip().removeprefix("$").replace(",", ".")
    if not text:
        return None
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not math.isfinite(amount) or not 0 <= amount <= MOST_USD:
        raise ValueError("an amount in US dollars such as 5 or 0.50, or nothing")
    return amount


def amount_text(amount: float | None) -> str:
    """An amount as it is typed."""
    if amount is None:
        return ""
    return f"{amount:.2f}" if round(amount, 2) == amount else f"{amount:g}"


class BudgetField(Field):
    """Set with ``show``; ``note`` says what was spent. Enter posts ``Kept``."""

    DEFAULT_CSS = """
    BudgetField .amount { height: 1; }
    BudgetField .amount Label { width: 22; color: $text-muted; }
    BudgetField .amount .sign { width: 2; }
    """

    class Kept(Message):
        """``name`` is to be ``amount`` from now on; None is no limit, or the default."""

        def __init__(self, field: BudgetField, name: str, amount: float | None) -> None:
            super().__init__()
            self.field = field
            self.name = name
            self.amount = amount

    def __init__(self, title: str, kept: Mapping[str, float | None], *, id: str | None = None) -> None:
        super().__init__(title, id=id)
        self._kept = dict(kept)

    def control(self) -> ComposeResult:
        """A line an amount."""
        for name, (label, empty) in _LABELS.items():
            with Horizontal(classes="amount"):
                yield Label(label)
                yield Label("$", classes="sign")
                yield Input(amount_text(self._kept.get(name)), placeholder=empty, compact=True, name=name)

    def keep(self, name: str, amount: float | None) -> None:
        """This amount is saved now."""
        self._kept[name] = amount

    def revert(self) -> bool:
        """Show what is saved. False when it was shown."""
        moved = False
        for line in self.query(Input):
            text = amount_text(self._kept.get(line.name or ""))
            moved |= line.value != text
            line.value = text
        self.mistake = ""
        return moved

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._check()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if self._check() and event.input.name:
            amount = check_amount(event.value)
            self.post_message(self.Kept(self, event.input.name, amount))

    def _check(self) -> bool:
        for line in self.query(Input):
            try:
                check_amount(line.value)
            except ValueError as error:
                self.mistake = f"{_LABELS[line.name or DAY][0]}: {error}"
                return False
        self.mistake = ""
        return True
