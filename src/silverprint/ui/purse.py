"""PurseApp: the part of the app about money: what was spent, who is held back and why, and the lift of the budget.

The sums are the studio's, the words spend_words' and holds'; the screens show what ``news`` carries.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from textual.app import App, ScreenStackError
from textual.screen import ModalScreen
from textual.worker import Worker

from silverprint.core.errors import SilverprintError

if TYPE_CHECKING:
    from silverprint.core.events import Event
    from silverprint.studio import Studio
    from silverprint.ui.holds import Hold
    from silverprint.ui.news import News


class PurseApp(App[int]):
    """What SilverprintApp stands on. It expects ``studio`` and ``news`` to be set by it."""

    studio: Studio
    news: News

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._standing_due = False
        self._standing_worker: Worker[None] | None = None
        self._told: set[tuple[str, str]] = set()

    def say(self, error: SilverprintError) -> None:
        """Show an error and its fix."""
        raise NotImplementedError

    def hear_of_money(self, event: Event) -> bool:
        """Take in what an event means for money and held providers. False for one that is handed on later."""
        from silverprint.core.events import JobChanged, QueuePaused, SpendChanged
        from silverprint.core.job import JobState

        match event:
            case JobChanged(job=job) if job.state is JobState.WAITING and job.error is not None:
                self.look_at_holds(tell=True)
            case QueuePaused():
                self.look_at_holds()
            case SpendChanged():
                # The screens hear of it together with the new standing.
                self.ask_standing()
                return False
        return True

    def look_at_holds(self, *, tell: bool = False) -> None:
        """Note which providers start nothing; ``tell`` says so once for each, with the key that helps."""
        from silverprint.ui.holds import Way, holds

        self.news.holds = holds(self.studio.queue.paused_providers, self.studio.queue.jobs())
        self._told &= {(hold.provider, hold.way.value) for hold in self.news.holds}
        for hold in self.news.holds:
            known = (hold.provider, hold.way.value)
            if known in self._told or not hold.reason or not (tell or hold.way is Way.LIFT):
                continue
            self._told.add(known)
            # The Studio and the Queue say it in a line of their own.
            if self.current_mode not in ("studio", "queue"):
                words = hold.words(settings="alt+5", go_on="alt+3 and o goes on")
                self.notify(words, severity="warning", timeout=10, markup=False)
        self._show_keys()

    def _show_keys(self) -> None:
        """The key that lifts the budget comes and goes; while the app ends there is no screen to show it."""
        with suppress(ScreenStackError):
            self.refresh_bindings()

    def _short(self) -> list[Hold]:
        """The providers that the budget holds back."""
        return [hold for hold in self.news.holds if hold.way.value == "BudgetReached"]

    def ask_standing(self) -> None:
        """Ask what was spent; the screens are told when the answer is there."""
        self._standing_due = True
        if self._standing_worker is None or self._standing_worker.is_finished:
            self._standing_worker = self.run_worker(self._keep_standing(), group="standing")

    async def _keep_standing(self) -> None:
        """Ask until nothing has changed since the last answer: a thousand changes at once are one question or two."""
        from silverprint.core.events import SpendChanged

        while self._standing_due:
            self._standing_due = False
            try:
                self.news.standing = await self.studio.standing()
            except SilverprintError as error:
                self.say(error)
                return
            self.news.events.publish(SpendChanged())
            self._show_keys()

    def action_lift_budget(self) -> None:
        """Ask whether the budget is to be lifted for today."""
        from silverprint.ui.screens.confirm import ConfirmScreen

        standing, count = self.news.standing, sum(hold.jobs for hold in self._short())
        lines = [standing.sentence()] if standing is not None else []
        if count:
            lines.append("1 job waits for it." if count == 1 else f"{count} jobs wait for it.")
        lines.append("Lift the limit until the end of the day?")
        question = ConfirmScreen("\n".join(lines), title="Budget", yes="lift it", no="leave it")
        self.push_screen(question, self._lift)

    def _lift(self, yes: bool | None) -> None:
        if yes:
            self.run_worker(self._lift_budget(), group="lift")

    async def _lift_budget(self) -> None:
        try:
            await self.studio.lift_budget()
        except SilverprintError as error:
            self.say(error)
        else:
            self.notify("The budget is lifted until the end of the day.", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The budget is lifted where it holds something back."""
        if action == "lift_budget":
            reached = self.news.standing is not None and self.news.standing.is_reached
            return (bool(self._short()) or reached) and not isinstance(self.screen, ModalScreen)
        return True
