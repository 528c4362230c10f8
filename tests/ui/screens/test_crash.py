"""A mistake of ours ends the program with a report that shows no values of variables, for they may be keys."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from textual.app import ScreenStackError
from textual.css.query import NoMatches
from textual.worker import WorkerFailed

from silverprint.settings.secrets import Secrets
from tests.ui.screens.apps import running

KEY = "sk-marked-0123456789-abcdef"


async def test_the_report_has_no_key_in_it() -> None:
    holder = Secrets({"SILVERPRINT_BFL_KEY": KEY}, keyring=None)
    console = Console(record=True, width=200, file=io.StringIO())

    def boom() -> None:
        held, other = holder.get("bfl"), "-".join(("of", "no", "interest"))
        raise RuntimeError(f"could not send {held} {len(other)}")

    async def crash() -> None:
        async with running() as session:
            session.app.call_later(boom)
            await session.pilot.pause()
            for report in session.app._exit_renderables:
                console.print(report)

    with pytest.raises(RuntimeError):  # the pilot hands it on
        await crash()
    report = console.export_text()
    assert "could not send … 14" in report
    assert "in boom" in report
    assert KEY not in report
    assert "of-no-interest" not in report


@pytest.mark.parametrize(
    "error", [NoMatches("No nodes match '.label'"), ScreenStackError("No screens on stack")]
)
async def test_what_looks_for_a_widget_while_the_program_ends_is_no_crash(error: Exception) -> None:
    async with running() as session:
        session.app.exit()
        session.app._handle_exception(error)
        session.app._handle_exception(WorkerFailed(error))
    assert session.app.return_code == 0
    assert not session.app._exit_renderables


async def test_the_same_is_a_crash_while_the_program_runs() -> None:
    async def crash() -> None:
        async with running() as session:
            session.app._handle_exception(NoMatches("No nodes match '.label'"))

    with pytest.raises(NoMatches):
        await crash()
