"""Settings: what a person can set, with the defaults. Values only; load.py reads them and save.py writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Images = Literal["auto", "kitty", "sixel", "half", "none"]

MOST_PIXELS = 178_000_000  # Pillow itself refuses more, as a decompression bomb


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """The most we take from a service: megabytes (of 1,000,000) of one output, and pixels of one picture."""

    max_download_mb: int = 200
    max_pixels: int = 80_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """The most that may be spent, in US dollars, in a local day and a local month; None is no limit.

    ``assume_usd`` is what a job of unknown price counts against the limits.
    """

    day_usd: float | None = None
    month_usd: float | None = None
    assume_usd: float = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person has set.

    ``images``: how pictures are shown. ``providers``: a table for each provider, handed to its adapter as it is.
    ``parallel``: jobs at once, by provider. ``editor``: a command for longer prompts; None follows VISUAL and
    EDITOR. ``keys``: action name -> key.
    """

    images: Images = "auto"
    theme: str = "darkroom"
    default_model: str = "pocket:pocket"
    editor: str | None = None
    pictures_folder: Path | None = None
    wildcards_folder: Path | None = None
    limits: LimitSettings = field(default_factory=LimitSettings)
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    providers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    parallel: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
