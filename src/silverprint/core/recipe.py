"""Recipe: everything needed to make a picture again, frozen, and the small values it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Params: TypeAlias = Mapping[str, Any]  # leaves are JSON values; a recursive alias overflows the decoder

SourceRole = Literal["image", "mask", "reference", "control"]
Task = Literal["text", "image", "inpaint"]


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model by its provider's name and its own: ``pocket:pocket``, ``fal:fal-ai/flux/dev``."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"

    @classmethod
    def parse(cls, text: str) -> ModelRef:
        """Read ``provider:model``. Raises ValueError when a half is missing."""
        provider, colon, model = text.strip().partition(":")
        if not (provider and colon and model):
            raise ValueError(f"a model is named provider:model, not {text!r}")
        return cls(provider, model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An input picture, kept by the SHA-256 of its bytes. ``strength`` is 0..1 where the model takes one."""

    role: SourceRole
    sha256: str
    strength: float | None = None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraUse:
    """A LoRA and its weight. ``name`` is a file name or the provider's id; ``sha256`` where we have the file."""

    name: str
    weight: float = 1.0
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What computed the pixels: recorded so that a later run can tell what has changed.

    ``versions`` maps package names to versions, ``device`` names the processor class,
    ``model_sha256`` is one hash over the model's files.
    """

    name: str
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    model_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that decides a picture. ``template`` is the prompt before wildcards, if it had any.

    ``engine`` is empty until the picture is made; the finished picture's recipe carries it.
    """

    ref: ModelRef
    prompt: str
    negative_prompt: str = ""
    seed: int | None = None
    params: Params = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    loras: tuple[LoraUse, ...] = ()
    template: str | None = None
    engine: Engine | None = None

    @property
    def task(self) -> Task:
        """What kind of work this is, told by its inputs."""
        roles = {source.role for source in self.sources}
        if "mask" in roles:
            return "inpaint"
        return "image" if "image" in roles else "text"

    def source(self, role: SourceRole) -> Source | None:
        """The first input with this role, if any."""
        return next((source for source in self.sources if source.role == role), None)
