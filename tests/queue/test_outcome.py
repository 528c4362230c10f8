"""What other people's code ended in is told without keys: in words, in marked fields, and in the log."""

from __future__ import annotations

import logging

import pytest

from silverprint.core.errors import BadAnswer, BadRecipe
from silverprint.queue.outcome import Failure, outcome
from silverprint.settings.secrets import Secrets

KEY = "sk-marked-0123456789-abcdef"


@pytest.fixture
def holder() -> Secrets:
    return Secrets({"SILVERPRINT_BFL_KEY": KEY}, keyring=None)


async def test_an_unforeseen_error(holder: Secrets, caplog: pytest.LogCaptureFixture) -> None:
    async def crash() -> None:
        raise KeyError(f"headers {holder.get('bfl')}")

    with caplog.at_level(logging.DEBUG):
        failure = await outcome(crash(), "The adapter")
    assert isinstance(failure, Failure)
    assert isinstance(failure.error, BadAnswer)
    assert not failure.expected
    assert "not foreseen: KeyError: 'headers …'" in str(failure.error)
    assert "KeyError at " in caplog.text
    assert "test_outcome.py:" in caplog.text
    assert KEY not in caplog.text + repr(failure)


async def test_an_error_raised_on_purpose(holder: Secrets) -> None:
    async def refuse() -> None:
        key = holder.get("bfl")
        raise BadRecipe(f"{key} can't", fields={"prompt": f"not with {key}"}, fix=f"Change {key}.")

    failure = await outcome(refuse())
    assert isinstance(failure, Failure)
    error = failure.error
    assert isinstance(error, BadRecipe)
    assert (str(error), error.fields, error.fix) == ("… can't", {"prompt": "not with …"}, "Change ….")
