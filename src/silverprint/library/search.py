"""The search language: ``fox "low sun" model:klein rating:>=3 -tag:draft`` becomes a Condition.

Owns the words and fields of the language and what is said about a mistake in it. Running the Condition is left to
``library.py``; what counts as a word to ``store/words.py``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from silverprint.core.errors import UsageError
from silverprint.library.dates import stretch
from silverprint.library.labels import MOST_STARS, folded
from silverprint.store.codec import moment_text
from silverprint.store.condition import Condition, Field, all_of, field, phrase, words
from silverprint.store.words import words_of

TEXT_FIELDS = ("prompt", "tags", "boards")
"""Where bare words are looked for. The negative prompt has its own field: it names what is *not* in the picture."""

_QUOTES = {'"': '"', "“": "”", "„": "“”", "«": "»"}
_NAME = re.compile(r"([A-Za-z_]+):")
_RANGE = re.compile(r"(>=|<=|>|<|=)?\s*(-?\d+)\Z")
_SPAN = re.compile(r"(\d+)\.\.(\d+)\Z")
_TASKS = ("text", "image", "inpaint")
_IS = {"starred": "starred", "trashed": "trashed", "rated": "rating"}
_HAS = (
    "lora",
    "tag",
    "board",
    "rating",
    "negative",
    "image",
    "mask",
    "reference",
    "control",
    "wildcards",
    "parent",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search that was understood. ``names_trash``: it says itself whether it wants the trash."""

    condition: Condition
    names_trash: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """One piece of the text: ``name`` is "" for bare words; ``start`` and ``end`` are its place, ``at`` its value's."""

    name: str
    value: str
    quoted: bool
    negated: bool
    start: int
    at: int
    end: int

    @property
    def is_bare(self) -> bool:
        return not (self.name or self.quoted or self.negated)

    def mistake(self, message: str, *, fix: str = "") -> UsageError:
        return UsageError(message, at=(self.at if self.value else self.start, self.end), fix=fix)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    now: datetime
    zone: tzinfo | None


def parse(text: str, *, now: datetime | None = None, zone: tzinfo | None = None) -> Condition:
    """The condition that ``text`` asks for; see ``read``."""
    return read(text, now=now, zone=zone).condition


def read(text: str, *, now: datetime | None = None, zone: tzinfo | None = None) -> Search:
    """Understand a search. All its parts must hold; ``-`` before one means that it must not.

    Bare words are looked for in prompts, tags and boards, without regard to case, accents and order; the last one, when
    nothing follows it, may be only begun. ``now`` (default: the present) and ``zone`` (default: the machine's own) are
    what dates are counted from. An empty text matches everything. Raises UsageError with the place of the mistake.
    """
    day = _Day(now=now if now is not None else datetime.now(UTC), zone=zone)
    pieces = list(_pieces(text))
    conditions: list[Condition] = []
    bare: list[str] = []
    names_trash = False
    for piece in pieces:
        if not piece.name and not words_of(piece.value):
            continue  # punctuation asks for nothing
        if piece.is_bare:
            bare.append(piece.value)
            continue
        condition = _condition(piece, day)
        conditions.append(~condition if piece.negated else condition)
        names_trash = names_trash or (piece.name == "is" and piece.value.lower() == "trashed")
    if bare:
        begun = pieces[-1].is_bare and pieces[-1].end == len(text)
        conditions.insert(0, words(" ".join(bare), prefix=begun, fields=TEXT_FIELDS))
    return Search(condition=all_of(conditions), names_trash=names_trash)


def _pieces(text: str) -> Iterator[_Piece]:
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        start = place
        negated = text[place] == "-" and place + 1 < len(text) and not text[place + 1].isspace()
        place += negated
        named = _NAME.match(text, place)
        name = named[1].lower() if named else ""
        place = named.end() if named else place
        at = place
        if place < len(text) and text[place] in _QUOTES:
            value, place = _quoted(text, place, start)
            quoted = True
        else:
            while place < len(text) and not text[place].isspace():
                place += 1
            value, quoted = text[at:place], False
        yield _Piece(name=name, value=value, quoted=quoted, negated=negated, start=start, at=at, end=place)


def _quoted(text: str, place: int, start: int) -> tuple[str, int]:
    closing = _QUOTES[text[place]] + '"'
    for end in range(place + 1, len(text)):
        if text[end] in closing:
            return text[place + 1 : end], end + 1
    raise UsageError("This quote is not closed.", at=(start, len(text)), fix='Close it with ".')


def _condition(piece: _Piece, day: _Day) -> Condition:
    if not piece.name:
        make = phrase if piece.quoted else words
        return make(piece.value, fields=TEXT_FIELDS)
    build = _FIELDS.get(piece.name)
    if build is None:
        near = difflib.get_close_matches(piece.name, _FIELDS, n=1, cutoff=0.5)
        raise UsageError(
            f"There is no field {piece.name}" + (f"; did you mean {near[0]}:" if near else ""),
            at=(piece.start + piece.negated, piece.at),
            fix=f'Fields are {", ".join(FIELDS)}. To look for the words themselves, put them in "quotes".',
        )
    if not piece.value.strip():
        raise piece.mistake(f"{piece.name}: needs a value, such as {_EXAMPLES[piece.name]}")
    return build(piece, day)


def _number(place: Field, low: int, high: int) -> Callable[[_Piece, _Day], Condition]:
    def build(piece: _Piece, day: _Day) -> Condition:
        span = _SPAN.match(piece.value)
        if span is not None:
            first, last = int(span[1]), int(span[2])
            _within(piece, first, low, high)
            _within(piece, last, low, high)
            return (place >= first) & (place <= last)
        one = _RANGE.match(piece.value)
        if one is None:
            raise piece.mistake(f"{piece.name}: takes a number, such as {_EXAMPLES[piece.name]}")
        number = int(one[2])
        _within(piece, number, low, high)
        match one[1]:
            case ">=":
                return place >= number
            case "<=":
                return place <= number
            case ">":
                return place > number
            case "<":
                return place < number
            case _:
                return place == number

    return build


def _within(piece: _Piece, number: int, low: int, high: int) -> None:
    if not low <= number <= high:
        raise piece.mistake(f"{piece.name}: is a whole number from {low} to {high}")


def _dated(piece: _Piece, day: _Day) -> Condition:
    try:
        first, after = stretch(piece.value, now=day.now, zone=day.zone)
    except ValueError as error:
        raise piece.mistake(f"{piece.name}: takes {error}") from None
    made = field("made")
    match piece.name:
        case "after":
            return made >= moment_text(first)
        case "before":
            return made < moment_text(first)
        case _:
            return (made >= moment_text(first)) & (made < moment_text(after))


def _one_of(options: Mapping[str, Condition]) -> Callable[[_Piece, _Day], Condition]:
    def build(piece: _Piece, day: _Day) -> Condition:
        chosen = options.get(piece.value.strip().lower())
        if chosen is None:
            raise piece.mistake(f"{piece.name}: takes one of {', '.join(options)}")
        return chosen

    return build


_FIELDS: Mapping[str, Callable[[_Piece, _Day], Condition]] = {
    "model": lambda piece, _: field("model").contains_text(piece.value),
    "provider": lambda piece, _: field("provider") == piece.value.strip().lower(),
    "seed": _number(field("seed"), 0, 2**63 - 1),
    "rating": _number(field("rating"), 0, MOST_STARS),
    "tag": lambda piece, _: field("tags").has(folded(piece.value)),
    "board": lambda piece, _: field("board_keys").has(folded(piece.value)),
    "after": _dated,
    "before": _dated,
    "on": _dated,
    "task": _one_of({task: field("task") == task for task in _TASKS}),
    "is": _one_of({word: field("marks").has(mark) for word, mark in _IS.items()}),
    "has": _one_of({word: field("marks").has(word) for word in _HAS}),
    "negative": lambda piece, _: (phrase if piece.quoted else words)(piece.value, fields=("negative",)),
    "lora": lambda piece, _: field("lora_names[]").contains_text(piece.value),
    "job": lambda piece, _: field("job") == piece.value.strip(),
    "batch": lambda piece, _: field("batch") == piece.value.strip(),
}

_EXAMPLES: Mapping[str, str] = {
    "model": "model:klein",
    "provider": "provider:pocket",
    "seed": "seed:12345",
    "rating": "rating:>=3",
    "tag": "tag:fox",
    "board": "board:covers",
    "after": "after:2026-10",
    "before": "before:2026-10-05",
    "on": "on:yesterday",
    "task": "task:inpaint",
    "is": "is:starred",
    "has": "has:lora",
    "negative": "negative:blurry",
    "lora": "lora:film",
    "job": "job:ID",
    "batch": "batch:ID",
}

FIELDS: tuple[str, ...] = tuple(f"{name}:" for name in _FIELDS)
"""Every field of the language, with its colon, for completion and help."""
