"""DraftKeeper: writes the draft to disk while it is typed, off the event loop, the newest last.

What a draft is and how it lies on disk is settings.draft's; here is only when.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from silverprint.core.errors import SilverprintError
from silverprint.settings.draft import Draft, save_draft

PAUSE_S = 0.15


class DraftKeeper:
    """Give it every change with ``put``; at most ``pause_s`` later it is on disk. ``run`` in a task, ``close`` at the
    end. A write that fails is told once through ``failed`` and tried again with the next change."""

    def __init__(
        self,
        path: Path,
        *,
        failed: Callable[[SilverprintError], None],
        pause_s: float = PAUSE_S,
        save: Callable[[Path, Draft], None] = save_draft,
    ) -> None:
        self._path = path
        self._failed = failed
        self._pause_s = pause_s
        self._save = save
        self._newest: Draft | None = None
        self._changed = asyncio.Event()
        self._writing = asyncio.Lock()
        self._told = False

    def put(self, draft: Draft) -> None:
        """The draft as it is now. Returns at once."""
        self._newest = draft
        self._changed.set()

    async def run(self) -> None:
        """Write what is put, until cancelled."""
        while True:
            await self._changed.wait()
            # A pause from the first change on, not from the last: who types without rest is saved too.
            await asyncio.sleep(self._pause_s)
            await self.flush()

    async def flush(self) -> None:
        """Write what is not on disk yet, now."""
        async with self._writing:
            self._changed.clear()
            draft, self._newest = self._newest, None
            if draft is None:
                return
            try:
                await asyncio.to_thread(self._save, self._path, draft)
                self._told = False
            except SilverprintError as error:
                if not self._told:
                    self._told = True
                    self._failed(error)
