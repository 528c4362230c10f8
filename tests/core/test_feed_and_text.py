from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silverprint.core.events import Event, JobChanged, JobProgress, QueuePaused
from silverprint.core.feed import Feed
from silverprint.core.image import RawImage
from silverprint.core.job import Job, JobState
from silverprint.core.recipe import ModelRef, Recipe
from silverprint.core.text import clean, one_line
from silverprint.core.update import Preview, Working

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def changed(state: JobState) -> JobChanged:
    recipe = Recipe(ref=ModelRef("fake", "one"), prompt="fox")
    return JobChanged(Job(id="a", batch="b", recipe=recipe, state=state, created=NOW, changed=NOW))


async def take(feed: Feed, events: list[Event]) -> list[Event]:
    """What a slow listener reads of ``events`` published in one go."""
    got: list[Event] = []
    async with feed.subscribe() as subscription:
        for event in events:
            feed.publish(event)
        subscription.close()
        async for event in subscription:
            got.append(event)
    return got


async def test_only_the_newest_progress_is_kept_and_every_change() -> None:
    preview = Preview(image=RawImage(width=1, height=1, data=b"abc"))
    got = await take(
        Feed(),
        [
            JobProgress("a", Working(step=1, steps=9)), changed(JobState.SENDING), JobProgress("b", Working(step=1)),
            JobProgress("a", Working(step=2, steps=9)), JobProgress("a", preview), changed(JobState.RUNNING),
            JobProgress("a", Working(step=3, steps=9)),
        ],
    )  # fmt: skip
    assert [event.job.state for event in got if isinstance(event, JobChanged)] == ["sending", "running"]
    updates = [event.update for event in got if isinstance(event, JobProgress) and event.job_id == "a"]
    assert updates == [preview, Working(step=3, steps=9)]


async def test_a_listener_wakes_for_news_and_ends_when_closed() -> None:
    feed = Feed()
    got: list[Event] = []

    async def listen(ready: asyncio.Event) -> None:
        async with feed.subscribe() as subscription:
            ready.set()
            async for event in subscription:
                got.append(event)
                if len(got) == 2:
                    break

    ready = asyncio.Event()
    task = asyncio.create_task(listen(ready))
    await ready.wait()
    feed.publish(QueuePaused(True))
    feed.publish(QueuePaused(False))
    await asyncio.wait_for(task, 5)
    assert got == [QueuePaused(True), QueuePaused(False)]
    feed.publish(QueuePaused(True))  # nobody listens any more: no error, nothing kept


@given(st.text())
def test_nothing_that_steers_a_terminal_gets_through(text: str) -> None:
    shown = clean(text)
    assert not set(shown) & {*map(chr, range(9)), "\x1b", "\x9b", "\x7f", "\u202e", "\u2066", "\ufeff"}
    assert "\n" not in one_line(text)


def test_scripts_and_joined_emoji_pass() -> None:
    for text in ("красная лиса", "雪の中の狐", "شعله‌ور", "👩‍🚀 é", "a\tb\nc"):
        assert clean(text) == text


def test_long_text_is_cut_with_a_sign() -> None:
    assert clean("x" * 5000) == "x" * 4000 + "…"


def test_raw_image_checks_its_length() -> None:
    with pytest.raises(ValueError, match="needs 12 bytes"):
        RawImage(width=2, height=2, data=b"123")
