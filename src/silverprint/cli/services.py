"""The checks of ``doctor`` for the services: whether each loads, which address it uses, and whether it has a key.

Nothing is sent unless it is asked for, and no key is in what is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from silverprint.cli.checks import Check, broken
from silverprint.cli.discretion import hide_with
from silverprint.cli.session import Session
from silverprint.core.errors import KeyMissing, NotFound, SilverprintError
from silverprint.core.image import Mode, RawImage
from silverprint.core.provider import Probes, Provider, ProviderContext
from silverprint.core.text import one_line

if TYPE_CHECKING:
    from silverprint.providers.registry import Factory
    from silverprint.settings.secrets import Secrets


def services(session: Session, *, online: bool) -> Iterator[Check]:
    """One finding for each provider and each of the person's own servers; with ``online`` their keys are tried."""
    from silverprint.settings.addresses import own_servers
    from silverprint.settings.secrets import Secrets

    secrets = Secrets.at(session.paths, session.environ)
    hide_with(secrets.redact)
    factories = _factories(session)
    own = own_servers(session.settings.providers)
    loaded: dict[str, Provider] = {}
    found: list[Check] = []
    for name in sorted({*factories, *own}):
        try:
            provider = _factory(session, factories, name)(_context(session, secrets, name))
            found.append(_check(session, secrets, provider, is_own=name in own))
            loaded[name] = provider
        except SilverprintError as error:
            found.append(broken("provider", error, {"provider": name}))
    answers = asyncio.run(_ask(loaded, online=online))
    for check in found:
        yield _with_answer(check, answers.get(str(check.facts["provider"])))


def _factories(session: Session) -> Mapping[str, Factory | None]:
    given = session.wiring.providers
    if given is not None:
        return given
    from silverprint.providers import registry

    return dict.fromkeys(registry.names())


def _factory(session: Session, factories: Mapping[str, Factory | None], name: str) -> Factory:
    from silverprint.providers import registry
    from silverprint.settings.addresses import kind_of

    kind = kind_of(name, session.settings.providers)
    return factories.get(kind) or registry.load(kind)


def _check(session: Session, secrets: Secrets, provider: Provider, *, is_own: bool) -> Check:
    from silverprint.settings.addresses import addresses

    info = provider.info
    name = info.name
    places = addresses(name, session.settings.providers, session.environ)
    kept = secrets.find(name if is_own else info.key_name or name) if info.needs_key or is_own else None
    facts = {
        "provider": name,
        "addresses": {place.what: {"address": place.shown, "from": place.where} for place in places},
        "needs_key": info.needs_key,
        "key": kept.place if kept is not None else None,
        "key_variable": kept.variable or None if kept is not None else None,
    }
    parts = [f"{name} ({info.title})"]
    parts += [f"{place.what} {place.shown} from {place.where}" for place in places]
    if kept is not None:
        parts.append(f"key from {kept.variable or f'the {kept.place}'}")
    elif info.needs_key:
        # Nobody uses every service; a key is missed only where the pictures are to come from.
        is_wanted = session.settings.default_model.startswith(f"{name}:")
        said = "; ".join([*parts, "no key is set"])
        fix = f"Add one in Settings (5) or with `silverprint keys set {name}`." if is_wanted else ""
        status: Literal["ok", "warning"] = "warning" if is_wanted else "ok"
        return Check(name="provider", status=status, said=said, fix=fix, facts=facts)
    return Check(name="provider", status="ok", said="; ".join(parts), facts=facts)


async def _ask(providers: Mapping[str, Provider], *, online: bool) -> dict[str, str | SilverprintError]:
    """What the services answer to their keys, where they are asked; then the providers are closed."""

    async def ask(provider: Provider) -> str | SilverprintError | None:
        try:
            return await provider.probe() if online and isinstance(provider, Probes) else None
        except KeyMissing:
            return None  # told already
        except SilverprintError as error:
            return error
        finally:
            await provider.aclose()

    answers = await asyncio.gather(*(ask(provider) for provider in providers.values()))
    return {name: answer for name, answer in zip(providers, answers, strict=True) if answer is not None}


def _with_answer(check: Check, answer: str | SilverprintError | None) -> Check:
    if answer is None:
        return check
    if isinstance(answer, SilverprintError):
        facts = {**check.facts, "answer": type(answer).__name__}
        said = f"{check.said}; {one_line(str(answer))}"
        return Check(name=check.name, status="error", said=said, fix=one_line(answer.fix), facts=facts)
    facts = {**check.facts, "answer": one_line(answer)}
    return replace(
        check, said=f"{check.said}; answers: {one_line(answer) or 'the key is taken'}", facts=facts
    )


def _context(session: Session, secrets: Secrets, name: str) -> ProviderContext:
    """What a provider needs to be built; no job is sent, so no input is read through it."""
    from silverprint.settings.addresses import provider_table

    async def read_source(sha256: str) -> bytes:
        raise NotFound(f"There is no input {sha256}.")

    async def read_pixels(
        sha256: str, *, size: tuple[int, int] | None = None, mode: Mode = "RGB"
    ) -> RawImage:
        raise NotFound(f"There is no input {sha256}.")

    settings: dict[str, Any] = provider_table(name, session.settings.providers, session.environ)
    return ProviderContext(
        read_source=read_source,
        read_pixels=read_pixels,
        clock=lambda: datetime.now(UTC),
        cache=session.paths.cache / "providers" / name,
        name=name,
        settings=settings,
        secret=secrets.get,
    )
