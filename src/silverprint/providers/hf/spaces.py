"""Spaces: public Gradio apps, called with gradio_client in threads.

Owns where a Space runs, whether it may have the token, the life of a call and what its errors mean. Its API as a form
is left to ``endpoints.py``. A session ends with the process, so nobody can come back for an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import re
import shutil
import warnings
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpx

from silverprint.core.errors import (
    AnswerLost,
    BadAnswer,
    BadRecipe,
    ModelGone,
    ProviderError,
    SettingsError,
    SilverprintError,
    Unreachable,
)
from silverprint.core.provider import ModelInfo, ProviderContext
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.text import one_line
from silverprint.core.update import Finished, Output, Update, Waiting, Working
from silverprint.providers.address import check_base, origin
from silverprint.providers.catalog import Shelf
from silverprint.providers.doubt import nothing_sent
from silverprint.providers.hf.endpoints import Endpoint, arguments, endpoints_of, files_in, first_image
from silverprint.providers.hf.hub import Hub, is_name
from silverprint.providers.hf.mishaps import FAILURES, error_from
from silverprint.providers.http import Service
from silverprint.providers.media import media_type_of

FRESH = timedelta(days=1)
READ_S = 120.0
LOOK_S = 0.25
STOP_S = 5.0
INSTALL = "pip install 'silverprint[spaces]'"

_DOWN = ("PAUSED", "STOPPED", "RUNTIME_ERROR", "BUILD_ERROR", "CONFIG_ERROR", "NO_APP_FILE", "DELETING")


@dataclass(frozen=True, slots=True)
class SpaceName:
    """``spaces/owner/name`` or ``spaces/owner/name/endpoint``; the endpoint is empty for the first that fits."""

    space: str
    endpoint: str = ""


def space_name(model: str) -> SpaceName | None:
    """A Space's name in a model's, or None for what is no Space. Raises ModelGone for one that is misspelt."""
    if not model.startswith("spaces/"):
        return None
    parts = model.split("/", 3)[1:]
    space = "/".join(parts[:2])
    if len(parts) < 2 or not is_name(space):
        raise ModelGone(
            f"{one_line(model, most=80)!r} is no Space: write hf:spaces/owner/name or hf:spaces/owner/name/endpoint."
        )
    return SpaceName(space, f"/{parts[2]}" if len(parts) > 2 and parts[2] else "")


def can_call() -> bool:
    """Whether gradio_client is installed. Imports nothing."""
    return importlib.util.find_spec("gradio_client") is not None


class Spaces:
    """Calls to Spaces. ``service`` has the token and knows the hosts that may have it."""

    def __init__(self, context: ProviderContext, hub: Hub, service: Service, *, name: str) -> None:
        self._context = context
        self._hub = hub
        self._service = service
        self._name = name
        self._shelf = Shelf(context.cache, context.clock)
        self._fixed, self._all = _places(context.settings, name)
        self._clients: dict[str, Any] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._jobs: dict[str, Any] = {}

    @property
    def bases(self) -> list[str]:
        """The addresses that the settings give, where results may come from though they are private."""
        return [*self._fixed.values(), *([self._all] if self._all else [])]

    async def endpoint(self, name: SpaceName) -> Endpoint:
        """What a Space's endpoint takes. Raises ModelGone, Unreachable and their like."""
        found = await self._endpoints(name.space)
        endpoint = found.get(name.endpoint) if name.endpoint else first_image(found)
        if endpoint is None:
            known = ", ".join(known for known, each in found.items() if each.makes_pictures) or "none"
            raise ModelGone(
                f"The Space {name.space} has no endpoint {one_line(name.endpoint, most=60)}."
                if name.endpoint
                else f"The Space {name.space} has no endpoint that makes pictures.",
                fix=f"Endpoints that make pictures: {known}.",
            )
        return endpoint

    async def listing(self, space: str) -> list[ModelInfo]:
        """A Space's endpoints that make pictures, as models."""
        return [
            ModelInfo(
                ref=ModelRef(self._name, f"spaces/{space}{endpoint.name}"),
                title=f"{space.partition('/')[2]} · {endpoint.name[1:]}",
                roles=endpoint.roles or frozenset({"text"}),
                note=f"Gradio Space of {space.partition('/')[0]}",
            )
            for endpoint in (await self._endpoints(space)).values()
            if endpoint.makes_pictures
        ]

    async def run(self, recipe: Recipe, name: SpaceName, *, job_id: str) -> AsyncGenerator[Update, None]:
        """Call an endpoint, once, and tell what it says on the way."""
        with nothing_sent():
            endpoint = await self.endpoint(name)
        yield Working(note="waking the Space")
        with nothing_sent():
            client = await self._client(name.space)
        folder = self._context.cache / "inputs" / re.sub(r"\W", "_", job_id)
        try:
            files = await self._files(recipe, folder)
            given = arguments(endpoint, recipe, files)
            news = self._follow(client, name.space, endpoint, given, recipe, job_id)
            async with contextlib.aclosing(news):
                async for update in news:
                    yield update
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, True)

    async def cancel(self, job_id: str) -> None:
        """Ask the Space to stop a call of ours; nothing when there is none."""
        job = self._jobs.get(job_id)
        if job is not None and not job.done():
            await asyncio.to_thread(_stop, job)

    async def aclose(self) -> None:
        """Close the sessions. Safe to call twice."""
        clients, self._clients = list(self._clients.values()), {}
        for job in list(self._jobs.values()):
            await asyncio.to_thread(_stop, job)
        for client in clients:
            await asyncio.to_thread(_close, client)

    # a call

    async def _follow(
        self, client: Any, space: str, endpoint: Endpoint, given: list[Any], recipe: Recipe, job_id: str
    ) -> AsyncGenerator[Update, None]:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        try:
            job = client.submit(*given, api_name=endpoint.name)
        except FAILURES as error:
            raise self._error(error, space) from error
        self._jobs[job_id] = job
        job.future.add_done_callback(lambda _future: _tell(loop, ended))
        try:
            told: Update | None = None
            while not ended.is_set():
                try:
                    async with asyncio.timeout(LOOK_S):
                        await ended.wait()
                except TimeoutError:
                    pass
                news = _news(job.status())
                if news is not None and news != told:
                    told = news
                    yield news
            # Looked at, not raised: some of the package's errors have no kind in common but Exception.
            failure = job.future.exception(timeout=0)
            if failure is not None:
                mishap = self._error(failure, space, taken=bool(job.communicator.event_id), job=job)
                if isinstance(mishap, AnswerLost | Unreachable):
                    self._drop(space)
                raise mishap from failure
            result = job.future.result(timeout=0)
            yield self._finished(client, endpoint, result, recipe)
        finally:
            if not job.done():
                await asyncio.to_thread(_stop, job)
                async with asyncio.timeout(STOP_S):
                    await ended.wait()
            self._jobs.pop(job_id, None)

    def _finished(self, client: Any, endpoint: Endpoint, result: Any, recipe: Recipe) -> Finished:
        outputs = []
        for path in dict.fromkeys(files_in(result)):
            is_link = path[:5].lower() == "data:" or path.startswith(("http://", "https://"))
            outputs.append(Output(url=path if is_link else f"{client.src_prefixed}file={quote(path)}"))
        if not outputs:
            raise BadAnswer("The Space answered without a picture.")
        seed = recipe.seed
        if endpoint.seed_at is not None and isinstance(result, list | tuple):
            told = result[endpoint.seed_at] if endpoint.seed_at < len(result) else None
            if isinstance(told, int | float) and not isinstance(told, bool) and float(told).is_integer():
                seed = int(told) if told >= 0 else seed
        return Finished(outputs=tuple(outputs), seed=seed)

    async def _files(self, recipe: Recipe, folder: Path) -> dict[str, Any]:
        """Each input picture as a file that gradio_client uploads."""
        found: dict[str, Any] = {}
        for source in recipe.sources:
            try:
                data = await self._context.read_source(source.sha256)
            except SilverprintError as error:
                raise BadRecipe(str(error), fields={source.role: str(error)}, fix=error.fix) from error
            suffix = media_type_of(data).partition("/")[2].partition("-")[0]
            path = folder / f"{source.sha256[:16]}.{suffix}"
            await asyncio.to_thread(_write, path, data)
            found[source.sha256] = {
                "path": str(path),
                "orig_name": path.name,
                "meta": {"_type": "gradio.FileData"},
            }
        return found

    # sessions

    async def _endpoints(self, space: str) -> dict[str, Endpoint]:
        """From the shelf when it is of today, else from the Space, else an old entry."""
        key = f"space {self._fixed.get(space) or self._all} {space}"
        kept = await asyncio.to_thread(self._shelf.get, key)
        if kept is not None and abs(self._context.clock() - kept[1]) < FRESH:
            return endpoints_of(kept[0])
        try:
            client = await self._client(space)
            info = await asyncio.to_thread(client.view_api, print_info=False, return_format="dict")
        except Unreachable:
            if kept is None:
                raise
            return endpoints_of(kept[0])
        except FAILURES as error:
            raise self._error(error, space) from error
        await asyncio.to_thread(self._shelf.put, key, info)
        return endpoints_of(info)

    async def _client(self, space: str) -> Any:
        async with self._opening.setdefault(space, asyncio.Lock()):
            if space not in self._clients:
                url, stage = await self._place(space)
                if stage in _DOWN:
                    raise ProviderError(
                        f"The Space {space} is not running ({stage.lower().replace('_', ' ')}).",
                        fix="Its owner can start it again; or duplicate it, or choose another.",
                    )
                token = await asyncio.to_thread(self._service.key)
                try:
                    self._clients[space] = await asyncio.to_thread(_open, url, token)
                except ImportError as error:
                    raise ProviderError(
                        "Spaces need the package gradio_client, which is not installed.",
                        fix=f"Install it with {INSTALL}.",
                    ) from error
                except FAILURES as error:
                    raise self._error(error, space) from error
            return self._clients[space]

    async def _place(self, space: str) -> tuple[str, str]:
        """Where a Space runs and its stage. Only there, and only for these hosts, is a token sent."""
        given = self._fixed.get(space) or self._all
        if given:
            return given, ""
        state = await self._hub.space(space)
        host = urlsplit(state.host)
        if host.scheme != "https" or not (host.hostname or "").endswith(".hf.space"):
            raise BadAnswer(
                f"The Space {space} is said to run at {one_line(state.host, most=80)}, which is none of Hugging Face's "
                "own hosts; it was not asked.",
                fix=f"If it is yours, name its address in providers.{self._name}.spaces in the settings.",
            )
        return state.host, state.stage

    def _error(
        self, error: BaseException, space: str, *, taken: bool = False, job: Any = None
    ) -> ProviderError:
        now, redact = self._context.clock(), self._service.redact
        return error_from(error, space, now=now, redact=redact, taken=taken, job=job)

    def _drop(self, space: str) -> None:
        self._clients.pop(space, None)


def _places(settings: Mapping[str, Any], name: str) -> tuple[dict[str, str], str]:
    """Addresses of single Spaces (``spaces``), and one for all of them (``spaces_url``). Raises SettingsError."""
    every = settings.get("spaces_url")
    table = settings.get("spaces", {})
    if isinstance(table, list | tuple):
        table = {}  # names to list, without addresses
    if not isinstance(table, Mapping):
        raise SettingsError(
            f"providers.{name}.spaces is not a list of Spaces, nor a table of their addresses.",
            fix='Write it as ["owner/name"], or as a table with "owner/name" = "https://…".',
        )
    fixed = {
        str(space): check_base(url, where=f"providers.{name}.spaces.{space}") for space, url in table.items()
    }
    return fixed, check_base(every, where=f"providers.{name}.spaces_url") if every else ""


def _open(url: str, token: str) -> Any:
    from gradio_client import Client

    class OwnHost(Client):  # type: ignore[misc, unused-ignore]
        """It puts what the Space's app calls its prefix before every address, and sends the token there."""

        def _get_config(self) -> Any:
            config: Any = super()._get_config()
            prefix = config.get("api_prefix", "") if isinstance(config, dict) else ""
            _check_place(url, urljoin(f"{url}/", prefix.lstrip("/")) if isinstance(prefix, str) else "")
            return config

    # With token=False nothing of a login that the package finds by itself is sent.
    headers = {"x-hf-authorization": f"Bearer {token}"} if token else None
    timeout = httpx.Timeout(READ_S, connect=15.0)
    client = OwnHost(
        url,
        token=False,  # type: ignore[arg-type, unused-ignore]
        headers=headers,
        verbose=False,
        analytics_enabled=False,
        download_files=False,
        httpx_kwargs={"timeout": timeout},
    )
    _check_place(url, client.src_prefixed)
    if client.protocol == "sse":
        client.httpx_kwargs = {}  # the oldest protocol sets a time-out of its own
    return client


def _check_place(url: str, used: str) -> None:
    """Raises BadAnswer unless ``used`` is at the same place as ``url``."""
    try:
        if origin(used) == origin(url):
            return
    except ValueError:
        pass
    raise BadAnswer("The Space wants its calls sent to another host; nothing was sent there.")


def _close(client: Any) -> None:
    client.close()
    for executor in (client.executor, client.helper_executor, client.stream_executor):
        executor.shutdown(wait=False, cancel_futures=True)


def _stop(job: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old Space can't be told, and the package warns of it
        try:
            job.cancel()
        except FAILURES:
            return


def _tell(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(ended.set)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _news(status: Any) -> Update | None:
    """A StatusUpdate of gradio_client as ours; None where it tells nothing new."""
    code = status.code.name
    if code in ("STARTING", "JOINING_QUEUE", "QUEUE_FULL", "IN_QUEUE", "SENDING_DATA"):
        rank = status.rank
        return Waiting(place=rank if isinstance(rank, int) and rank >= 0 else None)
    if code in ("FINISHED", "CANCELLED", "LOG"):
        return None
    units = status.progress_data or []
    unit = units[-1] if units else None
    if unit is None:
        return Working()
    note = one_line(str(unit.desc or ""), most=80)
    step, steps = unit.index, unit.length
    if isinstance(step, int) and isinstance(steps, int) and 0 <= step <= steps and steps:
        return Working(step=step, steps=steps, note=note)
    if isinstance(unit.progress, int | float) and 0 <= unit.progress <= 1:
        return Working(step=int(unit.progress * 100), steps=100, note=note)
    return Working(note=note)
