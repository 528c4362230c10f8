"""ProviderContract: the promises every adapter keeps, as tests to inherit from. Needs pytest and pytest-asyncio.

Subclass it, give the fixtures ``provider`` and, where the defaults don't suit, ``recipe`` and ``secret``::

    class TestMine(ProviderContract):
        @pytest.fixture
        def provider(self) -> Provider:
            return create(context)
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest

from silverprint.core.errors import ModelGone, ProviderError
from silverprint.core.grade import Grade
from silverprint.core.params import check_all, parse, to_text
from silverprint.core.provider import Provider
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.ticket import Ticket
from silverprint.core.update import Finished, Output, Update, Working

JOB = "0contract0000001"


class ProviderContract:
    """Tests that need no network of their own; what the adapter talks to is the business of the fixture."""

    pytestmark = pytest.mark.asyncio

    @pytest.fixture
    def provider(self) -> Provider:
        """A fresh adapter."""
        raise NotImplementedError("give the contract a fixture named provider")

    @pytest.fixture
    def secret(self) -> str:
        """A key that the adapter was given, if it takes one."""
        return ""

    @pytest.fixture
    async def recipe(self, provider: Provider) -> Recipe:
        """Something small that it can make; by default its first model with all defaults."""
        ref = (await provider.models())[0].ref
        form = await provider.form(ref)
        return Recipe(
            ref=ref, prompt="a red apple", seed=7 if form.takes_seed else None, params=form.defaults()
        )

    @pytest.fixture(autouse=True)
    async def leaves_nothing_behind(self, provider: Provider) -> AsyncIterator[None]:
        """After ``aclose``, called twice, no task of the adapter is left."""
        before = asyncio.all_tasks()
        yield
        await provider.aclose()
        await provider.aclose()
        left = {task for task in asyncio.all_tasks() - before if not task.done()}
        left.discard(asyncio.current_task())
        assert not left, f"aclose left {left}"

    async def test_it_says_what_it_is(self, provider: Provider) -> None:
        assert provider.info.name
        assert ":" not in provider.info.name
        assert provider.info.title
        assert provider.info.parallel >= 1

    async def test_its_models_are_its_own(self, provider: Provider) -> None:
        models = await provider.models()
        assert models
        assert {model.ref.provider for model in models} == {provider.info.name}
        assert len({model.ref for model in models}) == len(models)
        assert all(model.title for model in models)

    async def test_a_search_for_nonsense_is_no_error(self, provider: Provider) -> None:
        found = await provider.models("qzx no such model anywhere")
        assert len(found) <= len(await provider.models())

    async def test_an_unknown_model_is_gone(self, provider: Provider) -> None:
        with pytest.raises(ModelGone):
            await provider.form(ModelRef(provider.info.name, "no-such-model-anywhere"))

    async def test_its_forms_agree_with_themselves(self, provider: Provider) -> None:
        for model in await provider.models():
            form = await provider.form(model.ref)
            names = [spec.name for spec in form.params]
            assert len(set(names)) == len(names)
            _, bad = check_all(form, form.defaults())
            assert set(bad) <= {spec.name for spec in form.params if spec.required and spec.default is None}
            for spec in form.params:
                if spec.default is not None:
                    assert parse(spec, to_text(spec, spec.default)) == spec.default

    async def test_its_ticket_is_plain_json(self, provider: Provider, recipe: Recipe) -> None:
        ticket = await provider.submit(recipe, job_id=JOB)
        assert ticket.provider == provider.info.name
        assert json.loads(json.dumps(ticket.handle)) == ticket.handle
        await provider.cancel(ticket)

    async def test_a_watch_ends_in_one_finished(self, provider: Provider, recipe: Recipe) -> None:
        ticket = await provider.submit(recipe, job_id=JOB)
        updates = [update async for update in provider.watch(_again(ticket), recipe)]
        finished = [update for update in updates if isinstance(update, Finished)]
        assert len(finished) == 1
        assert updates[-1] is finished[0]
        assert finished[0].outputs
        for output in finished[0].outputs:
            assert sum(part is not None for part in (output.image, output.data, output.url)) == 1
            assert await _content(provider, output)
        steps = [update.step for update in updates if isinstance(update, Working) and update.step is not None]
        assert steps == sorted(steps)

    async def test_a_second_watch_gives_the_same(self, provider: Provider, recipe: Recipe) -> None:
        ticket = await provider.submit(recipe, job_id=JOB)
        first = await _finish(provider, ticket, recipe)
        if not ticket.resumable:
            if not provider.info.idempotent:
                pytest.skip("its answer is given only once")
            ticket = await provider.submit(recipe, job_id=JOB)
        second = await _finish(provider, _again(ticket), recipe)
        assert await _contents(provider, first) == await _contents(provider, second)

    async def test_what_it_calls_exact_is_exact(self, provider: Provider, recipe: Recipe) -> None:
        first = await _finish(provider, await provider.submit(recipe, job_id=JOB), recipe)
        if first.grade is not Grade.EXACT:
            pytest.skip(f"it promises {first.grade}")
        second = await _finish(provider, await provider.submit(recipe, job_id=JOB[:-1] + "2"), recipe)
        assert await _contents(provider, first) == await _contents(provider, second)

    async def test_cancel_is_safe_twice_and_after_the_end(self, provider: Provider, recipe: Recipe) -> None:
        ticket = await provider.submit(recipe, job_id=JOB)
        await _finish(provider, ticket, recipe)
        await provider.cancel(ticket)
        await provider.cancel(ticket)

    async def test_a_cancelled_watch_comes_to_an_end(self, provider: Provider, recipe: Recipe) -> None:
        ticket = await provider.submit(recipe, job_id=JOB)
        ends = 0
        try:
            async for update in provider.watch(ticket, recipe):
                await provider.cancel(ticket)
                ends += isinstance(update, Finished)
        except ProviderError:
            ends += 1
        assert ends == 1

    async def test_a_watch_may_be_left_early(self, provider: Provider, recipe: Recipe) -> None:
        ticket = await provider.submit(recipe, job_id=JOB)
        before = asyncio.all_tasks()
        updates = provider.watch(ticket, recipe)
        await anext(updates)
        close = getattr(updates, "aclose", None)
        if close is not None:
            await close()
        await provider.cancel(ticket)
        assert {task for task in asyncio.all_tasks() - before if not task.done()} == set()

    async def test_its_key_is_never_told(
        self, provider: Provider, recipe: Recipe, secret: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        if not secret:
            pytest.skip("it was given no key")
        with caplog.at_level(logging.DEBUG):
            ticket = await provider.submit(recipe, job_id=JOB)
            await _finish(provider, ticket, recipe)
        assert secret not in caplog.text
        assert secret not in json.dumps(ticket.handle)


def _again(ticket: Ticket) -> Ticket:
    """The ticket as another process would read it."""
    return Ticket(
        provider=ticket.provider,
        handle=json.loads(json.dumps(ticket.handle)),
        resumable=ticket.resumable,
        expires=ticket.expires,
    )


async def _finish(provider: Provider, ticket: Ticket, recipe: Recipe) -> Finished:
    last: Update | None = None
    async for update in provider.watch(ticket, recipe):
        last = update
    assert isinstance(last, Finished)
    return last


async def _contents(provider: Provider, finished: Finished) -> list[bytes]:
    return [await _content(provider, output) for output in finished.outputs]


async def _content(provider: Provider, output: Output) -> bytes:
    if output.image is not None:
        return output.image.data
    return output.data if output.data is not None else await provider.fetch(output)
