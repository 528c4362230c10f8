"""ServicesPart: the part of the Settings about services: their keys, the person's own servers, the budget.

What the services say is asked off the event loop and within a time limit; a key passes through and stays nowhere here.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import ComposeResult

from silverprint.core.errors import (
    KeyMissing,
    KeyRefused,
    OutOfCredit,
    SilverprintError,
    UsageError,
)
from silverprint.core.events import Event, SpendChanged
from silverprint.core.text import one_line
from silverprint.settings.addresses import addresses, kind_of, own_servers
from silverprint.settings.save import change_setting
from silverprint.ui.screens.base import News, StudioScreen
from silverprint.ui.screens.confirm import ConfirmScreen
from silverprint.ui.screens.key_dialog import KeyDialog
from silverprint.ui.screens.server_dialog import KINDS, ServerDialog
from silverprint.ui.widgets.budget_field import BudgetField
from silverprint.ui.widgets.service_list import KeyState, Server, ServerField, Service, ServiceField

if TYPE_CHECKING:
    from silverprint.studio import Studio
    from silverprint.ui.hidden import Hidden

PROBE_S = 20.0
BUILT_IN = "pocket"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")


class ServicesPart(StudioScreen):
    """Half of the Settings screen: ``services`` composes it."""

    def __init__(self, studio: Studio, news: News) -> None:
        super().__init__(studio, news)
        self._keeping = asyncio.Lock()
        self._looking = asyncio.Lock()

    def services(self) -> ComposeResult:
        """The widgets."""
        yield ServiceField("Services and keys", id="services")
        yield BudgetField("Budget", self._budget(), id="budget")
        yield ServerField("Your own servers", id="servers")

    def _budget(self) -> Mapping[str, float | None]:
        budget = self.studio.settings.budget
        return {
            "day_usd": budget.day_usd,
            "month_usd": budget.month_usd,
            "assume_usd": budget.assume_usd,
        }

    def service_names(self) -> list[str]:
        """The names of what may be a service; the built-in model is none."""
        return [name for name in self.studio.provider_names() if name != BUILT_IN]

    @property
    def field(self) -> ServiceField:
        """The list of services."""
        return self.query_one(ServiceField)

    def on_mount(self) -> None:
        """The names at once; what is behind them when the services are there."""
        self.field.show([Service(name=name, title=name) for name in self.service_names()])

    async def opened(self) -> None:
        """The keys can be looked for."""
        self.beside(self._look, group="services", exclusive=True)
        self.beside(self._tell_spend, group="spend", exclusive=True)

    def on_screen_resume(self) -> None:
        """A key may have been set elsewhere meanwhile."""
        if self._was_opened:
            self.beside(self._look, group="services", exclusive=True)

    def hear(self, event: Event) -> None:
        """What was spent is shown as it grows."""
        if isinstance(event, SpendChanged):
            self.beside(self._tell_spend, group="spend", exclusive=True)

    # services

    async def _look(self) -> None:
        async with self._looking:
            found = [await self._service(name) for name in self.studio.provider_names()]
            own = own_servers(self.studio.settings.providers)
            # What is wrong with a server of their own stands where its address is.
            self.field.show(
                [
                    self._judged(service)
                    for service in found
                    if service is not None and not (service.state is KeyState.BROKEN and service.name in own)
                ]
            )
        await self._list_servers()

    def _judged(self, service: Service) -> Service:
        """The service with what it said of its key, which holds until the key changes."""
        known = self.field.find(service.name)
        if known is None or known.place != service.place or service.state is not KeyState.SET:
            return service
        if known.state in (KeyState.LOOKING, KeyState.ABSENT, KeyState.BROKEN):
            return service
        return replace(service, state=known.state, words=known.words, fix=known.fix)

    async def _service(self, name: str) -> Service | None:
        """The line of a service; None for what runs here and needs no key."""
        address = ", ".join(
            found.shown + ("" if found.where == "settings" else f" ({found.where})")
            for found in addresses(name, self.studio.settings.providers, os.environ)
        )
        blank = Service(name=name, title=name, address=address)
        try:
            info = await self.studio.info(name)
            if info.local and not info.needs_key:
                return None
            key_name = info.key_name or name
            kept = await asyncio.to_thread(self.studio.secrets.find, key_name)
        except SilverprintError as error:
            return replace(blank, state=KeyState.BROKEN, words=str(error), fix=error.fix)
        return replace(
            blank,
            title=info.title,
            key_name=key_name,
            page=info.key_page,
            needs_key=info.needs_key,
            place=kept.place if kept is not None else "",
            variable=kept.variable if kept is not None else "",
            state=KeyState.ABSENT if kept is None else KeyState.SET,
        )

    @on(ServiceField.Wanted)
    def _wanted(self, message: ServiceField.Wanted) -> None:
        service = message.service
        if not self.studio.is_open or not service.key_name:
            self._say(f"{service.words} {service.fix}" if service.words else "The services are not open yet.")
            return
        match message.deed:
            case "set":
                dialog = KeyDialog(service.title, page=service.page, variable=service.variable)
                self.app.push_screen(dialog, partial(self._set, service))
            case "test":
                self.beside(partial(self._test, service.name), group=f"test {service.name}", exclusive=True)
            case "remove" if service.variable:
                self._say(f"The key comes from {service.variable} in the environment; take it away there.")
            case "remove" if service.place:
                question = ConfirmScreen(
                    f"Remove the key of {one_line(service.title, most=60)} from the {service.place}?",
                    title="Remove a key",
                    yes="remove",
                    no="keep",
                )
                self.app.push_screen(question, partial(self._remove, service))

    def _say(self, words: str) -> None:
        self.app.notify(one_line(words, most=400), severity="warning", markup=False)

    def _set(self, service: Service, key: Hidden | None) -> None:
        if key is not None:
            self.beside(partial(self._keep_key, service, key), group=f"key {service.name}")

    async def _keep_key(self, service: Service, key: Hidden) -> None:
        async with self._looking:
            await asyncio.to_thread(self.studio.secrets.set, service.key_name, key.reveal())
            await self._show_anew(service)
        await self.studio.key_changed(service.name)
        await self._test(service.name)

    def _remove(self, service: Service, yes: bool | None) -> None:
        if yes:
            self.beside(partial(self._remove_key, service), group=f"key {service.name}")

    async def _remove_key(self, service: Service) -> None:
        async with self._looking:
            await asyncio.to_thread(self.studio.secrets.remove, service.key_name)
            await self._show_anew(service)
        await self.studio.key_changed(service.name)

    async def _show_anew(self, service: Service) -> None:
        """The key has changed: what the service said of the one before holds no more."""
        fresh = await self._service(service.name)
        if fresh is not None:
            self.field.change(fresh)

    async def _test(self, name: str) -> None:
        """Ask the service what it says of the key."""
        before = self.field.find(name)
        if before is None:
            return
        self.field.change(replace(before, state=KeyState.TESTING, words="", fix=""))
        after = replace(before, state=KeyState.SET if before.has_key else KeyState.ABSENT, words="", fix="")
        try:
            async with asyncio.timeout(PROBE_S):
                words = await self.studio.probe(name)
            after = replace(before, state=KeyState.GOOD, words=self._redacted(words), fix="")
        except TimeoutError:
            words = f"no answer within {PROBE_S:g} s; the key is kept, and not tested"
            after = replace(before, state=KeyState.UNTOLD, words=words, fix="")
        except KeyMissing:
            after = replace(before, state=KeyState.ABSENT, place="", words="", fix="")
        except UsageError:
            after = replace(before, state=KeyState.SET if before.has_key else KeyState.ABSENT)
            self._say(f"{before.title} has no free way to test a key; the first picture will tell.")
        except SilverprintError as error:
            refused = isinstance(error, KeyRefused | OutOfCredit)
            after = replace(
                before,
                state=KeyState.WRONG if refused else KeyState.UNTOLD,
                words=self._redacted(str(error)),
                fix=self._redacted(error.fix),
            )
        finally:
            now = self.field.find(name)
            if now is not None and now.state is KeyState.TESTING:
                self.field.change(after)

    def _redacted(self, words: str) -> str:
        return one_line(self.studio.secrets.redact(words), most=300)

    # the person's own servers

    async def _list_servers(self) -> None:
        tables = self.studio.settings.providers
        servers = []
        for name in own_servers(tables):
            mistake = ""
            try:
                await self.studio.info(name)
            except SilverprintError as error:
                mistake = " ".join(part for part in (str(error), error.fix) if part)
            kind = kind_of(name, tables)
            shown = ", ".join(found.shown for found in addresses(name, tables, os.environ))
            servers.append(
                Server(name=name, kind=KINDS.get(kind, kind), address=shown or "no address", mistake=mistake)
            )
        self.query_one(ServerField).show(servers)

    @on(ServerField.AddWanted)
    def _add_server(self) -> None:
        if self.studio.is_open:
            self.app.push_screen(ServerDialog(self._keep_server), self._server_added)

    def _server_added(self, added: bool | None) -> None:
        if added:
            self.beside(self._look, group="services", exclusive=True)

    async def _keep_server(self, name: str, kind: str, address: str) -> str:
        """Keep a server where its adapter takes the address; else why not."""
        if not _NAME.fullmatch(name):
            return "The name is letters, digits, dots and dashes, such as attic."
        if name in self.studio.provider_names() or name in self.studio.settings.providers:
            return f"There is a service named {name} already; choose another name."
        if not address:
            return "The address is missing, such as http://192.168.1.20:8000."
        async with self._keeping:
            before = self.studio.settings
            table = {"kind": kind, "url": address}
            self.studio.settings = replace(before, providers={**before.providers, name: table})
            try:
                await self.studio.info(name)
                await asyncio.to_thread(
                    change_setting, self.studio.paths.settings_file, ("providers", name), table
                )
            except SilverprintError as error:
                self.studio.settings = before
                await self.studio.forget(name)
                return " ".join(part for part in (str(error), error.fix) if part)
        return ""

    @on(ServerField.RemoveWanted)
    def _remove_server(self, message: ServerField.RemoveWanted) -> None:
        name = message.server.name
        question = ConfirmScreen(
            f"Take {one_line(name, most=60)} off the list of servers, and forget its key?",
            title="Remove a server",
            yes="remove",
            no="keep",
        )
        self.app.push_screen(question, partial(self._server_removal, name))

    def _server_removal(self, name: str, yes: bool | None) -> None:
        if yes:
            self.beside(partial(self._drop_server, name), group="servers")

    async def _drop_server(self, name: str) -> None:
        async with self._keeping:
            await asyncio.to_thread(
                change_setting, self.studio.paths.settings_file, ("providers", name), None
            )
            before = self.studio.settings
            rest = {other: table for other, table in before.providers.items() if other != name}
            self.studio.settings = replace(before, providers=rest)
            await self.studio.forget(name)
        await asyncio.to_thread(self.studio.secrets.remove, name)
        await self._look()

    # the budget

    async def _tell_spend(self) -> None:
        standing = await self.studio.standing()
        self.query_one(BudgetField).note = standing.sentence()

    @on(BudgetField.Kept)
    def _keep_budget(self, message: BudgetField.Kept) -> None:
        self.run_worker(self._write_budget(message.field, message.name, message.amount), group="save")

    async def _write_budget(self, field: BudgetField, name: str, amount: float | None) -> None:
        try:
            await asyncio.to_thread(change_setting, self.studio.paths.settings_file, ("budget", name), amount)
        except SilverprintError as error:
            field.mistake = " ".join(part for part in (str(error), error.fix) if part)
            return
        settings = self.studio.settings
        value: Any = type(settings.budget)().assume_usd if name == "assume_usd" and amount is None else amount
        self.studio.settings = replace(settings, budget=replace(settings.budget, **{name: value}))
        if field.is_attached:
            field.mistake = ""
            field.keep(name, value)
            field.revert()
        self.studio.feed.publish(SpendChanged())
        await self.studio.queue.budget_changed()
        self.app.notify("Kept", timeout=2, markup=False)
