"""Adapter: OpenAI's image models, and any server that speaks its images endpoint, under the name a person gave it.

Owns the requests, the stream and the list of models. Bodies and answers are ``wire.py``'s, forms and prices
``models.py``'s. One request is the whole job: an answer that was lost can't be fetched again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from silverprint.core.errors import (
    AnswerLost,
    BadRecipe,
    ModelGone,
    PictureError,
    ProviderError,
    SettingsError,
    TicketLost,
    Unreachable,
)
from silverprint.core.params import Form
from silverprint.core.provider import ModelInfo, Price, ProviderContext, ProviderInfo
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.text import one_line
from silverprint.core.update import Finished, Output, Preview, Update, Working
from silverprint.providers.address import check_base, may_be_private
from silverprint.providers.download import Downloads
from silverprint.providers.http import Service
from silverprint.providers.immediate import ImmediateProvider, paid_object
from silverprint.providers.listing import Listed, Listing
from silverprint.providers.openai.inputs import form_files
from silverprint.providers.openai.models import (
    GONE,
    IMAGES_MOST,
    KNOWN,
    alike_form,
    check_wishes,
    cost_of,
    known_or_general,
    official_form,
    price_of,
    too_many,
    typical_price,
)
from silverprint.providers.openai.wire import (
    Dialect,
    as_form,
    error_in,
    event_of,
    explainer,
    fields_for,
    output_of,
    outputs_of,
    partial_of,
    revised_prompt,
)
from silverprint.providers.shelf import Shelf

BASE = "https://api.openai.com/v1"
KEY_PAGE = "https://platform.openai.com/api-keys"
KEY_NAME = "openai"
ANSWER_S = 600.0
LIST_S = 10.0
PARTIALS_MOST = 3

_STREAM = {"accept": "text/event-stream, application/json"}
_log = logging.getLogger(__name__)


def create(context: ProviderContext) -> OpenAIProvider:
    """The provider, from its settings. A table with another name than ``openai`` is a server that speaks alike.

    ``url``; ``models``: further ids; ``partial_images``: 0 to 3 live previews, each of which is charged (default 0);
    ``organization``, ``project``; ``answer_s``. For a server that speaks alike also ``title``, ``response_format``
    (``b64_json``, ``url``, or empty to leave it out), ``seed``, ``negative_prompt``, ``edits``: whether it takes them,
    ``result_hosts``: private hosts that its links may lead to, and ``exact = true`` for one that is spoken to just
    as OpenAI is. Raises SettingsError.
    """
    return OpenAIProvider(context)


class OpenAIProvider(ImmediateProvider):
    """OpenAI, or a server that speaks alike."""

    def __init__(self, context: ProviderContext) -> None:
        settings = context.settings
        self.name = context.name or KEY_NAME
        is_openai = self.name == KEY_NAME
        where = f"providers.{self.name}"
        if not is_openai and not settings.get("url"):
            raise SettingsError(
                f"The server {self.name} has no address.",
                fix=f'Set url under [{where}], such as "http://127.0.0.1:8080/v1".',
            )
        self._base = check_base(settings.get("url") or BASE, where=f"{where}.url")
        self._is_own = is_openai or settings.get("exact") is True
        title = "OpenAI" if is_openai else one_line(str(settings.get("title") or self.name), most=60)
        self._dialect = Dialect(
            title=title,
            is_own=self._is_own,
            response_format="" if self._is_own else _response_format(settings, where),
            takes_seed=not self._is_own and settings.get("seed", True) is True,
            takes_negative=not self._is_own and settings.get("negative_prompt", True) is True,
            partials=_partials(settings, where),
        )
        key_name = KEY_NAME if is_openai else self.name
        self._key_name = key_name
        self.info = ProviderInfo(
            name=self.name,
            title=title,
            needs_key=is_openai,
            key_name=key_name,
            key_page=KEY_PAGE if is_openai else "",
            tasks=frozenset({"text", "image", "inpaint", "reference"})
            if settings.get("edits", True) is True
            else frozenset({"text"}),
            parallel=4 if is_openai else 2,
            previews=self._dialect.partials > 0,
            price_source="table" if self._is_own else "none",
        )
        self._context = context
        self._explain = explainer(self._dialect)
        self._service = Service(
            context,
            title=title,
            key_name=key_name,
            auth=self._auth,
            bases=[self._base],
            needs_key=is_openai,
            explain=self._explain,
            answer_s=ANSWER_S,
            key_page=self.info.key_page,
        )
        host = urlsplit(self._base).hostname or ""
        allowed = settings.get("result_hosts")
        private = [str(name) for name in allowed] if isinstance(allowed, list) else []
        self._downloads = Downloads(
            title=title,
            most_bytes=context.most_bytes,
            private=[*private, *([host] if may_be_private(host) else [])],
        )
        self._listing = Listing(
            Shelf(context.cache, context.clock), f"models {self._base}", self._list, context.clock
        )

    # models

    async def models(self, query: str = "") -> Sequence[ModelInfo]:
        """The known models at once, and with words what the service lists. Another server's are asked for.

        Raises ProviderError only where a server of a person's own can't be asked and none of its models is known.
        """
        ids = {known.model: known.title for known in KNOWN.values()} if self._is_own else {}
        ids |= {model: model for model in self._own_models() if model not in ids}
        held = await self._listing.held()
        if not self._is_own and held is None and not ids:
            held = await self._listing.fresh()
        elif query.strip() or (held is None and not self._is_own):
            held = await self._listing.newest()
        for listed in held or ():
            if listed.model not in ids and (not self._is_own or _draws(listed.model)):
                ids[listed.model] = listed.title or listed.model
        has_key = bool(await asyncio.to_thread(self._context.secret, self._key_name))
        missing = "needs a key" if self.info.needs_key and not has_key else ""
        words = query.lower().split()
        found = [self._model_info(model, title, missing) for model, title in ids.items()]
        return [info for info in found if all(word in _searched(info) for word in words)]

    async def form(self, ref: ModelRef) -> Form:
        """The model's form; a general one for a model that only the service knows. Raises ModelGone."""
        model = ref.model
        if self.name == KEY_NAME and model in GONE and model not in self._own_models():
            raise ModelGone(f"OpenAI has shut {model} down on {GONE[model]}.")
        known = self._is_own and known_or_general(model).model in KNOWN
        if not known and model not in self._own_models() and await self._listing.has(model) is False:
            raise ModelGone(
                f"{self._dialect.title} lists no model {model}.",
                fix=f"Choose another model (ctrl+o), or name it in models under providers.{self.name}.",
            )
        if self._is_own:
            return official_form(known_or_general(model))
        return alike_form(
            seed=self._dialect.takes_seed,
            negative=self._dialect.takes_negative,
            edits="image" in self.info.tasks,
        )

    async def price(self, recipe: Recipe) -> Price | None:
        """By the dated table; None where no figure is known, as for every other server."""
        return price_of(recipe) if self._is_own else None

    async def probe(self) -> str:
        """List the models, which costs nothing. Raises KeyMissing, KeyRefused, Unreachable and others."""
        listed = await self._listing.anew()
        if not self._is_own:
            return f"It answers: {len(listed)} models."
        return f"The key works: {len(listed)} models, {sum(_draws(one.model) for one in listed)} of them make pictures."

    # jobs

    async def ready(self, recipe: Recipe) -> None:
        """Check what a form can't say, prepare the pictures, and see that there is a key.

        Raises BadRecipe, KeyMissing.
        """
        if self._is_own:
            check_wishes(recipe, known_or_general(recipe.ref.model))
        elif bad := too_many(recipe):
            raise BadRecipe(f"An edit takes at most {IMAGES_MOST} pictures.", fields=bad)
        fields_for(recipe, self._dialect, is_edit=bool(recipe.sources))
        await form_files(recipe, self._context)
        await asyncio.to_thread(self._service.key)

    async def call(self, recipe: Recipe, *, job_id: str) -> AsyncGenerator[Update, None]:
        """The one paid request, streamed where previews are wanted."""
        fields = fields_for(recipe, self._dialect, is_edit=bool(recipe.sources))
        request: dict[str, Any] = {"json": fields}
        if recipe.sources:
            request = {"data": as_form(fields), "files": await form_files(recipe, self._context)}
        url = f"{self._base}/images/{'edits' if recipe.sources else 'generations'}"
        try:
            if fields.get("stream") is True:
                streamed = self._stream(url, request, recipe, wanted=fields.get("n"))
                async with contextlib.aclosing(streamed):
                    async for update in streamed:
                        yield update
            else:
                body = paid_object(await self._service.create(url, **request))
                for update in self._finish(body, recipe):
                    yield update
        except ModelGone as error:
            if not recipe.sources or self._is_own:
                raise
            raise ModelGone(
                f"{error} It may also be that this server can't edit pictures.",
                fix=f"Choose another model (ctrl+o); or set edits = false under providers.{self.name}.",
            ) from error

    async def fetch(self, output: Output) -> bytes:
        """The bytes behind a link, asked for without the key. Raises TicketLost, Unreachable and others."""
        if output.url is None:
            raise ProviderError(f"{self._dialect.title} gave no link to fetch.")
        return await self._downloads.fetch(output.url)

    async def aclose(self) -> None:
        """Close the connections. Safe to call twice."""
        await self._service.aclose()
        await self._downloads.aclose()

    def _finish(self, body: Mapping[str, Any], recipe: Recipe) -> list[Update]:
        outputs = outputs_of(body, self._dialect, base=f"{self._base}/")
        updates: list[Update] = []
        if said := revised_prompt(body):
            updates.append(Working(note=f"It drew: {said}"))
        usd = cost_of(body.get("usage"), recipe.ref.model) if self._is_own else None
        return [*updates, Finished(outputs=outputs, price_usd=usd)]

    async def _stream(
        self, url: str, request: Mapping[str, Any], recipe: Recipe, *, wanted: object
    ) -> AsyncGenerator[Update, None]:
        """Partial pictures as previews, then the finished ones; with several of those, each has its own event."""
        outputs: list[Output] = []
        costs: list[float | None] = []
        title = self._dialect.title
        try:
            async with self._service.events(url, headers=_STREAM, **request) as events:
                async for name, data in events:
                    kind, event = event_of(name, data)
                    if kind == "answer":
                        for update in self._finish(event, recipe):
                            yield update
                        return
                    if kind == "error" and not outputs:
                        raise error_in(event, self._dialect, self._explain)
                    if kind == "partial":
                        if (preview := await self._preview(event)) is not None:
                            yield preview
                    elif kind == "completed":
                        kept_as = event.get("output_format")
                        outputs.append(
                            output_of(event, self._dialect, base=f"{self._base}/", kept_as=kept_as)
                        )
                        costs.append(cost_of(event.get("usage"), recipe.ref.model) if self._is_own else None)
                        if len(outputs) >= (wanted if isinstance(wanted, int) else 1):
                            break
        except AnswerLost:
            # Pictures that came before the line broke are paid for: better those than none.
            if not outputs:
                raise
            _log.warning("the stream broke after %s of %s pictures", len(outputs), wanted)
        if not outputs:
            raise AnswerLost(f"The stream of {title} ended without a finished picture.")
        usd = None if None in costs else sum(cost for cost in costs if cost is not None)
        yield Finished(outputs=tuple(outputs), price_usd=usd)

    async def _preview(self, event: Mapping[str, Any]) -> Preview | None:
        data = partial_of(event, self._dialect)
        if data is None:
            return None
        index = event.get("partial_image_index")
        step = index + 1 if isinstance(index, int) and not isinstance(index, bool) and index >= 0 else None
        try:
            image = await self._context.decode(data)
        except PictureError as error:
            _log.info("a partial picture could not be shown: %s", error)
            return None
        # Fewer may come than were asked for, so the number of them all is not told.
        return Preview(image=image, step=step)

    def _auth(self, key: str) -> dict[str, str]:
        headers = {"authorization": f"Bearer {key}"}
        for setting, header in (("organization", "openai-organization"), ("project", "openai-project")):
            value = self._context.settings.get(setting)
            if isinstance(value, str) and value.isascii() and value.isprintable() and value:
                headers[header] = value
        return headers

    def _own_models(self) -> list[str]:
        named = self._context.settings.get("models")
        return [str(model) for model in named] if isinstance(named, list) else []

    def _model_info(self, model: str, title: str, missing: str) -> ModelInfo:
        known = KNOWN.get(model) if self._is_own else None
        roles = self.info.tasks & {"text", "image", "inpaint", "reference"}
        return ModelInfo(
            ref=ModelRef(self.name, model),
            title=one_line(title, most=80),
            roles=frozenset(roles),
            price=typical_price(known) if known is not None else None,
            note=known.note if known is not None else "",
            missing=missing,
        )

    async def _list(self) -> list[Listed]:
        try:
            answer = (await self._service.ask(f"{self._base}/models", answer_s=LIST_S)).json()
        except TicketLost as error:
            raise Unreachable(
                f"{self._dialect.title} has no list of models at its address.",
                fix=f"Check url under providers.{self.name} (it often ends in /v1), or name the models there in models.",
            ) from error
        rows = answer.get("data") or answer.get("models") if isinstance(answer, Mapping) else answer
        found: dict[str, Listed] = {}
        for row in rows if isinstance(rows, list) else ():
            model = row.get("id") or row.get("name") if isinstance(row, Mapping) else row
            if isinstance(model, str) and model:
                found[model] = Listed(model)
        return list(found.values())


def _response_format(settings: Mapping[str, Any], where: str) -> str:
    wanted = settings.get("response_format", "b64_json")
    if wanted is False:
        return ""
    if wanted not in ("", "b64_json", "url"):
        raise SettingsError(
            f"{where}.response_format can't be {wanted!r}.", fix='Set it to "b64_json", "url" or "".'
        )
    return str(wanted)


def _partials(settings: Mapping[str, Any], where: str) -> int:
    wanted = settings.get("partial_images", 0)
    if isinstance(wanted, bool) or not isinstance(wanted, int) or not 0 <= wanted <= PARTIALS_MOST:
        raise SettingsError(
            f"{where}.partial_images can't be {wanted!r}.",
            fix=f"Set it to a number from 0 to {PARTIALS_MOST}.",
        )
    return wanted


def _draws(model: str) -> bool:
    """Whether a listed model of OpenAI's makes pictures, as far as its name tells."""
    return "image" in model and model not in GONE


def _searched(info: ModelInfo) -> str:
    return f"{info.ref} {info.title} {info.note}".lower()
