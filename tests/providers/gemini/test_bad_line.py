"""Gemini on a bad line: whatever may have been taken is left to the person, and nothing is sent twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from silverprint.core.errors import AnswerLost, ProviderError, Unreachable
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.providers.gemini.adapter import GeminiProvider
from tests.standins.faults import HTML, JSON, PAGE, Fault, Line, Stage, Way, free_port
from tests.standins.server import Running, StandIn

Cloud = tuple[StandIn, Running]

IN_DOUBT = [
    Fault(name="reset before", way=Way.DROP_BEFORE),
    Fault(name="reset after", way=Way.DROP_AFTER),
    Fault(name="no answer", way=Way.HANG_AFTER),
    Fault(name="cut", way=Way.CUT),
    Fault(name="reset in the answer", way=Way.RESET),
    Fault(name="shorter than announced", way=Way.SHORT),
    Fault(name="longer than announced", way=Way.LONG),
    Fault(name="a page", way=Way.BODY, body=PAGE, headers=HTML),
    Fault(name="a list", way=Way.BODY, body=[1, 2], headers=JSON),
    Fault(name="trouble", way=Way.STATUS, status=502, body=PAGE, headers=HTML),
]

RECIPE = Recipe(ref=ModelRef("gemini", "gemini-2.5-flash-image"), prompt="a fox")


async def develop(provider: GeminiProvider) -> None:
    ticket = await provider.submit(RECIPE, job_id="0job")
    async for _ in provider.watch(ticket, RECIPE):
        pass


@pytest.mark.parametrize("fault", IN_DOUBT, ids=lambda fault: fault.name)
async def test_what_may_have_been_taken_is_in_doubt(
    cloud: Cloud, open_gemini: Callable[..., GeminiProvider], fault: Fault
) -> None:
    standin, server = cloud
    with Line(standin, server.url) as line:
        line.spoil(Stage.SUBMIT, fault)
        # Short only where nothing comes at all.
        patience = {"answer_s": 0.3} if fault.way is Way.HANG_AFTER else {}
        provider = open_gemini(url=line.url, **patience)
        with pytest.raises(AnswerLost):
            await develop(provider)
        await provider.aclose()
    assert line.struck == 1
    assert standin.submits <= 1


async def test_where_nobody_listens_nothing_was_sent(open_gemini: Callable[..., GeminiProvider]) -> None:
    with pytest.raises(Unreachable) as caught:
        await develop(open_gemini(url=f"http://127.0.0.1:{free_port()}"))
    assert isinstance(caught.value, ProviderError)
    assert caught.value.can_retry
