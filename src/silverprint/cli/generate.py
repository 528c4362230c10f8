"""``gen``: make pictures from a prompt, say what they cost, and follow them to their end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from silverprint.cli.bill import bill_of, print_plan, refuse, tell
from silverprint.cli.follow import Follower, wants_previews
from silverprint.cli.narration import FAILED, REFUSED, say
from silverprint.cli.options import Wish, find_model, params_help, read_prompt, recipe_of
from silverprint.cli.options import seed_mode as choose_mode
from silverprint.cli.output import Output
from silverprint.cli.placing import placing
from silverprint.cli.session import Session, as_json, pass_session
from silverprint.core.errors import SilverprintError
from silverprint.core.expand import Spread
from silverprint.core.picture import Picture
from silverprint.core.text import one_line

if TYPE_CHECKING:
    from silverprint.core.params import Form
    from silverprint.core.recipe import ModelRef

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
    "--reference",
    "references",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PATH",
    help="A picture to go by; may be repeated.",
)
@click.option(
    "--control",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A picture that gives the outlines, depth or pose.",
)
@click.option(
    "--lora",
    "loras",
    multiple=True,
    metavar="NAME[:WEIGHT]",
    help="A LoRA by file name, id or address; may be repeated. A number after the last colon is its weight.",
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
@click.option("--dry-run", is_flag=True, help="Print what would be sent and its price, and send nothing.")
@click.option(
    "--max-price",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Send nothing if it all may cost more than this, or if nobody knows the price.",
)
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
    references: Sequence[Path],
    control: Path | None,
    loras: Sequence[str],
    settings: Sequence[str],
    out: str | None,
    force: bool,
    as_json: bool,
    preview: bool | None,
    dry_run: bool,
    max_price: float | None,
) -> int:
    """Make pictures from PROMPT and print where they are. What they cost is said before anything is sent.

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
        references=references,
        control=control,
        strength=strength,
        loras=loras,
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
            recipes = await studio.plan(recipe, **how)
            bill = await bill_of(studio, recipes)
            if dry_run:
                print_plan(output, recipes)
            tell(bill, output)
            if refuse(bill, max_price):
                return REFUSED
            if dry_run:
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
            # What was priced is what is sent: planning again would draw other wildcards and seeds.
            jobs = await follower.follow(lambda: studio.queue.add(recipes, prices=bill.prices))
            return follower.code(jobs) or (FAILED if failures else 0)

    return session.run(work)
