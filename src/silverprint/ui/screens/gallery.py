"""GalleryScreen: everything ever made: search line, grid of thumbnails, and the recipe of the picture in hand.

Asks the library for pages and hands them to the grid. What the keys do to a picture is in PictureActions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from silverprint.core.errors import SilverprintError, UsageError
from silverprint.core.events import Event, LibraryChanged, PictureAdded, PictureChanged
from silverprint.core.picture import Picture
from silverprint.core.text import one_line
from silverprint.ui.actions import Where, bindings
from silverprint.ui.pixels.painter import painter_of
from silverprint.ui.screens.base import News
from silverprint.ui.screens.grid_thumbs import GridThumbs
from silverprint.ui.screens.picture_actions import Part, PictureActions, UsePicture, ViewPicture
from silverprint.ui.screens.tag_dialog import TagDialog
from silverprint.ui.widgets.info_panel import InfoPanel
from silverprint.ui.widgets.search_line import SearchLine
from silverprint.ui.widgets.thumb_grid import ThumbGrid

if TYPE_CHECKING:
    from silverprint.studio import Studio

Sort = Literal["made", "rating", "model", "seed"]

SORTS: dict[Sort, tuple[str, bool]] = {
    "made": ("newest first", True),
    "rating": ("best first", True),
    "model": ("by model", False),
    "seed": ("by seed", False),
}
"""Each order with its words, and whether it goes down."""

NEWS_S = 0.08
"""News within this time is answered with one look into the library."""

NO_PICTURES = (
    "No pictures yet",
    "",
    "Go to the Studio (alt+1), type what the picture",
    "should show, and press ctrl+g.",
    "Everything you make is kept here.",
)
EMPTY_TRASH = ("The trash is empty", "", "x puts a picture here, T goes back to the others.")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the grid shows: which pictures, in which order."""

    query: str = ""
    sort: Sort = "made"
    trashed: bool = False


class GalleryScreen(PictureActions):
    """The Gallery."""

    mode = "gallery"
    AUTO_FOCUS = "ThumbGrid"
    CSS_PATH = "gallery.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.GALLERY)]

    def __init__(self, studio: Studio, news: News) -> None:
        super().__init__(studio, news)
        self._wish = View()  # what was asked for last
        self._view = View()  # what is shown: the last wish the library understood
        self._epoch = 0
        self._stale = False
        self._to_start = False
        self._reloading = False
        self._waits = False
        self._pages_wanted: list[int] = []
        self._fetching = False

    def body(self) -> ComposeResult:
        """Search line and grid on the left, the recipe on the right."""
        with Horizontal():
            with Vertical(id="pictures"):
                yield SearchLine(placeholder="/ search: fog model:klein rating:>=3 tag:fox", id="search")
                yield ThumbGrid(id="grid")
            yield InfoPanel(id="recipe")

    @property
    def grid(self) -> ThumbGrid:
        """The grid."""
        return self.query_one(ThumbGrid)

    @property
    def search(self) -> SearchLine:
        """The search line."""
        return self.query_one(SearchLine)

    async def opened(self) -> None:
        """The library is there: show it."""
        grid = self.grid
        grid.thumbnails = GridThumbs(self.studio, painter_of(self.app), grid.thumb_ready)
        if self.focused is None:
            grid.focus()
        self._reload(to_start=True)

    def troubled(self, error: SilverprintError) -> None:
        """No library: say why in the place of pictures."""
        self.grid.empty_words = (one_line(str(error)), "", one_line(error.fix))

    def on_unmount(self) -> None:
        """Stop making thumbnails."""
        thumbs = self.grid.thumbnails
        if isinstance(thumbs, GridThumbs):
            thumbs.close()

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another screen was shown."""
        if self._stale and self.studio.is_open:
            self._reload()

    # news

    def hear(self, event: Event) -> None:
        """New and changed pictures appear at once, wherever they were made."""
        match event:
            case PictureChanged(picture=picture):
                if picture.trashed is not None:
                    self.grid.marks.pop(picture.id, None)
                self.grid.replace(picture)
                self._soon()
            case PictureAdded() | LibraryChanged():
                self._soon()
            case _:
                pass

    def _soon(self) -> None:
        self._stale = True
        if not self._waits and self.is_current:
            self._waits = True
            self.set_timer(NEWS_S, self._catch_up)

    def _catch_up(self) -> None:
        self._waits = False
        if self._stale:
            self._reload()

    # asking the library

    def _reload(self, *, to_start: bool = False) -> None:
        """Ask anew for what is on view. One question is under way at a time; the newest wish wins."""
        self._stale = True
        self._to_start = self._to_start or to_start
        if not self._reloading:
            self._reloading = True
            self.run_worker(self._load_view(), group="view")

    async def _load_view(self) -> None:
        try:
            while self._stale:
                self._stale = False
                wish, to_start = self._wish, self._to_start
                try:
                    total = await self._how_many(wish)
                    numbers = [0] if to_start else self.grid.needed(total)
                    pages = {number: await self._page(wish, number) for number in numbers}
                except UsageError as mistake:
                    if wish == self._wish:
                        self._wish = self._view  # the last good results stay, and stay up to date
                        self._to_start = False
                        self.search.mistake = mistake
                    continue
                if wish != self._wish:
                    continue
                self._to_start = False
                self._view = wish
                self._epoch += 1
                self.grid.show(total, pages, to_start=to_start)
                self._say_found()
        except SilverprintError as error:
            self.grid.empty_words = (one_line(str(error)), "", one_line(error.fix))
            self._notify_error(error)
        finally:
            self._reloading = False

    async def _how_many(self, view: View) -> int:
        return await self.studio.library.count(view.query, trashed=view.trashed)

    async def _page(self, view: View, number: int) -> list[Picture]:
        size = self.grid.pages.size
        return await self.studio.library.page(
            view.query,
            sort=view.sort,
            descending=SORTS[view.sort][1],
            limit=size,
            offset=number * size,
            trashed=view.trashed,
        )

    @on(ThumbGrid.PagesWanted)
    def _fetch_pages(self, message: ThumbGrid.PagesWanted) -> None:
        self._pages_wanted = [*message.numbers, *self._pages_wanted]
        if not self._fetching:
            self._fetching = True
            self.run_worker(self._load_pages(), group="pages")

    async def _load_pages(self) -> None:
        """The newest wish first; what was scrolled past is not asked for."""
        try:
            while self._pages_wanted:
                number, epoch = self._pages_wanted.pop(0), self._epoch
                if not self.grid.is_near(number):
                    self.grid.dropped(number)
                    continue
                pictures = await self._page(self._view, number)
                if epoch == self._epoch:
                    self.grid.put(number, pictures)
        except SilverprintError as error:
            self._notify_error(error)
        finally:
            self._fetching = False

    def _notify_error(self, error: SilverprintError) -> None:
        words = "\n".join(part for part in (str(error), error.fix) if part)
        self.app.notify(words, severity="error", markup=False)

    # what is said

    def _say_found(self) -> None:
        total, view = self.grid.pages.total, self._view
        parts = [f"{total:,} picture{'s' * (total != 1)}"]
        if view.trashed:
            parts.append("in the trash")
        if view.query:
            parts[-1] += " found"
        parts.append(SORTS[view.sort][0])
        if self.grid.marks:
            parts.append(f"{len(self.grid.marks)} marked")
        if self._wish == self._view:
            self.search.found = " · ".join(parts)
            if self.search.text.strip() == view.query:
                self.search.mistake = None
        self.search.set_class(bool(self.grid.marks), "-marks")
        if view.query:
            self.grid.empty_words = (
                "Nothing fits",
                "",
                f"“{one_line(view.query, most=60)}”",
                "esc clears the search.",
            )
        else:
            self.grid.empty_words = EMPTY_TRASH if view.trashed else NO_PICTURES

    @on(ThumbGrid.Marked)
    def _marks_changed(self) -> None:
        self._say_found()
        self.refresh_bindings()

    @on(ThumbGrid.Highlighted)
    def _show_recipe(self) -> None:
        self.refresh_bindings()
        panel = self.query_one(InfoPanel)
        if panel.display:
            picture = self.grid.picture
            panel.show(picture, self.studio.path(picture) if picture is not None else None)

    def on_resize(self) -> None:
        """The panel may be back."""
        self.call_after_refresh(self._show_recipe)

    # search and view

    @on(SearchLine.Changed)
    def _searched(self, message: SearchLine.Changed) -> None:
        self._ask(replace(self._wish, query=message.text.strip()))

    @on(SearchLine.Left)
    def _search_left(self) -> None:
        self.grid.focus()

    def _ask(self, wish: View) -> None:
        if wish != self._wish or self.search.mistake is not None:
            self._wish = wish
            self.grid.unmark_all()
            if self.studio.is_open:
                self._reload(to_start=True)

    def action_find(self) -> None:
        """Give the search line the keys."""
        self.search.focus_input()

    def action_turn_sort(self) -> None:
        """The next order."""
        names = list(SORTS)
        self._ask(replace(self._wish, sort=names[(names.index(self._wish.sort) + 1) % len(names)]))

    def action_turn_trashed(self) -> None:
        """Into the trash, or out of it."""
        self._ask(replace(self._wish, trashed=not self._wish.trashed))

    def action_turn_panel(self) -> None:
        """Show or hide the recipe; in a narrow window it takes the grid's place."""
        narrow = self.has_class("-narrow")
        self.toggle_class("-recipe" if narrow else "-no-recipe")
        self.call_after_refresh(self._show_recipe)
        if narrow and not self.has_class("-recipe"):
            self.grid.focus()

    def back(self) -> bool:
        """Out of the recipe, the marks, the search, the trash: the last thing that was turned on first."""
        if self.has_class("-narrow") and self.has_class("-recipe"):
            self.action_turn_panel()
        elif self.grid.marks:
            self.grid.unmark_all()
        elif self.search.text:
            self.search.text = ""
        elif self._wish.trashed:
            self.action_turn_trashed()
        else:
            return False
        self.grid.focus()
        return True

    # actions on pictures

    def chosen(self) -> list[Picture]:
        """The marked pictures, else the one under the cursor."""
        return self.grid.targets

    def neighbours(self) -> Sequence[Picture]:
        """What is known around the cursor."""
        return self.grid.known_around()

    def action_view(self) -> None:
        """See the picture under the cursor large."""
        if (picture := self.grid.picture) is not None:
            self.post_message(ViewPicture(picture, self.neighbours()))

    @on(ThumbGrid.Opened)
    def _opened_by_mouse(self) -> None:
        self.action_view()

    def action_use(self, part: Part) -> None:
        """Take a part of the recipe under the cursor to the Studio."""
        if (picture := self.grid.picture) is not None:
            self.post_message(UsePicture(picture, part))

    def action_trash(self) -> None:
        """Put into the trash; what is in the trash already comes back."""
        pictures = self.chosen()
        if pictures and all(picture.trashed is not None for picture in pictures):
            self.grid.unmark_all()
            self.act(self._restore([picture.id for picture in pictures]))
        elif pictures:
            super().action_trash()

    async def _restore(self, ids: Sequence[str]) -> str:
        await self.studio.library.restore(ids)
        return "Back in the gallery" if len(ids) == 1 else f"{len(ids)} pictures are back in the gallery"

    def action_star(self) -> None:
        """Star all of them, or take the star away when all have it."""
        if pictures := self.chosen():
            on_now = not all(picture.starred for picture in pictures)
            self.act(self._star([picture.id for picture in pictures], on_now))

    async def _star(self, ids: Sequence[str], on_now: bool) -> None:
        await self.studio.library.star(ids, on_now)

    def action_tag(self) -> None:
        """Ask for tags."""
        if pictures := self.chosen():
            self.app.push_screen(TagDialog(pictures), lambda words: self._tag(pictures, words))

    def _tag(self, pictures: Sequence[Picture], words: str | None) -> None:
        add, remove = tags_of(words or "")
        if add or remove:
            self.act(self._change_tags([picture.id for picture in pictures], add, remove))

    async def _change_tags(self, ids: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> None:
        await self.studio.library.tag(ids, add, remove)

    def action_copy(self, what: Literal["path", "prompt"]) -> None:
        """Copy the paths or the prompts, a line each."""
        if pictures := self.chosen():
            texts = [
                str(self.studio.path(picture)) if what == "path" else picture.recipe.prompt
                for picture in pictures
            ]
            self.app.copy_to_clipboard("\n".join(texts))
            self.app.notify(f"Copied the {what}{'s' * (len(texts) > 1)}", timeout=2, markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that need a picture are off while there is none."""
        if action in ("star", "tag", "copy") and not (self.studio.is_open and self.chosen()):
            return False
        return super().check_action(action, parameters)


def tags_of(words: str) -> tuple[list[str], list[str]]:
    """Tags to add and tags to remove: ``fox, low sun, -blurred``. Without a comma every word is a tag."""
    parts = words.split(",") if "," in words else words.split()
    tags = [part.strip() for part in parts if part.strip(" -")]
    add = [tag.removeprefix("+") for tag in tags if not tag.startswith("-")]
    return add, [tag.removeprefix("-").strip() for tag in tags if tag.startswith("-")]
