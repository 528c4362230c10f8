"""One job at Replicate: how it is sent, how its news are read, and what each of its ends means."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

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
    SettingsError,
    TicketLost,
    Unreachable,
)
from silverprint.core.recipe import LoraUse, ModelRef
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Output, Waiting, Working
from silverprint.providers.replicate.adapter import ReplicateProvider
from tests.providers.conftest import Pauses
from tests.providers.replicate.conftest import SCHNELL, SDXL, Make, finished, recipe, source, updates
from tests.standins.replicate_jobs import Fate, picture
from tests.standins.server import Running, Seen, StandIn

UPSCALER = "daanelson/real-esrgan-a100"


def creates(standin: StandIn) -> list[Seen]:
    """Every create that arrived, also those that a community model refuses."""
    return [seen for seen in standin.seen if seen.method == "POST" and seen.path.endswith("/predictions")]


def only_create(standin: StandIn) -> Seen:
    (seen,) = creates(standin)
    return seen


# sending


async def test_an_official_model_is_asked_by_its_own_route(
    provider: ReplicateProvider, standin: StandIn
) -> None:
    await provider.submit(recipe(params={"steps": 2, "aspect_ratio": "16:9"}), job_id="job")
    seen = only_create(standin)
    assert seen.path == f"/v1/models/{SCHNELL}/predictions"
    assert seen.json == {
        "input": {"prompt": "a fox", "seed": 7, "num_inference_steps": 2, "aspect_ratio": "16:9"}
    }
    assert "prefer" not in seen.headers
    assert "cancel-after" not in seen.headers


async def test_a_community_model_is_asked_by_its_version(
    provider: ReplicateProvider, standin: StandIn
) -> None:
    await provider.submit(recipe(SDXL), job_id="job")
    seen = only_create(standin)
    assert seen.path == "/v1/predictions"
    assert seen.json["version"] == standin.state.models[SDXL].newest.id


@pytest.mark.parametrize("with_sdk", [True, False])
async def test_the_real_sdk_sends_it_where_it_can(
    make: Make, standin: StandIn, with_sdk: bool, request: pytest.FixtureRequest
) -> None:
    if not with_sdk:
        request.getfixturevalue("no_sdk")
    provider = make()
    for model in (SCHNELL, SDXL):
        ticket = await provider.submit(recipe(model), job_id=model)
        await provider.cancel(ticket)
    sent = [seen for seen in standin.seen if seen.method == "POST"]
    assert len(sent) == 4
    assert all(seen.headers["user-agent"].startswith("replicate-python") is with_sdk for seen in sent)
    assert standin.state.last.status == "canceled"


async def test_an_unclear_model_falls_back_once_to_its_version(
    standin: StandIn, make: Make, png: bytes, digest: str
) -> None:
    provider = make(pictures=(png,))
    await provider.submit(recipe(UPSCALER, "", None, sources=(source("image", digest),)), job_id="job")
    assert [seen.path for seen in creates(standin)] == [
        f"/v1/models/{UPSCALER}/predictions",
        "/v1/predictions",
    ]
    assert standin.submits == 1
    assert len(standin.state.jobs) == 1


async def test_the_sdk_never_gets_the_key(
    provider: ReplicateProvider, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    import replicate

    tokens: list[str] = []
    real: Any = vars(replicate)["Client"]

    def spy(api_token: str, **more: Any) -> Any:
        tokens.append(api_token)
        return real(api_token, **more)

    monkeypatch.setattr(replicate, "Client", spy)
    await provider.submit(recipe(), job_id="job")
    assert tokens
    assert standin.key not in "".join(tokens)
    assert only_create(standin).headers["authorization"] == f"Bearer {standin.key}"


async def test_the_environment_of_the_sdk_is_not_read(
    make: Make, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPLICATE_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("REPLICATE_API_TOKEN", "r8_of-somebody-else")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    await finished(make(), recipe())
    assert "somebody" not in json.dumps([seen.headers for seen in standin.seen])


async def test_cancel_after_is_a_header(make: Make, standin: StandIn) -> None:
    for provider in (make({"cancel_after": "1h30m"}), make({"cancel_after": 90})):
        await provider.submit(recipe(), job_id="job")
    assert [seen.headers["cancel-after"] for seen in creates(standin)] == ["1h30m", "90"]


@pytest.mark.parametrize("value", ["soon", "", 4, "3s", True, "1d", -5])
async def test_a_cancel_after_that_is_no_time_is_told(make: Make, value: object) -> None:
    with pytest.raises(SettingsError, match="cancel_after"):
        make({"cancel_after": value})


@pytest.mark.parametrize("url", ["http://api.replicate.com", "ftp://x", "https://user:secret@host"])
async def test_an_address_that_is_none_is_told(make: Make, url: str) -> None:
    with pytest.raises(SettingsError, match=r"providers\.replicate\.url"):
        make({"url": url})


async def test_loras_go_into_their_fields(provider: ReplicateProvider, standin: StandIn) -> None:
    loras = (LoraUse(name="someone/style", weight=0.8), LoraUse(name="huggingface.co/a/b", weight=0.5))
    await provider.submit(recipe("black-forest-labs/flux-dev-lora", loras=loras), job_id="job")
    given = standin.state.last.input
    assert given["lora_weights"] == "someone/style"
    assert given["lora_scale"] == 0.8
    assert given["extra_lora"] == "huggingface.co/a/b"
    assert given["extra_lora_scale"] == 0.5
    assert "hf_api_token" not in given


# refusals of a create


async def test_bad_fields_come_by_our_names(make: Make, standin: StandIn) -> None:
    provider = make()
    form = await provider.form(ModelRef("replicate", SCHNELL))
    assert form.spec("steps") is not None
    detail = "- input.num_inference_steps: Must be less than or equal to 4\n- input.seed: Invalid type\n"
    standin.state.refusals.append((422, {"title": "Input validation failed", "detail": detail}, {}))
    with pytest.raises(BadRecipe) as caught:
        await provider.submit(recipe(), job_id="job")
    assert caught.value.fields == {"steps": "Must be less than or equal to 4", "seed": "Invalid type"}
    assert "steps" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind"),
    [
        (
            401,
            {"title": "Unauthenticated", "detail": "You did not pass a valid authentication token"},
            {},
            KeyRefused,
        ),
        (
            402,
            {"title": "Insufficient credit", "detail": "You have insufficient credit to run this model."},
            {},
            OutOfCredit,
        ),
        (403, {"detail": "no access"}, {}, KeyRefused),
        (422, {"title": "Invalid version or not permitted", "detail": "no such version"}, {}, ModelGone),
        (422, {"detail": ["odd"]}, {}, BadRecipe),
        (400, ["a", "list"], {}, BadRecipe),
        (500, {"detail": "oh"}, {}, AnswerLost),
        (503, {"detail": "busy"}, {}, RateLimited),
    ],
)
async def test_refusals_are_of_the_right_kind(
    provider: ReplicateProvider,
    standin: StandIn,
    status: int,
    body: Any,
    headers: dict[str, str],
    kind: type[ProviderError],
) -> None:
    standin.state.refusals.append((status, body, headers))
    with pytest.raises(kind):
        await provider.submit(recipe(), job_id="job")
    assert len(creates(standin)) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"), [({}, 30.0), ({"retry-after": "12"}, 12.0), ({"retry-after": "3600"}, 3600.0)]
)
async def test_a_rate_limit_tells_its_pause(
    provider: ReplicateProvider, standin: StandIn, headers: dict[str, str], seconds: float
) -> None:
    body = {"detail": "Request was throttled. Your rate limit resets in ~30s."}
    standin.state.refusals.append((429, body, headers))
    with pytest.raises(RateLimited) as caught:
        await provider.submit(recipe(), job_id="job")
    assert caught.value.retry_after_s == seconds
    assert len(creates(standin)) == 1


async def test_without_a_key_nothing_is_sent(make: Make, standin: StandIn) -> None:
    with pytest.raises(KeyMissing):
        await make(key=None).submit(recipe(), job_id="job")
    assert standin.seen == []


async def test_trouble_before_the_paid_request_leaves_nothing_in_doubt(
    make_context: Any, standin: StandIn
) -> None:
    from starlette.responses import HTMLResponse, JSONResponse

    from silverprint.providers.replicate.adapter import create

    provider = create(make_context({"url": "http://127.0.0.1:1"}, "k" * 20, name="replicate"))
    with pytest.raises(Unreachable):
        await provider.submit(recipe(), job_id="job")
    await provider.aclose()
    for odd in (HTMLResponse("<html>Sign in</html>"), JSONResponse(["odd"]), JSONResponse({}, 308)):
        with Running(odd) as server:
            provider = create(make_context({"url": server.url}, "k" * 20, name="replicate"))
            with pytest.raises(Unreachable):
                await provider.submit(recipe(), job_id="job")
            await provider.aclose()


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"done"',
        b'{"id": 5, "status": "starting"}',
        b"{}",
        b"<html>",
        b'{"id": "../x", "status": "a"}',
    ],
)
async def test_an_answer_that_can_not_be_read_is_in_doubt(make_context: Any, body: bytes) -> None:
    from silverprint.providers.replicate.adapter import create

    paid = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal paid
        from starlette.responses import Response

        from tests.standins.replicate_models import models

        if scope["method"] == "POST":
            paid += 1
            await Response(body, 201, media_type="application/json")(scope, receive, send)
        else:
            model = json.dumps(models()[SCHNELL].json())
            await Response(model, media_type="application/json")(scope, receive, send)

    with Running(app) as server:
        provider = create(make_context({"url": server.url}, "k" * 20, name="replicate"))
        with pytest.raises(BadAnswer):
            await provider.submit(recipe(), job_id="job")
        await provider.aclose()
    assert paid == 1


@pytest.mark.parametrize(
    "odd",
    [
        b'"created_at": "9999-12-31T23:59:59Z"',
        b'"created_at": "0001-01-01T00:00:00+14:00"',
        b'"metrics": {"predict_time": 1' + b"0" * 400 + b"}",
        b'"error": ' + b"[" * 900 + b"]" * 900,
    ],
)
async def test_oddities_beside_the_id_lose_no_paid_job(make_context: Any, odd: bytes) -> None:
    from starlette.responses import JSONResponse, Response

    from silverprint.providers.replicate.adapter import create
    from tests.standins.replicate_models import models

    body = b'{"id": "abc", "status": "starting", ' + odd + b"}"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        made = Response(body, 201, media_type="application/json")
        await (made if scope["method"] == "POST" else JSONResponse(models()[SCHNELL].json()))(
            scope, receive, send
        )

    with Running(app) as server:
        provider = create(make_context({"url": server.url}, "k" * 20, name="replicate"))
        ticket = await provider.submit(recipe(), job_id="job")
        await provider.aclose()
    assert ticket.handle["id"] == "abc"


async def test_a_status_that_the_sdk_does_not_know_loses_no_paid_job(
    make_context: Any, standin: StandIn
) -> None:
    from starlette.responses import JSONResponse

    from silverprint.providers.replicate.adapter import create
    from tests.standins.replicate_models import models

    async def app(scope: Any, receive: Any, send: Any) -> None:
        made = {"id": "abc", "status": "booting", "model": SCHNELL, "version": None, "new": [1]}
        answer = (
            JSONResponse(made, 201) if scope["method"] == "POST" else JSONResponse(models()[SCHNELL].json())
        )
        await answer(scope, receive, send)

    with Running(app) as server:
        provider = create(make_context({"url": server.url}, "k" * 20, name="replicate"))
        ticket = await provider.submit(recipe(), job_id="job")
        await provider.aclose()
    assert ticket.handle["id"] == "abc"


# the ticket


async def test_the_ticket_holds_what_is_needed_to_come_back(
    make: Make, standin: StandIn, server: Running
) -> None:
    moment = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
    standin.state.clock = lambda: moment
    ticket = await make().submit(recipe(SDXL), job_id="job")
    job = standin.state.last
    assert ticket.resumable
    assert ticket.expires == moment + timedelta(hours=1)
    assert ticket.handle["id"] == job.id
    assert ticket.handle["version"] == job.version.id
    assert ticket.handle["urls"]["get"] == f"{server.url}/v1/predictions/{job.id}"
    other = make()  # as after a restart
    last = [update async for update in other.watch(ticket, recipe(SDXL))][-1]
    assert isinstance(last, Finished)
    assert standin.submits == 1


async def test_a_link_in_the_ticket_to_another_host_is_not_followed(
    provider: ReplicateProvider, standin: StandIn
) -> None:
    ticket = await provider.submit(recipe(), job_id="job")
    handle = dict(ticket.handle) | {"urls": {"get": "http://localhost:9/v1/predictions/x"}}
    changed = Ticket(provider="replicate", handle=handle, resumable=True)
    last = [update async for update in provider.watch(changed, recipe())][-1]
    assert isinstance(last, Finished)


@pytest.mark.parametrize("handle", [{}, {"id": 5}, {"id": "../account"}, {"id": "a/b"}])
async def test_a_strange_ticket_is_lost(provider: ReplicateProvider, handle: dict[str, Any]) -> None:
    with pytest.raises(TicketLost):
        await anext(provider.watch(Ticket(provider="replicate", handle=handle), recipe()))


# watching


async def test_news_grow_with_the_pauses(
    provider: ReplicateProvider, standin: StandIn, pauses: Pauses
) -> None:
    standin.state.fate = Fate(waits=2, works=3)
    news = await updates(provider, recipe(params={"steps": 4}))
    assert news[:2] == [Waiting(), Waiting()]
    assert [update.step for update in news if isinstance(update, Working)] == [1, 2, 3]
    assert {update.steps for update in news if isinstance(update, Working)} == {4}
    assert pauses.seconds == sorted(pauses.seconds)
    assert pauses.seconds[0] < pauses.seconds[-1] <= 5
    done = news[-1]
    assert isinstance(done, Finished)
    assert done.seconds == 1.25
    assert done.price_usd is None


async def test_a_second_bar_does_not_go_back(provider: ReplicateProvider, standin: StandIn) -> None:
    standin.state.fate = Fate(logs=" 90%|### | 9/10 [0]", works=1)
    ticket = await provider.submit(recipe(), job_id="job")
    news = provider.watch(ticket, recipe())
    assert await anext(news) == Waiting()
    assert await anext(news) == Working(step=9, steps=10)
    standin.state.last.fate = Fate(logs=" 90%|### | 9/10 [0]\n 10%|#  | 1/10 [0]", works=9)
    assert await anext(news) == Working(note="1 of 10")
    await news.aclose()


async def test_words_not_known_are_waited_through(provider: ReplicateProvider, standin: StandIn) -> None:
    standin.state.fate = Fate(
        waits=3, works=2, words=("queued", "booting", "warming \x1b[2J up", "processing")
    )
    news = await updates(provider, recipe())
    assert isinstance(news[-1], Finished)
    notes = [update.note for update in news if isinstance(update, Working)]
    assert "booting" in notes
    assert not any("\x1b" in note for note in notes)


async def test_only_unknown_words_come_to_an_end(provider: ReplicateProvider, standin: StandIn) -> None:
    standin.state.fate = Fate(waits=1, works=10_000, words=("napping",) * 10_000)
    with pytest.raises(BadAnswer, match="napping"):
        await updates(provider, recipe())
    assert standin.submits == 1


async def test_a_failure_is_told_in_the_services_words(provider: ReplicateProvider, standin: StandIn) -> None:
    standin.state.fate = Fate(error="CUDA out of memory \x1b[31m(E1001)")
    with pytest.raises(ProviderError, match="CUDA out of memory") as caught:
        await updates(provider, recipe())
    assert type(caught.value) is ProviderError
    assert caught.value.can_retry
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        "The input or output was flagged as sensitive. Please try again with different inputs. (E005)",
        "NSFW content detected. Try running it again, or try a different prompt.",
        "All images were flagged as sensitive",
    ],
)
async def test_moderation_is_told_apart(provider: ReplicateProvider, standin: StandIn, error: str) -> None:
    standin.state.fate = Fate(error=error)
    with pytest.raises(ContentRefused):
        await updates(provider, recipe())


async def test_a_cancelled_job_says_so(provider: ReplicateProvider, standin: StandIn) -> None:
    standin.state.held = True
    ticket = await provider.submit(recipe(), job_id="job")
    news = provider.watch(ticket, recipe())
    await anext(news)
    await provider.cancel(ticket)
    with pytest.raises(ProviderError, match="cancelled at Replicate"):
        async for _ in news:
            pass


async def test_a_job_that_never_began_says_so(provider: ReplicateProvider, standin: StandIn) -> None:
    standin.state.fate = Fate(aborted=True)
    with pytest.raises(ProviderError, match="before it began"):
        await updates(provider, recipe())


async def test_an_expired_result_is_told(provider: ReplicateProvider, standin: StandIn) -> None:
    ticket = await provider.submit(recipe(), job_id="job")
    assert [update async for update in provider.watch(ticket, recipe())]
    standin.state.expire()
    with pytest.raises(TicketLost, match="hour"):
        await anext(provider.watch(ticket, recipe()))


async def test_a_job_that_is_not_there_is_lost(provider: ReplicateProvider, standin: StandIn) -> None:
    ticket = await provider.submit(recipe(), job_id="job")
    standin.state.jobs.clear()
    with pytest.raises(TicketLost):
        await anext(provider.watch(ticket, recipe()))
    await provider.cancel(ticket)


# the end


async def test_the_version_is_kept_with_the_picture(provider: ReplicateProvider, standin: StandIn) -> None:
    done = await finished(provider, recipe(SDXL))
    assert done.engine is not None
    assert done.engine.versions == {"model": standin.state.models[SDXL].newest.id}


async def test_a_hidden_version_is_no_id(provider: ReplicateProvider) -> None:
    ticket = await provider.submit(recipe("black-forest-labs/flux-kontext-pro"), job_id="job")
    assert ticket.handle["version"] == ""
    done = await finished(provider, recipe("black-forest-labs/flux-kontext-pro"))
    assert done.engine is not None
    assert done.engine.versions == {}


async def test_redo_asks_for_the_version_of_the_picture(
    provider: ReplicateProvider, make: Make, standin: StandIn
) -> None:
    newer, older = standin.state.models[SDXL].versions
    standin.state.models[SDXL] = _with_versions(standin, older)
    form = await provider.form(ModelRef("replicate", SDXL))
    old = recipe(SDXL, params=form.defaults())
    await finished(provider, old)
    assert standin.state.last.version == older
    standin.state.models[SDXL] = _with_versions(standin, newer, older)
    later = make(clock=lambda: datetime.now(UTC) + timedelta(days=2))
    assert (await later.form(ModelRef("replicate", SDXL))).defaults()["model_version"] == newer.id
    await later.submit(old, job_id="again")
    assert standin.state.last.version == older
    form = await later.form(ModelRef("replicate", SDXL))
    spec = form.spec("model_version")
    assert spec is not None
    assert [choice.value for choice in spec.choices] == [newer.id, older.id]


def _with_versions(standin: StandIn, *versions: Any) -> Any:
    from dataclasses import replace

    return replace(standin.state.models[SDXL], versions=versions)


async def test_a_version_in_the_reference_has_its_own_form(
    provider: ReplicateProvider, standin: StandIn
) -> None:
    older = standin.state.models[SDXL].versions[1]
    ref = f"{SDXL}:{older.id}"
    form = await provider.form(ModelRef("replicate", ref))
    assert form.source("mask") is None
    assert form.spec("model_version") is None
    await finished(provider, recipe(ref))
    assert standin.state.last.version == older


async def test_the_seed_of_the_logs_is_kept_when_none_was_sent(
    provider: ReplicateProvider, standin: StandIn
) -> None:
    done = await finished(provider, recipe(seed=None))
    assert "seed" not in standin.state.last.input
    assert done.seed == standin.state.last.seed
    assert (await finished(provider, recipe(seed=0))).seed == 0


@pytest.mark.parametrize("shape", ["string", "list", "data", "nested"])
async def test_pictures_are_found_in_any_shape(
    provider: ReplicateProvider, standin: StandIn, shape: str
) -> None:
    standin.state.fate = Fate(output=shape)
    done = await finished(provider, recipe(params={"outputs": 3}))
    count = 1 if shape in ("string", "data") else 3
    assert len(done.outputs) == count
    job = standin.state.last
    assert [await provider.fetch(output) for output in done.outputs] == [
        picture(job, n) for n in range(count)
    ]


async def test_a_drawing_in_text_is_an_output(provider: ReplicateProvider, standin: StandIn) -> None:
    standin.state.fate = Fate(output="svg")
    (output,) = (await finished(provider, recipe())).outputs
    assert output.data is not None
    assert output.data.startswith(b"<svg")
    assert output.media_type == "image/svg+xml"


@pytest.mark.parametrize(("shape", "words"), [("text", "A fox in the snow"), ("empty", "without a picture")])
async def test_no_picture_is_told(
    provider: ReplicateProvider, standin: StandIn, shape: str, words: str
) -> None:
    standin.state.fate = Fate(output=shape)
    with pytest.raises(ProviderError, match=words):
        await updates(provider, recipe())


# results


async def test_the_key_never_goes_to_another_host(provider: ReplicateProvider, standin: StandIn) -> None:
    done = await finished(provider, recipe(params={"outputs": 2}))
    for output in done.outputs:
        assert output.url is not None
        assert "localhost" in output.url
        assert await provider.fetch(output)
    asked = [seen for seen in standin.seen if seen.path.startswith("/delivered/")]
    assert len(asked) == 2
    assert not any("authorization" in seen.headers for seen in asked)


async def test_the_services_own_host_gets_the_key_when_it_wants_it(
    provider: ReplicateProvider, standin: StandIn
) -> None:
    standin.state.delivery = "own"
    (output,) = (await finished(provider, recipe())).outputs
    assert await provider.fetch(output) == picture(standin.state.last, 0)
    asked = [seen for seen in standin.seen if seen.path.startswith("/delivered/")]
    assert ["authorization" in seen.headers for seen in asked] == [False, True]


async def test_another_host_that_wants_a_key_gets_none(provider: ReplicateProvider, standin: StandIn) -> None:
    done = await finished(provider, recipe())
    standin.state.delivery = "own"  # now the other host answers 401
    with pytest.raises(TicketLost):
        await provider.fetch(done.outputs[0])
    asked = [seen for seen in standin.seen if seen.path.startswith("/delivered/")]
    assert [("authorization" in seen.headers) for seen in asked] == [False]


async def test_an_expired_link_is_told_after_one_question(
    provider: ReplicateProvider, standin: StandIn
) -> None:
    done = await finished(provider, recipe())
    standin.state.expire()
    with pytest.raises(TicketLost):
        await provider.fetch(done.outputs[0])
    assert len([seen for seen in standin.seen if seen.path.startswith("/delivered/")]) == 1


async def test_a_result_in_a_private_network_is_not_fetched(provider: ReplicateProvider) -> None:
    with pytest.raises(BadAnswer, match="private network"):
        await provider.fetch(Output(url="http://10.1.2.3/x.png"))


# the account


async def test_the_probe_names_the_account(make: Make, standin: StandIn) -> None:
    assert "someone" in await make().probe()
    with pytest.raises(KeyRefused):
        await make(key="r8_wrong").probe()
    with pytest.raises(KeyMissing):
        await make(key=None).probe()
    assert {seen.path for seen in standin.seen} == {"/v1/account"}


async def test_prices_come_from_the_table(provider: ReplicateProvider) -> None:
    price = await provider.price(recipe("black-forest-labs/flux-dev", params={"outputs": 2}))
    assert price is not None
    assert price.source == "table"
    assert price.usd == pytest.approx(0.05)
    assert await provider.price(recipe(SDXL)) is None
