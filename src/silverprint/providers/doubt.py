"""Doubt: what an error tells about a paid job depends on when it comes. Two frames for the moments around the paid request.

The kinds of error are ``core/errors.py``'s; what follows from them is the queue's to say.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from silverprint.core.errors import (
    AnswerLost,
    BadAnswer,
    BadRecipe,
    ModelGone,
    ProviderError,
    TicketLost,
    Unreachable,
)


@contextlib.contextmanager
def nothing_sent() -> Iterator[None]:
    """For what a submit does before its paid request: then an answer that can't be read leaves nothing in doubt."""
    try:
        yield
    except (AnswerLost, BadAnswer, TicketLost) as error:
        raise Unreachable(f"Nothing was sent yet. {error}", fix="Wait a little, then retry.") from error


@contextlib.contextmanager
def only_asked(title: str) -> Iterator[None]:
    """For a question about a job that was taken long ago: that it is refused says nothing of the job's recipe.

    It becomes BadAnswer, after which the claim on the result still stands.
    """
    try:
        yield
    except ProviderError as error:
        if type(error) not in (ProviderError, BadRecipe, ModelGone):
            raise
        raise BadAnswer(
            f"{title} did not tell how far the job is. {error}",
            fix="Retry: the job is asked for again, not sent again.",
        ) from error
