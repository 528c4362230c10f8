"""A link that gives nothing any more says why, so that an adapter can tell a locked one from an expired one."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from silverprint.core.errors import TicketLost
from silverprint.providers.download import Downloads, LinkGone
from tests.standins.server import Running


async def _answer(request: Request) -> Response:
    return Response(status_code=int(request.path_params["status"]))


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_link_that_is_gone_tells_its_status(status: int) -> None:
    downloads = Downloads(title="It", most_bytes=1000, private=["127.0.0.1"])
    with Running(Starlette(routes=[Route("/{status}", _answer)])) as server:
        with pytest.raises(LinkGone) as caught:
            await downloads.fetch(f"{server.url}/{status}")
        await downloads.aclose()
    assert caught.value.status == status
    assert isinstance(caught.value, TicketLost)
