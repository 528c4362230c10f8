"""Export: copies of pictures in a folder of the person's choice, under names made from a pattern.

Nothing that is there is ever replaced unless asked for. The pictures of the library stay as they are.
"""

from __future__ import annotations

import os
import re
import tempfile
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from silverprint.core.errors import UsageError
from silverprint.core.picture import Picture
from silverprint.pictures import decode, files, metadata
from silverprint.pictures.decode import Limits
from silverprint.pictures.formats import EXTENSIONS, MediaType

Format = Literal["png", "jpeg", "webp"]

DEFAULT_PATTERN = "{date}-{time}-{id}"
FIELDS = ("id", "job", "number", "seed", "model", "provider", "prompt", "date", "time", "rating")
_FIELD = re.compile(r"\{(\w*)\}")
_TYPES: dict[str, MediaType] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


def export_picture(
    path: Path,
    picture: Picture,
    folder: Path,
    *,
    pattern: str = DEFAULT_PATTERN,
    format: Format | None = None,
    replace: bool = False,
    limits: Limits | None = None,
) -> Path:
    """Copy the picture at ``path`` into ``folder`` and return where it went.

    ``pattern`` may hold ``{id} {job} {number} {seed} {model} {provider} {prompt} {date} {time} {rating}``; a
    ``/`` makes folders below. The file is copied byte for byte unless ``format`` is another one; then the
    recipe goes along, JPEG has quality 95 and WebP is lossless. A name that is taken gets ``-2``, ``-3``, ….

    Raises UsageError for a pattern that can't be understood, PictureError, NotFound, DiskFull or StorageError.
    """
    allowed = limits or Limits()
    data = decode.read(path, allowed)
    wanted = _TYPES[format] if format else None
    current = decode.check(data, allowed).media_type
    if wanted is not None and wanted != current:
        data, current = _converted(data, wanted, allowed), wanted
    target = folder.expanduser() / f"{_name(pattern, picture)}{EXTENSIONS[current]}"
    files.make_folder(target.parent, mode=0o777)
    return place(target, data, replace=replace)


def place(target: Path, data: bytes, *, replace: bool = False) -> Path:
    """Write a whole file at ``target``, or with ``-2``, ``-3``, … beside it when the name is taken.

    Two writers at once never get the same name. Raises DiskFull or StorageError.
    """
    from silverprint.store.atomic import hold, sweep_parts, write_atomic

    if replace:
        write_atomic(target, data)
        return target
    temporary = None
    sweep_parts(target.parent, before=".export-")
    try:
        descriptor, name = tempfile.mkstemp(prefix=".export-", suffix=".part", dir=target.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            hold(file)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return _claim(temporary, target)
    except OSError as error:
        raise files.storage_error(error, target, "written") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _claim(temporary: Path, target: Path) -> Path:
    number = 1
    path = target
    temporary.chmod(0o644)
    while True:
        try:
            path.hardlink_to(temporary)  # fails when the name is taken; a rename would not
        except FileExistsError:
            number += 1
            path = target.with_stem(f"{target.stem}-{number}")
        except OSError:
            # No hard links here (some USB sticks): claim the name with an empty file first.
            try:
                path.open("xb").close()
            except FileExistsError:
                number += 1
                path = target.with_stem(f"{target.stem}-{number}")
                continue
            temporary.replace(path)
            return path
        else:
            return path


def check_pattern(pattern: str) -> None:
    """Raises UsageError for a pattern of file names that is empty or names a field that there is not."""
    for found in _FIELD.finditer(pattern):
        if found[1] not in FIELDS:
            raise UsageError(
                f"A file name has no {{{found[1]}}}.",
                at=found.span(),
                fix="Use " + " ".join(f"{{{name}}}" for name in FIELDS) + ".",
            )
    if not pattern.strip("/ "):
        raise UsageError("The pattern of the file names is empty.", fix=f"Use {DEFAULT_PATTERN}.")


def _name(pattern: str, picture: Picture) -> str:
    check_pattern(pattern)
    values = _values(picture)
    parts = _FIELD.sub(lambda found: values[found[1]].replace("/", "-"), pattern).split("/")
    return "/".join(files.safe_name(part, most=120) for part in parts if part.strip())


def _values(picture: Picture) -> dict[str, str]:
    local: datetime = picture.made.astimezone()
    values: dict[str, Any] = {
        "id": picture.id,
        "job": picture.job,
        "number": picture.id.rpartition("-")[2],
        "seed": "" if picture.seed is None else picture.seed,
        "model": picture.recipe.ref.model,
        "provider": picture.recipe.ref.provider,
        "prompt": " ".join(picture.recipe.prompt.split())[:60],
        "date": f"{local:%Y-%m-%d}",
        "time": f"{local:%H%M%S}",
        "rating": picture.rating,
    }
    return {name: str(value) for name, value in values.items()}


def _converted(data: bytes, media_type: MediaType, limits: Limits) -> bytes:
    image = decode.decode(data, limits)
    file = BytesIO()
    match media_type:
        case "image/jpeg":
            decode.flat(image).save(file, "JPEG", quality=95, subsampling=0)
        case "image/webp":
            (decode.rgb(image) if decode.alpha(image) is None else image.convert("RGBA")).save(
                file, "WEBP", lossless=True, quality=60
            )
        case "image/png":
            (decode.rgb(image) if decode.alpha(image) is None else image.convert("RGBA")).save(file, "PNG")
    note = metadata.read(data)
    if note is None or note.record is None:
        return file.getvalue()
    return metadata.embed(file.getvalue(), media_type, note.record, note.parameters)
