"""Lookup: finding a job again whose answer was lost, in Replicate's list of predictions.

The body of a create is closed and takes no marker of ours, so a job is told by its model and its whole input; a
seed that we chose makes that all but unique. Inputs are deleted after an hour, and then nothing is sure.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

from silverprint.core.provider import Found
from silverprint.core.shape import Shape
from silverprint.core.text import one_line
from silverprint.core.ticket import Ticket
from silverprint.providers.http import Service
from silverprint.providers.replicate.places import ModelName, Places
from silverprint.providers.replicate.prediction import Prediction, prediction_of

PAGES_MOST = 10
CLOCKS_APART = timedelta(minutes=2)


class Match(IntEnum):
    """How well a prediction fits a job."""

    NO = 0
    MAYBE = 1  # what it was given is deleted, or an upload has another address
    YES = 2


async def predictions_since(service: Service, places: Places, since: datetime) -> AsyncIterator[Prediction]:
    """The predictions of the account made since ``since``, the newest first. Raises ProviderError."""
    # The package's list takes no filter, and raises for a prediction with a status that it does not know.
    begin = (since.astimezone(UTC) - CLOCKS_APART).strftime("%Y-%m-%dT%H:%M:%SZ")
    url: str | None = places.api("/predictions")
    params: Mapping[str, str] | None = {"created_after": begin}
    for _ in range(PAGES_MOST):
        if not url:
            return
        page = (await service.ask(url, params=params)).object()
        results = page.get("results")
        for item in results if isinstance(results, list) else ():
            prediction = prediction_of(item)
            if prediction is not None:
                yield prediction
        following = page.get("next")
        url = following if isinstance(following, str) and service.trusts(following) else None
        params = None


def match(
    prediction: Prediction, name: ModelName, version: str, sent: Mapping[str, Any], shape: Shape
) -> Match:
    """How well a prediction fits the job that would have sent ``sent`` to this model."""
    if prediction.model and prediction.model.lower() != name.plain.lower():
        return Match.NO
    if version and prediction.version and prediction.version != version:
        return Match.NO
    if not prediction.model and not (version and prediction.version):
        return Match.NO
    if prediction.removed or (not prediction.input and sent):
        return Match.MAYBE
    given = prediction.input
    pictures = {part.wire for part in shape.parts.pictures}
    defaults = _defaults(shape)
    best = Match.YES
    for wire in sent.keys() | given.keys():
        if wire in pictures:
            if bool(sent.get(wire)) != bool(given.get(wire)):
                return Match.NO
            if sent.get(wire) != given.get(wire):
                best = Match.MAYBE
        elif wire not in given:
            return Match.NO
        elif wire not in sent:
            # The service may list what it filled in itself; that is no other job.
            if given[wire] is not None and wire in defaults and not _same(given[wire], defaults[wire]):
                return Match.NO
            if wire not in defaults:
                best = min(best, Match.YES if given[wire] in (None, "") else Match.MAYBE)
        elif not _same(sent[wire], given[wire]):
            return Match.NO
    return best


def found_from(
    matches: list[tuple[Prediction, Match]],
    *,
    since: datetime,
    seeded: bool,
    ticket: Callable[[Prediction], Ticket],
) -> list[Found]:
    """What may be the job, the likeliest first. Sure is only a single full match with a seed, made since ``since``."""
    full = [one for one, how in matches if how is Match.YES]
    late = [one for one in full if one.created is not None and one.created >= since - timedelta(seconds=2)]
    sure = late[0] if seeded and len(full) == 1 and len(late) == 1 else None
    ordered = sorted(matches, key=lambda pair: -pair[1])
    return [
        Found(ticket=ticket(one), words=_words(one, how), sure=one is sure, created=one.created)
        for one, how in ordered
    ]


def _defaults(shape: Shape) -> dict[str, Any]:
    """What the service may have filled in, by wire name."""
    parts, form = shape.parts, shape.form
    found = {spec.wire: spec.default for spec in form.params if spec.wire}
    size = parts.size
    if size is not None and size.style == "pair":
        spec = form.spec(size.name)
        width, _, height = str(spec.default if spec is not None else "").partition("x")
        if width.isdecimal() and height.isdecimal():
            found |= {size.width: int(width), size.height: int(height)}
    image = form.source("image")
    if parts.strength and image is not None and image.strength is not None:
        found[parts.strength] = image.strength.default
    for lora in parts.loras:
        if lora.style == "single" and lora.weight and form.lora_weight is not None:
            found[lora.weight] = form.lora_weight.default
    if parts.negative is not None:
        found[parts.negative.wire] = parts.negative.default
    return found


def _words(prediction: Prediction, how: Match) -> str:
    when = f"made at {prediction.created:%H:%M:%S} UTC" if prediction.created else "made at an unknown time"
    words = f"{prediction.model}, {when}, {prediction.status}"
    if how is Match.MAYBE:
        words += ", what it was given is not there any more" if prediction.removed else ", with other links"
    return one_line(words)


def _same(one: Any, other: Any) -> bool:
    """Equal JSON values, where 7 and 7.0 are the same number and True is no number."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)
