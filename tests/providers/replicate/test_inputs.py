"""Input pictures: small ones inline, large ones uploaded once, masks in grey of the picture's size."""

from __future__ import annotations

import base64
import io
import os
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from silverprint.core.errors import BadRecipe, Unreachable
from silverprint.core.image import RawImage
from silverprint.core.recipe import ModelRef
from silverprint.providers.replicate.inputs import INLINE_MOST, grey_png
from tests.providers.replicate.conftest import SDXL, Make, encoded, finished, recipe, sha256, source
from tests.standins.server import StandIn

DEV = "black-forest-labs/flux-dev"
SEVERAL = "black-forest-labs/flux-2-pro"


def large() -> bytes:
    """A picture of more bytes than go inline."""
    data = encoded(Image.frombytes("RGB", (400, 300), os.urandom(360_000)))
    assert len(data) > INLINE_MOST
    return data


def inline(text: str) -> bytes:
    head, _, body = text.partition(",")
    assert head == "data:image/png;base64"
    return base64.b64decode(body)


def uploads(standin: StandIn) -> int:
    return sum(seen.path == "/v1/files" for seen in standin.seen)


async def test_a_small_picture_goes_inline(make: Make, standin: StandIn, png: bytes, digest: str) -> None:
    provider = make(pictures=(png,))
    await finished(provider, recipe(DEV, sources=(source("image", digest, 0.4),)))
    given = standin.state.last.input
    assert inline(given["image"]) == png
    assert given["prompt_strength"] == 0.4
    assert uploads(standin) == 0


@pytest.mark.parametrize("with_sdk", [True, False])
async def test_a_large_picture_is_uploaded_once(
    make: Make, standin: StandIn, with_sdk: bool, request: pytest.FixtureRequest
) -> None:
    if not with_sdk:
        request.getfixturevalue("no_sdk")
    data = large()
    wish = recipe(DEV, sources=(source("image", sha256(data)),))
    for _ in range(2):
        provider = make(pictures=(data,))  # the second time as after a restart
        await provider.submit(wish, job_id="job")
    ((kind, content),) = standin.state.files.values()
    assert kind == "image/png"
    assert content == data
    assert uploads(standin) == 1
    (name,) = standin.state.files
    assert standin.state.last.input["image"].endswith(f"/v1/files/{name}")


async def test_an_upload_that_grew_old_is_made_again(make: Make, standin: StandIn) -> None:
    data = large()
    now = datetime.now(UTC)
    for later in (timedelta(0), timedelta(hours=2)):
        provider = make(pictures=(data,), clock=lambda later=later: now + later)
        await provider.submit(recipe(DEV, sources=(source("image", sha256(data)),)), job_id="job")
    assert uploads(standin) == 2


async def test_an_upload_is_no_other_accounts(make: Make, standin: StandIn, tmp_path: object) -> None:
    data = large()
    wish = recipe(DEV, sources=(source("image", sha256(data)),))
    await make(pictures=(data,)).submit(wish, job_id="job")
    with pytest.raises(Exception, match="key"):
        await make(key="r8_somebody-else", pictures=(data,)).submit(wish, job_id="job")
    assert uploads(standin) == 2


async def test_an_upload_that_fails_leaves_nothing_in_doubt(
    make: Make, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = large()
    provider = make(pictures=(data,))
    await provider.form(ModelRef("replicate", DEV))
    monkeypatch.setattr("uuid.uuid4", lambda: (_ for _ in ()).throw(RuntimeError("no room")))
    with pytest.raises(Unreachable):
        await provider.submit(recipe(DEV, sources=(source("image", sha256(data)),)), job_id="job")
    assert standin.submits == 0


async def test_a_mask_is_grey_and_of_the_pictures_size(
    make: Make, standin: StandIn, png: bytes, digest: str
) -> None:
    mask = Image.new("RGB", (64, 48))
    mask.paste((255, 255, 255), (32, 0, 64, 48))
    data = encoded(mask)
    provider = make(pictures=(png, data))
    sources = (source("image", digest), source("mask", sha256(data)))
    await provider.submit(recipe(SDXL, sources=sources), job_id="job")
    given = Image.open(io.BytesIO(inline(standin.state.last.input["mask"])))
    assert given.mode == "L"
    assert given.size == (32, 24)
    assert given.getpixel((2, 12)) == 0
    assert given.getpixel((30, 12)) == 255  # white is repainted, here as with us


async def test_several_references_are_a_list(make: Make, standin: StandIn, png: bytes) -> None:
    other = encoded(Image.new("RGB", (20, 20), (1, 2, 3)))
    provider = make(pictures=(png, other))
    sources = (source("reference", sha256(other)), source("image", sha256(png)))
    await provider.submit(recipe(SEVERAL, sources=sources), job_id="job")
    assert [inline(link) for link in standin.state.last.input["input_images"]] == [png, other]


async def test_a_picture_that_is_not_there_is_told(make: Make, standin: StandIn) -> None:
    with pytest.raises(BadRecipe) as caught:
        await make().submit(recipe(DEV, sources=(source("image", "0" * 64),)), job_id="job")
    assert set(caught.value.fields) == {"image"}
    assert standin.submits == 0


def test_the_grey_png_is_one() -> None:
    image = RawImage(width=3, height=2, data=bytes((0, 50, 255, 9, 8, 7)), mode="L")
    read = Image.open(io.BytesIO(grey_png(image)))
    assert (read.size, read.mode, read.tobytes()) == ((3, 2), "L", image.data)
    with pytest.raises(ValueError, match="mode L"):
        grey_png(RawImage(width=1, height=1, data=b"abc"))
