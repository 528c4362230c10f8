"""Sdk: requests by Replicate's own Python package, over our guard and with our time-outs.

The package makes the request; its answer is read by us. Callers send the same request by the Service where the
package can't be imported.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from types import ModuleType
from typing import Any

import httpx

from silverprint.core.errors import BadAnswer
from silverprint.providers.answers import Answer
from silverprint.providers.http import Guard, Service

# Where each call stands, read from version 1.0.7:
#   sound, used here   create on both routes, cancel, file upload, the account, the older search
#   not used           get and list of predictions: a status they don't know (aborted) raises
#                      models.get, collections: they drop is_official, and raise where a field is missing
#                      run, wait, stream: they have no end, or give None for a job that goes on
#                      FileOutput: it sends the key to any host that a result names
# Even the sound ones can't read every answer (an unknown status, a list, a page), and may have made a paid job by
# then. So what they return is not looked at: the answer is taken from the line.
_UNREAD = (ValueError, TypeError, KeyError, AttributeError, httpx.HTTPError, httpx.InvalidURL)
_NO_KEY = "the guard puts the key on"

_log = logging.getLogger(__name__)


class Line(httpx.AsyncBaseTransport):
    """The guard with what the package leaves out: time-outs, a header, and whether the request is paid for."""

    def __init__(
        self, guard: Guard, *, pays: bool, timeout: httpx.Timeout, headers: Mapping[str, str] | None = None
    ) -> None:
        self._guard = guard
        self._pays = pays
        self._timeout = timeout.as_dict()
        self._headers = dict(headers or {})
        self.was_used = False
        self.response: httpx.Response | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it. What goes wrong is raised as an error of ours, which the package does not try again."""
        if self.was_used:
            raise BadAnswer("Replicate's package wanted to send a request again; it was not sent.")
        self.was_used = True
        # The package sends creates and uploads without any time-out.
        request.extensions = {
            **request.extensions,
            "timeout": self._timeout,
            "silverprint": {"pays": self._pays},
        }
        request.headers.update(self._headers)
        self.response = await self._guard.handle_async_request(request)
        return self.response


async def ask_sdk(
    service: Service,
    base: str,
    call: Callable[[Any], Awaitable[object]],
    *,
    pays: bool,
    answer_s: float,
    headers: Mapping[str, str] | None = None,
) -> Answer | None:
    """Let the package make one request; None when it made none, so that the caller can. ``call`` is given its client.

    Raises what the guard raises: an answer of status 300 or more is an error of ours.
    """
    package = await asyncio.to_thread(load)
    if package is None:
        return None
    line = Line(await service.guard(), pays=pays, timeout=service.timeout(answer_s), headers=headers)
    try:
        client = package.Client(api_token=_NO_KEY, base_url=base, transport=line, trust_env=False)
        await call(client)
    except _UNREAD as error:
        _log.info("Replicate's package stumbled (%s)", type(error).__name__)
    if line.response is not None:
        return service.answer(line.response)
    if line.was_used:
        raise BadAnswer("Replicate's package lost the answer.")
    return None


def load() -> ModuleType | None:
    """The package, or None where it can't be imported. Takes half a second the first time."""
    if sys.version_info >= (3, 14):
        return None  # its types need pydantic.v1, which does not work there
    try:
        import replicate
    except (ImportError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        _log.info("Replicate's package can't be imported (%s)", type(error).__name__)
        return None
    package: ModuleType = replicate
    return package
