"""The adapter as the queue uses it: tickets, updates, cancelling, inputs, and recipes it can't take."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

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
from silverprint.core.provider import Provider, ProviderContext
from silverprint.core.recipe import LoraUse, ModelRef, Recipe, Source
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Preview, Update, Waiting, Working
from silverprint.providers import registry
from silverprint.providers.pocket.adapter import PocketProvider, create
from silverprint.providers.pocket.form import FORM, REF
from silverprint.providers.pocket.model import Frame, Model, Order
from silverprint.providers.pocket.weights import Weights, concepts
from silverprint.testing.contract import ProviderContract

STEPS = 5
BLUE = RawImage(width=128, height=128, data=bytes((20, 40, 200)) * 128 * 128)
LOWER_HALF = RawImage(width=128, height=128, data=bytes(128 * 64) + b"\xff" * 128 * 64, mode="L")


def recipe(prompt: str = "a red apple", *, seed: int | None = 7, **params: Any) -> Recipe:
    return Recipe(ref=REF, prompt=prompt, seed=seed, params={"steps": STEPS, **params})


def context(pictures: Mapping[str, RawImage | Exception] | None = None, **settings: Any) -> ProviderContext:
    async def read_source(sha256: str) -> bytes:
        raise AssertionError("the pixels are asked for, never the file")

    async def read_pixels(
        sha256: str, *, size: tuple[int, int] | None = None, mode: Mode = "RGB"
    ) -> RawImage:
        assert size == (128, 128)
        found = (pictures or {})[sha256]
        if isinstance(found, Exception):
            raise found
        assert found.mode == mode
        return found

    return ProviderContext(
        read_source=read_source,
        read_pixels=read_pixels,
        clock=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        cache=Path("unused"),
        settings=settings,
    )


@pytest.fixture
async def pocket() -> AsyncIterator[PocketProvider]:
    provider = create(
        context(
            {
                "blue": BLUE,
                "lower": LOWER_HALF,
                "torn": PictureError("it is cut short"),
                "gone": NotFound("there is no such picture"),
            }
        )
    )
    yield provider
    await provider.aclose()


async def updates(provider: PocketProvider, wish: Recipe, job: str = "job") -> list[Update]:
    ticket = await provider.submit(wish, job_id=job)
    return [update async for update in provider.watch(ticket, wish)]


async def finished(provider: PocketProvider, wish: Recipe, job: str = "job") -> Finished:
    last = (await updates(provider, wish, job))[-1]
    assert isinstance(last, Finished)
    return last


def pixels(done: Finished) -> RawImage:
    (output,) = done.outputs
    assert output.image is not None
    return output.image


class TestContract(ProviderContract):
    """The promises that every adapter keeps."""

    @pytest.fixture
    def provider(self) -> Provider:
        return create(context())

    @pytest.fixture
    async def recipe(self, provider: Provider) -> Recipe:
        return Recipe(ref=REF, prompt="a red apple", seed=7, params={"steps": 4})


def test_it_is_a_registered_provider() -> None:
    assert registry.load("pocket") is create
    assert isinstance(create(context()), Provider)


async def test_the_picker_is_told_what_it_draws(pocket: PocketProvider) -> None:
    (model,) = await pocket.models()
    assert model.ref == REF
    assert "216 flat" in model.title
    assert "Trained on 216 flat emoji icons" in model.note
    assert model.price is not None
    assert model.price.usd == 0
    assert model.roles == {"text", "image", "inpaint"}
    assert all(any(thing in example for thing in concepts()) for example in model.examples)
    assert [len(await pocket.models(query)) for query in ("POCKET", "red apple", "flux", "apple flux")] == [
        1,
        1,
        0,
        0,
    ]


async def test_a_watch_tells_each_step_and_ends_once(pocket: PocketProvider) -> None:
    told = await updates(pocket, recipe())
    assert isinstance(told[0], Working)
    assert told[0].step == 0
    assert [update.step for update in told[1:] if isinstance(update, Working)] == list(range(1, STEPS + 1))
    views = [update for update in told if isinstance(update, Preview)]
    assert [(view.step, view.steps) for view in views] == [(number, STEPS) for number in range(1, STEPS + 1)]
    assert {view.image.size for view in views} == {(32, 32)}
    assert len({view.image.sha256() for view in views}) == STEPS
    assert [isinstance(update, Finished) for update in told] == [False] * (len(told) - 1) + [True]


async def test_the_finished_carries_what_a_recipe_needs(pocket: PocketProvider) -> None:
    done = await finished(pocket, recipe(seed=9))
    assert pixels(done).size == (128, 128)
    assert done.seed == done.outputs[0].seed == 9
    assert done.grade is Grade.EXACT
    assert done.price_usd == 0
    assert done.seconds is not None
    assert done.engine is not None
    assert done.engine.model_sha256 == Weights.open().sha256


async def test_the_same_ticket_gives_the_same_picture_anywhere(pocket: PocketProvider) -> None:
    wish = recipe()
    ticket = await pocket.submit(wish, job_id="job")
    first = [update async for update in pocket.watch(ticket, wish)][-1]
    again = [update async for update in pocket.watch(ticket, wish)][-1]
    other = create(context(threads=1))
    there = [update async for update in other.watch(ticket, wish)][-1]
    await other.aclose()
    made = [pixels(done).sha256() for done in (first, again, there) if isinstance(done, Finished)]
    assert len(made) == 3
    assert len(set(made)) == 1


async def test_without_a_seed_the_job_decides(pocket: PocketProvider) -> None:
    wish = recipe(seed=None)
    tickets = [await pocket.submit(wish, job_id=job) for job in ("one", "one", "two")]
    assert tickets[0] == tickets[1] != tickets[2]
    done = await finished(pocket, wish, "one")
    assert done.seed == tickets[0].handle["seed"]
    known = await finished(pocket, recipe(seed=done.seed))
    assert pixels(known) == pixels(done)


async def test_parameters_reach_the_model(pocket: PocketProvider) -> None:
    variants: list[dict[str, Any]] = [{}, {"guidance": 8.0}, {"sampler": "ddim"}, {"steps": 6}]
    made = {pixels(await finished(pocket, recipe(**params))).sha256() for params in variants}
    assert len(made) == len(variants)


async def test_an_image_is_the_start(pocket: PocketProvider) -> None:
    near, far = (
        Recipe(
            ref=REF, prompt="lemon", seed=1, sources=(Source(role="image", sha256="blue", strength=share),)
        )
        for share in (0.05, 1.0)
    )

    def blueness(image: RawImage) -> int:
        return image.data[2] - image.data[0]

    told = await updates(pocket, near)
    assert isinstance(told[-1], Finished)
    assert (
        told[-2] == Preview(image=told[-2].image, step=1, steps=1) if isinstance(told[-2], Preview) else False
    )
    assert blueness(pixels(told[-1])) > 120
    assert blueness(pixels(await finished(pocket, far))) < blueness(pixels(told[-1]))


async def test_a_mask_keeps_the_rest(pocket: PocketProvider) -> None:
    sources = (Source(role="image", sha256="blue", strength=1.0), Source(role="mask", sha256="lower"))
    wish = Recipe(ref=REF, prompt="a red apple", seed=1, params={"steps": STEPS}, sources=sources)
    image = pixels(await finished(pocket, wish))
    half = len(BLUE.data) // 2
    assert image.data[:half] == BLUE.data[:half]
    assert image.data[half:] != BLUE.data[half:]


@pytest.mark.parametrize("sha256", ["torn", "gone"])
async def test_an_input_that_can_not_be_read_names_its_field(pocket: PocketProvider, sha256: str) -> None:
    wish = Recipe(ref=REF, prompt="lemon", sources=(Source(role="image", sha256=sha256),))
    with pytest.raises(BadRecipe) as caught:
        await updates(pocket, wish)
    assert list(caught.value.fields) == ["image"]


IMAGE = Source(role="image", sha256="blue")
BAD: list[tuple[str, Callable[[], Recipe]]] = [
    ("steps", lambda: recipe(steps=3)),
    ("steps", lambda: recipe(steps=51)),
    ("steps", lambda: recipe(steps="14")),
    ("guidance", lambda: recipe(guidance=float("nan"))),
    ("guidance", lambda: recipe(guidance=0.5)),
    ("sampler", lambda: recipe(sampler="euler")),
    ("size", lambda: recipe(size="512x512")),
    ("eta", lambda: recipe(eta=1.0)),
    ("seed", lambda: recipe(seed=-1)),
    ("seed", lambda: recipe(seed=2**32)),
    ("loras", lambda: Recipe(ref=REF, prompt="fox", loras=(LoraUse(name="gold"),))),
    ("mask", lambda: Recipe(ref=REF, prompt="fox", sources=(Source(role="mask", sha256="lower"),))),
    ("image", lambda: Recipe(ref=REF, prompt="fox", sources=(IMAGE, IMAGE))),
    ("control", lambda: Recipe(ref=REF, prompt="fox", sources=(Source(role="control", sha256="blue"),))),
    (
        "strength",
        lambda: Recipe(ref=REF, prompt="fox", sources=(Source(role="image", sha256="blue", strength=0.0),)),
    ),
]


@pytest.mark.parametrize(("field", "make"), BAD)
async def test_a_bad_recipe_is_refused_before_it_runs(
    pocket: PocketProvider, field: str, make: Callable[[], Recipe]
) -> None:
    with pytest.raises(BadRecipe) as caught:
        await pocket.submit(make(), job_id="job")
    assert list(caught.value.fields) == [field]
    assert caught.value.fields[field]


async def test_every_bad_field_is_named_at_once(pocket: PocketProvider) -> None:
    with pytest.raises(BadRecipe) as caught:
        await pocket.submit(recipe(steps=1, guidance=99, seed=-1), job_id="job")
    assert set(caught.value.fields) == {"steps", "guidance", "seed"}


async def test_other_models_are_not_here(pocket: PocketProvider) -> None:
    with pytest.raises(ModelGone):
        await pocket.form(ModelRef("pocket", "flux"))
    with pytest.raises(ModelGone):
        await pocket.submit(Recipe(ref=ModelRef("fal", "flux"), prompt="fox"), job_id="job")


@pytest.mark.parametrize("handle", [{}, {"job": 3, "seed": 1}, {"job": "a", "seed": "1"}])
async def test_a_strange_ticket_is_lost(pocket: PocketProvider, handle: dict[str, Any]) -> None:
    with pytest.raises(TicketLost):
        await anext(pocket.watch(Ticket(provider="pocket", handle=handle), recipe()))


async def test_cancelling_ends_the_watch_within_a_step(pocket: PocketProvider) -> None:
    wish = recipe(steps=50)
    ticket = await pocket.submit(wish, job_id="job")
    seen: list[Update] = []

    async def cancel_at_the_first_view() -> None:
        async for update in pocket.watch(ticket, wish):
            seen.append(update)
            if isinstance(update, Preview) and update.step == 1:
                await pocket.cancel(ticket)
                await pocket.cancel(ticket)

    with pytest.raises(ProviderError, match="cancelled"):
        await cancel_at_the_first_view()
    assert not any(isinstance(update, Finished) for update in seen)
    assert sum(isinstance(update, Preview) for update in seen) < 10
    assert pixels(await finished(pocket, recipe(), "job"))  # sent again, it runs again


async def test_a_job_cancelled_before_its_watch_does_not_run(pocket: PocketProvider) -> None:
    wish = recipe()
    ticket = await pocket.submit(wish, job_id="job")
    await pocket.cancel(ticket)
    with pytest.raises(ProviderError, match="cancelled"):
        [update async for update in pocket.watch(ticket, wish)]


async def test_cancelling_after_the_end_is_safe(pocket: PocketProvider) -> None:
    wish = recipe()
    ticket = await pocket.submit(wish, job_id="job")
    assert [update async for update in pocket.watch(ticket, wish)]
    await pocket.cancel(ticket)


async def test_cancelling_one_leaves_the_other(pocket: PocketProvider) -> None:
    """Two watches at once: the second waits its turn and finishes though the first is cancelled."""
    slow, quick = recipe(steps=50), recipe()
    first = await pocket.submit(slow, job_id="first")
    second = await pocket.submit(quick, job_id="second")
    running = pocket.watch(first, slow)
    async with aclosing(running):
        assert isinstance(await anext(running), Working)
        waiting = pocket.watch(second, quick)
        assert isinstance(await anext(waiting), Waiting)
        await pocket.cancel(first)
        rest = [update async for update in waiting]
    assert isinstance(rest[-1], Finished)


async def test_closing_a_watch_stops_the_thread(
    pocket: PocketProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[int] = []
    paint = Model.paint

    def counted(model: Model, order: Order) -> Iterator[Frame]:
        for frame in paint(model, order):
            painted.append(frame.of)
            yield frame

    monkeypatch.setattr(Model, "paint", counted)
    wish = recipe(steps=50)
    ticket = await pocket.submit(wish, job_id="job")
    watch = pocket.watch(ticket, wish)
    async with aclosing(watch):
        while not isinstance(await anext(watch), Preview):
            pass
    assert painted.count(50) < 10
    told = await updates(pocket, recipe(), "next")
    assert not any(isinstance(update, Waiting) for update in told)
    assert isinstance(told[-1], Finished)


async def test_closing_the_provider_ends_jobs_and_threads() -> None:
    provider = create(context(threads=2))
    wish = recipe(steps=50)
    ticket = await provider.submit(wish, job_id="job")
    watch = provider.watch(ticket, wish)
    while not isinstance(await anext(watch), Preview):
        pass
    await provider.aclose()
    await provider.aclose()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pocket")]
    with pytest.raises(ProviderError, match="cancelled"):
        [update async for update in watch]


async def test_damaged_files_are_a_plain_error(copied_weights: Path) -> None:
    file = copied_weights / "graphs/unet.onnx"
    file.write_bytes(file.read_bytes()[:-1])
    provider = PocketProvider(context(), weights=Weights.open(copied_weights))
    with pytest.raises(ModelGone, match=r"unet\.onnx"):
        await updates(provider, recipe())
    with pytest.raises(ModelGone, match=r"unet\.onnx"):
        await provider.warm()
    await provider.aclose()


async def test_warm_loads_ahead(pocket: PocketProvider) -> None:
    await pocket.warm()
    told = await updates(pocket, recipe())
    assert told[0] == Working(step=0, note="")


@pytest.mark.parametrize("threads", [0, -1, True, "2", 1.5])
def test_threads_must_be_a_number_from_one_up(threads: Any) -> None:
    with pytest.raises(SettingsError, match="threads"):
        create(context(threads=threads))


def test_the_form_has_defaults_for_all_and_takes_a_bare_recipe() -> None:
    assert FORM.defaults() == {"steps": 14, "guidance": 4.0, "sampler": "dpm", "size": "128x128"}
    assert FORM.takes_negative
    assert FORM.takes_seed


def test_asking_for_the_form_loads_no_engine() -> None:
    script = """
import asyncio, sys
from datetime import datetime
from pathlib import Path
from silverprint.core.provider import ProviderContext
from silverprint.core.recipe import Recipe
from silverprint.providers.pocket.adapter import REF, create
async def main():
    pocket = create(ProviderContext(read_source=None, read_pixels=None, clock=datetime.now, cache=Path(".")))
    await pocket.models("apple")
    await pocket.form(REF)
    await pocket.submit(Recipe(ref=REF, prompt="fox"), job_id="job")
    await pocket.aclose()
asyncio.run(main())
print(sorted({"numpy", "onnxruntime", "PIL", "textual"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
