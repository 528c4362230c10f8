"""ImmediateProvider: the base for services that answer in the same call.

The call is made inside ``watch``, and the ticket says that nobody can come back for the answer: after a crash the
job is UNSURE. Owns the ticket; the call is the adapter's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from typing import Any

from silverprint.core.check import check_recipe
from silverprint.core.errors import AnswerLost, BadAnswer, TicketLost
from silverprint.core.params import Form
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Update, Working
from silverprint.providers.answers import Answer


class ImmediateProvider(ABC):
    """Gives ``submit``, ``watch`` and ``cancel``; an adapter gives ``name``, ``form`` and ``call``."""

    name: str

    @abstractmethod
    async def form(self, ref: ModelRef) -> Form:
        """What the model takes. Raises ModelGone."""

    @abstractmethod
    def call(self, recipe: Recipe, *, job_id: str) -> AsyncGenerator[Update, None]:
        """Make the paid call, once; news on the way, and a Finished at the end."""

    async def submit(self, recipe: Recipe, *, job_id: str) -> Ticket:
        """Check the recipe; nothing is sent yet. Raises BadRecipe, ModelGone, KeyMissing."""
        check_recipe(await self.form(recipe.ref), recipe)
        await self.ready(recipe)
        return Ticket(provider=self.name, handle={"job": job_id}, resumable=False)

    async def ready(self, recipe: Recipe) -> None:  # noqa: B027 - most need nothing
        """Whatever else must be there before the job counts as sent, such as the key."""

    async def watch(self, ticket: Ticket, recipe: Recipe) -> AsyncGenerator[Update, None]:
        """The call and its news."""
        job_id = ticket.handle.get("job")
        if ticket.provider != self.name or not isinstance(job_id, str):
            raise TicketLost("The ticket is not one of this service's.")
        yield Working()
        news = self.call(recipe, job_id=job_id)
        try:
            async for update in news:
                yield update
                if isinstance(update, Finished):
                    return
        finally:
            await news.aclose()

    async def cancel(self, ticket: Ticket) -> None:  # noqa: B027 - there is nothing to do
        """Nothing to tell: leaving the watch closes the connection, and the service may finish all the same."""


def paid_object(answer: Answer) -> dict[str, Any]:
    """The answer to the paid call as a JSON object.

    Raises AnswerLost for anything else: what was cut or replaced on its way may have been made and charged.
    """
    try:
        return answer.object()
    except BadAnswer as error:
        raise AnswerLost(f"{error} The picture may have been made all the same.") from error
