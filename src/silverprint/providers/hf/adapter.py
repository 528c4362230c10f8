"""Hugging Face: models of Inference Providers by ``owner/name``, Gradio Spaces by ``spaces/owner/name[/endpoint]``.

Both answer within one call. Owns which of the two a reference means, the keys and the errors; the calls are left to
``inference.py`` and ``spaces.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from silverprint.core.errors import BadAnswer, KeyRefused, ModelGone, ProviderError, RateLimited, Unreachable
from silverprint.core.params import Form
from silverprint.core.provider import ModelInfo, Price, Provider, ProviderContext, ProviderInfo
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.text import one_line
from silverprint.core.ticket import Ticket
from silverprint.core.update import Output, Update
from silverprint.providers.address import check_base, origin
from silverprint.providers.answers import Answer, Explain, retry_after_s, words_of
from silverprint.providers.catalog import shipped
from silverprint.providers.doubt import nothing_sent
from silverprint.providers.download import Downloads
from silverprint.providers.hf import hub as hub_module
from silverprint.providers.hf.hub import Hub, Served, is_name, space_info
from silverprint.providers.hf.inference import Inference, offer_of
from silverprint.providers.hf.spaces import INSTALL, Spaces, can_call, space_name
from silverprint.providers.http import Service
from silverprint.providers.immediate import ImmediateProvider

HUB = "https://huggingface.co"
ROUTER = "https://router.huggingface.co"
KEY_PAGE = "https://huggingface.co/settings/tokens"
TITLE = "Hugging Face"
KNOWN_SPACES = ("multimodalart/flux-lora-lab",)

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def create(context: ProviderContext) -> Provider:
    """The adapter. Raises SettingsError for an address that is none."""
    return HuggingFace(context)


class HuggingFace(ImmediateProvider):
    """Inference Providers and Spaces."""

    def __init__(self, context: ProviderContext) -> None:
        self.name = context.name or "hf"
        settings = context.settings
        both = settings.get("url")
        hub = check_base(settings.get("hub_url") or both or HUB, where=f"providers.{self.name}.hub_url")
        router = check_base(
            settings.get("router_url") or both or ROUTER, where=f"providers.{self.name}.router_url"
        )
        self._context = context
        self._hub_base = hub

        def service(explain: Explain, *, needs_key: bool) -> Service:
            return Service(
                context,
                title=TITLE,
                key_name=self.name,
                key_page=KEY_PAGE,
                auth=lambda key: {"authorization": f"Bearer {key}"},
                bases=[hub, router],
                hosts=("huggingface.co", "router.huggingface.co"),
                needs_key=needs_key,
                explain=explain,
            )

        self._open_service = service(hub_module.explain, needs_key=False)
        self._router = service(_explain, needs_key=True)
        self._hub = Hub(context, self._open_service, name=self.name, base=hub)
        via = settings.get("inference_provider")
        self._inference = Inference(
            context, self._router, base=router, via=via if isinstance(via, str) else "auto"
        )
        self._spaces = Spaces(context, self._hub, self._open_service, name=self.name)
        places = [base for base in (hub, router) if base not in (HUB, ROUTER)]
        hosts = {origin(base)[1] for base in (*places, *self._spaces.bases)}
        private = hosts | set(_LOOPBACK) if hosts & set(_LOOPBACK) else hosts
        self._downloads = Downloads(title=TITLE, most_bytes=context.most_bytes, private=private)
        self._info = ProviderInfo(
            name=self.name,
            title=TITLE,
            needs_key=True,
            key_name=self.name,
            key_page=KEY_PAGE,
            tasks=frozenset({"text", "image"}),
            parallel=4,
            seed_honoured=True,
        )

    @property
    def info(self) -> ProviderInfo:
        """What it is and can do."""
        return self._info

    async def models(self, query: str = "") -> Sequence[ModelInfo]:
        """What is shipped and named in the settings; with words, also what the hub finds; of a Space, its endpoints."""
        words = query.lower().split()
        known = [model.info for model in shipped("hf")]
        known += [space_info(self.name, space) for space in self._named_spaces()]
        found = {
            info.ref.model: replace(info, ref=ModelRef(self.name, info.ref.model))
            for info in known
            if all(word in f"{info.ref.model} {info.title} {info.note}".lower() for word in words)
        }
        asked = query.strip().removeprefix(f"{self.name}:")
        if asked.startswith("spaces/") and is_name(asked.removeprefix("spaces/")):
            try:
                listed = await self._spaces.listing(asked.removeprefix("spaces/"))
            except ProviderError:
                listed = []
            found |= {info.ref.model: info for info in listed}
        elif words:
            for info in await self._hub.search(" ".join(words)):
                found.setdefault(info.ref.model, info)
        has_key = bool(await asyncio.to_thread(self._context.secret, self.name))
        return [replace(info, missing=_missing(info, has_key)) for info in found.values()]

    async def form(self, ref: ModelRef) -> Form:
        """What the model or the Space's endpoint takes. Raises ModelGone."""
        name = space_name(ref.model)
        if name is not None:
            return (await self._spaces.endpoint(name)).shape.form
        return offer_of(await self._rows(ref.model)).form

    async def price(self, recipe: Recipe) -> Price | None:
        """A public Space costs nothing but its quota. What an Inference Provider asks is told nowhere."""
        return Price(usd=0.0) if recipe.ref.model.startswith("spaces/") else None

    async def ready(self, recipe: Recipe) -> None:
        """For an Inference Provider there must be a key, and one of them that we can ask."""
        if space_name(recipe.ref.model) is None:
            await asyncio.to_thread(self._router.key)
            # A form can be had while the hub can't be asked; a job can't, and says so.
            rows = await self._rows(recipe.ref.model) or await self._hub.served(recipe.ref.model)
            self._inference.check(recipe, rows)

    async def call(self, recipe: Recipe, *, job_id: str) -> AsyncGenerator[Update, None]:
        """Make the call, once."""
        name = space_name(recipe.ref.model)
        if name is not None:
            news = self._spaces.run(recipe, name, job_id=job_id)
        else:
            with nothing_sent():
                rows = await self._hub.served(recipe.ref.model)
            news = self._inference.run(recipe, rows)
        try:
            async for update in news:
                yield update
        finally:
            await news.aclose()

    async def fetch(self, output: Output) -> bytes:
        """The bytes behind a result's link, asked for without the token."""
        if output.data is not None:
            return output.data
        if output.url is None:
            raise BadAnswer(f"{TITLE} gave a result without a link.")
        return await self._downloads.fetch(output.url)

    async def cancel(self, ticket: Ticket) -> None:
        """A Space is asked to stop. At an Inference Provider nothing can be stopped."""
        await self._spaces.cancel(str(ticket.handle.get("job")))

    async def probe(self) -> str:
        """Whose token it is."""
        told = (await self._router.ask(f"{self._hub_base}/api/whoami-v2")).object()
        name = told.get("name")
        if not isinstance(name, str) or not name:
            raise BadAnswer(f"{TITLE} did not tell whose token this is.")
        return f"signed in as {one_line(name, most=60)}"

    async def aclose(self) -> None:
        """Close the connections and the sessions."""
        await self._spaces.aclose()
        await self._open_service.aclose()
        await self._router.aclose()
        await self._downloads.aclose()

    async def _rows(self, model: str) -> tuple[Served, ...]:
        """Who serves the model; a model of our catalogue keeps its form while nobody can be asked."""
        try:
            rows = await self._hub.served(model)
        except (Unreachable, RateLimited):
            if any(known.info.ref.model == model for known in shipped("hf")):
                return ()
            raise
        if not rows:
            raise ModelGone(
                f"No Inference Provider makes pictures with {model}.",
                fix="Choose a model that one of them serves, or a Space: hf:spaces/owner/name.",
            )
        return rows

    def _named_spaces(self) -> list[str]:
        given = self._context.settings.get("spaces", ())
        named = [space for space in given if isinstance(space, str) and is_name(space)]
        return list(dict.fromkeys([*named, *KNOWN_SPACES]))


def _missing(info: ModelInfo, has_key: bool) -> str:
    if info.ref.model.startswith("spaces/"):
        return "" if can_call() else INSTALL
    return "" if has_key else "needs a key"


def _explain(answer: Answer) -> ProviderError | None:
    """What the router says otherwise than others: a 403 is about permissions or terms, a 503 about loading."""
    said = words_of(answer)
    tail = f": {said}" if said else "."
    if (special := hub_module.explain(answer)) is not None:
        return special
    if answer.status == 403:
        return KeyRefused(
            f"{TITLE} does not let this token use the model{tail}",
            fix="Give the token the permission for Inference Providers, and accept the model's terms on its page.",
        )
    if answer.status == 503:
        body = answer.body()
        loading = body.get("estimated_time") if isinstance(body, dict) else None
        known = isinstance(loading, int | float) and not isinstance(loading, bool) and 0 <= loading < 3600
        return RateLimited(
            f"{TITLE} is loading the model or is busy{tail}",
            retry_after_s=float(loading) if known and loading is not None else retry_after_s(answer),
        )
    return None
