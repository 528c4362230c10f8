"""Hub: what Hugging Face's own API tells of models, of who serves them, and of Spaces.

Answers are kept for a day and serve offline. How a model is called is left to ``dialects.py`` and ``spaces.py``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from silverprint.core.errors import BadAnswer, KeyRefused, ModelGone, ProviderError, TicketLost, Unreachable
from silverprint.core.provider import ModelInfo, ProviderContext
from silverprint.core.recipe import ModelRef
from silverprint.core.text import one_line
from silverprint.providers.answers import Answer
from silverprint.providers.catalog import Shelf
from silverprint.providers.http import Service

FRESH = timedelta(days=1)
FOUND_MOST = 20
SPACES_MOST = 8
ROLES: Mapping[str, str] = {"text-to-image": "text", "image-to-image": "image"}

_NAME = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A model at one Inference Provider: its name there, what it does, and its weights if it is a LoRA."""

    provider: str
    model: str
    task: str
    weights: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceState:
    """Where a Space runs, and its stage (``RUNNING``, ``SLEEPING``, ``PAUSED``, ...)."""

    host: str
    stage: str


class Hub:
    """The hub at ``base``, asked through ``service``, which sends the token where there is one."""

    def __init__(self, context: ProviderContext, service: Service, *, name: str, base: str) -> None:
        self._context = context
        self._service = service
        self._name = name
        self._base = base
        self._shelf = Shelf(context.cache, context.clock)

    async def served(self, model: str) -> tuple[Served, ...]:
        """Who serves the model, in the hub's order. Raises ModelGone, KeyRefused, Unreachable and their like."""
        if not is_name(model):
            raise ModelGone(f"{one_line(model, most=80)!r} is no model: its name has the form owner/name.")

        async def ask() -> Any:
            url = f"{self._base}/api/models/{quote(model, safe='/')}"
            return (await self._ask(url, {"expand": "inferenceProviderMapping"}, model)).get(
                "inferenceProviderMapping"
            )

        return tuple(_served(await self._kept(f"served {self._base} {model}", ask)))

    async def search(self, words: str) -> list[ModelInfo]:
        """Models that make pictures and Spaces that fit the words. Empty when nobody can be asked."""

        async def models(task: str) -> Any:
            wanted = {"search": words, "pipeline_tag": task, "inference_provider": "all"}
            return await self._list("models", {**wanted, "sort": "downloads", "limit": FOUND_MOST})

        async def spaces() -> Any:
            return await self._list("spaces", {"search": words, "sort": "likes", "limit": SPACES_MOST})

        asked: list[tuple[str, Callable[[], Awaitable[Any]]]] = [
            ("text-to-image", lambda: models("text-to-image")),
            ("image-to-image", lambda: models("image-to-image")),
            ("spaces", spaces),
        ]
        answers = await asyncio.gather(*(self._search(f"{what} {words}", ask) for what, ask in asked))
        found: dict[str, ModelInfo] = {}
        for (what, _), rows in zip(asked, answers, strict=True):
            for row in rows if isinstance(rows, list) else ():
                info = self._space(row) if what == "spaces" else self._model(row, what)
                if info is not None:
                    known = found.get(info.ref.model)
                    roles = info.roles | (known.roles if known else frozenset())
                    found[info.ref.model] = ModelInfo(
                        ref=info.ref, title=info.title, roles=roles, note=info.note
                    )
        return list(found.values())

    async def space(self, space: str) -> SpaceState:
        """Where a Space runs. Raises ModelGone, Unreachable and their like."""
        told = await self._ask(f"{self._base}/api/spaces/{quote(space, safe='/')}", {}, space)
        host, runtime = told.get("host"), told.get("runtime")
        stage = runtime.get("stage") if isinstance(runtime, Mapping) else ""
        if not isinstance(host, str) or not host:
            raise BadAnswer(f"Hugging Face does not say where the Space {space} runs.")
        return SpaceState(host=host, stage=stage if isinstance(stage, str) else "")

    async def _ask(self, url: str, params: Mapping[str, Any], name: str) -> dict[str, Any]:
        try:
            return (await self._service.ask(url, params=params)).object()
        except TicketLost as error:
            raise ModelGone(f"Hugging Face has no {name}.") from error

    async def _list(self, what: str, params: Mapping[str, Any]) -> Any:
        return (await self._service.ask(f"{self._base}/api/{what}", params=params)).json()

    async def _kept(self, key: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        """What is on the shelf when it is of today, else the answer, else an old entry."""
        kept = await asyncio.to_thread(self._shelf.get, key)
        if kept is not None and abs(self._context.clock() - kept[1]) < FRESH:
            return kept[0]
        try:
            told = await ask()
        except Unreachable:
            if kept is None:
                raise
            return kept[0]
        await asyncio.to_thread(self._shelf.put, key, told)
        return told

    async def _search(self, what: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await self._kept(f"search {self._base} {what.lower()}", ask)
        except ProviderError:
            return None  # what is shipped serves

    def _model(self, row: Any, task: str) -> ModelInfo | None:
        name = row.get("id") if isinstance(row, Mapping) else None
        if not isinstance(name, str) or not is_name(name):
            return None
        downloads = row.get("downloads")
        note = f"{downloads:,} downloads a month" if isinstance(downloads, int) else ""
        if row.get("gated"):
            note = ", ".join(filter(None, (note, "terms to accept on its page")))
        return ModelInfo(
            ref=ModelRef(self._name, name),
            title=name.partition("/")[2],
            roles=frozenset({ROLES[task]}),
            note=note,
        )

    def _space(self, row: Any) -> ModelInfo | None:
        name = row.get("id") if isinstance(row, Mapping) else None
        if not isinstance(name, str) or not is_name(name) or row.get("sdk", "gradio") != "gradio":
            return None
        return space_info(self._name, name)


def space_info(provider: str, space: str) -> ModelInfo:
    """A Space as the picker shows it; what it makes shows when its form is read."""
    return ModelInfo(
        ref=ModelRef(provider, f"spaces/{space}"),
        title=f"{space.partition('/')[2]} (Space)",
        roles=frozenset({"text", "image"}),
        note=f"Gradio Space of {space.partition('/')[0]}",
    )


def is_name(text: str) -> bool:
    """Whether a text has the form owner/name, as all models and Spaces do."""
    return _NAME.fullmatch(text) is not None and not set(text.split("/")) & {".", ".."}


def explain(answer: Answer) -> ProviderError | None:
    """The hub says in ``X-Error-Code`` what a 401 or 403 is about."""
    match answer.headers.get("x-error-code", ""):
        case "RepoNotFound":
            return ModelGone("Hugging Face has no such model or Space, or it is private.")
        case "GatedRepo":
            return KeyRefused(
                "The authors of this model ask you to accept its terms first.",
                fix="Accept them on the model's page at huggingface.co, then retry.",
            )
    return None


def _served(mapping: Any) -> list[Served]:
    """The mapping is an object by provider, and in lists a list; both are read."""
    rows: list[tuple[Any, Any]] = []
    if isinstance(mapping, Mapping):
        rows = list(mapping.items())
    elif isinstance(mapping, list):
        rows = [(row.get("provider"), row) for row in mapping if isinstance(row, Mapping)]
    found = []
    for provider, row in rows:
        if not isinstance(row, Mapping) or not isinstance(provider, str) or row.get("status") == "error":
            continue
        model, task, weights = row.get("providerId"), row.get("task"), row.get("adapterWeightsPath")
        if isinstance(model, str) and isinstance(task, str) and task in ROLES:
            kept = weights if isinstance(weights, str) else ""
            found.append(Served(provider=provider, model=model, task=task, weights=kept))
    return found
