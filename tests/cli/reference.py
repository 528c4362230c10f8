"""docs/cli.md, made from the commands' own help."""

from __future__ import annotations

import click

from silverprint.cli.main import COMMANDS, cli
from silverprint.cli.session import Session, Wiring

WIDTH = 100
HEAD = """# The command line

This page is made from the program's own help: `make docs` writes it anew, and a test fails when it is out of date.

`silverprint` alone opens the studio on the full screen. Every command below works without it, over ssh, in scripts and
beside an open studio.

**Output.** Data goes to stdout, talk to stderr. With `--json` each line of stdout is one JSON object; without it, a
table on a terminal and tab-separated lines in a pipe. `gen`, `redo` and `jobs retry` with `--json` print events:
`price`, `job` (each state), `progress`, `picture`, `failed`, `paused`, and `verdict` for `redo --verify`; `--dry-run` prints
`recipe` and `price`. `spend --json` prints `spend` and, last, `budget`; `jobs lookup --json` prints `found`.

**Exit codes.** 0 done · 1 a picture could not be made, or something is broken · 2 usage or settings · 3 unreachable, try
again · 4 refused: key, credit or content · 130 stopped.

**Money.** What a command costs is said on stderr before anything is sent; `--max-price` refuses what may cost more. When a
service has no credit or no good key, or when the budget is reached, the jobs of the command that were not sent are cancelled
and listed with the reason and its fix, and the exit code is 4.

**Keys** never appear on stdout or stderr; `keys list` shows at most the last four signs. [More about keys](settings.md#keys).

**ctrl+c** cancels what runs and leaves what waits to the next start; `silverprint jobs cancel --all` drops it.

**Seeds.** Without `--seed` every picture gets a new one, and it is recorded. With `--seed N` one picture uses N; with
`--count` above 1 the seeds are N, N+1, N+2 and so on, unless `--seed-mode` says otherwise. `--all` with the default
count keeps N for every combination, so that only the words differ.

**Environment.** `SILVERPRINT_HOME` puts everything into one folder, `NO_COLOR` takes the colours away.

**Completion.** `silverprint completion bash`, `zsh` or `fish` prints a script for the shell.

The search language of `ls` and `export` has [a page of its own](search.md).
"""


def reference() -> str:
    """The whole page."""
    parts = [HEAD, _section(cli, "silverprint", None, depth=2)]
    root = click.Context(cli, info_name="silverprint", obj=Session(wiring=Wiring(environ={})))
    for name in COMMANDS:
        command = cli.get_command(root, name)
        assert command is not None
        parts.append(_section(command, name, root, depth=2))
        if isinstance(command, click.Group):
            parent = click.Context(command, info_name=name, parent=root)
            for child in command.list_commands(parent):
                found = command.get_command(parent, child)
                assert found is not None
                parts.append(_section(found, child, parent, depth=3))
    return "\n".join(parts)


def _section(command: click.Command, name: str, parent: click.Context | None, *, depth: int) -> str:
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH
    )
    context.help_option_names = ["-h", "--help"]
    return f"{'#' * depth} {context.command_path}\n\n```\n{command.get_help(context).rstrip()}\n```\n"
