"""SearchLine: posts when typing rests, and marks a mistake at its place."""

from __future__ import annotations

from rich.cells import cell_len

from silverprint.core.errors import UsageError
from silverprint.ui.widgets.search_line import SearchLine
from tests.ui.conftest import screen_text
from tests.ui.hosts import WidgetHost, until


def changes(app: WidgetHost) -> list[str]:
    return [message.text for message in app.heard if isinstance(message, SearchLine.Changed)]


async def test_typing_is_posted_once_when_it_rests() -> None:
    app = WidgetHost(SearchLine(rest_s=0.05), SearchLine.Changed)
    async with app.run_test() as pilot:
        app.query_one(SearchLine).focus_input()
        await pilot.press(*"fox")
        await until(pilot, lambda: bool(changes(app)))
        assert changes(app)[-1] == "fox"
        assert len(changes(app)) <= 3


async def test_nothing_is_posted_before_it_rests() -> None:
    app = WidgetHost(SearchLine(rest_s=60), SearchLine.Changed, SearchLine.Left)
    async with app.run_test() as pilot:
        app.query_one(SearchLine).focus_input()
        await pilot.press(*"fox")
        assert app.heard == []
        await pilot.press("enter")  # enter does not wait
        assert changes(app) == ["fox"]
        assert isinstance(app.heard[-1], SearchLine.Left)


async def test_escape_hands_the_keys_on_and_keeps_the_text() -> None:
    app = WidgetHost(SearchLine(rest_s=60), SearchLine.Changed, SearchLine.Left)
    async with app.run_test() as pilot:
        line = app.query_one(SearchLine)
        line.focus_input()
        await pilot.press(*"fox", "escape")
        assert [type(message) for message in app.heard] == [SearchLine.Changed, SearchLine.Left]
        assert line.text == "fox"


async def test_the_mistake_is_marked_under_its_place() -> None:
    app = WidgetHost(SearchLine(rest_s=60))
    async with app.run_test(size=(80, 10)) as pilot:
        line = app.query_one(SearchLine)
        line.text = "fog rating:many"
        line.mistake = UsageError("rating: takes a number", at=(11, 15))
        await pilot.pause()
        typed, under = screen_text(app).splitlines()[:2]
        assert under.index("^^^^") == typed.index("many")
        assert "rating: takes a number" in under
        line.mistake = None
        line.found = "3 pictures found"
        await pilot.pause()
        assert screen_text(app).splitlines()[1].strip() == "3 pictures found"


async def test_the_mark_follows_a_scrolled_line_and_wide_letters() -> None:
    app = WidgetHost(SearchLine(rest_s=60))
    async with app.run_test(size=(60, 10)) as pilot:
        line = app.query_one(SearchLine)
        line.focus_input()
        text = "日本の家 " * 12 + "seed:x" + " fog" * 5
        place = text.index("x")
        line.text = text
        await pilot.press("home", "end")
        await pilot.pause()
        line.mistake = UsageError("no number", at=(place, place + 1))
        await pilot.pause()
        typed, under = screen_text(app).splitlines()[:2]
        assert _cells_before(under, "^") == _cells_before(typed, "x")


def _cells_before(line: str, sign: str) -> int:
    return cell_len(line[: line.rindex(sign)])


async def test_outside_words_are_no_markup() -> None:
    app = WidgetHost(SearchLine(rest_s=60))
    async with app.run_test(size=(80, 10)) as pilot:
        line = app.query_one(SearchLine)
        line.found = "[bold]3[/bold] \x1b[31m"
        await pilot.pause()
        assert "[bold]3[/bold] \ufffd[31m" in screen_text(app)
