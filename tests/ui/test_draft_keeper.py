"""The draft on disk: soon, in order, and never a reason to stop typing."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from silverprint.core.errors import DiskFull, SilverprintError
from silverprint.settings.draft import Draft, load_draft
from silverprint.ui.draft_keeper import DraftKeeper


def ignore(_error: SilverprintError) -> None:
    raise AssertionError("no error was due")


async def test_typing_without_rest_is_saved_before_it_ends(tmp_path: Path) -> None:
    saved: asyncio.Queue[Draft] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def save(_path: Path, draft: Draft) -> None:
        loop.call_soon_threadsafe(saved.put_nowait, draft)

    keeper = DraftKeeper(tmp_path / "draft.json", failed=ignore, pause_s=0.01, save=save)
    running = asyncio.create_task(keeper.run())
    typed = 0
    async with asyncio.timeout(10):
        while saved.empty():  # no pause between two keys is ever as long as the keeper's
            typed += 1
            keeper.put(Draft(prompt="x" * typed))
            await asyncio.sleep(0)
    running.cancel()
    assert saved.get_nowait().prompt.startswith("x")


async def test_a_slow_disk_still_ends_with_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "draft.json"
    gate, writing = threading.Event(), threading.Event()

    def slow(where: Path, draft: Draft) -> None:
        from silverprint.settings.draft import save_draft

        writing.set()
        gate.wait(10)
        save_draft(where, draft)

    keeper = DraftKeeper(path, failed=ignore, pause_s=0.0, save=slow)
    keeper.put(Draft(prompt="first"))
    first = asyncio.create_task(keeper.flush())
    await asyncio.to_thread(writing.wait, 10)
    keeper.put(Draft(prompt="second"))
    second = asyncio.create_task(keeper.flush())
    gate.set()
    await asyncio.gather(first, second)
    assert load_draft(path).prompt == "second"


async def test_a_disk_that_fails_is_told_once_and_tried_again(tmp_path: Path) -> None:
    told: list[SilverprintError] = []
    tries: list[str] = []

    def full(_path: Path, draft: Draft) -> None:
        tries.append(draft.prompt)
        raise DiskFull("no room", path=tmp_path)

    keeper = DraftKeeper(tmp_path / "draft.json", failed=told.append, save=full)
    for prompt in ("a", "ab"):
        keeper.put(Draft(prompt=prompt))
        await keeper.flush()
    assert tries == ["a", "ab"]
    assert len(told) == 1


async def test_nothing_new_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "draft.json"
    keeper = DraftKeeper(path, failed=ignore)
    await keeper.flush()
    assert not path.exists()
