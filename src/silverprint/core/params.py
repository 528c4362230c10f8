"""ParamSpec and Form: what a model takes, and the check of a value against it.

A Form is all that the screens and the command line know of a model, so the two can't disagree.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from enum import StrEnum
from typing import Any, Literal, NoReturn

from silverprint.core.recipe import Params, SourceRole


class ParamKind(StrEnum):
    """The kinds of field a form can have."""

    INTEGER = "integer"
    NUMBER = "number"
    CHOICE = "choice"
    SWITCH = "switch"
    TEXT = "text"
    SIZE = "size"  # "1024x768", or one of the choices
    JSON = "json"  # a shape we don't know: edited as it is, never lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One value of a choice, and the word shown for it."""

    value: Any
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamSpec:
    """One parameter. ``name`` is ours, ``wire`` the provider's own.

    ``low`` and ``high`` are inclusive, unless ``low_open`` or ``high_open`` excludes the bound itself. ``step`` is how
    far one key press goes; ``multiple`` is what the value must be a multiple of (a size's sides: ``step`` says it).
    ``shortest`` and ``longest`` count the characters of a text; ``holds`` says what a JSON value must be.
    A ``secret`` takes no value at all: a recipe is written into pictures, and a secret must not be.
    The choices of a text are examples only.
    """

    name: str
    kind: ParamKind
    wire: str = ""
    default: Any = None
    required: bool = False
    low: float | None = None
    high: float | None = None
    step: float | None = None
    multiple: float | None = None
    low_open: bool = False
    high_open: bool = False
    shortest: int | None = None
    longest: int | None = None
    holds: Literal["", "list", "object"] = ""
    secret: bool = False
    choices: tuple[Choice, ...] = ()
    title: str = ""
    help: str = ""
    group: Literal["main", "more"] = "main"

    @property
    def label(self) -> str:
        """The word shown beside the field."""
        return self.title or self.name.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """An input picture that the model takes: its role, how many at most, and whether it needs one.

    Where several roles go into one list, ``instead`` names the others: a picture in any of them will do.
    """

    role: SourceRole
    most: int = 1
    required: bool = False
    instead: tuple[SourceRole, ...] = ()
    strength: ParamSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """All that a model takes.

    ``takes_prompt`` is False for a model that works on a picture alone; ``prompt_most`` is the longest prompt in
    characters. ``loras_least`` and ``loras_most`` count LoRAs, and ``lora_weight`` is the range of their weights.
    """

    params: tuple[ParamSpec, ...] = ()
    sources: tuple[SourceSpec, ...] = ()
    takes_negative: bool = False
    takes_seed: bool = False
    takes_loras: bool = False
    seed_max: int = 2**32 - 1
    prompt_required: bool = True
    takes_prompt: bool = True
    prompt_most: int | None = None
    seed_min: int = 0
    loras_least: int = 0
    loras_most: int | None = None
    lora_weight: ParamSpec | None = None

    def spec(self, name: str) -> ParamSpec | None:
        """The parameter with our name ``name``."""
        return next((spec for spec in self.params if spec.name == name), None)

    def source(self, role: SourceRole) -> SourceSpec | None:
        """The input with this role, if the model takes one."""
        return next((source for source in self.sources if source.role == role), None)

    def defaults(self) -> dict[str, Any]:
        """Every parameter that has a default, by our name."""
        return {spec.name: spec.default for spec in self.params if spec.default is not None}


def check(spec: ParamSpec, value: Any) -> Any:
    """The value as the model takes it: 4.0 becomes 4 for an integer, "8" stays a string for a text.

    Raises ValueError with a reason for a person.
    """
    if spec.secret:
        raise ValueError("a secret: it is not sent, because a recipe is written into its pictures")
    match spec.kind:
        case ParamKind.INTEGER | ParamKind.NUMBER:
            return _check_number(spec, value)
        case ParamKind.SWITCH:
            if not isinstance(value, bool):
                raise ValueError("on or off")
            return value
        case ParamKind.CHOICE:
            if not any(same(value, choice.value) for choice in spec.choices):
                raise ValueError("one of " + _choice_words(spec))
            return value
        case ParamKind.SIZE:
            return _check_size(spec, value)
        case ParamKind.TEXT:
            return _check_text(spec, value)
        case ParamKind.JSON:
            return _check_json(spec, value)


def parse(spec: ParamSpec, text: str) -> Any:
    """Read a value as a person typed it, then check it. Raises ValueError with a reason for a person."""
    typed, text = text, text.strip()
    match spec.kind:
        case ParamKind.INTEGER | ParamKind.NUMBER:
            try:
                value: Any = int(text) if spec.kind is ParamKind.INTEGER else float(text.replace(",", "."))
            except ValueError:
                raise ValueError(_range_words(spec)) from None
            return check(spec, value)
        case ParamKind.SWITCH:
            words = {"on": True, "true": True, "yes": True, "1": True}
            words |= {"off": False, "false": False, "no": False, "0": False}
            if text.lower() not in words:
                raise ValueError("on or off")
            return words[text.lower()]
        case ParamKind.CHOICE:
            return _parse_choice(spec, typed)
        case ParamKind.JSON:
            try:
                value = json.loads(text, parse_constant=_no_constant)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"not JSON: {error}") from None
            return check(spec, value)
        case ParamKind.TEXT:
            return check(spec, typed)
        case _:
            return check(spec, text)


def check_all(form: Form, params: Params) -> tuple[dict[str, Any], dict[str, str]]:
    """Check every parameter: the good values, with defaults filled in, and the reasons by name of the bad."""
    good: dict[str, Any] = {}
    bad: dict[str, str] = {}
    for name in params:
        if form.spec(name) is None:
            bad[name] = "this model does not take it"
    for spec in form.params:
        value = params.get(spec.name, spec.default)
        if value is None:
            if spec.required:
                bad[spec.name] = "needed"
            continue
        try:
            good[spec.name] = check(spec, value)
        except ValueError as error:
            bad[spec.name] = str(error)
    return good, bad


def to_text(spec: ParamSpec, value: Any) -> str:
    """A value as a person would type it: the inverse of ``parse``."""
    if value is None:
        return ""
    match spec.kind:
        case ParamKind.SWITCH:
            return "on" if value else "off"
        case ParamKind.NUMBER:
            return number_text(value)
        case ParamKind.JSON:
            return json.dumps(value, ensure_ascii=False)
        case ParamKind.CHOICE:
            return _choice_text(spec, value)
        case _:
            return str(value)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same one: 1 is neither True nor "1" nor 1.0."""
    return type(one) is type(other) and bool(one == other)


def number_text(value: float) -> str:
    """A number in as few digits as say it exactly."""
    if isinstance(value, int):
        return str(value)
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def is_multiple(value: float, of: float) -> bool:
    """Whether ``value`` is a multiple, as both are written: 0.3 is one of 0.1."""
    try:
        return Decimal(repr(value)) % Decimal(repr(of)) == 0
    except DecimalException:  # a multiple of something 28 digits smaller: nobody can say
        return True


def _check_number(spec: ParamSpec, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(_range_words(spec))
    try:
        if not math.isfinite(value) or (spec.kind is ParamKind.INTEGER and value != int(value)):
            raise ValueError(_range_words(spec))
        number: int | float = int(value) if spec.kind is ParamKind.INTEGER else float(value)
    except OverflowError:
        raise ValueError(_range_words(spec)) from None
    low, high = spec.low, spec.high
    if (low is not None and (number < low or (spec.low_open and number == low))) or (
        high is not None and (number > high or (spec.high_open and number == high))
    ):
        raise ValueError(_range_words(spec))
    if spec.multiple and not is_multiple(number, spec.multiple):
        raise ValueError(_range_words(spec))
    return number


def _range_words(spec: ParamSpec) -> str:
    words = "a whole number" if spec.kind is ParamKind.INTEGER else "a number"
    low = "" if spec.low is None else number_text(spec.low)
    high = "" if spec.high is None else number_text(spec.high)
    if low and high and not (spec.low_open or spec.high_open):
        words += f" from {low} to {high}"
    else:
        words += f", {'above' if spec.low_open else 'at least'} {low}" if low else ""
        words += f", {'below' if spec.high_open else 'at most'} {high}" if high else ""
    return words + (f", a multiple of {number_text(spec.multiple)}" if spec.multiple else "")


def _check_text(spec: ParamSpec, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text")
    if spec.shortest is not None and len(value) < spec.shortest:
        raise ValueError(f"at least {spec.shortest} characters")
    if spec.longest is not None and len(value) > spec.longest:
        raise ValueError(f"at most {spec.longest} characters")
    return value


def _check_json(spec: ParamSpec, value: Any) -> Any:
    wanted = {"list": list, "object": dict}.get(spec.holds)
    if wanted is not None and not isinstance(value, wanted):
        raise ValueError(f"a JSON {spec.holds}")
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("JSON") from None
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _choice_words(spec: ParamSpec) -> str:
    return ", ".join(_choice_text(spec, choice.value) for choice in spec.choices)


def _choice_text(spec: ParamSpec, value: Any) -> str:
    # A model may know "5" and 5 at once; then the quotes tell them apart.
    twins = [choice for choice in spec.choices if str(choice.value) == str(value)]
    return json.dumps(value, ensure_ascii=False) if len(twins) > 1 else str(value)


def _parse_choice(spec: ParamSpec, typed: str) -> Any:
    text = typed.strip()
    for choice in spec.choices:
        if typed == _choice_text(spec, choice.value):
            return choice.value
    for choice in spec.choices:
        if text.lower() in (_choice_text(spec, choice.value).lower().strip(), choice.title.lower() or None):
            return choice.value
    raise ValueError("one of " + _choice_words(spec))


def _check_size(spec: ParamSpec, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a size such as 1024x768")
    if any(value == choice.value for choice in spec.choices):
        return value
    width, cross, height = value.replace(" ", "").lower().replace("×", "x").partition("x")
    if spec.low is None and spec.choices:
        raise ValueError("one of " + _choice_words(spec))
    if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ValueError("a size such as 1024x768")
    for side in (int(width), int(height)):
        if (spec.low is not None and side < spec.low) or (spec.high is not None and side > spec.high):
            raise ValueError(f"each side from {spec.low or 1:g} to {spec.high or math.inf:g}")
        if spec.step and side % int(spec.step):
            raise ValueError(f"each side a multiple of {spec.step:g}")
    return f"{int(width)}x{int(height)}"
