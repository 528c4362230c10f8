"""Adapter: Gemini's image models as a Provider, by one generateContent request a picture.

Owns the requests and the list of models. What a body and an answer look like is ``wire.py``'s, what each model takes
``models.py``'s. The service keeps nothing: an answer that was lost can't be fetched again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from silverprint.core.errors import (
    BadRecipe,
    ModelGone,
    NotFound,
    PictureError,
    ProviderError,
    TicketLost,
    Unreachable,
)
from silverprint.core.params import Form
from silverprint.core.provider import ModelInfo, Price, ProviderContext, ProviderInfo
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.text import one_line
from silverprint.core.update import Finished, Output, Update, Working
from silverprint.providers.address import check_base
from silverprint.providers.gemini.models import (
    DEFAULT_SIZE,
    IMAGES_MOST,
    KNOWN,
    form_of,
    known_or_general,
    price_of,
)
from silverprint.providers.gemini.wire import (
    Inline,
    body_of,
    check_weight,
    cost_of,
    explain,
    outputs_of,
    words_in,
)
from silverprint.providers.http import Service
from silverprint.providers.immediate import ImmediateProvider, paid_object
from silverprint.providers.listing import Listed, Listing
from silverprint.providers.media import media_type_of
from silverprint.providers.shelf import Shelf

BASE = "https://generativelanguage.googleapis.com"
KEY_PAGE = "https://aistudio.google.com/apikey"
INLINE_MB = 20.0  # the documented limit of a request with its pictures inside
ANSWER_S = 600.0  # 4K after much thinking takes minutes

_PAGES_MOST = 20
_log = logging.getLogger(__name__)


def create(context: ProviderContext) -> GeminiProvider:
    """The provider, from its settings: ``url``, ``models`` (further ids), ``answer_s``, ``most_inline_mb``.

    Raises SettingsError for a ``url`` that is no address.
    """
    return GeminiProvider(context)


class GeminiProvider(ImmediateProvider):
    """Gemini. One request makes one answer, which may hold several pictures."""

    def __init__(self, context: ProviderContext) -> None:
        self.name = context.name or "gemini"
        self.info = ProviderInfo(
            name=self.name,
            title="Gemini",
            needs_key=True,
            key_name=self.name,
            key_page=KEY_PAGE,
            tasks=frozenset({"text", "image", "reference"}),
            parallel=4,
            price_source="table",
        )
        self._context = context
        self._base = check_base(context.settings.get("url") or BASE, where=f"providers.{self.name}.url")
        self._service = Service(
            context,
            title="Gemini",
            key_name=self.name,
            auth=lambda key: {"x-goog-api-key": key},
            bases=[self._base],
            explain=explain,
            answer_s=ANSWER_S,
            key_page=KEY_PAGE,
        )
        self._listing = Listing(
            Shelf(context.cache, context.clock), f"models {self._base}", self._list, context.clock
        )

    async def models(self, query: str = "") -> Sequence[ModelInfo]:
        """The known models at once; with words, also what the service lists for the key. Never fails."""
        held = await (self._listing.newest() if query.strip() else self._listing.held())
        has_key = bool(await asyncio.to_thread(self._context.secret, self.name))
        titles = {known.model: known.title for known in KNOWN.values() if known.is_listed}
        titles |= {model: model for model in self._own_models() if model not in titles}
        for listed in held or ():
            if _draws(listed.model) and listed.model not in titles:
                titles[listed.model] = listed.title or listed.model
        offered = {listed.model for listed in held or ()}
        found = [self._model_info(model, title, offered, has_key) for model, title in titles.items()]
        words = query.lower().split()
        return [info for info in found if all(word in _searched(info) for word in words)]

    async def form(self, ref: ModelRef) -> Form:
        """The model's form; a general one for a model that only the service knows. Raises ModelGone."""
        model = ref.model
        if model in KNOWN or model in self._own_models():
            return form_of(known_or_general(model))
        if model.startswith("imagen"):
            raise ModelGone(
                "Imagen models are asked in another way, which silverprint does not speak.",
                fix="Choose one of the Gemini image models (ctrl+o).",
            )
        if await self._listing.has(model) is False:
            raise ModelGone(
                f"Gemini lists no model {model} for this key.",
                fix="Choose another model (ctrl+o), or name it in models under providers.gemini.",
            )
        return form_of(known_or_general(model))

    async def ready(self, recipe: Recipe) -> None:
        """Read and weigh the input pictures, and see that there is a key. Raises BadRecipe, KeyMissing."""
        await self._pictures(recipe)
        await asyncio.to_thread(self._service.key)

    async def call(self, recipe: Recipe, *, job_id: str) -> AsyncGenerator[Update, None]:
        """The one paid request. Raises ContentRefused for a refusal, which comes as an answer without a picture."""
        body = body_of(recipe, await self._pictures(recipe))
        model = recipe.ref.model
        url = f"{self._base}/v1beta/models/{quote(model, safe='')}:generateContent"
        answer = paid_object(await self._service.create(url, json=body))
        outputs = outputs_of(answer)
        if said := words_in(answer):
            yield Working(note=said)
        size = str(recipe.params.get("resolution") or DEFAULT_SIZE)
        _log.info("job %s: %s picture(s)", job_id, len(outputs))
        yield Finished(outputs=outputs, price_usd=cost_of(answer, model, size=size, pictures=len(outputs)))

    async def price(self, recipe: Recipe) -> Price | None:
        """By the dated table; None where no figure is known."""
        return price_of(recipe)

    async def probe(self) -> str:
        """List the models, which costs nothing. Raises KeyMissing, KeyRefused, Unreachable and others."""
        listed = await self._listing.anew()
        drawing = sum(_draws(one.model) for one in listed)
        return f"The key works: {len(listed)} models, {drawing} of them make pictures."

    async def fetch(self, output: Output) -> bytes:
        """Never needed: pictures come inside the answer. Raises ProviderError."""
        raise ProviderError("Gemini gives no links to fetch.")

    async def aclose(self) -> None:
        """Close the connections. Safe to call twice."""
        await self._service.aclose()

    def _own_models(self) -> list[str]:
        named = self._context.settings.get("models")
        return [str(model) for model in named] if isinstance(named, list) else []

    def _model_info(self, model: str, title: str, offered: set[str], has_key: bool) -> ModelInfo:
        known = KNOWN.get(model)
        ref = ModelRef(self.name, model)
        missing = "" if has_key else "needs a key"
        if has_key and offered and known is not None and model not in offered:
            missing = "not offered to this key"
        return ModelInfo(
            ref=ref,
            title=one_line(title, most=80),
            roles=frozenset({"text", "image", "reference"}),
            price=price_of(Recipe(ref=ref, prompt="")),
            note=known.note if known is not None else "",
            missing=missing,
        )

    async def _pictures(self, recipe: Recipe) -> list[Inline]:
        """The image, then the references in their order. Raises BadRecipe."""
        sources = sorted(recipe.sources, key=lambda source: source.role != "image")
        if len(sources) > IMAGES_MOST:
            reason = f"at most {IMAGES_MOST} pictures together"
            raise BadRecipe(f"Gemini takes {reason}.", fields={"reference": reason})
        found = []
        for source in sources:
            try:
                data = await self._context.read_source(source.sha256)
            except (NotFound, PictureError) as error:
                raise BadRecipe(
                    f"The {source.role} can't be used: {error}", fields={source.role: str(error)}
                ) from error
            found.append(Inline(media_type_of(data), data))
        most = self._context.settings.get("most_inline_mb")
        is_number = isinstance(most, int | float) and not isinstance(most, bool) and most > 0
        check_weight(
            recipe, found, most_bytes=int((float(most) if is_number and most else INLINE_MB) * 1_000_000)
        )
        return found

    async def _list(self) -> list[Listed]:
        found: list[Listed] = []
        page: dict[str, Any] = {"pageSize": 1000}
        for _ in range(_PAGES_MOST):
            try:
                answer = (await self._service.ask(f"{self._base}/v1beta/models", params=page)).object()
            except (TicketLost, ModelGone) as error:
                raise Unreachable(
                    "Gemini has no list of models at this address.",
                    fix=f"Check url under providers.{self.name} in the settings.",
                ) from error
            rows = answer.get("models")
            for row in rows if isinstance(rows, list) else ():
                if isinstance(row, Mapping) and isinstance(row.get("name"), str):
                    model = row["name"].removeprefix("models/")
                    found.append(Listed(model, one_line(str(row.get("displayName") or ""), most=80)))
            token = answer.get("nextPageToken")
            if not isinstance(token, str) or not token:
                break
            page = {"pageSize": 1000, "pageToken": token}
        return found


def _draws(model: str) -> bool:
    """Whether a listed model makes pictures by generateContent, as far as its name tells."""
    return ("image" in model or "banana" in model) and not model.startswith("imagen")


def _searched(info: ModelInfo) -> str:
    return f"{info.ref} {info.title} {info.note}".lower()
