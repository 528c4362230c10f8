"""Trouble: how Replicate words its refusals. What a status means in general is left to ``answers.py``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from silverprint.core.errors import (
    BadRecipe,
    ModelGone,
    ProviderError,
)
from silverprint.core.shape import Shape
from silverprint.core.text import one_line
from silverprint.providers.answers import MOST_WORDS, Answer, fields_of, words_of
from silverprint.providers.replicate.places import TITLE

_FIELD = re.compile(r"^\s*[-*]?\s*input\.([\w.\[\]]+)\s*:\s*(.+?)\s*$", re.MULTILINE)
_MISSING = re.compile(r"^\s*[-*]?\s*(?:input\s*:\s*)?[`'\"]?(\w+)[`'\"]? is required\.?\s*$", re.MULTILINE)


def explain(answer: Answer) -> ProviderError | None:
    """Replicate's own reading of an error answer; None leaves it to the common table."""
    if answer.status not in (400, 422):
        return None
    body = answer.body()
    if not isinstance(body, Mapping):
        return None
    title = str(body.get("title") or "")
    said = words_of(answer)
    if "version" in title.lower() and "permitted" in title.lower():
        return ModelGone(
            f"{TITLE} does not have this version of the model, or this account may not use it.",
            fix="Choose the model again (ctrl+o), so that its newest version is taken.",
        )
    fields = _fields(body) or fields_of(answer)
    if fields:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in fields.items())
        return BadRecipe(f"{TITLE} can't take this: {one_line(reasons, most=MOST_WORDS)}", fields=fields)
    return BadRecipe(f"{TITLE} can't take this" + (f": {said}" if said else "."))


def _fields(body: Mapping[str, object]) -> dict[str, str]:
    """The fields named in a 422, by wire name: one line of ``detail`` each, or ``invalid_fields`` where it is filled."""
    detail = body.get("detail")
    text = detail if isinstance(detail, str) else ""
    found = {wire: one_line(reason, most=200) for wire, reason in _FIELD.findall(text)}
    for wire in _MISSING.findall(text):
        found.setdefault(wire, "needed")
    listed = body.get("invalid_fields")
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, Mapping) and isinstance(item.get("field"), str):
            wire = item["field"].removeprefix("input.")
            found.setdefault(wire, one_line(str(item.get("description") or "not accepted"), most=200))
    return found


def in_our_words(error: BadRecipe, shape: Shape) -> BadRecipe:
    """The same error with its fields named as we name them."""
    if not error.fields:
        return error
    fields = {shape.our_name(wire): reason for wire, reason in error.fields.items()}
    reasons = "; ".join(f"{name.replace('_', ' ')}: {reason}" for name, reason in fields.items())
    return BadRecipe(f"{TITLE} can't take this: {one_line(reasons, most=MOST_WORDS)}", fields=fields)
