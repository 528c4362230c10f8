"""``gen`` and ``redo``: make pictures and follow them to their end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from silverprint.cli.follow import Follower, wants_previews
from silverprint.cli.narration import FAILED, code_of_jobs, say
from silverprint.cli.options import Wish, find_model, params_help, read_prompt, recipe_of
from silverprint.cli.options import seed_mode as choose_mode
from silverprint.cli.output import Output
from silverprint.cli.placing import placing
from silverprint.cli.records import recipe_record
from silverprint.cli.session import Session, as_json, pass_session
from silverprint.core.errors import SilverprintError
from silverprint.core.expand import Spread
from silverprint.core.picture import Picture
from silverprint.core.text import one_line

if TYPE_CHECKING:
    from silverprint.core.params import Form
    from silverprint.core.recipe import ModelRef, Recipe

_MODEL_OPTIONS = ("--model", "-m")


class GenCommand(click.Command):
    """``gen``, whose help goes on with the parameters of the model that stands beside it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for place, word in enumerate(args):
            name, equals, value = word.partition("=")
            if name in _MODEL_OPTIONS:
                ctx.meta["silverprint.model"] = value if equals else next(iter(args[place + 1 :]), "")
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        model = ctx.meta.get("silverprint.model")
        if not model:
            formatter.write_paragraph()
            formatter.write_text("With --model REF, this help also lists what that model takes.")
            return
        session = ctx.find_object(Session)
        assert session is not None

        async def form() -> tuple[ModelRef, Form]:
            async with session.studio() as studio:
                return await find_model(studio, model)

        ref, found = session.run(form)
        with formatter.section(f"What {one_line(str(ref))} takes"):
            formatter.write_dl([(one_line(name), one_line(said)) for name, said in params_help(found)])


@click.command(cls=GenCommand, short_help="Make pictures from a prompt.")
@click.argument("prompt")
@click.option(
    "--model", "-m", metavar="REF", help="The model, as provider:model. Default: from the settings."
)
@click.option(
    "--seed", "-s", type=click.IntRange(min=0), metavar="N", help="The seed. Without it, a new one each time."
)
@click.option(
    "--seed-mode",
    type=click.Choice(["locked", "step", "random"]),
    help="How a batch uses the seed: the same for all, one more for each, or random. "
    "Default with --seed: step for --count above 1, else locked.",
)
@click.option(
    "--count",
    "-n",
    type=click.IntRange(1, 1000),
    default=1,
    metavar="N",
    help="How many pictures. Default 1.",
)
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Every combination of the prompt's {a|b} and __name__, --count times each.",
)
@click.option("--negative", default="", metavar="TEXT", help="What should not be in the picture.")
@click.option("--image", type=click.Path(path_type=Path), metavar="PATH", help="Start from this picture.")
@click.option("--strength", metavar="X", help="How far the picture given with --image may change.")
@click.option(
    "--mask",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Repaint only where this picture is white.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the model; may be repeated.",
)
@click.option(
    "--out",
    "-o",
    metavar="PATH",
    help="Also copy each picture there: a file, a folder, or a pattern such as out/{seed}-{number}.png.",
)
@click.option("--force", is_flag=True, help="Let --out replace files; without it they get -2, -3 and so on.")
@as_json
@click.option("--preview/--no-preview", default=None, help="Show the picture in the terminal while it forms.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent, and send nothing.")
@pass_session
def gen(
    session: Session,
    *,
    prompt: str,
    model: str | None,
    seed: int | None,
    seed_mode: str | None,
    count: int,
    every: bool,
    negative: str,
    image: Path | None,
    strength: str | None,
    mask: Path | None,
    settings: Sequence[str],
    out: str | None,
    force: bool,
    as_json: bool,
    preview: bool | None,
    dry_run: bool,
) -> int:
    """Make pictures from PROMPT and print where they are.

    PROMPT may hold {a|b} and __name__ wildcards. It is read from standard input for -, from a file for @FILE; one that
    begins with @ itself is written with @@.
    """
    text = session.marked = read_prompt(prompt)
    wish = Wish(
        prompt=text,
        model=model or session.settings.default_model,
        negative=negative,
        seed=seed,
        settings=settings,
        image=image,
        mask=mask,
        strength=strength,
    )
    how: dict[str, Any] = {
        "mode": choose_mode(seed_mode, seed=seed, count=count),
        "count": count,
        "spread": Spread.ALL if every else Spread.RANDOM,
    }
    target = placing(out, replace=force) if out is not None else None
    if target is not None and target.pattern is not None:
        from silverprint.pictures.export import check_pattern

        session.marked = target.pattern
        check_pattern(target.pattern)  # before anything is made: a mistake here must not cost a picture
        session.marked = text
    output = Output(as_json=as_json)

    async def work() -> int:
        async with session.studio(run_queue=not dry_run) as studio:
            ref, form = await find_model(studio, wish.model)
            recipe = await recipe_of(studio, ref, form, wish)
            if dry_run:
                _print_plan(output, await studio.plan(recipe, **how))
                return 0
            failures: list[SilverprintError] = []

            async def keep(picture: Picture) -> str | None:
                if target is None:
                    return None
                try:
                    return await target.keep(studio, picture)
                except SilverprintError as error:
                    # The picture itself is safe in the library, and the others of the batch go on.
                    failures.append(error)
                    say(f"{picture.id}: not copied: {error}")
                    return None

            follower = Follower(
                studio,
                output,
                previews=wants_previews(preview, as_json=as_json),
                keep=keep if target else None,
            )
            jobs = await follower.follow(lambda: studio.develop(recipe, **how))
            return code_of_jobs(jobs) or (FAILED if failures else 0)

    return session.run(work)


def _print_plan(output: Output, recipes: Sequence[Recipe]) -> None:
    if output.as_json:
        for recipe in recipes:
            output.record({"event": "recipe", **recipe_record(recipe)})
        return
    output.table(
        ("MODEL", "SEED", "PARAMETERS", "PROMPT"),
        [
            (
                str(recipe.ref),
                "" if recipe.seed is None else str(recipe.seed),
                " ".join(f"{name}={value}" for name, value in recipe.params.items()),
                recipe.prompt,
            )
            for recipe in recipes
        ],
        flexible=("PARAMETERS", "PROMPT"),
    )


@click.command(short_help="Make a picture again, exactly.")
@click.argument("id")
@click.option(
    "--verify", is_flag=True, help="Compare the new picture with the old: bit-exact, near or different."
)
@as_json
@click.option("--preview/--no-preview", default=None, help="Show the picture in the terminal while it forms.")
@pass_session
def redo(session: Session, *, id: str, verify: bool, as_json: bool, preview: bool | None) -> int:
    """Make the picture ID again from its own recipe and seed.

    ID is a picture's id, the beginning or end of it, or last, ~1, ~2 and so on. With --verify the exit code is 1 when the
    two pictures are different.
    """
    output = Output(as_json=as_json)

    async def work() -> int:
        async with session.studio(run_queue=True) as studio:
            picture = await studio.library.resolve(id)
            follower = Follower(studio, output, previews=wants_previews(preview, as_json=as_json))

            async def begin() -> list[Any]:
                return [await studio.redo(picture)]

            (job,) = await follower.follow(begin)
            code = code_of_jobs([job])
            if code or not verify:
                return code
            verdict = await studio.verify(picture, job)
            if as_json:
                output.record(
                    {
                        "event": "verdict",
                        "verdict": verdict.word,
                        "mean": verdict.mean,
                        "worst": verdict.worst,
                        "of": picture.id,
                        "job": job.id,
                        "grade": picture.grade.value,
                    }
                )
            else:
                say(_sentence(verdict.word, verdict.mean, verdict.worst))
            return FAILED if verdict.word == "different" else 0

    return session.run(work)


def _sentence(word: str, mean: float, worst: int) -> str:
    if worst < 0:
        return "different: the two have different sizes"
    if word == "bit-exact":
        return "bit-exact: every pixel is the same"
    return f"{word}: the channels differ by {mean:.3g} of 255 on average, by {worst} at most"
