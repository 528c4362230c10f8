"""The group of commands. A command's module is imported when the command is named; ``--help`` imports none.

Owns the way from arguments to an exit code. What each command does is its own module's.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from silverprint.cli.discretion import hide_with
from silverprint.cli.narration import DONE, FAILED, STOPPED, code_of, say, tell_error
from silverprint.cli.output import close_quietly, use_utf8
from silverprint.cli.session import OpenApp, Probe, Session, Wiring
from silverprint.core.errors import SilverprintError

COMMANDS: Mapping[str, tuple[str, str]] = {
    "gen": ("generate", "Make pictures from a prompt."),
    "ls": ("pictures", "List pictures, newest first."),
    "show": ("pictures", "Show all about one picture."),
    "redo": ("redo", "Make a picture again, exactly."),
    "jobs": ("jobs", "List jobs; cancel, retry and look them up."),
    "models": ("models", "List and search models; show what one takes."),
    "keys": ("keys", "Set, list, test and remove the services' keys."),
    "spend": ("spend", "Show what was spent, and the budget."),
    "rate": ("pictures", "Give pictures 0 to 5 stars."),
    "tag": ("pictures", "Show, add and remove tags."),
    "trash": ("pictures", "Put pictures in the trash."),
    "restore": ("pictures", "Take pictures out of the trash."),
    "export": ("export", "Copy pictures to a folder."),
    "rebuild": ("rebuild", "Make the index anew from the picture files."),
    "themes": ("themes", "List the themes and where they come from."),
    "doctor": ("doctor", "Check terminal, folders, database and models."),
    "completion": ("completion", "Print the completion script for a shell."),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and one line about each, and imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = COMMANDS.get(cmd_name)
        if found is None:
            return None
        command = getattr(importlib.import_module(f"silverprint.cli.{found[0]}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]}?" if near else f' To make a picture: silverprint gen "{args[0]}"'
            raise click.UsageError(f"There is no command {args[0]}.{hint}", ctx=ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from silverprint._version import __version__

        click.echo(f"silverprint {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Without a command the studio opens on the full screen.",
)
@click.option(
    "--home", type=click.Path(file_okay=False), help="Keep everything in this folder (as SILVERPRINT_HOME)."
)
@click.option(
    "--images",
    type=click.Choice(["auto", "kitty", "sixel", "half", "none"]),
    help="How the studio shows pictures.",
)
@click.option("--theme", metavar="NAME", help="The studio's theme for this time.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
@click.pass_context
def cli(ctx: click.Context, home: str | None, images: str | None, theme: str | None) -> None:
    """The terminal studio for AI images."""
    session = ctx.obj
    assert isinstance(session, Session)
    session.home, session.images, session.theme = home, images, theme
    if ctx.invoked_subcommand is None:
        if session.wiring.open_app is None:
            raise click.UsageError("There is no screen here; name a command.", ctx=ctx)
        ctx.exit(session.wiring.open_app(session.paths, images, theme))


def run(
    args: Sequence[str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    providers: Mapping[str, Any] | None = None,
    probe: Probe | None = None,
    open_app: OpenApp | None = None,
) -> int:
    """Run the command line and give its exit code; nothing is raised but what is a mistake of ours.

    ``providers`` replaces the registered ones, for tests. ``probe`` and ``open_app`` bring the screen in, which this
    package may not import.
    """
    use_utf8()
    hide_with(None)
    wiring = Wiring(
        environ=os.environ if environ is None else environ,
        providers=providers,
        probe=probe,
        open_app=open_app,
    )
    session = Session(wiring=wiring)
    given = list(sys.argv[1:] if args is None else args)
    try:
        code = cli.main(given, prog_name="silverprint", standalone_mode=False, obj=session)
        sys.stdout.flush()
        return code if isinstance(code, int) else DONE
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        _tell_usage(error)
        return error.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        say("Stopped.")
        return STOPPED
    except BrokenPipeError:
        close_quietly()
        return DONE
    except SilverprintError as error:
        tell_error(error, text=session.marked)
        return code_of(error)
    except OSError as error:
        where = f"{Path(os.fsdecode(error.filename))}: " if error.filename else ""
        say(f"silverprint: {where}{error.strerror or error}")
        return FAILED


def _tell_usage(error: click.ClickException) -> None:
    context = getattr(error, "ctx", None)
    say(f"silverprint: {error.format_message()}")
    if context is not None and context.command.get_help_option(context) is not None:
        say(f"  Try: {context.command_path} --help")
