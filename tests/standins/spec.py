"""Spec: checks a request's body against the service's own OpenAPI document, or against schemas of ours without it.

The documents are other people's and lie outside of this project: in the folder that ``SILVERPRINT_SPECS`` names,
else in ``shared/apis/specs`` beside the checkout. A run without that folder says so and uses ``schemas/*.json``,
which map "METHOD /path/{name}" to the JSON Schema of the body.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
OWN = Path(__file__).parent / "schemas"


def specs_folder() -> Path | None:
    """The folder of the services' documents, if it is there."""
    folder = Path(os.environ.get("SILVERPRINT_SPECS") or ROOT.parent / "shared" / "apis" / "specs")
    return folder if folder.is_dir() else None


@cache
def document(name: str) -> dict[str, Any] | None:
    """A service's document by its file name, such as ``replicate.openapi.json``; None when it is not there."""
    folder = specs_folder()
    if folder is None or not (folder / name).is_file():
        return None
    loaded: dict[str, Any] = _modern(json.loads((folder / name).read_bytes()))
    return loaded


class Spec:
    """What one service accepts. ``prefix`` is the part of the path that its document leaves out, such as ``/v1``."""

    def __init__(self, file: str, own: str, *, prefix: str = "") -> None:
        self.document = document(file)
        self.is_official = self.document is not None
        self._prefix = prefix
        self._own: dict[str, Any] = json.loads((OWN / own).read_bytes()) if (OWN / own).is_file() else {}

    def problems(self, method: str, path: str, body: Any) -> list[str]:
        """What is wrong with a request of JSON ``body``; empty when nothing is, or when nobody says.

        Our own schemas are asked as well as the service's document: they may know more than it does.
        """
        found = []
        for key, schema in self._own.items():
            wanted, _, template = key.partition(" ")
            if wanted == method and _fits(template, path):
                found += _errors(schema, body)
        if self.document is not None:
            found += self._official(method, path.removeprefix(self._prefix), body)
        return found

    def _official(self, method: str, path: str, body: Any) -> list[str]:
        assert self.document is not None
        paths: Mapping[str, Any] = self.document["paths"]
        # A path without a variable wins over one with, as OpenAPI says.
        templates = sorted((template for template in paths if _fits(template, path)), key=lambda t: "{" in t)
        if not templates:
            return [f"the service has no path {path}"]
        operation = paths[templates[0]].get(method.lower())
        if operation is None:
            return [f"{templates[0]} takes no {method}"]
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return []
        steps = [templates[0], method.lower(), "requestBody", "content", "application/json", "schema"]
        pointer = "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)
        return _errors({**self.document, "$ref": f"#/paths/{pointer}"}, body)


def _errors(schema: Mapping[str, Any], body: Any) -> list[str]:
    validator = Draft202012Validator(schema)
    return [f"{error.json_path}: {error.message}"[:500] for error in validator.iter_errors(body)]


def _fits(template: str, path: str) -> bool:
    pattern = re.sub(r"\\{[^/]+?\\}", "[^/]+", re.escape(template))
    return re.fullmatch(pattern, path) is not None


def _modern(value: Any) -> Any:
    """OpenAPI 3.0's ``nullable`` as JSON Schema says it, so that one validator does for both."""
    if isinstance(value, list):
        return [_modern(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: _modern(item) for key, item in value.items()}
    if made.pop("nullable", None) is True:
        return {"anyOf": [made, {"type": "null"}]}
    return made
