"""JobDetail: one job in full, with what went wrong and what a person can do about it.

Owns the words, above all those of the question that an UNSURE job asks. Doing it is left to the screen.
"""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from silverprint.core.job import Job, JobState
from silverprint.core.text import clean, one_line
from silverprint.core.update import Waiting, Working
from silverprint.queue.resume import claim_stands
from silverprint.ui.spend_words import exact_money

MOST_PARAMS = 8


class JobDetail(Static):
    """Set ``job``, ``news``, ``is_free`` (the provider costs nothing) and ``looks_up`` (its service can be asked whether
    it took a job)."""

    DEFAULT_CSS = """
    JobDetail { height: auto; padding: 0 1; }
    """

    job: reactive[Job | None] = reactive(None, layout=True)
    news: reactive[Waiting | Working | None] = reactive(None)
    is_free: reactive[bool] = reactive(False, layout=True)
    looks_up: reactive[bool] = reactive(False, layout=True)

    def render(self) -> Content:
        """The job's whole story."""
        if self.job is None:
            return Content("")
        return Content("\n").join(
            lines(self.job, news=self.news, is_free=self.is_free, looks_up=self.looks_up)
        )


def lines(
    job: Job, *, news: Waiting | Working | None = None, is_free: bool = False, looks_up: bool = False
) -> Iterator[Content]:
    """The detail, line by line: what to decide first, then what it is made from."""
    if job.state is JobState.UNSURE:
        yield Content.styled(question(job, is_free=is_free), "$warning")
        again = "ask for the result" if result_stands(job) else "send it again"
        look = (("l", "look it up there"),) if looks_up and not result_stands(job) else ()
        yield keys(*look, ("r", again), ("c", "give it up; nothing more is sent"))
        yield Content("")
    elif job.error is not None:
        yield Content.styled(one_line(job.error.message, most=600), "$error")
        for name, reason in (job.error.fields or {}).items():
            yield Content(f"  {one_line(name)}: {one_line(reason)}")
        if job.error.fix:
            yield Content(one_line(job.error.fix, most=400))
        if job.state is JobState.FAILED:
            yield keys(("r", "try again"), ("d", "clear what is finished"))
        yield Content("")
    yield Content(clean(job.recipe.prompt, most=1_000) or "(no prompt)")
    if job.recipe.negative_prompt:
        yield Content.assemble(("not  ", "$text-muted"), Content(clean(job.recipe.negative_prompt, most=400)))
    yield Content.styled(facts(job, news), "$text-muted")


def question(job: Job, *, is_free: bool = False) -> str:
    """What we can't know about an UNSURE job, and what either answer may cost."""
    where = one_line(job.recipe.ref.provider)
    if result_stands(job):
        return (
            f"{where} took this job, but its result has not arrived. "
            "Asking for the result again sends nothing and costs nothing."
        )
    if job.ticket is None:
        known = (
            f"This job was being sent to {where} when the answer got lost. It may have been taken, or not."
        )
    else:
        known = f"{where} took this job, but its result got lost on the way here."
    if is_free:
        cost = "Sending it again costs only time."
    else:
        price = (
            f" ({'about ' if job.price_about else ''}{exact_money(job.price_usd)} each)"
            if job.price_usd
            else ""
        )
        cost = f"If you send it again, {where} may make it twice and charge twice{price}."
    return f"{known} {cost}"


def result_stands(job: Job) -> bool:
    """Whether trying again fetches a result that is there, in the place of sending the job once more."""
    return job.incoming is not None or claim_stands(job)


def keys(*pairs: tuple[str, str]) -> Content:
    """``r try again   c give up``, with the keys in the accent."""
    parts = [Content.assemble((key, "bold $accent"), Content(f" {words}")) for key, words in pairs]
    return Content("   ").join(parts)


def facts(job: Job, news: Waiting | Working | None = None) -> str:
    """Model, seed, size of the batch and the like, in one line."""
    recipe = job.recipe
    parts = [str(recipe.ref)]
    if recipe.seed is not None:
        parts.append(f"seed {recipe.seed}")
    params = [f"{name.replace('_', ' ')} {value}" for name, value in recipe.params.items()]
    parts += (
        params if len(params) <= MOST_PARAMS else [*params[:MOST_PARAMS], f"{len(params) - MOST_PARAMS} more"]
    )
    parts += [f"LoRA {lora.name} {lora.weight:g}" for lora in recipe.loras]
    parts += [f"{source.role} {source.name or source.sha256[:8]}" for source in recipe.sources]
    if job.tries > 1:
        parts.append(f"try {job.tries}")
    if job.price_usd:
        parts.append(f"{'about ' if job.price_about else ''}{exact_money(job.price_usd)}")
    parts.append(f"job {job.id}")
    if isinstance(news, Working) and news.note:
        parts.append(news.note)
    return one_line(" · ".join(parts), most=600)
