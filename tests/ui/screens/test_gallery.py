"""The Gallery on a real library: find, look, judge, put away, bring back; and news from everywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from silverprint.core.errors import LibraryDamaged
from silverprint.core.picture import Picture
from silverprint.ui.screens.gallery import GalleryScreen, tags_of
from silverprint.ui.screens.picture_actions import UsePicture, ViewPicture
from silverprint.ui.screens.tag_dialog import TagDialog
from silverprint.ui.widgets.info_panel import InfoPanel
from silverprint.ui.widgets.picture import PictureView
from silverprint.ui.widgets.rating import Rating
from silverprint.ui.widgets.search_line import SearchLine
from silverprint.ui.widgets.thumb_grid import ThumbGrid
from tests.ui.conftest import Snapshot, screen_text
from tests.ui.hosts import NARROW, WIDE, ScreenHost, until, until_still
from tests.ui.samples import HOSTILE, Stage, fill, stage


class Gallery:
    """A gallery on view, and what the tests ask it."""

    def __init__(self, set_up: Stage, app: ScreenHost, pilot: Pilot[None]) -> None:
        self.studio = set_up.studio
        self.fake = set_up.fake
        self.app = app
        self.pilot = pilot

    @property
    def screen(self) -> GalleryScreen:
        found = next(one for one in self.app.screen_stack if isinstance(one, GalleryScreen))
        return found

    @property
    def grid(self) -> ThumbGrid:
        return self.screen.query_one(ThumbGrid)

    @property
    def search(self) -> SearchLine:
        return self.screen.query_one(SearchLine)

    @property
    def seeds(self) -> list[int | None]:
        """The seeds of all pictures on the grid, in order."""
        found = [self.grid.pages.get(index) for index in range(self.grid.pages.total)]
        return [one.seed if one is not None else None for one in found]

    @property
    def seed(self) -> int | None:
        """The seed of the picture under the cursor."""
        return self.grid.picture.seed if self.grid.picture is not None else None

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until_seeds(self, *seeds: int) -> None:
        await until(self.pilot, lambda: self.seeds == list(seeds))

    async def until_thumbs(self) -> None:
        """Every picture on view is drawn."""

        def drawn() -> bool:
            view = [self.grid.pages.get(index) for index in self.grid.on_view()]
            thumbs, box = self.grid.thumbnails, self.grid.layout_now.box
            return thumbs is not None and all(one and thumbs.drawn(one, box) for one in view)

        await until(self.pilot, drawn)
        panel = self.screen.query_one(PictureView)
        if panel.is_on_screen and self.grid.picture is not None:
            await until(self.pilot, lambda: panel.picture_size is not None)
        await until_still(self.pilot)


@asynccontextmanager
async def gallery(
    home: Path, count: int, *heard: type, size: tuple[int, int] = NARROW, **options: Any
) -> AsyncIterator[Gallery]:
    """A gallery of ``count`` pictures, seeds 0 to ``count`` - 1, newest first."""
    async with stage(home) as set_up:
        await fill(set_up.studio, count, **options)
        app = ScreenHost(set_up.studio, GalleryScreen, *heard)
        async with app.run_test(size=size) as pilot:
            shown = Gallery(set_up, app, pilot)
            await until(pilot, lambda: isinstance(app.screen, GalleryScreen) and app.screen.is_mounted)
            await until(pilot, lambda: bool(shown.search.found))
            yield shown


async def test_all_pictures_newest_first_with_their_recipe(home: Path, snapshot: Snapshot) -> None:
    async with gallery(home, 12, size=WIDE) as shown:
        await shown.until_seeds(*range(11, -1, -1))
        assert shown.search.found == "12 pictures · newest first"
        await shown.press("right")
        await shown.until_thumbs()
        snapshot(shown.app, "gallery-wide")


async def test_in_a_narrow_window_the_grid_has_it_all(home: Path, snapshot: Snapshot) -> None:
    async with gallery(home, 12) as shown:
        await shown.until_seeds(*range(11, -1, -1))
        await shown.until_thumbs()
        snapshot(shown.app, "gallery-narrow")
        await shown.press("i")
        await shown.until_thumbs()
        snapshot(shown.app, "gallery-narrow-recipe")
        await shown.press("escape")
        assert shown.grid.has_focus
        assert not shown.screen.query_one(InfoPanel).display


async def test_the_recipe_of_a_narrow_window_takes_the_keys_of_its_picture(home: Path) -> None:
    async with gallery(home, 3) as shown:
        await shown.until_seeds(2, 1, 0)
        panel = shown.screen.query_one(InfoPanel)
        await shown.press("i")
        await until(shown.pilot, lambda: panel.picture is not None and panel.picture.seed == 2)
        await shown.press("right", "4")
        await until(shown.pilot, lambda: panel.picture is not None and panel.picture.rating == 4)
        assert panel.picture is not None
        assert panel.picture.seed == 1
        await shown.press("slash")
        await until(shown.pilot, lambda: shown.search.has_focus_within)
        assert not panel.display


async def test_the_empty_library_teaches(home: Path, snapshot: Snapshot) -> None:
    async with gallery(home, 0) as shown:
        snapshot(shown.app, "gallery-empty")
        await shown.press("r", "x", "3", "t", "space", "y", "enter", "f")  # nothing to act on, and no crash
        assert shown.app.said == []


async def test_the_panel_follows_the_cursor_and_what_changes(home: Path) -> None:
    async with gallery(home, 2, size=WIDE) as shown:
        panel = shown.screen.query_one(InfoPanel)
        await until(shown.pilot, lambda: panel.picture == shown.grid.picture)
        await shown.press("right")
        await until(shown.pilot, lambda: panel.picture == shown.grid.picture)
        picture = shown.grid.targets[0]
        assert picture.seed == 0
        await until(shown.pilot, lambda: panel.query_one(PictureView).image == shown.studio.path(picture))
        await shown.studio.library.tag([picture.id], add=["fox"])
        await until(shown.pilot, lambda: "tags     fox" in screen_text(shown.app))
        for keys, there in ((["i"], False), (["left", "i"], True)):
            await shown.press(*keys)
            assert panel.is_on_screen is there
        await until(shown.pilot, lambda: panel.picture is not None and panel.picture.seed == 1)


async def test_search_while_typing_and_back(home: Path) -> None:
    async with gallery(home, 10) as shown:
        await shown.press("slash", *"light")
        await shown.until_seeds(9, 4)
        assert shown.search.found == "2 pictures found · newest first"
        await shown.press("enter")
        assert shown.grid.has_focus
        await shown.press("escape")  # the search is the last thing that was turned on
        await shown.until_seeds(*range(9, -1, -1))
        assert shown.search.text == ""


async def test_a_mistake_is_marked_and_the_last_good_results_stay(home: Path) -> None:
    async with gallery(home, 10) as shown:
        await shown.press("slash", *"light")
        await shown.until_seeds(9, 4)
        await shown.press(*" rating:many")
        await until(shown.pilot, lambda: shown.search.mistake is not None)
        typed, under = screen_text(shown.app).splitlines()[1:3]
        assert under.index("^") == typed.index("many")
        assert shown.seeds == [9, 4]
        # The good results also stay up to date.
        await fill(shown.studio, 1, first=14)
        await shown.until_seeds(14, 9, 4)
        assert shown.search.mistake is not None
        await shown.press(*["backspace"] * len(" rating:many"))
        await until(shown.pilot, lambda: shown.search.mistake is None)
        await shown.until_seeds(14, 9, 4)


async def test_nothing_found_says_how_to_go_on(home: Path) -> None:
    async with gallery(home, 3) as shown:
        await shown.press("slash", *"zebra")
        await shown.until_seeds()
        text = screen_text(shown.app)
        assert "Nothing fits" in text
        assert "zebra" in text
        assert "esc clears the search" in text


async def test_a_new_picture_is_there_at_once_and_the_cursor_stays(home: Path) -> None:
    async with gallery(home, 6) as shown:
        await shown.press("right", "right")
        assert shown.seed == 3
        await fill(shown.studio, 2, first=6)
        await shown.until_seeds(*range(7, -1, -1))
        assert shown.seed == 3


async def test_another_process_writes(home: Path) -> None:
    async with gallery(home, 2) as shown, stage(home) as other:
        await fill(other.studio, 1, first=2)
        await shown.until_seeds(2, 1, 0)
        newest = shown.grid.pages.get(0)
        assert newest is not None
        await other.studio.library.rate([newest.id], 4)
        await until(shown.pilot, lambda: "★★★★" in screen_text(shown.app))


async def test_rate_star_and_undo(home: Path) -> None:
    async with gallery(home, 3) as shown:
        library = shown.studio.library
        picture = shown.grid.targets[0]
        await shown.press("4")
        await until(shown.pilot, lambda: "★★★★ " in screen_text(shown.app))
        await shown.press("f")
        await until(shown.pilot, lambda: "★★★★♥" in screen_text(shown.app))
        assert (await library.get(picture.id)).starred
        await shown.press("f")
        await until(shown.pilot, lambda: "♥" not in screen_text(shown.app))
        await shown.press("z", "z", "z")
        await until(shown.pilot, lambda: "★" not in screen_text(shown.app))
        assert (await library.get(picture.id)).rating == 0


async def test_the_stars_of_the_panel_take_clicks(home: Path) -> None:
    async with gallery(home, 2, size=WIDE) as shown:
        picture = shown.grid.targets[0]
        await until(shown.pilot, lambda: shown.screen.query_one(InfoPanel).picture == picture)
        await shown.press("space")  # marks are for keys; a click means the picture one sees
        await until(shown.pilot, lambda: shown.screen.query_one(InfoPanel).picture != picture)
        await until_still(shown.pilot)
        await shown.pilot.click(Rating, offset=(2, 0))
        await until(shown.pilot, lambda: "★★★" in screen_text(shown.app))
        assert [one.rating for one in await shown.studio.library.page()] == [0, 3]


async def test_tags_are_typed(home: Path) -> None:
    async with gallery(home, 3) as shown:
        picture = shown.grid.targets[0]
        await shown.studio.library.tag([picture.id], add=["old"])
        await shown.press("t")
        await until(shown.pilot, lambda: isinstance(shown.app.screen, TagDialog))
        await shown.press(*"fox,low sun,-old", "enter")
        expected = frozenset({"fox", "low sun"})
        await until(shown.pilot, lambda: bool(shown.grid.targets) and shown.grid.targets[0].tags == expected)
        assert (await shown.studio.library.get(picture.id)).tags == expected
        await shown.press("t")
        await until(shown.pilot, lambda: isinstance(shown.app.screen, TagDialog))
        await shown.press(*"never", "escape")
        assert isinstance(shown.app.screen, GalleryScreen)
        assert (await shown.studio.library.get(picture.id)).tags == expected


@pytest.mark.parametrize(
    ("words", "add", "remove"),
    [
        ("fox snow", ["fox", "snow"], []),
        ("low sun, -old one", ["low sun"], ["old one"]),
        ("+fox -", ["fox"], []),
        ("", [], []),
    ],
)
def test_tags_are_read(words: str, add: list[str], remove: list[str]) -> None:
    assert tags_of(words) == (add, remove)


async def test_trash_restore_and_undo(home: Path, snapshot: Snapshot) -> None:
    async with gallery(home, 4) as shown:
        await shown.press("right", "x")
        await shown.until_seeds(3, 1, 0)
        assert shown.seed == 1  # the next one took its place
        await shown.press("T")
        await shown.until_seeds(2)
        await shown.until_thumbs()
        snapshot(shown.app, "gallery-trash")
        await shown.press("x")  # here it brings back
        await shown.until_seeds()
        await shown.press("escape")
        await shown.until_seeds(3, 2, 1, 0)
        await shown.press("x")
        await shown.until_seeds(2, 1, 0)
        await shown.press("z")
        await shown.until_seeds(3, 2, 1, 0)


async def test_the_trash_can_be_searched_for(home: Path) -> None:
    async with gallery(home, 4) as shown:
        await shown.press("x", "slash", *"is:trashed", "enter")
        await shown.until_seeds(3)


async def test_marked_pictures_are_acted_on_together(home: Path) -> None:
    async with gallery(home, 5) as shown:
        await shown.press("space", "space")
        assert "2 marked" in screen_text(shown.app)
        await shown.press("5")
        await until(shown.pilot, lambda: screen_text(shown.app).count("★★★★★") == 2)
        await shown.press("x")
        await shown.until_seeds(2, 1, 0)
        assert shown.grid.marks == {}
        await shown.press("space", "escape")  # escape takes marks away first
        assert shown.grid.marks == {}


async def test_sort_goes_round(home: Path) -> None:
    async with gallery(home, 3) as shown:
        await shown.studio.library.rate([shown.grid.pages.get(1).id], 5)  # type: ignore[union-attr]
        for words, first in (("best first", 1), ("by model", None), ("by seed", 0), ("newest first", 2)):
            await shown.press("o")
            await until(shown.pilot, lambda words=words: words in shown.search.found)  # type: ignore[misc]
            assert first is None or shown.seeds[0] == first


async def test_redo_and_vary_queue_jobs(home: Path) -> None:
    async with gallery(home, 2) as shown:
        picture = shown.grid.targets[0]
        hold = shown.fake.hold("submit")
        await shown.press("r")
        await until(shown.pilot, lambda: len(shown.studio.queue.jobs()) == 1)
        await shown.press("v")
        await until(shown.pilot, lambda: len(shown.studio.queue.jobs()) == 2)
        redo, vary = shown.studio.queue.jobs()
        assert redo.recipe == replace(picture.recipe, engine=None)
        assert redo.parent == vary.parent == picture.id
        assert vary.recipe.prompt == picture.recipe.prompt
        assert vary.recipe.seed != picture.seed
        hold.release()
        await until(
            shown.pilot, lambda: shown.grid.pages.total == 4
        )  # both are in the grid when they are made


async def test_parts_of_the_recipe_go_to_the_studio(home: Path) -> None:
    async with gallery(home, 3, UsePicture) as shown:
        await shown.press("right", "s", "p", "a", "e")
        assert [(message.picture.seed, message.part) for message in shown.app.heard] == [
            (1, "seed"), (1, "prompt"), (1, "all"), (1, "edit"),
        ]  # fmt: skip


async def test_enter_shows_it_large_among_its_neighbours(home: Path) -> None:
    async with gallery(home, 5, ViewPicture) as shown:
        await shown.press("right", "enter")
        (message,) = shown.app.heard
        assert message.picture.seed == 3
        assert [one.seed for one in message.among] == [4, 3, 2, 1, 0]


async def test_copy_path_and_prompt(home: Path) -> None:
    async with gallery(home, 3) as shown:
        picture = shown.grid.targets[0]
        await shown.press("y", "Y", "space", "space", "y")
        path, prompt, both = shown.app.copied
        assert Path(path) == shown.studio.path(picture)
        assert Path(path).is_file()
        assert prompt == picture.recipe.prompt
        assert len(both.splitlines()) == 2


async def test_a_picture_file_that_is_gone_is_said_in_its_cell(home: Path) -> None:
    async with stage(home) as set_up:
        (picture,) = await fill(set_up.studio, 1)
        set_up.studio.path(picture).unlink()
        app = ScreenHost(set_up.studio, GalleryScreen)
        async with app.run_test(size=NARROW) as pilot:
            await until(pilot, lambda: isinstance(app.screen, GalleryScreen) and app.screen.is_mounted)
            grid = app.screen.query_one(ThumbGrid)
            await until(pilot, lambda: grid.thumbnails is not None and bool(grid.pages.total))

            def told() -> bool:
                shown: Picture | None = grid.pages.get(0)
                assert shown is not None
                assert grid.thumbnails is not None
                return bool(grid.thumbnails.problem(shown))

            await until(pilot, told)
            await pilot.pause()
            assert "…" not in screen_text(app).splitlines()[3 + grid.layout_now.box_height // 2 + 1][
                :18
            ].strip(" …")


async def test_deleted_thumbnails_are_made_anew(home: Path) -> None:
    async with gallery(home, 2, size=WIDE) as shown:
        await shown.until_thumbs()
        for copy in shown.studio.paths.thumbs.rglob("*.*"):
            copy.unlink()
        await shown.pilot.resize_terminal(100, 30)  # another cell size: drawn again from the copies
        await shown.until_thumbs()


async def test_leaving_while_the_library_answers_is_no_error(home: Path) -> None:
    """Every answer that comes after the screen has gone is dropped."""
    async with stage(home) as set_up:
        await fill(set_up.studio, 3)
        app = ScreenHost(set_up.studio, GalleryScreen)
        async with app.run_test(size=NARROW) as pilot:
            await until(pilot, lambda: isinstance(app.screen, GalleryScreen) and app.screen.is_mounted)
            screen = app.screen
            assert isinstance(screen, GalleryScreen)
            await until(pilot, lambda: bool(screen.query_one(SearchLine).found))
            loader = screen._loader
            assert loader is not None
            grid = screen.query_one(ThumbGrid)
            shown = grid.pages.total
            await app.pop_screen()
            await fill(set_up.studio, 1, first=3)
            await loader._load_view()
            loader.wish = replace(loader.wish, query="rating:x")
            loader._stale = True
            await loader._load_view()
            assert grid.pages.total == shown


async def test_hostile_words_stay_words(home: Path) -> None:
    async with gallery(home, 2, size=WIDE, prompts=[HOSTILE]) as shown:
        picture = shown.grid.targets[0]
        await shown.studio.library.tag([picture.id], add=["[red]tag"])
        await until(shown.pilot, lambda: "[red]tag" in screen_text(shown.app))
        text = screen_text(shown.app)
        assert "[bold red]no markup[/]" in text
        assert "\x1b" not in text
        assert "\u202e" not in text


async def test_without_a_library_the_reason_is_on_the_screen(home: Path) -> None:
    from silverprint.settings.model import Settings
    from silverprint.settings.paths import find_paths
    from silverprint.studio import Studio

    studio = Studio(find_paths({"SILVERPRINT_HOME": str(home)}), Settings(), providers={})
    app = ScreenHost(studio, GalleryScreen, trouble=LibraryDamaged("The history can't be read"))
    async with app.run_test(size=NARROW) as pilot:
        await until(pilot, lambda: "The history can't be read" in screen_text(app))
        await pilot.press("down", "x", "slash", "a")  # no library, no crash
        assert app.screen.query_one(Input).value == "a"
