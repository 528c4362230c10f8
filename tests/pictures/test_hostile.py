"""Bytes from outside: whatever comes, the answer is a picture or a PictureError with a reason."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from random import Random

import pytest
from PIL import Image, PngImagePlugin

from silverprint.core.errors import PictureError
from silverprint.core.image import RawImage
from silverprint.core.job import Job
from silverprint.core.update import Finished, Output
from silverprint.pictures import decode, metadata
from silverprint.pictures.decode import Limits
from silverprint.pictures.formats import PNG_START, png_chunk
from silverprint.pictures.intake import Intake

Encode = Callable[..., bytes]
LIMITS = Limits()


async def no_fetch(_output: Output) -> bytes:
    raise AssertionError("nothing to fetch")


def with_chunk(data: bytes, name: bytes, body: bytes) -> bytes:
    at = len(PNG_START) + 25  # behind IHDR
    return data[:at] + png_chunk(name, body) + data[at:]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html><body>502 Bad Gateway", "a web page"),
        (b"\xef\xbb\xbf \n<html>", "a web page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG"),
        (b'{"detail": "not found"}', "JSON"),
        (b"GIF89a" + bytes(50), "a GIF"),
        (b"\0\0\0\x1cftypavif" + bytes(40), "AVIF"),
        (b"\0\0\0\x1cftypisom" + bytes(40), "a video"),
        (b"%PDF-1.7", "a PDF"),
        (bytes(1_000), "something unknown"),
    ],
)
async def test_what_is_no_picture_is_named(job: Job, intake: Intake, data: bytes, words: str) -> None:
    with pytest.raises(PictureError, match=words):
        await intake.receive(job, Finished(outputs=(Output(data=data, media_type="image/png"),)), no_fetch)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_cut_at_any_place_is_refused(encoded: Encode, kind: str) -> None:
    data = encoded(kind, size=(30, 20))
    decode.decode(data, LIMITS)
    step = max(1, len(data) // 150)
    for length in {*range(0, len(data), step), *range(len(data) - 20, len(data))}:
        with pytest.raises(PictureError) as caught:
            decode.check(data[:length], LIMITS)
        assert len(str(caught.value)) > 10


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_flipped_bytes_give_a_picture_or_a_reason(encoded: Encode, kind: str) -> None:
    data = encoded(kind, size=(30, 20))
    random = Random(5)
    for _ in range(250):
        broken = bytearray(data)
        for _ in range(random.randint(1, 6)):
            broken[random.randrange(len(broken))] = random.randrange(256)
        try:
            image = decode.decode(bytes(broken), LIMITS)
        except PictureError:
            assert kind != "PNG" or bytes(broken) != data
        else:
            decode.flat(decode.upright(image))
            assert kind != "PNG" or bytes(broken) == data  # each byte of a PNG is under a checksum
        metadata.read(bytes(broken))


@pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (0, 10), (10, 0)])
async def test_a_huge_header_is_refused_before_it_costs_memory(
    job: Job, intake: Intake, width: int, height: int
) -> None:
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    bomb = PNG_START + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(bytes(10_000_000), 9))
    bomb += png_chunk(b"IEND", b"")
    with pytest.raises(PictureError, match=r"pixels|damaged"):
        await intake.receive(job, Finished(outputs=(Output(data=bomb),)), no_fetch)
    assert await intake.pending(job.id) is None


async def test_the_limits_hold(job: Job, tmp_path: Path, encoded: Encode) -> None:
    data = encoded(size=(40, 24))

    def intake(limits: Limits) -> Intake:
        return Intake(tmp_path / "p", tmp_path / "i", limits=limits, clock=lambda: job.created)

    fits = Finished(outputs=(Output(data=data),))
    await intake(Limits(bytes=len(data), pixels=960)).receive(job, fits, no_fetch)
    with pytest.raises(PictureError, match="bytes"):
        await intake(Limits(bytes=len(data) - 1, pixels=960)).receive(job, fits, no_fetch)
    with pytest.raises(PictureError, match="40 x 24 pixels"):
        await intake(Limits(pixels=959)).receive(job, fits, no_fetch)
    raw = Finished(outputs=(Output(image=RawImage(width=40, height=24, data=bytes(2_880))),))
    with pytest.raises(PictureError, match="pixels"):
        await intake(Limits(pixels=959)).receive(job, raw, no_fetch)


@pytest.mark.parametrize(
    "chunk",
    [
        (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(300_000_000), 9)),
        (b"iTXt", b"silverprint\0\1\0\0\0" + zlib.compress(bytes(300_000_000), 9)),
        (b"iCCP", b"profile\0\0" + zlib.compress(bytes(300_000_000), 9)),
    ],
    ids=lambda chunk: chunk[0].decode(),
)
def test_a_text_bomb_is_refused(encoded: Encode, chunk: tuple[bytes, bytes]) -> None:
    data = with_chunk(encoded(), *chunk)
    with pytest.raises(PictureError, match="decompression bomb"):
        decode.check(data, LIMITS)
    assert metadata.read(data) is None


def test_many_small_bombs_are_one_bomb(encoded: Encode) -> None:
    data = encoded()
    for _ in range(5):
        data = with_chunk(data, b"zTXt", b"Comment\0\0" + zlib.compress(bytes(4_000_000), 9))
    with pytest.raises(PictureError, match="decompression bomb"):
        decode.check(data, LIMITS)


async def test_a_large_honest_text_does_not_cost_the_picture(
    job: Job, intake: Intake, encoded: Encode
) -> None:
    workflow = bytes(range(32, 127)) * 50_000
    data = with_chunk(encoded(), b"zTXt", b"workflow\0\0" + zlib.compress(workflow))
    data = with_chunk(data, b"iTXt", b"other\0\0\0\0\0" + workflow)
    with pytest.raises(ValueError, match="too large"), Image.open(BytesIO(data)) as image:
        image.load()
    [picture] = await intake.make(
        job, await intake.receive(job, Finished(outputs=(Output(data=data),)), no_fetch)
    )
    assert picture.file.size > len(data)


def test_a_damaged_text_does_not_cost_the_picture(encoded: Encode) -> None:
    data = with_chunk(encoded(), b"zTXt", b"parameters\0\0not zlib at all")
    decode.decode(data, LIMITS)
    assert metadata.read(data) is None


def test_pixels_that_are_fewer_than_promised_are_refused() -> None:
    header = (100).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    for pixels in (b"", bytes(50), zlib.compress(bytes(500)), zlib.compress(bytes(30_100))[:-6]):
        data = PNG_START + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")
        with pytest.raises(PictureError):
            decode.decode(data, LIMITS)


def test_parts_in_the_wrong_place_are_refused(encoded: Encode) -> None:
    data = encoded()
    ihdr = data[8:33]
    for broken in (data[:8] + data[33:], data[:33] + ihdr + data[33:], PNG_START + png_chunk(b"IEND", b"")):
        with pytest.raises(PictureError):
            decode.check(broken, LIMITS)
    webp = bytearray(encoded("WEBP"))
    webp[16:20] = (2**32 - 1).to_bytes(4, "little")
    with pytest.raises(PictureError):
        decode.check(bytes(webp), LIMITS)
    with pytest.raises(PictureError):
        decode.check(b"\xff\xd8\xff\xe0\0\0" + encoded("JPEG"), LIMITS)


def test_what_follows_the_end_of_a_png_is_not_kept(encoded: Encode) -> None:
    tail = b"PK\x03\x04 hidden"
    data = metadata.embed(encoded() + tail, "image/png", {"v": 1}, "text")
    assert tail not in data
    decode.decode(data, LIMITS)


def test_a_damaged_orientation_leaves_the_picture(encoded: Encode) -> None:
    data = with_chunk(encoded(), b"eXIf", b"MM\0*\xff\xff\xff\xff\0\0")
    assert decode.upright(decode.decode(data, LIMITS)).size == (40, 24)


def test_a_name_full_of_markup_and_codes_stays_data(encoded: Encode) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text(
        "parameters", "[bold]x[/] \x1b[31m\nSteps: 1, Sampler: [red], Size: 1x1, Model: \x1b]0;t\x07"
    )
    note = metadata.read(encoded("PNG", pnginfo=info))
    assert note is not None
    assert note.recipe is not None
    assert note.recipe.prompt == "[bold]x[/] \x1b[31m"
