"""``redo``: make a picture again from its own recipe, compare the two, or carry the recipe to another model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from silverprint.cli.bill import bill_of, print_plan, refuse, tell
from silverprint.cli.follow import Follower, wants_previews
from silverprint.cli.narration import FAILED, REFUSED, say
from silverprint.cli.options import find_model
from silverprint.cli.output import Output
from silverprint.cli.session import Session, as_json, pass_session
from silverprint.core.errors import UsageError
from silverprint.core.grade import Grade, Verdict
from silverprint.core.text import one_line

if TYPE_CHECKING:
    from silverprint.core.recipe import Recipe
    from silverprint.studio import Studio


@click.command(short_help="Make a picture again, exactly.")
@click.argument("id")
@click.option(
    "--verify", is_flag=True, help="Compare the new picture with the old: bit-exact, near or different."
)
@click.option("--model", "-m", metavar="REF", help="Carry the recipe to this model, as far as it takes it.")
@as_json
@click.option("--preview/--no-preview", default=None, help="Show the picture in the terminal while it forms.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent and its price, and send nothing.")
@click.option(
    "--max-price",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Send nothing if it may cost more than this, or if nobody knows the price.",
)
@pass_session
def redo(
    session: Session,
    *,
    id: str,
    verify: bool,
    model: str | None,
    as_json: bool,
    preview: bool | None,
    dry_run: bool,
    max_price: float | None,
) -> int:
    """Make the picture ID again from its own recipe and seed.

    ID is a picture's id, the beginning or end of it, or last, ~1, ~2 and so on. With --verify the exit code is 1 when the
    two pictures are different; how much a service promises is said with it. With --model it is said what of the recipe was
    kept, adapted and dropped.
    """
    if verify and model is not None:
        raise UsageError("--verify compares with the same model's picture.", fix="Leave --model out.")
    output = Output(as_json=as_json)

    async def work() -> int:
        async with session.studio(run_queue=not dry_run) as studio:
            picture = await studio.library.resolve(id)
            recipe = replace(picture.recipe, engine=None, seed=picture.seed)
            if model is not None:
                recipe = await _carried(studio, output, recipe, model)
            bill = await bill_of(studio, [recipe])
            if dry_run:
                print_plan(output, [recipe])
            tell(bill, output)
            if refuse(bill, max_price):
                return REFUSED
            if dry_run:
                return 0
            follower = Follower(studio, output, previews=wants_previews(preview, as_json=as_json))
            (job,) = await follower.follow(
                lambda: studio.queue.add([recipe], parent=picture.id, prices=bill.prices)
            )
            code = follower.code([job])
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
                say(verdict_sentence(verdict, picture.grade))
            return FAILED if verdict.word == "different" else 0

    return session.run(work)


async def _carried(studio: Studio, output: Output, recipe: Recipe, model: str) -> Recipe:
    """The recipe for another model; what became of its parts is said. Raises BadRecipe, UsageError, ProviderError."""
    from silverprint.core.check import check_recipe
    from silverprint.core.transfer import transfer

    ref, form = await find_model(studio, model)
    carried = transfer(recipe, ref, form)
    if output.as_json:
        output.record(
            {
                "event": "transfer",
                "from": str(recipe.ref),
                "to": str(ref),
                "kept": list(carried.kept),
                "adapted": [{"name": name, "old": old, "new": new} for name, old, new in carried.adapted],
                "dropped": list(carried.dropped),
            }
        )
    if said := carried.sentence():
        say(one_line(f"{ref}: {said}", most=2_000))
    return check_recipe(form, carried.recipe)


def verdict_sentence(verdict: Verdict, grade: Grade) -> str:
    """What a comparison found, and what was promised where the pictures are not the same."""
    if verdict.word == "bit-exact":
        return "bit-exact: every pixel is the same"
    if verdict.worst < 0:
        said = "different: the two have different sizes"
    else:
        said = f"{verdict.word}: the channels differ by {verdict.mean:.3g} of 255 on average, by {verdict.worst} at most"
    promises = {
        Grade.EXACT: "here it should be bit-exact",
        Grade.HARDWARE: "it is promised on the same class of hardware only",
        Grade.APPROXIMATE: "only something near was promised",
        Grade.NONE: "the same picture was not promised",
    }
    return f"{said}; {promises[grade]}"
