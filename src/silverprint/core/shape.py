"""Shape: a model's form together with where each part of a recipe goes in the body of its request.

Owns the values only. They are read from a schema by ``schema``, made into a body by ``body`` and kept on disk
as JSON by ``shape_codec``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from silverprint.core.names import plain
from silverprint.core.params import Form
from silverprint.core.recipe import SourceRole
from silverprint.core.text import one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """Where a text of the recipe goes. A ``required`` one is sent as ``default`` when the recipe has none."""

    wire: str
    required: bool = False
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedPart:
    """Where the seed goes; ``default`` is sent where a seed is ``required`` and the recipe has none."""

    wire: str
    required: bool = False
    default: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturePart:
    """A field for input pictures. Pictures of ``roles`` fill it, ``image`` first, up to ``most``.

    ``many``: the field is a list. ``wrap``: each picture is an object with its link under this key.
    """

    wire: str
    roles: tuple[SourceRole, ...]
    many: bool = False
    most: int = 1
    wrap: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraPart:
    """Where LoRAs go: ``objects`` in a list with the keys ``path`` and ``weight``, or names in the field ``path``
    and weights in the field ``weight`` (empty: none is taken), one each or as two lists.
    """

    style: Literal["objects", "single", "lists"]
    path: str
    weight: str = ""
    wire: str = ""
    most: int | None = None
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePart:
    """How a size such as ``1024x768`` is sent: as a text with ``cross``, as an object, or as two fields.

    ``width`` and ``height`` are the keys of the object or the names of the two fields. ``unset`` is the choice that
    leaves both fields out. ``keeps``: the fields are required, so even the default is sent.
    """

    style: Literal["text", "object", "pair"]
    name: str = "size"
    width: str = "width"
    height: str = "height"
    cross: str = "x"
    unset: str = ""
    keeps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Where each part of a recipe goes. ``left_out`` are the fields that nobody fills in through a form."""

    prompt: TextPart | None = None
    negative: TextPart | None = None
    seed: SeedPart | None = None
    pictures: tuple[PicturePart, ...] = ()
    strength: str = ""
    strength_required: bool = False
    loras: tuple[LoraPart, ...] = ()
    size: SizePart | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a model takes, and how it is sent."""

    form: Form
    parts: Parts = field(default_factory=Parts)

    def names(self) -> dict[str, str]:
        """Our name for every field of the request, by the service's own name."""
        parts = self.parts
        named: dict[str, str] = {wire: plain(wire) or "parameter" for wire in parts.left_out}
        pair = parts.size if parts.size is not None and parts.size.style == "pair" else None
        named |= {spec.wire: spec.name for spec in self.form.params if pair is None or spec.name != pair.name}
        if parts.prompt is not None:
            named[parts.prompt.wire] = "prompt"
        if parts.negative is not None:
            named[parts.negative.wire] = "negative_prompt"
        if parts.seed is not None:
            named[parts.seed.wire] = "seed"
        named |= {picture.wire: picture.roles[0] for picture in parts.pictures}
        if parts.strength:
            named[parts.strength] = "strength"
        for lora in parts.loras:
            wires = (lora.wire,) if lora.style == "objects" else (lora.path, lora.weight)
            named |= {wire: "loras" for wire in wires if wire}
        if pair is not None:
            named |= {pair.width: pair.name, pair.height: pair.name}
        return named

    def our_name(self, wire: str) -> str:
        """Our name for a field as an error names it: ``steps`` for ``num_inference_steps`` or ``body.loras.0.path``.

        A name that the form does not know is given back, made safe to show.
        """
        named = self.names()
        if wire in named:
            return named[wire]
        for step in wire.replace("[", ".").split("."):
            if step in named:
                return named[step]
        return one_line(wire, most=60)
