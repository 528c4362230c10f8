"""The program: wires the command line to the screen, each loaded when it is used."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from silverprint.settings.paths import Paths

COMPLETION = "_SILVERPRINT_COMPLETE"
"""Set by a shell that asks for completions; then even an empty command line is a question."""


def main(args: Sequence[str] | None = None) -> None:
    """Run silverprint with ``args`` (default: the process's own) and exit with its code."""
    sys.excepthook = _report
    given = sys.argv[1:] if args is None else list(args)
    if not given and COMPLETION not in os.environ:
        sys.exit(_open_at_once())
    from silverprint.cli.main import run

    sys.exit(run(given, probe=_probe, open_app=_open_app))


def _report(_kind: type[BaseException], error: BaseException, _trace: object) -> None:
    """The last words of a process that a mistake of ours ends."""
    from silverprint.core.discretion import crash_words

    sys.stderr.write(crash_words(error))


def _open_at_once() -> int:
    """The screen without the command line's packages: every import would be waited for before the first paint."""
    from silverprint.core.errors import SilverprintError
    from silverprint.ui.start import run

    try:
        return run() or 0
    except SilverprintError as error:
        from silverprint.cli.narration import code_of, tell_error

        tell_error(error)
        return code_of(error)
    except KeyboardInterrupt:
        return 130


def _probe(environ: Mapping[str, str], option: str | None, setting: str | None) -> Mapping[str, Any]:
    from dataclasses import asdict

    from silverprint.ui.terminal import look

    return asdict(look(environ, option=option, setting=setting))


def _open_app(paths: Paths, images: str | None, theme: str | None) -> int:
    from silverprint.ui.start import run

    return run(paths=paths, images=images, theme=theme) or 0


if __name__ == "__main__":
    main()
