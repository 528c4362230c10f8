"""The program: wires the command line to the screen, each loaded when it is used."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from silverprint.settings.paths import Paths


def main(args: Sequence[str] | None = None) -> None:
    """Run silverprint with ``args`` (default: the process's own) and exit with its code."""
    from silverprint.cli.main import run

    sys.exit(run(args, probe=_probe, open_app=_open_app))


def _probe(environ: Mapping[str, str], images: str | None) -> Mapping[str, Any]:
    from dataclasses import asdict

    from silverprint.ui.terminal import look

    return asdict(look(environ, option=images))


def _open_app(paths: Paths, images: str | None, theme: str | None) -> int:
    from silverprint.ui.start import run

    return run(paths=paths, images=images, theme=theme) or 0


if __name__ == "__main__":
    main()
