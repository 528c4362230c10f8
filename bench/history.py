"""The history at 1,000, 10,000 and 100,000 records: ours, bare sqlite3 doing the same job by hand, and stock TinyDB.

``python bench/history.py [--quick]``. The peer by hand has the same pragmas, the same columns and indexes, a word index
made by SQLite's own tokenizer, and reads its documents from the same JSON text with the same decoder. Files lie on the
disk under the working directory, since a durable write on a memory disk says nothing.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tinydb import TinyDB, where
from tinydb.table import Table as StockTable

sys.path.insert(0, str(Path(__file__).resolve().parent))
from report import Row, compared, in_turns, print_table, timed

from silverprint.store.condition import words
from silverprint.store.database import Database
from silverprint.store.schema import Column, TableSchema
from silverprint.store.table import Table

SIZES = (1_000, 10_000, 100_000)
BAR = 2.0
PAGE = 50
COLUMNS = {"made": "TEXT", "rating": "INTEGER", "model": "TEXT", "seed": "INTEGER"}
SCHEMA = TableSchema(
    columns=(
        *(Column(name, name, kind) for name, kind in COLUMNS.items()),  # type: ignore[arg-type]
        Column("tags", "tags[]"),
    ),
    fts=("prompt", "negative_prompt", "tags"),
)
_SYLLABLES = [
    "ka",
    "lo",
    "mi",
    "ren",
    "sta",
    "vor",
    "tel",
    "nu",
    "pi",
    "gar",
    "sho",
    "fe",
    "dra",
    "yun",
    "bes",
    "ot",
]


def vocabulary() -> list[str]:
    """Four thousand made-up words; the early ones are common in prompts, the late ones rare."""
    source = random.Random(5)
    made: dict[str, None] = {}
    while len(made) < 4000:
        made["".join(source.choices(_SYLLABLES, k=source.choice((2, 3, 3, 4))))] = None
    return list(made)


def documents(count: int, start: int = 0) -> Iterator[dict[str, Any]]:
    """Records of the size and shape of a picture's, about 1.3 kB of JSON; the same ones for the same numbers."""
    known = vocabulary()
    for number in range(start, start + count):
        source = random.Random(number)
        picked = [known[min(int(source.paretovariate(0.6)) - 1, len(known) - 1)] for _ in range(40)]
        yield {
            "id": f"p{number:09}-1",
            "version": 1,
            "made": f"2026-{1 + number % 12:02}-{1 + number % 28:02}T{number % 24:02}:00:00.{number % 1000000:06}Z",
            "rating": source.randrange(6),
            "model": f"maker/model-{source.randrange(30)}",
            "seed": source.randrange(2**62),
            "tags": source.sample(known[:200], 3),
            "prompt": " ".join(picked),
            "negative_prompt": " ".join(picked[:6]),
            "sha256": f"{source.getrandbits(256):064x}",
            "file": {
                "name": f"{number:09}.png",
                "bytes": source.randrange(3_000_000),
                "width": 1024,
                "height": 1024,
            },
            "recipe": {
                "params": {"steps": 28, "guidance": 3.5, "sampler": "euler", "scheduler": "simple"},
                "loras": [],
                "prompt": " ".join(picked),
            },
        }


class ByHand:
    """The peer: the statements one would write by hand for this one table."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        run = self.db.execute
        for pragma in ("journal_mode=wal", "synchronous=full", "temp_store=memory", "cache_size=-16000"):
            run(f"PRAGMA {pragma}")
        columns = ", ".join(
            f"{name} {kind} AS (json_extract(doc,'$.{name}')) VIRTUAL" for name, kind in COLUMNS.items()
        )
        run(
            f"CREATE TABLE pictures (id INTEGER PRIMARY KEY, doc TEXT NOT NULL, "
            f"k TEXT AS (json_extract(doc,'$.id')) VIRTUAL, {columns})"
        )
        run("CREATE UNIQUE INDEX pictures_key ON pictures (k)")
        for name in COLUMNS:
            run(f"CREATE INDEX pictures_{name} ON pictures ({name})")
        run("CREATE TABLE tags (value, id INTEGER, PRIMARY KEY (value, id)) WITHOUT ROWID")
        run("CREATE INDEX tags_id ON tags (id)")
        run(
            "CREATE VIRTUAL TABLE found USING fts5(prompt, negative_prompt, tags, "
            "tokenize='unicode61 remove_diacritics 2', prefix='2 3')"
        )

    def insert(self, document: Mapping[str, Any]) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        self._write(document)
        self.db.execute("COMMIT")

    def fill(self, made: Iterator[dict[str, Any]]) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        for document in made:
            self._write(document)
        self.db.execute("COMMIT")

    def _write(self, document: Mapping[str, Any]) -> None:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        number = self.db.execute("INSERT INTO pictures (doc) VALUES (?)", (text,)).lastrowid
        self.db.executemany("INSERT INTO tags VALUES (?,?)", [(tag, number) for tag in document["tags"]])
        fields = (number, document["prompt"], document["negative_prompt"], " ".join(document["tags"]))
        self.db.execute("INSERT INTO found (rowid, prompt, negative_prompt, tags) VALUES (?,?,?,?)", fields)

    def newest(self) -> list[dict[str, Any]]:
        found = self.db.execute("SELECT doc FROM pictures ORDER BY made DESC, id DESC LIMIT ?", (PAGE,))
        return [json.loads(text) for (text,) in found]

    def search(self, word: str) -> list[dict[str, Any]]:
        found = self.db.execute(
            "SELECT doc FROM pictures WHERE id IN (SELECT rowid FROM found WHERE found MATCH ?) "
            "ORDER BY made DESC, id DESC LIMIT ?",
            (f'"{word}"', PAGE),
        )
        return [json.loads(text) for (text,) in found]


class Stock:
    """TinyDB with its JSON file."""

    def __init__(self, path: Path, count: int) -> None:
        self.db = TinyDB(path)
        self.table: StockTable = self.db.table("pictures")
        self.table.insert_multiple(documents(count))

    def newest(self) -> list[Any]:
        return sorted(self.table, key=lambda document: str(document["made"]), reverse=True)[:PAGE]

    def search(self, word: str) -> list[Any]:
        self.table.clear_cache()
        found = self.table.search(where("prompt").test(lambda text: word in text.split()))
        return sorted(found, key=lambda document: str(document["made"]), reverse=True)[:PAGE]


def rows(quick: bool) -> list[Row]:
    """All comparisons; with ``quick`` up to 10,000 records and fewer turns."""
    known = vocabulary()
    found: list[Row] = []
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-history-") as folder:
        for count in SIZES[:2] if quick else SIZES:
            found.extend(_at(count, Path(folder), known, turns=20 if quick else 100))
    return found


def _at(count: int, folder: Path, known: list[str], turns: int) -> Iterator[Row]:
    with Database(folder / f"ours-{count}.db", schemas={"pictures": SCHEMA}) as db:
        ours: Table = db.table("pictures")
        ours.insert_multiple(documents(count))
        hand = ByHand(folder / f"hand-{count}.db")
        hand.fill(documents(count))
        stock = Stock(folder / f"stock-{count}.json", count)
        stock_turns = 5 if count <= 1000 else 2

        fresh = [documents(turns + stock_turns, start=count) for _ in range(3)]
        label = f"at {count:>7,}:"
        yield from _rows(
            f"{label} durable insert",
            in_turns(lambda: ours.insert(next(fresh[0])), lambda: hand.insert(next(fresh[1])), turns),
            [timed(lambda: stock.table.insert(next(fresh[2]))) for _ in range(stock_turns)],
        )

        def page() -> object:
            return ours.page(order="made", descending=True, limit=PAGE)

        assert [each["id"] for each in page()] == [each["id"] for each in hand.newest()]  # type: ignore[attr-defined]
        yield from _rows(
            f"{label} page of {PAGE}, newest first",
            in_turns(page, hand.newest, turns),
            [timed(stock.newest) for _ in range(stock_turns)],
        )
        page_full = min(known, key=lambda word: abs(ours.count(words(word)) - PAGE))
        for kind, word in (("common word", known[3]), ("rarer word", page_full), ("unknown word", "zzzz")):

            def search(word: str = word) -> list[Any]:
                return list(ours.page(words(word), order="made", descending=True, limit=PAGE))

            def search_by_hand(word: str = word) -> list[Any]:
                return hand.search(word)

            assert [each["id"] for each in search()] == [each["id"] for each in search_by_hand()]
            yield from _rows(
                f"{label} {kind}, first {PAGE} of {ours.count(words(word)):,}",
                in_turns(search, search_by_hand, max(turns // 3, 5)),
                [timed(lambda word=word: stock.search(word)) for _ in range(stock_turns)],  # type: ignore[misc]
            )
        hand.db.close()
        stock.db.close()


def _rows(name: str, pair: tuple[list[float], list[float]], stock: list[float]) -> Iterator[Row]:
    yield compared(name, *pair, bar=BAR, note="peer: sqlite3 by hand")
    yield compared(name, pair[0], stock, note="peer: stock TinyDB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 10,000 records, fewer turns")
    print_table(rows(parser.parse_args().quick))


if __name__ == "__main__":
    main()
