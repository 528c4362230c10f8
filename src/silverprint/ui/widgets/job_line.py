"""JobLine: what runs and what waits, by provider, and how far the job on view is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from silverprint.core.job import Job, JobState
from silverprint.core.text import one_line
from silverprint.core.update import Waiting, Working

BAR, RAIL, WIDTH = "▓", "░", 10


class JobLine(Widget):
    """Values in: ``jobs`` (those that have not ended), ``progress`` of the job on view, ``paused``, ``holds`` (why
    nothing goes on somewhere, and the key that helps), ``words`` (a sentence that stands here while nothing runs)."""

    DEFAULT_CSS = "JobLine { height: 1; color: $text-muted; padding: 0 1; }"

    jobs: reactive[tuple[Job, ...]] = reactive(())
    progress: reactive[Waiting | Working | None] = reactive(None)
    paused: reactive[bool] = reactive(False)
    holds: reactive[tuple[str, ...]] = reactive(())
    words: reactive[str] = reactive("")

    def render(self) -> Content:
        if not self.jobs:
            return Content(self.words)
        if self.holds:
            return self._held()
        line = Content(" · ").join(Content(part) for part in counts(self.jobs))
        if self.paused:
            line += Content.styled("   paused", "$warning")
        if self.progress is not None:
            line += Content("   ") + progress_words(self.progress)
        return line

    def _held(self) -> Content:
        """The reason comes first; what runs elsewhere follows where it fits."""
        more = len(self.holds) - 1
        words = self.holds[0] + (f"   +{more}: alt+3" if more else "")
        line = Content.styled(words, "$warning")
        running = Content(" · ").join(Content(part) for part in counts(self.jobs))
        if line.cell_length + running.cell_length + 3 <= self.size.width:
            line += Content("   ") + running
        return line


def counts(jobs: Sequence[Job]) -> list[str]:
    """``pocket 1 running, 3 waiting``, for each provider."""
    found: dict[str, Counter[str]] = {}
    for job in jobs:
        word = "waiting" if job.state is JobState.WAITING else "running"
        found.setdefault(job.recipe.ref.provider, Counter())[word] += 1
    return [
        f"{one_line(name, most=30)} "
        + ", ".join(f"{number[word]} {word}" for word in ("running", "waiting") if number[word])
        for name, number in sorted(found.items())
    ]


def progress_words(update: Waiting | Working) -> Content:
    """A bar and the step, as far as they are known."""
    if isinstance(update, Waiting):
        return Content("in its queue" if update.place is None else f"place {update.place} in its queue")
    words = one_line(update.note, most=60)
    if update.fraction is None:
        return Content(words or "working")
    full = max(0, min(WIDTH, round(update.fraction * WIDTH)))
    step = f" step {update.step}/{update.steps}"
    return Content.assemble(
        (BAR * full, "$accent"), (RAIL * (WIDTH - full), "$rule"), step, f"  {words}" if words else ""
    )
