"""Results: the pictures and the seed in a model's output, whatever its shape. Fetching them is left to others."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from silverprint.core.errors import BadAnswer
from silverprint.core.update import Output

_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif")
_BLANK_MOST = 4_000
_DEPTH_MOST = 6
_SEED_MOST = 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """``flagged`` tells for each output whether the safety checker marked it."""

    outputs: tuple[Output, ...]
    flagged: tuple[bool, ...]
    seed: int | None = None


def read_result(body: Mapping[str, Any]) -> Result:
    """The result in a model's output: ``images``, ``image``, or wherever else links to pictures are.

    Raises BadAnswer where there is no picture at all.
    """
    seed = body.get("seed")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < _SEED_MOST:
        seed = None
    # Where pictures have their usual place, what else has a link is an echo of an input, a mask, a depth map.
    usual = [_links(body[name], name) for name in ("images", "image") if body.get(name)]
    links = list(dict.fromkeys(link for found in usual for link in found)) or list(
        dict.fromkeys(_links(body))
    )
    if not links:
        raise BadAnswer(
            "There is no picture in what the model answered.",
            fix="Choose a model that makes pictures (ctrl+o).",
        )
    flags = body.get("has_nsfw_concepts")
    flags = flags if isinstance(flags, list) else []
    return Result(
        outputs=tuple(Output(url=url, media_type=kind, seed=seed) for url, kind in links),
        flagged=tuple(index < len(flags) and flags[index] is True for index in range(len(links))),
        seed=seed,
    )


def is_blank(data: bytes) -> bool:
    """Whether an encoded picture holds next to nothing: one colour all over.

    Such a file is small, or (as JPEG) the same few bytes again and again; a picture of anything does not pack
    below some kilobytes. Told without decoding, as pixels are not this layer's business.
    """
    return len(zlib.compress(data, 1)) < _BLANK_MOST


def _links(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """(url, media type) of every picture."""
    if depth > _DEPTH_MOST:
        return
    if isinstance(value, list):
        for item in value:
            yield from _links(item, name, depth + 1)
    elif isinstance(value, Mapping):
        url, kind = value.get("url"), value.get("content_type")
        kind = kind.lower() if isinstance(kind, str) else ""
        if isinstance(url, str) and url:
            if _is_picture(url, kind, name):
                yield url, kind
            return
        for key, part in value.items():
            yield from _links(part, str(key), depth + 1)
    elif isinstance(value, str) and "image" in name.lower() and _is_link(value):
        yield value, ""


def _is_link(text: str) -> bool:
    return text.startswith(("https://", "http://", "data:image/"))


def _is_picture(url: str, kind: str, name: str) -> bool:
    if not _is_link(url):
        return False
    if kind.startswith("image/") or url.startswith("data:image/"):
        return True
    if kind and kind != "application/octet-stream":
        return False
    return "image" in name.lower() or url.partition("?")[0].lower().endswith(_ENDINGS)
