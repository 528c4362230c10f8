"""Run every case and write docs/reliability.md: ``python -m tests.reliability [--dry-run] [SERVICE...]``."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.reliability.case import run
from tests.reliability.faults import ROWS, applies, expected
from tests.reliability.page import PAGE, render
from tests.reliability.services import SERVICES


def main() -> int:
    """Run, tell what is otherwise than expected, and write the page."""
    wanted = [name for name in sys.argv[1:] if not name.startswith("-")]
    cells: dict[tuple[str, str], str] = {}
    wrong = 0
    for service in SERVICES:
        if wanted and service.name not in wanted:
            continue
        for row in ROWS:
            words = applies(row, service)
            if not words:
                with tempfile.TemporaryDirectory() as folder:
                    try:
                        words = asyncio.run(run(row, service, Path(folder))).words
                    except TimeoutError:
                        words = "never came to rest"
                if words != (hoped := expected(row, service)):
                    wrong += 1
                    sys.stdout.write(f"{service.name}, {row.id}: {words}, expected {hoped}\n")
                    sys.stdout.flush()
            cells[row.id, service.name] = words
    if not wanted and "--dry-run" not in sys.argv:
        PAGE.write_text(render(cells), encoding="utf-8")
    sys.stdout.write(f"{len(cells)} cells, {wrong} otherwise than expected\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
