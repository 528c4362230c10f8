"""Registry: finds adapters by entry point. Listing imports nothing; loading one raises; loading all collects.

Built-in adapters are registered exactly like a stranger's, under ``silverprint.providers``. An entry point
names a factory that takes one ProviderContext.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeAlias, cast

from silverprint.core.errors import SettingsError
from silverprint.core.provider import Provider, ProviderContext
from silverprint.core.text import one_line

GROUP = "silverprint.providers"

Factory: TypeAlias = Callable[[ProviderContext], Provider]


@cache
def _points() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def names() -> list[str]:
    """The names of all registered providers, sorted. Imports none of them."""
    return sorted(_points())


def load(name: str) -> Factory:
    """The factory of one provider. Raises SettingsError when there is none, or when its code fails to load."""
    point = _points().get(name)
    if point is None:
        raise SettingsError(
            f"There is no provider named {name}.",
            fix="`silverprint models` lists what there is: " + ", ".join(names()),
        )
    try:
        factory = point.load()
    except Exception as error:  # a stranger's module may raise anything while it is imported
        raise SettingsError(
            f"The provider {name} can't be loaded: {one_line(f'{type(error).__name__}: {error}')}",
            fix=f"Reinstall or remove the package behind it ({point.value}).",
        ) from error
    return cast(Factory, factory)
