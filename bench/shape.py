"""Prints the ten longest modules and the ten longest functions, to show where a second noun hides."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src"


def main() -> None:
    """Print both lists, longest first."""
    modules: list[tuple[int, str]] = []
    functions: list[tuple[int, str]] = []
    for path in SOURCE.rglob("*.py"):
        text = path.read_text("utf-8")
        name = str(path.relative_to(SOURCE))
        modules.append((text.count("\n"), name))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                functions.append((node.end_lineno - node.lineno + 1, f"{name}:{node.lineno} {node.name}"))
    for title, rows in (("modules", modules), ("functions", functions)):
        print(f"longest {title}")
        for length, where in sorted(rows, reverse=True)[:10]:
            print(f"{length:6} {where}")


if __name__ == "__main__":
    main()
