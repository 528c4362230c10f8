"""FakeProvider: a provider that does as it is told, and counts what it was sent.

It needs no network and no image library. Its pixels follow from prompt and seed alone.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from silverprint.core.errors import BadRecipe, ModelGone, TicketLost
from silverprint.core.grade import Grade
from silverprint.core.image import RawImage
from silverprint.core.params import Choice, Form, ParamKind, ParamSpec, check_all
from silverprint.core.provider import Found, ModelInfo, Price, ProviderInfo
from silverprint.core.recipe import Engine, ModelRef, Recipe
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Output, Preview, Update, Waiting, Working
from silverprint.testing.account import Account, read_ledger, write_ledger
from silverprint.testing.pixels import noisy, pattern, png

__all__ = ["FakeProvider", "Hold", "OutputKind", "read_ledger", "write_ledger"]

OutputKind = Literal["raw", "png", "url"]

PREVIEW_MOST_PX = 48


class Hold:
    """A place where the provider stops until it is released."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._open = asyncio.Event()

    async def reached(self) -> None:
        """Wait until a call has come to the place."""
        await self._reached.wait()

    def release(self) -> None:
        """Let all go on, now and later."""
        self._open.set()

    async def stop_here(self) -> None:
        """Arrive, and wait for the release."""
        self._reached.set()
        await self._open.wait()


class FakeProvider:
    """A scripted provider.

    ``resumable``: its tickets are good in another process. ``idempotent``: sending the same job id again is no
    second job. ``immediate``: as services that answer in the same call, it is sent to in ``watch``, not in
    ``submit``. ``outputs`` pictures come as raw pixels, PNG bytes or links (``kind``); ``cut`` breaks their bytes
    off in the middle. Each of the ``steps`` takes ``step_s`` seconds of ``sleep``. ``ledger`` is a file that gets
    the id of each job sent, on a line of its own and synced, so that a killed process can be counted.

    Money: ``price`` is told before sending, ``ticket_usd`` with the ticket, ``price_usd`` at the end. ``needs_key``
    and ``credit`` (how many jobs it pays) make an ``account``, whose key and credit a test sets later; ``attempts``
    are all requests for a job, ``submits`` those that were taken. ``looks_up``:
    what was sent is listed, as certain when it ``marks``; ``listed`` replaces the list. ``expires_s``: its tickets
    expire so long after ``clock`` gave them.

    Calls pass these points, where ``hold`` stops them and ``fail`` ends them: ``models``, ``form``, ``price``,
    ``submit`` (nothing taken yet), ``taken`` (counted, not yet answered), ``watch``, ``step:1`` and so on,
    ``finish``, ``fetch``, ``cancel``, ``look up``, ``probe``.
    """

    def __init__(
        self,
        name: str = "fake",
        *,
        resumable: bool = True,
        idempotent: bool = False,
        immediate: bool = False,
        parallel: int = 1,
        cancels: bool = True,
        local: bool = False,
        steps: int = 3,
        step_s: float = 0.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        previews: bool = True,
        outputs: int = 1,
        kind: OutputKind = "raw",
        cut: bool = False,
        price: Price | None = None,
        ticket_usd: float | None = None,
        price_usd: float | None = None,
        needs_key: bool = False,
        credit: int | None = None,
        looks_up: bool = False,
        marks: bool = True,
        expires_s: float | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        size: tuple[int, int] = (64, 64),
        ledger: Path | None = None,
    ) -> None:
        self.info = ProviderInfo(
            name=name,
            title=name.capitalize(),
            needs_key=needs_key,
            key_name=name if needs_key else "",
            looks_up=looks_up,
            resumable=resumable and not immediate,
            parallel=parallel,
            previews=previews,
            cancels=cancels,
            idempotent=idempotent,
            local=local,
        )
        self.ref = ModelRef(name, name)
        self.attempts: list[str] = []
        self.submits: list[str] = []
        self.watches: list[str] = []
        self.fetches: list[str] = []
        self.cancelled: list[str] = []
        self.priced: list[Recipe] = []
        self.looked: list[tuple[str, datetime]] = []
        self.listed: list[Found] | None = None
        self.account = Account(self.info.title, needs_key=needs_key, credit=credit)
        self.running = 0
        self.running_most = 0
        self.is_closed = False
        self._resumable = resumable and not immediate
        self._immediate = immediate
        self._steps = steps
        self._step_s = step_s
        self._sleep = sleep
        self._outputs = outputs
        self._kind = kind
        self._cut = cut
        self._price = price
        self._ticket_usd = ticket_usd
        self._price_usd = price_usd
        self._marks = marks
        self._expires_s = expires_s
        self._clock = clock
        self._dead_links: set[str] = set()
        self._size = size
        self._ledger = ledger
        self._holds: dict[str, Hold] = {}
        self._errors: dict[str, deque[BaseException]] = defaultdict(deque)
        self._forgotten: set[str] = set()

    # the script

    def hold(self, point: str) -> Hold:
        """Stop every call that comes to ``point`` from now on, until the hold is released."""
        self._holds[point] = Hold()
        return self._holds[point]

    def fail(self, point: str, error: BaseException, *, times: int = 1) -> None:
        """End the next ``times`` calls that come to ``point`` with ``error``."""
        self._errors[point].extend([error] * times)

    def forget(self, job_id: str) -> None:
        """Forget a job: its ticket is lost from now on."""
        self._forgotten.add(job_id)

    def expire_links(self, *urls: str) -> None:
        """Let these links be good no more, until a watch gives them again."""
        self._dead_links.update(urls)

    def ticket(self, job_id: str, *, steps: int | None = None, size: str | None = None) -> Ticket:
        """The ticket of a job, as its submit gives it."""
        expires = None if self._expires_s is None else self._clock() + timedelta(seconds=self._expires_s)
        return Ticket(
            provider=self.info.name,
            handle={
                "job": job_id,
                "steps": steps or self._steps,
                "size": size or f"{self._size[0]}x{self._size[1]}",
            },
            resumable=self._resumable,
            expires=expires,
            price_usd=self._ticket_usd,
        )

    def sent(self) -> list[str]:
        """The ids of all jobs ever sent, in order, by this object or, with a ledger, by any process."""
        return read_ledger(self._ledger) if self._ledger is not None else list(self.submits)

    # the provider

    async def models(self, query: str = "") -> Sequence[ModelInfo]:
        """One model, named as the provider."""
        await self._pass("models")
        title = f"{self.info.title} (test pattern)"
        if not all(word in f"{self.ref} {title}".lower() for word in query.lower().split()):
            return []
        price = None if self._price_usd is None else Price(usd=self._price_usd)
        return [
            ModelInfo(ref=self.ref, title=title, price=price, note="Draws a pattern; for tests and demos.")
        ]

    async def form(self, ref: ModelRef) -> Form:
        """Steps, guidance and size. Raises ModelGone for any other model than its own."""
        await self._pass("form")
        if ref != self.ref:
            raise ModelGone(f"{self.info.title} has no model {ref.model}.")
        size = f"{self._size[0]}x{self._size[1]}"
        sizes = dict.fromkeys([size, "64x64", "96x64", "128x128"])
        return Form(
            params=(
                ParamSpec(
                    name="steps", wire="steps", kind=ParamKind.INTEGER, default=self._steps, low=1, high=50
                ),
                ParamSpec(
                    name="guidance", wire="cfg", kind=ParamKind.NUMBER, default=4.0, low=0, high=20, step=0.5
                ),
                ParamSpec(
                    name="size",
                    wire="size",
                    kind=ParamKind.SIZE,
                    default=size,
                    choices=tuple(Choice(value=each) for each in sizes),
                ),
            ),
            takes_negative=True,
            takes_seed=True,
        )

    async def submit(self, recipe: Recipe, *, job_id: str) -> Ticket:
        """Count the job. Raises ModelGone, BadRecipe, and what the script says."""
        good, bad = check_all(await self.form(recipe.ref), recipe.params)
        if bad:
            raise BadRecipe("; ".join(f"{name}: {reason}" for name, reason in bad.items()), fields=bad)
        if not self._immediate:
            self.attempts.append(job_id)
        await self._pass("submit")
        if not self._immediate:
            self.account.check()
            self._count(job_id)
        await self._pass("taken")
        return self.ticket(job_id, steps=good["steps"], size=good["size"])

    async def watch(self, ticket: Ticket, recipe: Recipe) -> AsyncIterator[Update]:
        """Waiting, the steps with their previews, and Finished. Raises TicketLost for a job it does not know."""
        job_id = str(ticket.handle["job"])
        self.watches.append(job_id)
        if self._immediate:
            self.attempts.append(job_id)
        await self._pass("watch")
        if self._immediate:
            self.account.check()
            self._count(job_id)
        else:
            self.account.check_key()
        if not self._immediate and job_id not in self.sent():
            self._forgotten.add(job_id)
        self.running += 1
        self.running_most = max(self.running_most, self.running)
        try:
            self._check_known(job_id)
            yield Waiting(place=1)
            key = _key(recipe, job_id)
            width, height = (int(side) for side in str(ticket.handle["size"]).split("x"))
            steps = int(ticket.handle["steps"])
            for step in range(1, steps + 1):
                if self._step_s:
                    await self._sleep(self._step_s)
                await self._pass(f"step:{step}")
                self._check_known(job_id)
                yield Working(step=step, steps=steps)
                if self.info.previews:
                    yield Preview(image=_preview(width, height, key, step / steps), step=step, steps=steps)
            await self._pass("finish")
            yield self._finished(recipe, key, (width, height))
        finally:
            self.running -= 1

    async def fetch(self, output: Output) -> bytes:
        """The PNG behind a link."""
        await self._pass("fetch")
        url = output.url or ""
        self.fetches.append(url)
        if url in self._dead_links:
            raise TicketLost(f"The link at {self.info.title} has expired.")
        _, width, height, key = url.split(":")
        return self._body(pattern(int(width), int(height), bytes.fromhex(key)))

    async def cancel(self, ticket: Ticket) -> None:
        """Stop the job; it is forgotten."""
        await self._pass("cancel")
        job_id = str(ticket.handle["job"])
        self.cancelled.append(job_id)
        self._forgotten.add(job_id)

    async def price(self, recipe: Recipe) -> Price | None:
        """What it was told to ask."""
        self.priced.append(recipe)
        await self._pass("price")
        return self._price

    async def look_up(self, recipe: Recipe, *, job_id: str, since: datetime) -> Sequence[Found]:
        """Every job it was sent; ``listed`` instead, if there is one."""
        self.looked.append((job_id, since))
        await self._pass("look up")
        if self.listed is not None:
            return self.listed
        return [
            Found(ticket=self.ticket(each), words=f"job {each}", sure=self._marks and each == job_id)
            for each in self.sent()
        ]

    async def probe(self) -> str:
        """Whether the key is good."""
        await self._pass("probe")
        self.account.check_key()
        return f"an account at {self.info.title}"

    async def aclose(self) -> None:
        """Nothing to let go of."""
        self.is_closed = True

    # parts

    async def _pass(self, point: str) -> None:
        hold = self._holds.get(point)
        if hold is not None:
            await hold.stop_here()
        if self._errors[point]:
            raise self._errors[point].popleft()

    def _count(self, job_id: str) -> None:
        self._forgotten.discard(job_id)
        if self.info.idempotent and job_id in self.sent():
            return
        self.submits.append(job_id)
        self.account.charge()
        if self._ledger is not None:
            write_ledger(self._ledger, job_id)

    def _check_known(self, job_id: str) -> None:
        if job_id in self._forgotten:
            raise TicketLost(f"{self.info.title} does not know this job any more.")

    def _finished(self, recipe: Recipe, key: bytes, size: tuple[int, int]) -> Finished:
        outputs = []
        for number in range(self._outputs):
            own = key if number == 0 else hashlib.sha256(key + bytes([number])).digest()
            seed = _seed(recipe, key)
            outputs.append(self._output(own, size, seed + number))
        engine = Engine(
            name=self.info.name, versions={"fake": "1"}, device="arithmetic", model_sha256="0" * 64
        )
        return Finished(
            outputs=tuple(outputs),
            seed=_seed(recipe, key),
            engine=engine,
            grade=Grade.EXACT,
            price_usd=self._price_usd,
            seconds=0.0,
        )

    def _output(self, key: bytes, size: tuple[int, int], seed: int) -> Output:
        image = pattern(*size, key)
        match self._kind:
            case "raw":
                return Output(image=image, seed=seed)
            case "png":
                return Output(data=self._body(image), media_type="image/png", seed=seed)
            case "url":
                url = f"fake:{size[0]}:{size[1]}:{key.hex()}"
                self._dead_links.discard(url)
                return Output(url=url, media_type="image/png", seed=seed)

    def _body(self, image: RawImage) -> bytes:
        body = png(image)
        return body[: len(body) // 2] if self._cut else body


def _key(recipe: Recipe, job_id: str) -> bytes:
    own = f"{recipe.seed}" if recipe.seed is not None else f"job {job_id}"
    return hashlib.sha256(f"{own}\n{recipe.prompt}\n{recipe.negative_prompt}".encode()).digest()


def _seed(recipe: Recipe, key: bytes) -> int:
    return recipe.seed if recipe.seed is not None else int.from_bytes(key[:4], "big")


def _preview(width: int, height: int, key: bytes, done: float) -> RawImage:
    scale = max(width, height) / PREVIEW_MOST_PX
    if scale > 1:
        width, height = max(round(width / scale), 1), max(round(height / scale), 1)
    return noisy(pattern(width, height, key), 1.0 - done, key)
