"""Adapter: the embedded model as a Provider, one picture at a time in a thread of its own.

Owns the way between the event loop and the thread. The pictures are the model's.
numpy and onnxruntime are imported with the first picture, or by ``warm``.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

from silverprint.core.errors import (
    BadRecipe,
    ModelGone,
    NotFound,
    PictureError,
    ProviderError,
    SettingsError,
    TicketLost,
)
from silverprint.core.grade import Grade
from silverprint.core.image import Mode, RawImage
from silverprint.core.params import Form
from silverprint.core.provider import ModelInfo, ProviderContext, ProviderInfo
from silverprint.core.recipe import ModelRef, Recipe, SourceRole
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Output, Preview, Update, Waiting, Working
from silverprint.providers.pocket.form import FORM, REF, SIDE, Wish, fits, model_info, read_recipe

if TYPE_CHECKING:
    from silverprint.providers.pocket.model import Model, Order
    from silverprint.providers.pocket.weights import Weights


def create(context: ProviderContext) -> PocketProvider:
    """The provider, from its settings: ``threads``, 1 or 2 (default: 2 where there are two cores).

    Pixels do not depend on it; more than 2 is the same as 2, for a step has two halves.
    Raises SettingsError when ``threads`` is no whole number from 1 up.
    """
    threads = context.settings.get("threads", min(2, _cores()))
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise SettingsError(
            f"The built-in model can't run on {threads!r} threads.",
            fix="Set threads under providers.pocket to 1 or 2, or remove the line.",
        )
    return PocketProvider(context, threads=threads)


class PocketProvider:
    """The embedded model. It keeps nothing between runs: the same ticket and recipe give the same picture."""

    info = ProviderInfo(
        name=REF.provider,
        title="Pocket (built in)",
        parallel=1,
        previews=True,
        cancels=True,
        idempotent=True,
        local=True,
    )

    def __init__(self, context: ProviderContext, *, threads: int = 1, weights: Weights | None = None) -> None:
        self._context = context
        self._threads = threads
        self._weights = weights
        self._worker = ThreadPoolExecutor(1, "pocket")
        self._model: Model | None = None
        self._cancelled: defaultdict[str, Event] = defaultdict(Event)
        self._running: set[Future[Finished | None]] = set()

    async def models(self, query: str = "") -> Sequence[ModelInfo]:
        """The one model, if every word of ``query`` is in its name, its note or a thing it draws."""
        return [model_info()] if fits(query) else []

    async def form(self, ref: ModelRef) -> Form:
        """What it takes. Raises ModelGone for any other model."""
        if ref != REF:
            raise ModelGone(f"There is no model {ref}; the built-in one is {REF}.")
        return FORM

    async def submit(self, recipe: Recipe, *, job_id: str) -> Ticket:
        """Check the recipe and give a ticket. Without a seed in the recipe the job's id decides it.

        Raises BadRecipe and ModelGone.
        """
        await self.form(recipe.ref)
        read_recipe(recipe)
        self._cancelled.pop(job_id, None)
        seed = _seed_of(job_id) if recipe.seed is None else recipe.seed
        return Ticket(provider=REF.provider, handle={"job": job_id, "seed": seed})

    async def watch(self, ticket: Ticket, recipe: Recipe) -> AsyncGenerator[Update, None]:
        """Paint the picture. Each step gives a Working and a Preview of 32x32; then comes the Finished.

        Closing the watch stops the thread within one step. Raises BadRecipe for inputs that can't be read,
        ModelGone when the model's files are damaged, ProviderError when cancelled or when onnxruntime fails.
        """
        job, seed = _claim(ticket)
        wish = read_recipe(recipe)
        image = await self._pixels(recipe, "image", "RGB")
        mask = await self._pixels(recipe, "mask", "L")
        news: asyncio.Queue[Update | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        closed, cancelled = Event(), self._cancelled[job]

        def post(update: Update) -> None:
            loop.call_soon_threadsafe(news.put_nowait, update)

        def work() -> Finished | None:
            return self._paint(wish, seed, image, mask, post=post, stops=(closed, cancelled))

        if self._running:
            yield Waiting()
        run = self._worker.submit(work)
        self._running.add(run)
        ended = asyncio.wrap_future(run)
        ended.add_done_callback(lambda _: news.put_nowait(None))
        try:
            while (update := await news.get()) is not None:
                yield update
            finished = ended.result()
            if finished is None:
                raise ProviderError("The picture was cancelled.", fix="Retry the job to make it after all.")
            yield finished
        finally:
            closed.set()
            if not run.cancel():
                await asyncio.wait({ended})
                ended.exception()
            self._running.discard(run)
            if not cancelled.is_set():
                self._cancelled.pop(job, None)

    async def fetch(self, output: Output) -> bytes:
        """Never needed: pictures come as pixels. Raises ProviderError."""
        raise ProviderError("The built-in model gives no links to fetch.")

    async def cancel(self, ticket: Ticket) -> None:
        """Stop before the next step, some 25 ms on. A job not begun ends as soon as it is watched."""
        job, _ = _claim(ticket)
        self._cancelled[job].set()

    async def warm(self) -> None:
        """Load the model now, so that the first picture need not wait for it. Raises ModelGone."""
        await asyncio.wrap_future(self._worker.submit(self._load))

    async def aclose(self) -> None:
        """Stop what runs and end the threads. Safe to call twice."""
        for event in self._cancelled.values():
            event.set()
        waiting = [asyncio.wrap_future(run) for run in self._running]
        if waiting:
            await asyncio.wait(waiting)
        self._worker.shutdown(cancel_futures=True)
        if self._model is not None:
            self._model.close()
            self._model = None

    async def _pixels(self, recipe: Recipe, role: SourceRole, mode: Mode) -> RawImage | None:
        source = recipe.source(role)
        if source is None:
            return None
        try:
            return await self._context.read_pixels(source.sha256, size=(SIDE, SIDE), mode=mode)
        except (PictureError, NotFound) as error:
            raise BadRecipe(f"The {role} can't be used: {error}", fields={role: str(error)}) from error

    def _load(self) -> Model:
        """The model, loaded by the first call. Runs in the worker thread."""
        if self._model is None:
            try:
                from silverprint.providers.pocket.model import Model
            except ImportError as error:
                raise ModelGone(
                    f"The built-in model needs numpy and onnxruntime, and they do not load here: {error}",
                    fix="Install onnxruntime for this machine, or choose another model (ctrl+o).",
                ) from error
            self._model = Model(self._weights, threads=self._threads)
        return self._model

    def _paint(
        self,
        wish: Wish,
        seed: int,
        image: RawImage | None,
        mask: RawImage | None,
        *,
        post: Callable[[Update], None],
        stops: Sequence[Event],
    ) -> Finished | None:
        """Make the picture in the worker thread; None when stopped on the way."""
        if any(stop.is_set() for stop in stops):
            return None
        post(Working(step=0, note="" if self._model else "loading the model"))
        model = self._load()
        began = time.perf_counter()
        for frame in model.paint(_order(wish, seed, image, mask)):
            if frame.picture is not None:
                picture = RawImage(width=SIDE, height=SIDE, data=frame.picture.tobytes())
            height, width, _ = frame.preview.shape
            post(Working(step=frame.number, steps=frame.of))
            preview = RawImage(width=width, height=height, data=frame.preview.tobytes())
            post(Preview(image=preview, step=frame.number, steps=frame.of))
            if any(stop.is_set() for stop in stops):
                return None
        return Finished(
            outputs=(Output(image=picture, seed=seed),),
            seed=seed,
            engine=model.engine(),
            grade=Grade.EXACT,
            price_usd=0.0,
            seconds=time.perf_counter() - began,
        )


def _claim(ticket: Ticket) -> tuple[str, int]:
    """The job and the seed a ticket stands for. Raises TicketLost for one that is not ours."""
    job, seed = ticket.handle.get("job"), ticket.handle.get("seed")
    if ticket.provider != REF.provider or not isinstance(job, str) or not isinstance(seed, int):
        raise TicketLost("The ticket is not one of the built-in model's.")
    return job, seed


def _seed_of(job_id: str) -> int:
    """A seed that a job keeps when it is sent again, and no other job is likely to have."""
    return int.from_bytes(hashlib.sha256(job_id.encode("utf-8", "surrogatepass")).digest()[:4], "big")


def _order(wish: Wish, seed: int, image: RawImage | None, mask: RawImage | None) -> Order:
    """The wish with its pixels. In a mask, 128 and lighter means: paint anew."""
    import numpy as np

    from silverprint.providers.pocket.model import Order

    return Order(
        prompt=wish.prompt,
        negative=wish.negative,
        seed=seed,
        steps=wish.steps,
        guidance=wish.guidance,
        solver=wish.solver,
        strength=wish.strength,
        image=None if image is None else np.frombuffer(image.data, np.uint8).reshape(SIDE, SIDE, 3),
        mask=None if mask is None else np.frombuffer(mask.data, np.uint8).reshape(SIDE, SIDE) >= 128,
    )


def _cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
