"""OpenAI's jobs: what is sent, masks and edits, streams with previews, prices, and what each error becomes."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageDraw

from silverprint.core.errors import (
    AnswerLost,
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
from silverprint.core.update import Finished, Preview, Working
from silverprint.providers.openai.adapter import OpenAIProvider
from tests.providers.openai.work import SUNBURST, asks, develop, encoded, finished, flat, source
from tests.standins.openai import State, error
from tests.standins.server import Running, StandIn

Cloud = tuple[StandIn, Running]
Open = Callable[..., OpenAIProvider]


def state_of(pair: Cloud) -> State:
    state: State = pair[0].state
    return state


# what is sent


async def test_the_model_is_always_named_and_the_usual_is_left_out(cloud: Cloud, open_openai: Open) -> None:
    provider = open_openai(cloud)
    recipe = asks(params=(await provider.form(asks().ref)).defaults())

    await develop(provider, recipe)

    seen = cloud[0].seen[-1]
    assert seen.path == "/v1/images/generations"
    assert seen.json == {"model": SUNBURST, "prompt": "a fox"}


async def test_every_wish_has_its_place(cloud: Cloud, open_openai: Open) -> None:
    params = {
        "size": "1536x864",
        "quality": "xhigh",
        "outputs": 3,
        "background": "transparent",
        "output_format": "webp",
        "output_compression": 80,
        "moderation": "low",
        "complexity": "high",
    }

    found = await finished(open_openai(cloud), asks(params=params))

    assert cloud[0].seen[-1].json == {
        "model": SUNBURST,
        "prompt": "a fox",
        "n": 3,
        "size": "1536x864",
        "quality": "xhigh",
        "background": "transparent",
        "output_format": "webp",
        "output_compression": 80,
        "moderation": "low",
        "complexity": "high",
    }
    assert len({output.data for output in found.outputs}) == 3
    for output in found.outputs:
        assert output.data is not None
        assert Image.open(io.BytesIO(output.data)).size == (1536, 864)
        assert output.media_type == "image/webp"


async def test_the_organisation_goes_along_with_the_key(cloud: Cloud, open_openai: Open) -> None:
    await develop(open_openai(cloud, organization="org-1", project="proj-2"), asks())
    headers = cloud[0].seen[-1].headers
    assert headers["openai-organization"] == "org-1"
    assert headers["openai-project"] == "proj-2"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"size": "1000x1000"}, "size"),  # not in sixteens
        ({"size": "480x480"}, "size"),  # too few pixels
        ({"size": "3840x2400"}, "size"),  # too many
        ({"size": "3840x640"}, "size"),  # too long
        ({"background": "transparent", "output_format": "jpeg"}, "background"),
        ({"output_compression": 50}, "output_compression"),
        ({"outputs": 11}, "outputs"),
    ],
)
async def test_what_the_service_would_refuse_is_not_sent(
    cloud: Cloud, open_openai: Open, params: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadRecipe) as caught:
        await open_openai(cloud).submit(asks(params=params), job_id="0job")
    assert list(caught.value.fields) == [field]
    assert cloud[0].seen == []


@pytest.mark.parametrize("size", ["3840x2160", "2160x3840", "480x1376", "1536x512"])
async def test_sizes_at_the_edge_are_taken(cloud: Cloud, open_openai: Open, size: str) -> None:
    provider = open_openai(cloud)
    await provider.submit(asks(params={"size": size}), job_id="0job")


async def test_a_rewritten_prompt_is_told(cloud: Cloud, open_openai: Open) -> None:
    state_of(cloud).revised = "A red fox\nin fog"
    assert Working(note="It drew: A red fox in fog") in await develop(open_openai(cloud), asks())


# edits


async def test_one_picture_is_one_part_and_several_are_a_list(cloud: Cloud, open_openai: Open) -> None:
    pictures = (flat(32, 24, (1, 1, 1)), flat(16, 16, (2, 2, 2), "JPEG"), flat(8, 8, (3, 3, 3), "WEBP"))
    image = source("image", pictures[0])
    references = [source("reference", data) for data in pictures[1:]]
    provider = open_openai(cloud, pictures=pictures)

    await develop(provider, asks(sources=(image,)))
    await develop(
        provider,
        asks(sources=(references[0], image, references[1]), params={"moderation": "low", "outputs": 2}),
    )

    one, many = state_of(cloud).edits
    assert cloud[0].seen[-1].path == "/v1/images/edits"
    assert one.parts == ("image",)
    assert one.fields == {"model": SUNBURST, "prompt": "a fox"}
    assert many.parts == ("image[]", "image[]", "image[]")
    assert many.sizes == ((32, 24), (16, 16), (8, 8))
    assert many.fields == {"model": SUNBURST, "prompt": "a fox", "n": "2"}


async def test_white_in_our_mask_is_what_becomes_transparent(cloud: Cloud, open_openai: Open) -> None:
    picture = flat(20, 10, (9, 9, 9))
    drawn = Image.new("L", (20, 10), 0)
    ImageDraw.Draw(drawn).rectangle((0, 0, 4, 9), fill=255)
    mask = encoded(drawn)

    await develop(
        open_openai(cloud, pictures=(picture, mask)),
        asks(sources=(source("image", picture), source("mask", mask))),
    )

    edit = state_of(cloud).edits[-1]
    assert edit.parts == ("image", "mask")
    assert edit.mask_size == (20, 10)
    assert edit.free == {(x, y) for x in range(5) for y in range(10)}


async def test_a_mask_of_another_size_is_made_to_fit_the_first_picture(
    cloud: Cloud, open_openai: Open
) -> None:
    picture, other = flat(40, 20, (9, 9, 9)), flat(64, 64, (1, 1, 1))
    drawn = Image.new("L", (20, 10), 0)
    ImageDraw.Draw(drawn).rectangle((10, 0, 19, 9), fill=255)
    mask = encoded(drawn)

    await develop(
        open_openai(cloud, pictures=(picture, other, mask)),
        asks(sources=(source("image", picture), source("mask", mask), source("reference", other))),
    )

    edit = state_of(cloud).edits[-1]
    assert edit.parts == ("image[]", "image[]", "mask")
    assert edit.mask_size == (40, 20)
    assert (39, 10) in edit.free
    assert (0, 10) not in edit.free


async def test_with_a_mask_a_picture_that_viewers_turn_is_sent_upright(
    cloud: Cloud, open_openai: Open
) -> None:
    # The shared context does not turn pictures; what counts here is that the pixels are sent, not the tagged file.
    exif = Image.Exif()
    exif[0x0112] = 3
    picture = encoded(Image.new("RGB", (24, 16), (200, 30, 30)), "JPEG", exif=exif)
    mask = encoded(Image.new("L", (24, 16), 255))

    await develop(
        open_openai(cloud, pictures=(picture, mask)),
        asks(sources=(source("image", picture), source("mask", mask))),
    )

    body = cloud[0].seen[-1].body
    assert b"Exif" not in body
    assert body.count(b"\x89PNG") == 2
    assert state_of(cloud).edits[-1].sizes == ((24, 16),)


async def test_seventeen_pictures_are_too_many(cloud: Cloud, open_openai: Open) -> None:
    pictures = tuple(flat(8, 8, (number, 0, 0)) for number in range(17))
    sources = (source("image", pictures[0]), *(source("reference", data) for data in pictures[1:]))
    with pytest.raises(BadRecipe, match="at most 16"):
        await open_openai(cloud, pictures=pictures).submit(asks(sources=sources), job_id="0job")
    assert cloud[0].seen == []


async def test_closeness_to_the_input_is_for_edits_of_the_model_that_has_it(
    cloud: Cloud, open_openai: Open
) -> None:
    picture = flat(8, 8, (1, 2, 3))
    provider = open_openai(cloud, pictures=(picture,))
    params = {"input_fidelity": "high"}

    await develop(provider, asks("gpt-image-1.5", params=params, sources=(source("image", picture),)))
    assert state_of(cloud).edits[-1].fields["input_fidelity"] == "high"

    await develop(provider, asks("gpt-image-1.5", params=params))
    assert "input_fidelity" not in cloud[0].seen[-1].json

    with pytest.raises(BadRecipe):
        await provider.submit(asks("gpt-image-2", params=params), job_id="0job")


# streams


async def test_partial_pictures_are_previews(cloud: Cloud, open_openai: Open) -> None:
    provider = open_openai(cloud, partial_images=2)
    assert provider.info.previews

    updates = await develop(provider, asks(params={"quality": "medium"}))

    sent = cloud[0].seen[-1].json
    assert (sent["stream"], sent["partial_images"]) == (True, 2)
    previews = [update for update in updates if isinstance(update, Preview)]
    assert [preview.step for preview in previews] == [1, 2]
    assert {preview.image.size for preview in previews} == {(64, 64)}
    last = updates[-1]
    assert isinstance(last, Finished)
    assert len(last.outputs) == 1
    # Partials are charged: 440 tokens of the picture, 100 for each partial, two words of prompt.
    assert last.price_usd == pytest.approx((640 * 30 + 2 * 5) / 1_000_000)


async def test_no_stream_unless_it_is_asked_for(cloud: Cloud, open_openai: Open) -> None:
    provider = open_openai(cloud)
    assert not provider.info.previews
    await develop(provider, asks())
    assert "stream" not in cloud[0].seen[-1].json


async def test_a_stream_of_several_pictures_has_several_ends(cloud: Cloud, open_openai: Open) -> None:
    recipe = asks(params={"outputs": 3, "quality": "low"})
    streamed = await finished(open_openai(cloud, partial_images=1), recipe)
    plain = await finished(open_openai(cloud), recipe)
    assert [output.data for output in streamed.outputs] == [output.data for output in plain.outputs]
    assert len(streamed.outputs) == 3


async def test_fewer_partials_than_asked_for_are_no_fault(cloud: Cloud, open_openai: Open) -> None:
    state_of(cloud).partials = 0
    updates = await develop(open_openai(cloud, partial_images=3), asks())
    assert not [update for update in updates if isinstance(update, Preview)]
    assert isinstance(updates[-1], Finished)


async def test_edits_stream_too(cloud: Cloud, open_openai: Open) -> None:
    picture = flat(8, 8, (1, 2, 3))
    updates = await develop(
        open_openai(cloud, partial_images=1, pictures=(picture,)), asks(sources=(source("image", picture),))
    )
    assert state_of(cloud).edits[-1].fields["stream"] == "true"
    assert len([update for update in updates if isinstance(update, Preview)]) == 1
    assert isinstance(updates[-1], Finished)


async def test_a_service_that_does_not_stream_is_read_all_the_same(cloud: Cloud, open_openai: Open) -> None:
    state_of(cloud).streams = False
    assert (await finished(open_openai(cloud, partial_images=2), asks())).outputs


async def test_a_stream_cut_before_the_first_picture_may_have_been_charged(
    cloud: Cloud, open_openai: Open
) -> None:
    state_of(cloud).cut_stream = 0
    with pytest.raises(AnswerLost):
        await develop(open_openai(cloud, partial_images=1), asks())
    assert cloud[0].submits == 1


async def test_a_stream_cut_after_a_picture_keeps_that_picture(cloud: Cloud, open_openai: Open) -> None:
    recipe = asks(params={"outputs": 2})
    both = (await finished(open_openai(cloud), recipe)).outputs
    state_of(cloud).cut_stream = 1

    kept = (await finished(open_openai(cloud, partial_images=1), recipe)).outputs

    assert [output.data for output in kept] == [both[0].data]


async def test_an_error_in_a_stream_is_the_same_error(cloud: Cloud, open_openai: Open) -> None:
    provider = open_openai(cloud, partial_images=1)
    state_of(cloud).stream_error = error("Rejected by the safety system.", code="moderation_blocked")
    with pytest.raises(ContentRefused, match="Rejected by the safety system"):
        await develop(provider, asks())
    state_of(cloud).stream_error = {"code": "server_error", "message": "The worker fell over."}
    with pytest.raises(ProviderError, match="The worker fell over"):
        await develop(provider, asks())


async def test_errors_before_a_stream_are_read_as_ever(cloud: Cloud, open_openai: Open) -> None:
    provider = open_openai(cloud, partial_images=1)
    state_of(cloud).refuse.append(
        (429, error("Slow down.", code="rate_limit_exceeded"), {"retry-after-ms": "1500"})
    )
    with pytest.raises(RateLimited) as caught:
        await develop(provider, asks())
    assert caught.value.retry_after_s == 1.5


# errors


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, error("No.", code="moderation_blocked", type_="image_generation_user_error"), ContentRefused),
        (400, error("No.", code="content_policy_violation"), ContentRefused),
        (400, error("Bad size.", code="invalid_value", param="size"), BadRecipe),
        (401, error("No key.", code="invalid_api_key"), KeyRefused),
        (403, error("Your organization must be verified.", code=None), KeyRefused),
        (404, error("No model.", code="model_not_found"), ModelGone),
        (429, error("Slow down.", code="rate_limit_exceeded", type_="requests"), RateLimited),
        (429, error("No money.", code="insufficient_quota", type_="insufficient_quota"), OutOfCredit),
        (400, error("Hard limit.", code="billing_hard_limit_reached"), OutOfCredit),
        (500, error("Oops.", code=None, type_="server_error"), AnswerLost),
        (503, error("Overloaded.", code=None), RateLimited),
        (418, "just a teapot", ProviderError),
    ],
)
async def test_errors_become_their_kind_with_the_words(
    cloud: Cloud, open_openai: Open, status: int, body: Any, kind: type[ProviderError]
) -> None:
    state_of(cloud).refuse.append((status, body, {}))
    with pytest.raises(ProviderError) as caught:
        await develop(open_openai(cloud), asks())
    assert type(caught.value) is kind
    said = body if isinstance(body, str) else body["error"]["message"]
    assert said in str(caught.value)
    assert cloud[0].submits == 1


async def test_a_refused_field_has_our_name(cloud: Cloud, open_openai: Open) -> None:
    state_of(cloud).refuse.append((400, error("Too many.", code="invalid_value", param="n"), {}))
    with pytest.raises(BadRecipe) as caught:
        await develop(open_openai(cloud), asks())
    assert caught.value.fields == {"outputs": "Too many."}


async def test_a_wrong_key_and_none(cloud: Cloud, open_openai: Open) -> None:
    with pytest.raises(KeyRefused):
        await develop(open_openai(cloud, key="sk-no-such-key"), asks())
    arrived = len(cloud[0].seen)
    with pytest.raises(KeyMissing):
        await open_openai(cloud, key=None).submit(asks(), job_id="0job")
    assert len(cloud[0].seen) == arrived


@pytest.mark.parametrize(
    "answer",
    [{}, {"data": []}, {"data": [{}]}, {"data": [{"b64_json": "%%%"}]}, {"data": None}],
)
async def test_an_answer_of_another_shape_is_one(cloud: Cloud, open_openai: Open, answer: Any) -> None:
    state_of(cloud).answer = answer
    with pytest.raises(BadAnswer):
        await develop(open_openai(cloud), asks())


async def test_a_picture_that_can_not_be_read_does_not_cost_the_others(
    cloud: Cloud, open_openai: Open
) -> None:
    good = base64.b64encode(flat(8, 8, (1, 2, 3))).decode()
    state_of(cloud).answer = {
        "data": [None, 7, {"b64_json": None}, {"b64_json": "%%%"}, {"b64_json": good}, {"url": "http://[bad"}]
    }
    found = await finished(open_openai(cloud), asks())
    assert [output.data for output in found.outputs] == [flat(8, 8, (1, 2, 3)), None]
    assert found.outputs[1].url == "http://[bad"  # refused when it is fetched


async def test_an_error_inside_a_good_status_is_told(cloud: Cloud, open_openai: Open) -> None:
    state_of(cloud).answer = {"error": {"message": "The upstream is down."}}
    with pytest.raises(ProviderError, match="The upstream is down"):
        await develop(open_openai(cloud), asks())


# prices


async def test_the_price_is_counted_from_the_tokens(cloud: Cloud, open_openai: Open) -> None:
    picture = flat(8, 8, (1, 2, 3))
    provider = open_openai(cloud, pictures=(picture,))

    plain = await finished(provider, asks(params={"quality": "high", "outputs": 2}))
    assert plain.price_usd == pytest.approx((2 * 1756 * 30 + 2 * 5) / 1_000_000)

    edit = await finished(provider, asks(params={"quality": "low"}, sources=(source("image", picture),)))
    assert edit.price_usd == pytest.approx((196 * 30 + 300 * 8 + 2 * 5) / 1_000_000)

    unknown = await finished(provider, asks("gpt-image-2.6-flare"))
    assert unknown.price_usd is None


async def test_no_count_is_no_price(cloud: Cloud, open_openai: Open) -> None:
    data = base64.b64encode(flat(8, 8, (1, 2, 3))).decode()
    state_of(cloud).answer = {"data": [{"b64_json": data}]}
    assert (await finished(open_openai(cloud), asks())).price_usd is None


@pytest.mark.parametrize(
    ("model", "params", "usd"),
    [
        (SUNBURST, {"size": "1024x1024", "quality": "medium"}, 0.0132),
        (SUNBURST, {"size": "1024x1024", "quality": "high", "outputs": 4}, 4 * 0.0527),
        ("gpt-image-2-2026-04-21", {"size": "1024x1024", "quality": "low"}, 0.006),
        (SUNBURST, {"size": "1024x1024", "quality": "auto"}, None),
        (SUNBURST, {"size": "1536x1024", "quality": "medium"}, None),
        ("gpt-image-2.6-sunburst", {"size": "1024x1024", "quality": "medium"}, None),
    ],
)
async def test_the_price_before_sending_is_the_tables(
    cloud: Cloud, open_openai: Open, model: str, params: dict[str, Any], usd: float | None
) -> None:
    price = await open_openai(cloud).price(asks(model, params=params))
    assert (price.usd if price else None) == (None if usd is None else pytest.approx(usd))
