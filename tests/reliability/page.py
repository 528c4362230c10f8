"""The page: docs/reliability.md, made of the outcomes that were seen, and read back to see whether it is stale."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.reliability.faults import ROWS, Row
from tests.reliability.services import SERVICES, Service
from tests.standins.faults import Stage

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"

Cells = Mapping[tuple[str, str], str]
"""(row id, service name) -> words."""

_HEAD = """# What becomes of a job when something goes wrong

This table is made by `python -m tests.reliability`: every adapter is run, through the whole studio, against a stand-in
of its service behind a line that breaks in every way we could think of. The tests hold the table against what happens,
so it can't drift. A paid request is sent again by itself only where the service answered that it did not take it (429, 503);
where that can't be known, a person is asked. No picture that was paid for is lost.

| word | means |
|---|---|
| done | the picture is in the library; where the service was busy or the line broke, after asking again by itself |
| asks you | *unsure*: it may have been taken and charged, so only you may send it again; `l` in the Queue looks it up where the service lists its jobs |
| waits: ... | the job waits, and the provider's queue is held with the reason, until the key or the credit is mended; then it goes on by itself |
| failed: unreachable | nothing was sent; retry when you like |
| failed: refused, bad recipe, content refused, model gone | the service said no, in its own words |
| failed: expired | the service no longer has the result |
| failed: bad answer | the answer could not be read; a retry asks for the result again with the same ticket, at no cost, where the service keeps results |
| never: ... | can't happen there |
"""

_TITLES = {
    Stage.SUBMIT: "While the job is sent",
    Stage.WATCH: "While the service works",
    Stage.RESULT: "While the result is fetched",
}


def render(cells: Cells) -> str:
    """The page as text. Raises KeyError when a cell is missing."""
    parts = [_HEAD]
    for stage, title in _TITLES.items():
        names = " | ".join(service.title for service in SERVICES)
        parts.append(f"\n## {title}\n\n| what happens | {names} |\n|{'---|' * (len(SERVICES) + 1)}\n")
        for row in ROWS:
            if row.stage is stage:
                words = " | ".join(cells[row.id, service.name] for service in SERVICES)
                parts.append(f"| {row.name} | {words} |\n")
    return "".join(parts)


def read(row: Row, service: Service) -> str:
    """What the page says in one cell; empty when it says nothing."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    title = f"## {_TITLES[row.stage]}"
    _, _, after = text.partition(title)
    section = after.partition("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    head = lines[0] if lines else []
    for line in lines[1:]:
        if line[0] == row.name and service.title in head and len(line) == len(head):
            return line[head.index(service.title)]
    return ""
