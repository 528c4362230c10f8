from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from silverprint.core.errors import BadRecipe, RateLimited, TicketLost
from silverprint.core.ids import new_id
from silverprint.core.job import MOVES, ErrorNote, Job, JobState, move
from silverprint.core.recipe import ModelRef, Recipe, Source

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def job(state: JobState) -> Job:
    recipe = Recipe(ref=ModelRef("fake", "one"), prompt="a fox")
    return Job(id="j", batch="b", recipe=recipe, state=state, created=NOW, changed=NOW)


def test_done_is_the_end() -> None:
    for state in JobState:
        with pytest.raises(ValueError, match="can't go from done"):
            move(job(JobState.DONE), state, now=NOW)


def test_every_state_but_done_can_be_left_and_every_one_but_waiting_is_reached_from_waiting() -> None:
    reached = {JobState.WAITING}
    for _ in JobState:
        reached |= {after for before in reached for after in MOVES[before]}
    assert reached == set(JobState)
    assert all(MOVES[state] for state in JobState if state is not JobState.DONE)


def test_done_is_only_reached_through_saving() -> None:
    assert [state for state in JobState if JobState.DONE in MOVES[state]] == [JobState.SAVING]


def test_a_paid_job_never_goes_back_from_failed_without_waiting() -> None:
    assert MOVES[JobState.FAILED] == {JobState.WAITING}


def test_a_move_notes_its_moment() -> None:
    later = NOW + timedelta(seconds=3)
    moved = move(job(JobState.WAITING), JobState.SENDING, now=later, tries=1)
    assert (moved.state, moved.changed, moved.tries, moved.created) == (JobState.SENDING, later, 1, NOW)


def test_a_note_keeps_sentence_fix_and_fields() -> None:
    note = ErrorNote.of(BadRecipe("steps: too many", fields={"steps": "too many"}))
    assert (note.kind, note.message, note.fields) == ("BadRecipe", "steps: too many", {"steps": "too many"})
    assert note.fix
    assert ErrorNote.of(RateLimited("slow down", retry_after_s=3)).can_retry


def test_ids_sort_by_time_and_differ() -> None:
    random = Random(4)
    made = [new_id(NOW + timedelta(milliseconds=n), random) for n in range(0, 5000, 7)]
    assert made == sorted(made)
    assert len({new_id(NOW, random) for _ in range(1000)}) == 1000
    assert {len(one) for one in made} == {16}


def test_task_is_told_by_the_inputs() -> None:
    ref = ModelRef("fake", "one")
    image = Source(role="image", sha256="a")
    assert Recipe(ref=ref, prompt="").task == "text"
    assert Recipe(ref=ref, prompt="", sources=(image,)).task == "image"
    assert Recipe(ref=ref, prompt="", sources=(image, Source(role="mask", sha256="b"))).task == "inpaint"


@pytest.mark.parametrize("text", ["pocket", ":x", "x:", ""])
def test_half_a_model_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="provider:model"):
        ModelRef.parse(text)


def test_model_names_may_hold_colons() -> None:
    ref = ModelRef.parse("replicate:owner/name:version")
    assert (ref.provider, ref.model, str(ref)) == (
        "replicate",
        "owner/name:version",
        "replicate:owner/name:version",
    )


def test_a_finer_kind_of_an_adapter_is_kept_as_ours() -> None:
    class LinkGone(TicketLost):
        pass

    assert ErrorNote.of(LinkGone("gone")).kind == "TicketLost"
    assert ErrorNote.of(TicketLost("gone")).kind == "TicketLost"
