"""``doctor``: looks at everything silverprint stands on and says for each what is wrong and how to mend it.

Changes nothing. The checks themselves are in ``checks.py``.
"""

from __future__ import annotations

import sys

import click

from silverprint.cli.narration import FAILED, say
from silverprint.cli.output import Output, is_terminal
from silverprint.cli.session import Session, as_json, pass_session
from silverprint.core.text import clean

_SIGNS = {"ok": "✓", "warning": "!", "error": "✗"}
_COLOURS = {"ok": "32", "warning": "33", "error": "31"}


@click.command(short_help="Check terminal, folders, database and models.")
@click.option("--online", is_flag=True, help="Also ask each service whether it takes its key.")
@as_json
@pass_session
def doctor(session: Session, *, online: bool, as_json: bool) -> int:
    """Check terminal, settings, folders, database, versions, services, budget and the built-in model; each with its fix.

    For a service it tells the address in use, where that was set, and where its key comes from. The exit code is 1 when
    something is broken. It changes nothing, and sends nothing without --online.
    """
    from silverprint.cli.checks import every_check

    output = Output(as_json=as_json)
    coloured = is_terminal(sys.stdout) and not session.environ.get("NO_COLOR")
    worst = 0
    for check in every_check(session, online=online):
        if check.status == "error":
            worst = FAILED
        if as_json:
            output.record(check.record())
            continue
        sign = _SIGNS[check.status]
        if coloured:
            sign = f"\x1b[{_COLOURS[check.status]}m{sign}\x1b[0m"
        output.line(f"{sign} {clean(check.name):<10} {clean(check.said)}")
        if check.fix:
            output.line(f"  {'':<10} {clean(check.fix)}")
    if worst and not as_json:
        say("Something is broken: see the lines with ✗.")
    return worst
