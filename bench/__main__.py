"""``python -m bench [--quick] [NAME...]``: the table of ratios, each measured against its peer in this run."""

from __future__ import annotations

import argparse
import importlib

from bench.report import Row, print_table

BENCHES = ("startup", "history", "pocket", "clouds")


def main() -> None:
    """Run the benches named, or all of them, and print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHES], help="which ones (all)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and no 100,000 records")
    chosen = parser.parse_args()
    table: list[Row] = []
    for name in chosen.names or BENCHES:
        table.extend(importlib.import_module(f"bench.{name}").rows(chosen.quick))
    print_table(table)


if __name__ == "__main__":
    main()
