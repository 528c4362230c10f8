"""A Picture from its file alone: what the rebuild of the history and the check of a folder need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from silverprint.core.errors import PictureError
from silverprint.core.grade import Grade
from silverprint.core.picture import Picture, PictureFile
from silverprint.pictures import decode, files, metadata
from silverprint.pictures.decode import Limits


def picture_from_file(path: Path, folder: Path, *, limits: Limits | None = None) -> Picture | None:
    """The picture that the file at ``path`` below ``folder`` says it is, with nothing a person said of it.

    None when it carries no record of ours. Raises PictureError when it is damaged or its record can't be
    understood, NotFound or StorageError when it can't be read.
    """
    allowed = limits or Limits()
    data = decode.read(path, allowed)
    note = metadata.read(data)
    if note is None or note.source != "silverprint":
        return None
    if note.record is None or note.recipe is None or note.problem:
        raise PictureError(f"{path.name}: {note.problem}")
    facts = decode.check(data, allowed)
    pixels = decode.rgb(decode.decode(data, allowed)).tobytes()
    file = PictureFile(
        path=path.relative_to(folder).as_posix(),
        media_type=facts.media_type,
        width=facts.width,
        height=facts.height,
        size=len(data),
        sha256=files.sha256(data),
        pixels_sha256=files.sha256(pixels),
    )
    known: dict[str, Any] = {name: note.record.get(name) for name in ("id", "job", "batch", "made", "grade")}
    optional = {name: note.record.get(name) for name in ("seed", "parent", "seconds", "price_usd")}
    try:
        told = msgspec.convert({**known, **optional}, _Told)
        made = files.moment(told.made)
        grade = Grade(told.grade) if told.grade else Grade.NONE
    except ValueError as error:  # msgspec's own error is one
        raise PictureError(f"{path.name}: its record is damaged: {error}") from error
    return Picture(
        id=told.id,
        job=told.job,
        batch=told.batch,
        file=file,
        recipe=note.recipe,
        made=made,
        seed=told.seed,
        parent=told.parent,
        grade=grade,
        seconds=told.seconds,
        price_usd=told.price_usd,
    )


class _Told(msgspec.Struct, kw_only=True, frozen=True):
    id: str
    job: str
    batch: str
    made: str
    grade: str | None = None
    seed: int | None = None
    parent: str | None = None
    seconds: float | None = None
    price_usd: float | None = None
