"""Every adapter meets every fault: the job ends as expected, is sent once, and the table says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.case import run
from tests.reliability.faults import ROWS, Row, applies, expected
from tests.reliability.page import read
from tests.reliability.services import SERVICES, Service

CASES = [
    pytest.param(row, service, id=f"{service.name}-{row.id}")
    for service in SERVICES
    for row in ROWS
    if not applies(row, service)
]
SENT_AGAIN = {"429 with Retry-After", "429 without", "503"}  # the service said that it did not take it


@pytest.mark.parametrize(("row", "service"), CASES)
async def test_what_becomes_of_the_job(row: Row, service: Service, tmp_path: Path) -> None:
    outcome = await run(row, service, tmp_path / "home")
    assert outcome.words == expected(row, service), outcome.said
    assert outcome.problems == ()
    assert outcome.taken <= 1, "the service was asked for a second paid job"
    assert outcome.pictures == (1 if outcome.words == "done" else 0)
    if row.fault is not None:
        assert outcome.struck >= 1, "the fault did not strike"
    if outcome.words != "done":
        assert outcome.said
        assert outcome.job.error is not None
        assert outcome.job.error.fix
    allowed = 2 if row.name in SENT_AGAIN else 1
    assert outcome.submits <= allowed
    assert read(row, service) == outcome.words, (
        "docs/reliability.md is out of date: run python -m tests.reliability"
    )


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_no_cell_is_empty(service: Service) -> None:
    for row in ROWS:
        words = read(row, service)
        assert words, f"{row.id} at {service.name}"
        assert words == (applies(row, service) or words)
