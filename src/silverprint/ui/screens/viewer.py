"""ViewerScreen: one picture as large as the terminal allows, and its recipe beside it when asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget

from silverprint.core.events import Event, PictureChanged
from silverprint.core.picture import Picture
from silverprint.ui.actions import Where, bindings
from silverprint.ui.frames import Frame
from silverprint.ui.screens.base import News
from silverprint.ui.screens.picture_actions import PictureActions
from silverprint.ui.widgets.info_line import InfoLine
from silverprint.ui.widgets.info_panel import Facts
from silverprint.ui.widgets.key_line import KeyLine
from silverprint.ui.widgets.picture import PictureView

if TYPE_CHECKING:
    from silverprint.studio import Studio


class Stand(Widget, can_focus=True):
    """Has the focus, so that the picture's keys act. Draws nothing."""

    DEFAULT_CSS = "Stand { width: 0; height: 0; }"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.VIEWER, Where.PICTURE)]


class ViewerScreen(PictureActions):
    """``among`` are the pictures the keys turn over, ``picture`` the first on view."""

    mode = "viewer"
    AUTO_FOCUS = "Stand"
    DEFAULT_CSS = """
    ViewerScreen VerticalScroll {
        width: 44; border-left: solid $rule; padding: 0 1; display: none; scrollbar-size-vertical: 1;
    }
    ViewerScreen.-recipe VerticalScroll { display: block; }
    ViewerScreen Facts { height: auto; }
    """

    def __init__(self, studio: Studio, news: News, *, picture: Picture, among: Sequence[Picture]) -> None:
        super().__init__(studio, news)
        self._among = list(among)
        self._at = next((at for at, other in enumerate(self._among) if other.id == picture.id), 0)

    def compose(self) -> ComposeResult:
        with Horizontal(id="body"):
            yield PictureView(placeholder="")
            with VerticalScroll(can_focus=False):
                yield Facts()
        yield InfoLine()
        yield Stand()
        yield KeyLine()

    def on_mount(self) -> None:
        self._show()

    def chosen(self) -> list[Picture]:
        return [self._among[self._at]] if self._among else []

    def hear(self, event: Event) -> None:
        if not isinstance(event, PictureChanged):
            return
        at = next((at for at, other in enumerate(self._among) if other.id == event.picture.id), None)
        if at is None:
            return
        if event.picture.trashed is not None:
            del self._among[at]
            self._at = max(0, min(self._at, len(self._among) - 1))
            if not self._among:
                self.dismiss()
                return
        else:
            self._among[at] = event.picture
        self._show()

    def _show(self) -> None:
        picture = self._among[self._at]
        path = self.studio.path(picture)
        self.query_one(PictureView).image = path
        self.query_one(InfoLine).frame = Frame(key=picture.id, picture=picture)
        self.query_one(Facts).show(picture, path)

    def action_turn(self, by: int) -> None:
        self._at = max(0, min(len(self._among) - 1, self._at + by))
        self._show()

    def action_turn_recipe(self) -> None:
        self.toggle_class("-recipe")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return False if action == "view" else super().check_action(action, parameters)
