"""What a person typed for ``gen``, turned into a recipe: prompt, model, parameters, inputs, seed.

A Form tells what a model takes; nothing about any model is known here.
"""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from silverprint.core.errors import BadRecipe, ModelGone, NotFound, PictureError, UsageError
from silverprint.core.params import Form, ParamKind, ParamSpec, parse, to_text
from silverprint.core.recipe import LoraUse, ModelRef, Recipe, Source, SourceRole
from silverprint.core.seeds import SeedMode

if TYPE_CHECKING:
    from silverprint.studio import Studio

_MOST_PROMPT = 1_000_000
_MOST_WEIGHT = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The options of ``gen`` that make the recipe, as they were typed."""

    prompt: str
    model: str
    negative: str
    seed: int | None
    settings: Sequence[str] = ()
    image: Path | None = None
    mask: Path | None = None
    references: Sequence[Path] = ()
    control: Path | None = None
    strength: str | None = None
    loras: Sequence[str] = ()


def read_prompt(text: str) -> str:
    """The prompt: as it is, from standard input for ``-``, from a file for ``@file``; ``@@`` begins one with ``@``.

    Raises UsageError for what is no UTF-8 text.
    """
    if text == "-":
        return _utf8(sys.stdin.buffer.read(_MOST_PROMPT + 1), "standard input").rstrip("\r\n")
    if text.startswith("@@"):
        return _whole(text[1:])
    if text.startswith("@"):
        path = Path(text[1:]).expanduser()
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_PROMPT + 1)
        except OSError as error:
            raise UsageError(
                f"The prompt file {path} can't be read: {error.strerror or error}.",
                fix="A prompt that begins with @ itself is written with @@.",
            ) from error
        return _utf8(data, str(path)).rstrip("\r\n")
    return _whole(text)


def _whole(text: str) -> str:
    """An argument of the command line, also where the locale made the interpreter read it byte by byte."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeError:
        raise UsageError("The prompt is not UTF-8 text.", fix="Give it as a file: @prompt.txt") from None


def _utf8(data: bytes, where: str) -> str:
    if len(data) > _MOST_PROMPT:
        raise UsageError(f"The prompt in {where} is longer than 1 MB.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"The prompt in {where} is not UTF-8 text.") from None


async def find_model(studio: Studio, text: str) -> tuple[ModelRef, Form]:
    """The model that ``text`` names, whole (``provider:model``) or by a part of it that only one has, and its form.

    A provider that is named is the only one that is asked, and it may know models that no list has. Raises UsageError
    with near names; SettingsError when the provider can't be loaded; ProviderError when it can't be asked.
    """
    text = text.strip()
    provider, colon, model = text.partition(":")
    if colon and provider.lower() in studio.provider_names():
        provider = provider.lower() if provider not in studio.provider_names() else provider
        if model:
            ref = ModelRef(provider, model)
            try:
                return ref, await studio.form(ref)
            except ModelGone:
                pass
        # Without words the provider lists what it knows by itself.
        refs = [str(each.ref) for each in await (await studio.provider(provider)).models()]
        text = f"{provider}:{model}"
    else:
        refs = [str(each.ref) for each in await studio.models()]
        if provider in studio.problems:
            raise studio.problems[provider]
    fitting = [ref for ref in refs if text and text.lower() in ref.lower()]
    whole = [ref for ref in fitting if text.lower() in (ref.lower(), ref.partition(":")[2].lower())]
    if len(whole or fitting) == 1:
        ref = ModelRef.parse((whole or fitting)[0])
        return ref, await studio.form(ref)
    near = fitting or difflib.get_close_matches(text, refs, n=5, cutoff=0.4)
    said = f"Several models fit {text}" if fitting else f"There is no model {text}"
    raise UsageError(
        said
        + (f": {', '.join(near[:5])}." if fitting else f"; did you mean {', '.join(near)}?" if near else "."),
        fix="`silverprint models` lists them, and `silverprint models WORDS` searches.",
    )


async def recipe_of(studio: Studio, ref: ModelRef, form: Form, wish: Wish) -> Recipe:
    """The recipe of a wish. Every mistake in it is named. Raises BadRecipe, UsageError, PictureError, NotFound."""
    bad: dict[str, str] = {}
    params = _params(form, wish.settings, bad)
    loras = _loras(form, wish.loras, bad)
    sources = await _sources(studio, form, wish, bad)
    if wish.seed is not None and not form.takes_seed:
        bad["seed"] = "this model takes none"
    if bad:
        raise BadRecipe(
            "; ".join(f"{name}: {reason}" for name, reason in bad.items()),
            fields=bad,
            fix=f"`silverprint models show {ref}` lists what it takes.",
        )
    return Recipe(
        ref=ref,
        prompt=wish.prompt,
        negative_prompt=wish.negative,
        seed=wish.seed,
        params=params,
        sources=tuple(sources),
        loras=tuple(loras),
    )


def _params(form: Form, settings: Iterable[str], bad: dict[str, str]) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        name = name.strip()
        spec = _spec(form, name)
        if not equals:
            bad[f"--set {setting}"] = "write it as NAME=VALUE"
        elif spec is None:
            known = [each.name for each in form.params]
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}" if near else f"it takes {', '.join(known) or 'none'}"
            bad[f"--set {name}"] = f"this model has no such parameter; {hint}"
        else:
            try:
                params[spec.name] = parse(spec, value)
            except ValueError as error:
                bad[f"--set {name}"] = f"{error}, not {value}"
    return params


def _spec(form: Form, name: str) -> ParamSpec | None:
    """The parameter of this name, also with hyphens for its underscores, also by the service's own name."""
    found = form.spec(name) or form.spec(name.replace("-", "_"))
    return found or next((spec for spec in form.params if spec.wire == name), None)


def _loras(form: Form, given: Iterable[str], bad: dict[str, str]) -> list[LoraUse]:
    loras = []
    for text in given:
        name, colon, last = text.rpartition(":")
        weight = _number(last) if colon else None
        if not form.takes_loras:
            bad["--lora"] = "this model takes none"
        elif weight is None and text.strip():
            loras.append(LoraUse(name=text.strip()))
        elif not name.strip() or weight is None:
            bad["--lora"] = "write it as NAME or NAME:WEIGHT"
        elif abs(weight) > _MOST_WEIGHT:
            bad[f"--lora {text}"] = f"{last} is no weight; where it belongs to the name, add one: {text}:1"
        else:
            loras.append(LoraUse(name=name.strip(), weight=weight))
    return loras


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


async def _sources(studio: Studio, form: Form, wish: Wish, bad: dict[str, str]) -> list[Source]:
    sources = []
    given: tuple[tuple[SourceRole, Path | None], ...] = (
        ("image", wish.image),
        ("mask", wish.mask),
        *(("reference", path) for path in wish.references),
        ("control", wish.control),
    )
    for role, path in given:
        if path is None:
            continue
        if form.source(role) is None:
            others = [f"--{source.role}" for source in form.sources]
            bad[f"--{role}"] = "this model takes none" + (f"; it takes {', '.join(others)}" if others else "")
            continue
        try:
            digest = await studio.sources.add(path)
        except NotFound as error:
            raise UsageError(f"--{role}: there is no file {path}.", fix="Check the path.") from error
        except PictureError as error:
            from silverprint.pictures.decode import TooLarge

            whole = "Choose a PNG, JPEG or WebP picture that is whole."
            raise UsageError(
                f"--{role}: {path} can't be used: {error}",
                fix=error.fix if isinstance(error, TooLarge) else whole,
            ) from error
        sources.append(Source(role=role, sha256=digest, name=path.name))
    if wish.mask is not None and wish.image is None and form.source("image") is not None:
        bad.setdefault("--mask", "needs --image")
    if wish.strength is not None:
        spec = _strength_spec(form)
        if wish.image is None:
            bad["--strength"] = "needs --image"
        elif spec is None:
            bad["--strength"] = "this model takes none"
        else:
            try:
                strength = float(parse(spec, wish.strength))
            except ValueError as error:
                bad["--strength"] = f"{error}, not {wish.strength}"
            else:
                sources = [replace(one, strength=strength) if one.role == "image" else one for one in sources]
    return sources


def _strength_spec(form: Form) -> ParamSpec | None:
    source = form.source("image")
    return source.strength if source is not None else None


def seed_mode(asked: str | None, *, seed: int | None, count: int) -> SeedMode:
    """How seeds go: as asked; else a given one is locked for one picture and counted up for more; else random."""
    if asked is not None:
        return SeedMode(asked)
    if seed is None:
        return SeedMode.RANDOM
    return SeedMode.STEP if count > 1 else SeedMode.LOCKED


def params_help(form: Form) -> list[tuple[str, str]]:
    """A model's parameters as rows of help: what is typed, and what may be typed."""
    rows = [(f"--set {spec.name}={_kind(spec)}", _says(spec)) for spec in form.params]
    for source in form.sources:
        said = "needed" if source.required else "optional"
        if source.instead:
            said += ", or instead " + " or ".join(f"--{role}" for role in source.instead)
        rows.append((f"--{source.role} PATH", said + (f", up to {source.most}" if source.most > 1 else "")))
        if source.strength is not None:
            rows.append((f"--strength {_kind(source.strength)}", _says(source.strength)))
    if form.takes_loras:
        most = f"up to {form.loras_most}" if form.loras_most is not None else "may be repeated"
        rows.append(("--lora NAME[:WEIGHT]", most))
    if form.takes_negative:
        rows.append(("--negative TEXT", "what should not be in the picture"))
    if form.takes_seed:
        rows.append(("--seed N", f"{form.seed_min} to {form.seed_max}"))
    return rows


def _kind(spec: ParamSpec) -> str:
    words = {
        ParamKind.INTEGER: "N",
        ParamKind.NUMBER: "X",
        ParamKind.SWITCH: "on|off",
        ParamKind.TEXT: "TEXT",
        ParamKind.SIZE: "WxH",
        ParamKind.JSON: "JSON",
    }
    if spec.choices and spec.kind in (ParamKind.CHOICE, ParamKind.SIZE):
        return "|".join(str(choice.value) for choice in spec.choices)
    return words.get(spec.kind, "VALUE")


def _says(spec: ParamSpec) -> str:
    parts = []
    if spec.low is not None and spec.high is not None:
        parts.append(f"{spec.low:g} to {spec.high:g}")
    elif spec.low is not None:
        parts.append(f"at least {spec.low:g}")
    elif spec.high is not None:
        parts.append(f"at most {spec.high:g}")
    if spec.default is not None:
        parts.append(f"default {to_text(spec, spec.default)}")
    elif spec.required:
        parts.append("needed")
    said = ", ".join(parts)
    return f"{said}. {spec.help}".strip(". ") + ("." if spec.help else "") if said else spec.help
