"""From outputs to picture files: everything is on disk before it counts, and doing it twice is doing it once."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from silverprint.core.errors import DiskFull, PictureError, StorageError, Unreachable
from silverprint.core.grade import Grade
from silverprint.core.image import RawImage
from silverprint.core.job import Job
from silverprint.core.recipe import Engine
from silverprint.core.update import Finished, Output
from silverprint.pictures import metadata
from silverprint.pictures.intake import Intake, Limits
from silverprint.pictures.reading import read_file
from silverprint.store.codec import picture_document, picture_of

Encode = Callable[..., bytes]

ENGINE = Engine(
    name="onnxruntime", versions={"onnxruntime": "1.20"}, device="cpu x86_64", model_sha256="ab" * 32
)
RAW = RawImage(width=16, height=8, data=bytes(range(128)) * 3)


async def no_fetch(_output: Output) -> bytes:
    raise AssertionError("nothing to fetch")


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def pixels_of(path: Path) -> str:
    with Image.open(path) as image:
        return sha256(image.convert("RGB").tobytes()).hexdigest()


async def test_raw_pixels_become_a_png_with_the_whole_recipe(
    job: Job, intake: Intake, tmp_path: Path
) -> None:
    finished = Finished(
        outputs=(Output(image=RAW),), seed=7, engine=ENGINE, grade=Grade.EXACT, price_usd=0.0, seconds=0.31
    )
    manifest = await intake.receive(job, finished, no_fetch)
    assert not (tmp_path / "pictures").exists()
    [picture] = await intake.make(job, manifest)
    assert picture.file.path == "2026-11-22/20261122-160102-06ev0a1bc2d3e4f5-1.png"
    path = tmp_path / "pictures" / picture.file.path
    data = path.read_bytes()
    assert (picture.file.size, picture.file.sha256) == (len(data), sha256(data).hexdigest())
    assert picture.file.pixels_sha256 == RAW.sha256() == pixels_of(path)
    assert (picture.file.width, picture.file.height, picture.file.media_type) == (16, 8, "image/png")
    assert picture.recipe == replace(job.recipe, engine=ENGINE)
    assert (picture.id, picture.job, picture.batch) == (f"{job.id}-1", job.id, job.batch)
    assert (picture.grade, picture.seed, picture.seconds, picture.price_usd) == (Grade.EXACT, 7, 0.31, 0.0)
    note = metadata.read(path)
    assert note is not None
    assert note.recipe == picture.recipe
    assert picture_of(picture_document(picture)) == picture


async def test_the_file_alone_tells_the_whole_picture(job: Job, intake: Intake, tmp_path: Path) -> None:
    finished = Finished(outputs=(Output(image=RAW),), engine=ENGINE, grade=Grade.HARDWARE, price_usd=0.03)
    job = replace(job, parent="other-1")
    [picture] = await intake.make(job, await intake.receive(job, finished, no_fetch))
    found = read_file(tmp_path / "pictures" / picture.file.path)
    assert found is not None
    record, facts = found
    file = {name: getattr(facts, name) for name in type(facts).__dataclass_fields__}
    assert picture_of({**record, "file": file | {"path": picture.file.path}}) == picture


async def test_twice_is_once(job: Job, intake: Intake, tmp_path: Path, encoded: Encode) -> None:
    finished = Finished(outputs=(Output(data=encoded()), Output(image=RAW)))
    manifest = await intake.receive(job, finished, no_fetch)
    assert await intake.receive(job, finished, no_fetch) == manifest
    incoming = files_below(tmp_path / "incoming")
    first = await intake.make(job, manifest)
    before = {
        name: (tmp_path / "pictures" / name).read_bytes() for name in files_below(tmp_path / "pictures")
    }
    later = Intake(
        tmp_path / "pictures",
        tmp_path / "incoming",
        limits=Limits(),
        clock=lambda: job.created + timedelta(9),
    )
    assert await later.make(job, await later.pending(job.id) or {}) == first
    assert {
        name: (tmp_path / "pictures" / name).read_bytes() for name in files_below(tmp_path / "pictures")
    } == before
    assert files_below(tmp_path / "incoming") == incoming
    assert len(before) == 2
    await intake.clear(job.id)
    await intake.clear(job.id)
    assert files_below(tmp_path / "incoming") == []
    assert await intake.pending(job.id) is None


async def test_the_manifest_lives_through_json_and_names_what_came(
    job: Job, intake: Intake, encoded: Encode
) -> None:
    data = encoded("WEBP", lossless=True)
    finished = Finished(
        outputs=(Output(data=data, seed=11),), seed=9, engine=ENGINE, grade=Grade.APPROXIMATE, price_usd=0.04
    )
    manifest = await intake.receive(job, finished, no_fetch)
    assert json.loads(json.dumps(manifest)) == await intake.pending(job.id) == manifest
    assert manifest["outputs"][0]["sha256"] == sha256(data).hexdigest()
    [picture] = await intake.make(job, json.loads(json.dumps(manifest)))
    assert (picture.seed, picture.recipe.seed) == (11, 7)


async def test_a_seed_that_the_service_chose_is_in_the_recipe(job: Job, intake: Intake) -> None:
    job = replace(job, recipe=replace(job.recipe, seed=None))
    manifest = await intake.receive(job, Finished(outputs=(Output(image=RAW),), seed=99), no_fetch)
    [picture] = await intake.make(job, manifest)
    assert (picture.seed, picture.recipe.seed) == (99, 99)


async def test_links_are_fetched_and_their_errors_pass(
    job: Job, intake: Intake, encoded: Encode, tmp_path: Path
) -> None:
    data = encoded("JPEG")
    asked: list[str | None] = []

    async def fetch(output: Output) -> bytes:
        asked.append(output.url)
        if output.url == "https://x/gone":
            raise Unreachable("no network")
        return data

    good, gone = Output(url="https://x/1", media_type="image/png"), Output(url="https://x/gone")
    with pytest.raises(Unreachable):
        await intake.receive(job, Finished(outputs=(good, gone)), fetch)
    assert await intake.pending(job.id) is None
    manifest = await intake.receive(job, Finished(outputs=(good,)), fetch)
    [picture] = await intake.make(job, manifest)
    assert asked == ["https://x/1", "https://x/gone", "https://x/1"]
    assert picture.file.path.endswith("-1.jpg")
    assert picture.file.media_type == "image/jpeg"


async def test_received_bytes_are_whole_or_they_do_not_count(
    job: Job, intake: Intake, tmp_path: Path, encoded: Encode
) -> None:
    manifest = await intake.receive(
        job, Finished(outputs=(Output(data=encoded()), Output(image=RAW))), no_fetch
    )
    folder = tmp_path / "incoming" / job.id
    files = [folder / output["file"] for output in manifest["outputs"]]
    original = files[0].read_bytes()
    for damaged in (original[:-1], original[:-1] + b"x", b""):
        files[0].write_bytes(damaged)
        assert await intake.pending(job.id) is None
    files[0].unlink()
    assert await intake.pending(job.id) is None
    assert len(await intake.make(job, manifest)) == 1
    files[1].unlink()
    with pytest.raises(PictureError, match="gone"):
        await intake.make(job, manifest)
    files[0].write_bytes(original)
    files[1].write_bytes(b"")
    with pytest.raises(PictureError):
        await intake.make(replace(job, id="another"), manifest)


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"outputs": []},
        {"outputs": [{"number": 1}]},
        {"received": "yesterday"},
        {"job": "other"},
        {
            "outputs": [
                {"number": 1, "file": "../../secret.png", "media_type": "image/png", "sha256": "", "size": 1}
            ]
        },
    ],
)
async def test_a_damaged_manifest_is_no_manifest(
    job: Job, intake: Intake, tmp_path: Path, change: dict[str, Any]
) -> None:
    manifest = {**await intake.receive(job, Finished(outputs=(Output(image=RAW),)), no_fetch), **change}
    (tmp_path / "incoming" / job.id / "manifest.json").write_text(json.dumps(manifest))
    assert await intake.pending(job.id) is None
    if "job" not in change:
        with pytest.raises(PictureError):
            await intake.make(job, manifest)
    for text in ("", "{", "[]", "null", "[" * 100_000):
        (tmp_path / "incoming" / job.id / "manifest.json").write_text(text)
        assert await intake.pending(job.id) is None


async def test_a_manifest_never_names_a_file_elsewhere(
    job: Job, intake: Intake, tmp_path: Path, encoded: Encode
) -> None:
    data = encoded()
    (tmp_path / "private.png").write_bytes(data)
    manifest = dict(await intake.receive(job, Finished(outputs=(Output(data=data),)), no_fetch))
    manifest["outputs"] = [manifest["outputs"][0] | {"file": "../../private.png"}]
    with pytest.raises(PictureError, match="damaged"):
        await intake.make(job, manifest)


@pytest.mark.parametrize("job_id", ["../up", "a/b", "", ".", "x" * 100, "a\0b"])
async def test_an_id_never_becomes_another_folder(job: Job, intake: Intake, job_id: str) -> None:
    with pytest.raises(PictureError):
        await intake.receive(replace(job, id=job_id), Finished(outputs=(Output(image=RAW),)), no_fetch)
    with pytest.raises(PictureError):
        await intake.clear(job_id)


@pytest.mark.parametrize("outputs", [(), (Output(),)])
async def test_an_answer_without_a_picture(job: Job, intake: Intake, outputs: tuple[Output, ...]) -> None:
    with pytest.raises(PictureError, match="without a picture"):
        await intake.receive(job, Finished(outputs=outputs), no_fetch)


async def test_one_bad_output_does_not_cost_the_good_ones(job: Job, intake: Intake, encoded: Encode) -> None:
    half = encoded()[:-30]
    manifest = await intake.receive(
        job, Finished(outputs=(Output(image=RAW), Output(data=half), Output(data=encoded("JPEG")))), no_fetch
    )
    assert manifest["problems"] == ["The PNG picture is cut short."]
    pictures = await intake.make(job, manifest)
    assert [picture.id for picture in pictures] == [f"{job.id}-1", f"{job.id}-3"]
    with pytest.raises(PictureError, match="cut short"):
        await intake.receive(job, Finished(outputs=(Output(data=half), Output(data=b""))), no_fetch)
    assert await intake.pending(job.id) == manifest


async def test_other_pixels_never_replace_a_picture(
    job: Job, intake: Intake, tmp_path: Path, encoded: Encode
) -> None:
    [first] = await intake.make(
        job, await intake.receive(job, Finished(outputs=(Output(image=RAW),)), no_fetch)
    )
    kept = (tmp_path / "pictures" / first.file.path).read_bytes()
    again = await intake.receive(job, Finished(outputs=(Output(data=encoded()),)), no_fetch)
    [second] = await intake.make(job, again)
    assert second.file.path != first.file.path
    assert (tmp_path / "pictures" / first.file.path).read_bytes() == kept
    assert await intake.make(job, again) == [second]
    same = await intake.receive(job, Finished(outputs=(Output(image=RAW),), seconds=9.0), no_fetch)
    [third] = await intake.make(job, same)
    assert third.file.path == first.file.path
    assert len(files_below(tmp_path / "pictures")) == 2


def full(*_args: object) -> None:
    raise OSError(28, "No space left on device")


async def test_a_full_disk_loses_nothing(
    job: Job, intake: Intake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = Finished(outputs=(Output(image=RAW),))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DiskFull) as caught:
            await intake.receive(job, finished, no_fetch)
        assert caught.value.can_retry
    assert await intake.pending(job.id) is None
    manifest = await intake.receive(job, finished, no_fetch)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DiskFull):
            await intake.make(job, manifest)
    assert files_below(tmp_path / "pictures") == []
    assert await intake.pending(job.id) == manifest
    assert len(await intake.make(job, manifest)) == 1


async def test_a_rename_that_fails_leaves_no_half_picture(
    job: Job, intake: Intake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = await intake.receive(job, Finished(outputs=(Output(image=RAW),)), no_fetch)

    def broken(_self: Path, _target: Path) -> Path:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", broken)
        with pytest.raises(StorageError):
            await intake.make(job, manifest)
    assert files_below(tmp_path / "pictures") == []
    assert len(await intake.make(job, manifest)) == 1


async def test_a_folder_that_cannot_be_made(job: Job, tmp_path: Path) -> None:
    (tmp_path / "pictures").write_text("a file in the way")
    intake = Intake(tmp_path / "pictures", tmp_path / "incoming", limits=Limits(), clock=lambda: job.created)
    manifest = await intake.receive(job, Finished(outputs=(Output(image=RAW),)), no_fetch)
    with pytest.raises(StorageError) as caught:
        await intake.make(job, manifest)
    assert caught.value.fix
    assert await intake.pending(job.id) == manifest


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_is_not_writable(job: Job, intake: Intake, tmp_path: Path) -> None:
    (tmp_path / "incoming").mkdir(mode=0o500)
    with pytest.raises(StorageError) as caught:
        await intake.receive(job, Finished(outputs=(Output(image=RAW),)), no_fetch)
    assert "incoming" in caught.value.fix


async def test_a_refusal_by_the_system_is_a_clear_error(
    job: Job, intake: Intake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = await intake.receive(job, Finished(outputs=(Output(image=RAW),)), no_fetch)

    def refused(*_args: object, **_words: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refused)
        with pytest.raises(StorageError, match="Permission denied"):
            await intake.make(job, manifest)
        with pytest.raises(StorageError, match="Permission denied"):
            await intake.receive(replace(job, id="another"), Finished(outputs=(Output(image=RAW),)), no_fetch)


async def test_the_event_loop_stays_free_while_a_picture_is_made(
    job: Job, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop_thread_used: list[bool] = []
    real = metadata.embed
    import threading

    def watched(*args: Any) -> bytes:
        loop_thread_used.append(threading.current_thread() is threading.main_thread())
        return real(*args)

    monkeypatch.setattr(metadata, "embed", watched)
    manifest = await intake.receive(job, Finished(outputs=(Output(image=RAW),)), no_fetch)
    await asyncio.gather(intake.make(job, manifest), intake.make(job, manifest))
    assert loop_thread_used == [False, False]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
async def test_a_png_of_any_mode_is_kept_as_it_is(
    job: Job, intake: Intake, tmp_path: Path, encoded: Encode, mode: str
) -> None:
    words: dict[str, Any] = {"transparency": b"\0\x80\xff"} if mode == "P" else {}
    data = encoded("PNG", mode=mode, **words)
    [picture] = await intake.make(
        job, await intake.receive(job, Finished(outputs=(Output(data=data),)), no_fetch)
    )
    with Image.open(tmp_path / "pictures" / picture.file.path) as made, Image.open(BytesIO(data)) as sent:
        assert made.mode == sent.mode
        assert made.tobytes() == sent.tobytes()
        assert made.info.get("transparency") == sent.info.get("transparency")
        if mode == "I;16":
            grey = sent.tobytes()[1::2]
            wanted = bytes(value for value in grey for _ in range(3))
        else:
            sent.info.pop("transparency", None)
            wanted = sent.convert("RGB").tobytes()
    assert picture.file.pixels_sha256 == sha256(wanted).hexdigest()


@pytest.mark.parametrize(
    ("kind", "mode", "words"),
    [
        ("JPEG", "RGB", {}),
        ("JPEG", "L", {"progressive": True}),
        ("JPEG", "CMYK", {}),
        ("WEBP", "RGB", {"quality": 80}),
        ("WEBP", "RGBA", {"quality": 80}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("WEBP", "RGB", {"lossless": True}),
    ],
)
async def test_a_jpeg_or_webp_keeps_its_pixels(
    job: Job, intake: Intake, tmp_path: Path, encoded: Encode, kind: str, mode: str, words: dict[str, Any]
) -> None:
    data = encoded(kind, mode=mode, **words)
    [picture] = await intake.make(
        job, await intake.receive(job, Finished(outputs=(Output(data=data),)), no_fetch)
    )
    path = tmp_path / "pictures" / picture.file.path
    with Image.open(path) as made, Image.open(BytesIO(data)) as sent:
        assert (made.mode, made.format) == (sent.mode, kind)
        assert made.tobytes() == sent.tobytes()
        assert picture.file.pixels_sha256 == sha256(sent.convert("RGB").tobytes()).hexdigest()
    note = metadata.read(path)
    assert note is not None
    assert note.recipe == picture.recipe


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
async def test_an_animation_is_kept_and_its_first_frame_counts(
    job: Job, intake: Intake, tmp_path: Path, encoded: Encode, kind: str
) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue", "green")]
    file = BytesIO()
    frames[0].save(
        file, kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {})
    )
    [picture] = await intake.make(
        job, await intake.receive(job, Finished(outputs=(Output(data=file.getvalue()),)), no_fetch)
    )
    with Image.open(tmp_path / "pictures" / picture.file.path) as made:
        assert getattr(made, "n_frames", 1) == 3
        made.seek(2)
        assert made.convert("RGB").getpixel((3, 3)) == (0, 128, 0)
    assert picture.file.pixels_sha256 == sha256(b"\xff\0\0" * 200).hexdigest()
