"""Session: what every command is given: the folders, the settings, an open studio, and a way to run async work.

Opens nothing before it is asked for. What commands say goes through ``output.py`` and ``narration.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import click

from silverprint.cli.discretion import hide_with
from silverprint.cli.narration import say

if TYPE_CHECKING:
    from silverprint.providers.registry import Factory
    from silverprint.settings.model import Settings
    from silverprint.settings.paths import Paths
    from silverprint.studio import Studio

_T = TypeVar("_T")

Probe = Callable[[Mapping[str, str], "str | None", "str | None"], Mapping[str, Any]]
"""Asks the terminal: environment, wish on the command line, wish in the settings; gives what ``doctor`` shows."""

OpenApp = Callable[["Paths", "str | None", "str | None"], int]
"""Opens the full screen: folders, wish for a protocol, theme; gives the exit code."""


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """What the command line is given from outside, so that it needs to know no screen, and a test can give it others."""

    environ: Mapping[str, str]
    providers: Mapping[str, Factory] | None = None
    probe: Probe | None = None
    open_app: OpenApp | None = None


@dataclass(kw_only=True)
class Session:
    """One run of the command line."""

    wiring: Wiring
    home: str | None = None
    images: str | None = None
    theme: str | None = None
    marked: str = ""
    """The text in which an error's place is marked: the prompt, the query, a pattern."""
    _told: bool = field(default=False, init=False)

    @cached_property
    def environ(self) -> Mapping[str, str]:
        """The environment, with ``--home`` in it."""
        extra = {"SILVERPRINT_HOME": self.home} if self.home else {}
        return {**self.wiring.environ, **extra}

    @cached_property
    def _read(self) -> tuple[Paths, Settings, tuple[Any, ...]]:
        from silverprint.settings.load import read_settings
        from silverprint.settings.paths import find_paths, move_folders

        paths = find_paths(self.environ)
        settings, problems = read_settings(paths, self.environ)
        return move_folders(paths, settings), settings, problems

    @property
    def paths(self) -> Paths:
        """Where everything lies. Raises SettingsError."""
        return self._read[0]

    @property
    def settings(self) -> Settings:
        """The settings, with defaults in place of what is wrong in the file; that is said once."""
        _, settings, problems = self._read
        if problems and not self._told:
            self._told = True
            for problem in problems:
                say(f"silverprint: {problem}" + (f" {problem.fix}" if problem.fix else ""))
        return settings

    @property
    def settings_problems(self) -> tuple[Any, ...]:
        """What is wrong in the settings file."""
        return self._read[2]

    @contextlib.asynccontextmanager
    async def studio(self, *, run_queue: bool = False) -> AsyncIterator[Studio]:
        """An open studio; with ``run_queue`` it runs jobs, else it only looks and writes."""
        from silverprint.studio import open_studio

        async with open_studio(
            self.paths, self.settings, run_queue=run_queue, providers=self.wiring.providers
        ) as studio:
            hide_with(studio.secrets.redact)
            yield studio

    def run(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Run async work to its end. SIGTERM stops it as ctrl+c does: by cancelling it, once."""

        async def main() -> _T:
            task = asyncio.current_task()
            assert task is not None
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
            return await work()

        try:
            return asyncio.run(main())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


pass_session = click.make_pass_decorator(Session)

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout.")
