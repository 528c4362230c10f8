"""OpenAI on a bad line: whatever may have been taken is left to the person, and nothing is sent twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from silverprint.core.errors import AnswerLost, ProviderError, Unreachable
from silverprint.providers.openai.adapter import OpenAIProvider
from tests.providers.openai.work import asks, develop
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


# A stream that ends too soon, but after its last picture, has lost nothing.
CASES = [
    pytest.param(fault, partials, id=f"{fault.name}, {partials} partials")
    for fault in IN_DOUBT
    for partials in (0, 2)
    if not (fault.way is Way.SHORT and partials)
]


@pytest.mark.parametrize(("fault", "partials"), CASES)
async def test_what_may_have_been_taken_is_in_doubt(
    cloud: Cloud, open_openai: Callable[..., OpenAIProvider], fault: Fault, partials: int
) -> None:
    standin, server = cloud
    with Line(standin, server.url) as line:
        line.spoil(Stage.SUBMIT, fault)
        # Short only where nothing comes at all.
        patience = {"answer_s": 0.3} if fault.way is Way.HANG_AFTER else {}
        provider = open_openai(cloud, url=f"{line.url}/v1", partial_images=partials, **patience)
        with pytest.raises(AnswerLost):
            await develop(provider, asks())
        await provider.aclose()
    assert line.struck == 1
    assert standin.submits <= 1


async def test_where_nobody_listens_nothing_was_sent(
    cloud: Cloud, open_openai: Callable[..., OpenAIProvider]
) -> None:
    with pytest.raises(Unreachable) as caught:
        await develop(open_openai(cloud, url=f"http://127.0.0.1:{free_port()}/v1"), asks())
    assert isinstance(caught.value, ProviderError)
    assert caught.value.can_retry
