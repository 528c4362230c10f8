"""Where ``gen --out`` puts its copies: a file, a folder or a pattern. Nothing is replaced unless it is asked for."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from silverprint.cli.output import path_text
from silverprint.core.errors import UsageError
from silverprint.core.picture import Picture

if TYPE_CHECKING:
    from silverprint.pictures.export import Format
    from silverprint.studio import Studio

_FORMATS: dict[str, Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
_FIELD = re.compile(r"\{\w*\}")


@dataclass(slots=True, kw_only=True)
class Placing:
    """``folder`` and ``pattern`` as ``pictures/export.py`` takes them; ``format`` None keeps what the picture is.

    With ``replace``, what was there before is replaced, but never another picture of the same run.
    """

    folder: Path
    pattern: str | None
    format: Format | None
    replace: bool
    _named: set[tuple[object, ...]] = field(default_factory=set)

    async def keep(self, studio: Studio, picture: Picture) -> str:
        """Copy the picture; gives the copy's path. Raises UsageError, PictureError, DiskFull, StorageError."""
        from silverprint.pictures.export import DEFAULT_PATTERN, export_picture

        pattern = self.pattern or DEFAULT_PATTERN
        name = _named_by(pattern, picture)
        is_first = name not in self._named
        self._named.add(name)
        made = await asyncio.to_thread(
            export_picture,
            studio.path(picture),
            picture,
            self.folder,
            pattern=pattern,
            format=self.format,
            replace=self.replace and is_first,
        )
        return path_text(made)


def placing(out: str, *, replace: bool) -> Placing:
    """Read ``--out``: a folder when it is one or ends in ``/``, else a file whose ending says the format.

    ``{seed}`` and the other fields of export stand for what they name. Raises UsageError.
    """
    path = Path(out).expanduser()
    if out.endswith("/") or path.is_dir():
        if _FIELD.search(out):
            before, pattern = _split(out.rstrip("/") + "/{id}")
            return Placing(folder=before, pattern=pattern, format=None, replace=replace)
        return Placing(folder=path, pattern=None, format=None, replace=replace)
    ending = path.suffix.lower()
    if ending and ending not in _FORMATS and not _FIELD.search(path.suffix):
        raise UsageError(
            f"A picture can't be written as {ending}.",
            fix="Use .png, .jpg or .webp, or a folder with / at its end.",
        )
    format = _FORMATS.get(ending)
    stem = str(path)[: -len(ending)] if format is not None else str(path)
    folder, pattern = _split(stem)
    return Placing(folder=folder, pattern=pattern, format=format, replace=replace)


def _named_by(pattern: str, picture: Picture) -> tuple[object, ...]:
    """What of the picture its file name depends on: two pictures with the same may have the same name."""
    facts: dict[str, object] = {
        "{id}": picture.id,
        "{job}": picture.job,
        "{number}": picture.id.rpartition("-")[2],
        "{seed}": picture.seed,
        "{prompt}": picture.recipe.prompt[:40],
        "{time}": picture.made.replace(microsecond=0),
    }
    return tuple(value for name, value in facts.items() if name in pattern)


def _split(path: str) -> tuple[Path, str]:
    """The folder before the first part with a field, and the rest as the pattern."""
    parts = Path(path).parts
    for place, part in enumerate(parts[:-1]):
        if _FIELD.search(part):
            return Path(*parts[:place]), "/".join(parts[place:])
    return Path(*parts[:-1]), parts[-1]
