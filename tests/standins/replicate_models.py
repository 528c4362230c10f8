"""The models of Replicate's stand-in, with the documents that Cog writes for a model's inputs.

Owns what the models take; jobs and routes are left to ``replicate.py``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

URI = {"type": "string", "format": "uri"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a model. ``document`` is its OpenAPI document; ``made`` its date."""

    id: str
    made: str
    document: dict[str, Any]

    def json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "created_at": self.made,
            "cog_version": "0.16.7",
            "openapi_schema": self.document,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model. The newest version comes first; ``hidden``: its predictions name no version."""

    name: str
    about: str
    official: bool
    versions: tuple[Version, ...]
    tags: tuple[str, ...] = ()
    hidden: bool = False
    says_official: bool = True

    @property
    def newest(self) -> Version | None:
        return self.versions[0] if self.versions else None

    def json(self) -> dict[str, Any]:
        owner, _, name = self.name.partition("/")
        found: dict[str, Any] = {
            "url": f"https://replicate.com/{self.name}",
            "owner": owner,
            "name": name,
            "description": self.about,
            "visibility": "public",
            "is_official": self.official,
            "github_url": None,
            "paper_url": None,
            "license_url": None,
            "run_count": 1234,
            "cover_image_url": None,
            "default_example": None,
            "latest_version": self.newest.json() if self.newest else None,
        }
        if not self.says_official:
            del found["is_official"]
        return found


def document(
    properties: dict[str, Any], *, required: tuple[str, ...] = (), output: Any = None
) -> dict[str, Any]:
    """An OpenAPI document as Cog writes it: ``x-order``, and an enum as ``allOf`` on a schema of its own.

    A property with ``enum`` is written in that way. The order is the one given here; in the document the names are
    sorted, so that a reader has to look at ``x-order``.
    """
    schemas: dict[str, Any] = {}
    written: dict[str, Any] = {}
    for place, (name, given) in enumerate(properties.items()):
        prop = {"title": name.replace("_", " ").capitalize(), "x-order": place} | given
        if "enum" in prop:
            schemas[name] = {
                "type": prop.pop("type", "string"),
                "enum": prop.pop("enum"),
                "title": name,
                "description": "An enumeration.",
            }
            prop.pop("title")
            prop["allOf"] = [{"$ref": f"#/components/schemas/{name}"}]
        written[name] = prop
    schemas["Input"] = {"type": "object", "title": "Input", "properties": dict(sorted(written.items()))}
    if required:
        schemas["Input"]["required"] = list(required)
    schemas["Output"] = output or {"type": "array", "items": URI, "title": "Output"}
    return {
        "openapi": "3.0.2",
        "info": {"title": "Cog", "version": "0.1.0"},
        "paths": {"/": {"get": {"summary": "Root"}}},
        "components": {"schemas": schemas},
    }


def version(name: str, made: str, properties: dict[str, Any], **more: Any) -> Version:
    """A version whose id follows from its model and its date."""
    return Version(
        id=hashlib.sha256(f"{name}@{made}".encode()).hexdigest(),
        made=made,
        document=document(properties, **more),
    )


PROMPT = {"type": "string", "description": "What the picture shows"}
SEED = {"type": "integer", "description": "Random seed. Leave blank for a random one", "nullable": True}
FORMAT = {"enum": ["webp", "jpg", "png"], "default": "webp", "description": "Format of the output images"}
ASPECT = {"enum": ["1:1", "16:9", "3:2", "2:3", "9:16"], "default": "1:1", "description": "Aspect ratio"}
QUALITY = {
    "type": "integer",
    "default": 80,
    "minimum": 0,
    "maximum": 100,
    "description": "Quality when saving",
}
ONE = {**URI, "title": "Output"}

SCHNELL = {
    "prompt": PROMPT,
    "aspect_ratio": ASPECT,
    "num_outputs": {"type": "integer", "default": 1, "minimum": 1, "maximum": 4, "description": "How many"},
    "num_inference_steps": {"type": "integer", "default": 4, "minimum": 1, "maximum": 4},
    "seed": SEED,
    "output_format": FORMAT,
    "output_quality": QUALITY,
    "disable_safety_checker": {"type": "boolean", "default": False},
    "go_fast": {"type": "boolean", "default": True},
    "megapixels": {"enum": ["1", "0.25"], "default": "1", "description": "Approximate number of megapixels"},
}
DEV = {
    "prompt": PROMPT,
    "aspect_ratio": ASPECT,
    "image": {**URI, "nullable": True, "description": "Input image for image to image mode"},
    "prompt_strength": {"type": "number", "default": 0.8, "minimum": 0, "maximum": 1},
    "num_outputs": {"type": "integer", "default": 1, "minimum": 1, "maximum": 4},
    "num_inference_steps": {"type": "integer", "default": 28, "minimum": 1, "maximum": 50},
    "guidance": {"type": "number", "default": 3, "minimum": 0, "maximum": 10},
    "seed": SEED,
    "output_format": FORMAT,
    "output_quality": QUALITY,
}
LORA = {
    **DEV,
    "lora_weights": {"type": "string", "nullable": True, "description": "LoRA to load"},
    "lora_scale": {"type": "number", "default": 1, "minimum": -1, "maximum": 3},
    "extra_lora": {"type": "string", "nullable": True, "description": "A further LoRA"},
    "extra_lora_scale": {"type": "number", "default": 1, "minimum": -1, "maximum": 3},
    "hf_api_token": {"type": "string", "format": "password", "x-cog-secret": True, "nullable": True},
}
SDXL_OLD = {
    "prompt": PROMPT | {"default": "An astronaut riding a rainbow unicorn"},
    "negative_prompt": {"type": "string", "default": ""},
    "width": {"type": "integer", "default": 1024},
    "height": {"type": "integer", "default": 1024},
    "num_inference_steps": {"type": "integer", "default": 50, "minimum": 1, "maximum": 500},
    "guidance_scale": {"type": "number", "default": 7.5, "minimum": 1, "maximum": 50},
    "seed": SEED,
}
SDXL = {
    **SDXL_OLD,
    "image": {**URI, "nullable": True},
    "mask": {**URI, "nullable": True, "description": "White areas will be inpainted"},
    "prompt_strength": {"type": "number", "default": 0.8, "minimum": 0, "maximum": 1},
    "num_outputs": {"type": "integer", "default": 1, "minimum": 1, "maximum": 4},
    "scheduler": {"enum": ["DDIM", "K_EULER", "PNDM"], "default": "K_EULER"},
}
UPSCALE = {
    "image": URI,
    "scale": {"type": "number", "default": 4, "minimum": 0, "maximum": 10},
    "face_enhance": {"type": "boolean", "default": False},
}
KONTEXT = {
    "prompt": PROMPT,
    "input_image": {**URI, "nullable": True, "description": "Image to edit"},
    "aspect_ratio": {"enum": ["match_input_image", "1:1", "16:9"], "default": "match_input_image"},
    "seed": SEED,
    "output_format": {"enum": ["jpg", "png"], "default": "png"},
    "safety_tolerance": {"type": "integer", "default": 2, "minimum": 0, "maximum": 6},
}
SEVERAL = {
    "prompt": PROMPT,
    "input_images": {"type": "array", "items": URI, "default": [], "maxItems": 8},
    "aspect_ratio": ASPECT,
    "seed": SEED,
    "output_format": FORMAT,
}
TEXT = {"image": URI, "prompt": {"type": "string", "default": "Describe this image"}}


FLUX = "black-forest-labs/"


def models() -> dict[str, Model]:
    """Every model of the stand-in by its name, the best known first."""

    def one(
        name: str,
        about: str,
        official: bool,
        *versions: Version,
        tags: tuple[str, ...] = ("text-to-image",),
        **more: Any,
    ) -> Model:
        return Model(name=name, about=about, official=official, versions=versions, tags=tags, **more)

    sdxl, upscaler, captions = "stability-ai/sdxl", "daanelson/real-esrgan-a100", "lucataco/moondream2"
    first = "2025-03-01T10:00:00.000000Z"
    later = "2026-06-01T10:00:00.000000Z"
    made = [
        one(
            FLUX + "flux-schnell",
            "The fastest image generation model",
            True,
            version(FLUX + "flux-schnell", later, SCHNELL, required=("prompt",)),
        ),
        one(
            FLUX + "flux-dev",
            "A 12 billion parameter model",
            True,
            version(FLUX + "flux-dev", later, DEV, required=("prompt",)),
            tags=("text-to-image", "image-to-image"),
        ),
        one(
            FLUX + "flux-dev-lora",
            "FLUX.1 dev with any LoRA",
            True,
            version(FLUX + "flux-dev-lora", later, LORA, required=("prompt",)),
        ),
        one(
            FLUX + "flux-kontext-pro",
            "Edits pictures by words",
            True,
            version(FLUX + "flux-kontext-pro", later, KONTEXT, required=("prompt",), output=ONE),
            tags=("image-editing",),
            hidden=True,
        ),
        one(
            FLUX + "flux-2-pro",
            "Up to eight reference pictures",
            True,
            version(FLUX + "flux-2-pro", later, SEVERAL, required=("prompt",), output=ONE),
            hidden=True,
        ),
        one(
            sdxl,
            "A text-to-image model",
            False,
            version(sdxl, later, SDXL),
            version(sdxl, first, SDXL_OLD),
            tags=("text-to-image", "inpainting"),
        ),
        one(
            upscaler,
            "Real-ESRGAN on a fast card",
            False,
            version(upscaler, later, UPSCALE, required=("image",), output=ONE),
            tags=("super-resolution",),
            says_official=False,
        ),
        one(
            captions,
            "Says what is in a picture",
            False,
            version(captions, later, TEXT, required=("image",), output={"type": "string", "title": "Output"}),
            tags=("image-to-text",),
        ),
        one("someone/empty", "It has no version yet", False),
    ]
    for name, takes, required, output in OTHERS:
        made.append(one(name, "", True, version(name, later, takes, required=required, output=output)))
    return {model.name: model for model in made}


# The rest of the catalogue that silverprint ships; what they take is like their kin, not the service's own word.
OTHERS: tuple[tuple[str, dict[str, Any], tuple[str, ...], Any], ...] = (
    (FLUX + "flux-2-flex", SEVERAL, ("prompt",), ONE),
    (FLUX + "flux-1.1-pro", SCHNELL, ("prompt",), ONE),
    (FLUX + "flux-kontext-max", KONTEXT, ("prompt",), ONE),
    ("google/nano-banana-2", SEVERAL, ("prompt",), ONE),
    ("qwen/qwen-image-edit-2511", KONTEXT, ("prompt",), None),
    ("nightmareai/real-esrgan", UPSCALE, ("image",), ONE),
    (
        "xinntao/realesrgan",
        {"img": URI, "version": {"enum": ["General - v3", "Anime"], "default": "General - v3"}},
        ("img",),
        ONE,
    ),
    (
        "lucataco/flux-schnell-lora",
        {**SCHNELL, "hf_lora": {"type": "string", "nullable": True}},
        ("prompt",),
        None,
    ),
)


COLLECTIONS = {
    "text-to-image": (
        "Text to image",
        ("black-forest-labs/flux-schnell", "black-forest-labs/flux-dev", "stability-ai/sdxl"),
    ),
    "super-resolution": ("Upscalers", ("daanelson/real-esrgan-a100",)),
}
