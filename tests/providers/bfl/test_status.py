"""What answers about a task are taken for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silverprint.providers.bfl.status import Stage, picture_in, read_status


@pytest.mark.parametrize(
    ("word", "stage"),
    [
        ("Pending", Stage.QUEUED),
        ("Task_Queued", Stage.QUEUED),
        ("queued", Stage.QUEUED),
        ("Processing", Stage.WORKING),
        ("Reasoning", Stage.WORKING),
        ("Warming up the moon", Stage.WORKING),
        ("Ready", Stage.READY),
        ("READY", Stage.READY),
        ("Error", Stage.FAILED),
        ("failed", Stage.FAILED),
        ("Request Moderated", Stage.PROMPT_REFUSED),
        ("request_moderated", Stage.PROMPT_REFUSED),
        ("Content Moderated", Stage.PICTURE_REFUSED),
        ("Task not found", Stage.LOST),
        ("Task_Not_Found", Stage.LOST),
    ],
)
def test_words(word: str, stage: Stage) -> None:
    status = read_status({"id": "1", "status": word})
    assert status is not None
    assert status.stage is stage


def test_an_unknown_word_is_known_to_be_unknown() -> None:
    known, strange = read_status({"status": "Processing"}), read_status({"status": "Simmering"})
    assert known is not None
    assert strange is not None
    assert known.is_known
    assert not strange.is_known


@pytest.mark.parametrize(
    ("result", "samples"),
    [
        ({"sample": "https://x/1.png"}, ("https://x/1.png",)),
        ({"sample": ["/1.png", "/2.png"]}, ("/1.png", "/2.png")),
        ({"samples": [{"url": "/1.png"}]}, ("/1.png",)),
        ({"images": ["a.png"]}, ("a.png",)),
        ("/only.png", ("/only.png",)),
        ({"sample": None}, ()),
        ({}, ()),
        (None, ()),
        (7, ()),
    ],
)
def test_where_the_picture_is(result: Any, samples: tuple[str, ...]) -> None:
    status = read_status({"status": "Ready", "result": result})
    assert status is not None
    assert status.samples == samples


@pytest.mark.parametrize(
    ("progress", "percent"),
    [
        (0, 0),
        (0.5, 50),
        (1, 100),
        (42, 42),
        (None, None),
        (True, None),
        ("0.5", None),
        (-1, None),
        (1e9, None),
    ],
)
def test_progress(progress: Any, percent: int | None) -> None:
    status = read_status({"status": "Pending", "progress": progress})
    assert status is not None
    assert status.percent == percent


def test_reasons_in_one_line() -> None:
    body = {
        "status": "Request Moderated",
        "details": {"Moderation Reasons": ["Violence", "Gore\x1b[31m\nred"]},
    }
    status = read_status(body)
    assert status is not None
    assert status.reasons == "Violence, Gore\ufffd[31m red"


def test_bare_base64_is_a_picture_only_when_it_is_one() -> None:
    import base64

    png = b"\x89PNG\r\n\x1a\n" + bytes(80)
    assert picture_in(base64.b64encode(png).decode()) == png
    assert picture_in(base64.b64encode(bytes(90)).decode()) is None
    assert picture_in("https://host/" + "a" * 90) is None
    assert picture_in("outputs/" + "a" * 90) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["status", "result", "progress", "details", "cost", "error", "sample"]), json_values
    )
)
def test_any_body_is_read_or_refused(body: dict[str, Any]) -> None:
    status = read_status(body)
    assert (status is not None) == isinstance(body.get("status"), str)
    if status is not None:
        assert len(status.reasons) <= 301
        assert all(isinstance(sample, str) for sample in status.samples)
