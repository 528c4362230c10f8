"""ModelSearch: what the two lists of models share: asking the services when the typing rests, and who had no answer.

Narrowing what is listed already is the list's, and needs nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.content import Content

from silverprint.core.errors import SilverprintError
from silverprint.core.text import one_line
from silverprint.ui.widgets.model_list import ModelList

if TYPE_CHECKING:
    from silverprint.studio import Studio

PAUSE_S = 0.3
LEAST_LETTERS = 2


async def list_all(studio: Studio, models: ModelList) -> None:
    """Show every provider's catalogue."""
    found = await studio.models()
    if models.is_attached:
        models.show(found, providers=studio.provider_names())


async def ask_services(studio: Studio, models: ModelList, query: str) -> None:
    """Let the services search too, once the typing has rested, and add what they find. Run it exclusively."""
    if len(query.strip()) < LEAST_LETTERS or not studio.is_open:
        return
    await asyncio.sleep(PAUSE_S)
    found = await studio.models(query.strip())
    if models.is_attached:
        models.merge(found, query)


def problem_lines(problems: Mapping[str, SilverprintError]) -> list[Content]:
    """A quiet line for each service that did not answer: what is wrong, and the way out."""
    return [
        Content.assemble(
            f"{one_line(name, most=30)}: {one_line(str(error))} ", (one_line(error.fix), "$text-disabled")
        )
        for name, error in sorted(problems.items())
    ]
