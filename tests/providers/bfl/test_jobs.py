"""A job at Black Forest Labs and at compatible servers: what is sent, where it is asked for, how it ends."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

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
    TicketLost,
)
from silverprint.core.recipe import Source
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Waiting, Working
from silverprint.providers.bfl import adapter
from silverprint.providers.bfl.adapter import LOST_MOST, Bfl
from tests.providers.bfl.jobs import all_of, asked, end_of, picture
from tests.standins.bfl import picture_of
from tests.standins.server import Running, Seen, StandIn

Pair = tuple[StandIn, Running]
Open = Callable[..., Bfl]


def sent(standin: StandIn) -> dict[str, Any]:
    """The body of the last submit."""
    body = next(seen.json for seen in reversed(standin.seen) if standin.is_submit(seen))
    assert isinstance(body, dict)
    return body


def polls(standin: StandIn) -> list[Seen]:
    return [seen for seen in standin.seen if seen.path.endswith("/get_result")]


def source(data: bytes, role: Any = "image", **parts: Any) -> Source:
    return Source(role=role, sha256=hashlib.sha256(data).hexdigest(), **parts)


# what is sent


async def test_only_what_was_asked_for_is_sent(cloud: Pair, open_bfl: Open) -> None:
    recipe = asked(seed=5, params={"size": "1024x768", "output_format": "png"})
    await open_bfl(cloud).submit(recipe, job_id="j")
    assert sent(cloud[0]) == {
        "prompt": "a fox",
        "seed": 5,
        "width": 1024,
        "height": 768,
        "output_format": "png",
    }


async def test_a_size_left_to_the_service_is_not_sent(cloud: Pair, open_bfl: Open) -> None:
    await open_bfl(cloud).submit(asked(params={"size": "auto"}), job_id="j")
    assert sent(cloud[0]) == {"prompt": "a fox"}


async def test_a_side_that_is_no_multiple_of_16_is_refused_before_it_costs(
    cloud: Pair, open_bfl: Open
) -> None:
    with pytest.raises(BadRecipe, match="16") as caught:
        await open_bfl(cloud).submit(asked(params={"size": "1000x770"}), job_id="j")
    assert "size" in caught.value.fields
    assert cloud[0].submits == 0


async def test_the_key_goes_in_its_own_header(cloud: Pair, open_bfl: Open) -> None:
    await open_bfl(cloud).submit(asked(), job_id="j")
    posted = next(seen for seen in cloud[0].seen if cloud[0].is_submit(seen))
    assert posted.headers["x-key"] == cloud[0].key
    assert "authorization" not in posted.headers
    document = next(seen for seen in cloud[0].seen if seen.path == "/openapi.json")
    assert "x-key" not in document.headers


async def test_pictures_are_sent_as_bare_base64_in_their_order(cloud: Pair, open_bfl: Open) -> None:
    first, second, third = (picture(colour=(n, n, n)) for n in (10, 20, 30))
    sources = (source(first), source(second, "reference"), source(third, "reference"))
    provider = open_bfl(cloud, pictures=(first, second, third))
    await provider.submit(asked("flux-2-pro", sources=sources), job_id="j")
    body = sent(cloud[0])
    given = [body[name] for name in ("input_image", "input_image_2", "input_image_3")]
    assert [base64.b64decode(item) for item in given] == [first, second, third]


async def test_flux_3_gets_its_pictures_as_a_list_and_nothing_it_does_not_know(
    cloud: Pair, open_bfl: Open
) -> None:
    first, second = picture(), picture(colour=(1, 2, 3))
    provider = open_bfl(cloud, pictures=(first, second))
    recipe = asked(
        "flux-3-image",
        sources=(source(first), source(second, "reference")),
        params={"aspect_ratio": "21:9", "resolution": "2k", "grounding": False},
    )
    done = await end_of(provider, recipe)
    body = sent(cloud[0])
    assert [base64.b64decode(item) for item in body.pop("images")] == [first, second]
    assert body == {"prompt": "a fox", "aspect_ratio": "21:9", "resolution": "2k", "grounding": False}
    assert done.seed is None
    with pytest.raises(BadRecipe):
        await provider.submit(asked("flux-3-image", params={"size": "512x512"}), job_id="j")


@pytest.mark.parametrize(
    ("model", "params"),
    [("flux-pro-1.0-fill", {"steps": 20}), ("flux-tools/erase-v1", {"dilate_pixels": 4})],
)
async def test_image_and_mask(cloud: Pair, open_bfl: Open, model: str, params: dict[str, Any]) -> None:
    image, mask = picture(), picture(mode="L", colour=255)
    provider = open_bfl(cloud, pictures=(image, mask))
    prompt = "" if "erase" in model else "a hat"
    recipe = asked(model, prompt=prompt, sources=(source(image), source(mask, "mask")), params=params)
    done = await end_of(provider, recipe)
    body = sent(cloud[0])
    assert base64.b64decode(body["image"]) == image
    assert base64.b64decode(body["mask"]) == mask
    assert params.items() <= body.items()
    assert await provider.fetch(done.outputs[0]) == picture_of(model, body)


async def test_expand(cloud: Pair, open_bfl: Open) -> None:
    image = picture()
    provider = open_bfl(cloud, pictures=(image,))
    await end_of(
        provider, asked("flux-pro-1.0-expand", sources=(source(image),), params={"left": 128, "top": 64})
    )
    assert {"left": 128, "top": 64}.items() <= sent(cloud[0]).items()


async def test_an_input_that_is_too_large_is_refused_before_it_is_sent(cloud: Pair, open_bfl: Open) -> None:
    large = picture() + bytes(20_000_001)
    provider = open_bfl(cloud, pictures=(large,))
    with pytest.raises(BadRecipe, match="20 MB") as caught:
        await provider.submit(asked(sources=(source(large),)), job_id="j")
    assert "image" in caught.value.fields
    assert cloud[0].submits == 0


async def test_an_input_that_is_gone_is_told_by_its_field(cloud: Pair, open_bfl: Open) -> None:
    with pytest.raises(BadRecipe) as caught:
        await open_bfl(cloud).submit(asked(sources=(source(b"never kept"),)), job_id="j")
    assert "image" in caught.value.fields


# where it is asked for


async def test_the_polling_address_is_asked_exactly_as_given(cloud: Pair, open_bfl: Open) -> None:
    """The stand-in's global path does not know regional tasks."""
    assert await end_of(open_bfl(cloud), asked())
    assert {(seen.path, seen.query) for seen in polls(cloud[0])} == {
        ("/eu4/v1/get_result", "id=task-0001&r=eu4")
    }
    assert all(seen.headers["x-key"] == cloud[0].key for seen in polls(cloud[0]))


@pytest.mark.parametrize(
    ("polling", "path"), [("relative", "/eu4/v1/get_result"), ("none", "/v1/get_result")]
)
async def test_other_forms_of_a_polling_address(cloud: Pair, open_bfl: Open, polling: str, path: str) -> None:
    cloud[0].state.polling = polling
    assert await end_of(open_bfl(cloud), asked())
    assert {seen.path for seen in polls(cloud[0])} == {path}


async def test_an_address_that_is_not_the_services_own_gets_no_key_and_loses_no_job(
    cloud: Pair, open_bfl: Open
) -> None:
    """It is asked for at the service's own address instead."""
    cloud[0].state.polling = "https://results.example.com/get_result?id={id}"
    updates = await all_of(open_bfl(cloud), asked())
    assert isinstance(updates[0], Working)
    assert "not the service's own" in updates[0].note
    assert isinstance(updates[-1], Finished)
    assert {seen.path for seen in polls(cloud[0])} == {"/v1/get_result"}


async def test_a_job_that_is_known_only_there_keeps_its_ticket(cloud: Pair, open_bfl: Open) -> None:
    standin, provider = cloud[0], open_bfl(cloud)
    standin.state.unknown_first = 10_000
    standin.state.polling = "http://8.8.8.8/get_result?id={id}"
    with pytest.raises(BadAnswer, match=r"8\.8\.8\.8") as caught:
        await all_of(provider, asked())
    assert "not sent again" in caught.value.fix


async def test_a_compatible_server_may_poll_on_another_host_without_the_key(
    box: Pair, open_bfl: Open
) -> None:
    standin, server = box
    provider = open_bfl(box, "mybox", key="box-key-123456")
    recipe = asked(provider="mybox")
    ticket = await provider.submit(recipe, job_id="j")
    elsewhere = ticket.handle["polling_url"].replace("127.0.0.1", "localhost")
    moved = replace(ticket, handle={**ticket.handle, "polling_url": elsewhere})
    updates = [update async for update in provider.watch(moved, recipe)]
    assert isinstance(updates[-1], Finished)
    assert all("x-key" not in seen.headers for seen in polls(standin))
    assert updates[-1].outputs[0].url == f"http://localhost:{server.port}/outputs/task-0001.png"


async def test_a_compatible_server_can_not_send_us_into_a_private_network(box: Pair, open_bfl: Open) -> None:
    provider = open_bfl(box, "mybox")
    handle = {"id": "1", "polling_url": "http://10.255.255.1/v1/get_result?id=1", "usd": None}
    ticket = Ticket(provider="mybox", handle=handle, resumable=True)
    with pytest.raises(BadAnswer, match="private network") as caught:
        await anext(provider.watch(ticket, asked(provider="mybox")))
    assert "result_hosts" in caught.value.fix
    assert polls(box[0]) == []


# how it goes on


async def test_news_until_the_end(cloud: Pair, open_bfl: Open) -> None:
    cloud[0].state.words = ("Pending", "Reasoning", "Generating", "Generating")
    cloud[0].state.progress = (None, None, 0.25, 0.125)
    updates = await all_of(open_bfl(cloud), asked(seed=11))
    assert updates[:-1] == [
        Waiting(),
        Working(note="Reasoning"),
        Working(step=25, steps=100, note="Generating"),
        Working(step=25, steps=100, note="Generating"),
    ]
    done = updates[-1]
    assert isinstance(done, Finished)
    assert done.seed == 11
    assert done.price_usd == pytest.approx(0.014)
    assert done.seconds == 2.5


async def test_a_seed_that_the_service_chose_comes_back(cloud: Pair, open_bfl: Open) -> None:
    assert (await end_of(open_bfl(cloud), asked())).seed == 1_234_567


async def test_what_it_costs_stays_with_the_ticket(cloud: Pair, open_bfl: Open) -> None:
    provider = open_bfl(cloud)
    cloud[0].state.cost = 4.5
    ticket = await provider.submit(asked(), job_id="j")
    assert ticket.price_usd == pytest.approx(0.045)
    kept = Ticket(provider="bfl", handle=json.loads(json.dumps(ticket.handle)), resumable=True)
    last = [update async for update in provider.watch(kept, asked())][-1]
    assert isinstance(last, Finished)
    assert last.price_usd == pytest.approx(0.045)
    cloud[0].state.cost = None
    assert (await provider.submit(asked(), job_id="k")).price_usd is None


async def test_not_found_just_after_the_submit_is_waited_out(cloud: Pair, open_bfl: Open) -> None:
    cloud[0].state.unknown_first = LOST_MOST - 1
    assert await end_of(open_bfl(cloud), asked())


async def test_not_found_for_good(cloud: Pair, open_bfl: Open) -> None:
    cloud[0].state.unknown_first = 10_000
    with pytest.raises(TicketLost):
        await all_of(open_bfl(cloud), asked())
    assert len(polls(cloud[0])) == LOST_MOST


async def test_a_task_that_was_known_and_is_gone_is_lost_at_once(cloud: Pair, open_bfl: Open) -> None:
    provider = open_bfl(cloud)
    ticket = await provider.submit(asked(), job_id="j")
    updates = provider.watch(ticket, asked())
    assert await anext(updates) == Waiting()
    cloud[0].state.tasks.clear()
    with pytest.raises(TicketLost):
        await anext(updates)
    assert len(polls(cloud[0])) == 2


async def test_a_word_that_stays_unknown_is_not_waited_for_without_end(
    cloud: Pair, open_bfl: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "STRANGE_MOST", 6)
    cloud[0].state.words, cloud[0].state.hold = ("Simmering",), True
    with pytest.raises(BadAnswer, match="Simmering"):
        await all_of(open_bfl(cloud), asked())
    assert len(polls(cloud[0])) == 7


@pytest.mark.parametrize("status", [200, 422, 400])
@pytest.mark.parametrize(
    ("outcome", "kind", "words"),
    [
        ("Request Moderated", ContentRefused, "refused the prompt or an input picture: Violence, Blood."),
        ("Content Moderated", ContentRefused, "refused the picture that came out: Violence, Blood."),
        ("Error", ProviderError, "could not make the picture: The worker ran out of memory."),
    ],
)
async def test_bad_ends(
    cloud: Pair, open_bfl: Open, outcome: str, kind: type[ProviderError], words: str, status: int
) -> None:
    cloud[0].state.outcome, cloud[0].state.error_status = outcome, status
    with pytest.raises(kind, match=words) as caught:
        await all_of(open_bfl(cloud), asked())
    assert type(caught.value) is kind
    assert caught.value.fix


# the picture


@pytest.mark.parametrize("sample", ["host", "relative", "data", "base64"])
async def test_the_picture_comes_by_any_kind_of_sample(cloud: Pair, open_bfl: Open, sample: str) -> None:
    cloud[0].state.sample = sample
    provider = open_bfl(cloud)
    done = await end_of(provider, asked(seed=3))
    assert await provider.fetch(done.outputs[0]) == picture_of(
        "flux-2-klein-4b", {"prompt": "a fox", "seed": 3}
    )


async def test_the_key_is_not_sent_for_the_picture(cloud: Pair, open_bfl: Open) -> None:
    """Neither to another host nor to the base itself: the stand-in notes any key on these paths."""
    for sample in ("host", "relative"):
        cloud[0].state.sample = sample
        provider = open_bfl(cloud)
        assert await provider.fetch((await end_of(provider, asked())).outputs[0])
    fetched = [seen for seen in cloud[0].seen if seen.path.startswith("/outputs/")]
    assert {seen.headers["host"].partition(":")[0] for seen in fetched} == {"localhost", "127.0.0.1"}


async def test_a_link_that_expired_is_given_anew_by_another_watch(cloud: Pair, open_bfl: Open) -> None:
    provider = open_bfl(cloud)
    ticket = await provider.submit(asked(), job_id="j")
    first = [update async for update in provider.watch(ticket, asked())][-1]
    assert isinstance(first, Finished)
    cloud[0].state.links_live = 0
    with pytest.raises(TicketLost):
        await provider.fetch(first.outputs[0])
    cloud[0].state.links_live = None
    again = [update async for update in provider.watch(ticket, asked())][-1]
    assert isinstance(again, Finished)
    assert await provider.fetch(again.outputs[0])


async def test_a_picture_on_a_private_host_that_nobody_named(cloud: Pair, open_bfl: Open) -> None:
    cloud[0].state.sample = "http://169.254.169.254/latest/secrets"
    provider = open_bfl(cloud)
    done = await end_of(provider, asked())
    with pytest.raises(BadAnswer, match="private network") as caught:
        await provider.fetch(done.outputs[0])
    assert "result_hosts" in caught.value.fix


async def test_ready_without_a_picture(cloud: Pair, open_bfl: Open) -> None:
    cloud[0].state.result = {"prompt": "a fox"}
    with pytest.raises(BadAnswer, match="gives none"):
        await all_of(open_bfl(cloud), asked())


# refusals


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (402, {"detail": "Insufficient credits"}, OutOfCredit, "Insufficient credits"),
        (403, {"detail": "Not authenticated"}, KeyRefused, "Not authenticated"),
        (429, {"detail": "Too many active tasks"}, RateLimited, "active tasks"),
        (503, {"detail": "overloaded"}, RateLimited, "overloaded"),
        (404, {"detail": "Not Found"}, ModelGone, "Not Found"),
        (400, {"error": "bad_input", "message": "That is no prompt."}, BadRecipe, "That is no prompt"),
        (422, {"id": "1", "status": "Request Moderated", "details": {"why": "Gore"}}, ContentRefused, "Gore"),
    ],
)
async def test_a_submit_that_is_refused(
    cloud: Pair, open_bfl: Open, status: int, body: Any, kind: type[ProviderError], words: str
) -> None:
    cloud[0].state.refuse = (status, body)
    with pytest.raises(kind, match=words):
        await open_bfl(cloud).submit(asked(), job_id="j")
    assert cloud[0].submits == 1


async def test_fields_are_named_in_our_words(cloud: Pair, open_bfl: Open) -> None:
    detail = [{"loc": ["body", "width"], "msg": "too wide", "type": "value_error"}]
    cloud[0].state.refuse = (422, {"detail": detail})
    with pytest.raises(BadRecipe) as caught:
        await open_bfl(cloud).submit(asked(), job_id="j")
    assert caught.value.fields == {"size": "too wide"}


@pytest.mark.parametrize(
    "said",
    [
        b'{"id": "task-0001", "cost": 1' + b"0" * 400 + b"}",
        b'{"id": "task-0001", "cost": NaN}',
        b'{"id": "task-0001", "polling_url": "//[no/address"}',
        b'{"id": "task-0001", "polling_url": "http://[no/address"}',
    ],
)
async def test_oddities_beside_the_id_lose_no_paid_task(make_context: Any, said: bytes) -> None:
    async def app(_request: Request) -> Response:
        return Response(said, media_type="application/json")

    routes = [Route("/v1/flux-2-klein-4b", app, methods=["POST"])]
    with Running(Starlette(routes=routes)) as server:
        provider = Bfl(make_context({"url": server.url}, "k" * 20, name="bfl"))
        ticket = await provider.submit(asked(), job_id="j")
        await provider.aclose()
    assert ticket.handle["id"] == "task-0001"
    assert ticket.handle["polling_url"] == f"{server.url}/v1/get_result?id=task-0001"
    assert ticket.price_usd is None


@pytest.mark.parametrize("said", [[], {}, {"id": None}, {"status": "Pending", "webhook_url": "https://x"}])
async def test_an_answer_with_nothing_to_ask_for_leaves_it_open(
    cloud: Pair, open_bfl: Open, said: Any
) -> None:
    cloud[0].state.refuse = (200, said)
    with pytest.raises(BadAnswer):
        await open_bfl(cloud).submit(asked(), job_id="j")
    assert cloud[0].submits == 1


async def test_no_key_sends_nothing(cloud: Pair, open_bfl: Open) -> None:
    with pytest.raises(KeyMissing, match="needs a key") as caught:
        await open_bfl(cloud, key=None).submit(asked(), job_id="j")
    assert "silverprint keys set bfl" in caught.value.fix
    assert cloud[0].submits == 0


async def test_a_wrong_key(cloud: Pair, open_bfl: Open) -> None:
    with pytest.raises(KeyRefused):
        await open_bfl(cloud, key="wrong-key-9876").submit(asked(), job_id="j")


async def test_more_active_tasks_than_allowed(cloud: Pair, open_bfl: Open) -> None:
    cloud[0].state.hold = True
    provider = open_bfl(cloud)
    await asyncio.gather(*(provider.submit(asked(), job_id=f"j{n}") for n in range(24)))
    with pytest.raises(RateLimited):
        await provider.submit(asked(), job_id="j24")
    assert provider.info.parallel == 24


# the account


async def test_the_account(cloud: Pair, open_bfl: Open) -> None:
    assert await open_bfl(cloud).probe() == "123.4 credits ($1.23)"
    assert cloud[0].submits == 0


async def test_the_account_without_and_with_a_wrong_key(cloud: Pair, open_bfl: Open) -> None:
    with pytest.raises(KeyMissing):
        await open_bfl(cloud, key=None).probe()
    with pytest.raises(KeyRefused):
        await open_bfl(cloud, key="wrong-key-9876").probe()


async def test_a_compatible_server_has_no_account(box: Pair, open_bfl: Open) -> None:
    assert "answers" in await open_bfl(box, "mybox").probe()


# compatible servers


async def test_a_compatible_server_takes_ratio_and_steps_and_needs_no_key(box: Pair, open_bfl: Open) -> None:
    provider = open_bfl(box, "mybox")
    recipe = asked(
        "my/own-model", provider="mybox", seed=4, params={"aspect_ratio": "16:9", "steps": 8, "guidance": 3.5}
    )
    updates = await all_of(provider, recipe)
    assert updates[:-1] == [Waiting(), Working(note="Processing")]
    done = updates[-1]
    assert isinstance(done, Finished)
    assert done.seed == 4
    expected = {"prompt": "a fox", "seed": 4, "aspect_ratio": "16:9", "steps": 8, "guidance": 3.5}
    assert sent(box[0]) == expected
    assert await provider.fetch(done.outputs[0]) == picture_of("my/own-model", expected)
    assert all("x-key" not in seen.headers for seen in box[0].seen)


async def test_two_servers_side_by_side(box: Pair, cloud: Pair, open_bfl: Open) -> None:
    mine, theirs = open_bfl(box, "mybox"), open_bfl(cloud)
    await asyncio.gather(end_of(mine, asked(provider="mybox")), end_of(theirs, asked()))
    assert (box[0].submits, cloud[0].submits) == (1, 1)
    with pytest.raises(TicketLost):
        await anext(mine.watch(await theirs.submit(asked(), job_id="j"), asked()))
