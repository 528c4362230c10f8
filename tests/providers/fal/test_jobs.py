"""A job at fal, from the one request that is paid for to its pictures or the error that its result carries."""

from __future__ import annotations

import json
from typing import Any

import pytest

from silverprint.core.errors import (
    BadAnswer,
    BadRecipe,
    ContentRefused,
    KeyMissing,
    KeyRefused,
    ModelGone,
    OutOfCredit,
    ProviderError,
    SettingsError,
    TicketLost,
    Unreachable,
)
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Waiting, Working
from tests.providers.fal.work import Make, Service, developed, noise, recipe_for, source, watched
from tests.standins.fal import Failure


async def test_a_submit_is_one_request_whose_body_is_the_input(fal: Service, make: Make) -> None:
    ticket = await make().submit(
        recipe_for(seed=5, params={"outputs": 2, "steps": 3, "size": "640x512"}), job_id="0job"
    )
    assert fal.standin.submits == 1
    (sent,) = fal.asked("/queue/fal-ai/flux/schnell", "POST")
    assert sent.json == {
        "prompt": "a fox in fog",
        "seed": 5,
        "num_images": 2,
        "num_inference_steps": 3,
        "image_size": {"width": 640, "height": 512},
    }
    assert sent.headers["authorization"] == f"Key {fal.standin.key}"
    assert ticket.resumable
    root = f"{fal.url}/queue/fal-ai/flux/requests/{ticket.handle['request_id']}"
    assert ticket.handle["status_url"] == f"{root}/status"
    assert ticket.handle["response_url"] == root
    assert ticket.handle["cancel_url"] == f"{root}/cancel"


async def test_the_news_tell_the_place_the_steps_and_what_it_came_to(fal: Service, make: Make) -> None:
    provider, recipe = make(), recipe_for(seed=11, params={"outputs": 2})
    ticket = await provider.submit(recipe, job_id="0job")
    news = await watched(provider, ticket, recipe)
    assert [update.place for update in news if isinstance(update, Waiting)] == [2, 1]
    working = [update for update in news if isinstance(update, Working)]
    assert [(update.step, update.steps) for update in working][:3] == [(1, 3), (2, 3), (3, 3)]
    assert working[0].note == "loading \N{REPLACEMENT CHARACTER}[31mweights"
    finished = news[-1]
    assert isinstance(finished, Finished)
    assert len(finished.outputs) == 2
    assert finished.seed == 11
    assert finished.seconds == 1.25
    assert finished.price_usd == pytest.approx(0.006)
    assert all(seen.query == "logs=true" for seen in fal.asked("/status"))


async def test_results_are_fetched_elsewhere_and_without_the_key(fal: Service, make: Make) -> None:
    provider = make()
    finished = await developed(provider, recipe_for(seed=1))
    assert (finished.outputs[0].url or "").startswith("http://localhost:")
    assert (await provider.fetch(finished.outputs[0])).startswith(b"\x89PNG")
    (fetched,) = fal.asked("/cdn/files/b/")
    assert "authorization" not in fetched.headers


async def test_an_expired_link_loses_the_ticket(fal: Service, make: Make) -> None:
    provider = make()
    finished = await developed(provider, recipe_for())
    fal.state.expired = True
    with pytest.raises(TicketLost):
        await provider.fetch(finished.outputs[0])


async def test_another_start_takes_the_job_up_by_its_ticket(fal: Service, make: Make) -> None:
    recipe = recipe_for("fal-ai/flux/dev", seed=3)
    first = make()
    ticket = await first.submit(recipe, job_id="0job")
    news = first.watch(ticket, recipe)
    await anext(news)
    await news.aclose()
    await first.aclose()
    again = Ticket(provider="fal", handle=json.loads(json.dumps(dict(ticket.handle))), resumable=True)
    assert isinstance((await watched(make(), again, recipe))[-1], Finished)
    assert fal.standin.submits == 1


@pytest.mark.parametrize("urls", ["none", "foreign"])
async def test_links_that_are_missing_or_lead_elsewhere_are_built(
    fal: Service, make: Make, urls: str
) -> None:
    fal.state.urls = urls
    provider, recipe = make(), recipe_for("fal-ai/flux/dev")
    ticket = await provider.submit(recipe, job_id="0job")
    root = f"{fal.url}/queue/fal-ai/flux/requests/{ticket.handle['request_id']}"
    assert ticket.handle["status_url"] == f"{root}/status"
    assert isinstance((await watched(provider, ticket, recipe))[-1], Finished)


async def test_a_ticket_whose_links_were_changed_gets_no_key_abroad(fal: Service, make: Make) -> None:
    provider, recipe = make(), recipe_for()
    ticket = await provider.submit(recipe, job_id="0job")
    foreign = {
        name: str(value).replace("127.0.0.1", "localhost") if name.endswith("_url") else value
        for name, value in ticket.handle.items()
    }
    changed = Ticket(provider="fal", handle=foreign, resumable=True)
    assert isinstance((await watched(provider, changed, recipe))[-1], Finished)
    assert not [seen for seen in fal.asked("/queue/") if "localhost" in seen.headers["host"]]


@pytest.mark.parametrize(
    "ticket",
    [
        Ticket(provider="replicate", handle={"endpoint": "fal-ai/flux/dev", "request_id": "r"}),
        Ticket(provider="fal", handle={}),
        Ticket(provider="fal", handle={"endpoint": "../../v1/keys", "request_id": "r"}),
        Ticket(provider="fal", handle={"endpoint": "fal-ai/flux/dev", "request_id": "../x"}),
    ],
)
async def test_a_ticket_that_is_not_ours_is_lost(make: Make, ticket: Ticket) -> None:
    with pytest.raises(TicketLost):
        await watched(make(), ticket, recipe_for())


async def test_a_request_nobody_knows_is_lost(make: Make) -> None:
    ticket = Ticket(provider="fal", handle={"endpoint": "fal-ai/flux/dev", "request_id": "gone"})
    provider = make()
    with pytest.raises(TicketLost):
        await watched(provider, ticket, recipe_for())
    await provider.cancel(ticket)


async def test_a_status_without_logs_or_place_is_read_all_the_same(fal: Service, make: Make) -> None:
    fal.state.logs = False
    provider, recipe = make(), recipe_for()
    ticket = await provider.submit(recipe, job_id="0job")
    news = await watched(provider, ticket, recipe)
    assert Waiting() in news
    assert isinstance(news[-1], Finished)


async def test_a_word_that_is_not_known_is_waited_out(fal: Service, make: Make) -> None:
    fal.state.words = ["WARMING_UP", "in_queue", "WARMING_UP"]
    assert (await developed(make(), recipe_for())).outputs
    assert fal.standin.submits == 1


async def test_only_words_that_are_not_known_come_to_an_end(fal: Service, make: Make) -> None:
    fal.state.words = ["WARMING_UP"] * 500
    fal.state.held = True
    provider, recipe = make(), recipe_for()
    ticket = await provider.submit(recipe, job_id="0job")
    with pytest.raises(BadAnswer) as caught:
        await watched(provider, ticket, recipe)
    assert caught.value.can_retry


async def test_a_job_that_is_said_to_have_failed_is_asked_for_its_result(fal: Service, make: Make) -> None:
    fal.state.queue_polls = fal.state.run_polls = 0
    fal.state.words = ["FAILED"]
    fal.state.fail_next = [Failure(422, {"detail": "The mask is empty."})]
    with pytest.raises(BadRecipe, match="The mask is empty"):
        await developed(make(), recipe_for())


async def test_a_result_that_is_not_there_yet_is_asked_for_again(fal: Service, make: Make) -> None:
    fal.state.early_results = 3
    assert (await developed(make(), recipe_for())).outputs


def _model_error(kind: str, words: str, *loc: str) -> dict[str, Any]:
    return {"detail": [{"loc": ["body", *(loc or ("prompt",))], "msg": words, "type": kind, "input": "x"}]}


@pytest.mark.parametrize(
    ("failure", "kind", "words", "can_retry"),
    [
        (
            Failure(422, _model_error("content_policy_violation", "The content was flagged.")),
            ContentRefused,
            "The content was flagged.",
            False,
        ),
        (
            Failure(422, _model_error("no_media_generated", "No images were generated.")),
            ProviderError,
            "No images were generated.",
            True,
        ),
        (
            Failure(504, _model_error("generation_timeout", "Took too long.")),
            ProviderError,
            "Took too long.",
            True,
        ),
        (Failure(500, _model_error("internal_server_error", "Sorry.")), ProviderError, "Sorry.", True),
        (
            Failure(400, _model_error("downstream_service_error", "Other side.")),
            ProviderError,
            "Other side.",
            True,
        ),
        (
            Failure(504, {"detail": "Request timed out", "error_type": "request_timeout"}),
            ProviderError,
            "Request timed out",
            True,
        ),
        (
            Failure(503, {"detail": "No runner"}, {"X-Fal-Error-Type": "runner_scheduling_failure"}),
            ProviderError,
            "No runner",
            True,
        ),
        (
            Failure(403, _model_error("file_download_error", "No LoRA there.", "loras")),
            BadRecipe,
            "No LoRA",
            False,
        ),
        (Failure(499, {"detail": "gone"}), ProviderError, "cancelled", True),
        (Failure(404, {"detail": "Path /dev2 not found"}), ModelGone, "Path /dev2 not found", False),
        (Failure(422, {"detail": "\x1b[2J[bold]bad[/]"}), BadRecipe, "[bold]bad[/]", False),
    ],
)
@pytest.mark.parametrize("tells_error", [True, False])
async def test_a_failed_job_is_an_error_of_its_result(
    fal: Service,
    make: Make,
    failure: Failure,
    kind: type[ProviderError],
    words: str,
    can_retry: bool,
    tells_error: bool,
) -> None:
    fal.state.fail_next, fal.state.tells_error = [failure], tells_error
    with pytest.raises(ProviderError) as caught:
        await developed(make(), recipe_for())
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert caught.value.can_retry is can_retry
    assert fal.standin.submits == 1


async def test_a_refused_field_has_our_name(fal: Service, make: Make) -> None:
    body = {
        "detail": [
            {"loc": ["body", "num_inference_steps"], "msg": "too many", "type": "less_than_equal"},
            {"loc": ["body", "image_size", "width"], "msg": "too wide", "type": "less_than_equal"},
        ]
    }
    fal.state.fail_next = [Failure(422, body)]
    with pytest.raises(BadRecipe) as caught:
        await developed(make(), recipe_for())
    assert caught.value.fields == {"steps": "too many", "size": "too wide"}


async def test_trouble_on_the_way_to_a_result_is_no_failure_of_the_job(fal: Service, make: Make) -> None:
    fal.state.tells_error = False
    fal.state.fail_next = [Failure(502, "<html>bad gateway</html>")]
    provider, recipe = make(), recipe_for()
    ticket = await provider.submit(recipe, job_id="0job")
    with pytest.raises(Unreachable):
        await watched(provider, ticket, recipe)


async def test_a_status_that_tells_of_an_error_is_believed_when_the_result_tells_nothing(
    fal: Service, make: Make
) -> None:
    fal.state.fail_next = [Failure(502, "<html>bad gateway</html>")]
    with pytest.raises(ProviderError, match="The model failed") as caught:
        await developed(make(), recipe_for())
    assert type(caught.value) is ProviderError


async def test_a_cancelled_job_ends_and_cancel_is_safe(fal: Service, make: Make) -> None:
    provider, recipe = make(), recipe_for()
    ticket = await provider.submit(recipe, job_id="0job")
    await provider.cancel(ticket)
    await provider.cancel(ticket)
    assert [seen.method for seen in fal.asked("/cancel")] == ["PUT", "PUT"]
    with pytest.raises(ProviderError, match="cancelled"):
        await watched(provider, ticket, recipe)
    await provider.cancel(ticket)


async def test_an_empty_balance_is_no_wrong_key(fal: Service, make: Make) -> None:
    fal.state.no_credit = True
    with pytest.raises(OutOfCredit, match="Exhausted balance"):
        await make().submit(recipe_for(), job_id="0job")


async def test_without_a_key_nothing_is_sent(fal: Service, make: Make) -> None:
    with pytest.raises(KeyMissing):
        await make(key=None).submit(recipe_for(), job_id="0job")
    assert fal.standin.submits == 0


async def test_a_wrong_key_is_refused(make: Make) -> None:
    with pytest.raises(KeyRefused) as caught:
        await make(key="other:wrong-key-value").submit(recipe_for(), job_id="0job")
    assert "wrong-key-value" not in str(caught.value)


async def test_a_model_that_the_queue_does_not_have_is_gone(make: Make) -> None:
    # On our own list, so its form is known; the stand-in has never heard of it.
    with pytest.raises(ModelGone):
        await make().submit(recipe_for("fal-ai/flux-2"), job_id="0job")


async def test_a_recipe_that_the_form_refuses_is_not_sent(fal: Service, make: Make) -> None:
    with pytest.raises(BadRecipe) as caught:
        await make().submit(recipe_for(params={"steps": 99, "sync_mode": True}), job_id="0job")
    assert set(caught.value.fields) == {"steps", "sync_mode"}
    assert fal.standin.submits == 0


async def test_what_is_blacked_out_is_refused(fal: Service, make: Make) -> None:
    fal.state.flags, fal.state.black = [True], True
    with pytest.raises(ContentRefused, match="safety checker"):
        await developed(make(), recipe_for())


async def test_only_what_is_blacked_out_is_left_out(fal: Service, make: Make) -> None:
    fal.state.flags, fal.state.black = [True, False], True
    finished = await developed(make(), recipe_for(params={"outputs": 2}))
    assert [(output.url or "")[-6:] for output in finished.outputs] == ["-1.jpg"]


async def test_a_flagged_picture_that_came_is_kept(fal: Service, make: Make) -> None:
    fal.state.flags = [True]
    assert len((await developed(make(), recipe_for())).outputs) == 1


async def test_a_model_that_tells_no_seed_tells_none(fal: Service, make: Make) -> None:
    picture = noise()
    provider = make(pictures=(picture,))
    recipe = recipe_for("fal-ai/nano-banana-2/edit", seed=4, sources=(source(picture),))
    finished = await developed(provider, recipe)
    assert finished.seed is None
    assert len(finished.outputs) == 1
    assert fal.standin.seen[-1].method == "GET"


async def test_settings_become_headers(fal: Service, make: Make) -> None:
    provider = make(settings={"keep_s": 3600, "store_io": False, "priority": "low"})
    await provider.submit(recipe_for(), job_id="0job")
    (sent,) = fal.asked("/queue/", "POST")
    assert sent.headers["x-fal-object-lifecycle-preference"] == '{"expiration_duration_seconds": 3600}'
    assert sent.headers["x-fal-store-io"] == "0"
    assert sent.headers["x-fal-queue-priority"] == "low"
    assert provider.info.results_live_s == 3600


@pytest.mark.parametrize(
    "settings",
    [
        {"keep_s": 5},
        {"keep_s": True},
        {"store_io": "no"},
        {"priority": "high"},
        {"queue_url": "http://fal.run"},
    ],
)
async def test_settings_that_make_no_sense_are_told(make: Make, settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"providers\.fal"):
        make(settings=settings)
