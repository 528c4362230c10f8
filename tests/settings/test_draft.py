"""The draft comes back as it was, whatever was typed, and a broken one costs nothing but itself."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from silverprint.core.errors import DiskFull, StorageError
from silverprint.core.expand import Spread
from silverprint.core.recipe import LoraUse, Source
from silverprint.core.seeds import SeedMode
from silverprint.settings.draft import Draft, load_draft, save_draft

WHOLE = Draft(
    prompt="雪の狐 🦊\nغروب\x00\x1b[31m \ud83d",
    negative="blur",
    model="pocket:pocket",
    seed=7,
    seed_mode=SeedMode.STEP,
    count=4,
    spread=Spread.ALL,
    params={"pocket:pocket": {"steps": 12, "guidance": 4.5, "raw": {"a": [1, None, True]}}},
    sources=(
        Source(role="image", sha256="ab" * 32, strength=0.5, name="a/b.png"),
        Source(role="mask", sha256="cd"),
    ),
    loras=(LoraUse(name="style", weight=0.8), LoraUse(name="x", sha256="ef")),
    picture="06ev-1",
    screen={"form": True, "cursor": [3, 4]},
)

texts = st.text(alphabet=st.characters(codec=None), max_size=60)
drafts = st.builds(
    Draft,
    prompt=texts,
    negative=texts,
    model=texts,
    seed=st.none() | st.integers(0, 2**64),
    seed_mode=st.sampled_from(SeedMode),
    count=st.integers(1, 1_000),
    spread=st.sampled_from(Spread),
    params=st.dictionaries(texts, st.dictionaries(texts, st.integers() | texts | st.booleans() | st.none())),
    picture=st.none() | texts,
)


def test_a_draft_comes_back_whole(tmp_path: Path) -> None:
    file = tmp_path / "state" / "draft.json"
    save_draft(file, WHOLE)
    assert load_draft(file) == WHOLE


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draft=drafts)
def test_any_draft_comes_back_whole(tmp_path: Path, draft: Draft) -> None:
    save_draft(tmp_path / "draft.json", draft)
    assert load_draft(tmp_path / "draft.json") == draft


def test_no_file_is_an_empty_draft(tmp_path: Path) -> None:
    assert load_draft(tmp_path / "none.json") == Draft()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b"\xff\xfe\x00", b'{"prompt": "a', b"[" * 100_000])
def test_a_broken_draft_is_set_aside(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "draft.json"
    file.write_bytes(data)
    draft = load_draft(file)
    assert replace(draft, note="") == Draft()
    aside = list(tmp_path.glob("draft.broken-*.json"))
    assert [path.read_bytes() for path in aside] == [data]
    assert aside[0].name in draft.note
    assert load_draft(file) == Draft()


@pytest.mark.parametrize("name", list(Draft.__dataclass_fields__))
@pytest.mark.parametrize("value", [None, True, -3, 1.5, "nonsense", [None, 3, {}], {"a": 1}])
def test_a_field_of_another_shape_leaves_the_others(tmp_path: Path, name: str, value: Any) -> None:
    file = tmp_path / "draft.json"
    save_draft(file, replace(WHOLE, note=""))
    saved = json.loads(file.read_bytes())
    file.write_text(json.dumps({**saved, name: value}))
    draft = load_draft(file)
    others = [other for other in Draft.__dataclass_fields__ if other != name]
    assert [getattr(draft, other) for other in others] == [getattr(WHOLE, other) for other in others]


def test_numbers_that_make_no_sense_are_left_at_their_defaults(tmp_path: Path) -> None:
    (tmp_path / "draft.json").write_text('{"seed": -1, "count": 0, "prompt": "a"}')
    assert load_draft(tmp_path / "draft.json") == Draft(prompt="a")


def test_a_draft_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "draft.json").mkdir()
    draft = load_draft(tmp_path / "draft.json")
    assert "can't be read" in draft.note


def test_a_save_that_fails_keeps_the_older_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "draft.json"
    save_draft(file, WHOLE)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DiskFull):
            save_draft(file, Draft(prompt="newer"))
    assert load_draft(file) == WHOLE
    assert not list(tmp_path.glob(".*.part"))
    with pytest.raises(StorageError):
        save_draft(file / "below" / "a-file.json", Draft())
