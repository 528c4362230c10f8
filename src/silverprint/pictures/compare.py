"""Compare: whether two pictures are the same, and how near they are."""

from __future__ import annotations

from pathlib import Path

from PIL import ImageChops

from silverprint.core.grade import Verdict
from silverprint.pictures import decode
from silverprint.pictures.decode import Limits


def verdict(one: Path, other: Path, *, limits: Limits | None = None) -> Verdict:
    """How far the two pictures' RGB pixels are apart. Metadata and file format play no part.

    Raises NotFound, or PictureError when one of them can't be decoded.
    """
    allowed = limits or Limits()
    first, second = (decode.rgb(decode.decode(decode.read(path, allowed), allowed)) for path in (one, other))
    if first.size != second.size:
        return Verdict(mean=255.0, worst=-1)
    counts = ImageChops.difference(first, second).histogram()
    by_value = [sum(counts[value::256]) for value in range(256)]
    total = sum(value * count for value, count in enumerate(by_value))
    worst = max(value for value, count in enumerate(by_value) if count)
    return Verdict(mean=total / (first.width * first.height * 3), worst=worst)
