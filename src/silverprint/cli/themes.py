"""``themes``: which there are, where they come from, and which is in use."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import click

from silverprint.cli.narration import say
from silverprint.cli.output import Output
from silverprint.cli.session import Session, as_json, pass_session
from silverprint.core.text import one_line


@click.command(short_help="List the themes and where they come from.")
@as_json
@pass_session
def themes(session: Session, *, as_json: bool) -> None:
    """List the themes, the person's own before those that came along."""
    from silverprint.settings.paths import theme_folders

    output = Output(as_json=as_json)
    chosen = session.theme or session.settings.theme
    own, *_ = folders = theme_folders(session.paths)
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for folder in folders:
        for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
            theme = _read(path)
            name = theme["name"]
            rows.append(
                theme
                | {
                    "from": "yours" if folder == own else "silverprint",
                    "path": str(path),
                    "in_use": name == chosen and name not in seen,
                    "hidden": name in seen,
                }
            )
            seen.add(name)
    if as_json:
        for row in rows:
            output.record(row)
    else:
        output.table(
            ("", "NAME", "TITLE", "KIND", "FROM", "PATH"),
            [
                (
                    "●" if row["in_use"] else "",
                    row["name"],
                    row["problem"] or row["title"],
                    "dark" if row["dark"] else "light",
                    row["from"] + (" (hidden by yours)" if row["hidden"] else ""),
                    row["path"],
                )
                for row in rows
            ],
            flexible=("TITLE", "PATH"),
        )
    if chosen not in seen:
        say(f"There is no theme {one_line(chosen)}; the default is used.")
    say(f'Your own themes go into {own}; choose one in settings.toml: theme = "NAME"')


def _read(path: Path) -> dict[str, Any]:
    """What a theme file says of itself. Its colours are checked where they are used."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return {"name": path.stem, "title": path.stem, "dark": True, "problem": f"can't be read: {error}"}
    name = str(table.get("name") or path.stem)
    return {
        "name": name,
        "title": str(table.get("title") or name),
        "dark": bool(table.get("dark", True)),
        "problem": "",
    }
