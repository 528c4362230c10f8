"""Whether two pictures are the same; and copies for elsewhere, that never replace anything unasked."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from silverprint.core.errors import DiskFull, NotFound, PictureError, StorageError, UsageError
from silverprint.core.image import RawImage
from silverprint.core.job import Job
from silverprint.core.picture import Picture
from silverprint.core.update import Finished, Output
from silverprint.pictures import decode, metadata
from silverprint.pictures.compare import verdict
from silverprint.pictures.decode import Limits
from silverprint.pictures.export import export_picture, place
from silverprint.pictures.files import relative_path, safe_name
from silverprint.pictures.intake import Intake

Encode = Callable[..., bytes]


def saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def grey(path: Path, values: list[int]) -> Path:
    image = Image.new("RGB", (len(values), 1))
    for x, value in enumerate(values):
        image.putpixel((x, 0), (value, value, value))
    image.save(path)
    return path


def test_the_same_pixels_are_bit_exact_whatever_the_file(tmp_path: Path, encoded: Encode) -> None:
    png, webp = (
        saved(tmp_path / "a.png", encoded()),
        saved(tmp_path / "b.webp", encoded("WEBP", lossless=True)),
    )
    found = verdict(png, webp)
    assert (found.word, found.mean, found.worst) == ("bit-exact", 0.0, 0)


def test_how_near_is_measured_on_channel_values(tmp_path: Path) -> None:
    one, other = grey(tmp_path / "a.png", [0, 100, 255, 50]), grey(tmp_path / "b.png", [0, 103, 251, 50])
    assert (verdict(one, other).mean, verdict(one, other).worst) == (7 / 4, 4)
    assert verdict(one, other).word == "near"
    far = grey(tmp_path / "c.png", [255, 100, 255, 50])
    assert (verdict(one, far).mean, verdict(one, far).worst) == (255 / 4, 255)
    assert verdict(one, far).word == "different"
    red = Image.new("RGB", (1, 1), (9, 0, 0))
    red.save(tmp_path / "red.png")
    assert verdict(grey(tmp_path / "black.png", [0]), tmp_path / "red.png").mean == 3.0


def test_pictures_that_cannot_be_compared(tmp_path: Path, encoded: Encode) -> None:
    one = saved(tmp_path / "a.png", encoded(size=(10, 10)))
    assert verdict(one, saved(tmp_path / "b.png", encoded(size=(10, 11)))).worst == -1
    assert verdict(one, tmp_path / "b.png").word == "different"
    with pytest.raises(NotFound):
        verdict(one, tmp_path / "none.png")
    with pytest.raises(PictureError):
        verdict(one, saved(tmp_path / "c.png", encoded()[:-20]))


@pytest.fixture
async def made(job: Job, intake: Intake, tmp_path: Path) -> tuple[Path, Picture]:
    async def no_fetch(_output: Output) -> bytes:
        raise AssertionError("nothing to fetch")

    raw = RawImage(width=16, height=8, data=bytes(range(128)) * 3)
    [picture] = await intake.make(
        job, await intake.receive(job, Finished(outputs=(Output(image=raw),)), no_fetch)
    )
    return tmp_path / "pictures" / picture.file.path, picture


def test_an_export_is_the_same_file_under_another_name(made: tuple[Path, Picture], tmp_path: Path) -> None:
    path, picture = made
    target = export_picture(path, picture, tmp_path / "out", pattern="{provider}/{seed}-{number}-{prompt}")
    assert target.parent == tmp_path / "out" / "pocket"
    assert target.name == "7-1-雪の狐-a-fox-غروب-الشمس.png"
    assert target.read_bytes() == path.read_bytes()
    local = picture.made.astimezone()
    plain = export_picture(path, picture, tmp_path / "out")
    assert plain.name == f"{local:%Y-%m-%d}-{local:%H%M%S}-{picture.id}.png"


@pytest.mark.parametrize(("format", "suffix"), [("jpeg", ".jpg"), ("webp", ".webp"), ("png", ".png")])
def test_another_format_takes_the_recipe_along(
    made: tuple[Path, Picture], tmp_path: Path, format: str, suffix: str
) -> None:
    path, picture = made
    target = export_picture(path, picture, tmp_path / "out", format=format)  # type: ignore[arg-type]
    assert target.suffix == suffix
    note, original = metadata.read(target), metadata.read(path)
    assert note == original
    assert verdict(path, target).mean < (6 if format == "jpeg" else 1e-9)


def test_a_transparent_picture_is_exported_on_white_as_jpeg(
    made: tuple[Path, Picture], tmp_path: Path
) -> None:
    clear = tmp_path / "clear.png"
    Image.new("RGBA", (16, 16), (255, 0, 0, 0)).save(clear)
    jpeg = export_picture(clear, made[1], tmp_path, pattern="j", format="jpeg")
    webp = export_picture(clear, made[1], tmp_path, pattern="w", format="webp")
    with Image.open(jpeg) as image, Image.open(webp) as other:
        assert image.getpixel((8, 8)) == (255, 255, 255)
        assert other.convert("RGBA").getchannel("A").getextrema() == (0, 0)


def test_nothing_is_replaced_unasked(made: tuple[Path, Picture], tmp_path: Path) -> None:
    path, picture = made
    names = [export_picture(path, picture, tmp_path / "out", pattern="x.y").name for _ in range(3)]
    assert names == ["x.y.png", "x.y-2.png", "x.y-3.png"]
    (tmp_path / "out" / "x.y.png").write_bytes(b"other")
    assert export_picture(path, picture, tmp_path / "out", pattern="x.y").name == "x.y-4.png"
    assert (tmp_path / "out" / "x.y.png").read_bytes() == b"other"
    assert export_picture(path, picture, tmp_path / "out", pattern="x.y", replace=True).name == "x.y.png"
    assert (tmp_path / "out" / "x.y.png").read_bytes() == path.read_bytes()
    assert not list((tmp_path / "out").glob(".*"))


def test_writers_at_once_never_share_a_name(tmp_path: Path) -> None:
    start = threading.Barrier(8)
    placed: list[Path] = []

    def write(number: int) -> None:
        start.wait(30)
        placed.append(place(tmp_path / "a.png", bytes([number]) * 1_000))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(placed)) == 8
    assert {path.read_bytes()[0] for path in placed} == set(range(8))


def test_a_disk_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_self: Path, _target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    assert [place(tmp_path / "a.png", data).name for data in (b"1", b"2")] == ["a.png", "a-2.png"]
    assert ((tmp_path / "a.png").read_bytes(), (tmp_path / "a-2.png").read_bytes()) == (b"1", b"2")


def test_a_pattern_cannot_leave_the_folder(made: tuple[Path, Picture], tmp_path: Path) -> None:
    path, picture = made
    for pattern in ("../../up", "/etc/x", "a/../../b", "~/x", "..", ".hidden"):
        target = export_picture(path, picture, tmp_path / "out", pattern=pattern)
        assert target.resolve().is_relative_to((tmp_path / "out").resolve())
        assert not target.name.startswith(".")
    with pytest.raises(UsageError) as caught:
        export_picture(path, picture, tmp_path / "out", pattern="a-{nonsense}")
    assert caught.value.at == (2, 12)
    with pytest.raises(UsageError):
        export_picture(path, picture, tmp_path / "out", pattern=" / ")


def test_a_folder_that_cannot_be_written(
    made: tuple[Path, Picture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, picture = made
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        export_picture(path, picture, tmp_path / "file" / "below")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DiskFull):
            export_picture(path, picture, tmp_path / "out")
    assert [item for item in (tmp_path / "out").iterdir() if item.is_file()] == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a fox, at dawn", "a-fox-at-dawn"),
        ("雪の狐 🦊", "雪の狐"),
        ("../../etc/passwd", "etc-passwd"),
        ("...", "picture"),
        ("", "picture"),
        ("CON", "CON-"),
        ("nul.txt", "nul.txt-"),
        ("a\0b\x1b[31m\n", "a-b-31m"),
        ("half \ud83d", "half"),
    ],
)
def test_any_text_becomes_a_safe_name(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_a_long_name_is_cut_between_letters() -> None:
    name = safe_name("雪" * 100, most=80)
    assert name == "雪" * 26
    assert len(safe_name("x" * 100)) == 80


def test_a_job_without_a_zone_is_utc(job: Job) -> None:
    naive = replace(job, created=datetime(2026, 1, 2, 3, 4, 5))
    aware = replace(job, created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert relative_path(naive, 2, ".png") == relative_path(aware, 2, ".png")
    assert relative_path(aware, 2, ".png") == f"2026-01-02/20260102-030405-{job.id}-2.png"


def test_reading_a_picture_that_grew_too_large(tmp_path: Path) -> None:
    file = BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    path = saved(tmp_path / "a.png", file.getvalue())
    with pytest.raises(PictureError, match="more than"):
        decode.read(path, Limits(bytes=10))
    with pytest.raises(StorageError):
        decode.read(tmp_path, Limits())
