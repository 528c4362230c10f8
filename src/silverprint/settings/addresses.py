"""Addresses: the environment's say on where services are, and a person's own servers by the name they gave.

A variable ``SILVERPRINT_<PROVIDER>_<WHAT>URL`` sets ``<what>url`` in the provider's table: ``SILVERPRINT_BFL_URL`` sets
``url`` of bfl, ``SILVERPRINT_FAL_QUEUE_URL`` sets ``queue_url`` of fal. What an address must be is the adapters' business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def provider_table(
    name: str, providers: Mapping[str, Mapping[str, Any]], environ: Mapping[str, str]
) -> dict[str, Any]:
    """The table of provider ``name``, with the addresses that the environment sets put over it."""
    table = dict(providers.get(name, {}))
    prefix = "SILVERPRINT_" + re.sub(r"\W+", "_", name.upper()) + "_"
    for variable, value in environ.items():
        if variable.startswith(prefix) and variable.endswith("URL") and value.strip():
            what = variable[len(prefix) :]
            if re.fullmatch(r"(?:[A-Z]+_)?URL", what):
                table[what.lower()] = value.strip()
    return table


def kind_of(name: str, providers: Mapping[str, Mapping[str, Any]]) -> str:
    """The registered provider behind ``name``: its ``kind`` for a person's own server, else the name itself."""
    kind = providers.get(name, {}).get("kind")
    return kind if isinstance(kind, str) and kind else name


def own_servers(providers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The names of a person's own servers: tables that name their ``kind``. One with a colon in its name is left out."""
    return sorted(name for name in providers if kind_of(name, providers) != name and ":" not in name)
