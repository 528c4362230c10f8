"""Library: the history of pictures. It finds them, and keeps what a person says of them, with undo.

Owns every write to the ``pictures`` table. The search language is ``search.py``'s, the files are ``pictures/``'s.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from silverprint.core.errors import LibraryError, NotFound, UsageError
from silverprint.core.events import Event, LibraryChanged, PictureChanged
from silverprint.core.picture import Picture
from silverprint.library.labels import board_names, checked_rating, tag_names
from silverprint.library.record import SCHEMA, TABLE, document_of, own_words
from silverprint.library.search import read
from silverprint.store.codec import picture_of
from silverprint.store.condition import Condition, Everything, everything, field
from silverprint.store.database import Database
from silverprint.store.table import Table
from silverprint.store.thread import DatabaseThread

__all__ = ["SCHEMA", "Library", "Sort"]

Sort: TypeAlias = Literal["made", "rating", "model", "seed"]

WATCH_EVERY_S = 0.4
UNDO_STEPS = 100
_SCAN = 500
_MOST_SCANNED = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """Something done to pictures, and what they said before: id -> the fields that were changed."""

    done: str
    before: Mapping[str, Mapping[str, Any]]


class Library:
    """Every picture ever made. Its calls run in the database's thread; news is published in the event loop."""

    def __init__(
        self,
        database: DatabaseThread,
        *,
        folder: Path,
        clock: Callable[[], datetime],
        publish: Callable[[Event], None],
    ) -> None:
        """``folder`` is where the picture files lie; their paths in the records are relative to it."""
        self._thread = database
        self._folder = folder
        self._clock = clock
        self._publish = publish
        self._steps: list[_Step] = []
        self._seen: int | None = None
        self._watcher: asyncio.Task[None] | None = None

    # adding

    def put(self, database: Database, pictures: Sequence[Picture]) -> None:
        """Write pictures; call it in the database's thread, within a transaction of the caller's.

        A picture that is there already keeps its rating, tags, boards, star and trash.
        """
        table, now = database.table(TABLE), self._clock()
        for picture in pictures:
            known = table.by_key(picture.id)
            kept = picture if known is None else replace(picture, **own_words(known))
            table.put(picture.id, document_of(kept, now=now))

    # finding

    async def get(self, id: str) -> Picture:
        """The picture with just this id. Raises NotFound."""
        found = await self._thread.read(lambda: self._table.by_key(id))
        if found is None:
            raise NotFound(f"There is no picture {id}.")
        return picture_of(found)

    async def resolve(self, text: str, *, trashed: bool = False) -> Picture:
        """The picture a person means: an id, the beginning or end of just one, ``last``, or ``~1`` for the one before it.

        ``last`` and ``~1`` count what is not in the trash; with ``trashed`` they count what was put there, newest first.
        Raises NotFound, or UsageError when several fit.
        """
        return await self._thread.read(self._resolve, text.strip().lower(), trashed)

    async def page(
        self,
        query: str = "",
        *,
        sort: Sort = "made",
        descending: bool = True,
        limit: int = 50,
        offset: int = 0,
        trashed: bool = False,
    ) -> list[Picture]:
        """``limit`` pictures that fit ``query``, after the first ``offset``.

        Without ``is:trashed`` in the query, only what is not in the trash, or with ``trashed`` only what is. Raises
        UsageError with the place of a mistake in the query.
        """
        condition = self._asked(query, trashed)
        order: str = sort
        if condition == _SHOWN and sort == "made":
            condition, order = _SHOWN_BY_DATE, "shown"
        documents = await self._thread.read(
            lambda: self._table.page(
                condition, order=order, descending=descending, limit=limit, offset=offset
            )
        )
        return _readable(documents)

    async def count(self, query: str = "", *, trashed: bool = False) -> int:
        """How many pictures fit, as in ``page``."""
        condition = self._asked(query, trashed)
        if condition == _SHOWN:
            # Nearly all of them: what is not in the trash is counted faster by what is.
            return await self._thread.read(lambda: len(self._table) - self._table.count(_TRASHED))
        return await self._thread.read(lambda: self._table.count(condition))

    async def prompts(self, limit: int = 200, like: str = "") -> list[str]:
        """The prompts as they were typed, each once, newest first; with ``like``, those that have this text in them."""
        return await self._thread.read(self._prompts, limit, like)

    def find_file(self, sha256: str) -> Path | None:
        """The file of a picture with these bytes, if we have one. Waits for the database: not for the event loop."""
        found = self._thread.call(lambda: self._table.page(field("file.sha256") == sha256, limit=1))
        for picture in _readable(found):
            path = self.path(picture)
            if path.is_file():
                return path
        return None

    def path(self, picture: Picture) -> Path:
        """Where the picture's file lies."""
        return self._folder / picture.file.path

    # what a person says

    async def rate(self, ids: Iterable[str], rating: int) -> list[Picture]:
        """Give 0 to 5 stars. Raises UsageError, NotFound; then nothing is changed. So do the others below."""
        stars = checked_rating(rating)
        return await self._change(ids, "rated {}" if stars else "unrated {}", lambda _: {"rating": stars})

    async def star(self, ids: Iterable[str], on: bool = True) -> list[Picture]:
        """Put a star on pictures, or take it off."""
        return await self._change(ids, "starred {}" if on else "unstarred {}", lambda _: {"starred": on})

    async def tag(
        self, ids: Iterable[str], add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> list[Picture]:
        """Add and remove tags; case and spaces around don't count."""
        more, less = tag_names(add), tag_names(remove)
        return await self._change(ids, "tagged {}", lambda picture: {"tags": (picture.tags - less) | more})

    async def board(
        self, ids: Iterable[str], add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> list[Picture]:
        """Put pictures on boards and take them off."""
        more = board_names(add)
        less = {board.casefold() for board in board_names(remove)} | {board.casefold() for board in more}

        def boards(picture: Picture) -> dict[str, Any]:
            kept = frozenset(board for board in picture.boards if board.casefold() not in less)
            return {"boards": kept | more}

        return await self._change(ids, "changed the boards of {}", boards)

    async def trash(self, ids: Iterable[str]) -> list[Picture]:
        """Put pictures in the trash. Their files stay where they are."""
        now = self._clock()
        return await self._change(
            ids, "put {} in the trash", lambda picture: {"trashed": picture.trashed or now}
        )

    async def restore(self, ids: Iterable[str]) -> list[Picture]:
        """Take pictures out of the trash."""
        return await self._change(ids, "took {} out of the trash", lambda _: {"trashed": None})

    async def undo(self) -> str | None:
        """Undo the newest of these changes made here, and say what was undone; None when there is nothing to undo."""
        if not self._steps:
            return None
        step = self._steps.pop()
        try:
            _, changed = await self._thread.run(
                self._write, list(step.before), lambda picture: step.before[picture.id], False
            )
        except BaseException:
            self._steps.append(step)
            raise
        self._tell(changed)
        return f"Undone: {step.done}."

    # other processes

    async def changed(self) -> bool:
        """Whether another process has written to the database since this was last asked. The first answer is no."""
        version = await self._thread.read(lambda: self._thread.database.data_version())
        before, self._seen = self._seen, version
        return before is not None and before != version

    def watch(self, *, every_s: float = WATCH_EVERY_S) -> None:
        """Publish LibraryChanged from now on, soon after another process wrote; until ``close``."""
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch(every_s), name="library watcher")

    async def close(self) -> None:
        """Stop watching. The database is its owner's to close. Safe to call twice."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher

    async def _watch(self, every_s: float) -> None:
        while True:
            # A busy or broken database is told to whoever asks it for something; the watcher only tries again.
            with contextlib.suppress(LibraryError):
                if await self.changed():
                    self._publish(LibraryChanged())
            await asyncio.sleep(every_s)

    # parts that run in the database's thread

    @property
    def _table(self) -> Table:
        return self._thread.database.table(TABLE)

    def _asked(self, query: str, trashed: bool) -> Condition:
        search = read(query, now=self._clock())
        if search.names_trash:
            return search.condition
        scope = _TRASHED if trashed else _SHOWN
        return scope if isinstance(search.condition.node, Everything) else search.condition & scope

    def _resolve(self, text: str, trashed: bool) -> Picture:
        table = self._table
        back = 0 if text == "last" else int(text[1:]) if text[:1] == "~" and text[1:].isdecimal() else None
        if back is not None:
            scope = _TRASHED if trashed else _SHOWN
            found = table.page(scope, order="made", descending=True, limit=1, offset=min(back, 2**31))
            if not found and trashed:
                raise NotFound("There are not so many in the trash." if back else "The trash is empty.")
            if not found:
                raise NotFound("There are not so many pictures." if back else "There is no picture yet.")
            return picture_of(found[0])
        whole = table.by_key(text)
        if whole is not None:
            return picture_of(whole)
        if not text:
            raise UsageError("A picture's id is needed.")
        place = field("id")
        fitting = table.page((place >= text) & (place < text + "\U0010ffff"), order="id", limit=_SHOW_FITTING)
        if not fitting:
            ending = place.contains_text(text)
            near = table.page(ending, order="made", descending=True, limit=_SCAN)
            ends = [document for document in near if _ends(str(document["id"]), text)]
            fitting = ends[:_SHOW_FITTING]
        if not fitting:
            raise NotFound(f"There is no picture {text}.")
        if len(fitting) > 1:
            shown = ", ".join(str(document["id"]) for document in fitting[: _SHOW_FITTING - 1])
            more = ", …" if len(fitting) == _SHOW_FITTING else ""
            raise UsageError(f"{text} fits several pictures: {shown}{more}.", fix="Write more of the id.")
        return picture_of(fitting[0])

    def _prompts(self, limit: int, like: str) -> list[str]:
        condition = field("prompt").contains_text(like) if like else everything()
        found: dict[str, None] = {}
        for offset in range(0, _MOST_SCANNED, _SCAN):
            page = self._table.page(condition, order="made", descending=True, limit=_SCAN, offset=offset)
            for document in page:
                recipe = document.get("recipe") or {}
                prompt = recipe.get("template") or recipe.get("prompt") or ""
                if prompt.strip():
                    found.setdefault(prompt)
                if len(found) == limit:
                    return list(found)
            if len(page) < _SCAN:
                break
        return list(found)

    async def _change(
        self, ids: Iterable[str], done: str, new: Callable[[Picture], Mapping[str, Any]]
    ) -> list[Picture]:
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return []
        before, pictures = await self._thread.run(self._write, wanted, new, True)
        changed = [picture for picture in pictures if picture.id in before]
        if changed:
            count = "a picture" if len(changed) == 1 else f"{len(changed)} pictures"
            self._steps = [*self._steps, _Step(done=done.format(count), before=before)][-UNDO_STEPS:]
            self._tell(changed)
        return pictures

    def _write(
        self, ids: Sequence[str], new: Callable[[Picture], Mapping[str, Any]], must_exist: bool
    ) -> tuple[dict[str, dict[str, Any]], list[Picture]]:
        """Set fields in one transaction; gives what was there before, of those that changed, and the pictures as they are."""
        database, now = self._thread.database, self._clock()
        before: dict[str, dict[str, Any]] = {}
        pictures: list[Picture] = []
        with database.transaction():
            for id in ids:
                document = self._table.by_key(id)
                if document is None:
                    if must_exist:
                        raise NotFound(f"There is no picture {id}.")
                    continue
                picture = picture_of(document)
                fields = new(picture)
                old = {name: getattr(picture, name) for name in fields}
                if old != dict(fields):
                    picture = replace(picture, **fields)
                    self._table.put(id, document_of(picture, now=now))
                    before[id] = old
                pictures.append(picture)
        return before, pictures

    def _tell(self, pictures: Iterable[Picture]) -> None:
        for picture in pictures:
            self._publish(PictureChanged(picture))


_SHOW_FITTING = 6
_TRASHED = field("marks").has("trashed")
_SHOWN = ~_TRASHED
_SHOWN_BY_DATE = field("shown") > ""


def _ends(id: str, text: str) -> bool:
    """Whether ``text`` ends a picture's id, or its job's: people leave out the ``-1``."""
    return id.endswith(text) or id.rpartition("-")[0].endswith(text)


def _readable(documents: Iterable[Mapping[str, Any]]) -> list[Picture]:
    """The pictures of documents; one that a newer silverprint wrote must not hide the others."""
    pictures = []
    for document in documents:
        with contextlib.suppress(LibraryError):
            pictures.append(picture_of(document))
    return pictures
