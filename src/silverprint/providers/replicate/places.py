"""Places: where Replicate is, which hosts may have the key, and how its models are named.

Addresses come from the settings; sending is left to the Service and to ``sdk.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from silverprint.core.errors import ModelGone, SettingsError
from silverprint.core.text import one_line
from silverprint.providers.address import check_base, is_public, origin

TITLE = "Replicate"
API = "https://api.replicate.com"
API_HOSTS = ("api.replicate.com",)
DELIVERY = "replicate.delivery"

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_NAME = re.compile(r"([A-Za-z0-9][\w.-]*)/([A-Za-z0-9][\w.-]*)(?::([0-9a-f]{64}))?", re.ASCII)
_VERSION = re.compile(r"[0-9a-f]{64}")
_CANCEL_AFTER = re.compile(r"(?=\d)(\d+h)?(\d+m)?(\d+s?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelName:
    """A model by its owner and name; ``version`` is empty where the reference names none."""

    owner: str
    name: str
    version: str = ""

    @property
    def plain(self) -> str:
        """``owner/name``."""
        return f"{self.owner}/{self.name}"


def name_of(model: str) -> ModelName:
    """Read ``owner/name`` or ``owner/name:<64 hexadecimal digits>``. Raises ModelGone for anything else."""
    found = _NAME.fullmatch(model)
    if found is None or ".." in model:
        raise ModelGone(
            f"{one_line(model, most=80)} is no model of Replicate's.",
            fix="Its models are named owner/name, such as black-forest-labs/flux-schnell.",
        )
    return ModelName(owner=found[1], name=found[2], version=found[3] or "")


def version_id(value: object) -> str:
    """A version's id, or "" for anything else, such as the word ``hidden`` that some official models give."""
    return value if isinstance(value, str) and _VERSION.fullmatch(value) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """``base`` is the address without ``/v1``; ``private`` are hosts on which results may lie though they are private."""

    base: str
    private: frozenset[str]

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Places:
        """From ``url`` (with or without ``/v1``) and ``delivery_hosts``. Raises SettingsError."""
        # REPLICATE_BASE_URL is not read: it is one thing to this SDK's first version and another to its second.
        base = check_base(settings.get("url") or API, where="providers.replicate.url").removesuffix("/v1")
        hosts = settings.get("delivery_hosts", [])
        if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
            raise SettingsError(
                "providers.replicate.delivery_hosts must be a list of host names.",
                fix='Write it as ["files.example"], or remove the line.',
            )
        private = {host.lower() for host in hosts}
        own = origin(base)[1]
        if own != "api.replicate.com":
            private.add(own)
        if _is_loopback(own):
            private.update(_LOOPBACK)  # one machine has several names for itself
        return cls(base=base, private=frozenset(private))

    def api(self, path: str) -> str:
        """The address of ``/predictions`` and the like."""
        return f"{self.base}/v1{path}"


def is_delivery(url: str) -> bool:
    """Whether a link leads to Replicate's own delivery hosts, over https."""
    try:
        scheme, host, port = origin(url)
    except ValueError:
        return False
    return scheme == "https" and port == 443 and (host == DELIVERY or host.endswith("." + DELIVERY))


def create_headers(settings: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a create, from ``cancel_after``. Raises SettingsError."""
    asked = settings.get("cancel_after")
    if asked is None:
        return {}
    text = str(asked).strip()
    found = _CANCEL_AFTER.fullmatch(text)
    parts = [int(part.rstrip("hms")) if part else 0 for part in found.groups()] if found else []
    if isinstance(asked, bool) or not parts or parts[0] * 3600 + parts[1] * 60 + parts[2] < 5:
        raise SettingsError(
            "providers.replicate.cancel_after must be a time such as 90s, 5m or 1h30m, at least 5 seconds.",
            fix="Correct cancel_after under providers.replicate, or remove the line.",
        )
    return {"cancel-after": text}


def _is_loopback(host: str) -> bool:
    if host in _LOOPBACK:
        return True
    try:
        return not is_public(host) and host.startswith("127.")
    except ValueError:
        return False
