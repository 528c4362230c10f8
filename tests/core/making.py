"""Making: our own schemas read, random recipes that fit a form, and bodies judged by the schema's own validator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator

from silverprint.core.check import check_recipe
from silverprint.core.params import Form, ParamKind, ParamSpec, SourceSpec, is_multiple
from silverprint.core.recipe import LoraUse, ModelRef, Recipe, Source, SourceRole
from silverprint.core.schema import Shape, read_shape, request_body

Pair: TypeAlias = tuple[dict[str, Any], dict[str, Any]]  # the input's schema, and its whole document

REF = ModelRef("test", "model")
LINK = "https://example.org/{}.png"


SCHEMAS = Path(__file__).parent / "schemas"


def load(file: str, name: str) -> Pair:
    document = json.loads((SCHEMAS / file).read_text())
    return document["components"]["schemas"][name], document


def spec_of(shape: Shape, name: str) -> ParamSpec:
    spec = shape.form.spec(name)
    assert spec is not None, f"{name} is lost"
    return spec


def shape(pair: Pair, **options: Any) -> Shape:
    return read_shape(pair[0], document=pair[1], **options)


COG = load("cog_lora.json", "Input")
FAL = load("fal_edges.json", "EdgeInput")
PYDANTIC = load("pydantic_edges.json", "Inputs")


def body_of(shape: Shape, recipe: Recipe) -> dict[str, Any]:
    """The body of a recipe that is checked first, as the studio does."""
    links = {source.sha256: LINK.format(source.sha256) for source in recipe.sources}
    return request_body(shape, check_recipe(shape.form, recipe), links=links)


def faults(schema: Mapping[str, Any], body: Any) -> list[str]:
    """What the schema's own validator says against a body; no null may be anywhere at its top."""
    found = [
        f"{error.json_path}: {error.message}"[:300]
        for error in Draft202012Validator(schema).iter_errors(body)
    ]
    return found + [f"{key} is null" for key, value in body.items() if value is None]


def plain_recipe(form: Form) -> Recipe:
    """As little as the form asks for."""
    random = Random(1)
    params = {spec.name: any_value(random, spec) for spec in form.params if _is_owed(spec)}
    return Recipe(
        ref=REF,
        prompt="a red fox"[: form.prompt_most],
        params=params,
        sources=tuple(Source(role=spec.role, sha256=spec.role) for spec in form.sources if spec.required),
        loras=tuple(LoraUse(name=f"owner/lora{n}") for n in range(form.loras_least)),
    )


def full_recipe(form: Form) -> Recipe:
    """With every input that the form has room for."""
    plain = plain_recipe(form)
    sources = [
        Source(
            role=spec.role,
            sha256=f"{spec.role}{n}",
            strength=any_value(Random(n + 3), spec.strength) if spec.strength is not None else None,
        )
        for spec in form.sources
        for n in range(spec.most)
    ]
    count = max(form.loras_least, form.loras_most or 2) if form.takes_loras else 0
    weight = any_value(Random(3), form.lora_weight) if form.lora_weight is not None else 1.0
    return replace(
        plain,
        sources=tuple(sources),
        negative_prompt="blurry" if form.takes_negative else "",
        seed=form.seed_max if form.takes_seed else None,
        loras=tuple(LoraUse(name=f"owner/lora{n}", weight=weight) for n in range(count)),
    )


def any_recipe(random: Random, form: Form) -> Recipe:
    """Any recipe that fits: each parameter set or not, each input given or not."""
    params = {
        spec.name: any_value(random, spec)
        for spec in form.params
        if _is_owed(spec) or (is_known(spec) and random.random() < 0.7)
    }
    sources: list[Source] = []
    for spec in form.sources:
        sources += _sources(random, spec)
    if (
        any(one.role == "mask" for one in sources)
        and form.source("image")
        and not any(one.role == "image" for one in sources)
    ):
        sources.append(Source(role="image", sha256="image0"))
    most = form.loras_most if form.loras_most is not None else 3
    count = random.randint(form.loras_least, max(form.loras_least, most)) if form.takes_loras else 0
    weights = [any_value(random, form.lora_weight) if form.lora_weight else 0.8 for _ in range(count)]
    prompt = ("a fox" + " in the snow" * random.randint(0, 3))[: form.prompt_most]
    return Recipe(
        ref=REF,
        prompt=prompt if form.prompt_required or random.random() < 0.8 else "",
        negative_prompt="blurry" if form.takes_negative and random.random() < 0.5 else "",
        seed=random.randint(form.seed_min, form.seed_max)
        if form.takes_seed and random.random() < 0.7
        else None,
        params=params,
        sources=tuple(sources),
        loras=tuple(LoraUse(name=f"owner/lora{n}", weight=weight) for n, weight in enumerate(weights)),
    )


def is_known(spec: ParamSpec) -> bool:
    """Whether the form itself says what a value looks like: raw JSON is for a person to know, but for empty lists."""
    return not spec.secret and (spec.kind is not ParamKind.JSON or spec.holds == "list")


def any_value(random: Random, spec: ParamSpec) -> Any:
    """Any value that the parameter takes."""
    match spec.kind:
        case ParamKind.SWITCH:
            return random.random() < 0.5
        case ParamKind.CHOICE:
            return random.choice(spec.choices).value
        case ParamKind.INTEGER | ParamKind.NUMBER:
            return _number(random, spec)
        case ParamKind.TEXT:
            length = random.randint(spec.shortest or 1, max(spec.shortest or 1, min(spec.longest or 8, 8)))
            return "".join(random.choice("abc ä") for _ in range(min(length, spec.longest or length)))
        case ParamKind.SIZE:
            if spec.choices and (spec.low is None or random.random() < 0.5):
                return random.choice(spec.choices).value
            return f"{_side(random, spec)}x{_side(random, spec)}"
        case ParamKind.JSON:
            return {} if spec.holds == "object" else []


def _is_owed(spec: ParamSpec) -> bool:
    return spec.required and spec.default is None and not spec.secret


def _sources(random: Random, spec: SourceSpec) -> list[Source]:
    count = random.randint(1 if spec.required else 0, min(spec.most, 4))
    strength = (
        any_value(random, spec.strength) if spec.strength is not None and random.random() < 0.7 else None
    )
    role: SourceRole = spec.role
    return [Source(role=role, sha256=f"{role}{n}", strength=strength) for n in range(count)]


def _number(random: Random, spec: ParamSpec) -> float:
    low = spec.low if spec.low is not None else (spec.high - 50 if spec.high is not None else -20)
    high = spec.high if spec.high is not None else low + 50
    if spec.multiple:
        steps = range(int(low // spec.multiple), int(high // spec.multiple) + 1)
        fitting = [n * spec.multiple for n in steps[:2000] if low <= n * spec.multiple <= high]
        fitting = [
            n for n in fitting if not (spec.low_open and n == low) and not (spec.high_open and n == high)
        ]
        return random.choice([n for n in fitting if is_multiple(n, spec.multiple)])
    if spec.kind is ParamKind.INTEGER:
        return random.randint(int(low), int(high))
    if random.random() < 0.2 and not spec.low_open:
        return float(low)
    if random.random() < 0.2 and not spec.high_open:
        return float(high)
    return min(max(low + (high - low) * (0.05 + 0.9 * random.random()), low), high)


def _side(random: Random, spec: ParamSpec) -> int:
    step = int(spec.step or 1)
    low = -(-int(spec.low or 1) // step)
    high = int(spec.high // step) if spec.high is not None else low + 40
    return random.randint(low, max(low, min(high, low + 100))) * step
