"""Gemini's jobs: what is sent, which pictures are kept, and what each refusal becomes."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from PIL import Image

from silverprint.core.errors import (
    BadAnswer,
    BadRecipe,
    ContentRefused,
    KeyMissing,
    KeyRefused,
    ModelGone,
    OutOfCredit,
    ProviderError,
    RateLimited,
)
from silverprint.core.recipe import ModelRef, Recipe, Source
from silverprint.core.update import Finished, Update, Working
from silverprint.providers.gemini.adapter import GeminiProvider
from tests.standins import gemini
from tests.standins.gemini import State, detail, error
from tests.standins.server import Running, StandIn

Cloud = tuple[StandIn, Running]
Open = Callable[..., GeminiProvider]

FLASH = "gemini-2.5-flash-image"
PRO = "gemini-3-pro-image"


def asks(model: str = FLASH, prompt: str = "a fox", **parts: Any) -> Recipe:
    return Recipe(ref=ModelRef("gemini", model), prompt=prompt, **parts)


def small(colour: tuple[int, int, int], kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, kind)
    return file.getvalue()


async def develop(provider: GeminiProvider, recipe: Recipe) -> list[Update]:
    ticket = await provider.submit(recipe, job_id="0job")
    return [update async for update in provider.watch(ticket, recipe)]


async def finished(provider: GeminiProvider, recipe: Recipe) -> Finished:
    last = (await develop(provider, recipe))[-1]
    assert isinstance(last, Finished)
    return last


def state_of(cloud: Cloud) -> State:
    state: State = cloud[0].state
    return state


async def test_only_what_was_set_is_sent(cloud: Cloud, open_gemini: Open) -> None:
    await develop(open_gemini(), asks())

    seen = cloud[0].seen[-1]
    assert seen.path == f"/v1beta/models/{FLASH}:generateContent"
    assert seen.headers["x-goog-api-key"] == gemini.KEY
    assert gemini.KEY not in seen.query
    assert seen.json == {
        "contents": [{"role": "user", "parts": [{"text": "a fox"}]}],
        "generationConfig": {"responseModalities": ["IMAGE"]},
    }


async def test_every_wish_has_its_place(cloud: Cloud, open_gemini: Open) -> None:
    params = {"aspect_ratio": "1:8", "resolution": "2K", "thinking": "high", "web_search": True}
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]

    await develop(
        open_gemini(), asks("gemini-nano-banana-2.1", seed=11, params={**params, "safety_settings": safety})
    )

    sent = cloud[0].seen[-1].json
    assert sent["generationConfig"] == {
        "responseModalities": ["TEXT", "IMAGE"],
        "imageConfig": {"aspectRatio": "1:8", "imageSize": "2K"},
        "thinkingConfig": {"thinkingLevel": "HIGH"},
        "seed": 11,
    }
    assert sent["tools"] == [{"googleSearch": {}}]
    assert sent["safetySettings"] == safety


async def test_an_edit_sends_the_image_first_and_the_references_in_their_order(
    cloud: Cloud, open_gemini: Open
) -> None:
    pictures = (small((1, 2, 3), "JPEG"), small((4, 5, 6)), small((7, 8, 9), "WEBP"))
    first, second, image = (sha256(data).hexdigest() for data in pictures)
    sources = (
        Source(role="reference", sha256=first),
        Source(role="image", sha256=image),
        Source(role="reference", sha256=second),
    )

    await develop(open_gemini(pictures=pictures), asks(PRO, sources=sources))

    parts = cloud[0].seen[-1].json["contents"][0]["parts"]
    assert parts[0] == {"text": "a fox"}
    sent = [
        (part["inlineData"]["mimeType"], base64.b64decode(part["inlineData"]["data"])) for part in parts[1:]
    ]
    assert sent == [("image/webp", pictures[2]), ("image/jpeg", pictures[0]), ("image/png", pictures[1])]


async def test_fourteen_pictures_are_taken_and_no_fifteenth(cloud: Cloud, open_gemini: Open) -> None:
    pictures = tuple(small((number, 0, 0)) for number in range(15))
    names = [sha256(data).hexdigest() for data in pictures]
    references = tuple(Source(role="reference", sha256=name) for name in names[:14])
    provider = open_gemini(pictures=pictures)

    await develop(provider, asks(PRO, sources=references))
    assert len(cloud[0].seen[-1].json["contents"][0]["parts"]) == 15

    with pytest.raises(BadRecipe, match="at most 14") as caught:
        await develop(provider, asks(PRO, sources=(Source(role="image", sha256=names[14]), *references)))
    assert "reference" in caught.value.fields
    assert cloud[0].submits == 1


async def test_pictures_that_are_too_large_together_are_refused_before_sending(
    cloud: Cloud, open_gemini: Open
) -> None:
    heavy = small((1, 1, 1)) + bytes(15_000_000)
    source = Source(role="image", sha256=sha256(heavy).hexdigest())
    provider = open_gemini(pictures=(heavy,))

    with pytest.raises(BadRecipe, match=r"20\.0 MB.*20 MB") as caught:
        await provider.submit(asks(sources=(source,)), job_id="0job")
    assert "image" in caught.value.fields
    assert cloud[0].seen == []

    allowed = open_gemini(pictures=(heavy,), most_inline_mb=100)
    await allowed.submit(asks(sources=(source,)), job_id="0job")


async def test_a_lost_source_is_the_recipes_fault(open_gemini: Open) -> None:
    with pytest.raises(BadRecipe) as caught:
        await open_gemini().submit(asks(sources=(Source(role="reference", sha256="0" * 64),)), job_id="0job")
    assert "reference" in caught.value.fields


async def test_drafts_are_not_pictures(cloud: Cloud, open_gemini: Open) -> None:
    state_of(cloud).drafts = 2
    provider = open_gemini()
    with_drafts = await finished(provider, asks(PRO))
    state_of(cloud).drafts = 0
    without = await finished(provider, asks(PRO))

    assert [output.data for output in with_drafts.outputs] == [output.data for output in without.outputs]


async def test_all_pictures_of_an_answer_are_kept(cloud: Cloud, open_gemini: Open) -> None:
    state_of(cloud).pictures = 3
    state_of(cloud).kind = "JPEG"

    outputs = (await finished(open_gemini(), asks())).outputs

    assert len({output.data for output in outputs}) == 3
    assert {output.media_type for output in outputs} == {"image/jpeg"}


async def test_words_beside_a_picture_are_told(cloud: Cloud, open_gemini: Open) -> None:
    state_of(cloud).says = "Here is\n your \x1b[31mfox"

    updates = await develop(open_gemini(), asks())

    assert Working(note="Here is your �[31mfox") in updates


async def test_a_picture_that_can_not_be_read_does_not_cost_the_others(
    cloud: Cloud, open_gemini: Open
) -> None:
    def part(data: object) -> dict[str, Any]:
        return {"inlineData": {"mimeType": "image/png", "data": data}}

    good = base64.b64encode(small((1, 1, 1))).decode()
    parts = [part("%%%"), part(good), part(None), None]
    state_of(cloud).answer = {"candidates": [{"content": {"parts": parts}}]}
    assert [output.data for output in (await finished(open_gemini(), asks())).outputs] == [small((1, 1, 1))]

    state_of(cloud).answer = {"candidates": [{"content": {"parts": [part("%%%")]}}]}
    with pytest.raises(BadAnswer, match="can't be decoded"):
        await develop(open_gemini(), asks())


async def test_many_candidates_and_snake_case_are_read_too(cloud: Cloud, open_gemini: Open) -> None:
    one, two = small((1, 1, 1)), small((2, 2, 2))
    state_of(cloud).answer = {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"inline_data": {"mime_type": "image/png", "data": base64.b64encode(data).decode()}}
                    ]
                }
            }
            for data in (one, two)
        ]
    }

    assert [output.data for output in (await finished(open_gemini(), asks())).outputs] == [one, two]


# refusals that come as 200


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY"])
async def test_a_blocked_prompt_is_a_refusal(cloud: Cloud, open_gemini: Open, reason: str) -> None:
    state_of(cloud).block = reason
    with pytest.raises(ContentRefused, match="refused the prompt"):
        await develop(open_gemini(), asks())


@pytest.mark.parametrize(
    "reason",
    [
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "SAFETY",
        "PROHIBITED_CONTENT",
        "RECITATION",
        "BLOCKLIST",
        "SPII",
    ],
)
async def test_a_refused_picture_is_a_refusal_with_the_words(
    cloud: Cloud, open_gemini: Open, reason: str
) -> None:
    state_of(cloud).finish = reason
    state_of(cloud).says = "I can't draw this person."
    with pytest.raises(ContentRefused, match=r"I can't draw this person\."):
        await develop(open_gemini(), asks())


@pytest.mark.parametrize("reason", ["STOP", "NO_IMAGE", "OTHER", "IMAGE_OTHER", "SOMETHING_NEW"])
async def test_words_instead_of_a_picture_are_shown(cloud: Cloud, open_gemini: Open, reason: str) -> None:
    state_of(cloud).finish = reason
    state_of(cloud).pictures = 0
    state_of(cloud).drafts = 1
    state_of(cloud).says = "A fox is a small wild dog."
    with pytest.raises(ProviderError, match=r"A fox is a small wild dog\.") as caught:
        await develop(open_gemini(), asks())
    assert type(caught.value) is ProviderError
    assert caught.value.can_retry


async def test_out_of_room_says_so(cloud: Cloud, open_gemini: Open) -> None:
    state_of(cloud).finish = "MAX_TOKENS"
    with pytest.raises(ProviderError, match="ran out of room"):
        await develop(open_gemini(), asks())


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"candidates": []},
        {"candidates": "none"},
        {"candidates": [{"content": {"parts": [{"inlineData": {"data": "%%%"}}]}}]},
    ],
)
async def test_an_answer_of_another_shape_is_one(cloud: Cloud, open_gemini: Open, answer: Any) -> None:
    state_of(cloud).answer = answer
    with pytest.raises(BadAnswer):
        await develop(open_gemini(), asks())


# errors


async def refused(cloud: Cloud, provider: GeminiProvider, status: int, body: Any) -> ProviderError:
    state_of(cloud).refuse.append((status, body, {}))
    with pytest.raises(ProviderError) as caught:
        await develop(provider, asks())
    return caught.value


async def test_a_wrong_key_comes_as_400(open_gemini: Open) -> None:
    with pytest.raises(KeyRefused, match="API key not valid"):
        await develop(open_gemini(key="gemini-no-such-key"), asks())


async def test_without_a_key_nothing_is_sent(cloud: Cloud, open_gemini: Open) -> None:
    with pytest.raises(KeyMissing):
        await open_gemini(key=None).submit(asks(), job_id="0job")
    assert cloud[0].seen == []


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, error(400, "FAILED_PRECONDITION", "Please enable billing on project 1."), OutOfCredit),
        (400, error(400, "FAILED_PRECONDITION", "User location is not supported."), ProviderError),
        (400, error(400, "INVALID_ARGUMENT", "Unknown name 'x'."), BadRecipe),
        (403, error(403, "PERMISSION_DENIED", "No access."), KeyRefused),
        (404, error(404, "NOT_FOUND", "models/x is not found for API version v1beta."), ModelGone),
        (503, error(503, "UNAVAILABLE", "The model is overloaded."), RateLimited),
    ],
)
async def test_errors_become_their_kind(
    cloud: Cloud, open_gemini: Open, status: int, body: Any, kind: type[ProviderError]
) -> None:
    caught = await refused(cloud, open_gemini(), status, body)
    assert type(caught) is kind
    assert body["error"]["message"].rstrip(".") in str(caught)


@pytest.mark.parametrize("status", [500, 504])
async def test_a_failure_that_leaves_it_open_is_an_answer_lost(
    cloud: Cloud, open_gemini: Open, status: int
) -> None:
    caught = await refused(cloud, open_gemini(), status, error(status, "INTERNAL", "Oops."))
    assert type(caught).__name__ == "AnswerLost"


async def test_the_pause_is_read_from_the_details(cloud: Cloud, open_gemini: Open) -> None:
    quota = detail("QuotaFailure", violations=[{"quotaId": "GenerateRequestsPerMinutePerProject"}])
    body = error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", quota, detail("RetryInfo", retryDelay="34.5s"))

    caught = await refused(cloud, open_gemini(), 429, body)

    assert isinstance(caught, RateLimited)
    assert caught.retry_after_s == 34.5


async def test_a_limit_without_a_pause_has_none(cloud: Cloud, open_gemini: Open) -> None:
    caught = await refused(cloud, open_gemini(), 429, error(429, "RESOURCE_EXHAUSTED", "Quota exceeded."))
    assert isinstance(caught, RateLimited)
    assert caught.retry_after_s is None


async def test_a_key_without_billing_is_not_asked_again_and_again(cloud: Cloud, open_gemini: Open) -> None:
    quota = detail(
        "QuotaFailure", violations=[{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]
    )
    body = error(429, "RESOURCE_EXHAUSTED", "Limit: 0.", quota, detail("RetryInfo", retryDelay="34s"))
    assert isinstance(await refused(cloud, open_gemini(), 429, body), OutOfCredit)


# prices


async def test_the_price_is_counted_from_the_image_tokens(cloud: Cloud, open_gemini: Open) -> None:
    state_of(cloud).says = "Here you are."
    found = await finished(open_gemini(), asks(FLASH))
    assert found.price_usd == pytest.approx(1290 * 30 / 1_000_000)

    state_of(cloud).pictures = 2
    found = await finished(open_gemini(), asks(PRO, params={"resolution": "4K"}))
    assert found.price_usd == pytest.approx(2 * 2000 * 120 / 1_000_000)


async def test_a_price_without_counts_comes_from_the_table(cloud: Cloud, open_gemini: Open) -> None:
    data = base64.b64encode(small((1, 1, 1))).decode()
    state_of(cloud).answer = {
        "candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": data}}]}}]
    }
    assert (await finished(open_gemini(), asks(PRO, params={"resolution": "4K"}))).price_usd == 0.24
    assert (await finished(open_gemini(), asks("gemini-nano-banana-2.1"))).price_usd is None


@pytest.mark.parametrize(
    ("model", "params", "usd"),
    [
        (FLASH, {}, 0.039),
        (PRO, {}, 0.134),
        (PRO, {"resolution": "4K"}, 0.24),
        ("gemini-3.1-flash-image", {"resolution": "512"}, 0.045),
        ("gemini-nano-banana-2.1", {}, None),
        ("gemini-9-marble-image", {}, None),
    ],
)
async def test_the_price_before_sending_is_the_tables(
    open_gemini: Open, model: str, params: dict[str, Any], usd: float | None
) -> None:
    price = await open_gemini().price(asks(model, params=params))
    assert (price.usd if price else None) == usd
    if price is not None:
        assert price.source == "table"
        assert price.as_of
