"""Adapter: Replicate as a Provider. Any of its models, sent once and watched by asking again with growing pauses.

Owns the order of a job's steps. Models are left to ``catalog.py``, input pictures to ``inputs.py``, what answers mean to
``prediction.py`` and ``trouble.py``, lost answers to ``lookup.py``.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any

from silverprint.core.check import check_recipe
from silverprint.core.errors import (
    BadAnswer,
    BadRecipe,
    ModelGone,
    TicketLost,
)
from silverprint.core.params import Form
from silverprint.core.provider import Found, ModelInfo, Price, ProviderContext, ProviderInfo
from silverprint.core.recipe import Engine, ModelRef, Recipe
from silverprint.core.schema import request_body
from silverprint.core.text import one_line
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Output, Update, Waiting, Working
from silverprint.providers.answers import Answer
from silverprint.providers.catalog import Shelf, price_of
from silverprint.providers.doubt import nothing_sent, only_asked
from silverprint.providers.download import Downloads, LinkGone
from silverprint.providers.http import ANSWER_S, Service
from silverprint.providers.poll import Pace, pace_of, poll
from silverprint.providers.replicate.catalog import Catalog
from silverprint.providers.replicate.inputs import Inputs
from silverprint.providers.replicate.lookup import Match, found_from, match, predictions_since
from silverprint.providers.replicate.places import (
    API,
    API_HOSTS,
    TITLE,
    ModelName,
    Places,
    create_headers,
    is_delivery,
    name_of,
)
from silverprint.providers.replicate.prediction import (
    Prediction,
    failure_of,
    moment_of,
    outputs_of,
    progress_of,
    read_prediction,
    seed_in,
    seed_of,
    stop_of,
)
from silverprint.providers.replicate.schema import Entry, asked_version
from silverprint.providers.replicate.sdk import ask_sdk
from silverprint.providers.replicate.trouble import explain, in_our_words

KEY_NAME = "replicate"
KEY_PAGE = "https://replicate.com/account/api-tokens"
PARALLEL = 10
LIVES = timedelta(hours=1)

_STRANGE_MOST = 120
_PACE = Pace(first_s=0.5, growth=1.4, most_s=5.0)

_log = logging.getLogger(__name__)


def create(context: ProviderContext) -> ReplicateProvider:
    """The provider, from its settings: ``url`` (with or without ``/v1``), ``cancel_after`` (``5m``: how long a job may
    take before Replicate stops it), ``delivery_hosts`` and ``poll_s``. Raises SettingsError.
    """
    return ReplicateProvider(context)


class ReplicateProvider:
    """Replicate takes 600 jobs a minute and runs as many at once as there are machines; so several are sent ahead."""

    def __init__(self, context: ProviderContext) -> None:
        self._context = context
        name = context.name or KEY_NAME
        self.info = ProviderInfo(
            name=name,
            title=TITLE,
            needs_key=True,
            key_name=name,
            key_page=KEY_PAGE,
            tasks=frozenset({"text", "image", "inpaint", "reference", "upscale"}),
            parallel=PARALLEL,
            cancels=True,
            resumable=True,
            seed_honoured=True,  # by nearly every model; a few have no seed, and their forms say so
            seed_returned=False,  # only in the logs of some
            price_source="table",
            results_live_s=LIVES.total_seconds(),
            looks_up=True,
        )
        self._places = places = Places.of(context.settings)
        self._headers = create_headers(context.settings)
        self._pace = pace_of(context.settings, _PACE)
        self._service = Service(
            context,
            title=TITLE,
            key_name=name,
            auth=lambda key: {"authorization": f"Bearer {key}"},
            bases=[places.base],
            hosts=API_HOSTS if name == KEY_NAME else (),
            explain=explain,
            key_page=KEY_PAGE,
        )
        # What another server says of its models must not be taken for what Replicate says.
        folder = "" if places.base == API else hashlib.sha256(places.base.encode()).hexdigest()[:12]
        shelf = Shelf(context.cache / folder, context.clock)
        self._catalog = Catalog(context, name=name, places=places, service=self._service, shelf=shelf)
        self._inputs = Inputs(context, places=places, service=self._service, shelf=shelf)
        self._downloads = Downloads(title=TITLE, most_bytes=context.most_bytes, private=places.private)

    # models

    async def models(self, query: str = "") -> Sequence[ModelInfo]:
        """Our dated list; for words also what Replicate's search finds, for ``collection:NAME`` one of its collections."""
        return await self._catalog.models(query)

    async def form(self, ref: ModelRef) -> Form:
        """What the model takes, from its version's schema. For a community model the version is one of the parameters.

        Raises ModelGone; KeyMissing, Unreachable and other kinds where nobody but the service knows the model.
        """
        return (await self._catalog.entry(name_of(ref.model))).form()

    async def price(self, recipe: Recipe) -> Price | None:
        """What the request costs by our dated table, for Replicate's interface tells no prices."""
        _, recipe = asked_version(recipe)
        return price_of("replicate", name_of(recipe.ref.model).plain, recipe)

    # a job

    async def submit(self, recipe: Recipe, *, job_id: str) -> Ticket:
        """Send the job, once. Raises BadRecipe (fields by our names), ModelGone, KeyMissing, AnswerLost and what
        ``Service.create`` raises.
        """
        with nothing_sent():
            name, entry, recipe = await self._meant(recipe)
            recipe = check_recipe(entry.shape.form, recipe)
            links = await self._inputs.links(recipe)
            body = request_body(entry.shape, recipe, links=links)
        try:
            answer = await self._create(name, entry, body)
        except BadRecipe as error:
            raise in_our_words(error, entry.shape) from error
        return self._ticket(read_prediction(answer), name, recipe.seed)

    async def watch(self, ticket: Ticket, recipe: Recipe) -> AsyncGenerator[Update, None]:
        """News of the job: waiting, then steps as its logs tell them, then Finished.

        Raises TicketLost once the hour is over, ContentRefused, ProviderError for a job that failed or was stopped,
        and BadAnswer where the service says nothing that can be understood, many times in a row.
        """
        url, before, strange = self._own_link(ticket, "get"), -1, 0
        asked = poll(lambda: self._look(url), pace=self._pace, sleep=self._context.sleep)
        async with aclosing(asked) as news:
            async for now in news:
                match now.phase:
                    case "waiting":
                        yield Waiting()
                    case "done":
                        yield self._finished(now, ticket, recipe)
                        return
                    case "failed":
                        raise failure_of(now)
                    case "stopped":
                        raise stop_of(now)
                    case "unknown" if now.ended:
                        # A word we don't know, for a job that is over: what it left tells how it went.
                        if now.output is None:
                            raise failure_of(now)
                        yield self._finished(now, ticket, recipe)
                        return
                    case _:
                        strange = strange + 1 if now.phase == "unknown" else 0
                        if strange > _STRANGE_MOST:
                            raise BadAnswer(
                                f"{TITLE} says of the job only “{now.status}”, which is not known here.",
                                fix="Look at it on replicate.com, then retry: the job is asked for again, not sent again.",
                            )
                        update = _working(now, before)
                        before = update.step if update.step is not None else before
                        yield update

    async def fetch(self, output: Output) -> bytes:
        """The bytes behind a result's link, asked for without the key.

        Where Replicate's own delivery host then wants the key, it is asked once more with it; no other host ever is.
        Raises TicketLost once the link has expired.
        """
        if output.url is None:
            raise BadAnswer(f"{TITLE} gave no link to fetch.")
        try:
            return await self._downloads.fetch(output.url)
        except LinkGone as error:
            if error.status not in (401, 403) or not self._may_have_key(output.url):
                raise
        headers = {"authorization": f"Bearer {await self._key()}"}
        return await self._downloads.fetch(output.url, headers=headers)

    async def cancel(self, ticket: Ticket) -> None:
        """Ask Replicate to stop. One that has begun is charged for the time it ran."""
        id = self._claimed(ticket)["id"]
        try:
            # Sound in the package, but for a status it does not know, and the cancel has gone through by then.
            await ask_sdk(
                self._service,
                self._places.base,
                lambda client: client.predictions.async_cancel(id),
                pays=False,
                answer_s=ANSWER_S,
            ) or await self._service.ask(self._places.api(f"/predictions/{id}/cancel"), method="POST")
        except TicketLost:
            _log.info("a job to cancel is not there any more")

    # the account

    async def look_up(self, recipe: Recipe, *, job_id: str, since: datetime) -> Sequence[Found]:
        """The predictions since ``since`` that may be this job, told by model and input. Raises ProviderError."""
        name, entry, recipe = await self._meant(recipe)
        links = await self._inputs.known_links(recipe)
        sent = request_body(entry.shape, check_recipe(entry.shape.form, recipe), links=links)
        version = "" if entry.official else entry.version
        matches: list[tuple[Prediction, Match]] = []
        async for one in predictions_since(self._service, self._places, since):
            how = match(one, name, version, sent, entry.shape)
            if how is not Match.NO:
                matches.append((one, how))
        seeded = entry.shape.parts.seed is not None and entry.shape.parts.seed.wire in sent
        return found_from(
            matches,
            since=since,
            seeded=seeded,
            ticket=lambda one: self._ticket(one, name, recipe.seed),
        )

    async def probe(self) -> str:
        """Whether Replicate takes the key: the account is asked for, which is free. Raises KeyMissing, KeyRefused and others."""
        answer = await ask_sdk(
            self._service,
            self._places.base,
            lambda client: client.accounts.async_current(),
            pays=False,
            answer_s=ANSWER_S,
        ) or await self._service.ask(self._places.api("/account"))
        account = answer.object()
        who = one_line(str(account.get("username") or ""), most=60)
        return f"{TITLE} takes the key" + (f" of {who}." if who else ".")

    async def aclose(self) -> None:
        """Close all connections. Safe to call twice."""
        await self._service.aclose()
        await self._downloads.aclose()

    # within

    async def _meant(self, recipe: Recipe) -> tuple[ModelName, Entry, Recipe]:
        """The model, what its version takes, and the recipe without the version."""
        name = name_of(recipe.ref.model)
        version, rest = asked_version(recipe)
        if version and not name.version:
            newest = self._catalog.known_entry(name)
            if newest is None or newest.version != version:
                name = ModelName(owner=name.owner, name=name.name, version=version)
        return name, await self._catalog.entry(name), rest

    async def _create(self, name: ModelName, entry: Entry, body: Mapping[str, Any]) -> Answer:
        if not entry.pinned and (entry.official is not False or not entry.version):
            try:
                return await self._send(name, "", body)
            except ModelGone:
                # A community model answers 404 on the official models' route, and nothing was started.
                if not entry.version or entry.official:
                    raise
        return await self._send(name, entry.version, body)

    async def _send(self, name: ModelName, version: str, body: Mapping[str, Any]) -> Answer:
        """The paid request: by the package, whose routes and bodies are sound, else the very same by ourselves.

        Never with its ``wait``: a job that outlasts it comes back unfinished, and the ticket would come late.
        """

        async def by_sdk(client: Any) -> object:
            if version:
                return await client.predictions.async_create(version=version, input=dict(body))
            # Not predictions.async_create(model=...), which drops its options.
            return await client.models.predictions.async_create(
                model=(name.owner, name.name), input=dict(body)
            )

        answer = await ask_sdk(
            self._service,
            self._places.base,
            by_sdk,
            pays=True,
            answer_s=ANSWER_S,
            headers=self._headers,
        )
        if answer is not None:
            return answer
        if version:
            return await self._service.create(
                self._places.api("/predictions"),
                json={"version": version, "input": body},
                headers=self._headers,
            )
        return await self._service.create(
            self._places.api(f"/models/{name.plain}/predictions"),
            json={"input": body},
            headers=self._headers,
        )

    def _ticket(self, prediction: Prediction, name: ModelName, seed: int | None) -> Ticket:
        now = self._context.clock()
        created = min(
            prediction.created or now, now
        )  # a clock of theirs that goes wrong must not outlive ours
        handle: dict[str, Any] = {
            "id": prediction.id,
            "model": name.plain,
            "version": prediction.version or name.version,
            "created_at": created.isoformat(),
            "urls": {
                kind: prediction.links[kind] for kind in ("get", "cancel", "web") if kind in prediction.links
            },
        }
        if seed is not None:
            handle["seed"] = seed
        return Ticket(provider=self.info.name, handle=handle, resumable=True, expires=created + LIVES)

    def _claimed(self, ticket: Ticket) -> Mapping[str, Any]:
        id = ticket.handle.get("id")
        if ticket.provider != self.info.name or not isinstance(id, str) or not re.fullmatch(r"[\w.-]+", id):
            raise TicketLost(f"The ticket is not one of {TITLE}'s.")
        return ticket.handle

    def _own_link(self, ticket: Ticket, kind: str) -> str:
        """The link that the service gave, where the key may go there; else the one that its documents name."""
        handle = self._claimed(ticket)
        links = handle.get("urls")
        link = links.get(kind) if isinstance(links, Mapping) else None
        if isinstance(link, str) and self._service.trusts(link):
            return link
        return self._places.api(f"/predictions/{handle['id']}")

    async def _look(self, url: str) -> Prediction:
        # Not by the package: it raises for the status aborted, and asks again by itself without an end.
        with only_asked(TITLE):
            answer = await self._service.ask(url)
        return read_prediction(answer)

    def _finished(self, now: Prediction, ticket: Ticket, recipe: Recipe) -> Finished:
        if now.output is None and (now.removed or self._is_late(ticket)):
            raise TicketLost(f"{TITLE} keeps results for an hour, and this one's hour is over.")
        outputs = outputs_of(now.output)
        seed = recipe.seed
        if seed is None:
            seed = seed_in(now.output)
        if seed is None:
            seed = seed_of(now.logs)
        version = now.version or str(ticket.handle.get("version") or "")
        return Finished(
            outputs=outputs,
            seed=seed,
            engine=Engine(name="replicate", versions={"model": version} if version else {}),
            seconds=now.seconds,
        )

    def _is_late(self, ticket: Ticket) -> bool:
        created = moment_of(ticket.handle.get("created_at"))
        return created is not None and self._context.clock() >= created + LIVES

    def _may_have_key(self, url: str) -> bool:
        return self._service.trusts(url) or (self.info.name == KEY_NAME and is_delivery(url))

    async def _key(self) -> str:
        return await asyncio.to_thread(self._service.key)


def _working(now: Prediction, before: int) -> Working:
    """Steps as the last bar in the logs tells them. A second bar begins anew, and is told in words: steps don't go back."""
    if now.phase == "unknown":
        return Working(note=now.status)
    bar = progress_of(now.logs)
    if bar is None:
        return Working()
    step, steps = bar
    if step < before:
        return Working(note=f"{step} of {steps}")
    return Working(step=step, steps=steps)
