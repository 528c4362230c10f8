"""``export``: copies of pictures in a folder, as they are or in another format."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from silverprint.cli.narration import FAILED, say
from silverprint.cli.output import Output
from silverprint.cli.records import picture_record
from silverprint.cli.session import Session, as_json, pass_session
from silverprint.core.errors import NotFound, PictureError, UsageError
from silverprint.core.picture import Picture

if TYPE_CHECKING:
    from silverprint.studio import Studio

_PAGE = 500


@click.command(short_help="Copy pictures to a folder.")
@click.argument("query", nargs=-1, metavar="[QUERY | ID...]")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where the copies go.",
)
@click.option(
    "--format", type=click.Choice(["png", "jpeg", "webp"]), help="Convert them; the recipe goes along."
)
@click.option("--name", "pattern", metavar="PATTERN", help="File names, such as {date}/{seed}-{id}.")
@as_json
@pass_session
def export(
    session: Session,
    *,
    query: tuple[str, ...],
    folder: Path,
    format: Literal["png", "jpeg", "webp"] | None,
    pattern: str | None,
    as_json: bool,
) -> int:
    """Copy pictures to FOLDER. Nothing there is replaced.

    Either IDs, or a QUERY as in ls; without either, every picture that is not in the trash.
    """
    output = Output(as_json=as_json)
    session.marked = " ".join(query)

    async def work() -> int:
        from silverprint.pictures.export import DEFAULT_PATTERN, export_picture

        async with session.studio() as studio:
            pictures = await _chosen(studio, query)
            bad = 0
            for picture in pictures:
                try:
                    copy = await asyncio.to_thread(
                        export_picture,
                        studio.path(picture),
                        picture,
                        folder,
                        pattern=pattern or DEFAULT_PATTERN,
                        format=format,
                    )
                except (PictureError, NotFound) as error:
                    # One file that is gone or damaged must not keep the others back.
                    bad += 1
                    say(f"{picture.id}: {error}")
                    continue
                if as_json:
                    output.record(picture_record(studio, picture) | {"copy": str(copy)})
                else:
                    output.line(str(copy))
            if not pictures:
                say("No picture fits.")
            return FAILED if bad else 0

    return session.run(work)


async def _chosen(studio: Studio, words: tuple[str, ...]) -> list[Picture]:
    """The pictures of ids, when every word is one; else what fits the words as a search."""
    if words:
        try:
            return [await studio.library.resolve(word) for word in words]
        except (NotFound, UsageError):
            pass
    found: list[Picture] = []
    while True:
        page = await studio.library.page(" ".join(words), limit=_PAGE, offset=len(found))
        found.extend(page)
        if len(page) < _PAGE:
            return found
