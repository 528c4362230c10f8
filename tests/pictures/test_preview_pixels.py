"""A partial picture as pixels for a live preview: small, upright, opaque; damage is an error."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from silverprint.core.errors import PictureError
from silverprint.pictures.decode import Limits, preview


def test_a_large_picture_comes_small_and_opaque() -> None:
    file = BytesIO()
    Image.new("RGBA", (1600, 800), (200, 10, 10, 0)).save(file, "PNG")

    found = preview(file.getvalue(), Limits())

    assert found.size == (768, 384)
    assert found.mode == "RGB"
    assert set(found.data) == {255}


def test_a_damaged_picture_is_an_error() -> None:
    file = BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")

    with pytest.raises(PictureError):
        preview(file.getvalue()[:-20], Limits())
