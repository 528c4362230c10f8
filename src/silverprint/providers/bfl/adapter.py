"""Black Forest Labs, and any server that speaks its protocol under a name that the person gave it.

A task is one POST to ``/v1/<model>``, then questions to the address that came with the answer. The key goes to the
service's own hosts and to the configured base only; the address is asked without it elsewhere. Which models there
are is left to ``models.py``, reading the answers to ``status.py``.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from urllib.parse import quote

from silverprint.core.check import check_recipe
from silverprint.core.errors import (
    BadAnswer,
    BadRecipe,
    ContentRefused,
    ProviderError,
    SettingsError,
    SilverprintError,
    TicketLost,
)
from silverprint.core.params import Form
from silverprint.core.provider import ModelInfo, Price, Provider, ProviderContext, ProviderInfo
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.schema import Shape, request_body
from silverprint.core.text import one_line
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Output, Update, Waiting, Working
from silverprint.providers.address import check_base, origin, resolved
from silverprint.providers.answers import Answer, error_of
from silverprint.providers.bfl.claim import result_url, ticket_of, usd_of
from silverprint.providers.bfl.cost import price_about
from silverprint.providers.bfl.models import Models
from silverprint.providers.bfl.status import Heard, Stage, Status, is_status, number, picture_in, read_status
from silverprint.providers.doubt import nothing_sent, only_asked
from silverprint.providers.download import Downloads, Refused
from silverprint.providers.http import Service
from silverprint.providers.poll import Pace, pace_of, poll

BASE = "https://api.bfl.ai"
KEY_PAGE = "https://docs.bfl.ai"
TITLE = "Black Forest Labs"

RESULTS_LIVE_S = 600.0
MOST_INPUT_BYTES = 20_000_000
LOST_MOST = 5
"""Answers that know nothing of a task, before it counts as lost: they occur just after the submit."""
STRANGE_MOST = 600
"""Answers in a row with the same unknown word, before we stop waiting: it may be the name of an end."""

_log = logging.getLogger(__name__)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_FAILURES = (401, 402, 403, 429)


def create(context: ProviderContext) -> Provider:
    """The adapter for the service itself, or for the server that ``context.name`` stands for. Raises SettingsError."""
    return Bfl(context)


class _Told(ProviderError):
    """A refusal whose body tells of the task itself."""

    def __init__(self, answer: Answer, status: Status) -> None:
        super().__init__("The answer tells of the task.")
        self.answer = answer
        self.status = status


class Bfl:
    """One server. ``own``: another maker's, which needs no key and has models of its own."""

    def __init__(self, context: ProviderContext) -> None:
        name = context.name or "bfl"
        own = name != "bfl"
        where = f"providers.{name}.url"
        given = context.settings.get("url")
        if own and not given:
            raise SettingsError(
                f"{where} is not set.",
                fix='Set it to the server\'s address: url = "http://192.168.1.5:8000".',
            )
        base = check_base(given, where=where).removesuffix("/v1") if given else BASE
        title = _title(context, name) if own else TITLE
        hosts = _hosts(context, name, base)
        self._context = context
        self._own = own
        self._base = base
        self._pace = pace_of(context.settings, Pace(first_s=0.5, growth=1.3, most_s=3.0))
        self._service = Service(
            context,
            title=title,
            key_name=name,
            key_page="" if own else KEY_PAGE,
            auth=lambda key: {"x-key": key},
            bases=[base],
            hosts=() if own else (".bfl.ai",),
            needs_key=not own,
            explain=_explain,
        )
        self._downloads = Downloads(title=title, most_bytes=context.most_bytes, private=hosts)
        self._models = Models(context, name=name, title=title, base=base, own=own, downloads=self._downloads)
        self._info = ProviderInfo(
            name=name,
            title=title,
            needs_key=not own,
            key_name=name,
            key_page="" if own else KEY_PAGE,
            tasks=frozenset({"text", "image", "inpaint", "reference"}),
            parallel=4 if own else 24,
            resumable=True,
            seed_honoured=True,
            seed_returned=not own,
            price_source="none" if own else "table",
            results_live_s=None if own else RESULTS_LIVE_S,
        )

    @property
    def info(self) -> ProviderInfo:
        """What it is and can do."""
        return self._info

    async def models(self, query: str = "") -> Sequence[ModelInfo]:
        """The models that fit the words; without words, what is known with no network."""
        found = await self._models.listing(query)
        if not self._info.needs_key or await asyncio.to_thread(self._has_key):
            return found
        return [replace(model, missing="needs a key") for model in found]

    async def form(self, ref: ModelRef) -> Form:
        """What the model takes. Raises ModelGone. Needs no key."""
        return (await self._models.shape(ref.model)).form

    async def price(self, recipe: Recipe) -> Price | None:
        """What our table says; the service tells the true cost in its answer to the submit."""
        return None if self._own else price_about(recipe)

    async def probe(self) -> str:
        """The credits of the account: ``123.4 credits ($1.23)``."""
        try:
            told = (await self._service.ask(f"{self._base}/v1/credits")).object()
        except ProviderError as error:
            # Another maker's server need not have this path; the odd answer shows that it is there.
            if self._own and type(error) in (TicketLost, ProviderError):
                return "The server answers; it keeps no credits."
            raise
        credits = number(told.get("credits"))
        if credits is None:
            raise BadAnswer(f"{self._info.title} did not tell the account's credits.")
        return f"{credits:g} credits (${usd_of(credits) or 0:,.2f})"

    # a job

    async def submit(self, recipe: Recipe, *, job_id: str) -> Ticket:
        """Send the task, once."""
        with nothing_sent():
            shape = await self._models.shape(recipe.ref.model)
            checked = check_recipe(shape.form, recipe)
            body = request_body(shape, checked, links=await self._inputs(checked))
        url = f"{self._base}/v1/{quote(recipe.ref.model, safe='/')}"
        try:
            answer = await self._service.create(url, json=body)
        except _Told as told:
            if told.status.stage in (Stage.PROMPT_REFUSED, Stage.PICTURE_REFUSED):
                raise self._refused(told.status) from None
            raise error_of(told.answer, creates=True, now=self._context.clock()) from None
        except BadRecipe as error:
            raise _in_our_words(error, shape) from error
        ticket = self._ticket(answer)
        _log.info("job %s is task %s", job_id, ticket.handle["id"])
        return ticket

    async def watch(self, ticket: Ticket, recipe: Recipe) -> AsyncGenerator[Update, None]:
        """Ask for the task until it ends."""
        handle = ticket.handle
        task, asked = str(handle.get("id") or ""), str(handle.get("polling_url") or "")
        if ticket.provider != self._info.name or not asked:
            raise TicketLost("The ticket is not one of this service's.")
        elsewhere = not self._service.trusts(asked)
        if elsewhere and not self._own and task:
            yield Working(
                note=f"Asking at {origin(self._base)[1]}: the address given is not the service's own."
            )
            asked = result_url(self._base, task)
        ask = self._ask_openly if not self._service.trusts(asked) else self._ask
        heard = Heard()
        async for status in poll(lambda: ask(asked), pace=self._pace, sleep=self._context.sleep):
            heard.add(status)
            if status.stage is Stage.LOST:
                if heard.lost < LOST_MOST and not heard.anything:
                    yield Waiting()
                    continue
                if elsewhere and not self._own:
                    raise self._out_of_reach(str(handle["polling_url"]))
                raise TicketLost(f"{self._info.title} does not know this task any more.")
            if status.stage is Stage.READY:
                yield await self._finished(status, ticket, recipe, asked)
                return
            if status.stage in (Stage.PROMPT_REFUSED, Stage.PICTURE_REFUSED):
                raise self._refused(status)
            if status.stage is Stage.FAILED:
                raise self._failed(status)
            if heard.strange >= STRANGE_MOST:
                raise BadAnswer(
                    f"{self._info.title} has said {status.word!r} for long, a word that is not known."
                )
            if heard.percent is not None:
                yield Working(step=heard.percent, steps=100, note=status.word)
            elif status.stage is Stage.QUEUED:
                yield Waiting()
            else:
                yield Working(note=status.word)

    async def fetch(self, output: Output) -> bytes:
        """The bytes behind a result's link, asked for without the key."""
        if output.data is not None:
            return output.data
        if output.url is None:
            raise BadAnswer(f"{self._info.title} gave a result without a link.")
        try:
            return await self._downloads.fetch(output.url)
        except Refused as error:
            if "private network" not in str(error):
                raise
            raise Refused(str(error), fix=self._fix_of(output.url)) from error

    async def cancel(self, ticket: Ticket) -> None:
        """Nothing to tell: the service has no way to stop a task."""

    async def aclose(self) -> None:
        """Close the connections."""
        await self._service.aclose()
        await self._downloads.aclose()

    # parts of a submit

    def _has_key(self) -> bool:
        return bool(self._context.secret(self._info.key_name))

    async def _inputs(self, recipe: Recipe) -> dict[str, str]:
        """The input pictures in base64, without a prefix, as the service documents them."""
        links: dict[str, str] = {}
        for source in recipe.sources:
            if source.sha256 in links:
                continue
            try:
                data = await self._context.read_source(source.sha256)
            except ProviderError:
                raise
            except SilverprintError as error:
                raise BadRecipe(str(error), fields={source.role: str(error)}, fix=error.fix) from error
            if not self._own and len(data) > MOST_INPUT_BYTES:
                raise BadRecipe(
                    f"{self._info.title} takes input pictures of up to {MOST_INPUT_BYTES // 1_000_000} MB.",
                    fields={source.role: f"at most {MOST_INPUT_BYTES // 1_000_000} MB"},
                )
            links[source.sha256] = (await asyncio.to_thread(base64.b64encode, data)).decode("ascii")
        return links

    def _ticket(self, answer: Answer) -> Ticket:
        body = answer.object()
        status = read_status(body)
        if status is not None and status.stage in (Stage.PROMPT_REFUSED, Stage.PICTURE_REFUSED):
            raise self._refused(status)
        ticket = ticket_of(body, provider=self._info.name, base=self._base)
        if ticket is None:
            raise BadAnswer(f"{self._info.title} took the job but gave nothing to ask for it with.")
        return ticket

    # parts of a watch

    async def _ask(self, url: str) -> Status:
        try:
            with only_asked(self._info.title):
                answer = await self._service.ask(url)
        except _Told as told:
            return told.status
        except TicketLost:
            return Status(stage=Stage.LOST)
        return self._read(answer)

    async def _ask_openly(self, url: str) -> Status:
        """Ask a host that is none of the service's: without the key, and by the rules of results."""
        try:
            content = await self._downloads.fetch(url, headers={"accept": "application/json"})
        except Refused as error:
            raise Refused(str(error), fix=self._fix_of(url)) from error
        except TicketLost:
            return Status(stage=Stage.LOST)
        return self._read(Answer(status=200, content=content, title=self._info.title))

    def _read(self, answer: Answer) -> Status:
        status = read_status(answer.object())
        if status is None:
            raise BadAnswer(f"{self._info.title} answered in a shape that was not agreed.")
        return status

    async def _finished(self, status: Status, ticket: Ticket, recipe: Recipe, asked: str) -> Finished:
        outputs = [await self._output(sample, asked) for sample in status.samples]
        if not outputs:
            raise BadAnswer(f"{self._info.title} says that the picture is ready, and gives none.")
        usd = usd_of(status.credits)
        if usd is None:
            usd = ticket.price_usd if ticket.price_usd is not None else number(ticket.handle.get("usd"))
        return Finished(
            outputs=tuple(outputs),
            seed=status.seed if status.seed is not None else recipe.seed,
            price_usd=usd,
            seconds=status.seconds,
        )

    async def _output(self, sample: str, asked: str) -> Output:
        if sample[:5].lower() == "data:":
            return Output(data=await self._downloads.fetch(sample))
        if (data := picture_in(sample)) is not None:
            return Output(data=data)
        return Output(url=resolved(asked, sample))

    def _fix_of(self, url: str) -> str:
        host = one_line(origin(url)[1], most=100)
        return (
            f"If {host} is yours, add it to result_hosts under providers.{self._info.name} in the settings."
        )

    def _refused(self, status: Status) -> ContentRefused:
        what = (
            "the prompt or an input picture"
            if status.stage is Stage.PROMPT_REFUSED
            else "the picture that came out"
        )
        return ContentRefused(self._said(f"{self._info.title} refused {what}", status.reasons))

    def _failed(self, status: Status) -> ProviderError:
        error = ProviderError(
            self._said(f"{self._info.title} could not make the picture", status.reasons),
            fix="Retry, or change the recipe.",
        )
        error.can_retry = True
        return error

    def _said(self, what: str, reasons: str) -> str:
        reasons = self._service.redact(reasons).rstrip(". ")
        return f"{what}: {reasons}." if reasons else f"{what}."

    def _out_of_reach(self, given: str) -> BadAnswer:
        host = one_line(origin(given)[1], most=100)
        return BadAnswer(
            f"{self._info.title} wants the task asked for at {host}, where the key is not sent, and does not know it "
            "at its own address.",
            fix=f"If you trust {host}, set providers.bfl.url to it and retry: the task is not sent again.",
        )


def _explain(answer: Answer) -> ProviderError | None:
    """A task that failed may be told with an error's status: then its body says more than the number."""
    body = answer.body()
    if answer.status in _FAILURES or not is_status(body) or (answer.status >= 500 and "id" not in body):
        return None
    status = read_status(body)
    if status is None or (status.stage is Stage.WORKING and "id" not in body):
        return None
    return _Told(answer, status)


def _in_our_words(error: BadRecipe, shape: Shape) -> BadRecipe:
    """The same, with our names for the fields that the service named."""
    fields = {shape.our_name(wire): reason for wire, reason in error.fields.items()}
    return BadRecipe(str(error), fields=fields, fix=error.fix)


def _title(context: ProviderContext, name: str) -> str:
    given = context.settings.get("title")
    return one_line(given, most=60) if isinstance(given, str) and given.strip() else name


def _hosts(context: ProviderContext, name: str, base: str) -> set[str]:
    """The hosts that may give results from a private network. Raises SettingsError.

    A server on this machine may call it by any of its names.
    """
    given = context.settings.get("result_hosts", [])
    if not isinstance(given, list | tuple) or not all(isinstance(host, str) for host in given):
        raise SettingsError(
            f"providers.{name}.result_hosts is not a list of host names.",
            fix='Set it to something like ["192.168.1.6"].',
        )
    hosts = {host.strip().lower() for host in given}
    if base != BASE:
        hosts.add(origin(base)[1])
    return hosts | set(_LOOPBACK) if hosts & set(_LOOPBACK) else hosts
