"""An answer that comes while a dialog is being taken down, its widgets gone already, is no harm to the program."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.containers import Vertical
from textual.screen import Screen

from silverprint.core.job import JobState
from silverprint.core.provider import Found
from silverprint.testing import FakeProvider
from silverprint.ui.screens.dialog import Dialog
from silverprint.ui.screens.finder import Entry, FinderScreen
from silverprint.ui.screens.look_up_dialog import LookUpDialog
from tests.ui import samples
from tests.ui.hosts import until
from tests.ui.screens.apps import Session, running


async def half_gone(session: Session) -> Screen[Any]:
    """The dialog on view, as it is in the middle of its removal."""
    await until(
        session.pilot, lambda: isinstance(session.app.screen, Dialog) and session.app.screen.is_mounted
    )
    await session.app.screen.query(Vertical).remove()
    return session.app.screen


async def idle(session: Session, screen: Screen[Any]) -> None:
    """Wait until nothing works for the screen any more."""
    await session.app.workers.wait_for_complete(
        [worker for worker in session.app.workers if worker.node is screen]
    )


async def test_the_models_come_late() -> None:
    provider = FakeProvider()
    async with running(provider=provider) as session:
        hold = provider.hold("models")
        await session.pilot.press("ctrl+o")
        await hold.reached()
        screen = await half_gone(session)
        hold.release()
        await idle(session, screen)
        await session.pilot.press("escape")
        await until(session.pilot, lambda: session.app.screen is session.page)


async def test_what_a_service_found_comes_late() -> None:
    answered = asyncio.Event()
    job = samples.job(1, JobState.UNSURE)

    async def look_up(_job_id: str) -> list[Found]:
        await answered.wait()
        return [Found(ticket=FakeProvider().ticket("1"), created=None, words="the same", sure=True)]

    async with running() as session:
        session.app.push_screen(LookUpDialog(job, look_up))
        screen = await half_gone(session)
        answered.set()
        await idle(session, screen)
        assert session.app.is_running


async def test_more_entries_come_late() -> None:
    async with running() as session:
        finder = FinderScreen([Entry(text="one", value=1)], title="Numbers")
        session.app.push_screen(finder)
        await half_gone(session)
        finder.add([Entry(text="two", value=2)])
        assert session.app.is_running
