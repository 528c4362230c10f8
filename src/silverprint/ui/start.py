"""The way into the screen: ask the terminal, read settings and draft, then start Textual. In this order."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from silverprint.settings.paths import Paths


def run(*, paths: Paths | None = None, images: str | None = None, theme: str | None = None) -> int:
    """Open the studio on the terminal and stay until it is closed. The exit code is 0, or 2 without a terminal.

    ``images`` and ``theme`` win over the settings.
    """
    from silverprint.settings.draft import load_draft
    from silverprint.settings.load import read_settings
    from silverprint.settings.paths import find_paths, move_folders
    from silverprint.ui import terminal

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        sys.stderr.write("silverprint needs a terminal; for scripts there is `silverprint gen`.\n")
        return 2
    found = paths or find_paths(os.environ)
    settings, notes = read_settings(found, os.environ)
    found = move_folders(found, settings)
    draft = load_draft(found.draft)
    info = terminal.look(os.environ, option=images, setting=settings.images)
    terminal.prepare_environment(info)

    # Textual reads the environment when it is imported, so not before now.
    from silverprint.studio import Studio
    from silverprint.ui.app import SilverprintApp

    studio = Studio(found, settings)
    app = SilverprintApp(studio, draft=draft, terminal=info, theme=theme, notes=notes)

    async def stay() -> None:
        try:
            await app.run_async()
        finally:
            await studio.close()

    if info.late:
        terminal.drain()
    asyncio.run(stay())
    return app.return_code or 0
