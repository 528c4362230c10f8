"""``completion``: the script that teaches a shell silverprint's commands and options."""

from __future__ import annotations

import click

from silverprint.cli.output import Output


@click.command(short_help="Print the completion script for a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, *, shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash  silverprint completion bash > ~/.local/share/bash-completion/completions/silverprint
    zsh   silverprint completion zsh > ~/.zfunc/_silverprint      (with fpath+=~/.zfunc before compinit)
    fish  silverprint completion fish > ~/.config/fish/completions/silverprint.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None
    root = ctx.find_root().command
    Output(as_json=False).line(kind(root, {}, "silverprint", "_SILVERPRINT_COMPLETE").source())
