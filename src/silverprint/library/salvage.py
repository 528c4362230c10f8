"""What can still be read of a damaged database: row by row first, then from the bytes themselves.

Reads only, and from a copy. What is done with the documents is left to ``rebuild.py``.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from silverprint.store.names import quoted

_START = re.compile(rb'\{"v":\d+,"id":"')
_LENGTHS = (8_000, 256_000)
_IN_VAIN = 5_000


def salvage(path: Path, table: str, *, stamp: str) -> dict[str, dict[str, Any]]:
    """The documents of ``table`` that can still be read, by id. Never raises for what is in the file.

    A row that SQLite gives is taken as it is. Of what lies loose in the bytes, only ids that no row has, and of several
    copies the one whose text at ``stamp`` is the greatest.
    """
    with tempfile.TemporaryDirectory(prefix="silverprint-salvage-") as folder:
        copy = Path(folder) / "history"
        try:
            shutil.copyfile(path, copy)
            for suffix in ("-wal", "-journal"):
                beside = path.with_name(path.name + suffix)
                if beside.exists():
                    shutil.copyfile(beside, copy.with_name(copy.name + suffix))
        except OSError:
            return {}
        # The bytes are read first: opening the copy would empty its log.
        loose = _loose(copy, stamp)
        found, is_whole = _rows(copy, table)
    if is_whole:
        return found
    return {id: document for id, document in loose.items() if _fits(document, table)} | found


def _rows(path: Path, table: str) -> tuple[dict[str, dict[str, Any]], bool]:
    """What SQLite still gives of the table, and whether that is all of it."""
    found: dict[str, dict[str, Any]] = {}
    sql = f"SELECT id, doc FROM {quoted(table)}"  # noqa: S608
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        low, first_broke = _scan(connection, f"{sql} NOT INDEXED ORDER BY id", found)
        if not first_broke:
            return found, True
        high, _ = _scan(connection, f"{sql} NOT INDEXED ORDER BY id DESC", found)
        if low is None and high is None:
            return found, False
        # Between the two ends each row is asked for by itself.
        number, in_vain = (low or 0) + 1, 0
        while in_vain < _IN_VAIN and number != high:
            before = len(found)
            with contextlib.suppress(sqlite3.Error):
                for _, text in connection.execute(f"{sql} WHERE id=?", (number,)):
                    _take(text, found)
            in_vain = 0 if len(found) > before else in_vain + 1
            number += 1
    return found, False


def _scan(
    connection: sqlite3.Connection, sql: str, found: dict[str, dict[str, Any]]
) -> tuple[int | None, bool]:
    """Read rows until one breaks; gives the last good row's number, and whether one broke."""
    last = None
    try:
        for number, text in connection.execute(sql):
            last = int(number)
            _take(text, found)
    except sqlite3.Error:
        return last, True
    return last, False


def _take(text: object, found: dict[str, dict[str, Any]]) -> None:
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        document = json.loads(text)  # type: ignore[arg-type]
        if isinstance(document, dict) and isinstance(document.get("id"), str):
            found[document["id"]] = document


def _loose(path: Path, stamp: str) -> dict[str, dict[str, Any]]:
    """Every whole document of ours in the bytes of the file and its log, whatever table it is of; newest copies."""
    found: dict[str, dict[str, Any]] = {}
    for file in (path, path.with_name(path.name + "-wal")):
        if file.exists():
            for document in _documents(file.read_bytes()):
                known = found.get(document["id"])
                if known is None or str(document.get(stamp, "")) >= str(known.get(stamp, "")):
                    found[document["id"]] = document
    return found


def _documents(data: bytes) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()
    for start in _START.finditer(data):
        for length in _LENGTHS:  # most are short, and a short piece is quickly decoded
            piece = data[start.start() : start.start() + length].decode("utf-8", "ignore")
            try:
                document, _ = decoder.raw_decode(piece)
            except (ValueError, RecursionError):
                continue
            if isinstance(document, dict):
                yield document
            break


def _fits(document: Mapping[str, Any], table: str) -> bool:
    return ("file" in document) == (table == "pictures") and ("state" in document) == (table == "jobs")
