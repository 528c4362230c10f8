"""Draft: what stood on the Studio screen last, so that it stands there again. Read before the first paint.

A draft is worth little and comes back often, so reading it never fails; a broken file is set aside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from silverprint.core.errors import StorageError
from silverprint.core.seeds import SeedMode, Spread

if TYPE_CHECKING:
    from silverprint.core.recipe import LoraUse, Source

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The Studio screen as it was left.

    ``params`` holds the parameters of each model by its reference (``"pocket:pocket"``). ``picture`` is the id
    of the picture that was shown. ``screen`` is for the screens themselves: JSON values by name. ``note`` is a
    sentence to show when the saved draft could not be read; it is not saved.
    """

    prompt: str = ""
    negative: str = ""
    model: str = ""
    seed: int | None = None
    seed_mode: SeedMode = SeedMode.RANDOM
    count: int = 1
    spread: Spread = Spread.RANDOM
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    loras: tuple[LoraUse, ...] = ()
    picture: str | None = None
    screen: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


def load_draft(path: Path) -> Draft:
    """The saved draft, or an empty one. A field of another shape than ours is left at its default."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Draft()
    except OSError as error:
        return Draft(note=f"The last draft can't be read: {error.strerror or error}.")
    try:
        saved = json.loads(data)
    except (ValueError, RecursionError):
        saved = None
    if not isinstance(saved, dict):
        return Draft(note=_set_aside(path))
    return Draft(**_fields(saved))


def save_draft(path: Path, draft: Draft) -> None:
    """Write the draft durably. Raises DiskFull, or StorageError when it can't be written."""
    from silverprint.store.atomic import write_atomic

    plain: dict[str, Any] = {"v": VERSION}
    for item in fields(Draft):
        if item.name != "note":
            plain[item.name] = getattr(draft, item.name)
    plain["sources"] = [_plain(source) for source in draft.sources]
    plain["loras"] = [_plain(lora) for lora in draft.loras]
    # ASCII only: half of a surrogate pair, which an editor can hold for a moment, has no UTF-8.
    data = json.dumps(plain, default=dict).encode("ascii")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{path.parent} could not be created: {error.strerror}.", path=path) from error
    write_atomic(path, data)


def _plain(value: Source | LoraUse) -> dict[str, Any]:
    return {item.name: getattr(value, item.name) for item in fields(value)}


def _fields(saved: Mapping[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name in ("prompt", "negative", "model", "picture"):
        if isinstance(saved.get(name), str):
            read[name] = saved[name]
    seed, count = saved.get("seed"), saved.get("count")
    if type(seed) is int and seed >= 0:
        read["seed"] = seed
    if type(count) is int and count >= 1:
        read["count"] = count
    if saved.get("seed_mode") in list(SeedMode):
        read["seed_mode"] = SeedMode(saved["seed_mode"])
    if saved.get("spread") in list(Spread):
        read["spread"] = Spread(saved["spread"])
    if isinstance(saved.get("screen"), dict):
        read["screen"] = saved["screen"]
    if isinstance(saved.get("params"), dict):
        read["params"] = {
            model: values for model, values in saved["params"].items() if isinstance(values, dict)
        }
    read["sources"] = tuple(filter(None, map(_source, _list(saved.get("sources")))))
    read["loras"] = tuple(filter(None, map(_lora, _list(saved.get("loras")))))
    return read


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _source(value: Any) -> Source | None:
    match value:
        case {"role": "image" | "mask" | "reference" | "control" as role, "sha256": str(sha256)}:
            # Imported when there is one: a draft is read before the first paint, and mostly has none.
            from silverprint.core.recipe import Source

            strength, name = value.get("strength"), value.get("name")
            return Source(
                role=role,
                sha256=sha256,
                strength=float(strength) if type(strength) in (int, float) else None,
                name=name if isinstance(name, str) else "",
            )
    return None


def _lora(value: Any) -> LoraUse | None:
    match value:
        case {"name": str(name)}:
            from silverprint.core.recipe import LoraUse

            weight, sha256 = value.get("weight"), value.get("sha256")
            return LoraUse(
                name=name,
                weight=float(weight) if type(weight) in (int, float) else 1.0,
                sha256=sha256 if isinstance(sha256, str) else None,
            )
    return None


def _set_aside(path: Path) -> str:
    aside = path.with_name(f"{path.stem}.broken-{datetime.now(UTC):%Y%m%d-%H%M%S}{path.suffix}")
    try:
        path.replace(aside)
    except OSError as error:
        return f"The last draft is damaged and could not be set aside: {error.strerror or error}."
    return f"The last draft was damaged; it was set aside as {aside.name}."
