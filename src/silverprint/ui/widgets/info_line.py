"""InfoLine: what made the picture on view, at one glance; for a job that went wrong, what happened and the way out."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from silverprint.core.grade import Grade
from silverprint.core.job import Job, JobState
from silverprint.core.picture import Picture
from silverprint.core.text import clean, one_line
from silverprint.ui.frames import Frame
from silverprint.ui.widgets.cells import fit
from silverprint.ui.widgets.rating import stars


class InfoLine(Widget):
    """Value in: ``frame``."""

    DEFAULT_CSS = """
    InfoLine { height: auto; min-height: 1; max-height: 4; color: $text-muted; padding: 0 1; }
    """

    frame: reactive[Frame | None] = reactive(None, layout=True)

    def render(self) -> Content:
        frame = self.frame
        if frame is None:
            return Content("")
        if frame.picture is not None:
            return self._picture(frame.picture)
        assert frame.job is not None
        return job_words(frame.job)

    def _picture(self, picture: Picture) -> Content:
        words = picture_words(picture)
        rated = stars(picture.rating) if picture.rating else ""
        room = self.size.width - len(rated) - 1
        # The last parts go first where the line is short: the grade is also in the large view's recipe.
        while len(words) > 1 and len(" · ".join(words)) > room:
            words.pop()
        return Content.assemble(fit(" · ".join(words), max(0, room)), " ", (rated, "$star"))


def picture_words(picture: Picture) -> list[str]:
    """Seed, steps, seconds, price and grade, as far as they are known."""
    words = []
    if picture.seed is not None:
        words.append(f"seed {picture.seed}")
    steps = picture.recipe.params.get("steps")
    if isinstance(steps, int):
        words.append(f"{steps} steps")
    if picture.seconds is not None:
        words.append(f"{picture.seconds:.1f} s")
    if picture.price_usd is not None:
        words.append(f"${picture.price_usd:.3f}" if picture.price_usd else "free")
    words.append(f"{picture.file.width}x{picture.file.height}")
    if picture.grade is not Grade.NONE:
        words.append(picture.grade.value)
    return words


def job_words(job: Job) -> Content:
    """What there is to say of a job that is not done: its state, or its error and what can be done."""
    if job.state is JobState.UNSURE:
        reason = one_line(job.error.message, most=300) if job.error else "its answer was lost with us"
        return Content.assemble(
            ("It may have been sent: ", "$warning"),
            f"{reason}. ",
            "Send it again, which may cost it twice?  ",
            ("t", "$accent"),
            " send again   ",
            ("x", "$accent"),
            " leave it",
        )
    if job.error is not None and job.state is JobState.FAILED:
        fix = clean(job.error.fix, most=300)
        return Content.assemble(
            (one_line(job.error.message, most=400), "$error"),
            f"  {fix}" if fix else "",
            "  ",
            ("t", "$accent"),
            " try again",
        )
    seed = "" if job.recipe.seed is None else f"seed {job.recipe.seed} · "
    return Content(f"{seed}{job.state.value}")
