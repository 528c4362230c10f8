"""``keys``: the services' keys, kept, listed without being shown, tried and removed.

A key comes from a prompt without echo or from standard input, never from an argument. Where keys are kept is
``settings/secrets.py``'s.
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from silverprint.cli.narration import FAILED, REFUSED, UNREACHABLE, code_of, say, tell_error
from silverprint.cli.output import Output
from silverprint.cli.session import Session, as_json, pass_session
from silverprint.core.errors import KeyMissing, KeyRefused, SilverprintError, UsageError
from silverprint.core.text import one_line

if TYPE_CHECKING:
    from silverprint.settings.secrets import Kept
    from silverprint.studio import Studio

_MOST_BYTES = 10_000
_WORST_FIRST = (REFUSED, UNREACHABLE, FAILED)


class _Quiet(click.Command):
    """A command that never repeats what was typed beside its NAME: it may be a key."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = [word for word in args if word not in ("-h", "--help", "--json", "--")]
        most = sum(isinstance(param, click.Argument) for param in self.params)
        if len(words) > most or any(word.startswith("-") for word in words):
            raise click.UsageError(
                f"{ctx.command_path} takes {'a NAME and nothing else' if most else 'no words'}. A key is asked for, "
                "or read from standard input; as an argument it would stay in the shell's history.",
                ctx=ctx,
            )
        return super().parse_args(ctx, args)


class _Keys(click.Group):
    """A group that does not repeat an unknown word: it may be a key."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            raise click.UsageError("There is only: " + ", ".join(self.list_commands(ctx)) + ".", ctx=ctx)
        return super().resolve_command(ctx, args)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a key is for. ``key`` is the name it is kept under; ``problem`` why the provider can't be used."""

    name: str
    key: str
    title: str
    page: str = ""
    needs_key: bool = True
    problem: SilverprintError | None = None


@click.group(cls=_Keys, short_help="Set, list, test and remove the services' keys.")
def keys() -> None:
    """Keep the services' keys. They are looked for in the environment, then the keyring, then a private file."""


@keys.command("set", cls=_Quiet, short_help="Keep a key.")
@click.argument("name")
@pass_session
def set_key(session: Session, *, name: str) -> None:
    """Keep the key of service NAME: asked for on a terminal, else read from standard input."""
    service = session.run(lambda: _service(session, name))
    value = _read(service)

    async def work() -> None:
        async with session.studio() as studio:
            place = await asyncio.to_thread(studio.secrets.set, service.key, value)
            used = await asyncio.to_thread(studio.secrets.find, service.key)
            await studio.key_changed(service.name)
        say(f"{service.name}: the key is kept in {_place(place)}.")
        if used is not None and used.place == "environment":
            say(f"  {used.variable} in the environment is used before it.")
        elif service.problem is None:
            say(f"  `silverprint keys test {service.name}` tries it.")

    session.run(work)


@keys.command("list", cls=_Quiet, short_help="List the services, and where their keys come from.")
@as_json
@pass_session
def list_keys(session: Session, *, as_json: bool) -> None:
    """List the services that take a key: where it comes from, its last signs, and where to get one."""
    from silverprint.settings.secrets import masked

    output = Output(as_json=as_json)

    async def work() -> list[tuple[Service, Kept | None]]:
        async with session.studio() as studio:
            return [
                (service, await asyncio.to_thread(studio.secrets.find, service.key))
                for service in await _services(studio)
            ]

    found = session.run(work)
    if as_json:
        for service, kept in found:
            output.record(_record(service, kept))
        return
    output.table(
        ("NAME", "KEY", "FROM", "GET ONE AT"),
        [
            (
                service.name,
                masked(kept.value) if kept is not None else "—" if service.needs_key else "not needed",
                _origin(kept),
                service.page,
            )
            for service, kept in found
        ],
        flexible=("FROM", "GET ONE AT"),
    )
    for service, _ in found:
        if service.problem is not None:
            tell_error(service.problem)


@keys.command("test", short_help="Ask the services whether they take the keys.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@as_json
@pass_session
def test_keys(session: Session, *, names: tuple[str, ...], as_json: bool) -> int:
    """Ask each service NAME, at no cost, whether it takes its key. Without a NAME: all that have a key.

    The exit code is 4 when a key is missing or refused, 3 when a service can't be reached.
    """
    output = Output(as_json=as_json)

    async def work() -> int:
        async with session.studio() as studio:
            services = await _services(studio)
            if names:
                services = list(
                    {each.name: each for each in (_named(services, name) for name in names)}.values()
                )
            else:
                has = [await asyncio.to_thread(studio.secrets.find, service.key) for service in services]
                services = [service for service, kept in zip(services, has, strict=True) if kept is not None]
            answers = await asyncio.gather(*(_probe(studio, service) for service in services))
        for service, answer in zip(services, answers, strict=True):
            _tell(output, service, answer)
        if not services:
            say("No key is set. `silverprint keys list` says where to get one.")
            return REFUSED
        codes = {code_of(answer) for answer in answers if isinstance(answer, SilverprintError)}
        return next((code for code in _WORST_FIRST if code in codes), max(codes, default=0))

    return session.run(work)


@keys.command("remove", cls=_Quiet, short_help="Forget a key.")
@click.argument("name")
@pass_session
def remove_key(session: Session, *, name: str) -> None:
    """Forget the key of service NAME. A variable in the environment stays."""
    service = session.run(lambda: _service(session, name))

    async def work() -> None:
        async with session.studio() as studio:
            removed = await asyncio.to_thread(studio.secrets.remove, service.key)
            left = await asyncio.to_thread(studio.secrets.find, service.key)
            await studio.key_changed(service.name)
        say(f"{service.name}: " + ("the key is removed." if removed else "no key was kept."))
        if left is not None and left.place == "environment":
            say(f"  {left.variable} in the environment stays, and is used; take it out there.")
        elif left is not None:
            say(f"  {_place(left.place)} could not be changed, and still has the key.")

    session.run(work)


async def _service(session: Session, name: str) -> Service:
    async with session.studio() as studio:
        return _named(await _services(studio), name)


async def _services(studio: Studio) -> list[Service]:
    """All that take a key, by name: the services that need one, and the person's own servers."""
    from silverprint.settings.addresses import own_servers
    from silverprint.settings.secrets import VARIABLES

    own = set(own_servers(studio.settings.providers))
    found = []
    for name in studio.provider_names():
        try:
            info = (await studio.provider(name)).info
        except SilverprintError as error:
            # Its key can still be set: the key may be just what is being put in order.
            if name in own or name in VARIABLES:
                found.append(Service(name=name, key=name, title=name, problem=error))
            continue
        if info.needs_key or name in own:
            found.append(
                Service(
                    name=name,
                    key=name if name in own else info.key_name or name,
                    title=info.title,
                    page=info.key_page,
                    needs_key=info.needs_key,
                )
            )
    return found


def _named(services: list[Service], text: str) -> Service:
    """The service that is meant. Raises UsageError, which names near ones and never ``text``: it may be a key."""
    from silverprint.settings.secrets import usual_name

    known = {service.name: service for service in services}
    wanted = text.strip().lower()
    found = known.get(text.strip()) or known.get(wanted) or known.get(usual_name(wanted))
    if found is not None:
        return found
    near = get_close_matches(wanted, known, n=3)
    said = "There is no service of that name that takes a key"
    raise UsageError(
        f"{said}; did you mean {', '.join(near)}?" if near else f"{said}.",
        fix=f"They are: {', '.join(known)}." if known else "None of the providers here needs one.",
    )


def _read(service: Service) -> str:
    """The key, from a prompt that shows nothing, or from a pipe. Raises UsageError, Abort."""
    if not sys.stdin.isatty():
        data = sys.stdin.buffer.read(_MOST_BYTES)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            # Raised outside would be kinder to read, but the decoder's error must not carry the key along.
            pass
        raise UsageError("That is not a key.", fix="Give the key alone, on one line.")
    from getpass import GetPassWarning, getpass

    where = f" (get one at {one_line(service.page)})" if service.page else ""
    with warnings.catch_warnings():
        warnings.simplefilter("error", GetPassWarning)
        try:
            return getpass(f"Key for {one_line(service.title)}{where}: ", stream=sys.stderr)
        except GetPassWarning:
            pass
        except EOFError:
            raise click.Abort from None
    raise UsageError(
        "This terminal would show the key.",
        fix=f"Give it by a pipe: silverprint keys set {service.name} < FILE",
    )


async def _probe(studio: Studio, service: Service) -> str | SilverprintError:
    try:
        return await studio.probe(service.name)
    except SilverprintError as error:
        return error


def _tell(output: Output, service: Service, answer: str | SilverprintError) -> None:
    if output.as_json:
        record: dict[str, Any] = {"name": service.name, "ok": isinstance(answer, str)}
        if isinstance(answer, str):
            record["said"] = one_line(answer)
        else:
            record |= {"kind": type(answer).__name__, "message": str(answer), "fix": answer.fix}
        output.record(record)
    elif isinstance(answer, str):
        output.line(f"{service.name}: {one_line(answer) or 'the key is taken'}")
    else:
        say(f"{service.name}: {one_line(str(answer), most=1_000)}")
        if answer.fix:
            say(f"  {one_line(answer.fix, most=1_000)}")
        if isinstance(answer, KeyMissing | KeyRefused) and "silverprint keys" not in answer.fix:
            say(f"  `silverprint keys set {service.name}` keeps another.")


def _record(service: Service, kept: Kept | None) -> dict[str, Any]:
    return {
        "name": service.name,
        "title": service.title,
        "is_set": kept is not None,
        "from": kept.place if kept is not None else None,
        "variable": kept.variable or None if kept is not None else None,
        "needs_key": service.needs_key,
        "page": service.page or None,
        "problem": str(service.problem) if service.problem is not None else None,
    }


def _origin(kept: Kept | None) -> str:
    if kept is None:
        return ""
    return f"environment, {kept.variable}" if kept.variable else kept.place


def _place(place: str) -> str:
    return {"keyring": "the keyring", "file": "a file that only you may read"}.get(place, place)
