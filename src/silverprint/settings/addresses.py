"""Addresses: the environment's say on where services are, and a person's own servers by the name they gave.

A variable ``SILVERPRINT_<PROVIDER>_<WHAT>URL`` sets ``<what>url`` in the provider's table: ``SILVERPRINT_BFL_URL`` sets
``url`` of bfl, ``SILVERPRINT_FAL_QUEUE_URL`` sets ``queue_url`` of fal. What an address must be is the adapters' business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address that was set: ``what`` it is (``url``, ``queue_url``), as it may be shown, and ``where`` it was set.

    ``where`` is the name of a variable, or ``settings``.
    """

    what: str
    shown: str
    where: str


def provider_table(
    name: str, providers: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str]
) -> dict[str, Any]:
    """The table of provider ``name``, with the addresses that the environment sets put over it."""
    set_here = _in_environment(name, environ)
    return dict(providers.get(name, {})) | {what: value for what, (_, value) in set_here.items()}


def addresses(
    name: str, providers: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str]
) -> list[Address]:
    """The addresses that are set for provider ``name``, sorted; none when its service's own are used."""
    set_here = _in_environment(name, environ)
    found = []
    for what, value in sorted(provider_table(name, providers, environ).items()):
        if isinstance(value, str) and re.fullmatch(r"(?:[a-z]+_)*url", what):
            where = set_here[what][0] if what in set_here else "settings"
            found.append(Address(what=what, shown=_bare(value), where=where))
    return found


def _in_environment(name: str, environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What the environment sets: our name of the address -> variable and value."""
    prefix = "SILVERPRINT_" + re.sub(r"\W+", "_", name.upper()) + "_"
    found = {}
    for variable, value in environ.items():
        if variable.startswith(prefix) and value.strip():
            what = variable[len(prefix) :]
            if re.fullmatch(r"(?:[A-Z]+_)?URL", what):
                found[what.lower()] = (variable, value.strip())
    return found


def _bare(url: str) -> str:
    """An address without what may be a secret in it: name and password, query and fragment."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "no address"
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme and host else "no address"


def kind_of(name: str, providers: Mapping[str, Mapping[str, Any]]) -> str:
    """The registered provider behind ``name``: its ``kind`` for a person's own server, else the name itself."""
    kind = providers.get(name, {}).get("kind")
    return kind if isinstance(kind, str) and kind else name


def own_servers(providers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The names of a person's own servers: tables that name their ``kind``. One with a colon in its name is left out."""
    return sorted(name for name in providers if kind_of(name, providers) != name and ":" not in name)
