"""A pytest plugin for TinyDB's own tests: whoever imports ``TinyDB`` gets our database.

Loaded with ``-p`` in a process of its own, before TinyDB's conftest. It leaves out the tests whose ids
one environment variable lists, and writes each test's outcome, as JSON, to the file that another names.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import tinydb
import tinydb.database
from tinydb.middlewares import CachingMiddleware
from tinydb.storages import MemoryStorage

from silverprint.store.database import Database

OUTCOMES = "SILVERPRINT_TINYDB_OUTCOMES"
LEFT_OUT = "SILVERPRINT_TINYDB_LEFT_OUT"

_outcomes: dict[str, str] = {}


class TinyDB(Database):
    """Our database behind TinyDB's constructor: a memory storage is a database in memory, anything else is a file."""

    def __init__(self, path: Any = None, *_: Any, storage: Any = None, **__: Any) -> None:
        in_memory = storage is MemoryStorage or isinstance(storage, CachingMiddleware) or path is None
        super().__init__(None if in_memory else Path(path))


tinydb.TinyDB = TinyDB  # type: ignore[misc]
tinydb.database.TinyDB = TinyDB  # type: ignore[misc]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # pytest's own --deselect takes beginnings of ids, and would take more than is meant.
    left_out = set(json.loads(os.environ[LEFT_OUT]))
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left_out])
    items[:] = [item for item in items if item.nodeid not in left_out]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    known = _outcomes.get(report.nodeid, "passed")
    _outcomes[report.nodeid] = report.outcome if known == "passed" else known


def pytest_sessionfinish() -> None:
    Path(os.environ[OUTCOMES]).write_text(json.dumps(_outcomes), encoding="utf-8")
