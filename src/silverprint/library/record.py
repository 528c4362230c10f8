"""A picture as the row that the library keeps: its document with what searches need, and the table's columns.

Owns the shape of the ``pictures`` table. The document itself is ``store/codec.py``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from silverprint.core.picture import Picture
from silverprint.library.labels import folded
from silverprint.store.codec import moment_text, picture_document, picture_of
from silverprint.store.schema import Column, TableSchema

TABLE = "pictures"

SCHEMA = TableSchema(
    columns=(
        Column("made", "made"),
        Column("rating", "rating", "INTEGER"),
        Column("model", "model"),
        Column("provider", "provider"),
        Column("seed", "seed", "INTEGER"),
        Column("job", "job"),
        Column("sha256", "file.sha256"),
        Column("shown", "shown"),
        Column("marks", "marks[]"),
        Column("tags", "tags[]"),
        Column("boards", "board_keys[]"),
        Column("loras", "lora_names[]"),
    ),
    fts=("prompt", "negative", "tags", "boards"),
)

OWN_FIELDS = ("rating", "tags", "boards", "starred", "trashed")
"""What a person says of a picture; everything else in a record comes from the file."""


def document_of(picture: Picture, *, now: datetime) -> dict[str, Any]:
    """The row's document. ``touched`` says when it was written, so that of two copies the newer can be told."""
    document = picture_document(picture) | {
        "board_keys": sorted(folded(board) for board in picture.boards),
        "marks": marks(picture),
        "touched": moment_text(now),
    }
    if picture.trashed is None:
        # The gallery's first view is read along one index, however far it is scrolled.
        document["shown"] = document["made"]
    return document


def marks(picture: Picture) -> list[str]:
    """What ``is:`` and ``has:`` ask for, as words that hold for this picture."""
    recipe = picture.recipe
    held = {
        "starred": picture.starred,
        "trashed": picture.trashed is not None,
        "rating": picture.rating > 0,
        "tag": bool(picture.tags),
        "board": bool(picture.boards),
        "lora": bool(recipe.loras),
        "negative": bool(recipe.negative_prompt.strip()),
        "wildcards": recipe.template is not None,
        "parent": picture.parent is not None,
    }
    roles = {source.role for source in recipe.sources}
    return [word for word, holds in held.items() if holds] + sorted(roles)


def own_words(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a person said of the picture in a document, as fields of a Picture. Raises LibraryError."""
    picture = picture_of(document)
    return {name: getattr(picture, name) for name in OWN_FIELDS}
