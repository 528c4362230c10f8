"""A program that writes to a library until it is killed, and says each write on stdout once it is durable.

``python crash_child.py pairs FOLDER NAME`` writes a job and two pictures in one transaction, for ever; ``count`` instead
of ``pairs`` writes 200 single records and ends.
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from silverprint.store.database import Database
from silverprint.store.schema import Column, TableSchema

SCHEMAS = {
    "jobs": TableSchema(columns=(Column("state", "state"),)),
    "pictures": TableSchema(columns=(Column("tags", "tags[]"),), fts=("prompt",)),
}
RECORDS = 200


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def pairs(db: Database, name: str) -> None:
    for number in count():
        key = f"{name}-{number}"
        with db.transaction():
            db.table("jobs").put(key, {"state": "DONE"})
            for place in (1, 2):
                picture = {"job": key, "prompt": f"fox {key}", "tags": ["a", "b"], "pad": "x" * 2000}
                db.table("pictures").put(f"{key}-{place}", picture)
            if number % 5 == 4:
                db.table("jobs").remove_key(f"{name}-{number - 1}")
                db.table("pictures").remove_key(f"{name}-{number - 1}-1")
                db.table("pictures").remove_key(f"{name}-{number - 1}-2")
        say(str(number))


def single(db: Database, name: str) -> None:
    for number in range(RECORDS):
        db.table("pictures").put(f"{name}-{number}", {"prompt": f"fox {name}", "tags": [name]})
    say("done")


def main() -> None:
    what, folder, name = sys.argv[1:]
    with Database(Path(folder) / "library.db", schemas=SCHEMAS) as db:
        say("open")
        (pairs if what == "pairs" else single)(db, name)


if __name__ == "__main__":
    main()
