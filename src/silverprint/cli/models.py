"""``models``: which there are, what the services find, and what one takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from silverprint.cli.bill import price_words
from silverprint.cli.narration import FAILED, code_of, say, tell_error
from silverprint.cli.options import find_model, params_help
from silverprint.cli.output import Output
from silverprint.cli.records import form_record, model_record, provider_record
from silverprint.cli.session import Session, as_json, pass_session
from silverprint.core.errors import SilverprintError, UsageError
from silverprint.core.params import Form
from silverprint.core.provider import ModelInfo, Price, ProviderInfo
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.text import clean, one_line

if TYPE_CHECKING:
    from silverprint.studio import Studio

_of_provider = click.option("--provider", metavar="NAME", help="Only this provider's or server's.")


class _Models(click.Group):
    """A group whose words are a query, unless the first is one of its commands."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            return "list", _list, args
        return super().resolve_command(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "[--json] [--provider NAME] [WORDS]... | show REF")


@click.group(
    cls=_Models, invoke_without_command=True, short_help="List and search models; show what one takes."
)
@_of_provider
@as_json
@click.pass_context
def models(ctx: click.Context, *, provider: str | None, as_json: bool) -> int | None:
    """List the models that silverprint knows, of all providers, without asking anybody.

    With WORDS the services are searched too; one that can't be asked is told, and what is known of it is listed.
    """
    ctx.meta["silverprint.json"], ctx.meta["silverprint.provider"] = as_json, provider
    return _listing(ctx, "", provider, as_json) if ctx.invoked_subcommand is None else None


@click.command("list", hidden=True)
@click.argument("words", nargs=-1)
@_of_provider
@as_json
@click.pass_context
def _list(ctx: click.Context, *, words: tuple[str, ...], provider: str | None, as_json: bool) -> int:
    """List the models that fit WORDS."""
    wanted = provider or ctx.meta.get("silverprint.provider")
    return _listing(ctx, " ".join(words), wanted, as_json or bool(ctx.meta.get("silverprint.json")))


def _listing(ctx: click.Context, words: str, provider: str | None, as_json: bool) -> int:
    session = ctx.find_object(Session)
    assert session is not None
    output = Output(as_json=as_json)

    async def work() -> int:
        async with session.studio() as studio:
            names = studio.provider_names()
            if provider is not None and provider not in names:
                raise UsageError(f"There is no provider {provider}.", fix=f"They are: {', '.join(names)}.")
            found, problems = await _search(studio, words, provider)
        if as_json:
            for model in found:
                output.record(model_record(model))
        elif found:
            output.table(
                ("MODEL", "CAN DO", "PRICE", "NEEDS", "TITLE"),
                [_row(model) for model in found],
                flexible=("MODEL", "TITLE", "CAN DO"),
            )
        elif not problems:
            say(f"No model fits {words}." if words else "There is no model.")
        for name, error in problems.items():
            say(one_line(f"{name}: {error} {error.fix}", most=500))
        # One provider that fails must not hide the others, so this is an error only when nothing is left.
        codes = {code_of(error) for error in problems.values()}
        return 0 if found or not codes else codes.pop() if len(codes) == 1 else FAILED

    return session.run(work)


async def _search(
    studio: Studio, words: str, provider: str | None
) -> tuple[list[ModelInfo], Mapping[str, SilverprintError]]:
    """What the providers have, and who could not be asked; of those, what is known without asking."""
    found: list[ModelInfo] = []
    problems: dict[str, SilverprintError] = {}
    if provider is None:
        found.extend(await studio.models(words))
        problems.update(sorted(studio.problems.items()))
    else:
        try:
            found.extend(await (await studio.provider(provider)).models(words))
        except SilverprintError as error:
            problems[provider] = error
    for name in problems if words else ():
        found.extend(await _known(studio, name, words.lower().split()))
    return found, problems


async def _known(studio: Studio, name: str, words: Sequence[str]) -> list[ModelInfo]:
    """The models of the provider's own list that fit the words."""
    try:
        listed = await (await studio.provider(name)).models()
    except SilverprintError:
        return []  # it can't be loaded, which is told already
    return [model for model in listed if all(word in f"{model.ref} {model.title}".lower() for word in words)]


def _row(model: ModelInfo) -> tuple[str, ...]:
    return (
        str(model.ref),
        ", ".join(sorted(model.roles)),
        price_words(model.price),
        model.missing,
        model.title,
    )


@models.command(short_help="Show what a model takes.")
@click.argument("ref")
@as_json
@pass_session
def show(session: Session, *, ref: str, as_json: bool) -> None:
    """Show what the model REF takes, as options of gen; what its provider can do; and what it costs.

    REF may be a model that no list has, such as any of Replicate's: replicate:owner/name, or owner/name:version.
    """
    output = Output(as_json=as_json)

    async def work() -> None:
        async with session.studio() as studio:
            found, form = await find_model(studio, ref)
            provider = await studio.info(found.provider)
            model, problem = await _model(studio, found)
            price = model.price or await _default_price(studio, found, form)
        if as_json:
            about = model_record(model, price)
            output.record(about | {"form": form_record(form), "can": provider_record(provider)})
        else:
            _show(output, model, price, provider, form)
        if problem is not None:
            tell_error(problem)

    session.run(work)


async def _model(studio: Studio, ref: ModelRef) -> tuple[ModelInfo, SilverprintError | None]:
    """What the provider's own list says of the model; next to nothing for one that is in no list."""
    try:
        listed = await (await studio.provider(ref.provider)).models()
    except SilverprintError as error:
        return ModelInfo(ref=ref, title="", roles=frozenset()), error
    found = next((each for each in listed if each.ref == ref), None)
    return found or ModelInfo(ref=ref, title="", roles=frozenset()), None


async def _default_price(studio: Studio, ref: ModelRef, form: Form) -> Price | None:
    """The price of the model's simplest request."""
    return await studio.price(Recipe(ref=ref, prompt="a picture", params=form.defaults()))


def _show(output: Output, model: ModelInfo, price: Price | None, provider: ProviderInfo, form: Form) -> None:
    output.line(one_line(f"{model.ref}  {model.title}".rstrip()))
    roles = ", ".join(sorted(model.roles))
    source = {"service": ", by the service", "table": f", by our table of {price.as_of}" if price else ""}
    facts = (
        model.note,
        f"can do: {roles}" if roles else "",
        f"price: {price_words(price)}"
        + (source.get(price.source, "") if price is not None and price.usd else ""),
        model.licence,
        f"needs: {model.missing}" if model.missing else "",
        f"provider: {provider.title}: {_abilities(provider)}",
        "examples: " + " · ".join(model.examples) if model.examples else "",
    )
    for text in facts:
        if text:
            output.line(clean(one_line(text, most=1_000)))
    output.line("")
    rows = params_help(form)
    width = min(34, max((len(name) for name, _ in rows), default=0))
    for name, said in rows:
        output.line(f"  {one_line(name, most=400):<{width}}  {one_line(said, most=400)}".rstrip())


def _abilities(info: ProviderInfo) -> str:
    """What a provider can do, in words."""
    at_once = "one job at a time" if info.parallel == 1 else f"{info.parallel} jobs at once"
    claims = (
        ("previews", info.previews),
        ("cancels", info.cancels),
        ("a result can be claimed after a restart", info.resumable),
        ("a lost request can be looked up", info.looks_up),
        ("the seed is obeyed", info.seed_honoured),
        ("the seed is told", info.seed_returned),
    )
    words = [at_once, *(word for word, holds in claims if holds)]
    if info.results_live_s is not None:
        words.append(f"results are kept for {_span(info.results_live_s)}")
    return ", ".join(words)


def _span(seconds: float) -> str:
    for name, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.0f} seconds" if seconds < 60 else f"{seconds / 60:.2g} minutes"
