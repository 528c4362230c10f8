"""``jobs``: what runs, waits and went wrong; cancel, retry, and look up what was lost."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from silverprint.cli.bill import job_price
from silverprint.cli.follow import Follower, names_of_jobs, wants_previews
from silverprint.cli.narration import FAILED, STOPPED, say
from silverprint.cli.output import Output
from silverprint.cli.records import job_record
from silverprint.cli.session import Session, as_json, pass_session
from silverprint.core.budget import money
from silverprint.core.errors import UsageError
from silverprint.core.job import Job, JobState
from silverprint.core.text import one_line
from silverprint.store.codec import moment_text

if TYPE_CHECKING:
    from silverprint.core.provider import Found
    from silverprint.studio import Studio

_RETRIED = (JobState.FAILED, JobState.UNSURE)


@click.group(invoke_without_command=True, short_help="List jobs; cancel, retry and look them up.")
@click.option("--all", "every", is_flag=True, help="Also those that are done or cancelled.")
@click.option(
    "--limit", "-n", type=click.IntRange(min=1), default=50, metavar="N", help="How many at most. Default 50."
)
@as_json
@click.pass_context
def jobs(ctx: click.Context, *, every: bool, limit: int, as_json: bool) -> None:
    """List the jobs that wait, run or need a word, newest first."""
    if ctx.invoked_subcommand is not None:
        return
    session = ctx.find_object(Session)
    assert session is not None
    output = Output(as_json=as_json)

    async def work() -> None:
        async with session.studio() as studio:
            found = await _listed(studio, every, limit)
            paused = dict(studio.queue.paused_providers)
        if as_json:
            for job in found:
                output.record(job_record(job))
        elif found:
            output.table(
                ("ID", "STATE", "CREATED", "MODEL", "SEED", "PRICE", "PROMPT", "NOTE"),
                [_row(job) for job in found],
                flexible=("PROMPT", "NOTE", "MODEL"),
            )
        else:
            say("No jobs." if every else "No open jobs. --all lists those that are done.")
        for provider, reason in paused.items():
            say(one_line(f"{provider} takes no more jobs now: {reason}", most=1_000))

    session.run(work)


async def _listed(studio: Studio, every: bool, limit: int) -> list[Job]:
    if every:
        return await studio.queue.recent(limit)
    recent = await studio.queue.recent(1_000)
    hidden = (JobState.DONE, JobState.CANCELLED)
    return [job for job in recent if job.state not in hidden][:limit]


def _row(job: Job) -> tuple[str, ...]:
    return (
        job.id,
        job.state.value,
        f"{job.created.astimezone():%Y-%m-%d %H:%M}",
        str(job.recipe.ref),
        "" if job.recipe.seed is None else str(job.recipe.seed),
        job_price(job),
        job.recipe.prompt,
        f"{job.error.message} {job.error.fix}".strip() if job.error is not None else "",
    )


@jobs.command(short_help="Cancel jobs, also those of another silverprint.")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All that wait or run.")
@as_json
@pass_session
def cancel(session: Session, *, ids: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Cancel jobs. One that another silverprint runs is stopped there within a second."""
    _either(ids, every)
    output = Output(as_json=as_json)

    async def work() -> None:
        async with session.studio() as studio:
            if every:
                wanted = [job for job in await studio.queue.recent(10_000) if not job.state.is_final]
                await studio.queue.cancel_all()
            else:
                wanted = await names_of_jobs(studio, ids)
                for job in wanted:
                    await studio.queue.cancel(job.id)
            for job in wanted:
                _tell(output, await studio.queue.find(job.id), is_run=await studio.queue.is_run(job.id))
            if not wanted:
                say("No job waits or runs.")

    session.run(work)


def _tell(output: Output, job: Job, *, is_run: bool = True) -> None:
    if output.as_json:
        output.record(job_record(job))
    elif job.state in (JobState.SENDING, JobState.RUNNING, JobState.SAVING):
        said = (
            "whoever runs it is asked to stop" if is_run else "nobody runs it now; the next start cancels it"
        )
        say(f"{job.id}: {job.state}; {said}")
    else:
        say(f"{job.id}: {job.state}")


@jobs.command(short_help="Try jobs again, here and now.")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "every", is_flag=True, help="All that failed or are unsure.")
@click.option("--yes", "-y", is_flag=True, help="Send unsure jobs again without a question.")
@click.option("--wait/--no-wait", default=True, help="Run them now, or leave them to the next start.")
@as_json
@pass_session
def retry(
    session: Session, *, ids: tuple[str, ...], every: bool, yes: bool, wait: bool, as_json: bool
) -> int:
    """Try failed, cancelled and unsure jobs again.

    An unsure one may have been sent already, and be charged a second time: what that may cost is said, and you are asked.
    `silverprint jobs lookup` asks the service for it first, at no cost.
    """
    _either(ids, every)
    output = Output(as_json=as_json)

    async def choose() -> list[Job]:
        async with session.studio() as studio:
            if every:
                return [job for job in await studio.queue.recent(10_000) if job.state in _RETRIED]
            return await names_of_jobs(studio, ids)

    wanted = session.run(choose)
    if not wanted:
        say("No job failed or is unsure.")
        return 0
    unsure = [job for job in wanted if job.state is JobState.UNSURE]
    if unsure and not yes and not _may_send_again(unsure):
        wanted = [job for job in wanted if job not in unsure]
        if not wanted:
            say("Nothing was sent again.")
            return STOPPED

    async def begin(studio: Studio) -> list[Job]:
        return [await studio.queue.retry(job.id) for job in wanted]

    return _run(session, output, begin, wait=wait)


def _run(
    session: Session, output: Output, begin: Callable[[Studio], Awaitable[list[Job]]], *, wait: bool
) -> int:
    """Let jobs wait again, and run them here, or leave them to the next start."""

    async def work() -> int:
        async with session.studio(run_queue=wait) as studio:
            if wait:
                follower = Follower(studio, output, previews=wants_previews(None, as_json=output.as_json))
                return follower.code(await follower.follow(lambda: begin(studio)))
            for job in await begin(studio):
                _tell(output, job)
            return 0

    return session.run(work)


def _may_send_again(unsure: Sequence[Job]) -> bool:
    """Say what sending unsure jobs again may cost, and ask. Raises UsageError where nobody can be asked."""
    for job in unsure:
        price = job_price(job)
        cost = "its price, which nobody knows," if price == "—" else price
        say(
            f"{job.id} ({job.recipe.ref}) may have been sent already. To send it again may cost {cost} once more."
        )
    known = [job.price_usd for job in unsure if job.price_usd is not None]
    if len(unsure) > 1 and known:
        rest = f", and {len(unsure) - len(known)} of unknown price" if len(known) < len(unsure) else ""
        say(f"Together {money(sum(known))}{rest}.")
    if not sys.stdin.isatty():
        raise UsageError(
            "An unsure job is sent again on your word only.",
            fix=f"Add --yes; or `silverprint jobs lookup {unsure[0].id}` asks the service for it first.",
        )
    return click.confirm("Send again?", default=False, err=True)


@jobs.command(short_help="Ask the service for a job whose answer was lost.")
@click.argument("id")
@click.option(
    "--claim", type=click.IntRange(min=1), metavar="N", help="Take up the N-th of what is listed as this job."
)
@click.option("--wait/--no-wait", default=True, help="Fetch it now, or leave that to the next start.")
@as_json
@pass_session
def lookup(session: Session, *, id: str, claim: int | None, wait: bool, as_json: bool) -> int:
    """List what the service has that may be the unsure job ID; nothing is sent again, and nothing is charged.

    One that surely is this job is taken up: its result is fetched. Another is with --claim N. The exit code is 1 when the
    service has none.
    """
    output = Output(as_json=as_json)

    async def ask() -> tuple[Job, list[Found]]:
        async with session.studio() as studio:
            (job,) = await names_of_jobs(studio, [id])
            return job, list(await studio.queue.look_up(job.id))

    job, found = session.run(ask)
    _list_found(output, found)
    if not found:
        say(f"The service has nothing that may be {job.id}.")
        say(f"  silverprint jobs retry {job.id}   sends it again, after a question")
        return FAILED
    if claim is not None and claim > len(found):
        raise UsageError(f"There is no number {claim}.", fix=f"The service has {len(found)}.")
    sure = [each for each in found if each.sure]
    chosen = found[claim - 1] if claim is not None else sure[0] if len(sure) == 1 else None
    if chosen is None:
        say(f"None of these is surely this job. silverprint jobs lookup {job.id} --claim N takes one up.")
        return 0

    async def begin(studio: Studio) -> list[Job]:
        return [await studio.queue.claim(job.id, chosen.ticket)]

    return _run(session, output, begin, wait=wait)


def _list_found(output: Output, found: Sequence[Found]) -> None:
    if output.as_json:
        for number, each in enumerate(found, 1):
            output.record(_found_record(number, each))
    elif found:
        output.table(
            ("", "SURE", "CREATED", "WHAT"),
            [
                (
                    str(number),
                    "yes" if each.sure else "",
                    f"{each.created.astimezone():%Y-%m-%d %H:%M:%S}" if each.created is not None else "",
                    each.words,
                )
                for number, each in enumerate(found, 1)
            ],
            flexible=("WHAT",),
        )


def _found_record(number: int, found: Found) -> dict[str, Any]:
    return {
        "event": "found",
        "number": number,
        "sure": found.sure,
        "created": moment_text(found.created) if found.created is not None else None,
        "words": one_line(found.words, most=1_000),
    }


def _either(ids: tuple[str, ...], every: bool) -> None:
    if bool(ids) == every:
        raise UsageError("Name jobs, or give --all.", fix="`silverprint jobs` lists them.")
