"""OpenAI's image models as documents tell of them, and the form of a server that only speaks alike.

Owns what each takes, which sizes fit, and the dated prices. Sending is left to the adapter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from silverprint.core.errors import BadRecipe
from silverprint.core.params import Choice, Form, ParamKind, ParamSpec, SourceSpec
from silverprint.core.provider import Price
from silverprint.core.recipe import Recipe

IMAGES_MOST = 16
PROMPT_MOST = 32_000
OUTPUTS_MOST = 10
SIDE_LEAST, SIDE_MOST = 480, 3840  # a side of 464 can't make the least area at three to one
AREA_LEAST, AREA_MOST = 655_360, 8_294_400
RATIO_MOST = 3.0

GONE: Mapping[str, str] = {
    "dall-e-2": "2026-05-12",
    "dall-e-3": "2026-05-12",
    "gpt-image-1": "2026-10-23",
}

# Dollars for a million tokens, of gpt-image-2 and the 2.5 models.
RATES_AS_OF = "2026-10"
USD_IMAGE_OUT, USD_IMAGE_IN, USD_TEXT_IN = 30.0, 8.0, 5.0

_SIZES = ("auto", "1024x1024", "1536x1024", "1024x1536")
_QUALITIES = ("auto", "low", "medium", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One model. ``usd`` maps a quality to dollars for one picture of 1024x1024; ``has_rates``: its tokens' prices
    are known.
    """

    model: str
    title: str
    note: str = ""
    any_size: bool = True
    qualities: tuple[str, ...] = (*_QUALITIES, "xhigh", "max")
    fidelities: tuple[str, ...] = ()
    takes_complexity: bool = True
    has_rates: bool = False
    usd: Mapping[str, float] = field(default_factory=dict)


def _known() -> Mapping[str, Known]:
    newest = (
        Known(
            model="gpt-image-2.6-sunburst",
            title="GPT Image 2.6 Sunburst",
            note="The newest; little is documented",
        ),
        Known(
            model="gpt-image-2.6-flare", title="GPT Image 2.6 Flare", note="The newest; little is documented"
        ),
        Known(
            model="gpt-image-2.5-sunburst",
            title="GPT Image 2.5 Sunburst",
            note="Any size, up to 16 input pictures, masks",
            has_rates=True,
            usd={"low": 0.0059, "medium": 0.0132, "high": 0.0527},
        ),
        Known(
            model="gpt-image-2.5-flare",
            title="GPT Image 2.5 Flare",
            note="Any size, up to 16 input pictures, masks",
            has_rates=True,
        ),
        Known(
            model="gpt-image-2",
            title="GPT Image 2",
            note="Any size; transparent background in preview",
            qualities=_QUALITIES,
            takes_complexity=False,
            has_rates=True,
            usd={"low": 0.006, "medium": 0.053, "high": 0.211},
        ),
        Known(
            model="gpt-image-1.5",
            title="GPT Image 1.5",
            note="Three sizes; keeps faces with high fidelity",
            any_size=False,
            qualities=_QUALITIES,
            fidelities=("low", "high"),
            takes_complexity=False,
        ),
        Known(
            model="gpt-image-1-mini",
            title="GPT Image 1 Mini",
            note="Three sizes",
            any_size=False,
            qualities=_QUALITIES,
            takes_complexity=False,
        ),
        Known(
            model="chatgpt-image-latest",
            title="ChatGPT Image",
            note="Whatever ChatGPT draws with today",
            any_size=False,
            qualities=_QUALITIES,
            takes_complexity=False,
        ),
    )
    return {known.model: known for known in newest}


KNOWN = _known()


def known_or_general(model: str) -> Known:
    """What we know of a model, also by its dated name; one that takes all that any takes, where we know nothing."""
    undated = re.sub(r"-\d{4}-\d{2}-\d{2}$", "", model)
    return KNOWN.get(model) or KNOWN.get(undated) or Known(model=model, title=model)


def official_form(known: Known) -> Form:
    """The form of a model of OpenAI's own."""
    size_help = (
        "Any width and height in multiples of 16, up to 3840x2160 and three to one; above 2560x1440 is experimental."
        if known.any_size
        else "One of three sizes, or auto."
    )
    params = [
        ParamSpec(
            name="size",
            wire="size",
            kind=ParamKind.SIZE,
            default="auto",
            choices=_choices(_SIZES),
            low=SIDE_LEAST if known.any_size else None,
            high=SIDE_MOST if known.any_size else None,
            step=16 if known.any_size else None,
            help=size_help,
        ),
        _choice("quality", known.qualities, default="auto", help="Better takes longer and costs more."),
        _outputs(),
        _choice(
            "background", ("auto", "opaque", "transparent"), more=True, help="Transparent wants PNG or WebP."
        ),
        _choice("output_format", ("png", "jpeg", "webp"), more=True, help="Left empty, it is PNG."),
        ParamSpec(
            name="output_compression",
            wire="output_compression",
            kind=ParamKind.INTEGER,
            low=0,
            high=100,
            help="For JPEG and WebP only; left empty, it is 100.",
            group="more",
        ),
        _choice("moderation", ("auto", "low"), more=True, help="Low filters less; edits take none."),
    ]
    if known.takes_complexity:
        params.append(
            _choice(
                "complexity", ("low", "medium", "high"), more=True, help="How much it plans before it draws."
            )
        )
    if known.fidelities:
        params.append(
            _choice(
                "input_fidelity", known.fidelities, more=True, help="How closely edits keep faces and style."
            )
        )
    return Form(params=tuple(params), sources=_sources(), prompt_most=PROMPT_MOST)


def alike_form(*, seed: bool, negative: bool, edits: bool) -> Form:
    """The form of a server that speaks alike: what is left empty is not sent, and ``extra_body`` takes the rest."""
    return Form(
        params=(
            ParamSpec(
                name="size", wire="size", kind=ParamKind.SIZE, help="Width x height, such as 1024x1024."
            ),
            _outputs(),
            ParamSpec(
                name="quality", wire="quality", kind=ParamKind.TEXT, help="A word that the server knows."
            ),
            _choice("output_format", ("png", "jpeg", "webp"), more=True, help="Not every server takes it."),
            _choice(
                "background", ("auto", "opaque", "transparent"), more=True, help="Not every server takes it."
            ),
            ParamSpec(
                name="extra_body",
                kind=ParamKind.JSON,
                holds="object",
                help='The server\'s own keys as they are, such as {"steps": 20, "guidance_scale": 3.5}.',
                group="more",
            ),
        ),
        sources=_sources() if edits else (),
        takes_seed=seed,
        takes_negative=negative,
    )


def check_wishes(recipe: Recipe, known: Known) -> None:
    """What a form can't say: the ratio and area of a size, what goes with which format. Raises BadRecipe."""
    bad: dict[str, str] = {}
    params = recipe.params
    sides = _sides(params.get("size"))
    if sides is not None and known.any_size and params.get("size") not in _SIZES:
        short, long = sorted(sides)
        if long > short * RATIO_MOST:
            bad["size"] = "at most three times as long as wide"
        elif not AREA_LEAST <= short * long <= AREA_MOST:
            bad["size"] = f"from {AREA_LEAST:,} to {AREA_MOST:,} pixels in all"
    kept_as = params.get("output_format") or "png"
    if params.get("output_compression") is not None and kept_as == "png":
        bad["output_compression"] = "for jpeg and webp only"
    if params.get("background") == "transparent" and kept_as == "jpeg":
        bad["background"] = "a JPEG can't be transparent"
    bad |= too_many(recipe)
    if bad:
        raise BadRecipe(
            "; ".join(f"{name.replace('_', ' ')}: {why}" for name, why in bad.items()), fields=bad
        )


def too_many(recipe: Recipe) -> dict[str, str]:
    """The reason, by field, where there are more input pictures than an edit takes."""
    pictures = sum(source.role != "mask" for source in recipe.sources)
    return {"reference": f"at most {IMAGES_MOST} pictures together"} if pictures > IMAGES_MOST else {}


def price_of(recipe: Recipe) -> Price | None:
    """By the table: known for 1024x1024 of some qualities. Input pictures and the prompt come on top."""
    known = known_or_general(recipe.ref.model)
    usd = known.usd.get(str(recipe.params.get("quality")))
    if usd is None or recipe.params.get("size") != "1024x1024":
        return None
    outputs = recipe.params.get("outputs")
    number = outputs if isinstance(outputs, int) and outputs > 0 else 1
    return Price(usd=usd * number, about=True, source="table", as_of=RATES_AS_OF)


def typical_price(known: Known) -> Price | None:
    """What a picture of 1024x1024 in medium quality costs, where the table has it."""
    usd = known.usd.get("medium")
    return None if usd is None else Price(usd=usd, about=True, source="table", as_of=RATES_AS_OF)


def cost_of(usage: Any, model: str) -> float | None:
    """Dollars for the tokens that an answer counts; None without a count, or where the rates are not known."""
    if not known_or_general(model).has_rates or not isinstance(usage, Mapping):
        return None
    out = _count(usage.get("output_tokens"))
    if out is None:
        return None
    details = usage.get("input_tokens_details")
    details = details if isinstance(details, Mapping) else {}
    pictures, texts = _count(details.get("image_tokens")), _count(details.get("text_tokens"))
    usd = out * USD_IMAGE_OUT
    if pictures is not None and texts is not None:
        usd += pictures * USD_IMAGE_IN + texts * USD_TEXT_IN
    else:
        usd += (_count(usage.get("input_tokens")) or 0) * USD_TEXT_IN
    return usd / 1_000_000


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _sides(size: Any) -> tuple[int, int] | None:
    found = re.fullmatch(r"(\d+)x(\d+)", size) if isinstance(size, str) else None
    return (int(found[1]), int(found[2])) if found else None


def _sources() -> tuple[SourceSpec, ...]:
    return (
        SourceSpec(role="image"),
        SourceSpec(role="mask"),
        SourceSpec(role="reference", most=IMAGES_MOST),
    )


def _choices(values: tuple[str, ...]) -> tuple[Choice, ...]:
    return tuple(Choice(value=value) for value in values)


def _choice(
    name: str, values: tuple[str, ...], *, default: str | None = None, help: str, more: bool = False
) -> ParamSpec:
    return ParamSpec(
        name=name,
        wire=name,
        kind=ParamKind.CHOICE,
        default=default,
        choices=_choices(values),
        help=help,
        group="more" if more else "main",
    )


def _outputs() -> ParamSpec:
    return ParamSpec(
        name="outputs",
        wire="n",
        kind=ParamKind.INTEGER,
        default=1,
        low=1,
        high=OUTPUTS_MOST,
        help="Pictures in one request.",
    )
