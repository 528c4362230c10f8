"""InfoPanel and Rating: what made a picture, in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from silverprint.core.recipe import LoraUse, Source
from silverprint.ui.widgets.info_panel import InfoPanel, facts
from silverprint.ui.widgets.rating import Rating, stars
from tests.ui.conftest import screen_text
from tests.ui.hosts import WidgetHost
from tests.ui.samples import HOSTILE, NOON, picture, recipe


def test_everything_that_made_it_is_said(tmp_path: Path) -> None:
    one = picture(
        1,
        recipe=replace(
            picture(1).recipe,
            template="a {fox|owl}",
            negative_prompt="blur",
            sources=(Source(role="image", sha256="cd" * 32, name="sketch.png", strength=0.6),),
            loras=(LoraUse(name="film grain", weight=0.8),),
        ),
        tags=frozenset({"snow", "best"}),
        boards=frozenset({"cover"}),
        parent="job0-1",
        trashed=NOON,
        price_usd=0.014,
    )
    said = dict(facts(one, tmp_path / "pictures" / "x.png"))
    assert said["prompt"] == "a fox in fresh snow, low sun behind birches"
    assert said["from"] == "a {fox|owl}"
    assert said["not"] == "blur"
    assert said["model"] == "fake:fake"
    assert said["seed"] == "1"
    assert said["steps"] == "3"
    assert said["image"] == "sketch.png at 0.6"
    assert said["LoRA"] == "film grain 0.8"
    assert said["grade"] == "bit-exact here"
    assert said["engine"] == "fake 1.0 · cpu · model abababababab"
    assert said["made"] == "2026-11-22 10:01 · 1.9 s · $0.014"
    assert said["tags"] == "best, snow"
    assert said["boards"] == "cover"
    assert said["parent"] == "job0-1"
    assert said["trash"] == "since 2026-11-22 12:00"
    assert said["pixels"] == "64 x 64 · PNG · 23 kB"
    assert said["file"] == "~/pictures/x.png"
    assert said["id"] == one.id


def test_a_picture_with_nothing_to_tell_still_tells() -> None:
    said = dict(facts(picture(1, recipe=recipe(""), seed=None, seconds=None, price_usd=None)))
    assert said["prompt"] == "(none)"
    assert "seed" not in said
    assert said["made"] == "2026-11-22 10:01"


async def test_hostile_words_stay_words() -> None:
    panel = InfoPanel()
    app = WidgetHost(panel)
    async with app.run_test(size=(120, 60)) as pilot:
        hostile = recipe(HOSTILE, negative_prompt=HOSTILE, loras=(LoraUse(name=HOSTILE),))
        hostile = replace(hostile, params={HOSTILE: HOSTILE})
        panel.show(picture(1, recipe=hostile, tags=frozenset({HOSTILE})), None)
        await pilot.pause()
        shown = screen_text(app)
        assert "[bold red]" in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown


async def test_the_stars_follow_and_take_clicks() -> None:
    rating = Rating()
    app = WidgetHost(rating, Rating.Chosen)
    async with app.run_test(size=(20, 3)) as pilot:
        rating.value = 3
        rating.starred = True
        await pilot.pause()
        assert screen_text(app).strip() == "★★★·· ♥"
        await pilot.click(Rating, offset=(3, 0))
        await pilot.click(Rating, offset=(2, 0))  # the one that is set: off
        await pilot.click(Rating, offset=(7, 0))  # beside them
        assert [message.rating for message in app.heard] == [4, 0]


def test_stars_always_take_five_cells() -> None:
    assert [stars(number) for number in (-1, 0, 2, 5, 9)] == ["·····", "·····", "★★···", "★★★★★", "★★★★★"]
