"""Places: fal's addresses in use, its endpoint ids, and the claim on a request that a ticket carries.

Owns which URL a question goes to. Asking is left to the other modules here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from silverprint.core.errors import BadAnswer, ModelGone, TicketLost
from silverprint.core.ticket import Ticket
from silverprint.providers.address import check_base, origin

OWN_HOSTS = ("queue.fal.run", "fal.run", "api.fal.ai", "rest.fal.ai")
"""The hosts that may have the key. The CDN, the storage hosts and the backup domains are not among them."""

_ENDPOINT = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*){1,9}", re.ASCII)
_REQUEST = re.compile(r"[\w-]{1,200}", re.ASCII)
_NAMESPACES = ("workflows", "comfy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The base addresses, each without a slash at its end. ``site`` tells schemas to anybody, without a key."""

    queue: str
    api: str
    rest: str
    cdn: str
    site: str

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Places:
        """The addresses of a provider's settings. Raises SettingsError."""

        def base(name: str, usual: str) -> str:
            return check_base(settings.get(name) or usual, where=f"providers.fal.{name}")

        return cls(
            queue=base("queue_url", "https://queue.fal.run"),
            api=base("api_url", "https://api.fal.ai"),
            rest=base("rest_url", "https://rest.fal.ai"),
            cdn=base("cdn_url", "https://v3.fal.media"),
            site=base("schema_url", "https://fal.ai"),
        )

    @property
    def all_hosts(self) -> frozenset[str]:
        """The hosts that the person configured, or fal's own."""
        return frozenset(origin(url)[1] for url in (self.queue, self.api, self.rest, self.cdn, self.site))


def endpoint_of(model: str) -> str:
    """A model's name as an endpoint id: two or more segments. Raises ModelGone for what can't be one."""
    if not _ENDPOINT.fullmatch(model):
        raise ModelGone(
            f"fal has no model {model!r}: its models are named like fal-ai/flux/dev.",
            fix="Search for one in the models' screen, or with `silverprint models`.",
        )
    return model


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is needed to come back for a request."""

    endpoint: str
    request_id: str
    status_url: str
    response_url: str
    cancel_url: str

    def handle(self) -> dict[str, str]:
        """The claim as a ticket carries it."""
        return {
            "endpoint": self.endpoint,
            "request_id": self.request_id,
            "status_url": self.status_url,
            "response_url": self.response_url,
            "cancel_url": self.cancel_url,
        }


def claim_from(said: Mapping[str, Any], endpoint: str, *, base: str, trusts: Callable[[str], bool]) -> Claim:
    """The claim that an answer or a ticket gives.

    A URL that is missing, or leads where the key may not go, is built anew: the queue answers under the first
    two segments of the endpoint (three in the namespaces). Raises BadAnswer where there is no request id.
    """
    request_id = said.get("request_id")
    if not isinstance(request_id, str) or not _REQUEST.fullmatch(request_id):
        raise BadAnswer("fal took the job and did not say under which number.")
    parts = endpoint.split("/")
    lead = 3 if parts[0] in _NAMESPACES else 2
    root = f"{base}/{'/'.join(parts[:lead])}/requests/{quote(request_id, safe='')}"

    def link(name: str, built: str) -> str:
        given = said.get(name)
        return given if isinstance(given, str) and trusts(given) else built

    return Claim(
        endpoint=endpoint,
        request_id=request_id,
        status_url=link("status_url", f"{root}/status"),
        response_url=link("response_url", root),
        cancel_url=link("cancel_url", f"{root}/cancel"),
    )


def claim_of(ticket: Ticket, name: str, *, base: str, trusts: Callable[[str], bool]) -> Claim:
    """The claim a ticket stands for. Raises TicketLost for one that is not ours."""
    endpoint = ticket.handle.get("endpoint")
    try:
        if ticket.provider == name and isinstance(endpoint, str) and _ENDPOINT.fullmatch(endpoint):
            return claim_from(ticket.handle, endpoint, base=base, trusts=trusts)
    except BadAnswer:
        pass
    raise TicketLost("The ticket is not one of fal's.")
