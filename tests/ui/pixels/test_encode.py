"""Encoders: what the terminal is sent is the picture, pixel for pixel where the protocol can."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from silverprint.core.errors import PictureError
from silverprint.core.image import RawImage
from silverprint.ui.pixels.encode import Order, encode
from silverprint.ui.pixels.sixel import encode_sixel
from tests.ui.recording import read_sixel


def painting(width: int = 120, height: int = 80) -> Image.Image:
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.ellipse((width // 4, height // 4, width // 2, height // 2), fill=(240, 80, 40))
    draw.rectangle((width // 2, 0, width - 1, height // 5), fill=(20, 90, 200))
    return image


def raw(image: Image.Image) -> RawImage:
    return RawImage(width=image.width, height=image.height, data=image.tobytes())


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of a channel, 0 to 255."""
    assert one.size == other.size
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


def test_kitty_png_is_the_picture() -> None:
    image = painting(240, 160)
    made = encode(Order(source=raw(image), box=(24, 12), kind="kitty", cell=(10, 20)))
    assert (made.fitted.columns, made.fitted.rows, made.size) == (24, 8, (240, 160))
    sent = Image.open(io.BytesIO(made.png))
    assert sent.mode == "RGB"
    assert sent.tobytes() == image.tobytes()


def test_small_pictures_are_grown_smoothly_before_sending() -> None:
    made = encode(Order(source=raw(painting(12, 8)), box=(24, 8), kind="kitty", cell=(10, 20)))
    sent = Image.open(io.BytesIO(made.png)).convert("RGB")
    assert sent.size == (240, 160), "kitty would enlarge by doubling pixels"
    assert len(sent.getcolors(1 << 20) or ()) > 12 * 8


def test_on_a_slow_line_256_colours_save_bytes() -> None:
    image = Image.effect_noise((240, 160), 40).convert("RGB")
    image = Image.blend(image, painting(240, 160), 0.7)
    orders = [
        Order(source=raw(image), box=(24, 8), kind="kitty", cell=(10, 20), small=small)
        for small in (False, True)
    ]
    full, small = (encode(order).png for order in orders)
    assert len(small) < len(full) * 0.6
    assert difference(Image.open(io.BytesIO(small)).convert("RGB"), image) < 8


def test_half_blocks_are_the_picture_at_two_pixels_a_cell() -> None:
    image = painting(24, 16)
    made = encode(Order(source=raw(image), box=(24, 8), kind="half", cell=(10, 20)))
    assert made.halves == image.tobytes()
    assert not made.png


@pytest.mark.parametrize(("colours", "most"), [("256", 216), ("16", 16)])
def test_half_blocks_keep_to_the_palette(colours: str, most: int) -> None:
    order = Order(source=raw(painting()), box=(60, 20), kind="half", colours=colours)  # type: ignore[arg-type]
    halves = encode(order).halves
    seen = {halves[at : at + 3] for at in range(0, len(halves), 3)}
    assert 4 < len(seen) <= most


def test_sixel_is_the_picture_and_fills_its_cells() -> None:
    image = painting(90, 76)
    path_like = raw(image)
    made = encode(Order(source=path_like, box=(10, 4), kind="sixel", cell=(9, 19)))
    shown = read_sixel(made.sixel)
    assert shown.size == (90, 76)
    assert difference(shown, image) < 6


def test_sixel_keeps_margins_in_the_background(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    painting(160, 90).save(path)
    made = encode(Order(source=path, box=(24, 12), kind="sixel", cell=(10, 20), background=(19, 17, 16)))
    shown = read_sixel(made.sixel)
    assert shown.size == (240, 140)
    assert difference(shown.crop((0, 0, 240, 2)), Image.new("RGB", (240, 2), (19, 17, 16))) < 4


def test_sixel_defines_each_colour_before_the_first_pixel() -> None:
    code = encode_sixel(painting())
    assert code.rindex(";2;") < code.index("$")
    assert read_sixel(code).tobytes() == read_sixel(code, defining_selects=True).tobytes()
    assert difference(read_sixel(code), painting()) < 6


def test_a_preview_is_lighter_on_the_line(tmp_path: Path) -> None:
    image = painting(300, 300)
    path = tmp_path / "final.png"
    image.save(path)
    final, preview = (
        encode(Order(source=source, box=(60, 20), kind="sixel", cell=(10, 20))).sixel
        for source in (path, raw(image))
    )
    assert len(preview) < len(final) / 2


def test_files_of_every_kind(tmp_path: Path) -> None:
    image = painting()
    for name in ("a.png", "a.jpg", "a.webp", "a.gif", "a.tiff"):
        image.save(tmp_path / name)
        halves = encode(Order(source=tmp_path / name, box=(60, 20), kind="half")).halves
        assert difference(Image.frombytes("RGB", (60, 40), halves), image.resize((60, 40))) < 12, name


def test_deep_and_grey_and_see_through(tmp_path: Path) -> None:
    deep = tmp_path / "deep.png"
    Image.new("I;16", (8, 8), 128 * 257).save(deep)
    assert set(encode(Order(source=deep, box=(4, 2), kind="half")).halves) <= {127, 128, 129}
    grey = RawImage(width=8, height=8, data=bytes([50] * 64), mode="L")
    assert set(encode(Order(source=grey, box=(4, 2), kind="half")).halves) == {50}
    clear = tmp_path / "clear.png"
    Image.new("RGBA", (8, 8), (255, 255, 255, 0)).save(clear)
    made = encode(Order(source=clear, box=(4, 2), kind="half", background=(19, 17, 16)))
    assert made.halves[:3] == bytes([19, 17, 16])


def test_a_turned_photograph_stands_upright(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    painting(120, 60).save(path, exif=exif)
    made = encode(Order(source=path, box=(60, 20), kind="half"))
    assert made.size == (60, 120)
    assert made.fitted.columns < made.fitted.rows * 2


def test_none_reads_the_size_only(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    painting().save(path)
    made = encode(Order(source=path, box=(60, 20), kind="none"))
    assert (made.size, made.halves, made.png) == ((120, 80), b"", b"")


def test_bad_files_are_one_clear_error(tmp_path: Path) -> None:
    whole = tmp_path / "whole.png"
    painting().save(whole)
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole.read_bytes()[:400])
    text = tmp_path / "text.png"
    text.write_text("no picture")
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    for path in (cut, text, empty, tmp_path / "missing.png", tmp_path):
        with pytest.raises(PictureError) as caught:
            encode(Order(source=path, box=(10, 5), kind="half"))
        assert str(caught.value).endswith(".")


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(path)
    with pytest.raises(PictureError, match="too large"):
        encode(Order(source=path, box=(10, 5), kind="half"))


def test_the_encoder_asks_the_terminal_nothing() -> None:
    """On a terminal that never answers: no wait, no byte written, and none of the parts that ask are loaded."""
    import os
    import pty

    master, slave = pty.openpty()
    code = (
        "import sys; from PIL import Image; from silverprint.ui.pixels.sixel import encode_sixel;"
        "code = encode_sixel(Image.new('RGB', (12, 12), 'red'));"
        "bad = {'textual_image._terminal', 'textual_image.renderable', 'textual_image.widget'} & set(sys.modules);"
        "sys.exit(1 if bad or 'q' not in code else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=subprocess.PIPE)
    os.set_blocking(master, False)
    try:
        said = os.read(master, 1000)
    except BlockingIOError:
        said = b""
    os.close(slave)
    os.close(master)
    assert (done.returncode, said) == (0, b""), done.stderr
