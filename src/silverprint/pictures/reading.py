"""What a picture file says of itself: its own record, and the facts of the file. The history can be rebuilt from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from silverprint.core.errors import PictureError
from silverprint.core.picture import PictureFile
from silverprint.pictures import decode, files, metadata
from silverprint.pictures.decode import Limits


def read_file(path: Path, *, limits: Limits | None = None) -> tuple[Mapping[str, Any], PictureFile] | None:
    """The record of a picture of ours, and its file's facts with the bare file name as ``path``.

    None for a picture without a record of ours. Takes time: the picture is decoded. Raises PictureError when it
    is damaged or its record can't be understood, NotFound or StorageError when it can't be read.
    """
    allowed = limits or Limits()
    data = decode.read(path, allowed)
    note = metadata.read(data)
    if note is not None and note.source == "silverprint" and (note.record is None or note.recipe is None):
        raise PictureError(f"{path.name}: {note.problem}")
    facts = decode.check(data, allowed)
    if note is None or note.record is None:
        return None
    pixels = decode.rgb(decode.decode(data, allowed)).tobytes()
    file = PictureFile(
        path=path.name,
        media_type=facts.media_type,
        width=facts.width,
        height=facts.height,
        size=len(data),
        sha256=files.sha256(data),
        pixels_sha256=files.sha256(pixels),
    )
    return note.record, file
