"""Models of Inference Providers: each provider's shape, the search, the refusals."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from silverprint.core.errors import (
    AnswerLost,
    BadRecipe,
    KeyMissing,
    KeyRefused,
    ModelGone,
    OutOfCredit,
    ProviderError,
    RateLimited,
    Unreachable,
)
from silverprint.core.recipe import ModelRef
from silverprint.core.update import Finished, Waiting, Working
from silverprint.providers.hf.adapter import HuggingFace
from tests.providers.hf.conftest import Context
from tests.providers.hf.jobs import DEV, KONTEXT, LORA, all_of, asked, end_of, picture, source
from tests.standins.hf import KEY, picture_of
from tests.standins.server import Running, StandIn

Pair = tuple[StandIn, Running]
Open = Callable[..., HuggingFace]
TEXT = ("hf-inference", "fal-ai", "replicate", "together", "nscale", "wavespeed", "zai-org")
IMAGE = ("fal-ai", "hf-inference", "replicate", "together", "wavespeed")


def sent(standin: StandIn) -> Any:
    return next(seen.json for seen in reversed(standin.seen) if standin.is_submit(seen))


@pytest.mark.parametrize("via", TEXT)
async def test_words_to_picture_at_each_provider(cloud: Pair, open_hf: Open, via: str) -> None:
    provider = open_hf(cloud)
    recipe = asked(seed=5, params={"via": via, "size": "512x384", "guidance": 3.5})
    done = await end_of(provider, recipe)
    assert await provider.fetch(done.outputs[0]) == picture_of(sent(cloud[0]))
    assert cloud[0].submits == 1
    assert done.seed == 5
    posted = next(seen for seen in cloud[0].seen if cloud[0].is_submit(seen))
    assert posted.path.startswith(f"/{via}/")
    assert posted.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("via", "body"),
    [
        (
            "hf-inference",
            {"inputs": "a fox", "parameters": {"width": 512, "height": 384, "num_inference_steps": 9}},
        ),
        (
            "fal-ai",
            {"prompt": "a fox", "image_size": {"width": 512, "height": 384}, "num_inference_steps": 9},
        ),
        ("replicate", {"input": {"prompt": "a fox", "width": 512, "height": 384, "num_inference_steps": 9}}),
        (
            "together",
            {
                "prompt": "a fox",
                "response_format": "base64",
                "width": 512,
                "height": 384,
                "steps": 9,
                "model": DEV,
            },
        ),
        (
            "nscale",
            {"prompt": "a fox", "response_format": "b64_json", "size": "512x384", "model": DEV},
        ),
        (
            "zai-org",
            {"prompt": "a fox", "model": "flux-dev", "size": "512x384", "num_inference_steps": 9},
        ),
    ],
)
async def test_each_provider_is_asked_in_its_own_words(
    cloud: Pair, open_hf: Open, via: str, body: dict[str, Any]
) -> None:
    await end_of(open_hf(cloud), asked(params={"via": via, "size": "512x384", "steps": 9}))
    assert sent(cloud[0]) == body


@pytest.mark.parametrize("via", IMAGE)
async def test_a_picture_is_changed_at_each_provider(cloud: Pair, open_hf: Open, via: str) -> None:
    image = picture()
    provider = open_hf(cloud, pictures=(image,))
    recipe = asked(KONTEXT, sources=(source(image),), params={"via": via, "guidance": 2.5})
    done = await end_of(provider, recipe)
    body = sent(cloud[0])
    assert await provider.fetch(done.outputs[0]) == picture_of(body)
    flat = {**body, **body.get("input", {})}
    carried = flat.get("inputs") or flat.get("image_url") or flat.get("image") or flat["reference_images"][0]
    assert base64.b64decode(carried.rpartition(",")[2]) == image
    assert "seed" not in flat


async def test_a_picture_model_needs_its_picture(cloud: Pair, open_hf: Open) -> None:
    provider = open_hf(cloud)
    form = await provider.form(ModelRef("hf", KONTEXT))
    image = form.source("image")
    assert image is not None
    assert image.required
    with pytest.raises(BadRecipe):
        await provider.submit(asked(KONTEXT), job_id="j")
    assert cloud[0].submits == 0


@pytest.mark.parametrize(
    ("via", "part"),
    [
        (
            "fal-ai",
            {
                "loras": [
                    {
                        "path": "https://huggingface.co/someone/pixel-lora/resolve/main/pixel.safetensors",
                        "scale": 1,
                    }
                ]
            },
        ),
        ("replicate", {"lora_weights": "https://huggingface.co/someone/pixel-lora"}),
    ],
)
async def test_a_lora_is_a_model(cloud: Pair, open_hf: Open, via: str, part: dict[str, Any]) -> None:
    assert await end_of(open_hf(cloud), asked(LORA, params={"via": via}))
    body = sent(cloud[0])
    assert part.items() <= (body | body.get("input", {})).items()
    if via == "replicate":
        assert body["version"] == "abc123"


async def test_only_providers_that_we_know_are_offered(cloud: Pair, open_hf: Open) -> None:
    provider = open_hf(cloud)
    via = (await provider.form(ModelRef("hf", LORA))).spec("via")
    assert via is not None
    assert [choice.value for choice in via.choices] == ["auto", "fal-ai", "replicate"]
    with pytest.raises(BadRecipe, match="novel-cloud"):
        await provider.submit(asked("someone/odd-provider"), job_id="j")
    assert cloud[0].submits == 0


async def test_the_settings_may_name_the_provider(cloud: Pair, open_hf: Open) -> None:
    await end_of(open_hf(cloud, inference_provider="together"), asked())
    assert sent(cloud[0])["response_format"] == "base64"


async def test_a_queue_tells_how_it_goes_on(cloud: Pair, open_hf: Open) -> None:
    image = picture()
    provider = open_hf(cloud, pictures=(image,))
    updates = await all_of(provider, asked(KONTEXT, sources=(source(image),), params={"via": "fal-ai"}))
    assert updates[2:-1] == [
        Waiting(),
        Waiting(place=3),
        Working(),
        Working(note="fetching the result"),
    ]
    assert isinstance(updates[-1], Finished)
    asked_at = [seen.path for seen in cloud[0].seen if seen.method == "GET" and "/requests/" in seen.path]
    assert asked_at[-1] == "/fal-ai/fal-ai/flux-kontext/dev/requests/job-1"


async def test_what_did_not_finish_in_time_may_still_be_charged(cloud: Pair, open_hf: Open) -> None:
    cloud[0].state.finishes = False
    with pytest.raises(AnswerLost, match="charged"):
        await all_of(open_hf(cloud), asked(params={"via": "replicate"}))
    assert cloud[0].submits == 1


async def test_a_job_that_failed_there(cloud: Pair, open_hf: Open) -> None:
    cloud[0].state.error = "out of memory"
    with pytest.raises(ProviderError, match="out of memory"):
        await all_of(open_hf(cloud), asked(params={"via": "wavespeed"}))
    with pytest.raises(ProviderError, match=r"Z\.ai could not"):
        await all_of(open_hf(cloud), asked(params={"via": "zai-org"}))


async def test_a_job_that_was_taken_is_never_sent_again_for_a_lost_line(make_context: Any) -> None:
    """The server goes away between the answer to the paid call and the first question."""
    from tests.standins import hf

    standin = hf.build()
    server = Running(standin.wrapped())
    with server:
        provider = HuggingFace(make_context(standin.settings(server.url), standin.key))
        recipe = asked(params={"via": "wavespeed"})
        ticket = await provider.submit(recipe, job_id="j")
        updates = provider.watch(ticket, recipe)
        while not isinstance(await anext(updates), Waiting):
            pass
        await provider._router.aclose()
    with pytest.raises(AnswerLost, match="did not arrive"):
        await anext(updates)
    assert standin.submits == 1
    await provider.aclose()


@pytest.mark.parametrize("status", [400, 401, 402, 404])
async def test_a_question_that_is_refused_never_sends_a_taken_job_again(
    cloud: Pair, open_hf: Open, status: int
) -> None:
    """A 401 or 402 would have the job wait and be sent anew; but it was taken, so it is in doubt."""
    cloud[0].state.refuse_questions = status
    with pytest.raises(AnswerLost, match="took the job"):
        await all_of(open_hf(cloud), asked(params={"via": "wavespeed"}))
    assert cloud[0].submits == 1


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "words"),
    [
        (
            402,
            {"error": "You have exceeded your monthly included credits"},
            {},
            OutOfCredit,
            "monthly included",
        ),
        (403, {"error": "missing permissions"}, {}, KeyRefused, "missing permissions"),
        (403, {"error": "gated"}, {"X-Error-Code": "GatedRepo"}, KeyRefused, "accept its terms"),
        (404, {"error": "no such model"}, {}, ModelGone, "no such model"),
        (422, {"error": "bad size"}, {}, BadRecipe, "bad size"),
        (429, {"error": "slow down"}, {"Retry-After": "7"}, RateLimited, "slow down"),
        (503, {"error": "loading", "estimated_time": 20.5}, {}, RateLimited, "loading"),
        (500, {"error": "oh"}, {}, AnswerLost, "oh"),
    ],
)
async def test_refusals(
    cloud: Pair,
    open_hf: Open,
    status: int,
    body: Any,
    headers: dict[str, str],
    kind: type[ProviderError],
    words: str,
) -> None:
    cloud[0].state.refuse = (status, body, headers)
    with pytest.raises(kind, match=words) as caught:
        await all_of(open_hf(cloud), asked())
    assert cloud[0].submits == 1
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_after_s in (7, 20.5)


async def test_no_key_and_a_wrong_one(cloud: Pair, open_hf: Open) -> None:
    provider = open_hf(cloud, key=None)
    assert await provider.form(ModelRef("hf", DEV))
    with pytest.raises(KeyMissing):
        await provider.submit(asked(), job_id="j")
    with pytest.raises(KeyMissing):
        await provider.probe()
    assert {model.missing for model in await provider.models("flux")} == {"needs a key", ""}
    with pytest.raises(KeyRefused):
        await open_hf(cloud, key="hf_wrong_0123456789").probe()
    assert await open_hf(cloud).probe() == "signed in as ansel"
    assert cloud[0].submits == 0


async def test_search(cloud: Pair, open_hf: Open) -> None:
    provider = open_hf(cloud)
    found = {model.ref.model: model for model in await provider.models("kontext")}
    assert set(found) == {KONTEXT}
    assert found[KONTEXT].roles == {"image"}
    assert "1,000 downloads" in found[KONTEXT].note
    assert {model.ref.model for model in await provider.models("someone")} == {LORA, "someone/odd-provider"}
    questions = len(cloud[0].seen)
    await provider.models("Kontext")
    assert len(cloud[0].seen) == questions


async def test_models_nobody_serves(cloud: Pair, open_hf: Open) -> None:
    provider = open_hf(cloud)
    for model in ("someone/nobody-serves", "someone/words-only", "someone/not-there", "odd name", "a/../b"):
        with pytest.raises(ModelGone):
            await provider.form(ModelRef("hf", model))


async def test_offline(make_context: Context) -> None:
    provider = HuggingFace(make_context({"url": "http://127.0.0.1:1"}, "hf_key"))
    shipped = await provider.models()
    assert DEV in {model.ref.model for model in shipped}
    assert await provider.models("flux")
    form = await provider.form(ModelRef("hf", DEV))
    assert form.takes_seed
    with pytest.raises(Unreachable):
        await provider.form(ModelRef("hf", "someone/else"))
    await provider.aclose()
