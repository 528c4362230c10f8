"""PictureActions: what can be done with a finished picture, the same on every screen that shows one.

A mixin for StudioScreens. It calls the studio and tells the app where a picture is wanted; which picture is meant
is the screen's to say.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from textual.message import Message

from silverprint.core.errors import SilverprintError
from silverprint.core.picture import Picture
from silverprint.core.seeds import SeedMode
from silverprint.ui.screens.base import StudioScreen

Part = Literal["seed", "prompt", "all", "edit"]

_NEED_A_PICTURE = frozenset({"view", "use", "redo", "vary", "rate", "trash"})


class UsePicture(Message):
    """Take a part of the picture's recipe to the Studio."""

    def __init__(self, picture: Picture, part: Part) -> None:
        super().__init__()
        self.picture = picture
        self.part = part


class ViewPicture(Message):
    """Show the picture large. ``among`` are its neighbours, in the order the keys turn the pages."""

    def __init__(self, picture: Picture, among: Sequence[Picture] = ()) -> None:
        super().__init__()
        self.picture = picture
        self.among = tuple(among) or (picture,)


class PictureActions(StudioScreen):
    """Override ``chosen`` (the pictures the actions are for, the one on view first) and, where there are
    neighbours, ``neighbours``."""

    def chosen(self) -> list[Picture]:
        """The pictures the keys act on; the first is the one on view."""
        return []

    def neighbours(self) -> Sequence[Picture]:
        """The pictures the large view turns over."""
        return self.chosen()

    def act(self, work: Coroutine[Any, Any, str | None]) -> None:
        """Run ``work`` beside the screen; say what it returns, or its error with the fix."""
        self.beside(partial(self._say, work), group="acts")

    async def _say(self, work: Coroutine[Any, Any, str | None]) -> None:
        try:
            words = await work
        except SilverprintError as error:
            self.say_error(error)
        else:
            if words:
                self.notify(words, markup=False, timeout=3)

    def action_view(self) -> None:
        if pictures := self.chosen():
            self.post_message(ViewPicture(pictures[0], self.neighbours()))

    def action_use(self, part: Part) -> None:
        if pictures := self.chosen():
            self.post_message(UsePicture(pictures[0], part))

    def action_redo(self) -> None:
        if pictures := self.chosen():
            self.act(self._redo(pictures))

    async def _redo(self, pictures: Sequence[Picture]) -> str | None:
        for picture in pictures:
            await self.studio.redo(picture)
        return None

    def action_vary(self) -> None:
        if pictures := self.chosen():
            self.act(self._vary(pictures))

    async def _vary(self, pictures: Sequence[Picture]) -> str | None:
        for picture in pictures:
            fresh = replace(picture.recipe, seed=None, engine=None)
            await self.studio.develop(fresh, mode=SeedMode.RANDOM, parent=picture.id)
        return None

    def action_rate(self, stars: int) -> None:
        if pictures := self.chosen():
            self.act(self._rate([picture.id for picture in pictures], stars))

    async def _rate(self, ids: Sequence[str], stars: int) -> str | None:
        await self.studio.library.rate(ids, stars)
        return None

    def action_trash(self) -> None:
        if pictures := self.chosen():
            self.act(self._trash([picture.id for picture in pictures]))

    async def _trash(self, ids: Sequence[str]) -> str | None:
        await self.studio.library.trash(ids)
        return (
            f"{len(ids)} pictures in the trash; z brings them back"
            if len(ids) > 1
            else "In the trash; z brings it back"
        )

    def action_undo(self) -> None:
        self.act(self._undo())

    async def _undo(self) -> str | None:
        return await self.studio.library.undo() or "Nothing to undo"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in _NEED_A_PICTURE:
            return self.studio.is_open and bool(self.chosen())
        return True
