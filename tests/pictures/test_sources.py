"""Input pictures: kept once by hash, found again, and turned into the pixels that a model takes."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from silverprint.core.errors import DiskFull, NotFound, PictureError
from silverprint.core.provider import ReadPixels
from silverprint.pictures.sources import Sources

Encode = Callable[..., bytes]


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(tmp_path / "inputs")


def png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


async def test_bytes_are_kept_once_by_their_hash(sources: Sources, tmp_path: Path, encoded: Encode) -> None:
    data = encoded("JPEG")
    file = tmp_path / "[bold]имя\x1b.jpg"
    file.write_bytes(data)
    digest = await sources.add(file)
    assert digest == sha256(data).hexdigest() == await sources.add_bytes(data)
    file.unlink()
    assert await sources.read(digest) == data
    assert sources.path(digest) == tmp_path / "inputs" / f"{digest}.jpg"
    assert len(list((tmp_path / "inputs").iterdir())) == 1


@pytest.mark.parametrize("data", [b"", b"<html>", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
async def test_what_is_no_picture_is_refused_and_not_kept(
    sources: Sources, tmp_path: Path, data: bytes
) -> None:
    with pytest.raises(PictureError):
        await sources.add_bytes(data)
    with pytest.raises(NotFound):
        await sources.add(tmp_path / "none.png")
    assert not (tmp_path / "inputs").exists()


async def test_a_half_written_copy_is_mended(sources: Sources, encoded: Encode) -> None:
    data = encoded()
    digest = await sources.add_bytes(data)
    sources.path(digest).write_bytes(data[:-4])
    with pytest.raises(NotFound, match="changed"):
        await sources.read(digest)
    await sources.add_bytes(data)
    assert await sources.read(digest) == data


async def test_a_full_disk_leaves_no_half_copy(
    sources: Sources, encoded: Encode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DiskFull):
            await sources.add_bytes(encoded())
    assert [path for path in (tmp_path / "inputs").glob("*") if path.is_file()] == []


async def test_a_picture_of_the_library_needs_no_copy(tmp_path: Path, encoded: Encode) -> None:
    library = tmp_path / "picture.png"
    library.write_bytes(encoded())
    digest = sha256(encoded()).hexdigest()
    sources = Sources(tmp_path / "inputs", find={digest: library}.get)
    assert await sources.read(digest) == encoded()
    assert not (tmp_path / "inputs").exists()
    with pytest.raises(NotFound):
        sources.path("00" * 32)
    library.unlink()
    with pytest.raises(NotFound):
        await sources.read(digest)


@pytest.mark.parametrize("digest", ["", "../x", "AB" * 32, "ab" * 31, "*" * 64])
def test_only_a_hash_is_a_name(sources: Sources, digest: str) -> None:
    with pytest.raises(NotFound):
        sources.path(digest)


async def test_pixels_at_their_own_size_are_exact(sources: Sources, encoded: Encode) -> None:
    read: ReadPixels = sources.read_pixels
    data = encoded(size=(40, 24))
    digest = await sources.add_bytes(data)
    with Image.open(BytesIO(data)) as image:
        pixels = image.tobytes()
    for size in (None, (40, 24)):
        found = await read(digest, size=size)
        assert (found.size, found.mode, found.data) == ((40, 24), "RGB", pixels)


async def test_a_box_is_covered_and_cropped_at_its_centre(sources: Sources) -> None:
    image = Image.new("RGB", (300, 100), "red")
    ImageDraw.Draw(image).rectangle((100, 0, 199, 99), fill="blue")
    digest = await sources.add_bytes(png(image))
    found = await sources.read_pixels(digest, size=(50, 50))
    assert found.size == (50, 50)
    shown = Image.frombytes("RGB", (50, 50), found.data)
    assert shown.getpixel((10, 25)) == shown.getpixel((40, 25)) == (0, 0, 255)
    wide = await sources.read_pixels(digest, size=(300, 50))
    shown = Image.frombytes("RGB", (300, 50), wide.data)
    assert [shown.getpixel((x, 25)) for x in (10, 150, 290)] == [(255, 0, 0), (0, 0, 255), (255, 0, 0)]


async def test_a_photo_is_turned_upright_and_transparency_is_white(sources: Sources) -> None:
    image = Image.new("RGB", (20, 10), "red")
    image.paste((0, 0, 255), (0, 0, 10, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the left side is up
    file = BytesIO()
    image.save(file, "PNG", exif=exif)
    found = await sources.read_pixels(await sources.add_bytes(file.getvalue()))
    assert found.size == (10, 20)
    shown = Image.frombytes("RGB", found.size, found.data)
    assert (shown.getpixel((5, 2)), shown.getpixel((5, 17))) == ((0, 0, 255), (255, 0, 0))
    clear = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    clear.putpixel((0, 0), (10, 20, 30, 255))
    found = await sources.read_pixels(await sources.add_bytes(png(clear)))
    assert found.data[:6] == bytes((10, 20, 30, 255, 255, 255))


async def test_white_is_what_to_repaint(sources: Sources) -> None:
    mask = Image.new("L", (8, 8), 0)
    mask.paste(255, (4, 0, 8, 8))
    wanted = mask.tobytes()
    opaque_picture = Image.new("RGB", (8, 8), (90, 140, 200)).convert("RGBA")
    hole = opaque_picture.copy()
    hole.paste((0, 0, 0, 0), (4, 0, 8, 8))
    strokes = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    strokes.paste((255, 255, 255, 255), (4, 0, 8, 8))
    for kind in (mask, mask.convert("RGB"), mask.convert("1"), mask.convert("RGBA"), hole, strokes):
        found = await sources.read_pixels(await sources.add_bytes(png(kind)), mode="L")
        assert (found.mode, found.data) == ("L", wanted)


async def test_a_mask_may_be_another_size(sources: Sources) -> None:
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (32, 0, 64, 64))
    found = await sources.read_pixels(await sources.add_bytes(png(mask)), size=(16, 16), mode="L")
    assert found.size == (16, 16)
    assert (found.data[2], found.data[13]) == (0, 255)


async def test_a_damaged_input_is_a_picture_error(tmp_path: Path, encoded: Encode) -> None:
    cut = tmp_path / "cut.png"
    cut.write_bytes(encoded()[:-30])
    digest = sha256(cut.read_bytes()).hexdigest()
    with pytest.raises(PictureError):
        await Sources(tmp_path / "inputs", find={digest: cut}.get).read_pixels(digest)
