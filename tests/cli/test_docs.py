"""The pages in docs/ that the program itself can vouch for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from silverprint.library.search import FIELDS, parse
from tests.cli.reference import reference

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_commands_is_not_stale(request: pytest.FixtureRequest) -> None:
    page, made = DOCS / "cli.md", reference()
    if request.config.getoption("--write-docs", default=False):
        page.write_text(made, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == made, "docs/cli.md is out of date: run make docs"


def test_the_page_of_the_search_language_is_not_stale() -> None:
    """Every field is on the page, and every example on it is understood."""
    text = (DOCS / "search.md").read_text(encoding="utf-8")
    examples = re.findall(r"^\| `([^`]+)` ", text, flags=re.MULTILINE)
    assert len(examples) > 20
    for example in examples:
        parse(example)
    for name in FIELDS:
        assert any(name in example for example in examples), f"{name} has no example"
