"""Dialog: the box that the small questions share, solid and without a dimmed back, so that pictures stay."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from silverprint.ui.actions import Where, bindings

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer | None]):
    """A question over the screen. Escape answers None."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.DIALOG)]

    def action_close(self) -> None:
        self.dismiss(None)


class Box(Vertical):
    """The box of a dialog. ``border_title`` names it, ``border_subtitle`` its keys."""
