"""Adding, finding, what a person says of pictures, undo, and the news of other processes."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from silverprint.core.errors import NotFound, UsageError
from silverprint.core.events import LibraryChanged, PictureChanged
from silverprint.core.picture import Picture
from silverprint.core.recipe import ModelRef
from silverprint.library.library import SCHEMA, Library, Sort
from silverprint.store.database import Database
from silverprint.store.thread import DatabaseThread
from tests.library.conftest import Clock, Maker, Shelf


async def prompts(library: Library, query: str = "", **how: object) -> list[str]:
    return [picture.recipe.prompt for picture in await library.page(query, **how)]  # type: ignore[arg-type]


async def test_a_picture_comes_back_as_it_was_put(shelf: Shelf, make: Maker) -> None:
    picture = make(
        "лиса в снегу 🦊 雪の狐 ثعلب", rating=3, tags=frozenset({"a", "b"}), boards=frozenset({"Ä"})
    )
    shelf.add(picture)
    assert await shelf.library.get(picture.id) == picture


async def test_putting_twice_is_once_and_keeps_what_was_said(shelf: Shelf, make: Maker) -> None:
    picture = make()
    shelf.add(picture)
    await shelf.library.rate([picture.id], 4)
    shelf.add(replace(picture, seconds=2.5))
    assert await shelf.library.count() == 1
    found = await shelf.library.get(picture.id)
    assert (found.rating, found.seconds) == (4, 2.5)


async def test_pages_are_newest_first_and_cover_everything_once(shelf: Shelf, make: Maker) -> None:
    shelf.add(*(make(f"number {number}") for number in range(25)))
    pages = [await prompts(shelf.library, limit=10, offset=offset) for offset in (0, 10, 20)]
    assert [*pages[0], *pages[1], *pages[2]] == [f"number {number}" for number in reversed(range(25))]
    assert await shelf.library.count() == 25


@pytest.mark.parametrize(
    ("sort", "descending", "expected"),
    [("rating", True, "bca"), ("seed", False, "cab"), ("model", False, "bac"), ("made", False, "abc")],
)
async def test_sorting(shelf: Shelf, make: Maker, sort: Sort, descending: bool, expected: str) -> None:
    shelf.add(
        make("a", rating=1, seed=5, recipe_ref=ModelRef("m", "m")),
        make("b", rating=5, seed=9, recipe_ref=ModelRef("a", "a")),
        make("c", rating=3, seed=1, recipe_ref=ModelRef("z", "z")),
    )
    assert "".join(await prompts(shelf.library, sort=sort, descending=descending)) == expected


async def test_search_reaches_the_database(shelf: Shelf, make: Maker) -> None:
    shelf.add(
        make("a red fox", rating=4, tags=frozenset({"keep"})),
        make("a blue fox", rating=1),
        make("a red cat", rating=5),
    )
    assert await prompts(shelf.library, "fox") == ["a blue fox", "a red fox"]
    assert await prompts(shelf.library, "fox rating:>=3") == ["a red fox"]
    assert await prompts(shelf.library, "-fox") == ["a red cat"]
    assert await prompts(shelf.library, "has:tag") == ["a red fox"]
    assert await shelf.library.count("red") == 2


async def test_the_trash_is_out_of_sight_until_asked_for(shelf: Shelf, make: Maker) -> None:
    kept, gone = make("kept"), make("gone")
    shelf.add(kept, gone)
    await shelf.library.trash([gone.id])
    assert await prompts(shelf.library) == ["kept"]
    assert await prompts(shelf.library, sort="rating") == ["kept"]
    assert await prompts(shelf.library, trashed=True) == ["gone"]
    assert await prompts(shelf.library, "is:trashed") == ["gone"]
    assert (await shelf.library.count(), await shelf.library.count(trashed=True)) == (1, 1)
    await shelf.library.restore([gone.id])
    assert await prompts(shelf.library) == ["gone", "kept"]


async def test_changes_are_kept_and_published(shelf: Shelf, make: Maker) -> None:
    one, two = make(), make()
    shelf.add(one, two)
    await shelf.library.rate([one.id, two.id], 5)
    await shelf.library.tag([one.id], add=["  Golden   Hour ", "fox"])
    await shelf.library.tag([one.id], remove=["FOX"])
    await shelf.library.board([one.id], add=["Covers"])
    await shelf.library.star([two.id])
    first, second = await shelf.library.get(one.id), await shelf.library.get(two.id)
    assert (first.rating, set(first.tags), set(first.boards)) == (5, {"golden hour"}, {"Covers"})
    assert (second.rating, second.starred) == (5, True)
    told = [event.picture.id for event in shelf.events if isinstance(event, PictureChanged)]
    assert told == [one.id, two.id, one.id, one.id, one.id, two.id]


async def test_a_board_is_one_whatever_its_case(shelf: Shelf, make: Maker) -> None:
    picture = make()
    shelf.add(picture)
    await shelf.library.board([picture.id], add=["covers"])
    await shelf.library.board([picture.id], add=["Covers"])
    assert (await shelf.library.get(picture.id)).boards == {"Covers"}
    await shelf.library.board([picture.id], remove=["COVERS"])
    assert (await shelf.library.get(picture.id)).boards == set()


async def test_undo_takes_back_one_step_at_a_time(shelf: Shelf, make: Maker) -> None:
    one, two = make(rating=2), make()
    shelf.add(one, two)
    await shelf.library.rate([one.id, two.id], 5)
    await shelf.library.trash([one.id])
    assert await shelf.library.undo() == "Undone: put a picture in the trash."
    assert (await shelf.library.get(one.id)).trashed is None
    assert (await shelf.library.get(one.id)).rating == 5
    assert await shelf.library.undo() == "Undone: rated 2 pictures."
    assert [(await shelf.library.get(id)).rating for id in (one.id, two.id)] == [2, 0]
    assert await shelf.library.undo() is None


async def test_undo_leaves_alone_what_that_step_did_not_change(shelf: Shelf, make: Maker) -> None:
    done, fresh = make(rating=5), make()
    shelf.add(done, fresh)
    await shelf.library.rate([done.id, fresh.id], 5)
    shelf.events.clear()
    await shelf.library.undo()
    assert [event.picture.id for event in shelf.events if isinstance(event, PictureChanged)] == [fresh.id]
    assert (await shelf.library.get(done.id)).rating == 5


async def test_a_step_that_changes_nothing_is_no_step(shelf: Shelf, make: Maker) -> None:
    picture = make(rating=3)
    shelf.add(picture)
    await shelf.library.rate([picture.id], 3)
    assert shelf.events == []
    assert await shelf.library.undo() is None


async def test_an_unknown_id_changes_nothing_at_all(shelf: Shelf, make: Maker) -> None:
    picture = make()
    shelf.add(picture)
    with pytest.raises(NotFound):
        await shelf.library.rate([picture.id, "nothing-1"], 5)
    assert (await shelf.library.get(picture.id)).rating == 0
    assert await shelf.library.undo() is None


@pytest.mark.parametrize("rating", [-1, 6, True])
async def test_a_wrong_rating_is_refused(shelf: Shelf, make: Maker, rating: int) -> None:
    picture = make()
    shelf.add(picture)
    with pytest.raises(UsageError):
        await shelf.library.rate([picture.id], rating)


@pytest.mark.parametrize("tag", ["", "  ", "x" * 81, "a\x1b[31m"])
async def test_a_wrong_tag_is_refused(shelf: Shelf, make: Maker, tag: str) -> None:
    picture = make()
    shelf.add(picture)
    with pytest.raises(UsageError):
        await shelf.library.tag([picture.id], add=[tag])


async def test_resolve(shelf: Shelf, make: Maker) -> None:
    pictures = [make(f"number {number}") for number in range(3)]
    shelf.add(*pictures)
    library, (first, second, third) = shelf.library, pictures

    async def id_of(text: str) -> str:
        return (await library.resolve(text)).id

    assert await id_of(second.id) == second.id
    assert await id_of(second.id.upper()) == second.id
    assert await id_of("last") == third.id
    assert await id_of("~1") == second.id
    assert await id_of(first.job) == first.id
    assert await id_of(first.id[-6:]) == first.id
    assert await id_of(first.job[-5:]) == first.id
    with pytest.raises(NotFound):
        await id_of("~3")
    with pytest.raises(NotFound):
        await id_of("nothing")
    with pytest.raises(UsageError, match="several") as caught:
        await id_of(first.id[:3])
    assert first.id in str(caught.value)
    with pytest.raises(UsageError):
        await id_of(" ")


async def test_last_is_never_in_the_trash(shelf: Shelf, make: Maker) -> None:
    older, newer = make(), make()
    shelf.add(older, newer)
    await shelf.library.trash([newer.id])
    assert (await shelf.library.resolve("last")).id == older.id


async def test_prompts_are_each_once_newest_first_and_as_typed(shelf: Shelf, make: Maker) -> None:
    shelf.add(
        make("a fox"),
        make("a red cat", recipe_template="a {red|blue} cat"),
        make("a fox"),
        make("Ein Baum"),
        make(" "),
    )
    assert await shelf.library.prompts() == ["Ein Baum", "a fox", "a {red|blue} cat"]
    assert await shelf.library.prompts(limit=1) == ["Ein Baum"]
    assert await shelf.library.prompts(like="FOX") == ["a fox"]


async def test_find_file_gives_only_files_that_are_there(shelf: Shelf, make: Maker) -> None:
    picture = make()
    shelf.add(picture)
    assert shelf.library.find_file(picture.file.sha256) is None
    path = shelf.library.path(picture)
    path.parent.mkdir()
    path.write_bytes(b"x")
    assert shelf.library.find_file(picture.file.sha256) == path
    assert shelf.library.find_file("0" * 64) is None


async def test_another_process_is_noticed(shelf: Shelf, make: Maker, clock: Clock) -> None:
    assert await shelf.library.changed() is False
    shelf.add(make())
    assert await shelf.library.changed() is False  # our own writes are no news
    other = DatabaseThread(lambda: Database(shelf.path, schemas={"pictures": SCHEMA}))
    with contextlib.closing(other):
        library = Library(other, folder=Path(), clock=clock, publish=lambda event: None)
        picture = make("from the other")

        def write() -> None:
            with other.database.transaction():
                library.put(other.database, [picture])

        other.call(write)
        assert await shelf.library.changed() is True
        assert await shelf.library.changed() is False
        assert (await shelf.library.get(picture.id)).recipe.prompt == "from the other"


async def test_the_watcher_publishes_and_ends_with_close(shelf: Shelf, make: Maker) -> None:
    heard = asyncio.Event()
    library = Library(
        shelf.thread,
        folder=shelf.folder,
        clock=Clock(),
        publish=lambda event: heard.set() if isinstance(event, LibraryChanged) else None,
    )
    await library.changed()
    library.watch(every_s=0.01)
    with Database(shelf.path, schemas={"pictures": SCHEMA}) as other:
        other.table("pictures").insert({"id": "x"})
    await asyncio.wait_for(heard.wait(), 10)
    await library.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "library watcher"]
    await library.close()


async def test_a_record_of_a_newer_version_does_not_hide_the_others(shelf: Shelf, make: Maker) -> None:
    good, newer = make("good"), make("newer")
    shelf.add(good, newer)

    def spoil() -> None:
        table = shelf.thread.database.table("pictures")
        table.put(newer.id, {**(table.by_key(newer.id) or {}), "v": 99})

    shelf.thread.call(spoil)
    assert await prompts(shelf.library) == ["good"]


async def test_a_cancelled_call_leaves_a_whole_write(shelf: Shelf, make: Maker) -> None:
    picture: Picture = make()
    shelf.add(picture)
    task = asyncio.create_task(shelf.library.rate([picture.id], 5))
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert (await shelf.library.get(picture.id)).rating in (0, 5)
