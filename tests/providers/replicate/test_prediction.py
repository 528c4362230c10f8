"""Reading what Replicate tells: bars and seeds in logs, outputs of any shape, refusals by their words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silverprint.core.errors import ProviderError
from silverprint.providers.answers import Answer
from silverprint.providers.replicate.places import is_delivery
from silverprint.providers.replicate.prediction import (
    failure_of,
    outputs_of,
    prediction_of,
    progress_of,
    seed_of,
)
from silverprint.providers.replicate.schema import makes_pictures, shape_of_document
from silverprint.providers.replicate.trouble import explain

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("logs", "progress"),
    [
        ("", None),
        ("loading\n", None),
        ("  0%|          | 0/28 [00:00<?, ?it/s]\n 50%|█████     | 14/28 [00:01<00:01,  9.9it/s]", (14, 28)),
        ("  4%|▎         | 1/28\r 7%|▋         | 2/28 [00:00]", (2, 28)),
        ("100%|██████████| 4/4 [00:01<00:00]\nsaving", (4, 4)),
        ("10%|x| 3/0", None),
        ("50% off | 1/2", None),
        ("90%|#| 12/10 [x]", (10, 10)),
    ],
)
def test_progress_is_the_last_bar(logs: str, progress: tuple[int, int] | None) -> None:
    assert progress_of(logs) == progress


@pytest.mark.parametrize(
    ("logs", "seed"),
    [
        ("Using seed: 12345\n", 12345),
        ("seed 7", 7),
        ("Random seed = 99", 99),
        ("SEED:0", 0),
        ("seeds: 4", None),
        ("seed: abc", None),
        ("linseed: 4", None),
    ],
)
def test_the_seed_is_read_from_logs(logs: str, seed: int | None) -> None:
    assert seed_of(logs) == seed


def test_files_that_are_no_pictures_are_left_out() -> None:
    links = ["https://replicate.delivery/a.png", "https://replicate.delivery/a.json", "data:text/plain,hi"]
    assert [output.url for output in outputs_of(links)] == [links[0]]
    with pytest.raises(ProviderError, match=r"\.zip"):
        outputs_of("https://replicate.delivery/all.zip?x=1")


def test_the_same_link_twice_is_one_picture() -> None:
    assert len(outputs_of({"first": "https://a.b/c", "all": ["https://a.b/c", "https://a.b/d"]})) == 2


@given(JSON)
def test_any_output_gives_pictures_or_words(value: Any) -> None:
    try:
        found = outputs_of(value)
    except ProviderError:
        return
    assert found


@given(JSON)
def test_any_prediction_can_be_read(value: Any) -> None:
    names = ("output", "error", "logs", "urls", "metrics", "created_at", "input", "version", "model")
    read = prediction_of({"id": "a", "status": "failed", **dict.fromkeys(names, value)})
    assert read is not None
    assert str(failure_of(read))
    prediction_of(value)


@given(JSON)
def test_any_document_can_be_read(value: Any) -> None:
    shape_of_document(value)
    makes_pictures({"components": {"schemas": {"Output": value}}})
    shape_of_document({"components": {"schemas": {"Input": value}}})


@given(st.sampled_from([400, 401, 422]), JSON)
def test_any_refusal_can_be_read(status: int, body: Any) -> None:
    explain(Answer(status=status, content=json.dumps(body).encode()))


def test_a_missing_field_is_named() -> None:
    body = {"title": "Input validation failed", "detail": "- input: prompt is required\n", "status": 422}
    error = explain(Answer(status=422, content=json.dumps(body).encode()))
    assert getattr(error, "fields", None) == {"prompt": "needed"}


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://replicate.delivery/x", True),
        ("https://abc.replicate.delivery/x", True),
        ("http://replicate.delivery/x", False),
        ("https://replicate.delivery:8443/x", False),
        ("https://replicate.delivery.evil.example/x", False),
        ("https://notreplicate.delivery/x", False),
        ("https://replicate.delivery@evil.example/x", False),
        ("nonsense", False),
    ],
)
def test_only_replicates_own_hosts_are_its_delivery(url: str, is_one: bool) -> None:
    assert is_delivery(url) is is_one
