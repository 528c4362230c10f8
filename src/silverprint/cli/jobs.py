"""``jobs``: what runs, waits and went wrong; cancel and retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from silverprint.cli.follow import Follower, names_of_jobs, wants_previews
from silverprint.cli.narration import code_of_jobs, say
from silverprint.cli.output import Output
from silverprint.cli.records import job_record
from silverprint.cli.session import Session, as_json, pass_session
from silverprint.core.errors import UsageError
from silverprint.core.job import Job, JobState

if TYPE_CHECKING:
    from silverprint.studio import Studio

_RETRIED = (JobState.FAILED, JobState.UNSURE)


@click.group(invoke_without_command=True, short_help="List jobs; cancel and retry them.")
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
        if as_json:
            for job in found:
                output.record(job_record(job))
        elif found:
            output.table(
                ("ID", "STATE", "CREATED", "MODEL", "SEED", "PROMPT", "NOTE"),
                [_row(job) for job in found],
                flexible=("PROMPT", "NOTE", "MODEL"),
            )
        else:
            say("No jobs." if every else "No open jobs. --all lists those that are done.")

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
@click.option("--wait/--no-wait", default=True, help="Run them now, or leave them to the next start.")
@as_json
@pass_session
def retry(session: Session, *, ids: tuple[str, ...], every: bool, wait: bool, as_json: bool) -> int:
    """Try failed, cancelled and unsure jobs again. An unsure one may be charged a second time."""
    _either(ids, every)
    output = Output(as_json=as_json)

    async def work() -> int:
        async with session.studio(run_queue=wait) as studio:
            if every:
                wanted = [job for job in await studio.queue.recent(10_000) if job.state in _RETRIED]
            else:
                wanted = await names_of_jobs(studio, ids)
            if not wanted:
                say("No job failed or is unsure.")
                return 0

            async def begin() -> list[Job]:
                return [await studio.queue.retry(job.id) for job in wanted]

            if wait:
                follower = Follower(studio, output, previews=wants_previews(None, as_json=as_json))
                return code_of_jobs(await follower.follow(begin))
            for job in await begin():
                _tell(output, job)
            return 0

    return session.run(work)


def _either(ids: tuple[str, ...], every: bool) -> None:
    if bool(ids) == every:
        raise UsageError("Name jobs, or give --all.", fix="`silverprint jobs` lists them.")
