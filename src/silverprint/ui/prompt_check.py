"""PromptCheck: what the wildcards of a prompt come to: how many prompts, or a mistake and its place."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from silverprint.core.errors import SilverprintError, UsageError
from silverprint.core.text import one_line
from silverprint.core.wildcards import Lookup, count, has_wildcards

MOST = 10_000
_PAUSE_S = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptCheck:
    """``number`` of combinations, 0 without wildcards and above MOST when there are more; or the ``mistake`` in
    words, with its ``place`` (start and end in the prompt) where it has one."""

    number: int = 0
    mistake: str = ""
    place: tuple[int, int] | None = None

    @property
    def number_words(self) -> str:
        """The number for a person."""
        return f"more than {MOST}" if self.number > MOST else str(self.number)


async def check_prompt(prompt: str, lookup: Lookup) -> PromptCheck:
    """Look over a prompt, off the event loop and after a short pause, so that fast typing costs nothing."""
    if not has_wildcards(prompt):
        return PromptCheck()
    await asyncio.sleep(_PAUSE_S)
    try:
        return PromptCheck(number=await asyncio.to_thread(count, prompt, lookup, most=MOST))
    except UsageError as error:
        return PromptCheck(mistake=one_line(f"{error} {error.fix}"), place=error.at)
    except SilverprintError as error:
        return PromptCheck(mistake=one_line(f"{error} {error.fix}"))
