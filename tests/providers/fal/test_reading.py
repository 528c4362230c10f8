"""What is read out of logs and outputs, and the SDK's part in asking for a status."""

from __future__ import annotations

import sys
from typing import Any

import fal_client.client
import pytest

from silverprint.core.errors import BadAnswer, RateLimited
from silverprint.core.update import Finished, Output, Working
from silverprint.providers.fal.progress import Reel
from silverprint.providers.fal.results import is_blank, read_result
from tests.providers.fal.work import Make, Service, noise, recipe_for, watched
from tests.standins.fal import Failure


async def test_the_sdks_handle_asks_and_its_retries_see_no_failure(
    fal: Service, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    class Handle(fal_client.client.AsyncRequestHandle):
        async def status(self, *, with_logs: bool = False) -> Any:
            calls.append(self.request_id)
            return await super().status(with_logs=with_logs)

    monkeypatch.setattr(fal_client.client, "AsyncRequestHandle", Handle)
    provider, recipe = make(), recipe_for()
    ticket = await provider.submit(recipe, job_id="0job")
    fal.state.status_next = [Failure(429, {"detail": "Slow down"}, {"Retry-After": "7"})]
    with pytest.raises(RateLimited) as caught:
        await watched(provider, ticket, recipe)
    assert caught.value.retry_after_s == 7
    assert len(fal.asked("/status")) == 1
    assert isinstance((await watched(provider, ticket, recipe))[-1], Finished)
    assert len(calls) == len(fal.asked("/status"))
    assert set(calls) == {ticket.handle["request_id"]}


async def test_without_the_sdk_it_works_as_well(
    fal: Service, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fal_client.client", None)
    provider, recipe = make(), recipe_for()
    ticket = await provider.submit(recipe, job_id="0job")
    assert isinstance((await watched(provider, ticket, recipe))[-1], Finished)
    await provider.cancel(ticket)
    assert [seen.method for seen in fal.asked("/cancel")] == ["PUT"]


@pytest.mark.parametrize("body", [[], {}, {"status": None}, "IN_QUEUE", {"status": 3, "logs": []}])
async def test_a_status_of_another_shape_is_a_bad_answer(fal: Service, make: Make, body: Any) -> None:
    provider, recipe = make(), recipe_for()
    ticket = await provider.submit(recipe, job_id="0job")
    fal.state.status_next = [Failure(200, body)]
    with pytest.raises(BadAnswer):
        await watched(provider, ticket, recipe)
    assert isinstance((await watched(provider, ticket, recipe))[-1], Finished)


@pytest.mark.parametrize("status", [400, 409, 422])
async def test_a_refused_question_keeps_the_claim(fal: Service, make: Make, status: int) -> None:
    provider, recipe = make(), recipe_for()
    ticket = await provider.submit(recipe, job_id="0job")
    fal.state.status_next = [
        Failure(status, {"detail": [{"loc": ["query", "logs"], "msg": "no", "type": "bool"}]})
    ]
    with pytest.raises(BadAnswer, match="how far"):
        await watched(provider, ticket, recipe)
    assert isinstance((await watched(provider, ticket, recipe))[-1], Finished)
    assert fal.standin.submits == 1


def test_logs_are_told_once_and_steps_never_go_back() -> None:
    reel = Reel()
    first = (("1", "loading"), ("2", " 50%|###  | 2/4 [00:01<00:01]"))
    assert reel.read(first) == Working(step=2, steps=4, note="loading")
    again = (*first, ("3", " 10%|#    | 1/10 [00:01<00:01]"), ("4", "saving"))
    assert reel.read(again) == Working(step=2, steps=4, note="saving")
    assert reel.read(again) == Working(step=2, steps=4, note="saving")


@pytest.mark.parametrize(
    ("body", "links"),
    [
        (
            {"images": [{"url": "https://a/1.png"}, {"url": "https://a/2.png"}]},
            ["https://a/1.png", "https://a/2.png"],
        ),
        (
            {
                "image": {"url": "https://a/x", "content_type": "image/png"},
                "mask": {"url": "https://a/m.png"},
            },
            ["https://a/x"],
        ),
        (
            {"images": ["https://a/1", "data:image/png;base64,AAAA"]},
            ["https://a/1", "data:image/png;base64,AAAA"],
        ),
        ({"data": {"output": {"images": [{"url": "https://a/1.webp"}]}}}, ["https://a/1.webp"]),
        ({"result": {"url": "https://a/b.jpeg?x=1"}, "prompt": "https://a/c.png"}, ["https://a/b.jpeg?x=1"]),
    ],
)
def test_pictures_are_found_wherever_they_are(body: dict[str, Any], links: list[str]) -> None:
    assert [output.url for output in read_result(body).outputs] == links


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"images": []},
        {"results": "A fox, https://a/fox.png"},
        {
            "diffusers_lora_file": {
                "url": "https://a/l.safetensors",
                "content_type": "application/octet-stream",
            }
        },
        {"video": {"url": "https://a/v.mp4", "content_type": "video/mp4"}},
        {"image": {"url": "file:///etc/passwd"}},
    ],
)
def test_an_answer_without_a_picture_is_no_result(body: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        read_result(body)


def test_a_picture_of_something_is_not_blank() -> None:
    assert not is_blank(noise())
    assert read_result({"images": [{"url": "https://a/1.png"}], "seed": True}).seed is None


async def test_an_output_without_a_link_is_no_output(make: Make) -> None:
    with pytest.raises(BadAnswer):
        await make().fetch(Output(data=b"x"))
