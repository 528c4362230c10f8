"""The shipped fake keeps the contract itself, in each of its kinds, and counts what it is sent."""

from __future__ import annotations

import asyncio
import struct
import zlib
from pathlib import Path

import pytest

from silverprint.core.errors import BadRecipe, TicketLost, Unreachable
from silverprint.core.provider import Provider
from silverprint.core.recipe import Recipe
from silverprint.core.update import Finished, Output, Preview, Update
from silverprint.testing import FakeClock, FakeProvider
from silverprint.testing.contract import ProviderContract


class TestRaw(ProviderContract):
    @pytest.fixture
    def provider(self) -> Provider:
        return FakeProvider()


class TestLinks(ProviderContract):
    @pytest.fixture
    def provider(self) -> Provider:
        return FakeProvider(kind="url", outputs=3, previews=False)


class TestImmediate(ProviderContract):
    @pytest.fixture
    def provider(self) -> Provider:
        return FakeProvider(immediate=True, kind="png")


class TestIdempotent(ProviderContract):
    @pytest.fixture
    def provider(self) -> Provider:
        return FakeProvider(resumable=False, idempotent=True)


async def run(provider: FakeProvider, job_id: str = "job1", **recipe: object) -> list[Update]:
    wanted = Recipe(ref=provider.ref, prompt="fox", seed=1, params=recipe)
    ticket = await provider.submit(wanted, job_id=job_id)
    return [update async for update in provider.watch(ticket, wanted)]


def outputs(updates: list[Update]) -> tuple[Output, ...]:
    last = updates[-1]
    assert isinstance(last, Finished)
    return last.outputs


async def test_it_counts_in_memory_and_in_a_file(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    first = FakeProvider(ledger=ledger)
    await run(first, "job1")
    second = FakeProvider(ledger=ledger)
    await run(second, "job2")
    assert (first.submits, second.submits) == (["job1"], ["job2"])
    assert second.sent() == ["job1", "job2"]


async def test_an_immediate_one_is_sent_to_in_watch() -> None:
    provider = FakeProvider(immediate=True)
    recipe = Recipe(ref=provider.ref, prompt="fox", seed=1)
    ticket = await provider.submit(recipe, job_id="job1")
    assert provider.submits == []
    await anext(provider.watch(ticket, recipe))
    assert provider.submits == ["job1"]


async def test_sending_an_id_twice_is_once_where_it_says_so() -> None:
    provider = FakeProvider(idempotent=True)
    await run(provider, "job1")
    await run(provider, "job1")
    assert provider.submits == ["job1"]


async def test_its_png_holds_its_pixels() -> None:
    raw = outputs(await run(FakeProvider()))[0].image
    body = outputs(await run(FakeProvider(kind="png")))[0].data
    assert raw is not None
    assert body is not None
    assert struct.unpack(">II", body[16:24]) == raw.size
    packed = body[body.index(b"IDAT") + 4 : body.index(b"IEND") - 8]
    stride = raw.width * 3 + 1
    rows = zlib.decompress(packed)
    assert b"".join(rows[y * stride + 1 : (y + 1) * stride] for y in range(raw.height)) == raw.data


async def test_a_cut_answer_is_shorter() -> None:
    whole = outputs(await run(FakeProvider(kind="png")))[0].data
    cut = outputs(await run(FakeProvider(kind="png", cut=True)))[0].data
    assert whole is not None
    assert cut is not None
    assert cut == whole[: len(cut)]
    assert len(cut) < len(whole)


async def test_the_prompt_and_the_seed_decide_the_pixels() -> None:
    provider = FakeProvider()
    images = []
    for prompt, seed in (("fox", 1), ("fox", 2), ("hare", 1), ("fox", 1)):
        recipe = Recipe(ref=provider.ref, prompt=prompt, seed=seed)
        ticket = await provider.submit(recipe, job_id=f"{prompt}{seed}")
        images.append(outputs([update async for update in provider.watch(ticket, recipe)])[0].image)
    assert images[0] == images[3]
    assert len({image.data for image in images if image is not None}) == 3


async def test_previews_come_from_noise_to_the_picture() -> None:
    updates = await run(FakeProvider(size=(32, 32)), steps=4)
    previews = [update.image for update in updates if isinstance(update, Preview)]
    final = outputs(updates)[0].image
    assert final is not None

    def far(pixels: bytes) -> int:
        return sum(abs(a - b) for a, b in zip(pixels, final.data, strict=True))

    distances = [far(preview.data) for preview in previews]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 0
    assert distances[-1] == 0


async def test_it_fails_as_often_as_told_and_then_works() -> None:
    provider = FakeProvider()
    provider.fail("step:2", Unreachable("gone"), times=2)
    for _ in range(2):
        with pytest.raises(Unreachable):
            await run(provider)
    assert isinstance((await run(provider))[-1], Finished)


async def test_it_refuses_what_its_form_does_not_have() -> None:
    with pytest.raises(BadRecipe) as caught:
        await run(FakeProvider(), sampler="euler", steps=0)
    assert set(caught.value.fields) == {"sampler", "steps"}


async def test_a_stranger_s_ticket_is_lost() -> None:
    provider = FakeProvider()
    recipe = Recipe(ref=provider.ref, prompt="fox")
    ticket = await FakeProvider().submit(recipe, job_id="elsewhere")
    with pytest.raises(TicketLost):
        [update async for update in provider.watch(ticket, recipe)]


async def test_the_clock_wakes_who_is_due() -> None:
    clock = FakeClock()
    start = clock()
    long = asyncio.create_task(clock.sleep(10))
    short = asyncio.create_task(clock.sleep(2))
    await clock.until_sleeping(10)
    await clock.until_sleeping(2)
    clock.advance(2)
    await short
    assert not long.done()
    assert clock.pauses_s == [8]
    clock.advance(8)
    await long
    assert (clock() - start).total_seconds() == 10
