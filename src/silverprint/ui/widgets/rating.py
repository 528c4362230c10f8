"""Rating: a picture's stars, as text for line-drawn widgets and as a small widget that takes clicks.

Storing the rating is the screen's work.
"""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

MOST = 5
FULL, EMPTY, STARRED = "★", "·", "♥"


def stars(rating: int) -> str:
    """``★★★··`` for 3; always five cells."""
    full = min(max(rating, 0), MOST)
    return FULL * full + EMPTY * (MOST - full)


class Rating(Widget):
    """Five stars. A click on the third posts ``Chosen(3)``; a click on the one already set posts ``Chosen(0)``."""

    DEFAULT_CSS = """
    Rating { width: 8; height: 1; color: $star; }
    """

    value: reactive[int] = reactive(0)
    starred: reactive[bool] = reactive(False)

    class Chosen(Message):
        """A person chose ``rating``, 0..5."""

        def __init__(self, rating: int) -> None:
            super().__init__()
            self.rating = rating

    def render(self) -> Content:
        """The stars, and a heart when the picture is starred."""
        return Content(stars(self.value) + (f" {STARRED}" if self.starred else ""))

    def on_click(self, event: events.Click) -> None:
        """Rate by mouse."""
        event.stop()
        if event.x < MOST:
            rating = event.x + 1
            self.post_message(self.Chosen(0 if rating == self.value else rating))
