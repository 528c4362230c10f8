"""GalleryScreen: everything ever made: search line, grid of thumbnails, and the recipe of the picture in hand.

Asks the library for pages and hands them to the grid. What the keys do to a picture is in PictureActions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll

from silverprint.core.errors import SilverprintError, UsageError
from silverprint.core.events import Event, LibraryChanged, PictureAdded, PictureChanged
from silverprint.core.picture import Picture
from silverprint.core.text import one_line
from silverprint.ui.actions import Where, bindings
from silverprint.ui.pixels.painter import painter_of
from silverprint.ui.screens.base import News
from silverprint.ui.screens.grid_thumbs import GridThumbs
from silverprint.ui.screens.page_loader import SORTS, PageLoader
from silverprint.ui.screens.picture_actions import Part, PictureActions, UsePicture, ViewPicture
from silverprint.ui.screens.tag_dialog import TagDialog
from silverprint.ui.widgets.info_panel import InfoPanel
from silverprint.ui.widgets.rating import Rating
from silverprint.ui.widgets.search_line import SearchLine
from silverprint.ui.widgets.thumb_grid import ThumbGrid

if TYPE_CHECKING:
    from silverprint.studio import Studio

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


class Recipe(InfoPanel, can_focus=False):
    """The recipe in hand. In a narrow window, where it hides the grid, it takes the grid's keys for it."""

    DEFAULT_CSS = "Recipe:focus { background-tint: transparent; }"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.GRID, Where.PICTURE)]

    @property
    def _grid(self) -> ThumbGrid:
        return self.screen.query_one(ThumbGrid)

    def action_move(self, by: int) -> None:
        """Another picture."""
        self._grid.action_move(by)

    def action_move_rows(self, rows: int) -> None:
        """Up and down read on."""
        self.query_one(VerticalScroll).scroll_relative(y=rows, animate=False)

    def action_move_pages(self, pages: int) -> None:
        """A page of the recipe."""
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_relative(y=pages * max(1, scroll.size.height - 1), animate=False)

    def action_edge(self, side: int) -> None:
        """The first or the last picture."""
        self._grid.action_edge(side)

    def action_mark(self) -> None:
        """Mark the picture."""
        self._grid.action_mark()


class GalleryScreen(PictureActions):
    """The Gallery."""

    mode = "gallery"
    AUTO_FOCUS = "ThumbGrid"
    CSS_PATH = "gallery.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Where.GALLERY)]

    def __init__(self, studio: Studio, news: News) -> None:
        super().__init__(studio, news)
        self._thumbs: GridThumbs | None = None
        self._loader: PageLoader | None = None
        self._is_behind = False
        self._waits = False

    def body(self) -> ComposeResult:
        """Search line and grid on the left, the recipe on the right."""
        with Horizontal():
            with Vertical(id="pictures"):
                yield SearchLine(placeholder="/ search: fog model:klein rating:>=3 tag:fox", id="search")
                yield ThumbGrid(id="grid")
            yield Recipe(id="recipe")

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
        grid.thumbnails = self._thumbs = GridThumbs(self.studio, painter_of(self.app), grid.thumb_ready)
        if self.focused is None:
            grid.focus()
        self._loader = PageLoader(
            self.studio.library, grid, self, lambda work: self.run_worker(work, group="library")
        )
        self._loader.reload(to_start=True)

    def troubled(self, error: SilverprintError) -> None:
        """No library: say why in the place of pictures."""
        self.grid.empty_words = (one_line(str(error)), "", one_line(error.fix))

    def on_unmount(self) -> None:
        """Stop making thumbnails."""
        if self._thumbs is not None:
            self._thumbs.close()

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another screen was shown."""
        if self._is_behind:
            self._catch_up()

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
        self._is_behind = True
        if not self._waits and self.is_current:
            self._waits = True
            self.set_timer(NEWS_S, self._catch_up)

    def _catch_up(self) -> None:
        self._waits = False
        if self._is_behind and self._loader is not None:
            self._is_behind = False
            self._loader.reload()

    # what the library answers

    @on(ThumbGrid.PagesWanted)
    def _fetch_pages(self, message: ThumbGrid.PagesWanted) -> None:
        if self._loader is not None:
            self._loader.fetch(message.numbers)

    def shown(self) -> None:
        """The grid shows what was asked for."""
        self._say_found()

    def mistaken(self, mistake: UsageError) -> None:
        """Mark the mistake; the last good results stay."""
        self.search.mistake = mistake
        self.grid.empty_words = ("Nothing to show yet", "", "esc clears the search")

    def failed(self, error: SilverprintError) -> None:
        """Say why there is nothing, or nothing new, to see."""
        self.grid.empty_words = (one_line(str(error)), "", one_line(error.fix))
        words = "\n".join(part for part in (str(error), error.fix) if part)
        self.app.notify(words, severity="error", markup=False)

    # what is said

    def _say_found(self) -> None:
        if self._loader is None:
            return
        total, view = self.grid.pages.total, self._loader.view
        parts = [f"{total:,} picture{'s' * (total != 1)}" + (" found" if view.query else "")]
        if view.trashed:
            parts[0] += " in the trash; x brings back"
        parts.append(SORTS[view.sort][0])
        if self.grid.marks:
            parts.append(f"{len(self.grid.marks)} marked")
        self.search.found = " · ".join(parts)
        if self.search.text.strip() == view.query:
            self.search.mistake = None
        if view.query:
            words = ("Nothing fits", "", f"“{one_line(view.query, most=60)}”", "", "esc clears the search")
            self.grid.empty_words = words
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
        """The panel may be back, or no longer in the grid's place."""
        self.call_after_refresh(self._show_recipe)
        self.call_after_refresh(self._hand_keys)

    def _hand_keys(self) -> None:
        """The recipe has the keys while it hides the grid."""
        panel = self.query_one(Recipe)
        panel.can_focus = self.has_class("-narrow") and self.has_class("-recipe")
        if panel.can_focus:
            panel.focus()
        elif panel.has_focus:
            self.grid.focus()

    # search and view

    @on(SearchLine.Changed)
    def _searched(self, message: SearchLine.Changed) -> None:
        self._ask(query=message.text.strip())

    @on(SearchLine.Left)
    def _search_left(self) -> None:
        self.grid.focus()

    def _ask(self, **changes: Any) -> None:
        loader = self._loader
        if loader is None:
            return
        wish = replace(loader.wish, **changes)
        if wish != loader.wish or self.search.mistake is not None:
            self.search.mistake = None
            self.grid.unmark_all()
            loader.ask(wish)

    def action_find(self) -> None:
        """Give the search line the keys; a recipe in its place goes."""
        if self.query_one(Recipe).can_focus:
            self.action_turn_panel()
            self.call_after_refresh(self.search.focus_input)
        else:
            self.search.focus_input()

    def action_turn_sort(self) -> None:
        """The next order."""
        if self._loader is not None:
            names = list(SORTS)
            self._ask(sort=names[(names.index(self._loader.wish.sort) + 1) % len(names)])

    def action_turn_trashed(self) -> None:
        """Into the trash, or out of it."""
        if self._loader is not None:
            self._ask(trashed=not self._loader.wish.trashed)

    def action_turn_panel(self) -> None:
        """Show or hide the recipe; in a narrow window it takes the grid's place."""
        narrow = self.has_class("-narrow")
        self.toggle_class("-recipe" if narrow else "-no-recipe")
        self.call_after_refresh(self._show_recipe)
        self._hand_keys()
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
        elif self._loader is not None and self._loader.wish.trashed:
            self.action_turn_trashed()
        else:
            return False
        self.grid.focus()
        return True

    # actions on pictures

    def chosen(self) -> list[Picture]:
        """The marked pictures, else the one under the cursor."""
        return self.grid.targets if self.is_mounted else []

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

    @on(Rating.Chosen)
    def _rated_by_mouse(self, message: Rating.Chosen) -> None:
        if (picture := self.query_one(InfoPanel).picture) is not None:
            self.act(self._rate([picture.id], message.rating))

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
