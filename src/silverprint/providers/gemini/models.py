"""The Gemini image models that we know from documents: what each takes and what it costs.

Figures are dated; what nobody documents is left unknown. Sending is left to the adapter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from silverprint.core.params import Choice, Form, ParamKind, ParamSpec, SourceSpec
from silverprint.core.provider import Price
from silverprint.core.recipe import Recipe

IMAGES_MOST = 14  # documented for Nano Banana Pro; for the others the service decides
DEFAULT_SIZE = "1K"
SEED_MAX = 2**31 - 1

_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_WIDE_RATIOS = (*_RATIOS, "1:4", "4:1", "1:8", "8:1")
_ALL_SIZES = ("512", "1K", "2K", "4K")
_LEVELS = ("minimal", "low", "medium", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One model. ``sizes`` is empty where it takes no size; ``usd`` maps a size to dollars a picture.

    ``usd_per_million`` is the price of a million image tokens of output. ``levels`` are its thinking levels.
    """

    model: str
    title: str
    note: str = ""
    ratios: tuple[str, ...] = _WIDE_RATIOS
    sizes: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    default_level: str = ""
    usd: Mapping[str, float] = field(default_factory=dict)
    usd_per_million: float | None = None
    as_of: str = ""
    is_listed: bool = True


_PRO = Known(
    model="gemini-3-pro-image",
    title="Nano Banana Pro",
    note="Up to 14 reference pictures; always thinks first",
    sizes=("1K", "2K", "4K"),
    usd={"1K": 0.134, "2K": 0.134, "4K": 0.24},
    usd_per_million=120.0,
    as_of="2026-04",
)

KNOWN: Mapping[str, Known] = {
    known.model: known
    for known in (
        Known(
            model="gemini-nano-banana-2.1",
            title="Nano Banana 2.1",
            note="The newest; text to image and edits",
            sizes=("1K", "2K", "4K"),
            levels=("minimal", "medium", "high"),
            default_level="medium",
        ),
        _PRO,
        Known(
            model="gemini-3.1-flash-image",
            title="Nano Banana 2",
            note="Reported to have been shut down on 2026-10-29",
            sizes=_ALL_SIZES,
            usd={"512": 0.045, "1K": 0.067, "2K": 0.101, "4K": 0.151},
            usd_per_million=60.0,
            as_of="2026-04",
        ),
        Known(
            model="gemini-3.1-flash-lite-image",
            title="Nano Banana 2 Lite",
            note="The cheapest; 1K only",
            usd={"1K": 0.0336},
            as_of="2026-10",
        ),
        Known(
            model="gemini-2.5-flash-image",
            title="Nano Banana",
            note="Older; 1K only",
            ratios=_RATIOS,
            usd={"1K": 0.039},
            usd_per_million=30.0,
            as_of="2026-04",
        ),
        Known(
            model="nano-banana-pro-preview",
            title="Nano Banana Pro (preview)",
            sizes=_PRO.sizes,
            usd=_PRO.usd,
            usd_per_million=_PRO.usd_per_million,
            as_of=_PRO.as_of,
            is_listed=False,
        ),
        Known(
            model="gemini-3-pro-image-preview",
            title="Nano Banana Pro (older preview)",
            sizes=_PRO.sizes,
            usd=_PRO.usd,
            usd_per_million=_PRO.usd_per_million,
            as_of=_PRO.as_of,
            is_listed=False,
        ),
    )
}


def known_or_general(model: str) -> Known:
    """What we know of a model; one that takes all that any takes, where we know nothing."""
    return KNOWN.get(model) or Known(model=model, title=model, sizes=_ALL_SIZES, levels=_LEVELS)


def form_of(known: Known) -> Form:
    """The model's form. Nothing has a default but what is off: what is left alone is not sent."""
    params = [
        ParamSpec(
            name="aspect_ratio",
            wire="generationConfig.imageConfig.aspectRatio",
            kind=ParamKind.CHOICE,
            choices=tuple(Choice(value=ratio) for ratio in known.ratios),
            help="Width to height. Left empty, it follows the input picture.",
        )
    ]
    if known.sizes:
        params.append(
            ParamSpec(
                name="resolution",
                wire="generationConfig.imageConfig.imageSize",
                kind=ParamKind.CHOICE,
                choices=tuple(Choice(value=size) for size in known.sizes),
                help=f"How large: 1K is about a megapixel. Left empty, it is {DEFAULT_SIZE}.",
            )
        )
    if known.levels:
        usual = f" Left empty, it is {known.default_level}." if known.default_level else ""
        params.append(
            ParamSpec(
                name="thinking",
                wire="generationConfig.thinkingConfig.thinkingLevel",
                kind=ParamKind.CHOICE,
                choices=tuple(Choice(value=level) for level in known.levels),
                help=f"How long it thinks before it draws; thinking is charged.{usual}",
                group="more",
            )
        )
    params += [
        ParamSpec(
            name="web_search",
            wire="tools",
            kind=ParamKind.SWITCH,
            default=False,
            help="Let it look things up with Google Search first; the service may charge for it.",
            group="more",
        ),
        ParamSpec(
            name="safety_settings",
            wire="safetySettings",
            kind=ParamKind.JSON,
            holds="list",
            help='Google\'s own list: [{"category": "…", "threshold": "…"}].',
            group="more",
        ),
    ]
    return Form(
        params=tuple(params),
        sources=(SourceSpec(role="image"), SourceSpec(role="reference", most=IMAGES_MOST)),
        takes_seed=True,
        seed_max=SEED_MAX,
    )


def price_of(recipe: Recipe) -> Price | None:
    """What one answer of this model costs by the table; the tokens of the input and of thinking come on top."""
    known = KNOWN.get(recipe.ref.model)
    usd = known.usd.get(str(recipe.params.get("resolution") or DEFAULT_SIZE)) if known else None
    if known is None or usd is None:
        return None
    return Price(usd=usd, about=True, source="table", as_of=known.as_of)
