"""Captions: what a drawing is called, by its name and tags or as people write prompts."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.random import Generator

from training.pocket.colours import COLOUR_WORDS

Thing = Mapping[str, Any]  # style, label, tags, group, as in things.json


@functools.cache
def words() -> dict[str, Any]:
    """The aliases, adjectives, scenes and styles of ``captions.toml``."""
    return tomllib.loads(Path(__file__).with_name("captions.toml").read_text(encoding="utf-8"))


def clean(label: str) -> str:
    """A label without the signs nobody types."""
    return re.sub(r"\s+", " ", re.sub("[“”!?]", "", label).replace(":", " ").replace("-", " ")).strip()


def with_article(text: str) -> str:
    """``a`` or ``an`` before the text."""
    return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"


def background_words(background: str | None) -> str:
    """`` on a teal background``, or nothing."""
    return f" on {with_article(background)} background" if background else ""


def plain(thing: Thing, random: Generator, *, background: str | None, hue: str | None) -> str:
    """The label or a tag, the style, and the background: what the vocabulary is learned from."""
    label, tags = clean(thing["label"]), [tag for tag in map(clean, thing["tags"]) if tag]
    if hue:
        label = _recoloured(label, hue)
        tags = [tag for tag in tags if not COLOUR_WORDS & set(tag.split())]
    text, draw = label, random.random()
    if draw < 0.12 and tags:
        count = min(len(tags), int(random.integers(1, 3)))
        text = ", ".join([label, *random.permutation(tags)[:count]])
    elif draw < 0.20 and tags and not hue:
        text = str(random.permutation(tags)[0])
    if random.random() < 0.5 and "," not in text and not text.endswith("s"):
        text = with_article(text)
    style = thing["style"]
    text = f"{text}, {style} style" if random.random() < 0.8 else f"{style} style {text}"
    return text + background_words(background)


def spoken(thing: Thing, random: Generator, *, background: str | None, hue: str | None) -> str:
    """A prompt as a person might write it: the subject early, and words around it that change nothing."""
    book = words()
    label = clean(thing["label"])
    aliases = book["aliases"].get(thing["label"])
    if aliases and random.random() < 0.5:
        label = _one(aliases, random)
    if hue:
        label = _recoloured(label, hue)
    text = label
    if random.random() < 0.35:
        text = f"{_one(book['adjectives'], random)} {text}"
    if random.random() < 0.55 and not text.endswith("s"):
        text = with_article(text)
    if random.random() < 0.22:
        text = f"{_one(book['openings'], random)} {text}"
    is_early = random.random() < 0.7
    if is_early:
        text += background_words(background)
    if random.random() < 0.35:
        text += (" " if random.random() < 0.7 else ", ") + _one(book["scenes"], random)
    for _ in range(int(random.choice([0, 0, 0, 1, 1, 2, 3]))):
        text += f", {_one(book['styles'], random)}"
    if not is_early and len(text) < 60:
        text += background_words(background)
    return text + ", flat style" if random.random() < 0.1 else text


def _recoloured(label: str, hue: str) -> str:
    return " ".join([hue, *(word for word in label.split() if word not in COLOUR_WORDS)])


def _one(choices: Sequence[str], random: Generator) -> str:
    return choices[int(random.integers(len(choices)))]
