"""ParamSpec and Form: what a model takes, and the check of a value against it.

A Form is all that the screens and the command line know of a model, so the two can't disagree.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

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
    """One parameter. ``name`` is ours, ``wire`` the provider's own; ``low`` and ``high`` are inclusive."""

    name: str
    kind: ParamKind
    wire: str = ""
    default: Any = None
    required: bool = False
    low: float | None = None
    high: float | None = None
    step: float | None = None
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
    """An input picture that the model takes: its role, how many at most, and whether it needs one."""

    role: SourceRole
    most: int = 1
    required: bool = False
    strength: ParamSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """All that a model takes. The prompt is always taken; the rest is said here."""

    params: tuple[ParamSpec, ...] = ()
    sources: tuple[SourceSpec, ...] = ()
    takes_negative: bool = False
    takes_seed: bool = False
    takes_loras: bool = False
    seed_max: int = 2**32 - 1
    prompt_required: bool = True

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
    match spec.kind:
        case ParamKind.INTEGER | ParamKind.NUMBER:
            return _check_number(spec, value)
        case ParamKind.SWITCH:
            if not isinstance(value, bool):
                raise ValueError("on or off")
            return value
        case ParamKind.CHOICE:
            if not any(
                value == choice.value and type(value) is type(choice.value) for choice in spec.choices
            ):
                raise ValueError("one of " + ", ".join(str(choice.value) for choice in spec.choices))
            return value
        case ParamKind.SIZE:
            return _check_size(spec, value)
        case ParamKind.TEXT:
            if not isinstance(value, str):
                raise ValueError("a text")
            return value
        case ParamKind.JSON:
            return value


def parse(spec: ParamSpec, text: str) -> Any:
    """Read a value as a person typed it, then check it. Raises ValueError with a reason for a person."""
    text = text.strip()
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
            for choice in spec.choices:
                if text.lower() in (str(choice.value).lower(), choice.title.lower() or None):
                    return choice.value
            raise ValueError("one of " + ", ".join(str(choice.value) for choice in spec.choices))
        case ParamKind.JSON:
            try:
                return json.loads(text)
            except ValueError as error:
                raise ValueError(f"not JSON: {error}") from None
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
            return f"{value:g}"
        case ParamKind.JSON:
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def _check_number(spec: ParamSpec, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(_range_words(spec))
    if spec.kind is ParamKind.INTEGER and value != int(value):
        raise ValueError(_range_words(spec))
    number: int | float = int(value) if spec.kind is ParamKind.INTEGER else float(value)
    if (spec.low is not None and number < spec.low) or (spec.high is not None and number > spec.high):
        raise ValueError(_range_words(spec))
    return number


def _range_words(spec: ParamSpec) -> str:
    kind = "a whole number" if spec.kind is ParamKind.INTEGER else "a number"
    if spec.low is not None and spec.high is not None:
        return f"{kind} from {spec.low:g} to {spec.high:g}"
    if spec.low is not None:
        return f"{kind}, at least {spec.low:g}"
    if spec.high is not None:
        return f"{kind}, at most {spec.high:g}"
    return kind


def _check_size(spec: ParamSpec, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a size such as 1024x768")
    if any(value == choice.value for choice in spec.choices):
        return value
    width, cross, height = value.replace(" ", "").lower().replace("×", "x").partition("x")
    if spec.low is None and spec.choices:
        raise ValueError("one of " + ", ".join(str(choice.value) for choice in spec.choices))
    if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ValueError("a size such as 1024x768")
    for side in (int(width), int(height)):
        if (spec.low is not None and side < spec.low) or (spec.high is not None and side > spec.high):
            raise ValueError(f"each side from {spec.low or 1:g} to {spec.high or math.inf:g}")
        if spec.step and side % int(spec.step):
            raise ValueError(f"each side a multiple of {spec.step:g}")
    return f"{int(width)}x{int(height)}"
