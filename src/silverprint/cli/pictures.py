"""``ls``, ``show``, ``rate``, ``tag``, ``trash`` and ``restore``: the library on the command line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Literal

import click

from silverprint.cli.narration import say
from silverprint.cli.output import Output, path_text
from silverprint.cli.records import picture_record, recipe_record
from silverprint.cli.session import Session, as_json, pass_session
from silverprint.core.errors import UsageError
from silverprint.core.picture import Picture
from silverprint.core.text import clean

if TYPE_CHECKING:
    from silverprint.studio import Studio

IDS_HELP = "An ID is a picture's id, the beginning or end of it, or last, ~1, ~2 and so on."
_PAGE = 500


@click.command(short_help="List pictures, newest first.")
@click.argument("query", nargs=-1)
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(min=0),
    default=50,
    metavar="N",
    help="How many at most; 0 for all. Default 50.",
)
@click.option("--offset", type=click.IntRange(min=0), default=0, metavar="N", help="Leave out the first N.")
@click.option(
    "--sort", type=click.Choice(["made", "rating", "model", "seed"]), default="made", help="Default made."
)
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option("--trashed", is_flag=True, help="What is in the trash.")
@click.option("--count", "only_count", is_flag=True, help="Only print how many there are.")
@as_json
@pass_session
def ls(
    session: Session,
    *,
    query: tuple[str, ...],
    limit: int,
    offset: int,
    sort: Literal["made", "rating", "model", "seed"],
    reverse: bool,
    trashed: bool,
    only_count: bool,
    as_json: bool,
) -> None:
    """List the pictures that fit QUERY.

    QUERY is words, "phrases" and fields, all of which must fit: model: provider: seed: rating:>=3 tag: board: after:
    before: on: task: is:starred has:lora. A - before one means that it must not. Put -- before a QUERY that begins with -.
    """
    output = Output(as_json=as_json)
    text = session.marked = " ".join(query)

    async def work() -> None:
        async with session.studio() as studio:
            if only_count:
                number = await studio.library.count(text, trashed=trashed)
                output.record({"count": number}) if as_json else output.line(str(number))
                return
            found: list[Picture] = []
            place, left = offset, limit or None
            while output.is_open:
                size = min(_PAGE, left) if left is not None else _PAGE
                page = await studio.library.page(
                    text, sort=sort, descending=not reverse, limit=size, offset=place, trashed=trashed
                )
                if as_json:
                    for picture in page:
                        output.record(picture_record(studio, picture))
                else:
                    found.extend(page)
                place += size
                left = left - size if left is not None else None
                if len(page) < size or left == 0:
                    break
            if not as_json:
                if found:
                    _table(output, studio, found)
                else:
                    say(_why_none(studio, text, trashed))

    session.run(work)


def _why_none(studio: Studio, query: str, trashed: bool) -> str:
    if query:
        return "No picture fits."
    if trashed:
        return "The trash is empty."
    if next(studio.paths.pictures.glob("*/*.*"), None) is not None:
        return "No pictures in the index, but there are picture files: `silverprint rebuild` reads them."
    return 'No pictures. `silverprint gen "a red apple"` makes one.'


def _table(output: Output, studio: Studio, pictures: Sequence[Picture]) -> None:
    output.table(
        ("ID", "MADE", "MODEL", "SEED", "RATING", "PROMPT", "PATH"),
        [
            (
                picture.id,
                f"{picture.made.astimezone():%Y-%m-%d %H:%M}",
                str(picture.recipe.ref),
                "" if picture.seed is None else str(picture.seed),
                "★" * picture.rating,
                picture.recipe.prompt,
                path_text(studio.path(picture)),
            )
            for picture in pictures
        ],
        flexible=("PROMPT", "MODEL"),
        piped=("PATH",),
    )


@click.command(short_help="Show all about one picture.", epilog=IDS_HELP)
@click.argument("id", default="last")
@as_json
@pass_session
def show(session: Session, *, id: str, as_json: bool) -> None:
    """Show all about the picture ID: the recipe, the file and what was said of it. Default: the newest."""
    output = Output(as_json=as_json)

    async def work() -> None:
        async with session.studio() as studio:
            picture = await studio.library.resolve(id)
            record = picture_record(studio, picture)
            if as_json:
                output.record(record | {"recipe": recipe_record(picture.recipe)})
                return
            for name, value in _lines(record, picture):
                output.line(f"{name:<14}" + clean(value).replace("\n", "\n" + " " * 14))

    session.run(work)


def _lines(record: dict[str, object], picture: Picture) -> list[tuple[str, str]]:
    recipe, file = picture.recipe, picture.file
    rows: list[tuple[str, object]] = [
        ("id", picture.id),
        ("path", record["path"]),
        ("prompt", recipe.prompt),
        ("template", recipe.template),
        ("negative", recipe.negative_prompt),
        ("model", recipe.ref),
        ("seed", picture.seed),
        *((name, value) for name, value in sorted(recipe.params.items())),
        *((source.role, f"{source.name} {source.sha256[:12]}".strip()) for source in recipe.sources),
        *(("lora", f"{lora.name} {lora.weight:g}") for lora in recipe.loras),
        ("size", f"{file.width}x{file.height}, {file.media_type}, {file.size:,} bytes"),
        ("made", f"{picture.made.astimezone():%Y-%m-%d %H:%M:%S %z}"),
        ("took", f"{picture.seconds:.1f} s" if picture.seconds is not None else None),
        ("price", f"${picture.price_usd:.4f}" if picture.price_usd is not None else None),
        ("grade", picture.grade.value),
        ("engine", _engine(picture)),
        ("rating", "★" * picture.rating),
        ("tags", ", ".join(sorted(picture.tags))),
        ("boards", ", ".join(sorted(picture.boards))),
        ("starred", "yes" if picture.starred else None),
        ("parent", picture.parent),
        (
            "trashed",
            f"{picture.trashed.astimezone():%Y-%m-%d %H:%M}" if picture.trashed is not None else None,
        ),
        ("sha256", file.sha256),
        ("pixels sha256", file.pixels_sha256),
    ]
    return [(name, str(value)) for name, value in rows if value is not None and str(value) != ""]


def _engine(picture: Picture) -> str:
    engine = picture.recipe.engine
    if engine is None:
        return ""
    versions = ", ".join(f"{name} {version}" for name, version in sorted(engine.versions.items()))
    model = f"model {engine.model_sha256[:12]}" if engine.model_sha256 else ""
    return "; ".join(part for part in (engine.name, versions, engine.device, model) if part)


def _change(
    session: Session,
    ids: Sequence[str],
    as_json: bool,
    change: Callable[[Studio, list[str]], Awaitable[list[Picture]]],
    said: Callable[[Picture], str],
    *,
    trashed: bool = False,
) -> None:
    """Resolve the ids, all of them before anything is changed, then change and tell each."""
    output = Output(as_json=as_json)

    async def work() -> None:
        async with session.studio() as studio:
            wanted = [(await studio.library.resolve(id, trashed=trashed)).id for id in ids]
            for picture in await change(studio, wanted):
                if as_json:
                    output.record(picture_record(studio, picture))
                else:
                    say(f"{picture.id}: {said(picture)}")

    session.run(work)


@click.command(short_help="Give pictures 0 to 5 stars.", epilog=IDS_HELP)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.argument("rating", type=click.IntRange(0, 5), metavar="N")
@as_json
@pass_session
def rate(session: Session, *, ids: tuple[str, ...], rating: int, as_json: bool) -> None:
    """Give the pictures N stars; 0 takes them away."""
    _change(
        session,
        ids,
        as_json,
        lambda studio, wanted: studio.library.rate(wanted, rating),
        lambda picture: "★" * picture.rating or "no stars",
    )


@click.command(
    short_help="Show, add and remove tags.",
    epilog=IDS_HELP,
    context_settings={"ignore_unknown_options": True},
)
@click.argument("id")
@click.argument("tags", nargs=-1, metavar="[TAG | +TAG | -TAG]...", type=click.UNPROCESSED)
@as_json
@pass_session
def tag(session: Session, *, id: str, tags: tuple[str, ...], as_json: bool) -> None:
    """Add TAG or +TAG to the picture, take -TAG off it. Without any, show its tags."""
    add = [one.removeprefix("+") for one in tags if not one.startswith("-")]
    remove = [one[1:] for one in tags if one.startswith("-")]
    if any(one.startswith("-") for one in remove):
        raise UsageError(
            f"There is no option {next(one for one in tags if one.startswith('--'))}.",
            fix="Try: silverprint tag --help",
        )

    def said(picture: Picture) -> str:
        return ", ".join(sorted(picture.tags)) or "no tags"

    if tags:
        _change(session, [id], as_json, lambda studio, ids: studio.library.tag(ids, add, remove), said)
        return
    output = Output(as_json=as_json)

    async def work() -> None:
        async with session.studio() as studio:
            picture = await studio.library.resolve(id)
            if as_json:
                output.record(picture_record(studio, picture))
            else:
                for name in sorted(picture.tags):
                    output.line(clean(name))

    session.run(work)


@click.command(short_help="Put pictures in the trash.", epilog=IDS_HELP)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@as_json
@pass_session
def trash(session: Session, *, ids: tuple[str, ...], as_json: bool) -> None:
    """Put the pictures in the trash. Their files stay; restore takes them out again."""
    _change(
        session,
        ids,
        as_json,
        lambda studio, wanted: studio.library.trash(wanted),
        lambda picture: f"in the trash; silverprint restore {picture.id}",
    )


@click.command(short_help="Take pictures out of the trash.", epilog=IDS_HELP)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@as_json
@pass_session
def restore(session: Session, *, ids: tuple[str, ...], as_json: bool) -> None:
    """Take the pictures out of the trash. Here last is the newest picture that is in it."""
    _change(
        session,
        ids,
        as_json,
        lambda studio, wanted: studio.library.restore(wanted),
        lambda picture: "out of the trash",
        trashed=True,
    )
