"""Pictures: draws the emoji of three sets as pixels, and keeps their names and tags beside them.

Reads the icon packages that ``npm`` installed; writes ``drawings.npy`` (uint8, count x 128 x 128 x 4) and
``things.json``.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from training.pocket.colours import Array

SIDE = 128
MARGIN = 8
SETS = {"noto": "noto", "fluent": "fluent-emoji", "flat": "fluent-emoji-flat"}
_LEFT_OUT = re.compile(r"o’clock|-thirty|keycap|input |button$|regional", re.IGNORECASE)
_PEOPLE_GROUP = 1
_LEAST_COVER = 10  # mean alpha below this is an empty drawing


@functools.cache
def choice() -> dict[str, Any]:
    """Which emoji are drawn, from ``things.toml``."""
    return tomllib.loads(Path(__file__).with_name("things.toml").read_text(encoding="utf-8"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this stage."""
    parser.add_argument("--icons", type=Path, default=Path("npm"), help="folder where npm installed the sets")
    parser.add_argument("--processes", type=int, default=2)


def run(options: argparse.Namespace) -> None:
    """Draw all and save them."""
    rows = list(icons(options.icons / "node_modules"))
    with ProcessPoolExecutor(options.processes) as pool:
        drawings = list(pool.map(draw, rows, chunksize=16))
    kept = [(row, drawing) for row, drawing in zip(rows, drawings, strict=True) if drawing is not None]
    np.save(options.work / "drawings.npy", np.stack([drawing for _, drawing in kept]))
    things = [{key: row[key] for key in ("style", "label", "tags", "group")} for row, _ in kept]
    (options.work / "things.json").write_text(json.dumps(things), encoding="utf-8")
    print(
        f"{len(kept)} drawn, {len(rows) - len(kept)} left out", dict(Counter(row["style"] for row, _ in kept))
    )


def icons(modules: Path) -> Iterator[dict[str, Any]]:
    """Every wanted emoji in every set: its style, label, tags and SVG body."""
    emojis = json.loads((modules / "emojibase-data/en/data.json").read_bytes())
    sets = {name: _load_set(modules / "@iconify-json" / package) for name, package in SETS.items()}
    # The 3D set has no table of characters of its own; its names are those of the flat one.
    characters = {name: sets["flat" if name == "fluent" else name][1] for name in sets}
    for emoji in filter(_is_wanted, emojis):
        code = emoji["hexcode"].lower()
        for style, (package, _) in sets.items():
            table = characters[style]
            name = table.get(code) or table.get(code.replace("-fe0f", ""))
            icon = _find(package, name) if name else None
            if icon is not None:
                yield {
                    "style": style,
                    "label": emoji["label"].replace("’", "'").lower(),
                    "tags": [tag.lower() for tag in emoji.get("tags", [])],
                    "group": emoji["group"],
                    "box": [
                        icon.get("left", 0),
                        icon.get("top", 0),
                        icon.get("width", package.get("width", 16)),
                        icon.get("height", package.get("height", 16)),
                    ],
                    "body": icon["body"],
                }


def draw(row: dict[str, Any]) -> Array | None:
    """One icon as RGBA pixels (128, 128, 4) with a margin; None when nothing is visible."""
    import resvg_py
    from PIL import Image

    inner = SIDE - 2 * MARGIN
    box = " ".join(str(number) for number in row["box"])
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{inner}" height="{inner}" viewBox="{box}">{row["body"]}</svg>'
    )
    try:
        png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=inner, height=inner))
    except ValueError:
        return None
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))[:inner, :inner]
    drawing = np.zeros((SIDE, SIDE, 4), np.uint8)
    drawing[MARGIN : MARGIN + pixels.shape[0], MARGIN : MARGIN + pixels.shape[1]] = pixels
    return drawing if drawing[..., 3].mean() > _LEAST_COVER else None


def _load_set(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    table = folder / "chars.json"
    characters = json.loads(table.read_bytes()) if table.is_file() else {}
    return json.loads((folder / "icons.json").read_bytes()), {
        code.lower(): name for code, name in characters.items()
    }


def _find(package: dict[str, Any], name: str) -> dict[str, Any] | None:
    icon: dict[str, Any] | None = package["icons"].get(name)
    if icon is None and (alias := package.get("aliases", {}).get(name)):
        icon = package["icons"].get(alias["parent"])
    return icon


def _is_wanted(emoji: dict[str, Any]) -> bool:
    label, group = emoji.get("label"), emoji.get("group")
    if label is None or (group not in choice()["groups"] and label not in choice()["people"]):
        return False
    is_joined_person = group == _PEOPLE_GROUP and "200d" in emoji["hexcode"].lower()
    return not (is_joined_person or _LEFT_OUT.search(label) or label in choice()["left_out"])
