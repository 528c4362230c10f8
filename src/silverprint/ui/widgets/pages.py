"""Pages: the part of a long list of pictures that is in memory, by pages, least recently used out first.

Owns which pages are known and where a picture stands. Asking the library is left to the screen.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from silverprint.core.picture import Picture

PAGE = 60
MOST_PAGES = 40


class Pages:
    """A window on a list of ``total`` pictures. Page ``n`` holds positions ``n * size`` up to the next page."""

    def __init__(self, *, size: int = PAGE, most: int = MOST_PAGES) -> None:
        self.size = size
        self.total = 0
        self._most = most
        self._pages: OrderedDict[int, list[Picture]] = OrderedDict()
        self._places: dict[str, int] = {}

    def reset(self, total: int, pages: Mapping[int, Sequence[Picture]]) -> None:
        """Forget everything; the list is ``total`` long now, and these of its pages are known."""
        self.total = total
        self._pages.clear()
        self._places.clear()
        for number, pictures in pages.items():
            self.put(number, pictures)

    def put(self, number: int, pictures: Sequence[Picture]) -> None:
        """Page ``number`` is known now."""
        self._drop(number)
        self._pages[number] = list(pictures)
        self._places |= {picture.id: number * self.size + at for at, picture in enumerate(pictures)}
        while len(self._pages) > self._most:
            self._drop(next(iter(self._pages)))

    def get(self, index: int) -> Picture | None:
        """The picture at this position, or None while its page is not known or past the end."""
        number, at = divmod(index, self.size)
        page = self._pages.get(number)
        if page is None or index >= self.total:
            return None
        if next(reversed(self._pages)) != number:
            self._pages.move_to_end(number)
        return page[at] if at < len(page) else None

    def missing(self, first: int, last: int) -> list[int]:
        """Numbers of the pages not known that positions ``first`` to ``last`` (inclusive) touch."""
        return [number for number in self.numbers(first, last) if number not in self._pages]

    def numbers(self, first: int, last: int) -> range:
        """Numbers of the pages that positions ``first`` to ``last`` (inclusive, clipped to the list) touch."""
        if self.total == 0:
            return range(0)
        first, last = max(0, first), min(last, self.total - 1)
        return range(first // self.size, last // self.size + 1)

    def replace(self, picture: Picture) -> int | None:
        """A known picture has changed. Its position, or None when it is not known here."""
        index = self._places.get(picture.id)
        if index is not None:
            number, at = divmod(index, self.size)
            self._pages[number][at] = picture
        return index

    def place(self, picture_id: str) -> int | None:
        """Where this picture stands, or None when it is not on a known page."""
        return self._places.get(picture_id)

    def _drop(self, number: int) -> None:
        for at, picture in enumerate(self._pages.pop(number, ())):
            if self._places.get(picture.id) == number * self.size + at:
                del self._places[picture.id]
