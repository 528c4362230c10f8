"""StudioPage: the loop on one screen: compose on the left, the picture and the filmstrip on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from silverprint.core.picture import Picture
from silverprint.ui.screens.base import News
from silverprint.ui.screens.picture_actions import Part, PictureActions
from silverprint.ui.terminal import TerminalInfo

if TYPE_CHECKING:
    from silverprint.settings.draft import Draft
    from silverprint.studio import Studio


class StudioPage(PictureActions):
    """The Studio screen."""

    mode = "studio"
    CSS_PATH = "studio.tcss"

    def __init__(self, studio: Studio, news: News, *, draft: Draft, terminal: TerminalInfo) -> None:
        super().__init__(studio, news)
        self.draft = draft
        self.terminal = terminal

    def use(self, picture: Picture, part: Part) -> None:
        """Take a part of the picture's recipe."""
