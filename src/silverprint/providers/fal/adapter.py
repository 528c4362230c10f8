"""Adapter: fal as a Provider. Any endpoint that makes pictures, sent once to the queue and watched by its own links.

Owns the order of a job's steps. Where things are is left to ``places.py``, what answers mean to ``trouble.py``,
``progress.py`` and ``results.py``, models to ``market.py``, prices to ``tariff.py``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import datetime
from typing import Any

from silverprint.core.check import check_recipe
from silverprint.core.errors import (
    BadAnswer,
    BadRecipe,
    ContentRefused,
    ProviderError,
    RateLimited,
    SettingsError,
    TicketLost,
    Unreachable,
)
from silverprint.core.params import Form
from silverprint.core.provider import Found, ModelInfo, Price, ProviderContext, ProviderInfo
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.schema import Shape, request_body
from silverprint.core.text import one_line
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Output, Update, Waiting
from silverprint.providers.catalog import Shelf
from silverprint.providers.doubt import nothing_sent
from silverprint.providers.download import Downloads
from silverprint.providers.fal.lookup import SOURCE_MARK, matches, past_requests
from silverprint.providers.fal.market import Market
from silverprint.providers.fal.places import (
    OWN_HOSTS,
    Claim,
    Places,
    claim_from,
    claim_of,
    endpoint_of,
)
from silverprint.providers.fal.progress import Reel, Status, status_of, stop
from silverprint.providers.fal.results import is_blank, read_result
from silverprint.providers.fal.tariff import Tariff
from silverprint.providers.fal.trouble import TITLE, NotYet, explain, explain_result, failed
from silverprint.providers.fal.uploads import Uploads
from silverprint.providers.http import Service
from silverprint.providers.poll import Pace, pace_of, poll

KEY_NAME = "fal"
KEY_PAGE = "https://fal.ai/dashboard/keys"
PARALLEL = 10
PROBED = "fal-ai/flux/dev"

_STRANGE_MOST = 20
_PACE = Pace(first_s=0.5, growth=1.3, most_s=5.0)

_log = logging.getLogger(__name__)


def create(context: ProviderContext) -> FalProvider:
    """The provider, from its settings: the addresses (``queue_url``, ``api_url``, ``rest_url``, ``cdn_url``,
    ``schema_url``), ``keep_s`` (how long fal shall keep results and uploads), ``store_io`` (false: fal keeps no
    inputs and outputs of requests), ``priority`` (``normal`` or ``low``) and ``poll_s``. Raises SettingsError.
    """
    return FalProvider(context)


class FalProvider:
    """fal's queue takes any number of jobs and runs as many at once as the account may; so several are sent ahead."""

    def __init__(self, context: ProviderContext) -> None:
        self._context = context
        settings = context.settings
        keep_s = _seconds(settings, "keep_s")
        # Under another name it is another account, with a key of its own.
        self._key_name = context.name or KEY_NAME
        self.info = ProviderInfo(
            name=context.name or "fal",
            title=TITLE,
            needs_key=True,
            key_name=self._key_name,
            key_page=KEY_PAGE,
            tasks=frozenset({"text", "image", "inpaint", "reference", "upscale"}),
            parallel=PARALLEL,
            cancels=True,
            resumable=True,
            seed_honoured=True,
            seed_returned=True,
            price_source="service",
            results_live_s=keep_s,
            looks_up=True,
        )
        self._places = places = Places.of(settings)
        self._headers = _headers(settings, keep_s)
        self._pace = pace_of(settings, _PACE)
        common = [places.queue, places.api, places.rest]
        self._service = self._make(common, explain=explain)
        # A failed job shows as an error of its result, which is no trouble of the service's: read by other rules.
        self._results = self._make(common, explain=explain_result)
        self._browsing = self._make([places.api], explain=explain, needs_key=False)
        self._anonymous = Service(
            context,
            title=TITLE,
            key_name=self._key_name,
            auth=lambda _key: {},
            bases=[places.site],
            needs_key=False,
        )
        shelf = Shelf(context.cache, context.clock)
        self._market = Market(
            context,
            name=self.info.name,
            places=places,
            browsing=self._browsing,
            anonymous=self._anonymous,
            shelf=shelf,
            has_key=lambda: bool(context.secret(self._key_name)),
        )
        self._tariff = Tariff(context, places=places, service=self._service, shelf=shelf)
        self._uploads = Uploads(
            context, places=places, keyed=self._service, anonymous=self._anonymous, keep_s=keep_s
        )
        self._downloads = Downloads(title=TITLE, most_bytes=context.most_bytes, private=places.all_hosts)

    def _make(self, bases: Sequence[str], *, explain: Any, needs_key: bool = True) -> Service:
        return Service(
            self._context,
            title=TITLE,
            key_name=self._key_name,
            auth=lambda key: {"authorization": f"Key {key}"},
            bases=bases,
            hosts=OWN_HOSTS,
            needs_key=needs_key,
            explain=explain,
            key_page=KEY_PAGE,
        )

    # models

    async def models(self, query: str = "") -> Sequence[ModelInfo]:
        """Our dated list; for words also what fal's search finds, which works without a key. Never raises."""
        return await self._market.models(query)

    async def form(self, ref: ModelRef) -> Form:
        """What the endpoint takes, from its own OpenAPI document. Raises ModelGone."""
        return (await self._market.shape(ref.model)).form

    async def price(self, recipe: Recipe) -> Price | None:
        """What the request costs by fal's unit price, else by our table. Raises ModelGone."""
        form = await self.form(recipe.ref)
        return await self._tariff.price(recipe.ref.model, form, recipe)

    # a job

    async def submit(self, recipe: Recipe, *, job_id: str) -> Ticket:
        """Send the job to the queue, once, by our own request: the SDK's submit may send it ten times.

        Raises BadRecipe, ModelGone, KeyMissing, AnswerLost, BadAnswer and what ``Service.create`` raises.
        """
        endpoint = endpoint_of(recipe.ref.model)
        with nothing_sent():
            shape = await self._market.shape(endpoint)
            recipe = check_recipe(shape.form, recipe)
            links = await self._uploads.links(recipe.sources)
            body = request_body(shape, recipe, links=links)
        try:
            answer = await self._service.create(
                f"{self._places.queue}/{endpoint}", json=body, headers=self._headers
            )
        except BadRecipe as error:
            raise _in_our_words(error, shape) from error
        claim = claim_from(answer.object(), endpoint, base=self._places.queue, trusts=self._service.trusts)
        return Ticket(provider=self.info.name, handle=claim.handle(), resumable=True)

    async def watch(self, ticket: Ticket, recipe: Recipe) -> AsyncGenerator[Update, None]:
        """News of the job. It ends in Finished, or in the error that the result carries: fal calls both COMPLETED.

        Raises TicketLost, ContentRefused, BadRecipe (fields by our names), ProviderError, and BadAnswer where fal
        tells nothing that can be understood, many times in a row.
        """
        claim = self._claim(ticket)
        reel, strange = Reel(), 0
        asked = poll(lambda: status_of(self._service, claim), pace=self._pace, sleep=self._context.sleep)
        async with aclosing(asked) as news:
            async for status in news:
                if status.phase == "queued":
                    strange = 0
                    yield Waiting(place=status.place)
                    continue
                yield reel.read(status.logs)
                if status.phase == "running":
                    strange = 0
                    continue
                # Of a word that we don't know the result tells whether the job has ended.
                finished = await self._collect(claim, status)
                if finished is not None:
                    yield finished
                    return
                strange += 1
                if strange > _STRANGE_MOST:
                    raise BadAnswer("fal tells of the job in words that are not known here.")

    async def fetch(self, output: Output) -> bytes:
        """The bytes behind a result's link, asked for without the key. Raises TicketLost once it has expired."""
        if output.url is None:
            raise BadAnswer("fal gave no link to fetch.")
        return await self._downloads.fetch(output.url)

    async def cancel(self, ticket: Ticket) -> None:
        """Ask fal to stop. A job that runs may end and be charged all the same."""
        await stop(self._service, self._claim(ticket))

    # the account

    async def look_up(self, recipe: Recipe, *, job_id: str, since: datetime) -> Sequence[Found]:
        """The requests to the endpoint since ``since`` that sent the same. Raises ProviderError.

        fal takes no marker of ours, so only a single request with the same seed is sure.
        """
        endpoint = endpoint_of(recipe.ref.model)
        shape = await self._market.shape(endpoint)
        recipe = check_recipe(shape.form, recipe)
        marks = {source.sha256: f"{SOURCE_MARK}{source.sha256}" for source in recipe.sources}
        body = request_body(shape, recipe, links=marks)
        items = await past_requests(self._service, self._places, endpoint, since)
        return matches(
            items,
            body,
            endpoint,
            provider=self.info.name,
            seed_sent=shape.form.takes_seed and recipe.seed is not None,
            places=self._places,
            trusts=self._service.trusts,
        )

    async def probe(self) -> str:
        """Whether fal takes the key: a price is asked for, which is free and needs one. With a key that may
        see it, also the balance. Raises KeyMissing, KeyRefused, Unreachable and others.
        """
        with suppress(TicketLost):  # that one model may be gone, and the key was taken all the same
            await self._tariff.ask(PROBED)
        try:
            answer = await self._service.ask(
                f"{self._places.api}/v1/account/billing", params={"expand": "credits"}
            )
            return f"fal takes the key{_balance(answer.object())}."
        except ProviderError:
            return "fal takes the key; the balance is shown to keys of an administrator only."

    async def aclose(self) -> None:
        """Close all connections. Safe to call twice."""
        await self._uploads.aclose()
        for part in (self._service, self._results, self._browsing, self._anonymous, self._downloads):
            await part.aclose()

    # within

    def _claim(self, ticket: Ticket) -> Claim:
        return claim_of(ticket, self.info.name, base=self._places.queue, trusts=self._service.trusts)

    async def _collect(self, claim: Claim, status: Status) -> Finished | None:
        """The end of the job, or None when it has not ended. The SDK's ``get`` would ask for the status once more,
        wait in its own way, and drop the headers, which tell what is charged.
        """
        try:
            answer = await self._results.ask(claim.response_url)
        except NotYet:
            return None
        except BadRecipe as error:
            shape = self._market.known_shape(claim.endpoint)
            raise (_in_our_words(error, shape) if shape is not None else error) from error
        except ProviderError as error:
            # That it failed is known by now; only trouble on the way tells less than the status did.
            trouble = isinstance(error, Unreachable | RateLimited | BadAnswer | TicketLost)
            if status.error and trouble:
                raise failed(status.error, status.error_type) from error
            raise
        try:
            result = read_result(answer.object())
        except BadAnswer as error:
            if status.error:
                raise failed(status.error, status.error_type) from error
            raise
        outputs = result.outputs
        if any(result.flagged):
            outputs = await self._unblanked(outputs, result.flagged)
        return Finished(
            outputs=outputs,
            seed=result.seed,
            price_usd=await self._charged(claim.endpoint, answer.headers),
            seconds=status.seconds,
        )

    async def _unblanked(self, outputs: Sequence[Output], flagged: Sequence[bool]) -> tuple[Output, ...]:
        """The outputs without those that the safety checker has blacked out.

        It is said to send a black picture in place of one it flags, but that is not documented, and a person may
        have switched it off. So a flagged picture is looked at: one of a single colour is left out, any other was
        paid for and is kept. Raises ContentRefused when nothing is left.
        """
        kept = []
        for output, flag in zip(outputs, flagged, strict=True):
            try:
                if flag and is_blank(await self.fetch(output)):
                    continue
            except ProviderError:
                pass  # the fetch that follows tells it better
            kept.append(output)
        if not kept:
            raise ContentRefused("fal's safety checker blacked the picture out.")
        if len(kept) < len(outputs):
            _log.info("%d of %d pictures were blacked out by fal", len(outputs) - len(kept), len(outputs))
        return tuple(kept)

    async def _charged(self, endpoint: str, headers: Mapping[str, str]) -> float | None:
        """What was charged: the units that fal billed, at its unit price."""
        try:
            units = float(headers["x-fal-billable-units"])
        except (KeyError, ValueError):
            return None
        unit = await self._tariff.unit(endpoint) if 0 <= units < 1e6 else None
        return units * unit.usd if unit is not None else None


def _in_our_words(error: BadRecipe, shape: Shape) -> BadRecipe:
    """The same error with the fields named as we name them."""
    fields = {shape.our_name(wire): reason for wire, reason in error.fields.items()}
    return BadRecipe(str(error), fields=fields, fix=error.fix)


def _balance(account: Mapping[str, Any]) -> str:
    held = account.get("credits")
    held = held if isinstance(held, Mapping) else {}
    amount = held.get("current_balance")
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        return ""
    return f"; {amount:,.2f} {one_line(str(held.get('currency', '')), most=3)} left"


def _seconds(settings: Mapping[str, Any], name: str) -> int | None:
    value = settings.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 60:
        raise SettingsError(
            f"providers.fal.{name} must be a whole number of seconds, at least 60.",
            fix=f"Correct {name} under providers.fal, or remove the line.",
        )
    return value


def _headers(settings: Mapping[str, Any], keep_s: int | None) -> dict[str, str]:
    """The headers of a submit. fal's own retries stay on: they cost nothing and make no second job."""
    headers: dict[str, str] = {}
    if keep_s:
        headers["x-fal-object-lifecycle-preference"] = json.dumps({"expiration_duration_seconds": keep_s})
    store, priority = settings.get("store_io", True), settings.get("priority", "normal")
    if not isinstance(store, bool):
        raise SettingsError("providers.fal.store_io is true or false.", fix="Correct it, or remove the line.")
    if priority not in ("normal", "low"):
        raise SettingsError("providers.fal.priority is normal or low.", fix="Correct it, or remove the line.")
    if not store:
        headers["x-fal-store-io"] = "0"
    if priority == "low":
        headers["x-fal-queue-priority"] = "low"
    return headers
