"""The roll: which frames there are, and which is on view."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from silverprint.core.events import JobChanged, PictureAdded, PictureChanged
from silverprint.core.image import RawImage
from silverprint.core.job import Job, JobState
from silverprint.core.picture import Picture
from silverprint.core.update import Preview, Working
from silverprint.ui.frames import MOST, Roll
from tests.ui import samples

PIXEL = RawImage(width=1, height=1, data=b"abc")


def job(number: int, state: JobState = JobState.WAITING, batch: str = "batch") -> Job:
    return samples.job(number, state, batch=batch)


def picture_of(made: Job) -> Picture:
    base = samples.picture(0)
    return replace(
        base, id=f"{made.id}-1", job=made.id, batch=made.batch, seed=made.recipe.seed, recipe=made.recipe
    )


def shown(roll: Roll) -> list[str]:
    return [frame.key for frame in roll.frames]


def test_it_starts_with_pictures_then_jobs_and_shows_the_one_that_was_left() -> None:
    roll = Roll()
    pictures = [samples.picture(1), samples.picture(2)]
    roll.start(pictures, [job(8, JobState.DONE), job(9)], chosen=pictures[0].id)
    assert shown(roll) == [pictures[0].id, pictures[1].id, job(9).id]
    assert roll.chosen is not None
    assert roll.chosen.picture == pictures[0]
    assert not roll.follows


def test_a_picture_that_is_gone_leaves_the_newest_on_view() -> None:
    roll = Roll()
    roll.start([samples.picture(1), samples.picture(2)], [], chosen="no such picture")
    assert roll.at == 1
    assert roll.follows


def test_a_job_becomes_its_picture_in_the_same_place() -> None:
    roll = Roll()
    jobs = [job(1), job(2)]
    roll.follow(jobs)
    assert roll.at == 0
    roll.hear(JobChanged(replace(jobs[0], state=JobState.RUNNING)))
    roll.hear(PictureAdded(picture_of(jobs[0])))
    roll.hear(JobChanged(replace(jobs[0], state=JobState.DONE)))
    assert shown(roll) == [picture_of(jobs[0]).id, jobs[1].id]
    assert roll.chosen is not None
    assert roll.chosen.picture is not None


def test_the_view_follows_the_batch_as_it_forms() -> None:
    roll = Roll()
    jobs = [job(1), job(2)]
    roll.follow(jobs)
    roll.hear(PictureAdded(picture_of(jobs[0])))
    roll.hear(JobChanged(replace(jobs[1], state=JobState.RUNNING)))
    roll.move(jobs[1].id, Preview(image=PIXEL))
    assert roll.chosen is not None
    assert roll.chosen.key == jobs[1].id
    assert roll.chosen.preview == PIXEL


def test_a_picture_picked_by_hand_stays_on_view() -> None:
    roll = Roll()
    old = samples.picture(50)
    roll.start([old], [])
    jobs = [job(1), job(2)]
    roll.follow(jobs)
    roll.pick(old.id)
    roll.hear(JobChanged(replace(jobs[0], state=JobState.RUNNING)))
    roll.move(jobs[0].id, Working(step=1, steps=3))
    roll.hear(PictureAdded(picture_of(jobs[0])))
    assert roll.chosen is not None
    assert roll.chosen.picture == old
    roll.step(9999)
    assert roll.follows
    assert roll.chosen.key == jobs[1].id


def test_an_older_batch_does_not_take_the_view_from_the_newest() -> None:
    roll = Roll()
    first, second = job(1, batch="one"), job(2, batch="two")
    roll.follow([first])
    roll.follow([second])
    roll.move(first.id, Preview(image=PIXEL))
    assert roll.chosen is not None
    assert roll.chosen.key == second.id


def test_a_job_that_ended_before_we_heard_of_it_leaves_no_ghost() -> None:
    roll = Roll()
    quick = job(1)
    roll.hear(PictureAdded(picture_of(quick)))
    roll.hear(JobChanged(replace(quick, state=JobState.DONE)))
    roll.follow([quick])
    assert shown(roll) == [picture_of(quick).id]


def test_failed_and_unsure_jobs_stay_and_cancelled_ones_go() -> None:
    roll = Roll()
    jobs = [job(1), job(2), job(3)]
    roll.follow(jobs)
    for one, state in zip(jobs, (JobState.FAILED, JobState.CANCELLED, JobState.UNSURE), strict=True):
        roll.hear(JobChanged(replace(one, state=state)))
    assert shown(roll) == [jobs[0].id, jobs[2].id]


def test_trash_takes_a_frame_and_undo_brings_it_back_to_its_place() -> None:
    roll = Roll()
    pictures = [samples.picture(number) for number in (1, 2, 3)]
    roll.start(pictures, [])
    roll.pick(pictures[1].id)
    gone = replace(pictures[1], trashed=datetime(2026, 11, 22, tzinfo=UTC))
    roll.hear(PictureChanged(gone))
    assert shown(roll) == [pictures[0].id, pictures[2].id]
    assert roll.at == 1
    roll.hear(PictureChanged(pictures[1]))
    assert shown(roll) == [picture.id for picture in pictures]
    assert roll.at == 1


def test_a_change_of_a_picture_is_taken_in() -> None:
    roll = Roll()
    roll.start([samples.picture(1)], [])
    assert roll.hear(PictureChanged(replace(samples.picture(1), rating=4)))
    assert roll.pictures()[0].rating == 4


def test_the_roll_stays_bounded_and_never_drops_what_is_on_view() -> None:
    roll = Roll()
    roll.start([samples.picture(number) for number in range(MOST)], [])
    first = roll.frames[0].key
    roll.pick(first)
    roll.follow([job(500 + number, batch="new") for number in range(20)])
    roll.pick(first)
    roll.hear(JobChanged(job(900, batch="other")))
    assert len(roll.frames) == MOST or first in shown(roll)
    assert len(roll.frames) <= MOST + 1
    assert roll.chosen is not None


def test_steps_end_at_the_ends_and_an_empty_roll_takes_them() -> None:
    roll = Roll()
    roll.step(1)
    assert roll.chosen is None
    roll.start([samples.picture(1), samples.picture(2)], [])
    roll.step(-5)
    assert roll.at == 0
    roll.step(1)
    assert roll.at == 1


def test_progress_of_a_job_that_is_not_shown_changes_nothing() -> None:
    roll = Roll()
    assert not roll.move("nobody", Working(step=1, steps=2))
