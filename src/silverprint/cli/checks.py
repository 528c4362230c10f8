"""The checks behind ``doctor``: each looks at one thing and gives what it found, whether it is well, and the fix."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

from silverprint._version import __version__
from silverprint.cli.session import Session
from silverprint.core.errors import LibraryDamaged, SilverprintError

FEW_BYTES = 500_000_000
NO_BYTES = 50_000_000
_LOOKED_FOR = 2_000
_SHARP = ("kitty", "sixel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding. ``facts`` are for ``--json`` only."""

    name: str
    status: Literal["ok", "warning", "error"]
    said: str
    fix: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """The finding as ``--json`` prints it."""
        return {"check": self.name, "status": self.status, "said": self.said, "fix": self.fix, **self.facts}


def every_check(session: Session, *, online: bool = False) -> Iterator[Check]:
    """All findings, in order. A check that finds something broken doesn't keep the others back.

    Only with ``online`` is anything sent: the question whether a service takes its key.
    """
    from silverprint.cli.services import services

    yield versions()
    yield terminal(session)
    try:
        paths = session.paths
    except SilverprintError as error:
        yield broken("folders", error)
        return
    yield from settings(session)
    folders = {
        "config": paths.config, "data": paths.data, "pictures": paths.pictures,
        "cache": paths.cache, "state": paths.state,
    }  # fmt: skip
    for name, path in folders.items():
        yield folder(name, path)
    yield from database(session)
    yield from services(session, online=online)
    yield budget(session)
    yield pocket()


def versions() -> Check:
    """Python, silverprint and the packages it stands on."""
    found: dict[str, str] = {}
    missing: list[str] = []
    for name in _needed():
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            missing.append(name)
    python = platform.python_version()
    facts = {
        "silverprint": __version__, "python": python, "sqlite": sqlite3.sqlite_version,
        "platform": platform.platform(), "packages": found, "missing": missing,
    }  # fmt: skip
    said = f"silverprint {__version__}, Python {python}, SQLite {sqlite3.sqlite_version}, {platform.system()} {platform.machine()}"
    shown = [f"{name} {found[name]}" for name in ("textual", "onnxruntime", "pillow") if name in found]
    said = ", ".join([said, *shown])
    if missing:
        return Check(
            name="versions", status="error", said=f"{said}; missing: {', '.join(missing)}",
            fix=f"{sys.executable} -m pip install {' '.join(missing)}", facts=facts,
        )  # fmt: skip
    return Check(name="versions", status="ok", said=said, facts=facts)


def _needed() -> list[str]:
    """The names of the packages that an installed silverprint asks for, without those of extras."""
    with contextlib.suppress(PackageNotFoundError):
        lines = [line for line in requires("silverprint") or () if "extra ==" not in line]
        return sorted(
            {line.partition(";")[0].split("[")[0].rstrip("<>=!~.,0123456789 ").strip() for line in lines}
        )
    return []


def terminal(session: Session) -> Check:
    """What the terminal is, what it can show, and why."""
    if session.wiring.probe is None:
        return Check(name="terminal", status="warning", said="there is no screen here to ask")
    setting = session.settings.images if _has_settings(session) else None
    found = dict(session.wiring.probe(session.environ, session.images, setting))
    is_wished = (session.images or setting) in ("half", "none")
    protocol, colours = str(found.get("protocol", "")), str(found.get("colours", ""))
    name = f"{found.get('name') or 'unknown'} {found.get('version') or ''}".strip()
    cell = found.get("cell")
    parts = [name, f"pictures: {protocol}", f"colours: {colours}"]
    if cell:
        parts.append(f"cell {cell[0]}x{cell[1]}")
    parts += [
        word
        for word, holds in (("in tmux", found.get("through_tmux")), ("remote", found.get("remote")))
        if holds
    ]
    said = ", ".join(parts) + (f" ({found['why']})" if found.get("why") else "")
    facts = {key: value for key, value in found.items() if key not in ("typed", "late")}
    if protocol not in _SHARP:
        return Check(
            name="terminal", status="ok" if is_wished else "warning", said=said, facts=facts,
            fix="" if is_wished else
            "Pictures are coarse here. In kitty, Ghostty, WezTerm, foot or xterm -ti vt340 they are sharp; --images tries one.",
        )  # fmt: skip
    return Check(name="terminal", status="ok", said=said, facts=facts)


def _has_settings(session: Session) -> bool:
    try:
        return session.settings is not None
    except SilverprintError:
        return False


def settings(session: Session) -> Iterator[Check]:
    """The settings file, each mistake by itself."""
    path = session.paths.settings_file
    problems = session.settings_problems
    for problem in problems:
        yield Check(
            name="settings", status="error", said=str(problem), fix=problem.fix,
            facts={"path": str(path), "line": getattr(problem, "line", None)},
        )  # fmt: skip
    if not problems:
        said = str(path) if path.exists() else "no settings file; everything is at its default"
        yield Check(name="settings", status="ok", said=said, facts={"path": str(path)})


def folder(name: str, path: Path) -> Check:
    """Whether a folder can be written, and how much room it has."""
    from silverprint.store.filesystem import is_network

    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    facts: dict[str, Any] = {"path": str(path), "exists": path.is_dir()}
    if not there.is_dir():
        return Check(
            name=name, status="error", said=f"{there} is not a folder", fix=f"Move {there} away.", facts=facts
        )
    try:
        if path.is_dir():
            with tempfile.TemporaryFile(dir=path):
                pass
        elif not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Check(
            name=name, status="error", said=f"{path} can't be written: {error.strerror or error}",
            fix=f"Make {there} writable, or set SILVERPRINT_HOME to a folder that is.", facts=facts,
        )  # fmt: skip
    facts |= {"free_bytes": free, "network": is_network(there)}
    said = f"{path}, {_size(free)} free" + ("" if path.is_dir() else ", made when needed")
    if facts["network"]:
        said += ", on a network file system"
    if free < FEW_BYTES:
        status: Literal["warning", "error"] = "error" if free < NO_BYTES else "warning"
        return Check(name=name, status=status, said=said, fix="Free some disk space.", facts=facts)
    return Check(name=name, status="ok", said=said, facts=facts)


def database(session: Session) -> Iterator[Check]:
    """The history: whether it is whole, what is in it, and what was set aside."""
    from silverprint.store.database import Database

    path = session.paths.database
    facts: dict[str, Any] = {"path": str(path)}
    if not path.exists():
        yield Check(
            name="database", status="ok", said="none yet; it is made with the first picture", facts=facts
        )
    else:
        try:
            with contextlib.closing(Database(path, create=False)) as opened:
                problem = opened.integrity()
                facts |= {
                    "bytes": path.stat().st_size,
                    "pictures": len(opened.table("pictures")),
                    "jobs": len(opened.table("jobs")),
                    "note": opened.note,
                }
                rows = opened.table("pictures").page(descending=True, limit=_LOOKED_FOR)
                newest = list(_missing(rows, session.paths.pictures))
            if problem is not None:
                raise LibraryDamaged(f"{path.name} is damaged: {problem}", path=path)
            said = f"whole, pictures: {facts['pictures']:,}, jobs: {facts['jobs']:,}, {_size(facts['bytes'])}"
            yield Check(
                name="database", status="warning" if facts["note"] else "ok",
                said=said + (f"; {facts['note']}" if facts["note"] else ""), facts=facts,
            )  # fmt: skip
            yield from newest
        except SilverprintError as error:
            yield broken("database", error, facts)
    for aside in sorted(path.parent.glob(f"{path.name}.damaged-*")) if path.parent.is_dir() else ():
        if not aside.name.endswith(("-wal", "-shm", "-journal")):
            yield Check(
                name="set aside", status="warning", said=f"{aside} ({_size(aside.stat().st_size)})",
                fix="If pictures or ratings are missing, run `silverprint rebuild`; else the file may be deleted.",
                facts={"path": str(aside)},
            )  # fmt: skip


def _missing(rows: Iterable[Mapping[str, Any]], folder: Path) -> Iterator[Check]:
    """Whether picture files are where the index says."""
    files = [folder / str(row.get("file", {}).get("path", "")) for row in rows]
    gone = [str(file) for file in files if not file.is_file()]
    if gone:
        yield Check(
            name="files",
            status="error",
            said=f"{len(gone)} of the newest picture files are not there, such as {gone[0]}",
            fix="Put them back, or run `silverprint rebuild` to take them out of the index.",
            facts={"missing": gone},
        )


def pocket() -> Check:
    """Whether the built-in model's files are those that were shipped."""
    from silverprint.providers.pocket.weights import Weights

    try:
        weights = Weights.open()
        for name in weights.facts:
            weights.read(name)
    except SilverprintError as error:
        return broken("pocket", error)
    size = sum(facts.size for facts in weights.facts.values())
    said = f"the built-in model is whole: {len(weights.facts)} files, {_size(size)}, {weights.sha256[:12]}"
    return Check(name="pocket", status="ok", said=said, facts={"model_sha256": weights.sha256, "bytes": size})


def budget(session: Session) -> Check:
    """The limits that are set; what was spent of them is told by ``spend``."""
    from silverprint.core.budget import money

    said = session.settings.budget
    facts = {"day_usd": said.day_usd, "month_usd": said.month_usd, "assume_usd": said.assume_usd}
    limits = [
        f"{money(limit)} a {span}"
        for limit, span in ((said.day_usd, "day"), (said.month_usd, "month"))
        if limit is not None
    ]
    if not limits:
        words = "no limit is set; [budget] day_usd and month_usd in settings.toml set one"
    else:
        words = f"{' and '.join(limits)}; a job of unknown price counts as {money(said.assume_usd)}"
    return Check(name="budget", status="ok", said=words, facts=facts)


def broken(name: str, error: SilverprintError, facts: Mapping[str, Any] | None = None) -> Check:
    """The finding for an error that a check met."""
    return Check(name=name, status="error", said=str(error), fix=error.fix, facts=facts or {})


def _size(count: int) -> str:
    for unit, size in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} bytes"
