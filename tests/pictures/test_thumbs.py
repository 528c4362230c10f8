"""Thumbnails: kept by hash, the newest request first, dropped when unwanted, made again when damaged."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from silverprint.core.errors import DiskFull, NotFound, PictureError, StorageError
from silverprint.pictures import thumbs as module
from silverprint.pictures.decode import Limits
from silverprint.pictures.thumbs import Thumbs, prune

Encode = Callable[..., bytes]


@pytest.fixture
def picture(tmp_path: Path, encoded: Encode) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(size=(400, 200)))
    return path


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the sources that thumbnails were made of, in order."""
    names: list[str] = []
    real = module._small_copy

    def watched(source: Path, edge_px: int, limits: Limits) -> bytes:
        names.append(source.name)
        return real(source, edge_px, limits)

    monkeypatch.setattr(module, "_small_copy", watched)
    return names


class Gate:
    """Holds the making of thumbnails until it is opened, so that a queue can form."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.opened = threading.Event()
        self.first = threading.Event()

    def __call__(self, source: Path, _edge_px: int, _limits: Limits) -> bytes:
        self.begun.append(source.name)
        self.first.set()
        assert self.opened.wait(30)
        return b"RIFF\x04\0\0\0WEBP"


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(module, "_small_copy", gate)
    yield gate
    gate.opened.set()


async def held(thumbs: Thumbs, gate: Gate, tmp_path: Path) -> asyncio.Task[Path]:
    """A first request that keeps the one thread busy."""
    task = asyncio.create_task(thumbs.get(tmp_path / "first", "f0", 64))
    await asyncio.to_thread(gate.first.wait, 30)
    return task


async def test_a_thumbnail_fits_its_square_and_is_kept(
    tmp_path: Path, picture: Path, made: list[str]
) -> None:
    thumbs = Thumbs(tmp_path / "cache")
    path = await thumbs.get(picture, "ab12", 100)
    with Image.open(path) as image:
        assert (image.size, image.mode) == ((100, 50), "RGB")
    assert await thumbs.get(picture, "ab12", 100) == path
    again = Thumbs(tmp_path / "cache")
    assert await again.get(tmp_path / "gone.png", "ab12", 100) == path
    assert made == ["a.png"]
    assert await thumbs.get(picture, "ab12", 64) != path
    assert thumbs.wanted == 0
    thumbs.close()
    again.close()


async def test_a_small_picture_is_neither_enlarged_nor_smeared(tmp_path: Path, encoded: Encode) -> None:
    source = tmp_path / "small.png"
    source.write_bytes(encoded(size=(30, 20)))
    thumbs = Thumbs(tmp_path / "cache")
    with Image.open(await thumbs.get(source, "ab", 256)) as small, Image.open(source) as original:
        assert small.tobytes() == original.tobytes()
    thumbs.close()


async def test_transparent_parts_are_white_and_a_photo_stands_upright(tmp_path: Path) -> None:
    clear = tmp_path / "clear.png"
    Image.new("RGBA", (20, 20), (255, 0, 0, 0)).save(clear)
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1_600, 400)).save(turned, exif=exif)
    thumbs = Thumbs(tmp_path / "cache")
    with Image.open(await thumbs.get(clear, "aa", 64)) as image:
        assert image.getpixel((10, 10)) == (255, 255, 255)
    with Image.open(await thumbs.get(turned, "bb", 64)) as image:
        assert image.size == (16, 64)
    thumbs.close()


async def test_a_damaged_thumbnail_is_made_again(tmp_path: Path, picture: Path, made: list[str]) -> None:
    thumbs = Thumbs(tmp_path / "cache")
    path = await thumbs.get(picture, "ab", 64)
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], b"x" * len(whole)):
        path.write_bytes(damaged)
        assert (await thumbs.get(picture, "ab", 64)).read_bytes() == whole
    path.unlink()
    await thumbs.get(picture, "ab", 64)
    assert len(made) == 5
    thumbs.close()


async def test_a_broken_source_is_told_and_costs_only_itself(tmp_path: Path, picture: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(picture.read_bytes()[:200])
    thumbs = Thumbs(tmp_path / "cache")
    results = await asyncio.gather(
        thumbs.get(broken, "b1", 64),
        thumbs.get(tmp_path / "none.png", "b2", 64),
        thumbs.get(picture, "b3", 64),
        thumbs.get(picture, "../b4", 64),
        thumbs.get(picture, "b5", 0),
        return_exceptions=True,
    )
    assert [type(result) for result in results[:2]] == [PictureError, NotFound]
    assert isinstance(results[2], Path)
    assert [type(result) for result in results[3:]] == [PictureError, PictureError]
    thumbs.close()


async def test_many_who_ask_for_one_share_it(tmp_path: Path, picture: Path, made: list[str]) -> None:
    thumbs = Thumbs(tmp_path / "cache")
    paths = await asyncio.gather(*(thumbs.get(picture, "ab", 64) for _ in range(20)))
    assert len(set(paths)) == 1
    assert made == ["a.png"]
    thumbs.close()


async def test_the_newest_request_comes_first(tmp_path: Path, gate: Gate) -> None:
    thumbs = Thumbs(tmp_path / "cache", threads=1)
    tasks = [await held(thumbs, gate, tmp_path)]
    for name in ("a", "b", "c", "a"):
        tasks.append(asyncio.create_task(thumbs.get(tmp_path / name, name, 64)))
        await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(*tasks)
    assert gate.begun == ["first", "a", "c", "b"]
    thumbs.close()


async def test_what_nobody_wants_any_more_is_not_made(tmp_path: Path, gate: Gate) -> None:
    thumbs = Thumbs(tmp_path / "cache", threads=1)
    first = await held(thumbs, gate, tmp_path)
    tasks = {
        name: [asyncio.create_task(thumbs.get(tmp_path / name, name, 64)) for _ in range(2)]
        for name in ("a", "b", "c")
    }
    await asyncio.sleep(0)
    for task in (*tasks["a"], tasks["b"][0]):
        task.cancel()
    await asyncio.sleep(0)
    assert thumbs.wanted == 3
    gate.opened.set()
    await asyncio.gather(first, tasks["b"][1], *tasks["c"])
    assert gate.begun == ["first", "c", "b"]
    thumbs.close()


async def test_a_cancelled_request_that_runs_is_still_kept(tmp_path: Path, gate: Gate) -> None:
    thumbs = Thumbs(tmp_path / "cache", threads=1)
    first = await held(thumbs, gate, tmp_path)
    first.cancel()
    await asyncio.sleep(0)
    second = asyncio.create_task(thumbs.get(tmp_path / "first", "f0", 64))
    gate.opened.set()
    assert (await second).is_file()
    assert gate.begun == ["first"]
    thumbs.close()


async def test_no_more_threads_than_said(tmp_path: Path, gate: Gate) -> None:
    thumbs = Thumbs(tmp_path / "cache", threads=2)
    tasks = [asyncio.create_task(thumbs.get(tmp_path / str(n), f"a{n}", 64)) for n in range(50)]
    await asyncio.to_thread(gate.first.wait, 30)
    await asyncio.sleep(0)
    assert len(gate.begun) <= 2
    gate.opened.set()
    await asyncio.gather(*tasks)
    assert len(gate.begun) == 50
    thumbs.close()


async def test_closing_ends_every_wait(tmp_path: Path, gate: Gate) -> None:
    thumbs = Thumbs(tmp_path / "cache", threads=1)
    tasks = [await held(thumbs, gate, tmp_path)]
    tasks += [asyncio.create_task(thumbs.get(tmp_path / "a", "a1", 64)) for _ in range(3)]
    await asyncio.sleep(0)
    thumbs.close()
    thumbs.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [PictureError] * 4
    with pytest.raises(PictureError, match="closed"):
        await thumbs.get(tmp_path / "b", "b1", 64)
    assert gate.begun == ["first"]


async def test_a_cache_that_cannot_be_written_is_a_clear_error(
    tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    thumbs = Thumbs(tmp_path / "file")
    with pytest.raises(StorageError):
        await thumbs.get(picture, "ab", 64)
    thumbs.close()
    thumbs = Thumbs(tmp_path / "cache")

    def full(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(DiskFull):
            await thumbs.get(picture, "ab", 64)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    await thumbs.get(picture, "ab", 64)
    thumbs.close()


def test_pruning_takes_the_longest_unwanted(tmp_path: Path) -> None:
    files = []
    for number in range(10):
        path = tmp_path / f"{number:02}" / "x.webp"
        path.parent.mkdir()
        path.write_bytes(bytes(100))
        os.utime(path, (1_000 + (number * 7) % 10, 1_000 + (number * 7) % 10))
        files.append(path)
    left_over = tmp_path / "00" / "tmp1.part"
    left_over.write_bytes(bytes(100))
    os.utime(left_over, (1_000, 1_000))
    fresh = tmp_path / "01" / "tmp2.part"
    fresh.write_bytes(bytes(100))
    assert prune(tmp_path, 1_000) == 0
    assert not left_over.exists()
    assert fresh.exists()
    by_age = sorted(files, key=lambda path: path.stat().st_mtime)
    assert prune(tmp_path, 999) == 3
    assert [path.exists() for path in by_age] == [False] * 3 + [True] * 7
    assert prune(tmp_path / "none", 10) == 0


async def test_the_cache_is_bounded_while_it_is_used(
    tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHECK_EVERY", 2)
    thumbs = Thumbs(tmp_path / "cache", most_mb=0, threads=1)
    for number in range(5):
        await thumbs.get(picture, f"a{number}", 64)
    kept = [path for path in (tmp_path / "cache").rglob("*.webp")]
    assert len(kept) <= 2
    thumbs.close()
