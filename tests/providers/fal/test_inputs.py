"""Input pictures: small ones inside the request, large ones on fal's CDN, which must never see the key."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from silverprint.core.errors import BadRecipe, KeyMissing, KeyRefused, Unreachable
from silverprint.core.recipe import LoraUse, Source
from silverprint.providers.fal import uploads
from tests.providers.fal.work import Make, Service, developed, noise, recipe_for, source

SMALL = noise()
LARGE = noise(400, 300)
I2I = "fal-ai/flux/dev/image-to-image"


async def test_a_small_input_goes_inside_the_request(fal: Service, make: Make) -> None:
    provider = make(pictures=(SMALL,))
    recipe = recipe_for(I2I, sources=(Source(role="image", sha256=source(SMALL).sha256, strength=0.5),))
    await developed(provider, recipe)
    (sent,) = fal.asked("/queue/", "POST")
    head, _, body = sent.json["image_url"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(body) == SMALL
    assert sent.json["strength"] == 0.5
    assert fal.asked("/rest/") == []


async def test_a_large_input_is_uploaded_once_without_the_key(fal: Service, make: Make) -> None:
    assert len(LARGE) > uploads.INLINE_MOST
    provider = make(pictures=(LARGE,), settings={"keep_s": 3600})
    for _ in range(2):
        await developed(provider, recipe_for(I2I, sources=(source(LARGE),)))
    (token,) = fal.asked("/rest/storage/auth/token")
    assert token.query == "storage_type=fal-cdn-v3"
    (upload,) = fal.asked("/cdn/files/upload")
    assert upload.body == LARGE
    assert upload.headers["host"].startswith("localhost")
    assert upload.headers["content-type"] == "image/png"
    assert upload.headers["authorization"].startswith("Bearer cdn-")
    assert upload.headers["x-fal-object-lifecycle"] == '{"expiration_duration_seconds": 3600}'
    links = [seen.json["image_url"] for seen in fal.asked("/queue/", "POST")]
    assert links[0] == links[1]
    assert links[0].startswith(f"{fal.url.replace('127.0.0.1', 'localhost')}/cdn/files/b/")


async def test_where_the_cdn_fails_the_storage_takes_it_without_the_key(fal: Service, make: Make) -> None:
    fal.state.cdn_down = True
    provider = make(pictures=(LARGE,))
    await developed(provider, recipe_for(I2I, sources=(source(LARGE),)))
    (initiated,) = fal.asked("/rest/storage/upload/initiate")
    assert initiated.json["content_type"] == "image/png"
    (put,) = fal.asked("/gcs/", "PUT")
    assert put.body == LARGE
    assert "authorization" not in put.headers


async def test_an_upload_address_inside_a_private_network_is_refused(fal: Service, make: Make) -> None:
    fal.state.cdn_down, fal.state.upload_to = True, "http://10.0.0.7/x"
    with pytest.raises(Unreachable, match="private network"):
        await make(pictures=(LARGE,)).submit(recipe_for(I2I, sources=(source(LARGE),)), job_id="0job")
    assert fal.standin.submits == 0


async def test_a_token_for_another_cdn_stays_at_the_configured_one(fal: Service, make: Make) -> None:
    fal.state.cdn_base = "https://cdn.example"
    await developed(make(pictures=(LARGE,)), recipe_for(I2I, sources=(source(LARGE),)))
    assert len(fal.asked("/cdn/files/upload")) == 1


async def test_without_the_right_key_nothing_is_uploaded(fal: Service, make: Make) -> None:
    recipe = recipe_for(I2I, sources=(source(LARGE),))
    with pytest.raises(KeyMissing):
        await make(key=None, pictures=(LARGE,)).submit(recipe, job_id="0job")
    with pytest.raises(KeyRefused):
        await make(key="other:wrong-key-value", pictures=(LARGE,)).submit(recipe, job_id="0job")
    assert fal.asked("/cdn/") == []
    assert fal.standin.submits == 0


async def test_an_input_that_is_not_there_any_more_is_named(fal: Service, make: Make) -> None:
    with pytest.raises(BadRecipe) as caught:
        await make().submit(recipe_for(I2I, sources=(source(SMALL),)), job_id="0job")
    assert "image" in caught.value.fields


async def test_an_input_too_large_for_one_upload_is_named(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "UPLOAD_MOST", len(LARGE) - 1)
    with pytest.raises(BadRecipe, match="larger than"):
        await make(pictures=(LARGE,)).submit(recipe_for(I2I, sources=(source(LARGE),)), job_id="0job")


async def test_mask_loras_and_a_list_of_pictures_have_their_places(fal: Service, make: Make) -> None:
    mask, other = noise(seed=2), noise(seed=3)
    provider = make(pictures=(SMALL, mask, other))
    lora = LoraUse(name="https://huggingface.co/ada/fog/resolve/main/fog.safetensors", weight=0.8)
    await developed(
        provider,
        recipe_for(
            "fal-ai/flux-lora/inpainting", sources=(source(SMALL), source(mask, "mask")), loras=(lora,)
        ),
    )
    await developed(
        provider,
        recipe_for("fal-ai/nano-banana-2/edit", sources=(source(SMALL), source(other, "reference"))),
    )
    inpainted, edited = (seen.json for seen in fal.asked("/queue/", "POST"))
    assert inpainted["loras"] == [{"path": lora.name, "scale": 0.8}]
    assert _data(inpainted["mask_url"]) == mask
    assert _data(inpainted["image_url"]) == SMALL
    assert [_data(link) for link in edited["image_urls"]] == [SMALL, other]


async def test_the_key_and_the_token_are_in_no_log_and_no_file(
    fal: Service, make: Make, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    fal.state.cdn_down = True
    with caplog.at_level("DEBUG", logger="silverprint"):
        await developed(make(pictures=(LARGE,)), recipe_for(I2I, sources=(source(LARGE),)))
    kept = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file())
    for secret in (*fal.standin.key.split(":"), *fal.state.tokens):
        assert secret not in caplog.text
        assert secret.encode() not in kept
    assert kept


def _data(link: Any) -> bytes:
    return base64.b64decode(str(link).partition(",")[2])
