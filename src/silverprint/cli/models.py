"""``models``: which there are, and what one takes."""

from __future__ import annotations

import click

from silverprint.cli.narration import FAILED, code_of, say, tell_error
from silverprint.cli.options import find_model, params_help
from silverprint.cli.output import Output
from silverprint.cli.records import form_record, model_record
from silverprint.cli.session import Session, as_json, pass_session
from silverprint.core.provider import ModelInfo
from silverprint.core.text import clean, one_line


class _Models(click.Group):
    """A group whose words are a query, unless the first is one of its commands."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            return "list", _list, args
        return super().resolve_command(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "[--json] [QUERY]... | show REF")


@click.group(cls=_Models, invoke_without_command=True, short_help="List models; show what one takes.")
@as_json
@click.pass_context
def models(ctx: click.Context, *, as_json: bool) -> int | None:
    """List the models of all providers that fit QUERY; or show what one takes."""
    ctx.meta["silverprint.json"] = as_json
    return _listing(ctx, "", as_json) if ctx.invoked_subcommand is None else None


@click.command("list", hidden=True)
@click.argument("query", nargs=-1)
@as_json
@click.pass_context
def _list(ctx: click.Context, *, query: tuple[str, ...], as_json: bool) -> int:
    """List the models that fit QUERY."""
    return _listing(ctx, " ".join(query), as_json or bool(ctx.meta.get("silverprint.json")))


def _listing(ctx: click.Context, query: str, as_json: bool) -> int:
    session = ctx.find_object(Session)
    assert session is not None
    output = Output(as_json=as_json)

    async def work() -> int:
        async with session.studio() as studio:
            found = await studio.models(query)
            problems = dict(studio.problems)
        if as_json:
            for model in found:
                output.record(model_record(model))
        elif found:
            output.table(
                ("MODEL", "TASKS", "PRICE", "TITLE", "NOTE"),
                [_row(model) for model in found],
                flexible=("MODEL", "TITLE", "NOTE"),
            )
        elif not problems:
            say(f"No model fits {query}." if query else "There is no model.")
        for error in problems.values():
            tell_error(error)
        # One provider that fails must not hide the others, so this is an error only when nothing is left.
        codes = {code_of(error) for error in problems.values()}
        return 0 if found or not codes else codes.pop() if len(codes) == 1 else FAILED

    return session.run(work)


def _row(model: ModelInfo) -> tuple[str, ...]:
    return (
        str(model.ref),
        ", ".join(sorted(model.roles)),
        _price(model),
        model.title,
        model.missing or model.note,
    )


def _price(model: ModelInfo) -> str:
    if model.price is None:
        return ""
    if model.price.usd == 0:
        return "free"
    return ("about " if model.price.about else "") + f"${model.price.usd:.4g}"


@models.command(short_help="Show what a model takes.")
@click.argument("ref")
@as_json
@pass_session
def show(session: Session, *, ref: str, as_json: bool) -> None:
    """Show what the model REF is and takes, as options of gen."""
    output = Output(as_json=as_json)

    async def work() -> None:
        async with session.studio() as studio:
            found, form = await find_model(studio, ref)
            infos = await (await studio.provider(found.provider)).models()
        info = next((each for each in infos if each.ref == found), None)
        if as_json:
            about = (
                model_record(info) if info is not None else {"model": str(found), "provider": found.provider}
            )
            output.record(about | {"form": form_record(form)})
            return
        output.line(one_line(f"{found}" + (f"  {info.title}" if info is not None else "")))
        if info is not None:
            facts = (info.note, f"price: {_price(info)}" if _price(info) else "", info.licence, info.missing)
            for text in facts:
                if text:
                    output.line(clean(text))
            if info.examples:
                output.line("examples: " + one_line(" · ".join(info.examples), most=1_000))
        output.line("")
        rows = params_help(form)
        width = min(34, max((len(name) for name, _ in rows), default=0))
        for name, said in rows:
            output.line(f"  {one_line(name):<{width}}  {one_line(said)}".rstrip())

    session.run(work)
