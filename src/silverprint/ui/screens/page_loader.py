"""PageLoader: asks the library for what a grid shows: a view (which pictures, in which order) and its pages.

One question of a kind is under way at a time, and the newest wish wins. What is said about it is the screen's.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from silverprint.core.errors import SilverprintError, UsageError
from silverprint.core.picture import Picture
from silverprint.ui.widgets.paged_grid import PagedGrid

if TYPE_CHECKING:
    from silverprint.library.library import Library

Sort = Literal["made", "rating", "model", "seed"]

SORTS: dict[Sort, tuple[str, bool]] = {
    "made": ("newest first", True),
    "rating": ("best first", True),
    "model": ("by model", False),
    "seed": ("by seed", False),
}
"""Each order with its words, and whether it goes down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a grid shows: which pictures, in which order."""

    query: str = ""
    sort: Sort = "made"
    trashed: bool = False


class Told(Protocol):
    """What the screen hears."""

    def shown(self) -> None:
        """The grid shows ``PageLoader.view`` as it is now."""
        ...

    def mistaken(self, mistake: UsageError) -> None:
        """The wish can't be understood; the last good view stays."""
        ...

    def failed(self, error: SilverprintError) -> None:
        """The library could not answer."""
        ...


class PageLoader:
    """``wish`` is what was asked for last, ``view`` the last wish that the library understood."""

    def __init__(
        self,
        library: Library,
        grid: PagedGrid,
        told: Told,
        run: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        """``run`` starts a coroutine beside the screen."""
        self.wish = View()
        self.view = View()
        self._library = library
        self._grid = grid
        self._told = told
        self._run = run
        self._epoch = 0
        self._stale = False
        self._to_start = False
        self._reloading = False
        self._fetching = False
        self._wanted: list[int] = []

    def ask(self, wish: View) -> None:
        """Show this from its start."""
        self.wish = wish
        self.reload(to_start=True)

    def reload(self, *, to_start: bool = False) -> None:
        """Ask anew for what is on view; pages that are not are forgotten."""
        self._stale = True
        self._to_start = self._to_start or to_start
        if not self._reloading:
            self._reloading = True
            self._run(self._load_view())

    def fetch(self, numbers: tuple[int, ...]) -> None:
        """Load these pages of the view, before those asked for earlier."""
        self._wanted = [*numbers, *self._wanted]
        if not self._fetching:
            self._fetching = True
            self._run(self._load_pages())

    async def _load_view(self) -> None:
        try:
            while self._stale:
                self._stale = False
                wish, to_start = self.wish, self._to_start
                try:
                    total = await self._library.count(wish.query, trashed=wish.trashed)
                    numbers = [0] if to_start else self._grid.needed(total)
                    pages = {number: await self._page(wish, number) for number in numbers}
                except UsageError as mistake:
                    if wish == self.wish and self._grid.is_attached:
                        self.wish = self.view
                        self._to_start = False
                        self._told.mistaken(mistake)
                    continue
                if wish != self.wish or not self._grid.is_attached:
                    continue
                self._to_start = False
                self.view = wish
                self._epoch += 1
                self._grid.show(total, pages, to_start=to_start)
                self._told.shown()
        except SilverprintError as error:
            self._fail(error)
        finally:
            self._reloading = False

    async def _load_pages(self) -> None:
        try:
            while self._wanted:
                number, epoch = self._wanted.pop(0), self._epoch
                if not self._grid.is_near(number):
                    self._grid.dropped(number)  # scrolled past
                    continue
                pictures = await self._page(self.view, number)
                if epoch == self._epoch and self._grid.is_attached:
                    self._grid.put(number, pictures)
        except SilverprintError as error:
            self._grid.dropped(number)
            self._fail(error)
        finally:
            self._fetching = False

    def _fail(self, error: SilverprintError) -> None:
        # A library that is closed while the screen goes is no news.
        if self._grid.is_attached:
            self._told.failed(error)

    async def _page(self, view: View, number: int) -> list[Picture]:
        size = self._grid.pages.size
        return await self._library.page(
            view.query,
            sort=view.sort,
            descending=SORTS[view.sort][1],
            limit=size,
            offset=number * size,
            trashed=view.trashed,
        )
