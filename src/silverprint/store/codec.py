"""Core values to JSON documents and back, with a version in every record.

Moments are UTC texts of fixed width, so that they sort as text. A picture's document also holds the fields
that the gallery sorts and searches by.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from silverprint.core.errors import LibraryError
from silverprint.core.job import Job
from silverprint.core.picture import Picture
from silverprint.core.recipe import Recipe

VERSION = 1

_T = TypeVar("_T")


def moment_text(moment: datetime) -> str:
    """``2026-11-22T16:00:00.123456Z``. A moment without a zone is taken as UTC."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def job_document(job: Job) -> dict[str, Any]:
    """A job as a JSON document; ``state``, ``created``, ``batch`` and ``provider`` lie at the top."""
    return {"v": VERSION, **_plain(job), "provider": job.recipe.ref.provider}


def job_of(document: Mapping[str, Any]) -> Job:
    """The job of a document. Raises LibraryError for a document that is none of ours."""
    return _value(document, Job)


def picture_document(picture: Picture) -> dict[str, Any]:
    """A picture as a JSON document, with its search fields at the top."""
    recipe = picture.recipe
    document = {"v": VERSION, **_plain(picture)}
    document["tags"] = sorted(picture.tags)
    document["boards"] = sorted(picture.boards)
    return document | {
        "model": str(recipe.ref),
        "provider": recipe.ref.provider,
        "task": recipe.task,
        "prompt": recipe.prompt,
        "negative": recipe.negative_prompt,
        "lora_names": [lora.name for lora in recipe.loras],
    }


def picture_of(document: Mapping[str, Any]) -> Picture:
    """The picture of a document. Raises LibraryError for a document that is none of ours."""
    return _value(document, Picture)


def recipe_json(recipe: Recipe) -> dict[str, Any]:
    """A recipe as plain JSON values."""
    plain: dict[str, Any] = _plain(recipe)
    return plain


def recipe_of(plain: Mapping[str, Any]) -> Recipe:
    """The recipe of plain JSON values. Raises LibraryError for a shape that is none of ours."""
    return _value({"v": VERSION, **plain}, Recipe)


def _plain(value: Any) -> Any:
    return _moments(msgspec.to_builtins(value, builtin_types=(datetime,), str_keys=True))


def _moments(value: Any) -> Any:
    match value:
        case datetime():
            return moment_text(value)
        case dict():
            return {key: _moments(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_moments(item) for item in value]
        case _:
            return value


def _value(document: Mapping[str, Any], kind: type[_T]) -> _T:
    version = document.get("v")
    if not isinstance(version, int) or version > VERSION:
        raise LibraryError(
            f"A {kind.__name__.lower()} was written by a newer silverprint (version {version}).",
            fix="Update silverprint.",
        )
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise LibraryError(f"A {kind.__name__.lower()} record can't be read: {error}") from error
