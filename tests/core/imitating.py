"""Imitating: documents such as Replicate and fal publish, written for the models of our own catalogue.

Both are whole OpenAPI documents: the input's schema lies under ``components`` with references beside it, in the
conventions of the service. They are made here, so that no other people's files are needed.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from silverprint.providers.notation import schema_of
from tests.core.making import Pair


def cog_document(takes: Mapping[str, str]) -> Pair:
    """As Cog writes it: ``x-order``, enums by ``allOf`` and ``$ref``, file fields by ``format: uri``."""
    schema = schema_of(takes)
    schemas: dict[str, Any] = {}
    properties = {}
    for place, (wire, node) in enumerate(schema["properties"].items()):
        node = {"title": wire.replace("_", " ").title(), "description": f"What {wire} is.", **node}
        if "enum" in node:
            schemas[wire] = {
                "type": "string",
                "enum": node.pop("enum"),
                "title": wire,
                "description": "An enumeration.",
            }
            del node["type"], node["title"]
            node = {**node, "allOf": [{"$ref": f"#/components/schemas/{wire}"}]}
        elif wire not in schema["required"] and "default" not in node:
            node["nullable"] = True
        properties[wire] = {**node, "x-order": place}
    # The order of the JSON says nothing.
    shuffled = dict(sorted(properties.items()))
    schemas["Input"] = {
        "type": "object",
        "title": "Input",
        "required": schema["required"],
        "properties": shuffled,
    }
    document = {"openapi": "3.0.2", "components": {"schemas": schemas}}
    return schemas["Input"], document


def fal_document(takes: Mapping[str, str]) -> Pair:
    """As fal writes it: ``x-fal-order-properties``, ``anyOf`` with null, sizes and LoRAs by ``$ref``."""
    schema = schema_of(takes)
    schemas: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for wire, node in schema["properties"].items():
        node = copy.deepcopy(node)
        words = {"title": wire.replace("_", " ").title(), "description": f"What {wire} is."}
        for branch in node.get("anyOf", []):
            if branch.get("type") == "object":
                schemas["ImageSize"] = {
                    "type": "object",
                    "title": "ImageSize",
                    "x-fal-order-properties": ["width", "height"],
                    "properties": {
                        side: {"type": "integer", "exclusiveMinimum": 0, "maximum": 14142, "default": 512}
                        for side in ("width", "height")
                    },
                }
                branch.clear()
                branch["$ref"] = "#/components/schemas/ImageSize"
        items = node.get("items", {})
        if items.get("type") == "object":
            scale = {"type": "number", "minimum": 0, "maximum": 4, "default": 1}
            schemas["LoraWeight"] = {
                "type": "object",
                "x-fal-order-properties": ["path", "weight_name", "scale"],
                "properties": {
                    "path": {"type": "string", "description": "URL or id of the weights."},
                    "weight_name": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "scale": scale,
                },
                "required": ["path"],
            }
            node["items"] = {"$ref": "#/components/schemas/LoraWeight"}
        if wire not in schema["required"] and "default" not in node:
            node = {
                "anyOf": [*node["anyOf"], {"type": "null"}] if "anyOf" in node else [node, {"type": "null"}]
            }
        if wire == "prompt":
            node["examples"] = ["a cat"]
        if wire == "sync_mode":
            node["hidden"] = True
        if wire == "image_size":
            node["ui"] = {"important": True}
        properties[wire] = {**words, **node}
    schemas["ModelInput"] = {
        "type": "object",
        "title": "ModelInput",
        "x-fal-order-properties": list(properties),
        "properties": dict(reversed(properties.items())),
        "required": schema["required"],
    }
    return schemas["ModelInput"], {"openapi": "3.0.4", "components": {"schemas": schemas}}


def judged(pair: Pair) -> dict[str, Any]:
    """The whole document as one JSON Schema that asks for the input, with OpenAPI 3.0's ways as JSON Schema says them."""
    schema, document = pair
    return {**_modern(document), **_modern(schema)}


def _modern(value: Any) -> Any:
    if isinstance(value, list):
        return [_modern(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: _modern(item) for key, item in value.items()}
    for bound in ("Minimum", "Maximum"):  # OpenAPI 3.0 says of the bound that it is excluded
        if made.get(f"exclusive{bound}") is True:
            made[f"exclusive{bound}"] = made.pop(bound.lower())
    if made.pop("nullable", None) is True:
        return {"anyOf": [made, {"type": "null"}]}
    return made
