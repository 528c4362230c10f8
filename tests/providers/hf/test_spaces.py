"""Gradio Spaces, by the real gradio_client against a small app that speaks Gradio's protocol."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from typing import Any

import pytest

from silverprint.core.errors import (
    AnswerLost,
    BadAnswer,
    BadRecipe,
    ModelGone,
    OutOfCredit,
    ProviderError,
    RateLimited,
    SettingsError,
    Unreachable,
)
from silverprint.core.params import ParamKind
from silverprint.core.recipe import ModelRef
from silverprint.core.update import Finished, Waiting, Working
from silverprint.providers.hf.adapter import HuggingFace
from tests.providers.hf.conftest import Context
from tests.providers.hf.jobs import LAB, all_of, asked, end_of, picture, source
from tests.standins import hf
from tests.standins.hf import KEY, SPACE, picture_of
from tests.standins.server import Running, StandIn

Pair = tuple[StandIn, Running]
Open = Callable[..., HuggingFace]


def joined(standin: StandIn) -> list[Any]:
    """The arguments of the last call."""
    return next(seen.json["data"] for seen in reversed(standin.seen) if seen.path.endswith("/queue/join"))


async def test_an_endpoint_becomes_a_form(cloud: Pair, open_hf: Open) -> None:
    form = await open_hf(cloud).form(ModelRef("hf", f"{LAB}/run_lora"))
    assert form.takes_prompt
    assert form.takes_seed
    assert form.seed_max == 2147483647
    assert [spec.name for spec in form.params] == ["steps", "style"]
    steps, style = form.params
    assert (steps.kind, steps.low, steps.high, steps.default) == (ParamKind.INTEGER, 1, 50, 28)
    assert [choice.value for choice in style.choices] == ["none", "film"]
    image = form.source("image")
    assert image is not None
    assert not image.required


async def test_a_space_alone_means_its_first_endpoint_that_makes_pictures(cloud: Pair, open_hf: Open) -> None:
    provider = open_hf(cloud)
    assert await provider.form(ModelRef("hf", LAB)) == await provider.form(ModelRef("hf", f"{LAB}/run_lora"))
    listed = await provider.models(LAB)
    assert {model.ref.model for model in listed} == {LAB, f"{LAB}/run_lora", f"{LAB}/grid"}


async def test_a_call(cloud: Pair, open_hf: Open) -> None:
    provider = open_hf(cloud)
    updates = await all_of(provider, asked(LAB, seed=5, params={"steps": 12, "style": "film"}))
    done = updates[-1]
    assert isinstance(done, Finished)
    assert joined(cloud[0]) == ["a fox", None, 12, 5, False, "film", None]
    assert await provider.fetch(done.outputs[0]) == picture_of(joined(cloud[0]))
    assert done.seed == 5
    assert cloud[0].submits == 1


async def test_a_seed_that_the_space_chose_comes_back(cloud: Pair, open_hf: Open) -> None:
    done = await end_of(open_hf(cloud), asked(LAB))
    assert joined(cloud[0]) == ["a fox", None, 28, 0, True, "none", None]
    assert done.seed == 4242


async def test_its_news_on_the_way(cloud: Pair, open_hf: Open) -> None:
    cloud[0].state.line = cloud[0].state.hold = True
    provider = open_hf(cloud)
    recipe = asked(LAB)
    ticket = await provider.submit(recipe, job_id="j")
    told = []
    async for update in provider.watch(ticket, recipe):
        told.append(update)
        if update == Waiting(place=2):
            cloud[0].state.line = False
        if isinstance(update, Working) and update.steps:
            cloud[0].state.hold = False
    assert Waiting(place=2) in told
    assert Working(step=7, steps=28, note="Denoising") in told
    assert isinstance(told[-1], Finished)


async def test_an_input_picture_is_uploaded_and_removed_here(cloud: Pair, open_hf: Open) -> None:
    image = picture()
    provider = open_hf(cloud, pictures=(image,))
    assert await end_of(provider, asked(LAB, sources=(source(image),)))
    assert list(cloud[0].state.uploads.values()) == [image]
    given = joined(cloud[0])[1]
    assert given["path"] in cloud[0].state.uploads
    assert given["meta"] == {"_type": "gradio.FileData"}
    assert not list(provider._context.cache.glob("inputs/*"))


async def test_a_gallery_is_many_pictures(cloud: Pair, open_hf: Open) -> None:
    provider = open_hf(cloud)
    done = await end_of(provider, asked(f"{LAB}/grid"))
    assert joined(cloud[0]) == ["a fox"]
    pictures = [await provider.fetch(output) for output in done.outputs]
    assert pictures == [picture_of(["a fox", number]) for number in range(3)]


@pytest.mark.parametrize(
    ("message", "kind", "pause"),
    [
        (
            "You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 3:40:00",
            RateLimited,
            13200,
        ),
        ("You have exceeded your ZeroGPU quota. Try again in 1 day, 0:00:10", RateLimited, 86410),
        ("You have exceeded your GPU quota (60s requested vs. 0s left).", OutOfCredit, None),
        ("Prompt is too long", ProviderError, None),
    ],
)
async def test_a_spaces_own_words(
    cloud: Pair, open_hf: Open, message: str, kind: type[ProviderError], pause: float | None
) -> None:
    cloud[0].state.error = message
    with pytest.raises(kind) as caught:
        await all_of(open_hf(cloud), asked(LAB))
    assert type(caught.value) is kind
    assert message[:20] in str(caught.value)
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after_s == pause


async def test_a_full_queue(cloud: Pair, open_hf: Open) -> None:
    cloud[0].state.queue_full = True
    with pytest.raises(RateLimited):
        await all_of(open_hf(cloud), asked(LAB))


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (500, AnswerLost), (404, ModelGone)])
async def test_a_call_that_is_refused(
    cloud: Pair, open_hf: Open, status: int, kind: type[ProviderError]
) -> None:
    cloud[0].state.refuse = (status, {"detail": "no"}, {})
    with pytest.raises(kind):
        await all_of(open_hf(cloud), asked(LAB))
    assert cloud[0].submits == 1


async def test_a_stream_that_ends_in_mid_job_leaves_it_open(cloud: Pair, open_hf: Open) -> None:
    cloud[0].state.cut = True
    provider = open_hf(cloud)
    with pytest.raises(AnswerLost):
        await all_of(provider, asked(LAB))
    assert cloud[0].submits == 1
    cloud[0].state.cut = False
    assert await end_of(provider, asked(LAB))


async def test_cancel_stops_the_space(cloud: Pair, open_hf: Open) -> None:
    cloud[0].state.hold = True
    provider = open_hf(cloud)
    recipe = asked(LAB)
    ticket = await provider.submit(recipe, job_id="j")
    updates = provider.watch(ticket, recipe)
    while not (isinstance(update := await anext(updates), Working) and update.steps):
        pass
    await provider.cancel(ticket)
    with pytest.raises(ProviderError, match="asked to stop"):
        await anext(updates)
    assert "event-1" in cloud[0].state.cancelled


async def test_leaving_a_watch_stops_the_space(cloud: Pair, open_hf: Open) -> None:
    cloud[0].state.hold = True
    provider = open_hf(cloud)
    recipe = asked(LAB)
    updates = provider.watch(await provider.submit(recipe, job_id="j"), recipe)
    async with contextlib.aclosing(updates):
        async for update in updates:
            if isinstance(update, Working) and update.steps:
                break
    assert "event-1" in cloud[0].state.cancelled


async def test_several_calls_at_once(cloud: Pair, open_hf: Open) -> None:
    provider = open_hf(cloud)

    async def one(number: int) -> bytes:
        recipe = asked(LAB, seed=number)
        ticket = await provider.submit(recipe, job_id=f"j{number}")
        last = [update async for update in provider.watch(ticket, recipe)][-1]
        assert isinstance(last, Finished)
        return await provider.fetch(last.outputs[0])

    made = await asyncio.gather(*(one(number) for number in range(4)))
    assert len(set(made)) == 4


async def test_it_costs_nothing(cloud: Pair, open_hf: Open) -> None:
    price = await open_hf(cloud).price(asked(LAB))
    assert price is not None
    assert price.usd == 0
    assert await open_hf(cloud).price(asked()) is None


# trust


async def test_a_configured_space_gets_the_token_and_its_files_do_not(cloud: Pair, open_hf: Open) -> None:
    provider = open_hf(cloud)
    await provider.fetch((await end_of(provider, asked(LAB))).outputs[0])
    calls = [seen for seen in cloud[0].seen if seen.path.endswith(("/config", "/queue/join"))]
    assert {seen.headers["x-hf-authorization"] for seen in calls} == {f"Bearer {KEY}"}
    files = [seen for seen in cloud[0].seen if "/file=" in seen.path]
    assert files
    assert all("x-hf-authorization" not in seen.headers for seen in files)


@pytest.mark.parametrize("slashes", ["", "/", "//"])
async def test_a_space_can_not_have_the_token_sent_to_another_host(
    cloud: Pair, open_hf: Open, slashes: str
) -> None:
    other = hf.build()
    with Running(other.wrapped()) as elsewhere:
        cloud[0].state.prefix = f"{slashes}{elsewhere.url}/space"
        with pytest.raises(BadAnswer, match="another host"):
            await open_hf(cloud).form(ModelRef("hf", LAB))
    assert other.seen == []


@pytest.mark.parametrize("prefix", [None, 7, ["/"], "http://[", "a b"])
async def test_a_space_with_an_odd_prefix_is_an_error(cloud: Pair, open_hf: Open, prefix: Any) -> None:
    cloud[0].state.prefix = prefix
    with pytest.raises(ProviderError):
        await open_hf(cloud).form(ModelRef("hf", LAB))


async def test_without_a_key_nothing_of_another_login_is_sent(
    cloud: Pair, open_hf: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_login_of_another_tool")
    assert await end_of(open_hf(cloud, key=None), asked(LAB))
    assert all("hf_login" not in str(seen.headers) for seen in cloud[0].seen)


async def test_a_space_elsewhere_is_not_asked(cloud: Pair, open_hf: Open) -> None:
    """The hub names the stand-in's own address, which is none of Hugging Face's and not configured."""
    provider = open_hf(cloud, spaces_url=None)
    with pytest.raises(BadAnswer, match="none of Hugging Face's own hosts") as caught:
        await provider.form(ModelRef("hf", LAB))
    assert "providers.hf.spaces" in caught.value.fix
    assert not [seen for seen in cloud[0].seen if seen.path.startswith("/space/")]


async def test_a_space_with_an_address_of_its_own(cloud: Pair, open_hf: Open) -> None:
    provider = open_hf(cloud, spaces_url=None, spaces={SPACE: f"{cloud[1].url}/space"})
    assert await end_of(provider, asked(LAB))


async def test_a_space_that_is_paused(cloud: Pair, open_hf: Open) -> None:
    cloud[0].state.stage, cloud[0].state.host = "PAUSED", "https://multimodalart-flux-lora-lab.hf.space"
    with pytest.raises(ProviderError, match="not running"):
        await open_hf(cloud, spaces_url=None).form(ModelRef("hf", LAB))


# what is not there


async def test_spaces_and_endpoints_that_are_not_there(cloud: Pair, open_hf: Open) -> None:
    with pytest.raises(ModelGone, match="no endpoint") as caught:
        await open_hf(cloud).form(ModelRef("hf", f"{LAB}/nothing"))
    assert "/run_lora" in caught.value.fix
    for odd in ("spaces/", "spaces/alone", "spaces/a/../b"):
        with pytest.raises(ModelGone):
            await open_hf(cloud).form(ModelRef("hf", odd))
    with pytest.raises(ModelGone):
        await open_hf(cloud, spaces_url=None).form(ModelRef("hf", "spaces/nobody/nowhere"))


async def test_without_the_package(cloud: Pair, open_hf: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gradio_client", None)
    with pytest.raises(ProviderError, match="not installed") as caught:
        await open_hf(cloud).form(ModelRef("hf", LAB))
    assert "pip install 'silverprint[spaces]'" in caught.value.fix


async def test_a_space_that_can_not_be_reached(make_context: Context) -> None:
    provider = HuggingFace(make_context({"spaces_url": "http://127.0.0.1:1"}, KEY))
    with pytest.raises(Unreachable):
        await provider.form(ModelRef("hf", LAB))
    await provider.aclose()


async def test_forms_are_kept_for_offline_days(cloud: Pair, open_hf: Open) -> None:
    first = await open_hf(cloud).form(ModelRef("hf", LAB))
    questions = len(cloud[0].seen)
    assert await open_hf(cloud).form(ModelRef("hf", LAB)) == first
    assert len(cloud[0].seen) == questions


async def test_an_answer_without_a_picture(cloud: Pair, open_hf: Open) -> None:
    cloud[0].state.output = ["sorry", 7]
    with pytest.raises(BadAnswer, match="without a picture"):
        await all_of(open_hf(cloud), asked(LAB))


async def test_what_is_needed_is_said_before_the_call(cloud: Pair, open_hf: Open) -> None:
    with pytest.raises(BadRecipe):
        await open_hf(cloud).submit(asked(LAB, prompt=""), job_id="j")
    assert cloud[0].submits == 0


@pytest.mark.parametrize(
    "settings", [{"spaces": "x"}, {"spaces_url": "http://example.com"}, {"url": "nowhere"}]
)
def test_settings_that_can_not_be_used(make_context: Context, settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        HuggingFace(make_context(settings))
