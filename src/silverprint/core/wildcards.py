"""Wildcards: ``{a|b}`` and ``__name__`` in a prompt become words, at random or in every combination.

The random source and the lists behind names are arguments. Syntax: ``{a|b|c}`` one of; ``{2::a|b}`` a twice as
likely; ``{2$$a|b|c}`` two of them, joined by ", "; ``__animals__`` a line of the list ``animals``; all of it may
nest. A backslash before ``{ } |`` or ``__`` keeps it as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations, islice, product
from random import Random
from typing import TypeAlias

from silverprint.core.errors import UsageError

Lookup: TypeAlias = Callable[[str], Sequence[str]]

MAX_DEPTH = 12
_COLUMN = 10_001  # a column of choices stops here, so that lists can't multiply beyond memory
_NAME = re.compile(r"__([\w][\w/.-]*?)__")
_WEIGHT = re.compile(r"\s*(\d+(?:\.\d+)?)::")
_TAKE = re.compile(r"\s*(\d+)\$\$")


@dataclass(frozen=True, slots=True)
class _Word:
    text: str


@dataclass(frozen=True, slots=True)
class _Name:
    name: str
    at: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Pick:
    options: tuple[tuple[_Part, ...], ...]
    weights: tuple[float, ...]
    take: int


_Part: TypeAlias = _Word | _Name | _Pick


def has_wildcards(template: str) -> bool:
    """Whether the text would change by expansion. A broken template counts as one."""
    try:
        return any(not isinstance(part, _Word) for part in _parse(template)) or "\\" in template
    except UsageError:
        return True


def names(template: str) -> list[str]:
    """The list names a template mentions, in order. Raises UsageError for a broken template."""
    found: list[str] = []

    def walk(parts: tuple[_Part, ...]) -> None:
        for part in parts:
            if isinstance(part, _Name):
                found.append(part.name)
            elif isinstance(part, _Pick):
                for option in part.options:
                    walk(option)

    walk(_parse(template))
    return found


def draw(template: str, lookup: Lookup, random: Random) -> str:
    """One expansion, chosen by ``random``. Raises UsageError for a mistake, with its place."""
    return "".join(_draw(_parse(template), lookup, random, 0))


def every(template: str, lookup: Lookup, *, most: int = 10_000) -> list[str]:
    """All combinations, in the order written, without doubles.

    Raises UsageError for a mistake, or when there are more than ``most``.
    """
    found = list(dict.fromkeys(islice(_every(_parse(template), lookup, 0), most + 1)))
    if len(found) > most:
        raise UsageError(f"This prompt has more than {most} combinations.", fix="Use fewer choices.")
    return found


def count(template: str, lookup: Lookup, *, most: int = 10_000) -> int:
    """How many different combinations there are, up to ``most`` + 1."""
    return len(set(islice(_every(_parse(template), lookup, 0), most + 1)))


def _draw(parts: tuple[_Part, ...], lookup: Lookup, random: Random, depth: int) -> Iterator[str]:
    for part in parts:
        match part:
            case _Word(text):
                yield text
            case _Name():
                line = random.choice(_lines(part, lookup, depth))
                with _inside(part):
                    yield from _draw(_parse(line), lookup, random, depth + 1)
            case _Pick(options, weights, take):
                yield ", ".join(
                    "".join(_draw(options[index], lookup, random, depth)).strip() if take > 1
                    else "".join(_draw(options[index], lookup, random, depth))
                    for index in _sample(weights, take, random)
                )  # fmt: skip


def _sample(weights: tuple[float, ...], take: int, random: Random) -> list[int]:
    left = dict(enumerate(weights))
    chosen: list[int] = []
    for _ in range(min(take, len(weights))):
        index = random.choices(list(left), list(left.values()))[0]
        chosen.append(index)
        del left[index]
    return chosen


def _every(parts: tuple[_Part, ...], lookup: Lookup, depth: int) -> Iterator[str]:
    columns = [list(islice(_texts(part, lookup, depth), _COLUMN)) for part in parts]
    for row in product(*columns):
        yield "".join(row)


def _texts(part: _Part, lookup: Lookup, depth: int) -> Iterator[str]:
    match part:
        case _Word(text):
            yield text
        case _Name():
            for line in _lines(part, lookup, depth):
                with _inside(part):
                    yield from _every(_parse(line), lookup, depth + 1)
        case _Pick(options, _weights, take):
            for chosen in combinations(options, min(take, len(options))):
                columns = [list(islice(_every(option, lookup, depth), _COLUMN)) for option in chosen]
                for texts in product(*columns):
                    yield ", ".join(text.strip() for text in texts) if take > 1 else texts[0]


@contextmanager
def _inside(part: _Name) -> Iterator[None]:
    """A mistake in a list's line is marked at the list's name: the only place the person can see."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"In __{part.name}__: {error}", at=part.at, fix=error.fix) from error


def _lines(part: _Name, lookup: Lookup, depth: int) -> Sequence[str]:
    if depth >= MAX_DEPTH:
        raise UsageError(f"__{part.name}__ goes round in a circle.", at=part.at)
    lines = lookup(part.name)
    if not lines:
        raise UsageError(
            f"There is no wildcard list named {part.name}.",
            at=part.at,
            fix=f"Put its lines into {part.name}.txt in the wildcards folder.",
        )
    return lines


def _parse(text: str) -> tuple[_Part, ...]:
    parts, end = _parse_until(text, 0, in_braces=False)
    assert end == len(text)
    return parts[0]


def _parse_until(text: str, at: int, *, in_braces: bool) -> tuple[list[tuple[_Part, ...]], int]:
    options: list[tuple[_Part, ...]] = []
    parts: list[_Part] = []
    word: list[str] = []
    opened = at - 1

    def close_word() -> None:
        if word:
            parts.append(_Word("".join(word)))
            word.clear()

    while at < len(text):
        mark = text[at]
        if mark == "\\" and (text[at + 1 : at + 2] in ("{", "}", "|", "\\") or text[at + 1 : at + 3] == "__"):
            length = 2 if text[at + 1 : at + 3] == "__" else 1
            word.append(text[at + 1 : at + 1 + length])
            at += 1 + length
        elif mark == "{":
            close_word()
            pick, at = _parse_pick(text, at + 1)
            parts.append(pick)
        elif mark == "}" and in_braces:
            close_word()
            options.append(tuple(parts))
            return options, at + 1
        elif mark == "}":
            raise UsageError("A } without its {.", at=(at, at + 1), fix="Write \\} for the sign itself.")
        elif mark == "|" and in_braces:
            close_word()
            options.append(tuple(parts))
            parts = []
            at += 1
        elif found := _NAME.match(text, at):
            close_word()
            parts.append(_Name(found[1], found.span()))
            at = found.end()
        else:
            word.append(mark)
            at += 1
    if in_braces:
        raise UsageError("A { without its }.", at=(opened, opened + 1), fix="Write \\{ for the sign itself.")
    close_word()
    return [tuple(parts)], at


def _parse_pick(text: str, at: int) -> tuple[_Pick, int]:
    start = at
    take = 1
    if found := _TAKE.match(text, at):
        take = int(found[1])
        at = found.end()
    options, end = _parse_until(text, at, in_braces=True)
    if take < 1:
        raise UsageError("Take at least one.", at=(start - 1, at))
    weights: list[float] = []
    plain: list[tuple[_Part, ...]] = []
    for option in options:
        weight = 1.0
        if option and isinstance(option[0], _Word) and (found := _WEIGHT.match(option[0].text)):
            weight = float(found[1])
            option = (_Word(option[0].text[found.end() :]), *option[1:])
        weights.append(weight)
        plain.append(option)
    if sum(weights) <= 0:
        raise UsageError("At least one choice needs a weight above 0.", at=(start - 1, end))
    return _Pick(tuple(plain), tuple(weights), take), end
